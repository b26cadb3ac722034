"""Slopes of learning curves, paired differences between arms, and their intervals over seeds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from specaudit.kernels import FloatArray

SIZES, RATIO = 5, 2.0
"""Sizes of a learning curve by default, each twice the one before."""
FEWEST_ROWS = 10
"""That are trained on at the smallest size, at least."""
LEVEL = 0.95
SHARED = 0.5
"""Of what is added to the variance for runs that share rows: with all of it intervals cover .97 to 1 in place of .95,
with none .84 to .96. Found on circle, sphere2 and gmmzipf; benchmarks/results/static_limit.md has others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean over runs and its 95 % interval.

    Attributes
    ----------
    value, low, high
        The interval is None of fewer than two runs.
    runs
        How many.
    """

    value: float
    low: float | None
    high: float | None
    runs: int

    def told(self, form: str = "+.3f") -> str:
        """Return the mean with its interval, if it has one, in brackets."""
        if self.low is None or self.high is None:
            return f"{self.value:{form}}"
        return f"{self.value:{form}} [{self.low:{form}}, {self.high:{form}}]"

    @property
    def exponential(self) -> Estimate:
        """Of a mean of logarithms: the geometric mean, and its interval."""
        low, high = (None if end is None else math.exp(end) for end in (self.low, self.high))
        return Estimate(value=math.exp(self.value), low=low, high=high, runs=self.runs)


def halved(largest: int) -> tuple[int, ...]:
    """Return the default sizes up to the largest, rising."""
    return tuple(round(largest / RATIO**step) for step in reversed(range(SIZES)))


def log_slope(x: FloatArray, y: FloatArray) -> FloatArray:
    """Return d ln y / d ln x (...,) by least squares, of positive x (m,) and y (..., m)."""
    centred = np.log(x) - np.log(x).mean()
    return np.asarray(np.log(y) @ centred / (centred @ centred))


def estimated(values: FloatArray, shared: float = 0.0) -> Estimate:
    """Return the mean of one value per run (r,) and its t interval.

    Parameters
    ----------
    shared
        Test rows over training rows, where the runs are random splits of one data set: their rows overlap, and the
        variance of the mean is taken for s^2 (1/r + SHARED * shared) in place of s^2/r, after Nadeau and Bengio 2003,
        "Inference for the generalization error". 0 for runs that share nothing.
    """
    from scipy.stats import t

    runs = len(values)
    mean = float(values.mean())
    if runs < 2:
        return Estimate(value=mean, low=None, high=None, runs=runs)
    half = float(t.ppf((1 + LEVEL) / 2, runs - 1) * values.std(ddof=1) * np.sqrt(1 / runs + SHARED * shared))
    return Estimate(value=mean, low=mean - half, high=mean + half, runs=runs)
