"""The exact search for nearest rows, block by block; the only module that imports faiss."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from specaudit.embeddings import Embeddings
from specaudit.scan import Normalize

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

SPARE = 6  # candidates asked for beyond k, since float32 distances misorder close ones
TYPICAL = 1024  # rows that tell the centre and the scale
BLOCK = 16 << 20  # bytes of rows searched at once
CHUNK = 1 << 22  # numbers of a float64 temporary
EPSILON = float(np.finfo(np.float32).eps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Different rows, as they are stored."""

    rows: Integers  # (b,) row numbers
    values: Array  # (b, d)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """The nearest rows in what was searched."""

    rows: Integers  # (q, k), -1 where there is none
    distances: Floats  # (q, k), infinite where there is none

    @classmethod
    def none(cls, queries: int, k: int) -> Nearest:
        """Return empty lists."""
        return cls(rows=np.full((queries, k), -1), distances=np.full((queries, k), np.inf))

    def merge(self, other: Nearest) -> Nearest:
        """Return the nearest of both, as many as here, ascending; equally near ones go by row number."""
        rows = np.concatenate([self.rows, other.rows], axis=1)
        distances = np.concatenate([self.distances, other.distances], axis=1)
        order = np.lexsort((rows, distances), axis=1)[:, : self.rows.shape[1]]
        return Nearest(
            rows=np.take_along_axis(rows, order, axis=1),
            distances=np.take_along_axis(distances, order, axis=1),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """The coordinates in which rows are compared: normalized; for faiss also moved and scaled."""

    normalize: Normalize
    centre: Floats  # (d,)
    scale: float  # length that becomes 1

    @classmethod
    def around(cls, sample: Array, normalize: Normalize) -> Space:
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
class Search:
    """An exact search, block by block; an approximate index would take its place."""

    queries: Block
    space: Space
    contents: npt.NDArray[np.uint64]  # of all rows
    points: npt.NDArray[np.float32]  # (q, d) the queries in the space
    norms: Floats  # (q,) their squared norms

    @classmethod
    def of(cls, queries: Block, space: Space, contents: npt.NDArray[np.uint64]) -> Search:
        """Return a search for these queries."""
        points = space.single(queries.values)
        norms = np.einsum("ij,ij->i", points, points, dtype=np.float64)
        return cls(queries=queries, space=space, contents=contents, points=points, norms=norms)

    def extend(self, best: Nearest, block: Block) -> Nearest:
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

    def _squared(self, best: Nearest) -> Floats:
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

    def _search_double(self, part: Integers, block: Block, wanted: int) -> Nearest:
        """Return the nearest rows in a block for some queries, proposed by float64 distances."""
        base = self.space.double(block.values)
        squares = np.einsum("ij,ij->i", base, base)
        found = []
        for chunk in _chunks(len(part), len(base)):
            queries = self.space.double(self.queries.values[part[chunk]])
            near = np.argpartition(squares - 2 * (queries @ base.T), wanted - 1, axis=1)[:, :wanted]
            found.append(self._measure(part[chunk], block, near, np.ones(near.shape, np.bool_)))
        return Nearest(
            rows=np.concatenate([n.rows for n in found]),
            distances=np.concatenate([n.distances for n in found]),
        )

    def _measure(self, part: Integers, block: Block, near: Integers, use: Flags) -> Nearest:
        """Return the exact distances of some queries to the rows ``near`` (p, c) of a block where ``use``."""
        rows = np.where(near < 0, -1, block.rows[near])
        own = self.contents[rows] == self.contents[self.queries.rows[part]][:, None]
        query, column = np.nonzero(use & (near >= 0) & ~own)
        found = Nearest.none(*near.shape)
        for pairs in _chunks(len(query), block.values.shape[1]):
            i, j = query[pairs], column[pairs]
            found.rows[i, j] = rows[i, j]
            found.distances[i, j] = self.space.distances(self.queries.values[part[i]], block.values[near[i, j]])
        return found


def split_rows(rows: Integers, values: Array) -> Iterator[Block]:
    """Yield rows that are in memory, ``values`` (m, d) of numbers ``rows`` (m,), a bounded amount each."""
    step = max(1, BLOCK // (4 * values.shape[1]))
    for low in range(0, len(rows), step):
        yield Block(rows=rows[low : low + step], values=values[low : low + step])


def read_rows(embeddings: Embeddings, wanted: Flags) -> Iterator[Block]:
    """Yield the rows that are ``wanted`` (rows,), reading the embeddings once; copy what you keep."""
    for block in embeddings.blocks(BLOCK):
        rows = np.flatnonzero(wanted[block.start : block.start + len(block.values)])
        if len(rows):
            values = block.values if len(rows) == len(block.values) else block.values[rows]
            yield Block(rows=block.start + rows, values=values)


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
def faiss_threads(threads: int | None) -> Iterator[None]:
    """Let faiss use so many threads for a while."""
    faiss = _faiss()
    before = faiss.omp_get_max_threads()
    if threads is not None:
        faiss.omp_set_num_threads(threads)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def frozen(array: Array) -> Array:
    """Return the array, made read-only."""
    array.flags.writeable = False
    return array
