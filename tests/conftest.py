from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.special import roots_legendre
from threadpoolctl import threadpool_limits

PROFILES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "laplace": lambda r: np.exp(-r),
    "matern32": lambda r: (1 + np.sqrt(3) * r) * np.exp(-np.sqrt(3) * r),
    "matern52": lambda r: (1 + np.sqrt(5) * r + 5 * r**2 / 3) * np.exp(-np.sqrt(5) * r),
    "rbf": lambda r: np.exp(-(r**2) / 2),
}


@dataclass(frozen=True, kw_only=True)
class Population:
    """Eigenvalues (m,) of an operator and how many times each occurs (m,)."""

    eigenvalues: np.ndarray
    multiplicity: np.ndarray

    def dimensions(self, kappa: np.ndarray, power: int) -> np.ndarray:
        """Return N_p(kappa) = sum (lambda / (lambda + kappa))^p."""
        share = self.eigenvalues / (self.eigenvalues + np.asarray(kappa)[..., None])
        return np.asarray(share**power @ self.multiplicity)

    def slope(self, window: tuple[float, float]) -> float:
        """Return the least-squares slope - d ln kappa / d ln N_2 over a window of N_2."""
        kappa = np.geomspace(10 * self.eigenvalues.max(), self.eigenvalues.min(), 2000)
        grid = np.linspace(*np.log(window), 49)
        log_kappa = np.interp(grid, np.log(self.dimensions(kappa, 2)), np.log(kappa))
        return float(-np.polyfit(grid, log_kappa, 1)[0])


@pytest.fixture(scope="session", autouse=True)
def _one_blas_thread() -> Iterator[None]:
    """Oracles are small; on a busy machine a second thread makes them slower. `fit` sets its own threads."""
    with threadpool_limits(1, "blas"):
        yield


@pytest.fixture(scope="session")
def exact_profiles() -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Each kernel's formula as a function of the scaled distance, in float64."""
    return PROFILES


@pytest.fixture(scope="session")
def exact_kernel() -> Callable[..., np.ndarray]:
    """The kernel matrix in float64, its distances by subtraction."""

    def matrix(name: str, rows: np.ndarray, bandwidth: float = 1.0) -> np.ndarray:
        if name == "linear":
            return np.asarray(rows @ rows.T)
        return PROFILES[name](cdist(rows, rows) / bandwidth)

    return matrix


@pytest.fixture(scope="session")
def sphere_rows() -> Callable[[int, int, int], np.ndarray]:
    """Uniform rows (n, d + 1) on the sphere S^d: arguments n, d, seed."""

    def rows(n: int, d: int, seed: int) -> np.ndarray:
        x = np.random.default_rng(seed).standard_normal((n, d + 1))
        return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True))

    return rows


@pytest.fixture(scope="session")
def laplace_s2() -> Population:
    """The Laplace kernel of bandwidth 1 on S^2, b = 3/2: Funk and Hecke's integral against Legendre polynomials."""
    last = 1500
    x, weight = roots_legendre(3 * last)
    angle = (x + 1) * np.pi / 2
    weight = weight * np.pi / 4 * np.sin(angle) * PROFILES["laplace"](2 * np.sin(angle / 2))
    values = np.empty(last + 1)
    before, now = np.zeros_like(angle), np.ones_like(angle)
    for degree in range(last + 1):
        values[degree] = weight @ now
        before, now = now, ((2 * degree + 1) * np.cos(angle) * now - degree * before) / (degree + 1)
    return Population(eigenvalues=values, multiplicity=2 * np.arange(last + 1) + 1.0)
