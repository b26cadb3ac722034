"""Small sound files of every kind that the program reads; cases are made by damaging them."""

from __future__ import annotations

import gzip
import io
import json
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import zarr
from safetensors.numpy import save as save_tensors

Files = Mapping[str, bytes]
Kind = Literal["embeddings", "ids", "rows", "weights", "groups", "list", "log", "document", "settings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """Files of one kind.

    Attributes
    ----------
    kind
        What reads them.
    source
        The name that is opened.
    files
        Name to content.
    options
        Of the reader.
    """

    kind: Kind
    source: str
    files: Files
    options: Mapping[str, Any] = field(default_factory=dict)


ROWS = 6
SINGLE = np.random.default_rng(0).standard_normal((ROWS, 3)).astype("<f4")
NAMES = [f"r{k}" for k in range(ROWS)]


def one(source: str, content: bytes, **options: Any) -> Seed:
    """Return a seed of one file of embeddings."""
    return Seed(kind="embeddings", source=source, files={source.partition("::")[0]: content}, options=options)


def npy(values: Any) -> bytes:
    """Return an array as a .npy file."""
    stream = io.BytesIO()
    np.save(stream, values, allow_pickle=False)
    return stream.getvalue()


def npz(compress: bool) -> bytes:
    """Return an archive of a matrix and a vector."""
    stream = io.BytesIO()
    (np.savez_compressed if compress else np.savez)(stream, emb=SINGLE, n=np.arange(3))
    return stream.getvalue()


def lines(*values: Any) -> bytes:
    """Return JSON lines."""
    return "".join(f"{json.dumps(value)}\n" for value in values).encode()


def safetensors(values: np.ndarray[Any, Any], dtype: str) -> bytes:
    """Return a file of one tensor."""
    said = {"emb": {"dtype": dtype, "shape": list(values.shape), "data_offsets": [0, values.nbytes]}}
    header = json.dumps(said).encode()
    return len(header).to_bytes(8, "little") + header + values.tobytes()


def arrow(write: Callable[..., None], *, numbers: bool = False, fixed: bool = False, **options: Any) -> bytes:
    """Return a table with ids and lists, which may have a fixed size, or columns of numbers."""
    sink = pa.BufferOutputStream()
    lists = pa.FixedSizeListArray.from_arrays(SINGLE.ravel(), 3) if fixed else SINGLE.tolist()
    columns = {f"x{k}": SINGLE[:, k] for k in range(3)} if numbers else {"embedding": lists}
    write(pa.table({"id": NAMES, **columns}), sink, **options)
    return bytes(sink.getvalue().to_pybytes())


def stream(table: pa.Table, sink: Any) -> None:
    """Write an Arrow stream."""
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, 4)


def hdf5(**options: Any) -> bytes:
    """Return a file of one data set."""
    sink = io.BytesIO()
    with h5py.File(sink, "w", libver="latest") as file:
        file.create_dataset("emb", data=SINGLE, **options)
    return sink.getvalue()


def typed_hdf5(fields: tuple[int, ...] | None) -> bytes:
    """Return a data set of a type that numpy lacks: floats of these fields, or whole numbers of 12 bits."""
    sink = io.BytesIO()
    with h5py.File(sink, "w") as file:
        kind = h5py.h5t.STD_I32LE.copy() if fields is None else h5py.h5t.IEEE_F32LE.copy()
        if fields is None:
            kind.set_precision(12)
            kind.set_offset(8)
        else:
            kind.set_fields(*fields)
            kind.set_precision(fields[0] + 1)
            kind.set_size((fields[0] + 1) // 8)
        values = SINGLE if fields else (SINGLE * 100).astype("<i4")
        data = h5py.h5d.create(file.id, b"emb", kind, h5py.h5s.create_simple(values.shape))
        data.write(h5py.h5s.ALL, h5py.h5s.ALL, values)
        file["bias"] = np.ones(99)
    return sink.getvalue()


def whole_and_not(write: Callable[..., None], **options: Any) -> bytes:
    """Return a table of columns of different types."""
    sink = pa.BufferOutputStream()
    whole = np.arange(ROWS) * 10**14
    write(pa.table({"x0": whole, "x1": SINGLE[:, 0], "x2": whole.astype("u8") + 1}), sink, **options)
    return bytes(sink.getvalue().to_pybytes())


def directory(source: str, write: Callable[[Path], None]) -> Seed:
    """Return a seed of a directory that is written by a library."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, source)
        write(root)
        files = {str(path.relative_to(folder)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    return Seed(kind="embeddings", source=source, files=files)


def stored_zarr(version: Any, **options: Any) -> Seed:
    """Return a zarr store."""

    def write(root: Path) -> None:
        given = {"chunks": (4, 3), "dtype": "float32", "zarr_format": version, **options}
        array = zarr.create_array(str(root), shape=SINGLE.shape, **given)
        array[:] = SINGLE

    return directory("a.zarr", write)


def saved_dataset(root: Path) -> None:
    """Write a directory as the library of Hugging Face saves one."""
    root.mkdir()
    (root / "data-00000-of-00001.arrow").write_bytes(arrow(stream))
    (root / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}))
    (root / "dataset_info.json").write_text("{}")


def saved_splits(root: Path) -> None:
    """Write a directory of one split."""
    root.mkdir()
    saved_dataset(root / "train")
    (root / "dataset_dict.json").write_text('{"splits": ["train"]}')


def side(kind: Kind, source: str, content: bytes) -> Seed:
    """Return a seed of a file that says something of rows."""
    return Seed(kind=kind, source=source, files={source: content})


CSV = "id,x,y,z\n" + "".join(
    f"{n},{','.join(map(repr, row))}\n" for n, row in zip(NAMES, SINGLE.tolist(), strict=True)
)
PLAIN = "".join(",".join(map(repr, row)) + "\n" for row in SINGLE.tolist())
TSV = CSV.replace(",", "\t")
QUOTED = 'id,"x",y\n"a,b",1,2\nb,"3",4\n"c""d",5,6e-3\n'
JSONL = lines(*({"id": n, "embedding": row} for n, row in zip(NAMES, SINGLE.tolist(), strict=True)))
BARE = lines(*SINGLE.tolist())
VECS = b"".join(np.int32(3).tobytes() + row.tobytes() for row in SINGLE)
BVECS = b"".join(np.int32(3).tobytes() + bytes([k, 7, 200]) for k in range(ROWS))
BIN = np.array(SINGLE.shape, "<u4").tobytes()
RAW: dict[str, Any] = {"dtype": "f4", "shape": (-1, 3)}


MANY = np.random.default_rng(1).integers(-(2**53), 2**53, (150, 4))
"""More rows than tell of a table which columns are text, than a row group and than a block."""


BEYOND = MANY * 512 + 1
"""The same of numbers that float64 would round."""


def many(write: Callable[..., None], **options: Any) -> bytes:
    """Return a table of many rows of whole numbers and their ids."""
    sink = pa.BufferOutputStream()
    ids = [f"n{k}" for k in range(len(MANY))]
    write(pa.table({"id": ids, "embedding": BEYOND.tolist()}), sink, **options)
    return bytes(sink.getvalue().to_pybytes())


def many_lines() -> bytes:
    """Return the same as a CSV with a column of text."""
    rows = (f"n{k},{','.join(map(str, row))},t{k}\n" for k, row in enumerate(MANY.tolist()))
    return f"id,w,x,y,z,note\n{''.join(rows)}".encode()


def archived(**members: bytes) -> bytes:
    """Return a zip archive of stored members."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return sink.getvalue()


@cache
def loaders() -> dict[str, tuple[Seed, ...]]:
    """Return the seeds of every loader, by format."""
    return {
        "npy": (
            one("a.npy", npy(SINGLE)),
            one("a.npy", npy(np.asfortranarray(SINGLE.astype("f8")))),
            one("a.npy", npy(SINGLE.astype(">f4"))),
            one("a.npy", npy(np.arange(12, dtype="i8").reshape(4, 3))),
        ),
        "larger": (
            one("a.npy", npy(BEYOND)),
            one("a.npy", npy(np.asfortranarray(BEYOND))),
            one("a.csv", many_lines()),
            one("a.parquet", many(pa.parquet.write_table, row_group_size=40, data_page_size=64)),
            one("a.arrow", many(stream)),
        ),
        "npz": (one("a.npz", npz(True)), one("a.npz", npz(False)), one("a.npz::emb", npz(True))),
        "raw": (one("a.bin", SINGLE.tobytes(), **RAW), one("a.f32", SINGLE.tobytes(), dtype=">f4", shape=(6, 3))),
        "fvecs": (one("a.fvecs", VECS), one("a.bvecs", BVECS)),
        "fbin": (
            one("a.fbin", BIN + SINGLE.tobytes()),
            one("a.u8bin", BIN + bytes(range(18))),
            one("a.i8bin", BIN + bytes(range(120, 138))),
        ),
        "csv": (
            one("a.csv", CSV.encode()),
            one("a.csv", PLAIN.encode()),
            one("a.tsv", TSV.encode()),
            one("a.csv", QUOTED.encode()),
        ),
        "jsonl": (one("a.jsonl", JSONL), one("a.ndjson", BARE)),
        "parquet": (
            one("a.parquet", arrow(pa.parquet.write_table, row_group_size=4)),
            one("a.parquet", arrow(pa.parquet.write_table, numbers=True, write_page_checksum=True), column="x"),
        ),
        "parquet pages": (
            one("a.parquet", arrow(pa.parquet.write_table, data_page_version="2.0", compression="zstd")),
            one(
                "a.parquet",
                arrow(pa.parquet.write_table, numbers=True, data_page_version="2.0", use_dictionary=False),
                column="x",
            ),
            one(
                "a.parquet", arrow(pa.parquet.write_table, data_page_size=8, write_batch_size=2, use_dictionary=False)
            ),
            one("a.parquet", arrow(pa.parquet.write_table, fixed=True, compression="none")),
            one("a.parquet", arrow(pa.parquet.write_table, fixed=True, compression="gzip", use_dictionary=False)),
        ),
        "arrow": (
            one("a.arrow", arrow(pa.feather.write_feather, compression="uncompressed", chunksize=4)),
            one("a.arrow", arrow(stream)),
            one("a.feather", arrow(pa.feather.write_feather, compression="lz4")),
            one("a.feather", arrow(pa.feather.write_feather, compression="zstd", numbers=True), column="x"),
        ),
        "huggingface": (directory("saved", saved_dataset), directory("saved", saved_splits)),
        "columns of types": (
            one("a.parquet", whole_and_not(pa.parquet.write_table), column="x"),
            one("a.arrow", whole_and_not(pa.feather.write_feather, compression="uncompressed"), column="x"),
        ),
        "safetensors": (
            one("a.safetensors", safetensors(SINGLE, "F32")),
            one("a.safetensors", safetensors(SINGLE.view("<u2"), "BF16")),
            one("a.safetensors", save_tensors({"emb": SINGLE, "bias": SINGLE[0], "hollow": SINGLE[:0, 0]})),
        ),
        "hdf5": (
            one("a.h5", hdf5()),
            one("a.h5", hdf5(chunks=(4, 3), compression="gzip", fletcher32=True)),
            one("a.h5", hdf5(chunks=(2, 2))),
        ),
        "hdf5 types": (
            one("a.h5::emb", typed_hdf5((15, 7, 8, 0, 7))),
            one("a.h5::emb", typed_hdf5((23, 15, 8, 0, 15))),
            one("a.h5::emb", typed_hdf5(None)),
        ),
        "zarr": (stored_zarr(2), stored_zarr(3)),
        "zarr shards": (
            stored_zarr(3, chunks=(2, 3), shards=(4, 3)),
            stored_zarr(3, chunks=(2, 1), shards=(4, 3), compressors=None),
        ),
        "gzip": (
            one("a.npy.gz", gzip.compress(npy(SINGLE), mtime=0)),
            one("a.csv.gz", gzip.compress(CSV.encode(), mtime=0)),
            one("a.jsonl.gz", gzip.compress(JSONL, mtime=0)),
            one("a.fbin.gz", gzip.compress(BIN + SINGLE.tobytes(), mtime=0)),
        ),
        "list": (
            Seed(
                kind="embeddings",
                source="@a.txt",
                files={"a.txt": b"p1.npy\np2.npy\n", "p1.npy": npy(SINGLE[:3]), "p2.npy": npy(SINGLE[3:])},
            ),
        ),
        "ids": (
            side("ids", "ids.txt", "\n".join(NAMES).encode()),
            side("ids", "ids.npy", npy(np.array(NAMES))),
            side("ids", "ids.csv", ("id\n" + "\n".join(NAMES)).encode()),
            side("ids", "ids.jsonl", lines(*({"id": name} for name in NAMES))),
        ),
        "rows": (
            side("rows", "kept.txt", b"0\n2\n5\n"),
            side("rows", "kept.csv", b"row,id\n0,r0\n4,r4\n"),
            side("rows", "kept.jsonl", lines({"id": "r1"}, {"id": "r5"})),
            side("rows", "kept.npy", npy(np.array([0, 3, 5]))),
            side("rows", "kept.npy", npy(np.array([True, False] * 3))),
        ),
        "weights": (
            side("weights", "w.csv", b"row,weight\n0,1\n1,0\n2,0.5\n3,1e3\n4,1\n5,2\n"),
            side("weights", "w.npy", npy(np.linspace(0.5, 1, ROWS))),
            side("weights", "w.jsonl", lines(*({"row": k, "weight": 1.5} for k in range(ROWS)))),
        ),
        "groups": (
            side("groups", "g.txt", b"a\nb\na\nb\na\nb\n"),
            side("groups", "g.csv", b"id,group\n" + b"".join(b"r%d,g%d\n" % (k, k % 2) for k in range(ROWS))),
            side("groups", "g.npy", npy(np.array(["a", "b"] * 3))),
        ),
        "log": (
            side("log", "log.npy", npy(np.linspace(-1, 1, 24).reshape(4, ROWS))),
            Seed(
                kind="log",
                source="log",
                files={f"log/step_{k}.npy": npy(SINGLE / (k + 1)) for k in (0, 2, 10)},
            ),
        ),
        "settings": (
            side(
                "settings",
                "specaudit.toml",
                b'kernel = ["laplace"]\nseed = 3\nmax-rows = 99\n[margins]\ncapacity = 0.1\n',
            ),
        ),
    }
