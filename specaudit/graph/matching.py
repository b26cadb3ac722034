"""The rows of a data set that are nearest to rows of another, and matches of the two."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from specaudit.embeddings import Embeddings, Normalize
from specaudit.errors import InputError
from specaudit.graph.search import (
    TYPICAL,
    Array,
    Flags,
    Floats,
    Integers,
    Nearest,
    Space,
    faiss_threads,
    frozen,
    search_rows,
)

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class NearestRows:
    """The nearest of some rows of a data set to each query; arrays are read-only."""

    rows: Integers = field(repr=False)  # (q,) row number in the searched data set, -1 where none was searched
    distances: Floats = field(repr=False)  # (q,) Euclidean, float64 by subtraction, infinite where there is none


def nearest_rows(
    queries: Array,
    embeddings: Embeddings,
    wanted: Flags,
    *,
    normalize: Normalize = "none",
    threads: int | None = None,
    progress: Progress | None = None,
) -> NearestRows:
    """Return the nearest wanted row to each query, and its distance.

    The embeddings are read once, in blocks, whatever the number of queries. The search is as exact as that of
    ``nearest_neighbours``, but a row that holds the same numbers as the query counts: it is at distance 0. Of
    equally near rows the first is taken. Queries and rows may be stored in different types.

    Parameters
    ----------
    queries
        (q, d) rows as they are stored (not normalized); q may be 0.
    wanted
        (rows,) which rows of the embeddings are searched. They must be usable as a scan says; one copy of each
        is enough, and many copies take time.
    normalize
        With "l2", rows and queries are compared after division by their norm.
    progress
        Called with the fraction of wanted rows searched.

    Raises
    ------
    InputError
        The queries have other dimensions than the embeddings or no usable norm, or there are not as many flags as
        rows.
    """
    _check_shapes(queries, embeddings, wanted)
    _check_values(queries, embeddings, normalize)
    best = Nearest.none(len(queries), 1)
    total, done = int(np.count_nonzero(wanted)), 0

    def told(rows: int) -> None:
        nonlocal done
        done += rows
        if progress is not None:
            progress(done / total)

    if len(queries) and total:
        space = Space.around(queries[:: -(-len(queries) // TYPICAL)], normalize)
        with faiss_threads(threads):
            best = search_rows(embeddings, wanted, queries, space, k=1, progress=told)
    elif progress is not None:
        progress(1.0)
    return NearestRows(rows=frozen(best.rows[:, 0]), distances=frozen(best.distances[:, 0]))


def one_to_one(found: NearestRows, tolerance: float) -> Integers:
    """Return the row (q,) that each query is matched with, -1 where there is none; no row is matched twice.

    A query is matched with its nearest row if that is no further than ``tolerance``. Where several queries have the
    same nearest row, the nearest of them gets it, the first of equally near ones; the others stay unmatched, even if
    another row is within the tolerance.
    """
    close = np.flatnonzero((found.rows >= 0) & (found.distances <= tolerance))
    close = close[np.argsort(found.distances[close], kind="stable")]
    rows, winners = np.unique(found.rows[close], return_index=True)
    matched = np.full(len(found.rows), -1)
    matched[close[winners]] = rows
    return frozen(matched)


def _check_shapes(queries: Array, embeddings: Embeddings, wanted: Flags) -> None:
    if queries.ndim != 2 or queries.shape[1] != embeddings.dimensions:
        raise InputError(
            f"{embeddings.name}: queries of shape {queries.shape}, expected (any, {embeddings.dimensions})",
            next_step="compare embeddings of one model",
        )
    if wanted.shape != (embeddings.rows,):
        raise InputError(
            f"{embeddings.name}: flags of shape {wanted.shape}, expected ({embeddings.rows},)",
            next_step="flag each row as searched or not",
        )


def _check_values(queries: Array, embeddings: Embeddings, normalize: Normalize) -> None:
    bad = np.flatnonzero(~Space.holds(queries, normalize))
    if len(bad):
        raise InputError(
            f"{embeddings.name}: {len(bad):,} of {len(queries):,} queries cannot be compared with its rows: "
            f"their norm is infinite or no number, or zero under l2 (first: query {bad[0]})",
            next_step="take usable rows as queries",
        )
