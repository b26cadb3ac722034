"""Populations whose eigenvalues are known exactly: rows drawn from them, and their own slopes.

On the sphere S^d in R^(d+1) with uniform rows, an isotropic kernel's eigenfunctions are spherical harmonics, and
Funk and Hecke's formula gives the eigenvalue of degree l as an integral against a Gegenbauer polynomial. For Gaussian
rows with independent columns the linear kernel's eigenvalues are the columns' variances.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import lgamma, log

import numpy as np

DIMENSIONS = 20_000  # columns of the Gaussian power laws
PROFILES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "laplace": lambda r: np.exp(-r),
    "matern32": lambda r: (1 + np.sqrt(3) * r) * np.exp(-np.sqrt(3) * r),
}
SMOOTHNESS = {"laplace": 1, "matern32": 3}
DEGREES = {1: 6000, 2: 4000, 3: 2500, 5: 1200, 10: 300}


@dataclass(frozen=True, kw_only=True)
class Population:
    """Eigenvalues (m,) and how many times each occurs (m,)."""

    eigenvalues: np.ndarray
    multiplicity: np.ndarray

    def capacity(self) -> tuple[np.ndarray, np.ndarray]:
        """Return ln N_2 and ln kappa along the population's curve, by rising N_2."""
        positive = self.eigenvalues[self.eigenvalues > 0]
        kappa = np.geomspace(100 * positive.max(), max(positive.min(), 1e-14 * positive.max()), 4000)
        share = self.eigenvalues / (self.eigenvalues + kappa[:, None])
        return np.log((share**2) @ self.multiplicity), np.log(kappa)

    def slope(self, window: tuple[float, float], points: int = 49) -> float:
        """Return the least-squares slope -d ln kappa / d ln N_2 over a window of N_2."""
        grid = np.linspace(*np.log(window), points)
        x = grid - grid.mean()
        return float(-(x @ np.interp(grid, *self.capacity())) / (x @ x))


@dataclass(frozen=True, kw_only=True)
class Law:
    """A population with its kernel and its asymptotic exponent (None when it is not a power law)."""

    name: str
    kernel: str
    exponent: float | None
    rows: Callable[[int, np.random.Generator], np.ndarray]
    population: Callable[[float | None, int], Population]


@lru_cache(maxsize=2)
def _nodes(count: int) -> tuple[np.ndarray, np.ndarray]:
    from scipy.special import roots_legendre

    x, w = roots_legendre(count)
    return (x + 1) * np.pi / 2, w * np.pi / 2


def harmonics(dimension: int, degree: np.ndarray) -> np.ndarray:
    """Return the number of independent spherical harmonics of each degree on S^dimension."""
    if dimension == 1:
        return np.where(degree == 0, 1.0, 2.0)
    count = [
        0.0 if x == 0 else log(2 * x + dimension - 1) + lgamma(x + dimension - 1) - lgamma(x + 1) - lgamma(dimension)
        for x in degree
    ]
    return np.exp(count)


@lru_cache(maxsize=8)
def sphere_population(kernel: str, dimension: int, bandwidth: float, last: int | None = None) -> Population:
    """Return the eigenvalues of an isotropic kernel on S^dimension; degrees past the last follow their power."""
    last = last or DEGREES[dimension]
    angle, weight = _nodes(3 * last)
    weight = weight * np.sin(angle) ** (dimension - 1)
    weight /= weight.sum()
    profile = weight * PROFILES[kernel](2 * np.sin(angle / 2) / bandwidth)
    values = np.empty(last + 1)
    if dimension == 1:
        for degree in range(last + 1):
            values[degree] = profile @ np.cos(degree * angle)
    else:
        cosine, half = np.cos(angle), (dimension - 1) / 2
        before, now = np.zeros_like(cosine), np.ones_like(cosine)
        for degree in range(last + 1):
            values[degree] = profile @ now
            top = degree + 2 * half
            before, now = (
                now,
                (2 * (degree + half) * cosine * now - degree * before) / top if degree else cosine,
            )
    power = dimension + SMOOTHNESS[kernel]
    middle = (dimension - 1) / 2
    recent = np.arange(last - 9, last + 1)
    scale = float(np.mean(values[recent] * (recent + middle) ** power))
    starts = np.unique(np.round(np.geomspace(last + 1, 1e4 * last, 3000)))
    widths = np.diff(starts, append=starts[-1] + 1)
    centres = starts + (widths - 1) / 2
    return Population(
        eigenvalues=np.concatenate([values, scale * (centres + middle) ** -power]),
        multiplicity=np.concatenate(
            [harmonics(dimension, np.arange(last + 1)), harmonics(dimension, centres) * widths]
        ),
    )


def sphere(kernel: str, dimension: int) -> Law:
    """Return uniform rows on S^dimension under a kernel: b = 1 + smoothness / dimension."""

    def rows(n: int, rng: np.random.Generator) -> np.ndarray:
        x = rng.standard_normal((n, dimension + 1))
        return x / np.linalg.norm(x, axis=1, keepdims=True)

    return Law(
        name=f"{kernel} S^{dimension}",
        kernel=kernel,
        exponent=1 + SMOOTHNESS[kernel] / dimension,
        rows=rows,
        population=lambda bandwidth, n: sphere_population(kernel, dimension, float(bandwidth or 1.0)),
    )


def gaussian(name: str, spectrum: Callable[[int], np.ndarray], exponent: float | None = None) -> Law:
    """Return Gaussian rows under the linear kernel, whose variances may depend on the number of rows."""

    def rows(n: int, rng: np.random.Generator) -> np.ndarray:
        scale = np.sqrt(spectrum(n)).astype(np.float32)
        x = rng.standard_normal((n, len(scale)), dtype=np.float32)
        x *= scale
        return x

    return Law(
        name=name,
        kernel="linear",
        exponent=exponent,
        rows=rows,
        population=lambda bandwidth, n: Population(eigenvalues=spectrum(n), multiplicity=np.ones(len(spectrum(n)))),
    )


def power(b: float, d: int = DIMENSIONS) -> np.ndarray:
    """Return k^-b for k = 1..d."""
    return np.arange(1, d + 1, dtype=float) ** -b


def two_slopes(n: int) -> np.ndarray:
    """Return k^-1.2 that turns into k^-3 at a rank in the middle of the window that n rows allow."""
    knee = n // 25
    k = np.arange(1, 8_001, dtype=float)
    return np.where(k <= knee, k**-1.2, knee**1.8 * k**-3.0)


POWER_LAWS: tuple[Law, ...] = (
    *(gaussian(f"gaussian b={b}", lambda n, b=b: power(b), b) for b in (0.7, 1.0, 1.2, 1.5, 2.0)),
    *(sphere("laplace", d) for d in (1, 2, 3, 5, 10)),
    *(sphere("matern32", d) for d in (2, 3, 5)),
)
OTHERS: tuple[Law, ...] = (
    gaussian("exponential", lambda n: np.exp(-0.05 * np.arange(1, 1001))),
    gaussian("isotropic d=384", lambda n: np.ones(384)),
    gaussian("rank 20 + floor", lambda n: np.concatenate([np.ones(20), np.full(364, 1e-3)])),
    gaussian("cliff at 64", lambda n: np.concatenate([power(1.2, 64), np.full(320, 1e-6)])),
    gaussian("two slopes", two_slopes),
)
