"""What a matrix ``(n, d)`` is to its readers, and the one in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from specaudit.embeddings.display import shown
from specaudit.errors import BudgetError, InputError

Array = npt.NDArray[Any]
DType = np.dtype[Any]


class Matrix(Protocol):
    """What a reader returns: a matrix ``(rows, dimensions)`` whose rows may have ids and groups of their own."""

    @property
    def rows(self) -> int: ...  # noqa: D102
    @property
    def dimensions(self) -> int: ...  # noqa: D102
    @property
    def dtype(self) -> DType:
        """Stored type of the values, in native byte order."""

    @property
    def ids(self) -> tuple[str, ...] | None: ...  # noqa: D102
    @property
    def groups(self) -> tuple[str, ...] | None: ...  # noqa: D102
    def blocks(self, max_bytes: int, start: int = 0, stop: int | None = None) -> Iterator[Array]:
        """Yield the rows from ``start`` to ``stop`` in order, C-contiguous, each block valid until the next one."""

    def take(self, rows: npt.NDArray[np.int64], step: int) -> Iterator[Array]:
        """Yield the rows of the given non-negative, ascending numbers, ``step`` of them at a time."""

    def close(self) -> None:
        """Give temporary files back."""


def check_matrix(label: str, shape: tuple[int, ...], dtype: DType) -> None:
    """Raise an ``InputError`` unless this is a non-empty matrix of real numbers of at most 64 bits."""
    name = shown(label)
    if dtype.hasobject:
        raise InputError(
            f"{name}: holds pickled Python objects (dtype object), expected numbers",
            next_step="save it as a float32 matrix with numpy.save",
        )
    if dtype.kind not in "fiub" or dtype.itemsize > 8:
        raise InputError(
            f"{name}: dtype {shown(dtype, 60)}, expected real numbers of at most 64 bits",
            next_step="convert it, for example with astype('float32')",
        )
    if len(shape) != 2:
        raise InputError(
            f"{name}: {len(shape)}-D array of shape {shown(shape, 60)}, expected 2-D (rows, dimensions)",
            next_step="reshape it to one row per item",
        )
    if min(shape) < 0:
        raise InputError(f"{name}: negative shape {shown(shape, 60)}", next_step="write the file again")
    if min(shape) == 0:
        what = "rows" if shape[0] == 0 else "columns"
        raise InputError(f"{name}: 0 {what} (shape {shown(shape, 60)})", next_step="check the step that wrote it")


def check_held(label: str, size: int, max_memory: int | None) -> None:
    """Raise a ``BudgetError`` where the bytes that are decoded together are more than a quarter of the memory."""
    if max_memory is not None and size > max_memory // 4:
        raise BudgetError(
            f"{shown(label)}: {size:,} bytes of it are decoded together, more than a quarter of the {max_memory:,} "
            "that may be used",
            next_step=f"raise --max-memory to {-(-4 * size // 2**20)}M, or write it in smaller chunks",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What may be in an array ``(n,)`` that says something about rows."""

    kinds: str  # letters of numpy
    expected: str  # the same in words
    next_step: str  # of the error about anything else


def check_vector(label: str, shape: tuple[int, ...], dtype: DType, content: Content) -> None:
    """Raise an ``InputError`` unless this is 1-D and of the ``content``, numbers of at most 64 bits."""
    wide = dtype.kind in "fiu" and dtype.itemsize > 8
    if dtype.kind not in content.kinds or dtype.itemsize == 0 or wide or len(shape) != 1 or shape[0] < 0:
        raise InputError(
            f"{shown(label)}: shape {shown(shape, 60)} of {shown(dtype, 60)}, expected 1-D and {content.expected}",
            next_step=content.next_step,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryMatrix:
    """A matrix in memory; the array is not copied."""

    values: Array
    ids: tuple[str, ...] | None = None
    groups: tuple[str, ...] | None = None

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.values.shape[0])

    @property
    def dimensions(self) -> int:
        """Number of columns."""
        return int(self.values.shape[1])

    @property
    def dtype(self) -> DType:
        """Type of the values, in native byte order."""
        return self.values.dtype.newbyteorder("=")

    def blocks(self, max_bytes: int, start: int = 0, stop: int | None = None) -> Iterator[Array]:
        """Yield the rows in order; a block is a view where the array is C-contiguous and native."""
        step = block_rows(max_bytes, self.dimensions * self.dtype.itemsize)
        values = self.values[start:stop]
        for at in range(0, len(values), step):
            yield np.ascontiguousarray(values[at : at + step], dtype=self.dtype)

    def take(self, rows: npt.NDArray[np.int64], step: int) -> Iterator[Array]:
        """Yield copies of these rows, ``step`` at a time."""
        for at in range(0, len(rows), step):
            yield np.asarray(self.values[rows[at : at + step]], dtype=self.dtype, order="C")

    def close(self) -> None:
        """Nothing to give back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """Rows that are read from another matrix."""

    matrix: Matrix

    @property
    def dimensions(self) -> int:
        """Number of columns."""
        return self.matrix.dimensions

    @property
    def dtype(self) -> DType:
        """Type of the values."""
        return self.matrix.dtype


@dataclass(frozen=True, slots=True, kw_only=True)
class Clipped(Around):
    """Rows ``start`` to ``stop`` of a matrix."""

    start: int
    stop: int
    ids: None = None
    groups: None = None

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.stop - self.start

    def blocks(self, max_bytes: int, start: int = 0, stop: int | None = None) -> Iterator[Array]:
        """Yield the rows in order."""
        stop = self.rows if stop is None else stop
        return self.matrix.blocks(max_bytes, self.start + start, self.start + stop)

    def take(self, rows: npt.NDArray[np.int64], step: int) -> Iterator[Array]:
        """Yield these rows, ``step`` at a time."""
        return self.matrix.take(self.start + rows, step)

    def close(self) -> None:
        """Nothing to give back: the matrix is another's."""


def block_rows(max_bytes: int, row_bytes: int) -> int:
    """Return how many rows fit into ``max_bytes``, at least one."""
    return max(1, max_bytes // row_bytes)


def regrouped(matrix: Matrix, step: int) -> Iterator[Array]:
    """Yield the rows in order, ``step`` at a time until the last, whatever the format reads together."""
    left, filled = matrix.rows, 0
    held: Array | None = None
    for values in matrix.blocks(step * matrix.dimensions * matrix.dtype.itemsize):
        at = 0
        while at < len(values):
            count = min(step, left) - filled
            piece = values[at : at + count]
            at += len(piece)
            if len(piece) == min(step, left):
                yield piece
            else:
                held = np.empty((min(step, left), matrix.dimensions), matrix.dtype) if held is None else held
                held[filled : filled + len(piece)] = piece
                filled += len(piece)
                if len(piece) < count:
                    continue
                yield held[:filled]
                filled = 0
            left -= min(step, left)
