"""The removed rows that are farthest from any kept row: where to look when a gate fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from specaudit.dataset import DataSet, IntArray
from specaudit.graph import nearest_rows
from specaudit.kernels import FloatArray, Normalize

MOST_QUERIES = 16_384
"""Removed rows whose distance to the kept ones is looked at, at most."""
FEWEST_QUERIES = 256
WORK = 4e11
"""Floating-point operations that the search may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedRows:
    """Removed rows with the distance to the nearest row that was kept, farthest first.

    Attributes
    ----------
    rows
        (m,) row numbers in BEFORE, one copy of each.
    distances
        (m,) in units of the (normalised) rows.
    """

    rows: IntArray = field(repr=False)
    distances: FloatArray = field(repr=False)


def removed_rows(
    before: DataSet,
    after: DataSet,
    removed: IntArray,
    *,
    normalize: Normalize,
    threads: int,
    progress: Callable[[float], None] = lambda fraction: None,
) -> RemovedRows:
    """Return the distances of the first of BEFORE's `removed` different rows to the nearest that AFTER has.

    `removed` (k,) are numbers among BEFORE's different rows, in random order; where the search would take too long,
    only as many are looked at as it may take.
    """
    kept = np.isin(before.unique_labels, after.unique_labels)
    affordable = WORK / (2.0 * max(kept.sum(), 1) * before.embeddings.dimensions)
    asked = removed[: int(np.clip(affordable, FEWEST_QUERIES, MOST_QUERIES))]
    if not (len(asked) and kept.any()):
        return RemovedRows(rows=np.empty(0, np.int64), distances=np.empty(0))
    wanted = np.zeros(before.embeddings.rows, np.bool_)
    wanted[before.places[kept]] = True
    places = before.places[asked]
    queries = before.embeddings.take(places)
    found = nearest_rows(queries, before.embeddings, wanted, normalize=normalize, threads=threads, progress=progress)
    order = np.lexsort((places, -found.distances))
    return RemovedRows(rows=places[order], distances=found.distances[order])
