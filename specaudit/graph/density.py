"""How sparse it is around each row: the distance to its k-th neighbour."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from specaudit.graph.index import INDEXES, exact_queries, training_rows
from specaudit.graph.search import Floats, faiss_threads

BLOCK = 1 << 14


def neighbour_distances(rows: npt.NDArray[np.float32], k: int, *, threads: int = 1) -> Floats:
    """Return the distance (u,) of each of the different `rows` (u, d), in random order, to its k-th neighbour.

    With fewer other rows it is the farthest of them. The search is exhaustive while that is affordable; above it IVF,
    which may miss neighbours and so overstate a distance.
    """
    points = rows - rows.mean(axis=0)
    n, d = points.shape
    k = min(k, n - 1)
    found = np.empty(n)
    with faiss_threads(threads):
        index = INDEXES["flat" if n <= exact_queries(n, d) else "ivf"].of(d, n, points[: training_rows(n)])
        index.add(points)
        for start in range(0, n, BLOCK):
            part = np.arange(start, min(start + BLOCK, n))
            places = index.search(points[part], k + 1)[1]
            # float32 need not put a row before its nearest ones: it is taken out by its place
            others = np.take_along_axis(places, np.argsort(places == part[:, None], axis=1, kind="stable"), axis=1)
            last = others[:, k - 1]
            distance = np.linalg.norm(points[part].astype(np.float64) - points[last], axis=1)
            found[part] = np.where(last < 0, np.inf, distance)
    return found
