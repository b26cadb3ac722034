"""The registry of formats: suffix -> reader. A format is added by one function and one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from specaudit.embeddings.archives import read_npz
from specaudit.embeddings.delimited import read_delimited
from specaudit.embeddings.display import quoted, shown
from specaudit.embeddings.files import expect_size, file_size, open_file, read_at, reopening
from specaudit.embeddings.jsonl import read_jsonl
from specaudit.embeddings.matrices import Matrix, check_matrix
from specaudit.embeddings.npy import read_npy, read_stdin
from specaudit.embeddings.sources import STDIN, Part
from specaudit.embeddings.stored import FileMatrix, from_file
from specaudit.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user says about the files, where they do not say it themselves."""

    dtype: str | None = None
    shape: tuple[int, int] | None = None  # of each file; -1 rows: as many as there are
    column: str | None = None
    id_column: str | None = None


Reader = Callable[[Part, Options], Matrix]


def open_part(part: Part, options: Options) -> Matrix:
    """Return the matrix of one part, by the reader that its suffix names.

    Raises
    ------
    InputError
        The format is refused, the file is damaged, or the options do not fit it.
    """
    if part.suffix in REFUSED:
        raise InputError(f"{shown(part.label)}: {REFUSED[part.suffix][0]}", next_step=REFUSED[part.suffix][1])
    reader = READERS.get(part.suffix, read_raw)
    if part.member is not None and reader is not READERS[".npz"]:
        raise InputError(
            f"{shown(part.label)}: only .npz files have members", next_step="leave '::' and the member out"
        )
    if options.column is not None and part.suffix not in TABLES:
        raise InputError(
            f"{shown(part.label)}: column {quoted(options.column)} needs a table ({', '.join(TABLES)})",
            next_step="leave the column out",
        )
    matrix = reader(part, options)
    _agree(part, options, matrix)
    return matrix


def read_raw(part: Part, options: Options) -> FileMatrix:
    """Return a file that is nothing but rows, row after row, of the given dtype and shape."""
    name = shown(part.label)
    open_file(part.path, part.label).close()  # a missing file is the likelier mistake
    if options.dtype is None or options.shape is None:
        missing = " and ".join(o for o in ("dtype", "shape") if getattr(options, o) is None)
        raise InputError(
            f"{name}: suffix {quoted(part.suffix)} is read as raw numbers, which needs {missing}",
            next_step=f"give the dtype and the shape ROWS,DIMS, or use one of {', '.join(SUFFIXES)}",
        )
    dtype, (rows, dimensions) = parse_dtype(options.dtype), options.shape
    with open_file(part.path, part.label) as file:
        size = file_size(file)
        if rows == -1 and dimensions > 0:
            rows = max(1, size // (dimensions * dtype.itemsize))
        check_matrix(part.label, (rows, dimensions), dtype)
        what = f"shape {rows},{dimensions} of {dtype}"
        expect_size(part.label, size, rows * dimensions * dtype.itemsize, what)
        return from_file(reopening(file, part.path, part.label), part.label, (rows, dimensions), dtype, 0)


def read_vecs(part: Part, options: Options) -> FileMatrix:
    """Return a .fvecs or .bvecs file: each row is its number of dimensions (int32), then the values."""
    dtype = np.dtype({".fvecs": "<f4", ".bvecs": "u1"}[part.suffix])
    with open_file(part.path, part.label) as file:
        size = file_size(file)
        prefix = bytearray(4)
        expect_size(part.label, min(size, 4), 4, "the number of dimensions")
        read_at(file, memoryview(prefix), 0, part.label)
        again = reopening(file, part.path, part.label)
    dimensions = int.from_bytes(prefix, "little", signed=True)
    if dimensions < 1:
        raise InputError(
            f"{shown(part.label)} row 0: declares {dimensions:,} dimensions, expected at least 1",
            next_step=f"check that it is a little-endian {part.suffix} file",
        )
    stride = 4 + dimensions * dtype.itemsize
    rows = max(1, size // stride)
    expect_size(part.label, size, rows * stride, f"{rows:,} rows of {dimensions:,} dimensions")
    return from_file(again, part.label, (rows, dimensions), dtype, 0, prefix=bytes(prefix))


def read_bin(part: Part, options: Options) -> FileMatrix:
    """Return a .fbin, .u8bin or .i8bin file: rows and dimensions (uint32 each), then the values."""
    dtype = np.dtype({".fbin": "<f4", ".u8bin": "u1", ".i8bin": "i1"}[part.suffix])
    with open_file(part.path, part.label) as file:
        size = file_size(file)
        head = bytearray(8)
        expect_size(part.label, min(size, 8), 8, "the header")
        read_at(file, memoryview(head), 0, part.label)
        again = reopening(file, part.path, part.label)
    rows, dimensions = (int.from_bytes(head[k : k + 4], "little") for k in (0, 4))
    check_matrix(part.label, (rows, dimensions), dtype)
    what = f"shape {rows},{dimensions} of {dtype}"
    expect_size(part.label, size, 8 + rows * dimensions * dtype.itemsize, what)
    return from_file(again, part.label, (rows, dimensions), dtype, 8)


def parse_dtype(name: str) -> np.dtype[Any]:
    """Return the dtype of this name; an ``InputError`` says which are possible."""
    try:
        dtype = np.dtype(name)
    except (TypeError, ValueError, SyntaxError):
        dtype = np.dtype(object)
    if dtype.kind not in "fiub" or dtype.itemsize > 8:
        raise InputError(
            f"dtype {quoted(name)} is not one of real numbers of at most 64 bits",
            next_step="use for example float32, float16, int8, uint8 or '>f4' for big-endian",
        )
    return dtype


def _read_table(part: Part, options: Options) -> FileMatrix:
    return read_delimited(part, options.column, options.id_column)


def _read_lines(part: Part, options: Options) -> FileMatrix:
    return read_jsonl(part, options.column, options.id_column)


def _agree(part: Part, options: Options, matrix: Matrix) -> None:
    """Refuse a dtype or shape that contradicts what the file says of itself."""
    if options.dtype is not None and parse_dtype(options.dtype).newbyteorder("=") != matrix.dtype:
        raise InputError(
            f"{shown(part.label)}: holds {matrix.dtype}, but dtype {quoted(options.dtype)} was given",
            next_step="leave the dtype out; only raw files need it",
        )
    got = (matrix.rows, matrix.dimensions)
    if options.shape is not None and any(w not in (-1, g) for w, g in zip(options.shape, got, strict=True)):
        raise InputError(
            f"{shown(part.label)}: shape {got}, but {options.shape} was given",
            next_step="leave the shape out; only raw files need it",
        )


READERS: Mapping[str, Reader] = {
    STDIN: lambda part, options: read_stdin(part.label),
    ".npy": lambda part, options: read_npy(part.path, part.label),
    ".npz": lambda part, options: read_npz(part),
    ".fvecs": read_vecs,
    ".bvecs": read_vecs,
    ".fbin": read_bin,
    ".u8bin": read_bin,
    ".i8bin": read_bin,
    ".csv": _read_table,
    ".tsv": _read_table,
    ".jsonl": _read_lines,
    ".ndjson": _read_lines,
}
SUFFIXES = tuple(suffix for suffix in READERS if suffix != STDIN)
RAW_SUFFIXES = (".bin", ".dat", ".raw", ".f32")  # looked for in a directory once a dtype is given
TABLES = (".csv", ".tsv", ".jsonl", ".ndjson")

_PICKLE = (
    "may run code when it is loaded, so it is never opened",
    "load it where you trust it and write numpy.save('emb.npy', array)",
)
_TORCH = (_PICKLE[0], "load it where you trust it and write numpy.save('emb.npy', tensor.float().numpy())")


def _later(how: str) -> tuple[str, str]:
    return "not supported yet by this version", f"convert with numpy.save('emb.npy', {how})"


_PACKED = ("is compressed", "decompress it first")
_ARROW = _later("numpy.stack(pandas.read_parquet(FILE)['embedding'])")
REFUSED: Mapping[str, tuple[str, str]] = {
    ".pkl": _PICKLE,
    ".pickle": _PICKLE,
    ".joblib": _PICKLE,
    ".pt": _TORCH,
    ".pth": _TORCH,
    ".parquet": _ARROW,
    ".arrow": _later("numpy.stack(pandas.read_feather(FILE)['embedding'])"),
    ".feather": _later("numpy.stack(pandas.read_feather(FILE)['embedding'])"),
    ".h5": _later("h5py.File(FILE)['embeddings'][:]"),
    ".hdf5": _later("h5py.File(FILE)['embeddings'][:]"),
    ".safetensors": _later("safetensors.numpy.load_file(FILE)['embeddings']"),
    ".zarr": _later("zarr.open(FILE)[:]"),
    ".gz": _PACKED,
    ".bz2": _PACKED,
    ".xz": _PACKED,
    ".zst": _PACKED,
    ".zip": _PACKED,
}
