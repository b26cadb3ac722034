"""The .npy format: its header, from a file, an archive member or a stream."""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from specaudit.embeddings.display import shown
from specaudit.embeddings.files import (
    Place,
    copy_exactly,
    expect_size,
    file_size,
    open_file,
    read_at,
    reopening,
    spooling,
    too_large,
)
from specaudit.embeddings.matrices import Array, Content, check_held, check_matrix, check_vector
from specaudit.embeddings.stored import FileMatrix, from_file, from_spool
from specaudit.errors import InputError

LONGEST_HEADER = 1 << 20  # bytes; that of a matrix takes a hundred


class Readable(Protocol):
    """Anything with ``read(n)``."""

    def read(self, size: int, /) -> bytes | None: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a .npy file says of itself, not yet compared with its size."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    length: int  # bytes before the data

    @property
    def data_bytes(self) -> int:
        """Bytes of the values; exact for any declared shape."""
        size = self.dtype.itemsize
        for extent in self.shape:
            size *= extent
        return size

    @property
    def matrix_shape(self) -> tuple[int, int]:
        """The shape of a 2-D array."""
        rows, dimensions = self.shape
        return rows, dimensions


class _Counted:
    """A stream that knows how many bytes were read from it."""

    def __init__(self, stream: Readable) -> None:
        self.stream = stream
        self.count = 0

    def read(self, size: int) -> bytes:
        if size > LONGEST_HEADER:  # of a packed file it may be a few bytes, and numpy reads it whole
            raise ValueError(f"a header of {size:,} bytes")
        data = self.stream.read(size) or b""
        self.count += len(data)
        return data


def read_header(stream: Readable, label: str) -> Header:
    """Return the header of a .npy stream and leave the stream at the first value.

    Raises
    ------
    InputError
        This is not a .npy file, or its header cannot be understood.
    """
    counted: Any = _Counted(stream)
    read = {(1, 0): np.lib.format.read_array_header_1_0}
    try:
        version = np.lib.format.read_magic(counted)
        # Version 3 differs from 2 only in the encoding of field names, and arrays with fields are refused.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a header that Python 2 wrote
            shape, fortran, dtype = read.get(version, np.lib.format.read_array_header_2_0)(counted)
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{shown(label)}: cannot be read: {error.strerror}") from None
    except Exception as error:  # a damaged header reaches the parser, which may raise nearly anything
        reason = "it is empty" if counted.count == 0 else shown(error, 100)
        raise InputError(
            f"{shown(label)}: not a readable .npy file: {reason}", next_step="write it again with numpy.save"
        ) from None
    return Header(shape=shape, dtype=dtype, fortran=fortran, length=counted.count)


def expect_data(label: str, header: Header, got: int) -> None:
    """Raise an ``InputError`` unless ``got`` bytes of data are what the header declares."""
    what = f"the data of shape {shown(header.shape, 60)} and dtype {header.dtype}"
    expect_size(label, got, header.data_bytes, what)


def read_npy(path: Place, label: str) -> FileMatrix:
    """Return the matrix of a .npy file; only its header is read."""
    with open_file(path, label) as file:
        header = read_header(file, label)
        check_matrix(label, header.shape, header.dtype)
        expect_data(label, header, file_size(file) - header.length)
        again = reopening(file, path, label)
    return from_file(again, label, header.matrix_shape, header.dtype, header.length, fortran=header.fortran)


def read_vector(path: Place, label: str, content: Content, max_memory: int | None = None) -> Array:
    """Return the 1-D array of a .npy file, as it is stored.

    Raises
    ------
    InputError
        As ``read_header`` and ``check_vector``; the file is longer or shorter than it says.
    BudgetError
        It takes more than a quarter of ``max_memory``, in bytes.
    """
    with open_file(path, label) as file:
        header = read_header(file, label)
        check_vector(label, header.shape, header.dtype, content)
        check_held(label, header.data_bytes, max_memory)
        expect_data(label, header, file_size(file) - header.length)
        values = np.empty(header.shape, header.dtype)
        read_at(file, values.view(np.uint8).data if values.size else memoryview(b""), header.length, label)
    return values


def read_stdin(label: str) -> FileMatrix:
    """Return the matrix of a .npy stream on standard input, copied to a nameless temporary file."""
    if sys.stdin is None or sys.stdin.isatty():
        raise InputError(f"{label}: nothing is piped in", next_step="pipe a .npy file, or name a file")
    # Unbuffered: a buffered read of many bytes does not look for an interrupt between its parts.
    return read_stream(getattr(sys.stdin.buffer, "raw", sys.stdin.buffer), label)


def read_stream(stream: Readable, label: str, budget: int | None = None) -> FileMatrix:
    """Return the matrix of a whole .npy stream, copied to a nameless temporary file.

    Raises
    ------
    InputError
        The header asks for more than the ``budget`` of bytes; as the file of a matrix does.
    """
    header = read_header(stream, label)
    check_matrix(label, header.shape, header.dtype)
    if budget is not None and header.data_bytes > budget:
        raise too_large(label, budget)
    with spooling(label, header.data_bytes) as spool:
        got = copy_exactly(lambda size: stream.read(size) or b"", spool, header.data_bytes)
        got += len(stream.read(1) or b"")
        expect_data(label, header, got)
    return from_spool(spool, label, header.matrix_shape, header.dtype, fortran=header.fortran)
