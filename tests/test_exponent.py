from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import t as student

from specaudit import fit
from specaudit.capacity import CapacityCurve
from specaudit.exponent import (
    GRID,
    MARGIN,
    SHALLOWEST,
    STATUSES,
    WIDEST,
    Evidence,
    critical_value,
    estimate_exponent,
    jackknife_error,
    slope_over,
    window_of,
)

KAPPA = np.geomspace(1, 1e-6, 500)
GROUPS = 20


def power_curve(b: float, kappa: np.ndarray = KAPPA) -> CapacityCurve:
    """Return the curve of lambda_k = k^-b for a continuous k: every N_p is a power of kappa."""
    n1 = kappa ** (-1 / b) * (np.pi / b) / np.sin(np.pi / b)
    n2 = n1 * (1 - 1 / b)
    return CapacityCurve(delta=kappa, kappa=kappa, n1=n1, n2=n2, n3=n2 * (1 - 1 / (2 * b)))


def bent_curve(b: float, bend: float) -> CapacityCurve:
    """Return a curve whose ln N_2 is quadratic in ln kappa, so that its local exponent moves."""
    plain = power_curve(b)
    x = np.log(KAPPA)
    n2 = np.exp(np.log(plain.n2) - bend / b * (x - x[250]) ** 2 / 20)
    local = b / (1 + bend * (x - x[250]) / 10)
    return replace(plain, n2=n2, n1=plain.n1 * n2 / plain.n2, n3=n2 * (1 - 1 / (2 * local)))


def batch(curves: list[CapacityCurve]) -> CapacityCurve:
    stacked = {name: np.stack([getattr(curve, name) for curve in curves]) for name in ("kappa", "n1", "n2", "n3")}
    return CapacityCurve(delta=curves[0].delta, **stacked)


def spread(b: float, amount: float, groups: int = GROUPS) -> CapacityCurve:
    """Return a batch of power laws whose exponents have the jackknife error `amount`."""
    steps = np.linspace(-1, 1, groups)
    steps *= amount / jackknife_error(steps)
    return batch([power_curve(b + step) for step in steps])


def evidence(b: float = 1.5, **changes: object) -> Evidence:
    given = {
        "whole": power_curve(b),
        "jackknife": spread(b, 1e-3),
        "probes": None,
        "half": power_curve(b),
        "deepest": 125.0,
        "rows": 1000,
    }
    return Evidence(**(given | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("b", [1.2, 1.5, 2.5])
def test_the_window_ends_at_the_n2_of_the_depth_and_spans_a_factor_of_four(b: float) -> None:
    window = window_of(power_curve(b), 100.0)
    assert window is not None
    assert window[1] == pytest.approx(100 * (1 - 1 / b), rel=1e-3)
    assert window[0] == window[1] / 4


def test_a_curve_that_ends_early_ends_the_window() -> None:
    curve = power_curve(1.5, np.geomspace(1, 1e-2, 300))
    window = window_of(curve, 100.0)
    assert window is not None
    at_margin = float(np.interp(-np.log(MARGIN * 1e-2), -np.log(curve.delta), curve.n2))
    assert window[1] == pytest.approx(at_margin, rel=1e-3)
    assert window[1] < curve.n2[-1]


def test_no_window_where_the_curve_never_gets_there() -> None:
    assert window_of(power_curve(1.5), 0.1) is None
    broken = replace(power_curve(1.5), n2=np.full(500, np.nan))
    assert window_of(broken, 100.0) is None


@pytest.mark.parametrize(("depth", "told"), [(3.9996, "3.999"), (3.98, "3.98"), (3.2, "3.2")])
def test_a_depth_that_is_too_small_is_told_as_such(depth: float, told: str) -> None:
    curve = power_curve(1.5)
    deepest = float(np.exp(np.interp(np.log(depth), curve.log_n2, np.log(curve.n1))))
    found = estimate_exponent(evidence(whole=curve, deepest=deepest))
    assert found.status == "unresolved"
    assert f"reach only {told} effective dimensions; a window of a factor 4 from 1 needs 4" in found.reason


@pytest.mark.parametrize("b", [0.9, 1.2, 1.5, 3.0])
def test_the_slope_of_a_power_curve_is_its_exponent(b: float) -> None:
    n2 = np.geomspace(0.3, 300, 300)
    curve = CapacityCurve(delta=n2, kappa=n2**-b, n1=2 * n2, n2=n2, n3=n2)
    assert float(slope_over(curve, (5.0, 20.0))) == pytest.approx(b, rel=1e-6)


def test_slopes_of_a_batch_are_those_of_its_curves() -> None:
    curves = [power_curve(b) for b in (1.3, 1.5, 2.0)]
    found = slope_over(batch(curves), (5.0, 20.0))
    np.testing.assert_allclose(found, [1.3, 1.5, 2.0], rtol=1e-4)
    assert found.shape == (3,)


def test_the_slope_is_least_squares_on_equal_steps_of_ln_n2() -> None:
    curve = bent_curve(1.5, 0.05)
    grid = np.linspace(np.log(5), np.log(20), GRID)
    expected = -np.polyfit(grid, curve.log_kappa(grid), 1)[0]
    assert float(slope_over(curve, (5.0, 20.0))) == pytest.approx(expected, rel=1e-9)


def test_a_curve_that_does_not_span_the_window_has_no_slope() -> None:
    assert np.isnan(slope_over(power_curve(1.5, np.geomspace(1, 0.1, 50)), (5.0, 200.0)))


def test_the_jackknife_error_of_a_mean_is_its_standard_error() -> None:
    values = np.random.default_rng(0).standard_normal(30)
    without = np.array([np.delete(values, i).mean() for i in range(30)])
    assert float(jackknife_error(without)) == pytest.approx(values.std(ddof=1) / np.sqrt(30), rel=1e-12)


@pytest.mark.parametrize("groups", [2, 10, 20])
def test_the_critical_value_is_student_s(groups: int) -> None:
    assert critical_value(groups) == pytest.approx(student.ppf(0.975, groups - 1), rel=1e-9)


def test_a_power_law_is_resolved() -> None:
    found = estimate_exponent(evidence())
    assert found.status == "resolved"
    assert found.shape == "power law"
    assert found.value == found.slope == pytest.approx(1.5, abs=1e-3)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 1.5 < found.high
    assert found.local == pytest.approx((1.5, 1.5), rel=1e-6)
    assert found.rows_needed is None


def test_the_interval_adds_sampling_probe_and_drift() -> None:
    probes = spread(1.5, 2e-3, 64)
    found = estimate_exponent(evidence(probes=probes, half=power_curve(1.49), quadrature=1.5e-3))
    assert found.sampling_error == pytest.approx(1e-3, rel=0.01)
    assert found.probe_error == pytest.approx(2.5e-3, rel=0.01)
    assert found.size_drift == pytest.approx(-0.01, rel=0.01)
    assert found.value is not None
    assert found.low is not None
    assert found.high is not None
    half_width = 2.093 * 1e-3 + 1.96 * 2.5e-3 + 0.01
    assert found.high - found.value == pytest.approx(half_width, rel=0.01)
    assert found.value - found.low == pytest.approx(half_width, rel=0.01)


def test_each_source_of_error_widens_the_interval() -> None:
    def width(**changes: object) -> float:
        found = estimate_exponent(evidence(**changes))
        assert found.high is not None
        assert found.low is not None
        return found.high - found.low

    least = width()
    assert width(jackknife=spread(1.5, 4e-3)) > least
    assert width(probes=spread(1.5, 4e-3, 64)) > least
    assert width(quadrature=4e-3) > least
    assert width(half=power_curve(1.51)) > least
    assert width(half=power_curve(1.49)) > least


def test_a_half_with_another_slope_is_drift_with_size() -> None:
    found = estimate_exponent(evidence(half=power_curve(1.56)))
    assert found.status == "drifting"
    assert "half of the rows" in found.reason
    assert found.value is not None


def test_a_local_exponent_that_moves_a_little_too_much_is_drift() -> None:
    """By 11 %: more than one exponent may, less than it takes to deny a power law."""
    bent = bent_curve(1.5, 1.0)
    found = estimate_exponent(evidence(whole=bent, half=bent, jackknife=batch([bent] * GROUPS)))
    assert found.status == "drifting"
    assert "slopes over quarters of the window differ by 11 %" in found.reason
    assert found.local is not None
    assert found.local[1] / found.local[0] > 1.11
    assert found.value is not None


def test_a_wide_interval_is_unresolved_and_says_how_many_rows_would_do() -> None:
    found = estimate_exponent(evidence(jackknife=spread(1.5, 0.15)))
    assert found.status == "unresolved"
    assert found.value is found.low is found.high is found.local is None
    assert found.slope == pytest.approx(1.5, abs=1e-3)
    half_width = 2.093 * float(jackknife_error(slope_over(spread(1.5, 0.15), found.window)))  # type: ignore[arg-type]
    assert found.rows_needed is not None
    assert found.rows_needed == pytest.approx(1000 * (half_width / WIDEST) ** 2, rel=0.1)
    assert str(WIDEST) in found.reason


def test_replicates_that_end_before_the_window_leave_it_unresolved() -> None:
    short = batch([power_curve(1.5, np.geomspace(1, 1e-2, 500))] * GROUPS)
    found = estimate_exponent(evidence(jackknife=short))
    assert found.status == "unresolved"
    assert found.value is None
    assert found.sampling_error is None


def test_too_shallow_a_curve_is_unresolved_and_reads_off_the_rows_needed() -> None:
    found = estimate_exponent(evidence(deepest=5.0, rows=40))
    assert found.status == "unresolved"
    assert found.window is None
    assert found.slope is None
    assert "40 different rows" in found.reason
    # N_2 = N_1 / 3 here, and the window must reach N_2 = 4: N_1 = 12, an eighth of 96 rows.
    assert found.rows_needed == pytest.approx(96, rel=0.05)


def test_rank_rather_than_rows_being_short_names_no_rows() -> None:
    assert estimate_exponent(evidence(deepest=5.0, rows=4000, limited=True)).rows_needed is None


def test_statuses_follow_from_their_declaration() -> None:
    assert STATUSES == ("resolved", "drifting", "not-power-law", "unresolved")
    assert SHALLOWEST >= 1


def gaussian(variances: np.ndarray, n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, len(variances))) * np.sqrt(variances)


Sphere = Callable[[int, int, int], np.ndarray]


def test_real_rows_of_a_power_law_are_resolved() -> None:
    found = fit(gaussian(np.arange(1, 3001) ** -1.2, 800, 0), kernels=["linear"]).exponent
    assert found.status == "resolved"
    assert found.value == pytest.approx(1.16, abs=0.02)


def test_real_rows_with_a_climbing_exponent_drift(sphere_rows: Sphere) -> None:
    """Matern 3/2 on S^3 has b = 2, but reaches it only far below what 1,000 rows resolve."""
    found = fit(sphere_rows(1000, 3, 0), kernels=["matern32"], bandwidth=1.0).exponent
    assert found.status == "drifting"
    assert found.range is not None
    assert found.value is not None
    assert found.range.low < found.value < found.range.high < 2.0


@pytest.mark.parametrize(
    ("variances", "shape"),
    [
        (np.exp(-0.05 * np.arange(400)), "exponential"),
        (np.ones(64), "isotropic"),
    ],
)
def test_real_rows_of_another_shape_are_no_power_law(variances: np.ndarray, shape: str) -> None:
    found = fit(gaussian(variances, 800, 1), kernels=["linear"]).exponent
    assert found.status == "not-power-law"
    assert found.shape == shape
    assert found.value is found.low is found.high is None
    assert found.slope is not None
    assert found.range is not None


@pytest.mark.parametrize(("law", "rows"), [("laplace S^1", 150), ("laplace S^2", 150), ("gaussian", 100)])
@pytest.mark.parametrize("seed", [0, 1])
def test_few_rows_of_a_power_law_do_not_deny_it(law: str, rows: int, seed: int, sphere_rows: Sphere) -> None:
    """Near N_2 = 1 every power law bends; rows that see no further may say so, but not that there is none."""
    if law == "gaussian":
        found = fit(gaussian(np.arange(1, 1001) ** -1.5, rows, seed), kernels=["linear"]).exponent
    else:
        found = fit(sphere_rows(rows, int(law[-1]), seed), kernels=["laplace"]).exponent
    assert found.status != "not-power-law"


def test_few_real_rows_are_unresolved_and_the_rows_needed_resolve_them(sphere_rows: Sphere) -> None:
    few = fit(sphere_rows(40, 2, 0), kernels=["laplace"]).exponent
    assert few.status == "unresolved"
    assert few.value is None
    assert few.rows_needed is not None
    more = fit(sphere_rows(2 * few.rows_needed, 2, 0), kernels=["laplace"]).exponent
    assert more.window is not None


def test_the_interval_covers_the_population_s_slope(laplace_s2: object, sphere_rows: Sphere) -> None:
    """95 % intervals on 12 data sets: ten or more cover with probability 0.98 if they are right."""
    covered = 0
    for seed in range(12):
        found = fit(sphere_rows(400, 2, 100 + seed), kernels=["laplace"], bandwidth=1.0).exponent
        assert found.low is not None
        assert found.high is not None
        assert found.window is not None
        truth = laplace_s2.slope(found.window)  # type: ignore[attr-defined]
        covered += found.low <= truth <= found.high
        assert found.high - found.low < 0.15
    assert covered >= 10
