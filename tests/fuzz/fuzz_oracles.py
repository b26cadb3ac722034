"""What other readers find in the same files: numpy, csv, json, pyarrow, h5py, zarr, safetensors."""

from __future__ import annotations

import gzip
import io
import json
import tomllib
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import zarr
from fuzz_seeds import NAMES, SINGLE
from fuzz_texts import LISTS, Reading, of_lines, of_objects, of_table, plain
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


def of_arrow(table: pa.Table, column: str | None) -> Reading:
    """Return the lists, or the columns of numbers, and the ids."""
    names = table.column_names
    if column is not None:
        chosen = [name for name in names if name == column] or [name for name in names if name.startswith(column)]
        rows = of_objects([numbers(table[name].to_pylist()) for name in chosen]).T
    else:
        name = next(name for name in LISTS if name in names)
        rows = of_objects([numbers(row) for row in table[name].to_pylist()])
    ids = next((k for k, name in enumerate(names) if name.lower() in ("id", "ids") and names_rows(table, k)), None)
    return Reading(rows=rows, ids=None if ids is None else list(map(plain, table.column(ids).to_pylist())))


def numbers(values: Sequence[Any]) -> list[int | float]:
    """Return what Arrow gives as Python's numbers."""
    return [value if type(value) is int else float(value) for value in values]


def names_rows(table: pa.Table, column: int) -> bool:
    """Return whether a column has strings or whole numbers."""
    kind = table.schema.field(column).type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return any(test(kind) for test in (pa.types.is_string, pa.types.is_large_string, pa.types.is_integer))


def read_arrow(data: bytes) -> pa.Table:
    """Return the table of an Arrow file or stream."""
    filed = data[:6] == b"ARROW1"
    try:
        with (pa.ipc.open_file if filed else pa.ipc.open_stream)(pa.BufferReader(data)) as reader:
            table = reader.read_all()
    except OSError:  # the table of batches at the end of a file is damaged; the stream before it may be whole
        with pa.ipc.open_stream(pa.BufferReader(data[8 * filed :])) as reader:
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


def reading(source: str, files: Mapping[str, bytes], options: Mapping[str, Any], folder: Path) -> Reading:
    """Return what a second reader finds under a source."""
    name, _, member = source.partition("::")
    if name.startswith("@"):
        parts = [line.strip() for line in files[name[1:]].decode("utf-8-sig").split("\n") if line.strip()]
        return joined([reading(part, files, {}, folder) for part in parts])
    if name.endswith(".scan"):  # it says whose rows it holds by their hashes
        with zipfile.ZipFile(io.BytesIO(files[name])) as archive:
            held = json.loads(archive.read("header.json"))["arrays"]
        return Reading(rows=SINGLE, ids=NAMES if "ids" in held else None)
    if name.endswith(".zarr"):
        return Reading(rows=of_zarr(folder / name))
    if name == "saved":
        if "saved/dataset_dict.json" in files:
            (split,) = json.loads(files["saved/dataset_dict.json"])["splits"]
            name = f"saved/{split}"
        parts = [files[f"{name}/{part}"] for part in saved_files(name, files)]
        return joined([of_arrow(read_arrow(part), None) for part in parts])
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
        "csv": lambda: of_table(data, "csv"),
        "tsv": lambda: of_table(data, "tsv"),
        "jsonl": lambda: of_lines(data),
        "ndjson": lambda: of_lines(data),
        "parquet": lambda: of_arrow(pa.parquet.read_table(pa.BufferReader(data)), options.get("column")),
        "arrow": lambda: of_arrow(read_arrow(data), options.get("column")),
        "feather": lambda: of_arrow(read_arrow(data), options.get("column")),
        "safetensors": lambda: of_tensors(data),
        "h5": lambda: of_hdf5(data, member),
    }
    found = readers[name.rpartition(".")[2]]()
    return found if isinstance(found, Reading) else Reading(rows=found)


def saved_files(name: str, files: Mapping[str, bytes]) -> list[str]:
    """Return the files that the state of a saved data set names; all of a directory that is none."""
    state = json.loads(files.get(f"{name}/state.json", b"{}"))
    if "_data_files" in state:
        return [entry["filename"] for entry in state["_data_files"]]
    return sorted(file.removeprefix(f"{name}/") for file in files if file.endswith(".arrow"))


def joined(parts: Sequence[Reading]) -> Reading:
    """Return the rows of several files, which have one width, and all have ids or none."""
    (unnamed,) = {part.ids is None for part in parts}
    ids = None if unnamed else [name for part in parts for name in part.ids or ()]
    return Reading(rows=np.concatenate([part.rows for part in parts]), ids=ids)


def agrees(rows: Rows, ids: Sequence[str] | None, second: Reading) -> bool:
    """Return whether rows and ids are those that a second reader found, all of them and in its order."""
    named = (None if ids is None else list(ids)) == (None if second.ids is None else list(second.ids))
    return named and equal(rows, second.rows)


def equal(one: Any, other: Any) -> bool:
    """Return whether shapes and numbers are equal, nan to nan, whatever the types; nothing is rounded."""
    one, other = np.asarray(one), np.asarray(other)
    if one.shape != other.shape:
        return False
    if all(array.dtype.kind == "f" or (array.dtype.kind in "biu" and array.itemsize < 8) for array in (one, other)):
        with np.errstate(all="ignore"):
            return np.array_equal(one.astype(np.float64), other.astype(np.float64), equal_nan=True)
    pairs = zip(one.ravel().tolist(), other.ravel().tolist(), strict=True)
    return all(a == b or (a != a and b != b) for a, b in pairs)


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
