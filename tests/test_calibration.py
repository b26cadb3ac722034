"""The graph's estimate: what its calibration corrects, and what it does not trust."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from specaudit import calibration
from specaudit.calibration import (
    TREND,
    GraphEstimate,
    GraphSettings,
    Offset,
    check_graph,
    estimate_graph,
)
from specaudit.capacity import CapacityCurve
from specaudit.estimate import estimate_dense
from specaudit.exponent import slope_over
from specaudit.kernels import Kernel, choose_kernel
from specaudit.operators import dense_operator

ROWS = 6000
DENSE = 3000


def sphere(n: int, d: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((n, d + 1))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def ones(n: int) -> np.ndarray:
    return np.ones(n, dtype=np.int64)


@cache
def on_the_sphere() -> tuple[Kernel, np.ndarray, GraphEstimate]:
    rows = sphere(ROWS, 2)
    kernel = choose_kernel("laplace", rows)
    settings = GraphSettings(landmarks=ROWS // 64, neighbors=16)
    return kernel, rows, estimate_graph(kernel, rows, ones(ROWS), settings, dense_rows=DENSE, seed=0, threads=2)


def curve(kappa: float, n2: float) -> CapacityCurve:
    """Return a power law's curve of 2,000 rows, with kappa and N_2 multiplied."""
    delta = np.geomspace(1e3, 1e-1, 60)
    n1 = 500 * (delta[-1] / delta) ** 0.5
    return CapacityCurve(delta=delta, kappa=kappa * n1**-2.0, n1=n1, n2=0.5 * n2 * n1, n3=0.4 * n2 * n1)


def test_an_offset_turns_the_graphs_curve_into_the_dense_one() -> None:
    offset = Offset.between(curve(1.1, 0.9), curve(1.0, 1.0), 2000)
    found = offset.applied(curve(1.0, 1.0), 2000)
    kept = len(found.delta)
    assert kept >= 59  # the last point may lie past the last of the offset's grid
    for name in ("kappa", "n2", "n3"):
        np.testing.assert_allclose(getattr(found, name), getattr(curve(1.1, 0.9), name)[:kept], rtol=1e-9)


def test_an_offset_is_not_used_past_what_is_known() -> None:
    short = CapacityCurve(**{name: getattr(curve(1, 1), name)[:30] for name in ("delta", "kappa", "n1", "n2", "n3")})
    found = Offset.between(short, curve(1, 1), 2000).applied(curve(1, 1), 2000)
    assert found.n1[-1] <= short.n1[-1]
    assert len(found.delta) == len(found.n1) == len(found.kappa)


def test_the_calibrated_graph_agrees_with_the_dense_operator_of_all_rows() -> None:
    kernel, rows, found = on_the_sphere()
    exponent, stated = found.estimate.exponent, found.calibration
    assert stated is not None
    assert stated.trusted
    assert found.estimate.operator == "graph"
    assert exponent.window is not None
    dense = estimate_dense(kernel, dense_operator(kernel, rows, ones(ROWS), threads=2), ones(ROWS), seed=0)
    exact = float(slope_over(dense.curve, exponent.window))
    assert exponent.slope == pytest.approx(exact, abs=0.01)
    assert exponent.low is not None
    assert exponent.low <= exact <= exponent.high


def test_the_graph_reaches_deeper_than_the_dense_sample() -> None:
    kernel, rows, found = on_the_sphere()
    dense = estimate_dense(kernel, dense_operator(kernel, rows[:DENSE], threads=2), ones(DENSE), seed=0)
    assert found.estimate.deepest_n2 > 1.5 * dense.deepest_n2


def test_the_ladder_has_doublings_of_the_rows_and_the_calibration_sizes() -> None:
    _, _, found = on_the_sphere()
    assert found.calibration is not None
    ladder = found.calibration.ladder
    assert [rung.rows for rung in ladder] == [750, 1500, 3000, 6000]
    assert [rung.dense is not None for rung in ladder] == [True, True, True, False]
    assert ladder[2].calibrated == pytest.approx(ladder[2].dense, abs=1e-3)


def test_where_calibrations_disagree_the_dense_answer_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "TREND", 1e-9)
    rows = sphere(2000, 3)
    kernel = choose_kernel("laplace", rows)
    found = estimate_graph(
        kernel, rows, ones(2000), GraphSettings(landmarks=32, neighbors=8), dense_rows=1000, seed=0, threads=2
    )
    dense = estimate_dense(kernel, dense_operator(kernel, rows[:1000], threads=2), ones(1000), seed=0)
    assert found.calibration is not None
    assert not found.calibration.trusted
    assert "differ by up to" in found.calibration.doubt
    assert found.estimate.operator == "dense"
    assert found.estimate.exponent.slope == dense.exponent.slope


def test_what_the_calibration_leaves_is_part_of_the_interval() -> None:
    _, _, found = on_the_sphere()
    assert found.calibration is not None
    exponent, error = found.estimate.exponent, found.calibration.error
    assert exponent.operator_error == error
    assert exponent.high is not None
    assert exponent.high - exponent.slope > error
    assert 0 < found.calibration.trend <= TREND


def test_copies_enter_as_weights() -> None:
    rows, weights = sphere(4000, 2), np.where(np.arange(4000) % 3 == 0, 4, 1)
    kernel = choose_kernel("laplace", rows)
    settings = GraphSettings(landmarks=62, neighbors=16)
    found = estimate_graph(kernel, rows, weights, settings, dense_rows=2000, seed=0, threads=2)
    dense = estimate_dense(kernel, dense_operator(kernel, rows, weights, threads=2), weights, seed=0)
    window = found.estimate.exponent.window
    assert window is not None
    assert found.estimate.exponent.slope == pytest.approx(float(slope_over(dense.curve, window)), abs=0.01)


def test_a_dense_estimate_is_held_against_the_graph_of_a_part_of_its_rows(
    sphere_rows: Callable[..., np.ndarray],
) -> None:
    rows = sphere_rows(2400, 2, 0)
    kernel = choose_kernel("laplace", rows)
    dense = estimate_dense(kernel, dense_operator(kernel, rows, threads=2), ones(2400), seed=0)
    check = check_graph(dense, rows, ones(2400), seed=0, threads=2)
    assert check is not None
    assert check.rows == 600
    assert check.low < check.delta < check.high
    assert abs(check.delta) < 0.05


def test_few_rows_are_not_held_against_a_graph(sphere_rows: Callable[..., np.ndarray]) -> None:
    rows = sphere_rows(600, 2, 0)
    kernel = choose_kernel("laplace", rows)
    dense = estimate_dense(kernel, dense_operator(kernel, rows), ones(600), seed=0)
    assert check_graph(dense, rows, ones(600), seed=0, threads=1) is None
