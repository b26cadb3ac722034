"""Ridge leverages from neighbours, against the diagonal of K (K + delta)^-1."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from specaudit import fit, leverage
from specaudit.errors import ConfigError, InputError
from specaudit.graph import TailLeverage
from specaudit.kernels import Kernel, kernel_values

KERNEL = Kernel(name="laplace", bandwidth=1.0, bandwidth_rule="given")


def uneven(n: int, seed: int = 0) -> np.ndarray:
    """Return rows whose density differs from place to place."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, 3)) * np.exp(rng.standard_normal((n, 1)) / 2)


def exact(rows: np.ndarray, weights: np.ndarray, ridge: float) -> np.ndarray:
    """Return the leverage of one copy of each row."""
    root = np.sqrt(weights)
    matrix = kernel_values(KERNEL, rows, rows).astype(float) * np.outer(root, root)
    return np.diag(matrix @ np.linalg.inv(matrix + ridge * np.eye(len(rows)))) / weights


def test_all_rows_as_neighbours_give_the_leverage_itself() -> None:
    rows, weights = uneven(60), np.random.default_rng(1).integers(1, 4, 60)
    found = TailLeverage.of(KERNEL, rows, weights, 0.3)
    values = found.leverages(rows, np.arange(60), neighbors=59)
    np.testing.assert_allclose(values, exact(rows, weights, 0.3), rtol=1e-4)


def test_the_nearest_neighbours_rank_the_rows() -> None:
    rows, weights = uneven(1200), np.ones(1200, np.int64)
    truth = exact(rows, weights, 0.5)
    values = TailLeverage.of(KERNEL, rows, weights, 0.5).leverages(rows, np.arange(1200), threads=2)
    assert spearmanr(values, truth).statistic > 0.98
    assert values.sum() == pytest.approx(truth.sum(), rel=0.1)


def test_a_row_that_is_not_in_the_sample_is_conditioned_on_all_of_it() -> None:
    rows = uneven(50)
    carried = TailLeverage.of(KERNEL, rows[:49], np.ones(49, np.int64), 0.3)
    alone = carried.leverages(rows[49:], np.array([-1]), neighbors=49)
    np.testing.assert_allclose(alone, exact(rows, np.ones(50), 0.3)[49:], rtol=1e-4)


def test_every_row_of_a_data_set_has_its_leverage() -> None:
    rows = np.vstack([uneven(900), uneven(900)[:100], np.full((2, 3), np.nan)])
    found = fit(rows, kernels=["linear", "laplace"], drop_bad_rows=True)
    values = leverage(rows, found, threads=2)
    assert values.shape == (1002,)
    assert np.isnan(values[1000:]).all()
    np.testing.assert_array_equal(values[:100], values[900:1000])  # copies
    assert ((values[:1000] > 0) & (values[:1000] < 1)).all()
    assert values[:1000].sum() == pytest.approx(900 / 8, rel=0.15)


def test_rows_past_the_sample_have_leverages_too() -> None:
    rows = uneven(900)
    values = leverage(rows, fit(rows, kernels=["laplace"], max_rows=500))
    assert np.isfinite(values).all()


def test_other_rows_than_those_of_the_fit_are_refused() -> None:
    found = fit(uneven(200), kernels=["laplace"])
    with pytest.raises(InputError, match="not the rows of the fit"):
        leverage(uneven(200, seed=1), found)


def test_a_linear_fit_has_no_leverage() -> None:
    with pytest.raises(ConfigError, match="kernel of the rows' distances"):
        leverage(uneven(200), fit(uneven(200), kernels=["linear"]))
