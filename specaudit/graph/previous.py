"""The nearest previous rows of every row, for rows in random order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from specaudit.graph.search import exact_index, faiss_threads
from specaudit.kernels import FloatArray

NEIGHBORS = 32
GROWTH = 0.05
"""A generation's share of the rows before it: neighbours within it are not seen."""
SMALLEST_GENERATION = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviousRows:
    """The nearest previous rows of every row: those of earlier generations.

    Since the order is random, the rows of a prefix are a sample of all, and their lists are the same in it.

    Attributes
    ----------
    places
        (n, k) row numbers, nearest first, -1 where there are no more.
    bounds
        (g + 1,) where generations begin and the last ends, from 0 to n.
    index, recall
        What was searched in, and the share of the true nearest rows that it found.
    """

    places: npt.NDArray[np.int32]
    bounds: tuple[int, ...]
    index: str
    recall: float

    def first(self, rows: int) -> PreviousRows:
        """Return the lists of the first rows."""
        bounds = (*(bound for bound in self.bounds if bound < rows), rows)
        return PreviousRows(places=self.places[:rows], bounds=bounds, index=self.index, recall=self.recall)


def generations(rows: int) -> tuple[int, ...]:
    """Return where generations of so many rows begin, and the end of the last."""
    bounds = [0]
    while bounds[-1] < rows:
        bounds.append(min(rows, bounds[-1] + max(SMALLEST_GENERATION, int(GROWTH * bounds[-1]))))
    return tuple(bounds)


def previous_rows(
    rows: FloatArray,
    k: int = NEIGHBORS,
    *,
    threads: int = 1,
    progress: Callable[[float], None] = lambda fraction: None,
) -> PreviousRows:
    """Return the `k` nearest previous rows of every one of `rows` (n, d), centred near zero, in random order."""
    points = rows.astype(np.float32)
    places = np.full((len(rows), k), -1, dtype=np.int32)
    bounds = generations(len(rows))
    index = exact_index(points.shape[1])
    with faiss_threads(threads):
        for before, low, high in zip(bounds, bounds[1:], bounds[2:], strict=False):
            index.add(points[before:low])
            found = min(k, low)
            places[low:high, :found] = index.search(points[low:high], found)[1]
            progress(high / len(rows))
    places.flags.writeable = False
    return PreviousRows(places=places, bounds=bounds, index="flat", recall=1.0)
