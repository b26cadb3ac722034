"""What other readers find in the same files: numpy, csv, json, pyarrow, h5py, zarr, safetensors."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import zarr
from fuzz_seeds import SINGLE
from safetensors.numpy import load as load_tensors

Rows = np.ndarray[Any, Any]


def matrix(values: Any) -> Rows:
    """Return a matrix, or raise."""
    array = np.asarray(values)
    if array.ndim != 2 or array.dtype.kind not in "fiub":
        raise ValueError(f"{array.ndim}-D of {array.dtype}")
    return array


def of_npy(data: bytes) -> Rows:
    """Return the array of a .npy file without anything behind it."""
    stream = io.BytesIO(data)
    values = np.load(stream, allow_pickle=False)
    if stream.read(1):
        raise ValueError("trailing bytes")
    return np.asarray(values)


def of_npz(data: bytes, member: str | None) -> Rows:
    """Return the member that is meant."""
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        found = {name: archive[name] for name in archive.files} if member is None else {member: archive[member]}
    flat = [values for values in found.values() if values.ndim == 2] if len(found) > 1 else list(found.values())
    (only,) = flat
    return matrix(only)


def of_vecs(data: bytes, dtype: str) -> Rows:
    """Return rows that each have their length before them."""
    rows, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "little", signed=True)
        row = np.frombuffer(data, dtype, size, at + 4)
        rows.append(row)
        at += 4 + row.nbytes
    return matrix(np.array(rows))


def of_bin(data: bytes, dtype: str) -> Rows:
    """Return the rows behind two whole numbers."""
    rows, columns = np.frombuffer(data, "<u4", 2).tolist()
    return np.frombuffer(data[8:], dtype).reshape(rows, columns)


def of_table(data: bytes, delimiter: str) -> list[Rows]:
    """Return what may be meant: all cells, with and without a first row, as numbers or nan for text."""
    text = data.decode("utf-8-sig").rstrip()
    records = [
        cells for cells in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True) if cells
    ]

    def number(cell: str) -> float | None:
        try:
            return float(cell)
        except ValueError:
            return None

    return [np.array([[number(cell) for cell in cells] for cells in part], object) for part in (records, records[1:])]


def agrees_with_table(rows: Rows, tables: list[Rows]) -> bool:
    """Return whether the columns of the rows are columns of a table, in its order."""
    for table in tables:
        if table.ndim != 2 or len(table) != len(rows):
            continue
        at = iter(range(table.shape[1]))
        if all(any(same(column, table[:, k]) for k in at) for column in rows.T):
            return True
    return False


def same(column: Rows, cells: Rows) -> bool:
    """Return whether the cells of a table are these numbers."""
    return all(
        cell is not None and equal(np.float64(value), np.float64(cell))
        for value, cell in zip(column, cells, strict=True)
    )


def of_lines(data: bytes) -> Rows:
    """Return the lists of JSON lines."""
    rows = [json.loads(line) for line in data.decode("utf-8-sig").split("\n") if line.strip()]
    names = ("embedding", "embeddings", "vector")
    if isinstance(rows[0], dict):
        name = next(name for name in names if name in rows[0])
        rows = [row[name] for row in rows]
    if not all(type(item) in (int, float) for row in rows for item in row):
        raise ValueError("no numbers")
    return matrix(np.array(rows, np.float64))


def of_arrow(table: pa.Table, column: str | None) -> Rows:
    """Return the lists, or the columns of numbers."""
    if column is not None:
        names = [name for name in table.column_names if name.startswith(column)]
        return matrix(np.array([table[name].to_pylist() for name in names], np.float64).T)
    name = next(name for name in ("embedding", "embeddings", "vector") if name in table.column_names)
    return matrix(np.array(table[name].to_pylist(), np.float64))


def read_arrow(data: bytes) -> pa.Table:
    """Return the table of an Arrow file or stream."""
    opened = pa.ipc.open_file if data[:6] == b"ARROW1" else pa.ipc.open_stream
    with opened(pa.BufferReader(data)) as reader:
        table = reader.read_all()
    table.validate(full=True)
    return table


def of_tensors(data: bytes) -> Rows:
    """Return the only matrix of a .safetensors file."""
    size = int.from_bytes(data[:8], "little")
    header = {name: said for name, said in json.loads(data[8 : 8 + size]).items() if name != "__metadata__"}
    flat = [name for name, said in header.items() if len(said["shape"]) == 2] if len(header) > 1 else list(header)
    (name,) = flat
    if header[name]["dtype"] == "BF16":
        low, high = header[name]["data_offsets"]
        halves = np.frombuffer(data[8 + size + low : 8 + size + high], "<u2").astype("<u4")
        return (halves << 16).view("<f4").reshape(header[name]["shape"])
    return matrix(load_tensors(data)[name])


def of_hdf5(data: bytes, member: str) -> Rows:
    """Return the named or only matrix of an HDF5 file."""
    with h5py.File(io.BytesIO(data), "r") as file:
        if member:
            return matrix(file[member][...])
        found: dict[str, Any] = {}
        file.visititems(lambda name, item: found.update({name: item}) if isinstance(item, h5py.Dataset) else None)
        flat = [item for item in found.values() if item.ndim == 2] if len(found) > 1 else list(found.values())
        (only,) = flat
        return matrix(only[...])


def of_zarr(folder: Path) -> Rows:
    """Return the array of a store."""
    return matrix(zarr.open_array(str(folder), mode="r")[...])


def candidates(source: str, files: Mapping[str, bytes], options: Mapping[str, Any], folder: Path) -> Iterator[Any]:
    """Yield what a second reader finds under a source: rows, or what may be meant by a table."""
    name, _, member = source.partition("::")
    if name.startswith("@"):
        parts = [line.strip() for line in files[name[1:]].decode("utf-8-sig").split("\n") if line.strip()]
        found = [next(candidates(part, files, {}, folder)) for part in parts]
        if len({rows.shape[1] for rows in found}) > 1:
            raise ValueError("several widths")
        yield np.concatenate(found)
        return
    if name.endswith(".scan"):  # it says whose rows it holds by their hashes
        yield SINGLE
        return
    if name.endswith(".zarr"):
        yield of_zarr(folder / name)
        return
    if name == "saved":
        if "saved/dataset_dict.json" in files:
            (split,) = json.loads(files["saved/dataset_dict.json"])["splits"]
            name = f"saved/{split}"
        state = json.loads(files[f"{name}/state.json"])
        yield np.concatenate(
            [of_arrow(read_arrow(files[f"{name}/{entry['filename']}"]), None) for entry in state["_data_files"]]
        )
        return
    data = files[name]
    if name.endswith(".gz"):
        name, data = name.removesuffix(".gz"), gzip.decompress(data)
    readers: dict[str, Callable[[], Any]] = {
        "npy": lambda: matrix(of_npy(data)),
        "npz": lambda: of_npz(data, member or None),
        "bin": lambda: np.frombuffer(data, options["dtype"]).reshape(options["shape"]),
        "f32": lambda: np.frombuffer(data, options["dtype"]).reshape(options["shape"]),
        "fvecs": lambda: of_vecs(data, "<f4"),
        "bvecs": lambda: of_vecs(data, "u1"),
        "fbin": lambda: of_bin(data, "<f4"),
        "u8bin": lambda: of_bin(data, "u1"),
        "i8bin": lambda: of_bin(data, "i1"),
        "csv": lambda: of_table(data, ","),
        "tsv": lambda: of_table(data, "\t"),
        "jsonl": lambda: of_lines(data),
        "ndjson": lambda: of_lines(data),
        "parquet": lambda: of_arrow(pa.parquet.read_table(pa.BufferReader(data)), options.get("column")),
        "arrow": lambda: of_arrow(read_arrow(data), options.get("column")),
        "feather": lambda: of_arrow(read_arrow(data), options.get("column")),
        "safetensors": lambda: of_tensors(data),
        "h5": lambda: of_hdf5(data, member),
    }
    yield readers[name.rpartition(".")[2]]()


def agrees(rows: Rows, second: Any) -> bool:
    """Return whether rows are what a second reader found."""
    if isinstance(second, list):
        return agrees_with_table(rows, second)
    return rows.shape == second.shape and equal(rows, second)


def equal(one: Any, other: Any) -> bool:
    """Return whether numbers are equal, nan to nan, whatever their types."""
    with np.errstate(all="ignore"):
        return bool(np.array_equal(np.asarray(one, np.float64), np.asarray(other, np.float64), equal_nan=True))


def entries(source: str, data: bytes) -> list[str]:
    """Return every cell, line or value of a file that says something of rows, as text."""
    suffix = source.rpartition(".")[2]
    if suffix == "npy":
        return [v.decode() if isinstance(v, bytes) else str(v) for v in of_npy(data).ravel().tolist()]
    text = data.decode("utf-8-sig")
    if suffix == "txt":
        return [line.removesuffix("\r") for line in text.split("\n")]
    if suffix in ("csv", "tsv"):
        delimiter = "," if suffix == "csv" else "\t"
        return [
            cell for cells in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) for cell in cells or [""]
        ]
    values = [json.loads(line) for line in text.split("\n") if line.strip()]
    return [str(item) for value in values for item in (value.values() if isinstance(value, dict) else [value])]


def settings(data: bytes) -> dict[str, Any]:
    """Return a file of settings as TOML."""
    return tomllib.loads(data.decode())


def rounded(value: Any) -> Any:
    """Return JSON with its numbers as documents write them."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list) else value


def within(one: Any, other: Any) -> bool:
    """Return whether all that one JSON value says the other says too; it may say more, by defaults."""
    if isinstance(one, dict):
        return isinstance(other, dict) and all(key in other and within(item, other[key]) for key, item in one.items())
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(within, one, other))
    if isinstance(one, bool) or one is None or isinstance(one, str):
        return one is other or (type(one) is type(other) and one == other)
    return isinstance(other, int | float) and (one == other or float(f"{float(one):.6g}") == float(other))


def in_order(found: Sequence[str], there: Sequence[str]) -> bool:
    """Return whether items are among others in their order."""
    rest = iter(there)
    return all(item in rest for item in found)
