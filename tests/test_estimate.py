from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from specaudit import estimate as estimates
from specaudit.estimate import DEEPEST_SHARE, GROUPS, SMALLEST, Estimate, estimate_dense
from specaudit.kernels import Kernel
from specaudit.operators import dense_operator
from specaudit.spectrum import EXACT_ROWS, PROBES

Sphere = Callable[[int, int, int], np.ndarray]
LAPLACE = Kernel(name="laplace", bandwidth=1.0, bandwidth_rule="given")
LINEAR = Kernel(name="linear", bandwidth=None, bandwidth_rule="none")


def dense(kernel: Kernel, rows: np.ndarray, weights: np.ndarray | None = None, seed: int = 0) -> Estimate:
    weights = np.ones(len(rows), np.int64) if weights is None else weights
    return estimate_dense(kernel, dense_operator(kernel, rows, weights), weights, seed=seed)


@pytest.fixture(scope="module")
def pair(sphere_rows: Sphere) -> tuple[Estimate, Estimate]:
    """The same rows by quadrature and by eigendecomposition."""
    rows = sphere_rows(EXACT_ROWS + 200, 2, 4)
    fast = dense(LAPLACE, rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(estimates, "EXACT_ROWS", len(rows))
        return fast, dense(LAPLACE, rows)


def test_the_quadrature_gives_the_exact_exponent(pair: tuple[Estimate, Estimate]) -> None:
    fast, exact = (estimate.exponent for estimate in pair)
    assert fast.slope is not None
    assert exact.slope is not None
    assert fast.probe_error is not None
    assert abs(fast.slope - exact.slope) < 4 * fast.probe_error
    assert abs(fast.slope - exact.slope) < 3e-3
    assert fast.window == pytest.approx(exact.window, rel=2e-3)
    assert fast.status == exact.status == "resolved"
    assert exact.probe_error == 0


def test_the_quadrature_gives_the_exact_sampling_error(pair: tuple[Estimate, Estimate]) -> None:
    """Up to the noise of its probes, which it cannot tell from differences between groups."""
    fast, exact = (estimate.exponent for estimate in pair)
    assert fast.sampling_error is not None
    assert exact.sampling_error is not None
    assert 0.8 < fast.sampling_error / exact.sampling_error < 1.6


def test_the_quadrature_gives_the_exact_curve(pair: tuple[Estimate, Estimate]) -> None:
    fast, exact = pair
    grid = np.linspace(0, np.log(exact.deepest_n2), 40)
    np.testing.assert_allclose(fast.curve.log_kappa(grid), exact.curve.log_kappa(grid), atol=5e-3)
    for name, index in exact.diversity.items():
        assert fast.diversity[name].sample == pytest.approx(index.sample, rel=5e-3)
        assert fast.diversity[name].value == pytest.approx(index.value, rel=0.02)


def test_an_estimate_says_how_it_was_made(pair: tuple[Estimate, Estimate]) -> None:
    fast, exact = pair
    assert (fast.method, exact.method) == ("block-lanczos", "eigh")
    assert fast.measure.steps > 0
    assert len(fast.measure.probe_weights) == PROBES
    assert fast.probes is not None
    assert exact.probes is None
    assert fast.rows == fast.unique_rows == EXACT_ROWS + 200
    assert fast.jackknife.n1.shape[0] == GROUPS


def test_the_window_ends_at_an_eighth_of_the_unique_rows(sphere_rows: Sphere) -> None:
    found = dense(LAPLACE, sphere_rows(400, 2, 0))
    n1 = float(np.interp(found.deepest_n2, found.curve.n2, found.curve.n1))
    assert n1 == pytest.approx(400 * DEEPEST_SHARE, rel=1e-3)
    assert found.exponent.window is not None
    assert found.exponent.window[1] == found.deepest_n2
    assert not found.floored


def test_weighted_rows_give_the_population_s_exponent(laplace_s2: object, sphere_rows: Sphere) -> None:
    weights = np.resize([10, 1, 1, 10, 1, 1, 10, 1, 1, 1], 800)
    found = dense(LAPLACE, sphere_rows(800, 2, 5), weights)
    assert found.rows == weights.sum()
    assert found.unique_rows == 800
    exponent = found.exponent
    assert exponent.window is not None
    assert exponent.sampling_error is not None
    truth = laplace_s2.slope(exponent.window)  # type: ignore[attr-defined]
    assert exponent.slope == pytest.approx(truth, abs=4 * exponent.sampling_error + 0.01)


@pytest.mark.parametrize("factor", [2, 10])
def test_repeating_every_row_changes_no_estimate(factor: int, sphere_rows: Sphere) -> None:
    rows, weights = sphere_rows(400, 3, 6), np.resize([1, 1, 3], 400)
    once, more = dense(LAPLACE, rows, weights), dense(LAPLACE, rows, factor * weights)
    assert more.exponent.slope == pytest.approx(once.exponent.slope, abs=1e-4)
    assert more.exponent.window == pytest.approx(once.exponent.window, rel=1e-4)
    assert more.exponent.sampling_error == pytest.approx(once.exponent.sampling_error, rel=0.01)
    grid = np.linspace(0, np.log(once.deepest_n2), 40)
    np.testing.assert_allclose(more.curve.log_kappa(grid), once.curve.log_kappa(grid), atol=1e-5)


def test_rounding_that_ends_the_window_is_said() -> None:
    """Ten columns in float32 leave eigenvalues of 1e-7, which are no part of the data's spectrum."""
    rows = np.random.default_rng(7).standard_normal((400, 500)) * np.exp(-0.5 * np.arange(500))
    found = dense(LINEAR, rows)
    assert found.floored
    assert found.curve.n1[-1] < 400 * DEEPEST_SHARE


def test_few_rows_have_no_nested_half() -> None:
    rows = np.random.default_rng(8).standard_normal((SMALLEST, 3))
    found = dense(LAPLACE, rows)
    assert found.exponent.size_drift is None
    assert found.diversity["vendi_score"].correction == "none: too few rows"


def test_progress_rises_to_its_end(sphere_rows: Sphere) -> None:
    seen: list[float] = []
    rows, weights = sphere_rows(200, 2, 0), np.ones(200, np.int64)
    estimate_dense(LAPLACE, dense_operator(LAPLACE, rows), weights, seed=0, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] <= 1
