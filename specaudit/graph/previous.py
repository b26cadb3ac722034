"""The nearest previous rows of every row, for rows in random order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from specaudit.embeddings import HERE, Engine
from specaudit.graph.index import CROSSING, INDEXES, Points, training_rows
from specaudit.graph.search import exact_index, faiss_threads
from specaudit.kernels import FloatArray

NEIGHBORS = 32
GROWTH = 0.05
"""A generation's share of the rows before it: neighbours within it are not seen."""
SMALLEST_GENERATION = 16
MEASURED = 256
"""Rows by which the recall of an approximate index is measured."""


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
    index: str = "auto",
    threads: int = 1,
    engine: Engine = HERE,
    progress: Callable[[float], None] = lambda fraction: None,
) -> PreviousRows:
    """Return the `k` nearest previous rows of every one of `rows` (n, d), centred near zero, in random order.

    An engine that runs several tasks at once searches for every so many-th generation in each of them.

    The index is one that grows: "auto" is flat while that is affordable and IVF above, which also takes the place of
    NN-descent.
    """
    points = rows.astype(np.float32)
    n, d = points.shape
    kind = {"auto": "flat" if n * n * d / 2 <= CROSSING else "ivf", "nndescent": "ivf"}.get(index, index)
    places = np.full((n, k), -1, dtype=np.int32)
    bounds = generations(n)
    with faiss_threads(threads):
        if engine is HERE:
            for low, found in _search_share(points, _Share(kind=kind, k=k)):
                places[low : low + len(found), : found.shape[1]] = found
                progress((low + len(found)) / n)
        else:
            learned = INDEXES[kind].of(d, n, points[: training_rows(n)]).learned
            shares = [
                _Share(kind=kind, k=k, number=number, shares=engine.width, learned=learned)
                for number in range(engine.width)
            ]
            for part in engine.spread(_searched, points, shares):
                for low, found in part:
                    places[low : low + len(found), : found.shape[1]] = found
        recall = 1.0 if INDEXES[kind].exact else _recall(points, places, bounds)
    places.flags.writeable = False
    return PreviousRows(places=places, bounds=bounds, index=kind, recall=recall)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Share:
    """Every so many-th generation, whose rows are to be searched for; an index grows alike for all of them."""

    kind: str
    k: int
    number: int = 0
    shares: int = 1
    learned: Points | None = None


def _search_share(points: Points, share: _Share) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
    """Yield the first row of each of its generations, and the places (rows, k or fewer) that were found."""
    n, d = points.shape
    bounds = generations(n)
    index = INDEXES[share.kind].of(d, n, points[: training_rows(n)], share.learned)
    for number, (before, low, high) in enumerate(zip(bounds, bounds[1:], bounds[2:], strict=False)):
        index.add(points[before:low])
        if number % share.shares == share.number:
            yield low, index.search(points[low:high], min(share.k, low))[1]
        else:
            index.prepare(min(share.k, low))


def _searched(points: Points, share: _Share) -> list[tuple[int, npt.NDArray[np.int64]]]:
    return [(low, found.astype(np.int32)) for low, found in _search_share(points, share)]


def _recall(points: npt.NDArray[np.float32], places: npt.NDArray[np.int32], bounds: tuple[int, ...]) -> float:
    """Return the share of the true nearest previous rows that were found, of rows of the last generation."""
    low = bounds[-2]
    asked = slice(low, low + MEASURED)
    exact = exact_index(points.shape[1])
    exact.add(points[:low])
    truth = exact.search(points[asked], places.shape[1])[1]
    return float(np.mean([np.isin(row, found).mean() for row, found in zip(truth, places[asked], strict=True)]))
