"""The rows of a sample in memory that are nearest to each of some rows."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from specaudit.graph.search import exact_index, faiss_threads

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

BLOCK = 1 << 22
"""Numbers of a temporary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsAround:
    """The nearest rows of a sample to each query, ascending.

    Attributes
    ----------
    places
        (q, k) in the sample.
    distances
        (q, k) by subtraction, in units of the rows.
    """

    places: Integers = field(repr=False)
    distances: Floats = field(repr=False)


def rows_around(
    rows: Floats, queries: Floats | None = None, *, neighbors: int, threads: int | None = None
) -> RowsAround:
    """Return the nearest of `rows` (n, d) to each of `queries` (q, d), or to each other where there are none.

    Rows must be of a scale whose squares float32 holds; they are searched in float32, exhaustively, and what is found
    is measured and ordered in float64.
    """
    own = queries is None
    points = rows if queries is None else queries
    asked = min(neighbors + own, len(rows))
    index = exact_index(rows.shape[1])
    index.add(rows.astype(np.float32))
    with faiss_threads(threads):
        places = index.search(points.astype(np.float32), asked)[1].astype(np.int64)
    if own:  # a copy in float32 may come before the row itself
        itself = places == np.arange(len(rows))[:, None]
        places = np.take_along_axis(places, np.argsort(itself, axis=1, kind="stable"), axis=1)[:, : asked - 1]
    distances = np.empty(places.shape)
    step = max(1, BLOCK // (rows.shape[1] * places.shape[1]))
    for start in range(0, len(points), step):
        part = slice(start, start + step)
        distances[part] = np.linalg.norm(rows[places[part]] - points[part, None], axis=2)
    order = np.argsort(distances, axis=1, kind="stable")
    return RowsAround(
        places=np.take_along_axis(places, order, axis=1), distances=np.take_along_axis(distances, order, axis=1)
    )
