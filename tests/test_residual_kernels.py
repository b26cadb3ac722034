"""Residual kernels against the formula with explicit conditioning."""

from __future__ import annotations

import numpy as np
import pytest

from specaudit.kernels import Kernel, choose_kernel, kernel_values
from specaudit.residual_kernels import ColumnResiduals, KernelResiduals, inverted, residuals_of, ridge_at

ROWS, OTHERS, DIMENSIONS = 60, 20, 5
LINEAR = Kernel(name="linear", bandwidth=None, bandwidth_rule="none")


@pytest.fixture
def rows() -> np.ndarray:
    rows = np.random.default_rng(0).normal(size=(ROWS, DIMENSIONS))
    return rows - rows.mean(axis=0)


@pytest.fixture
def others() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(OTHERS, DIMENSIONS))


@pytest.fixture
def copies() -> np.ndarray:
    return np.random.default_rng(2).integers(1, 4, ROWS)


def explicit(kernel: Kernel, known: np.ndarray, noise: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the posterior covariance of values at x given noisy ones at `known`."""

    def values(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return a @ b.T if kernel.profile is None else kernel_values(kernel, a, b).astype(float)

    gram = values(known, known) + np.diag(noise)
    shared = values(known, x)
    return values(x, x) - shared.T @ np.linalg.solve(gram, shared)


def models(rows: np.ndarray, copies: np.ndarray, ridge: float = 0.7) -> list[tuple[Kernel, object]]:
    laplace = choose_kernel("laplace", rows)
    found = ColumnResiduals.fitted_to(rows, copies)
    column = ColumnResiduals(
        rows=rows,
        copies=copies,
        ridge=ridge,
        gram=found.gram + (ridge - found.ridge) * np.eye(DIMENSIONS),
    )
    return [
        (laplace, KernelResiduals.fitted_to(laplace, rows, copies, ridge)),
        (LINEAR, KernelResiduals.fitted_to(LINEAR, rows, copies, ridge)),
        (LINEAR, column),
    ]


@pytest.mark.parametrize("which", range(3))
def test_residuals_are_those_of_explicit_conditioning(
    which: int, rows: np.ndarray, others: np.ndarray, copies: np.ndarray
) -> None:
    kernel, model = models(rows, copies)[which]
    noise = 0.7 / copies
    new = model.of(others)
    np.testing.assert_allclose(new.residual, np.diag(explicit(kernel, rows, noise, others)), rtol=1e-5, atol=1e-7)
    held = np.array([3, 8, 11, 40])
    rest = np.setdiff1d(np.arange(ROWS), held)
    np.testing.assert_allclose(
        model.held_out(held), explicit(kernel, rows[rest], noise[rest], rows[held]), rtol=1e-4, atol=1e-6
    )
    some = np.array([1, 5, 19])
    found, kept = new.against(some, held)
    np.testing.assert_allclose(found, explicit(kernel, rows[rest], noise[rest], others[some]), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(kept, model.held_out(held), rtol=1e-9)


@pytest.mark.parametrize("which", range(3))
def test_a_row_is_left_what_all_others_and_its_other_copies_leave(
    which: int, rows: np.ndarray, copies: np.ndarray
) -> None:
    kernel, model = models(rows, copies)[which]
    for row in (0, 7, 33):
        fewer = copies.astype(float)
        fewer[row] -= 1
        known = fewer > 0
        left = explicit(kernel, rows[known], 0.7 / fewer[known], rows[row : row + 1])[0, 0]
        assert model.own[row] == pytest.approx(left, rel=1e-5)


def test_the_ridge_leaves_the_asked_effective_dimension(rows: np.ndarray) -> None:
    model = residuals_of(choose_kernel("laplace", rows), rows, np.ones(ROWS, np.int64))
    leverage = 1 - model.ridge * model.inverse.diagonal()
    assert leverage.sum() == pytest.approx(ROWS / 4, rel=1e-3)
    linear = residuals_of(LINEAR, rows, np.ones(ROWS, np.int64))
    nodes = np.linalg.eigvalsh(rows.T @ rows)
    assert (nodes / (nodes + linear.ridge)).sum() == pytest.approx(DIMENSIONS / 2)


def test_a_ridge_is_found_for_any_dimension_up_to_half_of_the_rank() -> None:
    nodes, weights = np.array([4.0, 2.0, 1.0, 0.0, -1e-9]), np.array([1.0, 1.0, 2.0, 5.0, 3.0])
    for dimension in (0.01, 0.5, 1.9):
        ridge = ridge_at(nodes, weights, dimension)
        assert weights @ (np.maximum(nodes, 0) / (np.maximum(nodes, 0) + ridge)) == pytest.approx(dimension)


def test_where_the_rank_is_too_small_half_of_it_is_taken() -> None:
    nodes = np.array([4.0, 2.0, 1.0, 1e-9])
    ridge = ridge_at(nodes, np.ones(4), 30.0, floor=1e-6)
    assert (nodes / (nodes + ridge)).sum() == pytest.approx(1.5, abs=0.01)


def test_the_inverse_is_whole_and_symmetric() -> None:
    half = np.random.default_rng(3).normal(size=(1300, 1400))
    matrix = half @ half.T + np.eye(1300)
    found = inverted(matrix.copy())
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_allclose(found @ matrix, np.eye(1300), atol=1e-8)
    with pytest.raises(np.linalg.LinAlgError):
        inverted(-np.eye(3))
