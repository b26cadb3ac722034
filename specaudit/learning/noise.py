"""The mode at which the reference's spectrum meets its floor, where labels say no more than noise does.

The energy of mode k is taken for A k^-s + F, by the likelihood of gamma variables, whose spread is that of single
modes in a bin. What is in all further modes counts as one more bin. There is a floor if the fit without F is worse
beyond doubt; k_noise is where both parts are equal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from specaudit.kernels import FloatArray
from specaudit.learning.shares import Bins

DOUBT = 12.0
"""Twice the log likelihood ratio from which there is a floor; 12 has a chance of 1 in 2,000 without one."""
FIRST = 3.0
"""Rank of the first bin that is fitted: the head follows no power law."""
FEWEST = 16
"""Modes outside of the leading ones below which they say nothing."""
SCATTER = 8
"""Modes of a bin from which their spread counts."""
LEAST = 1e-3
"""Spread of single modes, relative to their mean and squared, that is taken at least."""
FLATTEST, STEEPEST = 0.3, 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseFloor:
    """Where noise begins.

    Attributes
    ----------
    rank
        k_noise; None where there is no floor, or it is met past the modes.
    share
        Energy of the floor in all modes, as a share of all: of noise, or of what the kernel does not see.
    ratio
        Twice the log likelihood ratio of a floor; None where nothing could be fitted.
    """

    rank: float | None
    share: float | None
    ratio: float | None


def noise_floor(energies: FloatArray, total: float, rows: int) -> NoiseFloor:
    """Return the floor under the reference's energies (m,) in the leading modes, of a total energy in n `rows`."""
    none = NoiseFloor(rank=None, share=None, ratio=None)
    count, left = len(energies), total - float(energies.sum())
    if rows - count < FEWEST or total <= 0 or left <= 1e-9 * total:
        return none
    bins = Bins.of(count)
    fitted, wide = bins.ranks >= FIRST, bins.sizes >= SCATTER
    sums = bins.sums(energies)
    if fitted.sum() < 4 or not wide.any() or (sums[fitted] <= 0).any():
        return none
    means = sums / bins.sizes
    squares = bins.sums((energies - np.repeat(means, bins.sizes)) ** 2)
    spread = max(float(np.mean((squares / (bins.sizes - 1).clip(1) / means**2)[wide])), LEAST)
    ranks = np.arange(1, rows + 1.0)
    observed = np.append(sums[fitted], left)
    sizes = np.append(bins.sizes[fitted], rows - count)
    weights = np.minimum(sizes, count) / spread  # no more for the rest than for the modes: it is an extrapolation

    def expected(slope: float) -> FloatArray:
        powers = ranks**-slope
        return np.append(bins.sums(powers[:count])[fitted], powers[count:].sum())

    def deviance(parameters: FloatArray) -> float:
        slope = float(np.clip(parameters[1], FLATTEST, STEEPEST))
        floor = np.exp(parameters[2]) if len(parameters) > 2 else 0.0
        over = observed / (np.exp(parameters[0]) * expected(slope) + floor * sizes)
        return float(2 * weights @ (over - 1 - np.log(over)) + 1e3 * (parameters[1] - slope) ** 2)

    level = np.log(means[fitted][0]) + 1.5 * np.log(bins.ranks[fitted][0])
    options = {"xatol": 1e-4, "fatol": 1e-4, "maxiter": 4000}
    with np.errstate(over="ignore", divide="ignore"):  # a step too far is as bad as can be
        plain = minimize(deviance, [level, 1.5], method="Nelder-Mead", options=options)
        start = [*plain.x, np.log(left / (rows - count))]
        full = minimize(deviance, start, method="Nelder-Mead", options=options)
    ratio = float(plain.fun - full.fun)
    rank = float(np.exp((full.x[0] - full.x[2]) / full.x[1]))
    if ratio < DOUBT:
        return NoiseFloor(rank=None, share=None, ratio=ratio)
    share = min(float(np.exp(full.x[2])) * rows / total, 1.0)
    return NoiseFloor(rank=max(rank, 1.0) if rank <= count else None, share=share, ratio=ratio)
