"""The nearest different rows of all unique rows, or of a sample of them, among all unique rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from specaudit.embeddings import Embeddings, Normalize
from specaudit.errors import InputError
from specaudit.graph.index import INDEXES, Index, Points, choose_index, exact_queries, training_rows
from specaudit.graph.search import (
    BLOCK,
    SPARE,
    Array,
    Block,
    Copies,
    Flags,
    Floats,
    Integers,
    Nearest,
    Search,
    Space,
    faiss_threads,
    frozen,
    read_rows,
    search_rows,
    split_rows,
)
from specaudit.scan import Scan

Progress = Callable[[str, float], None]

RECALLED = 1024  # queries that tell the recall of an approximate index, if the operations allow
ASKED = 64 << 20  # bytes of queries, and of what is found, that are compared with all rows in one reading
CANDIDATES = 700  # bytes of what is known of the candidates of a query while they are measured
FAR = 1e15  # coordinates in an approximate index, at most: their squares are within float32


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """The nearest different rows of unique rows; arrays are read-only.

    Distances are Euclidean, between rows as they are audited (divided by their norm under "l2"). A row that
    holds the same numbers as the query is not a neighbour of it, and each unique row counts once.
    """

    queries: Integers = field(repr=False)  # (q,) row numbers: all unique rows, or the first of the sample
    rows: Integers = field(repr=False)  # (q, k) row numbers of one copy of each neighbour, nearest first, -1 for none
    distances: Floats = field(repr=False)  # (q, k) >= 0, ascending, float64 by subtraction, infinite for none
    index: str  # "exact" or the kind of approximate index
    deterministic: bool  # whether another run finds the same neighbours whatever its threads
    recall: float  # share of the true neighbours that were found, measured on a sample of the rows; 1 when exact
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
    index: str = "auto",
    max_queries: int | None = None,
    k: int = 2,
    max_memory: int | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Neighbours:
    """Return the ``k`` nearest different rows of unique rows among all unique usable rows.

    All unique rows are queries if that is affordable (``specaudit.graph.index.choose_index``), else the first rows
    of the sample, which are a sample by themselves: as many as 4e11 operations allow, but at least 256. Rows are read
    in blocks, those of the sample from memory when it holds them all.

    The exhaustive search is exact: faiss proposes candidates from float32 distances of centred rows, distances are
    recomputed by subtraction, and where float32 cannot prove that no nearer row was missed, the block is searched
    in float64. An approximate index proposes candidates of which it may miss some; their distances are recomputed
    alike, and the share of the true neighbours that it finds is measured on the first rows of the sample.

    Parameters
    ----------
    sample
        (m, d) the rows ``scan.sample.rows`` as they are stored (not normalized).
    index
        A name of ``INDEXES``, whatever its cost, or "auto".
    max_queries
        Most queries, taken from the sample; by default as many as the costs allow.
    k
        Neighbours per query; fewer when there are no more different rows.
    max_memory
        Bytes that an index chosen by "auto" may take.
    progress
        Called with "neighbours" and the fraction done.

    Raises
    ------
    InputError
        The sample is not that of the scan.
    ConfigError
        The index is unknown.
    """
    expected = (len(scan.sample.rows), scan.dimensions)
    if sample.shape != expected:
        raise InputError(
            f"{embeddings.name}: sample of shape {sample.shape}, expected {expected}",
            next_step="take the rows of this scan's sample",
        )
    choice = choose_index(index, scan.unique_rows, scan.dimensions, memory=max_memory)
    pool = _Pool(
        embeddings=embeddings,
        scan=scan,
        sample=sample,
        space=Space.around(sample, normalize),
        k=min(k, scan.unique_rows - 1),
    )
    queries = pool.rows if choice.everyone and max_queries is None else pool.sampled(max_queries)
    kind, recall = INDEXES[choice.kind], 1.0

    def tell(done: float) -> None:
        if progress is not None:
            progress("neighbours", done)

    with faiss_threads(threads):
        if kind.exact:
            found = pool.compare(queries, tell)
        else:
            filled = pool.fill(kind, tell)
            asked = pool.sampled(RECALLED)
            truth = pool.compare(asked)
            recall = float(np.mean(pool.ask(filled, asked).distances <= truth.distances[:, -1:]))
            found = pool.ask(filled, queries, tell)
    return Neighbours(
        queries=frozen(queries.copy()),
        rows=frozen(found.rows),
        distances=frozen(found.distances),
        index="exact" if kind.exact else choice.kind,
        deterministic=kind.deterministic,
        recall=recall,
        candidates=scan.unique_rows,
        normalize=normalize,
    )


@dataclass(frozen=True, kw_only=True)
class _Pool:
    """The unique rows, and the two ways to find the nearest ones of some of them."""

    embeddings: Embeddings
    scan: Scan
    sample: Array  # (m, d) as they are stored
    space: Space
    k: int

    @property
    def whole(self) -> bool:
        """Whether the sample holds all unique rows."""
        return self.scan.unique_rows == len(self.sample)

    @cached_property
    def rows(self) -> Integers:
        """Row numbers (unique,) in the order of ``blocks``."""
        return self.scan.sample.rows if self.whole else np.flatnonzero(self.first)

    @cached_property
    def first(self) -> Flags:
        """Which rows (rows,) are searched: the first copy of each usable one."""
        return _first_copies(self.scan)

    def sampled(self, most: int | None) -> Integers:
        """Return the first rows of the sample: as many as may be compared with all, and at most so many."""
        return self.scan.sample.rows[: exact_queries(self.scan.unique_rows, self.scan.dimensions)][:most]

    def blocks(self) -> Iterator[Block]:
        """Yield all unique rows."""
        if self.whole:
            return split_rows(self.rows, self.sample)
        return read_rows(self.embeddings, self.first)

    def compare(self, queries: Integers, tell: Callable[[float], None] = lambda done: None) -> Nearest:
        """Return the nearest of all unique rows to each query (q,), exactly."""
        parts, done = [], 0
        total = self.scan.unique_rows * len(queries)
        for part in self._parts(queries, ASKED, 1):

            def told(rows: int, count: int = len(part)) -> None:
                nonlocal done
                done += rows * count
                tell(done / total)

            parts.append(self._compare(part, told))
        return Nearest.joined(parts)

    def _compare(self, queries: Integers, told: Callable[[int], None]) -> Nearest:
        if not self.whole:
            copies = Copies(queries=self.scan.contents[queries], rows=self.scan.contents)
            wanted, values = self.first, self.embeddings.take(queries)
            return search_rows(self.embeddings, wanted, values, self.space, k=self.k, copies=copies, progress=told)
        searching, best = self._search(queries), Nearest.none(len(queries), self.k)
        for block in self.blocks():
            best = searching.extend(best, block)
            told(len(block.rows))
        return best

    def fill(self, kind: type[Index], tell: Callable[[float], None]) -> Index:
        """Return an index of all unique rows, trained on the last of the sample: its first tell the recall."""
        size = self.scan.unique_rows
        filled = kind.of(self.scan.dimensions, size, self._points(self.sample[::-1][: training_rows(size)]))
        done = 0
        for block in self.blocks():
            filled.add(self._points(block.values))
            done += len(block.rows)
            tell(done / size / 2)
        return filled

    def ask(self, filled: Index, queries: Integers, tell: Callable[[float], None] = lambda done: None) -> Nearest:
        """Return the nearest rows to each query (q,) among those that the index proposes."""
        parts, done = [], 0
        wanted = min(self.scan.unique_rows, self.k + 1 + SPARE)
        for part in self._parts(queries, BLOCK, wanted):
            searching = self._search(part)
            squared, places = filled.search(np.clip(searching.points, -FAR, FAR), wanted)
            known = places >= 0
            rows, order = np.unique(self.rows[places[known]], return_inverse=True)
            near = np.full(places.shape, -1)
            near[known] = order
            block = Block(rows=rows, values=self.embeddings.take(rows))
            parts.append(searching.refine(Nearest.none(len(part), self.k), block, squared.astype(np.float64), near))
            done += len(part)
            tell(0.5 + done / len(queries) / 2)
        return Nearest.joined(parts)

    def _search(self, queries: Integers) -> Search:
        copies = Copies(queries=self.scan.contents[queries], rows=self.scan.contents)
        return Search.of(self.embeddings.take(queries), self.space, copies)

    def _points(self, values: Array) -> Points:
        return np.clip(self.space.single(values), -FAR, FAR)

    def _parts(self, queries: Integers, size: int, width: int) -> Iterator[Integers]:
        """Yield queries (q,) of which each comes with so many rows, a bounded amount at once."""
        step = max(1, size // (4 * self.scan.dimensions * width + CANDIDATES))
        for low in range(0, len(queries), step):
            yield queries[low : low + step]


def _first_copies(scan: Scan) -> Flags:
    """Return which rows (rows,) are the first copy of a usable row."""
    usable = np.flatnonzero(scan.usable)
    first = np.zeros(scan.rows, np.bool_)
    first[usable[np.unique(scan.contents[usable], return_index=True)[1]]] = True
    return first
