"""Real rows with what is needed to judge others against them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from specaudit.cells import IntArray
from specaudit.graph import rows_around
from specaudit.kernels import FloatArray, Kernel
from specaudit.residual_kernels import Residuals, residuals_of
from specaudit.span.modes import SMALLEST, Modes, matched, modes_of

NEIGHBORS = 10
"""Real rows around a row."""
BESIDE = 3
"""Of these, the rows whose own distances tell how near is near."""
SPLITS = 24
"""Held-out sets, for the null and for the new rows."""


class RealRows:
    """Real rows with what is needed to judge others against them; under several kernels.

    Parameters
    ----------
    kernels
        With their bandwidths in units of the rows; one at least has a profile.
    rows, copies
        (n, d) different rows, normalised, and (n,) their multiplicities.
    """

    def __init__(
        self,
        kernels: Sequence[Kernel],
        rows: FloatArray,
        copies: IntArray,
        *,
        seed: int = 0,
        threads: int = 1,
        progress: Callable[[float], None] = lambda fraction: None,
    ) -> None:
        self.kernels = tuple(kernels)
        self.copies, self.seed, self.threads = copies, seed, threads
        self.scale = next(kernel.bandwidth for kernel in kernels if kernel.bandwidth is not None)
        self.centre = np.average(rows, axis=0, weights=copies)
        self.rows = self.placed(rows)
        self.around = rows_around(self.rows, neighbors=NEIGHBORS, threads=threads)
        self._nearest, self._second = np.log(np.maximum(self.around.distances[:, :2], SMALLEST)).T
        self._profiled = {kernel.name: kernel.profile is not None for kernel in kernels}
        self._nulls: dict[tuple[str, int], Null] = {}
        self.models: dict[str, Residuals] = {}
        for done, kernel in enumerate(kernels, 1):
            self.models[kernel.name] = residuals_of(self._scaled(kernel), self.rows, copies, threads=threads)
            progress(done / len(kernels))

    @property
    def size(self) -> int:
        """Different rows."""
        return len(self.rows)

    def placed(self, rows: FloatArray) -> FloatArray:
        """Return rows (m, d) about the real rows' mean, in bandwidths of the first kernel that has one."""
        return np.asarray((rows - self.centre) / self.scale)

    def _scaled(self, kernel: Kernel) -> Kernel:
        return kernel if kernel.bandwidth is None else replace(kernel, bandwidth=kernel.bandwidth / self.scale)

    def nearness(self, distances: FloatArray, around: IntArray) -> FloatArray:
        """Return ln of distances (m,) to the nearest row, less the mean of the same of the nearest rows of (m, k)."""
        return np.asarray(np.log(np.maximum(distances, SMALLEST)) - self._nearest[around[:, :BESIDE]].mean(axis=1))

    def own_nearness(self) -> FloatArray:
        """Return the same of the real rows (n,), of which another copy is at no distance."""
        distances = np.where(self.copies > 1, 0.0, self.around.distances[:, 0])
        near = self.around.places[:, :BESIDE]
        # The distances of the rows around are to others than the row itself, as they are for new rows.
        mutual = self.around.places[near, 0] == np.arange(self.size)[:, None]
        others = np.where(mutual, self._second[near], self._nearest[near])
        return np.asarray(np.log(np.maximum(distances, SMALLEST)) - others.mean(axis=1))

    def excess(self, name: str, residual: FloatArray, around: IntArray) -> FloatArray:
        """Return ln of residual variances (m,) less the mean of the same of the rows around (m, k)."""
        return np.asarray(np.log(residual) - np.log(self.models[name].alone)[around].mean(axis=1))

    def own_excess(self, name: str) -> FloatArray:
        """Return the same of the real rows (n,)."""
        return self.excess(name, self.models[name].own, self.around.places)

    def modes(self, name: str, residual: FloatArray, excess: FloatArray) -> Modes:
        """Return the leading modes of a residual kernel (h, h) under one of the kernels."""
        return modes_of(residual, excess, centered=self._profiled[name])

    def null(self, name: str, size: int) -> Null:
        """Return what held-out sets of `size` real rows show against such sets around them."""
        if (name, size) not in self._nulls:
            excess, model = self.own_excess(name), self.models[name]
            share = self.copies / self.copies.sum()

            def held_out(split: int) -> tuple[Modes, Modes]:
                generator = np.random.default_rng([self.seed, 1, split])
                first = generator.choice(self.size, size, replace=False, p=share)
                taken, partners = matched(first, self.around.places, first)
                residual, cut = model.held_out(np.concatenate([taken, partners])), len(taken)
                one, other = residual[:cut, :cut], residual[cut:, cut:]
                return self.modes(name, one, excess[taken]), self.modes(name, other, excess[partners])

            found = each_split(held_out, self.threads)
            self._nulls[name, size] = Null(sets=tuple(found))
        return self._nulls[name, size]


@dataclass(frozen=True, slots=True, kw_only=True)
class Null:
    """Modes of held-out sets, each with those of a set around it."""

    sets: tuple[tuple[Modes, Modes], ...]

    def differences(self) -> FloatArray:
        """Return ln of the leading eigenvalues of each set over those around it, (SPLITS, LEADING)."""
        return np.array([one.values - other.values for one, other in self.sets])


def quantile(values: FloatArray, copies: IntArray, share: float) -> float:
    """Return the value below which so large a share of the rows is, copies counted."""
    return float(np.quantile(values, share, weights=copies, method="inverted_cdf"))


def each_split(work: Callable[[int], tuple[Modes, Modes]], threads: int) -> list[tuple[Modes, Modes]]:
    """Return what `work` finds in each split, one thread a split."""
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, range(SPLITS)))
