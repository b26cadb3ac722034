"""Rival shapes: which simple spectrum explains a window of the capacity curve best."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from specaudit.capacity import CapacityCurve
from specaudit.kernels import FloatArray

CLEARLY = 0.5
"""A rival is clearly better when its misfit is less than half of the power law's."""

NEGLIGIBLE = 1e-3
PER_PARAMETER = 2.0
"""Each further parameter must halve the misfit in ln kappa, once that is above what can be told apart."""

RANKS = np.unique(np.round(np.geomspace(1, 1e6, 500)))
COUNTS = np.diff(RANKS, append=RANKS[-1] + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A family of spectra ln lambda_k up to a constant, with free parameters.

    Attributes
    ----------
    name
        What to call it in a sentence.
    log_eigenvalue
        Maps ranks k (m,) and parameters to ln lambda_k (m,).
    start
        Maps (slope, deepest N_2) to starting parameters.
    """

    name: str
    log_eigenvalue: Callable[[FloatArray, FloatArray], FloatArray]
    start: Callable[[float, float], list[float]]

    @property
    def parameters(self) -> int:
        """Number of free parameters."""
        return len(self.start(1.0, 10.0))


def _cut(k: FloatArray, p: FloatArray) -> FloatArray:
    return -p[0] * np.log(k) - np.where(k > np.exp(p[1]), 60.0, 0.0)


def _floor(k: FloatArray, p: FloatArray) -> FloatArray:
    return np.logaddexp(-p[0] * np.log(k) - 20 * np.maximum(np.log(k) - p[1], 0), -p[2] - 60 * (k > np.exp(p[3])))


def _knee(k: FloatArray, p: FloatArray) -> FloatArray:
    past = np.maximum(np.log(k) - p[2], 0)
    return -p[0] * np.log(k) - (p[1] - p[0]) * past


POWER = Shape(name="a power law", log_eigenvalue=lambda k, p: -p[0] * np.log(k), start=lambda b, n: [b])
RIVALS: tuple[Shape, ...] = (
    Shape(
        name="an exponential",
        log_eigenvalue=lambda k, p: -np.exp(p[0]) * k,
        start=lambda b, n: [np.log(1 / n)],
    ),
    Shape(name="a cliff (low rank)", log_eigenvalue=_cut, start=lambda b, n: [b / 2, np.log(2 * n)]),
    Shape(
        name="low rank on a noise floor",
        log_eigenvalue=_floor,
        start=lambda b, n: [b / 2, np.log(n / 4), 6.0, np.log(8 * n)],
    ),
    Shape(
        name="an isotropic spectrum",
        log_eigenvalue=lambda k, p: np.where(k > np.exp(p[0]), -60.0, 0.0),
        start=lambda b, n: [np.log(4 * n)],
    ),
    Shape(name="two slopes", log_eigenvalue=_knee, start=lambda b, n: [b * 0.7, b * 1.5, np.log(n / 2)]),
)
"""The shapes that a spectrum is compared with, in order of preference at equal fit."""


def best_shape(curve: CapacityCurve, window: tuple[float, float]) -> tuple[str, bool]:
    """Return the best shape's name and whether it is clearly better than every power law on the window."""
    grid = np.linspace(*np.log(window), 25)
    target = curve.log_kappa(grid)
    slope = -np.polyfit(grid, target, 1)[0]
    power = _misfit(POWER, grid, target, slope)
    fits = [(_misfit(shape, grid, target, slope), shape) for shape in RIVALS]
    if not min(misfit for misfit, _ in fits) < CLEARLY * power:
        return POWER.name, False
    misfit, shape = min(fits, key=lambda fit: (fit[0] + NEGLIGIBLE) * PER_PARAMETER ** fit[1].parameters)
    return shape.name, True


def _misfit(shape: Shape, grid: FloatArray, target: FloatArray, slope: float) -> float:
    """Return the root mean square misfit in ln kappa after the best parameters and the best scale."""

    def cost(parameters: FloatArray) -> float:
        with np.errstate(over="ignore", invalid="ignore"):
            predicted = _log_kappa(shape.log_eigenvalue(RANKS, parameters), grid)
        residual = predicted - target
        value = float(np.std(residual))
        return value if np.isfinite(value) else 1e3

    start = np.array(shape.start(slope, float(np.exp(grid[-1]))))
    best = minimize(cost, start, method="Nelder-Mead", options={"xatol": 1e-3, "fatol": 1e-5, "maxiter": 400})
    return float(best.fun)


def _log_kappa(log_eigenvalues: FloatArray, grid: FloatArray) -> FloatArray:
    """Return ln kappa of the population at ln N_2 on `grid`."""
    log_eigenvalues = log_eigenvalues - log_eigenvalues.max()
    ridges = np.linspace(4.0, -40.0, 180)
    share = 1 / (1 + np.exp(np.clip(ridges[:, None] - log_eigenvalues, -200, 200)))
    log_n2 = np.log(share**2 @ COUNTS)
    return np.interp(grid, log_n2, ridges, left=np.nan, right=np.nan)
