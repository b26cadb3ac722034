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


class Bands(Protocol):
    """An open file."""

    def read(self, start: int, stop: int) -> Array:
        """Return the rows of one band, C-contiguous and of the type of the matrix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BandMatrix:
    """A matrix in a file that is read band by band; one of them is in memory at a time."""

    dimensions: int
    dtype: DType
    edges: npt.NDArray[np.int64]  # (bands + 1,) ascending: the first row of each band, then the number of rows
    opener: Callable[[], AbstractContextManager[Bands]]
    ids: tuple[str, ...] | None = None
    groups: tuple[str, ...] | None = None

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.edges[-1])

    @property
    def held(self) -> int:
        """Bytes of the largest band."""
        return int(np.diff(self.edges).max()) * self.dimensions * self.dtype.itemsize

    def blocks(self, max_bytes: int, start: int = 0, stop: int | None = None) -> Iterator[Array]:
        """Yield the rows from ``start`` to ``stop`` in order, a band or a piece of one at a time."""
        step = block_rows(max_bytes, self.dimensions * self.dtype.itemsize)
        stop = self.rows if stop is None else stop
        with self.opener() as file:
            for low, high in pairwise(self.edges.tolist()):
                if high <= start or low >= stop:
                    continue
                values = file.read(low, high)[max(0, start - low) : stop - low]
                for at in range(0, len(values), step):
                    yield values[at : at + step]

    def take(self, rows: npt.NDArray[np.int64], step: int) -> Iterator[Array]:
        """Yield these rows, ``step`` at a time; reads the bands that they are in, each once."""
        bands = np.searchsorted(self.edges, rows, side="right") - 1
        last, values = -1, np.empty((0, self.dimensions), self.dtype)
        with self.opener() as file:
            for at in range(0, len(rows), step):
                piece = slice(at, at + step)
                out = np.empty((len(rows[piece]), self.dimensions), self.dtype)
                for band in np.unique(bands[piece]).tolist():
                    low, high = self.edges[band : band + 2].tolist()
                    if band != last:
                        last, values = band, file.read(low, high)
                    chosen = bands[piece] == band
                    out[chosen] = values[rows[piece][chosen] - low]
                yield out

    def close(self) -> None:
        """Nothing to give back."""


def even_edges(rows: int, together: int, row_bytes: int) -> npt.NDArray[np.int64]:
    """Return the edges of bands of about ``BAND`` bytes, each a multiple of ``together`` rows but the last."""
    step = together * max(1, BAND // (together * row_bytes))
    return np.append(np.arange(0, rows, step, dtype=np.int64), rows)


def split_edges(groups: npt.NDArray[np.int64], row_bytes: int) -> npt.NDArray[np.int64]:
    """Return the edges of bands of at most ``BAND`` bytes, none of them across the edges of ``groups``."""
    step = block_rows(BAND, row_bytes)
    pieces = [np.arange(low, high, step, dtype=np.int64) for low, high in pairwise(groups.tolist())]
    return np.append(np.concatenate(pieces), groups[-1])
