"""Clusters of a data set's rows of which hardly any were kept."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from specaudit.dataset import IntArray
from specaudit.graph import rows_around
from specaudit.kernels import FloatArray
from specaudit.pruning.clusters import clusters_of

HARDLY = 1 / 4
"""A cluster is lost where its share of kept rows is below this part of the whole data set's."""
ERROR = 0.01
"""Error rate over all clusters, one-sided."""
MEDOIDS = 3
MOST_LOST = 10
"""Clusters that are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LostRows:
    """A cluster of rows that were lost.

    Attributes
    ----------
    rows
        Different rows of the data set in it, estimated.
    kept
        Share of them that were kept, estimated.
    medoids
        (3,) numbers, among the sampled removed rows, of those nearest to the cluster's centre.
    distances
        (3,) theirs to the nearest sampled kept row.
    """

    rows: float
    kept: float
    medoids: IntArray = field(repr=False)
    distances: FloatArray = field(repr=False)


def lost_clusters(kept: FloatArray, gone: FloatArray, *, totals: tuple[int, int], seed: int) -> tuple[LostRows, ...]:
    """Return the clusters that were lost, the largest first.

    Parameters
    ----------
    kept, gone
        (k, d) and (r, d) sampled rows that were kept, and that were removed.
    totals
        How many there are of each.
    """
    from scipy.stats import binom

    rows = np.concatenate([kept, gone])
    found = clusters_of(rows.astype(np.float32), np.ones(len(rows), np.int64), seed=seed)
    members = found.members()
    stands = totals[0] / len(kept), totals[1] / len(gone)
    overall = totals[0] / sum(totals)
    lost = []
    for part in members:
        removed = part[part >= len(kept)]
        few = len(part) - len(removed)
        share = few * stands[0] / (few * stands[0] + len(removed) * stands[1])
        chance = float(binom.cdf(few, len(part), len(kept) / len(rows)))
        if share >= HARDLY * overall or chance * len(members) >= ERROR:
            continue
        nearest = removed[np.argsort(found.distances[removed], kind="stable")][:MEDOIDS]
        lost.append((few * stands[0] + len(removed) * stands[1], share, nearest - len(kept)))
    lost.sort(key=lambda item: -item[0])
    if not lost:
        return ()
    scale = float(np.linalg.norm(rows - rows.mean(axis=0), axis=1).max()) or 1.0
    near = rows_around(kept / scale, np.concatenate([gone[m] for _, _, m in lost]) / scale, neighbors=1)
    distances = iter(near.distances[:, 0] * scale)
    return tuple(
        LostRows(rows=count, kept=share, medoids=m, distances=np.array([next(distances) for _ in m]))
        for count, share, m in lost
    )[:MOST_LOST]
