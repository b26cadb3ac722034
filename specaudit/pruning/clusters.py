"""Clusters of rows by k-means; the only module that imports scikit-learn."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from specaudit.dataset import IntArray
from specaudit.kernels import FloatArray

ROUNDS = 30
"""Of Lloyd's algorithm; later ones move few rows."""
FITTED = 1 << 15
"""Rows that the centroids are fitted to, at most; the others join the nearest."""
BLOCK = 1 << 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Clusters:
    """A partition of rows.

    Attributes
    ----------
    labels
        (u,) number of each row's cluster.
    distances
        (u,) Euclidean distance to its centroid.
    """

    labels: IntArray = field(repr=False)
    distances: FloatArray = field(repr=False)

    def members(self) -> list[IntArray]:
        """Return the rows of each cluster, ascending."""
        order = np.argsort(self.labels, kind="stable")
        ends = np.cumsum(np.bincount(self.labels))
        return [part for part in np.split(order, ends[:-1]) if len(part)]


def clusters_of(rows: npt.NDArray[np.float32], copies: IntArray, *, seed: int) -> Clusters:
    """Return as many clusters as the root of the number of `rows` (u, d), which occur `copies` (u,) times.

    The first of the rows, which are in random order, give the centroids.
    """
    from sklearn.cluster import KMeans, kmeans_plusplus

    centred = rows - rows.mean(axis=0)
    k = max(1, round(len(rows) ** 0.5))
    state = seed % 2**32
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fewer clusters than asked for, where rows are equal in float32
        # one trial for each: several are ten times as slow as all rounds, and no better
        fitted, weights = centred[:FITTED], copies[:FITTED]
        first, _ = kmeans_plusplus(fitted, k, sample_weight=weights, random_state=state, n_local_trials=1)
        model = KMeans(n_clusters=k, init=first, n_init=1, max_iter=ROUNDS, random_state=state, copy_x=True)
        labels = model.fit(fitted, sample_weight=weights).predict(centred).astype(np.int64)
    centres = model.cluster_centers_.astype(np.float64)
    distances = np.empty(len(rows))
    for start in range(0, len(rows), BLOCK):
        part = slice(start, start + BLOCK)
        distances[part] = np.linalg.norm(centred[part] - centres[labels[part]], axis=1)
    return Clusters(labels=labels, distances=distances)
