from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from specaudit.capacity import CapacityCurve
from specaudit.exponent import window_of
from specaudit.shapes import POWER, RIVALS, best_shape

ROWS = 1000
POPULATIONS: dict[str, np.ndarray] = {
    "exponential": np.exp(-0.05 * np.arange(1, 1001)),
    "isotropic": np.ones(384),
    "cliff": np.arange(1, 65) ** -1.2,
    "two slopes": np.where(
        np.arange(1, 8001) <= 40, np.arange(1, 8001.0) ** -1.2, 40**1.8 * np.arange(1, 8001.0) ** -3
    ),
    "low rank on a noise floor": np.concatenate([np.ones(20), np.full(364, 1e-3)]),
}


def curve_of(eigenvalues: np.ndarray) -> CapacityCurve:
    """Return a population's own curve, N_1 from a half on."""
    kappa = np.geomspace(2 * eigenvalues.sum(), 1e-10 * eigenvalues.max(), 2000)
    share = eigenvalues / (eigenvalues + kappa[:, None])
    n1, n2, n3 = ((share**p).sum(axis=1) for p in (1, 2, 3))
    return CapacityCurve(delta=kappa, kappa=kappa, n1=n1, n2=n2, n3=n3)


def window_for(eigenvalues: np.ndarray, curve: CapacityCurve) -> tuple[float, float]:
    """Return the window that 1,000 rows would have."""
    window = window_of(curve, min(ROWS / 8, len(eigenvalues) / 2))
    assert window is not None
    return window


@pytest.mark.parametrize("name", POPULATIONS)
def test_a_rival_is_recognised_on_its_own_population(name: str) -> None:
    curve = curve_of(POPULATIONS[name])
    assert best_shape(curve, window_for(POPULATIONS[name], curve)) == (name, True)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_a_factor_on_the_eigenvalues_does_not_matter(scale: float) -> None:
    eigenvalues = POPULATIONS["exponential"]
    window = window_for(eigenvalues, curve_of(eigenvalues))
    assert best_shape(curve_of(scale * eigenvalues), window) == ("exponential", True)


@pytest.mark.parametrize("b", [0.7, 1.2, 2.0, 3.0])
@pytest.mark.parametrize("deepest", [30.0, 125.0])
def test_a_power_law_is_not_denied(b: float, deepest: float) -> None:
    eigenvalues = np.arange(1, 20_001) ** -b
    curve = curve_of(eigenvalues)
    window = window_of(curve, deepest)
    assert window is not None
    assert best_shape(curve, window) == ("power law", False)


def test_every_rival_is_named_once_and_tested() -> None:
    names = [shape.name for shape in RIVALS]
    assert sorted(names) == sorted(POPULATIONS)
    assert POWER.name not in names


@pytest.mark.parametrize("shape", [POWER, *RIVALS], ids=lambda shape: shape.name)
def test_a_shape_falls_with_the_rank(shape: object) -> None:
    spectrum: Callable[[np.ndarray, np.ndarray], np.ndarray] = shape.log_eigenvalue  # type: ignore[attr-defined]
    log_rank = np.log(np.arange(1.0, 2000))
    for start in shape.starts(1.5, np.log(50)):  # type: ignore[attr-defined]
        values = spectrum(log_rank, np.array(start))
        assert np.isfinite(values).all()
        assert (np.diff(values) <= 1e-12).all()
        assert len(start) == shape.parameters  # type: ignore[attr-defined]
