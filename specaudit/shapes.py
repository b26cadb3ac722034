"""Rival shapes: which simple spectrum explains a window of the capacity curve best."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from specaudit.capacity import CapacityCurve
from specaudit.kernels import FloatArray

CLEARLY = 0.5
"""A rival is clearly better when its misfit is less than half of the power law's."""
NEGLIGIBLE = 1e-3
PER_PARAMETER = 2.0
"""Each further parameter must halve the misfit in ln kappa, once that is above what can be told apart."""

RANKS = np.unique(np.round(np.geomspace(1, 1e6, 260)))
COUNTS = np.diff(RANKS, append=RANKS[-1] + 1)
LOG_CENTRES = np.log(RANKS + (COUNTS - 1) / 2)
RIDGES = np.linspace(4.0, -40.0, 150)
GONE = 60.0
"""Natural logarithm of how far below the first an absent eigenvalue is put."""
Spectrum = Callable[[FloatArray, FloatArray], FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A family of spectra up to a constant factor.

    Attributes
    ----------
    name
        What to call it in a sentence.
    log_eigenvalue
        Maps ln k (m,) and the parameters (p,) to ln lambda_k (m,).
    starts
        Maps the slope and ln of the deepest N_2 to parameters to start the fit from, the best of which is taken.
    """

    name: str
    log_eigenvalue: Spectrum
    starts: Callable[[float, float], list[list[float]]]

    @property
    def parameters(self) -> int:
        """Number of free parameters."""
        return len(self.starts(1.0, 1.0)[0])


def _ends_at(log_rank: FloatArray, end: float) -> FloatArray:
    """Return a drop of ln lambda past a rank; its edge is a quarter rank-ratio wide, for the fit's sake."""
    return np.asarray(GONE / (1 + np.exp(np.clip(-(log_rank - end) / 0.05, -50, 50))))


def _knee(x: FloatArray, p: FloatArray) -> FloatArray:
    return np.asarray(-p[0] * x - (p[1] - p[0]) * np.maximum(x - p[2], 0))


def _floor(x: FloatArray, p: FloatArray) -> FloatArray:
    body = -p[0] * x - _ends_at(x, p[1])
    return np.asarray(np.logaddexp(body, -p[2] - _ends_at(x, p[3])))


POWER = Shape(
    name="power law",
    log_eigenvalue=lambda x, p: -p[0] * x,
    starts=lambda b, n: [[b]],
)
RIVALS: tuple[Shape, ...] = (
    Shape(
        name="exponential",
        log_eigenvalue=lambda x, p: -np.exp(np.minimum(p[0] + x, 20)),
        starts=lambda b, n: [[-n + shift] for shift in (-1.0, 0.0, 1.0, 2.0)],
    ),
    Shape(
        name="isotropic",
        log_eigenvalue=lambda x, p: -_ends_at(x, p[0]),
        starts=lambda b, n: [[n + shift] for shift in (0.1, 0.7, 1.4, 2.2)],
    ),
    Shape(
        name="cliff",
        log_eigenvalue=lambda x, p: -p[0] * x - _ends_at(x, p[1]),
        starts=lambda b, n: [
            [slope, n + shift] for slope in (0.0, b / 2, b) for shift in (-1.0, -0.5, 0.1, 0.7, 1.4)
        ],
    ),
    Shape(
        name="two slopes",
        log_eigenvalue=_knee,
        starts=lambda b, n: [
            [b * low, b * high, n + shift]
            for low, high in ((0.7, 1.5), (1.3, 0.8), (0.5, 3.0))
            for shift in (-1.5, -0.7, 0.0)
        ],
    ),
    Shape(
        name="low rank on a noise floor",
        log_eigenvalue=_floor,
        starts=lambda b, n: [
            [slope, n + shift, depth, n + 2.0]
            for slope in (0.0, b / 2)
            for shift in (-2.0, -1.0, -0.3)
            for depth in (3.0, 6.0, 9.0)
        ],
    ),
)
"""The shapes that a spectrum is compared with, the simplest first."""


def best_shape(curve: CapacityCurve, window: tuple[float, float]) -> tuple[str, bool]:
    """Return the best shape's name and whether it is clearly better than every power law on the window."""
    grid = np.linspace(np.log(window[0]), np.log(window[1]), 25)
    target = curve.log_kappa(grid)
    slope = float(-np.polyfit(grid, target, 1)[0])
    power = _misfit(POWER, grid, target, slope)
    fits = [(_misfit(shape, grid, target, slope), shape) for shape in RIVALS]
    if not min(misfit for misfit, _ in fits) + NEGLIGIBLE < CLEARLY * power:
        return POWER.name, False
    _, shape = min(fits, key=lambda fit: (fit[0] + NEGLIGIBLE) * PER_PARAMETER ** fit[1].parameters)
    return shape.name, True


def _misfit(shape: Shape, grid: FloatArray, target: FloatArray, slope: float) -> float:
    """Return the root mean square misfit in ln kappa after the best parameters and the best scale."""

    from scipy.optimize import minimize

    def cost(parameters: FloatArray) -> float:
        residual = _log_kappa(shape.log_eigenvalue(LOG_CENTRES, parameters), grid) - target
        value = float(np.std(residual))
        return value if np.isfinite(value) else 1e3

    starts = [np.array(start) for start in shape.starts(slope, float(grid[-1]))]
    start = min(starts, key=cost)
    simplex = np.vstack([start, start + 0.2 * np.eye(len(start))])
    options = {"xatol": 1e-3, "fatol": 1e-5, "maxiter": 250, "initial_simplex": simplex}
    return float(minimize(cost, start, method="Nelder-Mead", options=options).fun)


def _log_kappa(log_eigenvalues: FloatArray, grid: FloatArray) -> FloatArray:
    """Return ln kappa of the population at ln N_2 on `grid`; nan where the population does not reach."""
    relative = np.exp(log_eigenvalues - log_eigenvalues.max())
    share = relative / (relative + np.exp(RIDGES)[:, None])
    log_n2 = np.log(share**2 @ COUNTS)
    return np.interp(grid, log_n2, RIDGES, left=np.nan, right=np.nan)
