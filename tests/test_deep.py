"""The gain past the dense depth: kernel graphs against the dense kernel matrices of the same rows."""

from __future__ import annotations

import numpy as np
import pytest

from specaudit import compare
from specaudit.api import compare_plan
from specaudit.calibration import GraphSettings
from specaudit.deep import DeepCurve, DeepGain
from specaudit.errors import BudgetError, ConfigError, InputError
from specaudit.estimate import FLOOR, Share, measure_operator
from specaudit.graph import default_landmarks
from specaudit.kernels import FloatArray, Kernel
from specaudit.operators import dense_operator
from specaudit.profiles import at_n1
from specaudit.subsets import SampledRows

ROWS = 4200
KERNEL = Kernel(name="laplace", bandwidth=1.0, bandwidth_rule="given")


def cloud(seed: int) -> FloatArray:
    return np.random.default_rng(seed).standard_normal((ROWS, 4))


def squeezed(rows: FloatArray) -> FloatArray:
    """Return rows that fill less of space: every other one is half as far out."""
    rows = rows.copy()
    rows[::2] /= 2
    return rows


def dense(rows: FloatArray, dimension: FloatArray) -> FloatArray:
    operator = dense_operator(KERNEL, rows, threads=2)
    share = Share(weights=np.ones(len(rows), np.int64), floor=FLOOR * operator.rounding)
    return at_n1(share.curve(measure_operator(operator, share, seed=0)), dimension)


def test_the_gain_of_the_graphs_is_that_of_the_dense_matrices() -> None:
    sides = cloud(0), squeezed(cloud(1))
    settings = GraphSettings(landmarks=default_landmarks(ROWS), neighbors=32)
    gain = DeepGain.between(
        *(
            DeepCurve.of(
                KERNEL,
                SampledRows(rows=rows, copies=np.ones(ROWS, np.int64)),
                settings,
                dense_rows=1000,
                seed=0,
                threads=2,
            )
            for rows in sides
        )
    )
    truth = np.subtract(*(dense(rows, gain.dimension) for rows in reversed(sides)))
    assert gain.dimension[[0, -1]] == pytest.approx([125, ROWS / 8])
    assert truth.max() < -0.03  # there is something to see
    np.testing.assert_allclose(gain.change, truth, rtol=0.06)
    assert (gain.error > 0).all()


def test_a_comparison_with_graphs_adds_the_deep_gain_and_changes_no_gate() -> None:
    before = cloud(2)
    after = before[np.argsort(np.linalg.norm(before, axis=1))[:4100]]
    plain = compare(before, after, kernels=["laplace", "linear"], max_rows=800)
    found = compare(before, after, kernels=["laplace", "linear"], max_rows=800, operator="graph", landmarks=100)
    deep = found.spectra["laplace"].deep_gain
    assert deep is not None
    assert (deep.rows, deep.landmarks, deep.neighbors) == (4100, 100, 32)
    assert deep.dimension[-1] == pytest.approx(4100 / 8, rel=1e-4)
    assert abs(deep.disagreement) < 0.03
    assert deep.low[-1] < deep.kappa_ratio[-1] < deep.high[-1] < 1
    assert found.spectra["linear"].deep_gain is None
    assert plain.spectra["laplace"].deep_gain is None
    assert (found.verdict, found.gates) == (plain.verdict, plain.gates)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"kernels": ["linear"]}, ConfigError, "a kernel of the rows' distances"),
        ({"after": slice(4000)}, InputError, "at least 4,096 different rows, there are 4,000"),
        ({"neighbors": 0}, ConfigError, "neighbors must be at least 1"),
        ({"max_memory": 300 << 20, "max_rows": 100}, BudgetError, "the run needs"),
    ],
)
def test_graphs_that_cannot_be_are_refused(
    arguments: dict[str, object], error: type[Exception], message: str
) -> None:
    rows = cloud(3)
    after = rows[arguments.pop("after", slice(None))]  # type: ignore[call-overload]
    with pytest.raises(error, match=message):
        compare(rows, after, operator="graph", **arguments)  # type: ignore[arg-type]


def test_the_plan_counts_the_graphs_and_refuses_those_that_cannot_be() -> None:
    rows = cloud(4)
    plain = compare_plan(rows, rows[:4100], max_rows=500)
    deep = compare_plan(rows, rows[:4100], max_rows=500, operator="graph")
    assert dict(deep.stages)["laplace graph"] > 0
    assert "laplace graph" not in dict(plain.stages)
    assert deep.peak_memory > plain.peak_memory
    with pytest.raises(InputError, match="at least 4,096 different rows, there are 4,000"):
        compare_plan(rows, rows[:4000], operator="graph")
