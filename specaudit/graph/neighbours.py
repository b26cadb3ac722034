"""The nearest different rows of sampled rows, among all unique rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from specaudit.embeddings import Embeddings
from specaudit.errors import InputError
from specaudit.graph.search import (
    Array,
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
    split_rows,
)
from specaudit.scan import Normalize, Scan

Progress = Callable[[str, float], None]

WORK = 4e11  # floating-point operations that a search may take
FEWEST_QUERIES = 256


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
    queries = scan.sample.rows[:count]
    whole = scan.unique_rows == len(sample)
    blocks = split_rows(scan.sample.rows, sample) if whole else read_rows(embeddings, _first_copies(scan))
    copies = Copies(queries=scan.contents[queries], rows=scan.contents)
    searching = Search.of(sample[:count], Space.around(sample, normalize), copies)
    best = Nearest.none(count, min(k, scan.unique_rows - 1))
    done = 0
    with faiss_threads(threads):
        for block in blocks:
            best = searching.extend(best, block)
            done += len(block.rows)
            if progress is not None:
                progress("neighbours", done / scan.unique_rows)
    return Neighbours(
        queries=frozen(queries.copy()),
        rows=frozen(best.rows),
        distances=frozen(best.distances),
        index="exact",
        recall=1.0,
        candidates=scan.unique_rows,
        normalize=normalize,
    )


def _count_queries(scan: Scan, max_queries: int | None) -> int:
    count = len(scan.sample.rows)
    count = min(count, max(FEWEST_QUERIES, int(WORK / (2 * scan.unique_rows * scan.dimensions))))
    return count if max_queries is None else min(count, max_queries)


def _first_copies(scan: Scan) -> Flags:
    """Return which rows (rows,) are the first copy of a usable row."""
    usable = np.flatnonzero(scan.usable)
    first = np.zeros(scan.rows, np.bool_)
    first[usable[np.unique(scan.contents[usable], return_index=True)[1]]] = True
    return first
