"""Numbers in rows with little or nothing around them: raw files, .fvecs, .bvecs, .fbin, .u8bin, .i8bin."""

from __future__ import annotations

from typing import Any

import numpy as np

from specaudit.embeddings.display import quoted, shown
from specaudit.embeddings.files import expect_size, file_size, open_file, read_at, reopening
from specaudit.embeddings.matrices import check_matrix
from specaudit.embeddings.sources import Part
from specaudit.embeddings.stored import FileMatrix, from_file
from specaudit.errors import InputError


def read_raw(part: Part, dtype: str | None, shape: tuple[int, int] | None) -> FileMatrix:
    """Return a file that is nothing but rows, row after row, of the given dtype and shape."""
    name = shown(part.label)
    open_file(part.path, part.label).close()  # a missing file is the likelier mistake
    if dtype is None or shape is None:
        missing = " and ".join(name for name, value in (("dtype", dtype), ("shape", shape)) if value is None)
        raise InputError(
            f"{name}: suffix {quoted(part.suffix)} is read as raw numbers, which needs {missing}",
            next_step="give the dtype and the shape ROWS,DIMS, or name a file in a known format",
        )
    stored, (rows, dimensions) = parse_dtype(dtype), shape
    with open_file(part.path, part.label) as file:
        size = file_size(file)
        if rows == -1 and dimensions > 0:
            rows = max(1, size // (dimensions * stored.itemsize))
        check_matrix(part.label, (rows, dimensions), stored)
        what = f"shape {rows},{dimensions} of {stored}"
        expect_size(part.label, size, rows * dimensions * stored.itemsize, what)
        return from_file(reopening(file, part.path, part.label), part.label, (rows, dimensions), stored, 0)


def read_vecs(part: Part) -> FileMatrix:
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


def read_bin(part: Part) -> FileMatrix:
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
