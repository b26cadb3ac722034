"""What is left of the residuals in each bin of modes, over time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression

from specaudit.dataset import IntArray
from specaudit.kernels import FloatArray

PER_DECADE = 8
SMALLEST = 1e-12
"""Energy of a bin, as a share of the largest, that is counted at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bins:
    """Modes in bins of equal width in ln k.

    Attributes
    ----------
    starts
        (B,) first mode of each bin, counted from 0.
    sizes
        (B,) modes of each.
    ranks
        (B,) geometric mean of the ranks k = 1, 2, ... in it.
    """

    starts: IntArray
    sizes: IntArray
    ranks: FloatArray

    @classmethod
    def of(cls, count: int) -> Bins:
        """Return the bins of `count` modes."""
        decades = np.arange(int(PER_DECADE * np.log10(count)) + 1) / PER_DECADE
        starts = np.unique(np.ceil(10**decades - 1e-9).astype(np.int64)) - 1
        starts = starts[starts < count]
        sizes = np.diff(np.append(starts, count))
        logs = np.add.reduceat(np.log(np.arange(1, count + 1)), starts)
        return cls(starts=starts, sizes=sizes, ranks=np.exp(logs / sizes))

    def sums(self, values: FloatArray) -> FloatArray:
        """Return the sums (..., B) of values (..., m) over each bin."""
        return np.asarray(np.add.reduceat(values, self.starts, axis=-1))

    def resampled(self, generator: np.random.Generator, count: int) -> FloatArray:
        """Return how often each mode occurs (count, m) when each bin's modes are drawn anew."""
        return np.concatenate(
            [generator.multinomial(size, np.full(size, 1 / size), count) for size in self.sizes.tolist()], axis=1
        ).astype(np.float64)


def remaining(energies: FloatArray, bins: Bins, times: FloatArray | None = None) -> FloatArray:
    """Return the share of the reference's energy that is left in each bin, (T, B), not falling with the rank.

    Bins whose shares fall are pooled by their energies in the reference, so that one with hardly any has no say.

    Parameters
    ----------
    energies
        (T, m) of each mode, the reference's first.
    times
        (m,) how often each mode counts.
    """
    counted = energies if times is None else energies * times
    sums = bins.sums(counted)
    reference = np.maximum(sums[0], SMALLEST * float(sums[0].max()) or 1.0)
    return np.array([isotonic_regression(row / reference, weights=reference).x for row in sums])
