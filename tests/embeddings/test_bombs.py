"""Small files that unpack to a great deal stop at the budget, before anything is unpacked where the format allows."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import zarr

from specaudit.embeddings import files, open_embeddings
from specaudit.embeddings.ipc_sizes import batch_sizes
from specaudit.errors import BudgetError, InputError

ZEROS = np.zeros((200_000, 4), np.float32)
LISTS = pa.FixedSizeListArray.from_arrays(pa.array(ZEROS.ravel()), 4)


def archive(path: str) -> None:
    np.savez_compressed(path, emb=ZEROS)


def table(path: str, *, columns: bool = False) -> pa.Table:
    names = [f"x{k}" for k in range(4)]
    return pa.table(list(ZEROS.T.copy()), names=names) if columns else pa.table({"embedding": LISTS})


def feather(path: str) -> None:
    with pa.OSFile(path, "wb") as sink:
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        with pa.ipc.new_file(sink, table(path).schema, options=options) as writer:
            writer.write_table(table(path))


def stream(path: str) -> None:
    with pa.OSFile(path, "wb") as sink:
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        with pa.ipc.new_stream(sink, table(path).schema, options=options) as writer:
            writer.write_table(table(path))


def parquet(path: str) -> None:
    pa.parquet.write_table(table(path), path, compression="zstd", use_dictionary=False)


def repeated(path: str) -> None:
    pa.parquet.write_table(table(path, columns=True), path, compression="none")


def chunked(path: str) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("emb", data=ZEROS, chunks=(100_000, 4), compression="gzip", compression_opts=9)


def store(path: str) -> None:
    array = zarr.create_array(path, shape=ZEROS.shape, chunks=(100_000, 4), dtype="float32", fill_value=1.0)
    array[:] = ZEROS


BOMBS: dict[str, tuple[Callable[[str], None], dict[str, Any]]] = {
    "a.npz": (archive, {}),
    "a.arrow": (stream, {}),
    "a.feather": (feather, {}),
    "lists.parquet": (parquet, {}),
    "columns.parquet": (repeated, {"column": "x"}),
    "a.h5": (chunked, {}),
    "a.zarr": (store, {}),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_stops_at_the_budget(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    write, options = BOMBS[name]
    write(name)
    with open_embeddings(name, **options) as found:  # as large as is always allowed, it is read
        assert not next(found.blocks()).values.any()
    monkeypatch.setattr(files, "ALWAYS_ALLOWED", 1000)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"unpacks to more than [0-9,]+ bytes, and more than 100 times its size"):
            open_embeddings(name, **options)
        assert tracemalloc.get_traced_memory()[1] < ZEROS.nbytes
    finally:
        tracemalloc.stop()


def test_a_packed_header_without_end_is_not_read(folder: Path) -> None:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("emb.npy", b"\x93NUMPY\x02\x00" + struct.pack("<I", 1 << 28) + b" " * (1 << 24))
    Path("a.npz").write_bytes(sink.getvalue())
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"not a readable \.npy file: a header of 268,435,456 bytes"):
            open_embeddings("a.npz")
        assert tracemalloc.get_traced_memory()[1] < 1 << 22
    finally:
        tracemalloc.stop()


def written(options: pa.ipc.IpcWriteOptions, *, file: bool) -> tuple[bytes, list[pa.RecordBatch]]:
    values = pa.table(
        {"embedding": LISTS.slice(0, 3000), "id": pa.array([f"n{k % 7}" for k in range(3000)]).dictionary_encode()}
    )
    sink = pa.BufferOutputStream()
    with (pa.ipc.new_file if file else pa.ipc.new_stream)(sink, values.schema, options=options) as writer:
        writer.write_table(values, 1000)
    return sink.getvalue().to_pybytes(), values.to_batches(1000)


@pytest.mark.parametrize("file", [False, True])
@pytest.mark.parametrize("codec", ["lz4", "zstd", None])
def test_the_sizes_of_batches_are_those_that_arrow_unpacks(codec: str | None, file: bool) -> None:
    data, batches = written(pa.ipc.IpcWriteOptions(compression=codec), file=file)
    sizes = list(batch_sizes(io.BufferedReader(io.BytesIO(data)), 8 if file else 0))  # type: ignore[arg-type]
    assert len(sizes) == 1 + len(batches)  # a dictionary comes first
    assert sum(size.stored for size in sizes) < len(data)
    for size, batch in zip(sizes[1:], batches, strict=True):
        plain = batch.num_rows * (4 * 4 + 4)  # four numbers and the index of a name
        assert size.unpacked == (0 if codec is None else plain)
        assert size.stored >= (plain if codec is None else 0)


@pytest.mark.parametrize("name", ["a.feather", "a.h5", "a.zarr"])
def test_what_is_decoded_together_fits_a_quarter_of_the_memory(folder: Path, name: str) -> None:
    BOMBS[name][0](name)
    with pytest.raises(BudgetError, match=f"{name}: [0-9,]+ bytes of it are decoded together") as caught:
        open_embeddings(name, max_memory=4 << 20)
    enough = int(caught.value.next_step.partition("to ")[2].partition("M")[0])
    open_embeddings(name, max_memory=enough << 20).close()
