"""Which rows carry the tail: ridge leverage of single rows from their nearest neighbours.

The ridge leverage of row i, the i-th diagonal entry of K (K + delta)^-1, is c / (c + delta) with c the variance of
the row's value that the noisy values of all others leave (Rasmussen and Williams 2006, section 5.4.2). Leverages sum
to N_1(delta). Noise keeps what matters near: c is worked out from the nearest neighbours alone. Landmarks without
noise would tell too much of the coarse scales, and measurably spoil the ranking.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from specaudit.graph.search import exact_index, faiss_threads
from specaudit.kernels import FloatArray, Kernel, kernel_values

NEIGHBORS = 64
BLOCK = 1 << 22
"""Numbers of a block and thread."""

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class TailLeverage:
    """Ridge leverages against a sample of rows.

    Attributes
    ----------
    kernel
        One with k(x, x) = 1.
    rows
        (n, d) the sample, normalised.
    weights
        (n,) multiplicities.
    ridge
        delta, added to the kernel matrix of the sample.
    """

    kernel: Kernel
    rows: FloatArray
    weights: IntArray
    ridge: float
    centre: FloatArray
    index: Any

    @classmethod
    def of(cls, kernel: Kernel, rows: FloatArray, weights: IntArray, ridge: float) -> TailLeverage:
        """Return the leverages against a sample (n, d)."""
        centre = rows.mean(axis=0)
        index = exact_index(rows.shape[1])
        index.add((rows - centre).astype(np.float32))
        return cls(kernel=kernel, rows=rows - centre, weights=weights, ridge=ridge, centre=centre, index=index)

    def leverages(
        self, queries: FloatArray, own: IntArray, *, neighbors: int = NEIGHBORS, threads: int = 1
    ) -> FloatArray:
        """Return the leverage (q,) in [0, 1] of one copy of each of `queries` (q, d).

        Parameters
        ----------
        own
            (q,) place of each query in the sample, which is no neighbour of itself; -1 where it is not in it.
        """
        points = queries - self.centre
        asked = min(neighbors + 1, len(self.rows))
        with faiss_threads(threads):
            near = self.index.search(points.astype(np.float32), asked)[1]
        keep = np.argsort(near == own[:, None], axis=1, kind="stable")[:, : min(neighbors, asked - 1)]
        near = np.take_along_axis(near, keep, axis=1)
        copies = np.where(own >= 0, self.weights[own], 1)
        left = np.empty(len(points))
        step = max(1, BLOCK // (near.shape[1] * (near.shape[1] + points.shape[1])))

        def solve(part: slice) -> None:
            left[part] = self._left(points[part], near[part])

        with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(solve, [slice(start, start + step) for start in range(0, len(points), step)]):
                pass
        return np.asarray(left / (copies * left + self.ridge))

    def _left(self, points: FloatArray, near: IntArray) -> FloatArray:
        """Return the variance (q,) that noisy values of the rows `near` (q, k) leave."""
        others = self.rows[near]
        among = kernel_values(self.kernel, others, others).astype(np.float64)
        with_own = kernel_values(self.kernel, others, points[:, None])[..., 0].astype(np.float64)
        diagonal = np.arange(near.shape[1])
        among[:, diagonal, diagonal] = 1.0 + self.ridge / self.weights[near]
        known = (with_own * np.linalg.solve(among, with_own[..., None])[..., 0]).sum(axis=1)
        return np.asarray(np.clip(1.0 - known, 0.0, 1.0))
