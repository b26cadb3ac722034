"""Nearest neighbours among all unique rows; the only module that imports faiss."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from specaudit.embeddings import Embeddings
from specaudit.errors import InputError
from specaudit.scan import Normalize, Scan

Progress = Callable[[str, float], None]
Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

WORK = 4e11  # floating-point operations that a search may take
FEWEST_QUERIES = 256
SPARE = 6  # candidates asked for beyond k, since float32 distances misorder close ones
TYPICAL = 1024  # rows that tell the centre and the scale
BLOCK = 16 << 20  # bytes of rows searched at once
CHUNK = 1 << 22  # numbers of a float64 temporary
EPSILON = float(np.finfo(np.float32).eps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """The nearest different rows of a hash sample of unique rows; arrays are read-only.

    Distances are Euclidean, between rows as they are audited (divided by their norm under "l2"). A row that
    holds the same numbers as the query is not a neighbour of it, and each unique row counts once.
    """

    queries: Integers = field(repr=False)  # (q,) row numbers, the first of the sample
    rows: Integers = field(repr=False)  # (q, k) row numbers of one copy of each neighbour, nearest first
    distances: Floats = field(repr=False)  # (q, k) >= 0, ascending, float64 by subtraction
    index: str  # "exact"
    recall: float | None  # share of the true neighbours that were found; None where not measured
    candidates: int  # unique rows searched
    normalize: Normalize

    @property
    def nearest(self) -> Floats:
        """Distance of each query to its nearest row, (q,)."""
        return self.distances[:, 0]

    @property
    def nearest_min(self) -> float:
        """Smallest nearest distance."""
        return float(self.nearest.min())

    @property
    def nearest_low(self) -> float:
        """5 % quantile of the nearest distance."""
        return float(np.quantile(self.nearest, 0.05))

    @property
    def nearest_median(self) -> float:
        """Median of the nearest distance."""
        return float(np.median(self.nearest))

    def near_duplicate_fraction(self, radius: float) -> Share:
        """Return the share of unique rows whose nearest different row is closer than ``radius``."""
        value = float(np.mean(self.nearest < radius))
        count = len(self.queries)
        # Without replacement: nothing is left uncertain when every unique row was a query.
        unseen = (self.candidates - count) / max(1, self.candidates - 1)
        return Share(value=value, error=float(np.sqrt(value * (1 - value) / count * unseen)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A share of unique rows, estimated from a sample of them."""

    value: float  # in [0, 1]
    error: float  # standard error, binomial, for sampling without replacement


def nearest_neighbours(
    embeddings: Embeddings,
    scan: Scan,
    *,
    sample: Array,
    normalize: Normalize = "none",
    max_queries: int | None = None,
    k: int = 2,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Neighbours:
    """Return the ``k`` nearest different rows of sampled rows among all unique usable rows.

    The first rows of the sample (a sample by themselves) are compared with all unique rows: those of the
    sample when it holds them all, else all rows, read once in blocks. There are as many queries as 4e11
    operations allow, but at least 256. The search is exact: faiss proposes candidates from
    float32 distances of centred rows, distances are recomputed by subtraction, and where float32 cannot
    prove that no nearer row was missed, the block is searched in float64.

    Parameters
    ----------
    sample
        (m, d) the rows ``scan.sample.rows`` as they are stored (not normalized).
    max_queries
        Most queries; by default all of the sample, or what the operations allow.
    k
        Neighbours per query; fewer when there are no more different rows.
    progress
        Called with "neighbours" and the fraction of rows searched.

    Raises
    ------
    InputError
        The sample is not that of the scan.
    """
    expected = (len(scan.sample.rows), scan.dimensions)
    if sample.shape != expected:
        raise InputError(
            f"{embeddings.name}: sample of shape {sample.shape}, expected {expected}",
            next_step="take the rows of this scan's sample",
        )
    count = _count_queries(scan, max_queries)
    queries = _Block(rows=scan.sample.rows[:count], values=sample[:count])
    whole = scan.unique_rows == len(sample)
    blocks = _sample_blocks(scan, sample) if whole else _unique_blocks(embeddings, scan)
    searching = _Search.of(queries, _Space.around(sample, normalize), scan.contents)
    best = _Nearest.none(count, min(k, scan.unique_rows - 1))
    done = 0
    with _faiss_threads(threads):
        for block in blocks:
            best = searching.extend(best, block)
            done += len(block.rows)
            if progress is not None:
                progress("neighbours", done / scan.unique_rows)
    return Neighbours(
        queries=_frozen(queries.rows.copy()),
        rows=_frozen(best.rows),
        distances=_frozen(best.distances),
        index="exact",
        recall=1.0,
        candidates=scan.unique_rows,
        normalize=normalize,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """Different rows, as they are stored."""

    rows: Integers  # (b,) row numbers
    values: Array  # (b, d)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Nearest:
    """The nearest rows in what was searched."""

    rows: Integers  # (q, k), -1 where there is none
    distances: Floats  # (q, k), infinite where there is none

    @classmethod
    def none(cls, queries: int, k: int) -> _Nearest:
        """Return empty lists."""
        return cls(rows=np.full((queries, k), -1), distances=np.full((queries, k), np.inf))

    def merge(self, other: _Nearest) -> _Nearest:
        """Return the nearest of both, as many as here, ascending; equally near ones go by row number."""
        rows = np.concatenate([self.rows, other.rows], axis=1)
        distances = np.concatenate([self.distances, other.distances], axis=1)
        order = np.lexsort((rows, distances), axis=1)[:, : self.rows.shape[1]]
        return _Nearest(
            rows=np.take_along_axis(rows, order, axis=1),
            distances=np.take_along_axis(distances, order, axis=1),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Space:
    """The coordinates in which rows are compared: normalized; for faiss also moved and scaled."""

    normalize: Normalize
    centre: Floats  # (d,)
    scale: float  # length that becomes 1

    @classmethod
    def around(cls, sample: Array, normalize: Normalize) -> _Space:
        """Return the space around the median of the sample, which a few huge rows do not move."""
        points = _normalized(sample[:TYPICAL], normalize)
        centre = np.median(points, axis=0)
        scale = float(np.median(np.linalg.norm(points - centre, axis=1)))
        return cls(normalize=normalize, centre=centre, scale=scale or 1.0)

    def double(self, values: Array) -> Floats:
        """Return moved and scaled rows."""
        return (_normalized(values, self.normalize) - self.centre) / self.scale

    def single(self, values: Array) -> npt.NDArray[np.float32]:
        """Return moved and scaled rows in float32; those beyond it become infinite."""
        out = np.empty(values.shape, np.float32)
        with np.errstate(over="ignore"):
            for part in _chunks(len(values), values.shape[1]):
                out[part] = self.double(values[part])
        return out

    def distances(self, a: Array, b: Array) -> Floats:
        """Return the distances of paired rows (p, d), by subtraction, neither moved nor scaled."""
        difference = _normalized(a, self.normalize) - _normalized(b, self.normalize)
        return np.asarray(np.linalg.norm(difference, axis=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    """An exact search, block by block; an approximate index would take its place."""

    queries: _Block
    space: _Space
    contents: npt.NDArray[np.uint64]  # of all rows
    points: npt.NDArray[np.float32]  # (q, d) the queries in the space
    norms: Floats  # (q,) their squared norms

    @classmethod
    def of(cls, queries: _Block, space: _Space, contents: npt.NDArray[np.uint64]) -> _Search:
        """Return a search for these queries."""
        points = space.single(queries.values)
        norms = np.einsum("ij,ij->i", points, points, dtype=np.float64)
        return cls(queries=queries, space=space, contents=contents, points=points, norms=norms)

    def extend(self, best: _Nearest, block: _Block) -> _Nearest:
        """Return the nearest of what was known and of a block of rows that were not yet searched."""
        k = best.rows.shape[1]
        wanted = min(len(block.rows), k + 1 + SPARE)  # one may be the query itself
        squared, near = _faiss_knn(self.points, self.space.single(block.values), wanted)
        bound = self._squared(best)
        if wanted > k:
            bound = np.fmin(bound, self._reach(squared[:, k]))
        everyone = np.arange(len(self.points))
        found = self._measure(everyone, block, near, squared <= self._reach(bound)[:, None])
        merged = best.merge(found)
        # What faiss left out is at least as far in float32 as the last it returned.
        unsure = np.flatnonzero(~(squared[:, -1] > self._reach(self._squared(merged))))
        if wanted == len(block.rows) or not len(unsure):
            return merged
        again = self._search_double(unsure, block, wanted)
        found.rows[unsure], found.distances[unsure] = again.rows, again.distances
        return best.merge(found)

    def _squared(self, best: _Nearest) -> Floats:
        """Return the squared k-th distances (q,) in the space."""
        return np.asarray((best.distances[:, -1] / self.space.scale) ** 2)

    def _reach(self, squared: Floats) -> Floats:
        """Return how far the float32 and the true squared distance can be, when the other is ``squared``.

        Rows within r of a query x have norms up to |x| + r, and float32 errs in proportion to the squared
        norms: by the rounding of the coordinates and of a sum of d products.
        """
        squared = np.maximum(squared, 0)  # rounding can make it negative
        squares = self.norms + (np.sqrt(self.norms) + np.sqrt(squared)) ** 2
        return np.asarray(squared + EPSILON * (4 + np.sqrt(self.points.shape[1])) * squares)

    def _search_double(self, part: Integers, block: _Block, wanted: int) -> _Nearest:
        """Return the nearest rows in a block for some queries, proposed by float64 distances."""
        base = self.space.double(block.values)
        squares = np.einsum("ij,ij->i", base, base)
        found = []
        for chunk in _chunks(len(part), len(base)):
            queries = self.space.double(self.queries.values[part[chunk]])
            near = np.argpartition(squares - 2 * (queries @ base.T), wanted - 1, axis=1)[:, :wanted]
            found.append(self._measure(part[chunk], block, near, np.ones(near.shape, np.bool_)))
        return _Nearest(
            rows=np.concatenate([n.rows for n in found]),
            distances=np.concatenate([n.distances for n in found]),
        )

    def _measure(self, part: Integers, block: _Block, near: Integers, use: Flags) -> _Nearest:
        """Return the exact distances of some queries to the rows ``near`` (p, c) of a block where ``use``."""
        rows = np.where(near < 0, -1, block.rows[near])
        own = self.contents[rows] == self.contents[self.queries.rows[part]][:, None]
        query, column = np.nonzero(use & (near >= 0) & ~own)
        found = _Nearest.none(*near.shape)
        for pairs in _chunks(len(query), block.values.shape[1]):
            i, j = query[pairs], column[pairs]
            found.rows[i, j] = rows[i, j]
            found.distances[i, j] = self.space.distances(self.queries.values[part[i]], block.values[near[i, j]])
        return found


def _count_queries(scan: Scan, max_queries: int | None) -> int:
    count = len(scan.sample.rows)
    count = min(count, max(FEWEST_QUERIES, int(WORK / (2 * scan.unique_rows * scan.dimensions))))
    return count if max_queries is None else min(count, max_queries)


def _sample_blocks(scan: Scan, sample: Array) -> Iterator[_Block]:
    step = max(1, BLOCK // (4 * scan.dimensions))
    for low in range(0, len(sample), step):
        yield _Block(rows=scan.sample.rows[low : low + step], values=sample[low : low + step])


def _unique_blocks(embeddings: Embeddings, scan: Scan) -> Iterator[_Block]:
    """Yield one copy of each usable row."""
    usable = np.flatnonzero(scan.usable)
    first = np.zeros(scan.rows, np.bool_)
    first[usable[np.unique(scan.contents[usable], return_index=True)[1]]] = True
    for block in embeddings.blocks(BLOCK):
        rows = np.flatnonzero(first[block.start : block.start + len(block.values)])
        if len(rows):
            values = block.values if len(rows) == len(block.values) else block.values[rows]
            yield _Block(rows=block.start + rows, values=values)


def _normalized(values: Array, normalize: Normalize) -> Floats:
    double = values.astype(np.float64)
    if normalize == "l2":
        double /= np.linalg.norm(double, axis=1, keepdims=True)
    return double


def _chunks(count: int, width: int) -> Iterator[slice]:
    """Yield slices that cover ``count`` rows of ``width`` numbers, a bounded amount each."""
    step = max(1, CHUNK // width)
    for low in range(0, count, step):
        yield slice(low, min(count, low + step))


def _faiss() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its generated bindings, at import
        import faiss
    return faiss


def _faiss_knn(queries: npt.NDArray[np.float32], base: npt.NDArray[np.float32], k: int) -> tuple[Floats, Integers]:
    """Return squared float32 distances (q, k), ascending, and places in ``base`` (q, k), -1 for none."""
    squared, places = _faiss().knn(queries, base, k)
    return squared.astype(np.float64), places


@contextmanager
def _faiss_threads(threads: int | None) -> Iterator[None]:
    faiss = _faiss()
    before = faiss.omp_get_max_threads()
    if threads is not None:
        faiss.omp_set_num_threads(threads)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _frozen(array: Array) -> Array:
    array.flags.writeable = False
    return array
