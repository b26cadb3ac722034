"""Matrices ``(n, d)`` in files, permanent or temporary, read through one buffer."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from specaudit.embeddings.display import shown
from specaudit.embeddings.files import File, advise_sequential, read_at, spooling
from specaudit.embeddings.matrices import Array, DType, block_rows
from specaudit.embeddings.texts import TextMeter
from specaudit.errors import InputError

NEAR = 16 << 10  # bytes; rows closer than this are fetched by one read
LONGEST_READ = 4 << 20  # bytes of one read of several rows
DOUBLE = np.dtype(np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, weakref_slot=True)
class FileMatrix:
    """A matrix in a file; one block of it is in memory at a time.

    Reads go to a buffer of ours and not through a memory map: mapped pages would count as resident memory,
    and a file that shrinks would end the process by a signal.
    """

    label: str
    rows: int
    dimensions: int
    stored: DType  # as in the file, with its byte order
    offset: int  # bytes before the first row
    opener: Callable[[], AbstractContextManager[File]]
    fortran: bool = False  # column after column
    prefix: bytes = b""  # before each row, the same for all
    ids: tuple[str, ...] | None = None
    groups: tuple[str, ...] | None = None
    spool: BinaryIO | None = None

    @property
    def dtype(self) -> DType:
        """Type of the values, in native byte order."""
        return self.stored.newbyteorder("=")

    def blocks(self, max_bytes: int, start: int = 0, stop: int | None = None) -> Iterator[Array]:
        """Yield the rows from ``start`` to ``stop`` in order; the blocks share one buffer."""
        width = self.dimensions * self.stored.itemsize
        stop = self.rows if stop is None else stop
        step = max(1, min(stop - start, block_rows(max_bytes, width)))
        read = self._read_columns if self.fortran else self._read_rows
        raw = np.empty(step * (len(self.prefix) + width), np.uint8)
        out = np.empty((step, self.dimensions), self.dtype)
        with self.opener() as file:
            advise_sequential(file)
            for at in range(start, stop, step):
                yield read(file, at, min(step, stop - at), raw, out)

    def take(self, rows: npt.NDArray[np.int64], step: int) -> Iterator[Array]:
        """Yield these rows, ``step`` at a time; reads little more than the rows themselves."""
        with self.opener() as file:
            for at in range(0, len(rows), step):
                yield self._take(file, rows[at : at + step])

    def close(self) -> None:
        """Give the temporary file back, if there is one."""
        if self.spool is not None:
            self.spool.close()

    def _take(self, file: File, rows: npt.NDArray[np.int64]) -> Array:
        size = self.stored.itemsize
        if self.fortran:
            out = np.empty((self.dimensions, len(rows), size), np.uint8)
            for j in range(self.dimensions):
                self._gather(file, self.offset + j * self.rows * size, rows, out[j])
            return _native(np.ascontiguousarray(out.view(self.stored)[..., 0].T))
        out = np.empty((len(rows), len(self.prefix) + self.dimensions * size), np.uint8)
        self._gather(file, self.offset, rows, out)
        self._check_prefix(out, rows)
        return _native(np.ascontiguousarray(out[:, len(self.prefix) :]).view(self.stored))

    def _read_rows(self, file: File, start: int, count: int, raw: Array, out: Array) -> Array:
        stride = len(self.prefix) + self.dimensions * self.stored.itemsize
        target = raw[: count * stride]
        read_at(file, target.data, self.offset + start * stride, self.label)
        records = target.reshape(count, stride)
        if not self.prefix:
            return _native(records.view(self.stored))
        self._check_prefix(records, np.arange(start, start + count))
        values = out[:count]
        values.view(np.uint8)[...] = records[:, len(self.prefix) :]
        return _native(values.view(self.stored))

    def _read_columns(self, file: File, start: int, count: int, raw: Array, out: Array) -> Array:
        size = self.stored.itemsize
        columns = raw[: count * self.dimensions * size].reshape(self.dimensions, count * size)
        for j in range(self.dimensions):
            read_at(file, columns[j].data, self.offset + (j * self.rows + start) * size, self.label)
        out[:count] = columns.view(self.stored).T
        return out[:count]

    def _gather(self, file: File, base: int, rows: npt.NDArray[np.int64], out: Array) -> None:
        """Fill ``out`` (m, bytes) with the records of the ascending ``rows``; near ones share a read."""
        stride = out.shape[1]
        position = rows * stride
        apart = (np.diff(position) > NEAR + stride) | (np.diff(position // LONGEST_READ) > 0)
        for low, high in pairwise([0, *(np.flatnonzero(apart) + 1).tolist(), len(rows)]):
            local = rows[low:high] - rows[low]
            buffer = np.empty((int(local[-1]) + 1, stride), np.uint8)
            read_at(file, buffer.reshape(-1).data, base + int(position[low]), self.label)
            out[low:high] = buffer[local]

    def _check_prefix(self, records: Array, rows: npt.NDArray[np.int64]) -> None:
        if not self.prefix:
            return
        wrong = (records[:, : len(self.prefix)] != np.frombuffer(self.prefix, np.uint8)).any(axis=1)
        if wrong.any():
            first = int(np.argmax(wrong))
            got = int.from_bytes(records[first, : len(self.prefix)].tobytes(), "little", signed=True)
            raise InputError(
                f"{shown(self.label)} row {int(rows[first]):,}: declares {got:,} dimensions, "
                f"expected {self.dimensions:,} as in row 0",
                next_step="write the file again; all rows need the same dimensions",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedMatrix:
    """Matrices of one width and type, one after the other, such as the pieces of one file."""

    parts: tuple[FileMatrix, ...]
    ids: tuple[str, ...] | None = None
    groups: tuple[str, ...] | None = None

    @property
    def rows(self) -> int:
        """Number of rows."""
        return sum(part.rows for part in self.parts)

    @property
    def dimensions(self) -> int:
        """Number of columns."""
        return self.parts[0].dimensions

    @property
    def dtype(self) -> DType:
        """Type of the values, in native byte order."""
        return self.parts[0].dtype

    def blocks(self, max_bytes: int, start: int = 0, stop: int | None = None) -> Iterator[Array]:
        """Yield the rows from ``start`` to ``stop`` in order; a block is of one part."""
        stop = self.rows if stop is None else stop
        for part in self.parts:
            if start < part.rows and stop > 0:
                yield from part.blocks(max_bytes, max(0, start), min(part.rows, stop))
            start, stop = start - part.rows, stop - part.rows

    def take(self, rows: npt.NDArray[np.int64], step: int) -> Iterator[Array]:
        """Yield these rows, at most ``step`` at a time."""
        starts = np.cumsum([0, *(part.rows for part in self.parts)])
        bounds = np.searchsorted(rows, starts)
        for k in np.flatnonzero(np.diff(bounds)).tolist():
            yield from self.parts[k].take(rows[bounds[k] : bounds[k + 1]] - starts[k], step)

    def close(self) -> None:
        """Give temporary files back, if there are any."""
        for part in self.parts:
            part.close()


def from_file(
    again: Callable[[], AbstractContextManager[File]],
    label: str,
    shape: tuple[int, int],
    stored: DType,
    offset: int,
    **layout: Any,
) -> FileMatrix:
    """Return the matrix in a file that is opened ``again`` for each pass."""
    return FileMatrix(
        label=label,
        rows=shape[0],
        dimensions=shape[1],
        stored=stored,
        offset=offset,
        opener=again,
        **layout,
    )


def from_spool(spool: BinaryIO, label: str, shape: tuple[int, int], stored: DType, **layout: Any) -> FileMatrix:
    """Return the matrix in a temporary file, which it owns from now on."""
    matrix = FileMatrix(
        label=label,
        rows=shape[0],
        dimensions=shape[1],
        stored=stored,
        offset=0,
        opener=lambda: nullcontext(spool),
        spool=spool,
        **layout,
    )
    weakref.finalize(matrix, spool.close)
    return matrix


def spool_tiles(
    label: str,
    shape: tuple[int, int],
    dtype: DType,
    tile: tuple[int, int],
    read: Callable[[tuple[slice, slice]], Array],
) -> FileMatrix:
    """Return a matrix that is read tile by tile, such as chunk by chunk, in a temporary file, column after column."""
    rows, columns = shape
    with spooling(label, rows * columns * dtype.itemsize) as spool:
        for low in range(0, rows, tile[0]):
            for left in range(0, columns, tile[1]):
                right = min(left + tile[1], columns)
                values = read(np.s_[low : min(low + tile[0], rows), left:right])
                for column in range(left, right):
                    spool.seek((column * rows + low) * dtype.itemsize)
                    spool.write(np.ascontiguousarray(values[:, column - left], dtype).data)
                del values  # before the next one is decoded
    return from_spool(spool, label, shape, dtype, fortran=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedRows:
    """Consecutive rows of a text file: values (k, d), and (k,) ids and groups where it has them."""

    values: Array
    ids: Sequence[str] | None
    groups: Sequence[str] | None


def spool_rows(
    label: str,
    dimensions: int,
    blocks: Iterable[ParsedRows],
    dtype: DType = DOUBLE,
    *,
    max_memory: int | None,
) -> FileMatrix:
    """Return the matrix of parsed rows, written to a temporary file as they come."""
    rows = 0
    ids: list[str] = []
    groups: list[str] = []
    named = TextMeter(label, "ids", max_memory)
    labelled = TextMeter(label, "labels", max_memory, repeated=True)
    with spooling(label) as spool:
        for block in blocks:
            spool.write(np.ascontiguousarray(block.values, dtype).data)
            rows += len(block.values)
            ids += named.taken(block.ids or ())
            groups += labelled.taken(block.groups or ())
            del block  # before the next one is decoded
    shape = (rows, dimensions)
    return from_spool(
        spool,
        label,
        shape,
        dtype,
        ids=tuple(ids) if ids else None,
        groups=tuple(groups) if groups else None,
    )


def _native(values: Array) -> Array:
    """Return ``values`` in native byte order, swapped in place."""
    if values.dtype.isnative:
        return values
    return values.byteswap(inplace=True).view(values.dtype.newbyteorder("="))
