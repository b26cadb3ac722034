"""Matrices ``(n, d)`` whose rows come in bands: what a format decodes together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
import numpy.typing as npt

from specaudit.embeddings.matrices import Array, DType, block_rows

BAND = 1 << 20  # bytes that are read together where the format leaves the choice

TOGETHER = 16 << 20  # bytes of chunks side by side that are read together, and not copied


class Bands(Protocol):
    """An open file."""

    def read(self, start: int, stop: int, room: Array) -> Array:
        """Return the rows of one band, C-contiguous and of the type of the matrix.

        There is ``room`` (stop - start, d) for them, which may be used: it is valid until the next band is read.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class BandMatrix:
    """A matrix in a file that is read band by band; one of them is in memory at a time.

    Attributes
    ----------
    edges
        (bands + 1,) ascending: the first row of each band, then the number of rows.
    beside
        Bytes that the format takes beside a band while it reads one, such as for packed chunks.
    """

    dimensions: int
    dtype: DType
    edges: npt.NDArray[np.int64]
    opener: Callable[[], AbstractContextManager[Bands]]
    beside: int = 0
    ids: tuple[str, ...] | None = None
    groups: tuple[str, ...] | None = None

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.edges[-1])

    @property
    def held(self) -> int:
        """Bytes that are in memory while the largest band is read."""
        return self._largest * self.dimensions * self.dtype.itemsize + self.beside

    @property
    def _largest(self) -> int:
        return int(np.diff(self.edges).max())

    def blocks(self, max_bytes: int, start: int = 0, stop: int | None = None) -> Iterator[Array]:
        """Yield the rows from ``start`` to ``stop`` in order, a band or a piece of one at a time."""
        step = block_rows(max_bytes, self.dimensions * self.dtype.itemsize)
        stop = self.rows if stop is None else stop
        room = np.empty((self._largest, self.dimensions), self.dtype)  # what reads on may hold a band it has seen
        with self.opener() as file:
            for low, high in pairwise(self.edges.tolist()):
                if high <= start or low >= stop:
                    continue
                values = file.read(low, high, room[: high - low])[max(0, start - low) : stop - low]
                for at in range(0, len(values), step):
                    yield values[at : at + step]

    def take(self, rows: npt.NDArray[np.int64], step: int) -> Iterator[Array]:
        """Yield these rows, ``step`` at a time; reads the bands that they are in, each once."""
        bands = np.searchsorted(self.edges, rows, side="right") - 1
        room = np.empty((self._largest, self.dimensions), self.dtype)
        last, values = -1, room
        with self.opener() as file:
            for at in range(0, len(rows), step):
                piece = slice(at, at + step)
                out = np.empty((len(rows[piece]), self.dimensions), self.dtype)
                for band in np.unique(bands[piece]).tolist():
                    low, high = self.edges[band : band + 2].tolist()
                    if band != last:
                        last, values = band, file.read(low, high, room[: high - low])
                    chosen = bands[piece] == band
                    out[chosen] = values[rows[piece][chosen] - low]
                yield out

    def close(self) -> None:
        """Nothing to give back."""


def is_spread(shape: tuple[int, int], itemsize: int, chunk: tuple[int, int]) -> bool:
    """Return whether the rows of a chunk reach over others, and too much is in all of them to be read together."""
    return chunk[1] < shape[1] and min(chunk[0], shape[0]) * shape[1] * itemsize > TOGETHER


def even_edges(rows: int, together: int, row_bytes: int) -> npt.NDArray[np.int64]:
    """Return the edges of bands of about ``BAND`` bytes, each a multiple of ``together`` rows but the last."""
    step = min(rows, together * max(1, BAND // (together * row_bytes)))
    return np.append(np.arange(0, rows, step, dtype=np.int64), rows)


def split_edges(groups: npt.NDArray[np.int64], row_bytes: int) -> npt.NDArray[np.int64]:
    """Return the edges of bands of at most ``BAND`` bytes, none of them across the edges of ``groups``."""
    step = block_rows(BAND, row_bytes)
    pieces = [np.arange(low, high, step, dtype=np.int64) for low, high in pairwise(groups.tolist())]
    return np.append(np.concatenate(pieces), groups[-1])
