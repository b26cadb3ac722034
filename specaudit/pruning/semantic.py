"""Semantic duplicates: how similar a row is to rows of its cluster that are kept before it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from specaudit.dataset import Hashes
from specaudit.kernels import FloatArray
from specaudit.pruning.clusters import Clusters

Rows = npt.NDArray[np.float32]

BLOCK = 2048
"""Rows of a tile of products."""


def earlier_similarity(rows: Rows, clusters: Clusters, keys: Hashes) -> FloatArray:
    """Return the largest cosine (u,) of each row to an earlier row of its cluster; -1 for the first of each.

    Rows far from the centroid come first, as in SemDeDup, so that of two similar rows the less typical one is kept.
    A row of norm zero is similar to none.
    """
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = (rows / np.where(norms > 0, norms, 1)).astype(np.float32)
    found = np.empty(len(rows))
    for members in clusters.members():
        order = members[np.lexsort((keys[members], -clusters.distances[members]))]
        found[order] = _largest_before(unit[order])
    return found


def _largest_before(unit: Rows) -> FloatArray:
    """Return the largest product (m,) of each row with one before it; -1 for the first."""
    found = np.full(len(unit), -1.0)
    for start in range(0, len(unit), BLOCK):
        later = unit[start : start + BLOCK]
        for low in range(0, start + 1, BLOCK):
            products = later @ unit[low : low + BLOCK].T
            if low == start:
                products[np.triu_indices(len(later))] = -1.0
            np.maximum(found[start : start + BLOCK], products.max(axis=1), out=found[start : start + BLOCK])
    return found
