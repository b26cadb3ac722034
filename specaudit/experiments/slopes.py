"""Slopes of learning curves, paired differences between arms, and their intervals over seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from specaudit.kernels import FloatArray

LEVEL = 0.95


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
        variance of the mean is taken for s^2 (1/r + shared) in place of s^2/r (Nadeau and Bengio 2003, "Inference
        for the generalization error"). 0 for runs that share nothing.
    """
    from scipy.stats import t

    runs = len(values)
    mean = float(values.mean())
    if runs < 2:
        return Estimate(value=mean, low=None, high=None, runs=runs)
    half = float(t.ppf((1 + LEVEL) / 2, runs - 1) * values.std(ddof=1) * np.sqrt(1 / runs + shared))
    return Estimate(value=mean, low=mean - half, high=mean + half, runs=runs)
