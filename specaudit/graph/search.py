"""The search for nearest rows by exact distances, block by block; the only module that imports faiss."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from specaudit.embeddings import Band, Embeddings, Normalize

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Hashes = npt.NDArray[np.uint64]

SPARE = 6  # candidates asked for beyond k, since float32 distances misorder close ones
TYPICAL = 1024  # rows that tell the centre and the scale
BLOCK = 16 << 20  # bytes of rows searched at once
CHUNK = 1 << 22  # numbers of a float64 temporary
SINGLE, DOUBLE = np.finfo(np.float32), np.finfo(np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Different rows, as they are stored."""

    rows: Integers  # (b,) row numbers
    values: Array  # (b, d)


@dataclass(frozen=True, slots=True, kw_only=True)
class Copies:
    """The hashes that tell the copies of a query from its neighbours."""

    queries: Hashes  # (q,)
    rows: Hashes  # of all rows

    def find(self, part: Integers, rows: Integers) -> Flags:
        """Return which of the ``rows`` (p, c) hold the same numbers as the queries ``part`` (p,)."""
        return np.asarray(self.rows[rows] == self.queries[part][:, None])


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """The nearest rows in what was searched."""

    rows: Integers  # (q, k), -1 where there is none
    distances: Floats  # (q, k), infinite where there is none

    @classmethod
    def none(cls, queries: int, k: int) -> Nearest:
        """Return empty lists."""
        return cls(rows=np.full((queries, k), -1), distances=np.full((queries, k), np.inf))

    @classmethod
    def joined(cls, parts: Sequence[Nearest]) -> Nearest:
        """Return the lists of the queries of all parts."""
        return cls(
            rows=np.concatenate([part.rows for part in parts]),
            distances=np.concatenate([part.distances for part in parts]),
        )

    def part(self, queries: Integers | slice) -> Nearest:
        """Return the lists of some queries."""
        return Nearest(rows=self.rows[queries], distances=self.distances[queries])

    def moved(self, offset: int) -> Nearest:
        """Return the lists with other row numbers."""
        return Nearest(rows=self.rows + offset, distances=self.distances)

    def within(self, band: Band) -> Nearest:
        """Return what of the lists is in a band."""
        inside = (self.rows >= band.start) & (self.rows < band.stop)
        return Nearest(rows=np.where(inside, self.rows, -1), distances=np.where(inside, self.distances, np.inf))

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

    @staticmethod
    def holds(values: Array, normalize: Normalize) -> Flags:
        """Return which rows (p,) have a norm that is a number, and under "l2" one to divide by."""
        squared = np.empty(len(values))
        with np.errstate(over="ignore", invalid="ignore"):
            for part in _chunks(*values.shape):
                double = values[part].astype(np.float64)
                squared[part] = np.vecdot(double, double)
        return np.asarray(np.isfinite(squared) & ((normalize == "none") | (squared >= DOUBLE.tiny)))

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
    """A search by exact distances, block by block; candidates may also come from an index."""

    queries: Array  # (q, d) as they are stored
    copies: Copies | None  # where given, a copy of a query is not near it
    space: Space
    points: npt.NDArray[np.float32]  # (q, d) the queries in the space
    norms: Floats  # (q,) their squared norms

    @classmethod
    def of(cls, queries: Array, space: Space, copies: Copies | None = None) -> Search:
        """Return a search for these queries (q, d)."""
        points = space.single(queries)
        norms = np.einsum("ij,ij->i", points, points, dtype=np.float64)
        return cls(queries=queries, copies=copies, space=space, points=points, norms=norms)

    def extend(self, best: Nearest, block: Block) -> Nearest:
        """Return the nearest of what was known and of a block of rows that were not yet searched."""
        wanted = min(len(block.rows), self._enough(best) + SPARE)
        squared, near = _faiss_knn(self.points, self.space.single(block.values), wanted)
        found = self.refine(best, block, squared, near)
        # What faiss left out is at least as far in float32 as the last it returned.
        left_out = (near < 0).any(axis=1) | (wanted < len(block.rows))
        unsure = np.flatnonzero(left_out & ~(squared[:, -1] > self._reach(self._squared(found))))
        if len(unsure):
            again = self._extend_double(best, block, unsure)
            found.rows[unsure], found.distances[unsure] = again.rows, again.distances
        return found

    def refine(self, best: Nearest, block: Block, squared: Floats, near: Integers) -> Nearest:
        """Return the nearest of what was known and of candidates, by exact distances.

        Parameters
        ----------
        squared, near
            (q, c) their squared float32 distances in the space, ascending, and places in the block, -1 for none.
        """
        enough = self._enough(best)
        bound = self._squared(best)
        if near.shape[1] >= enough:
            bound = np.fmin(bound, self._reach(squared[:, enough - 1]))
        everyone = np.arange(len(self.points))
        return best.merge(self._measure(everyone, block, near, ~(squared > self._reach(bound)[:, None])))

    def _enough(self, best: Nearest) -> int:
        """Return how many rows hold the k nearest: one may be the query itself."""
        return int(best.rows.shape[1]) + (self.copies is not None)

    def _squared(self, best: Nearest) -> Floats:
        """Return the squared k-th distances (q,) in the space."""
        with np.errstate(over="ignore"):
            return np.asarray((best.distances[:, -1] / self.space.scale) ** 2)

    def _reach(self, squared: Floats) -> Floats:
        """Return how far the float32 and the true squared distance can be, when the other is ``squared``."""
        return _reach(squared, self.norms, self.points.shape[1], SINGLE)

    def _extend_double(self, best: Nearest, block: Block, part: Integers) -> Nearest:
        """Return what ``extend`` does for some queries, by all rows that float64 cannot tell from the nearest."""
        base = self.space.double(block.values)
        found = []
        for chunk in _chunks(len(part), len(base)):
            known = best.part(part[chunk])
            near, use = self._propose_double(known, base, part[chunk])
            found.append(known.merge(self._measure(part[chunk], block, near, use)))
        return Nearest.joined(found)

    def _propose_double(self, known: Nearest, base: Floats, part: Integers) -> tuple[Integers, Flags]:
        """Return places in ``base`` (p, c) and which of them may be among the nearest, by float64 distances."""
        points = self.space.double(self.queries[part])
        with np.errstate(over="ignore", invalid="ignore"):  # what is not a number rules nothing out
            norms = np.vecdot(points, points)
            squared = norms[:, None] + np.vecdot(base, base) - 2 * (points @ base.T)
        bound = self._squared(known)
        enough = self._enough(known)
        if len(base) >= enough:
            kth = np.partition(squared, enough - 1, axis=1)[:, enough - 1]
            bound = np.fmin(bound, _reach(kth, norms, base.shape[1], DOUBLE))
        use = ~(squared > _reach(bound, norms, base.shape[1], DOUBLE)[:, None])
        most = max(1, int(use.sum(axis=1).max()))
        near = np.argpartition(~use, most - 1, axis=1)[:, :most]
        return near, np.take_along_axis(use, near, axis=1)

    def _measure(self, part: Integers, block: Block, near: Integers, use: Flags) -> Nearest:
        """Return the exact distances of some queries to the rows ``near`` (p, c) of a block where ``use``."""
        rows = np.where(near < 0, -1, block.rows[near])
        use = use & (near >= 0)
        if self.copies is not None:
            use &= ~self.copies.find(part, rows)
        query, column = np.nonzero(use)
        found = Nearest.none(*near.shape)
        for pairs in _chunks(len(query), block.values.shape[1]):
            i, j = query[pairs], column[pairs]
            found.rows[i, j] = rows[i, j]
            found.distances[i, j] = self.space.distances(self.queries[part[i]], block.values[near[i, j]])
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """A search in a band of b rows, which are numbered from 0."""

    queries: Array  # (q, d)
    hashes: Hashes | None  # (q,)
    space: Space
    wanted: Flags  # (b,)
    contents: Hashes | None  # (b,)
    best: Nearest  # known before, in rows outside of the band, whose numbers are negative or at least b


def search_rows(
    embeddings: Embeddings,
    wanted: Flags,
    queries: Array,
    space: Space,
    *,
    k: int,
    copies: Copies | None = None,
    progress: Callable[[int], None] = lambda rows: None,
) -> Nearest:
    """Return the ``k`` nearest of the ``wanted`` rows (rows,) to each query (q, d), reading the embeddings once.

    What was found in a band narrows the search in later ones and changes nothing else, so that bands may be searched
    in any order. ``progress`` is told how many wanted rows were searched.
    """
    best = Nearest.none(len(queries), k)
    bands = [band for band in embeddings.bands() if wanted[band.rows].any()]

    def jobs() -> Iterator[tuple[Band, _Job]]:
        for band in bands:
            hashes, contents = (None, None) if copies is None else (copies.queries, copies.rows[band.rows])
            yield band, _Job(
                queries=queries, hashes=hashes, space=space, wanted=wanted[band.rows], contents=contents,
                best=best.moved(-band.start),
            )  # fmt: skip

    for band, found in zip(bands, embeddings.map(_search_band, jobs()), strict=True):
        best = best.merge(found.moved(band.start).within(band))
        progress(int(np.count_nonzero(wanted[band.rows])))
    return best


def _search_band(part: Embeddings, job: _Job) -> Nearest:
    copies = None
    if job.hashes is not None and job.contents is not None:
        copies = Copies(queries=job.hashes, rows=job.contents)
    searching, best = Search.of(job.queries, job.space, copies), job.best
    for block in read_rows(part, job.wanted):
        best = searching.extend(best, block)
    return best


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


def _reach(squared: Floats, norms: Floats, dimensions: int, limits: np.finfo[Any]) -> Floats:
    """Return how far the computed and the true squared distance can be, when the other is ``squared``.

    Rows within r of a query x have norms up to |x| + r, and products err in proportion to the squared norms:
    by the rounding of the coordinates and of a sum of d products; also by what is too small to hold. Where
    the squares may overflow, nothing is known.
    """
    squared = np.maximum(squared, 0)  # rounding can make it negative
    with np.errstate(over="ignore"):
        squares = norms + (np.sqrt(norms) + np.sqrt(squared)) ** 2
        reach = squared + limits.eps * (4 + np.sqrt(dimensions)) * squares + dimensions * limits.tiny
    return np.where(squares < limits.max / 4, reach, np.inf)


def _normalized(values: Array, normalize: Normalize) -> Floats:
    double = values.astype(np.float64, order="C")  # sums in one order, so that copies have the same norm
    if normalize == "l2":
        double /= np.linalg.norm(double, axis=1, keepdims=True)
    return double


def _chunks(count: int, width: int) -> Iterator[slice]:
    """Yield slices that cover ``count`` rows of ``width`` numbers, a bounded amount each."""
    step = max(1, CHUNK // width)
    for low in range(0, count, step):
        yield slice(low, min(count, low + step))


def load_faiss() -> Any:
    """Return the library, imported at the first call."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its generated bindings, at import
        import faiss
    return faiss


def _faiss_knn(queries: npt.NDArray[np.float32], base: npt.NDArray[np.float32], k: int) -> tuple[Floats, Integers]:
    """Return squared float32 distances (q, k), ascending, and places in ``base`` (q, k), -1 for none."""
    squared, places = load_faiss().knn(queries, base, k)
    return squared.astype(np.float64), places


def exact_index(dimensions: int) -> Any:
    """Return an empty faiss index that is searched exhaustively; rows may be added between searches."""
    return load_faiss().IndexFlatL2(dimensions)


@contextmanager
def faiss_threads(threads: int | None) -> Iterator[None]:
    """Let faiss use so many threads for a while."""
    faiss = load_faiss()
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
