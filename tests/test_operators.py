from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from specaudit.errors import InputError
from specaudit.kernels import KERNELS, Kernel
from specaudit.operators import TILE, DenseOperator, dense_bytes, dense_operator

ROWS = TILE + 90  # two tiles a side, one of them cut short
EPSILON = 2.0**-24  # a rounding to float32
SMOOTH = ("matern32", "matern52", "rbf")


def rows_of(n: int = ROWS, d: int = 9, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d)) + 0.5


def kernel_of(name: str, *, centered: bool = False) -> Kernel:
    bandwidth = None if name == "linear" else 3.0
    return Kernel(name=name, bandwidth=bandwidth, bandwidth_rule="given", centered=centered)


def weights_of(n: int = ROWS) -> np.ndarray:
    return np.random.default_rng(5).choice([1, 1, 1, 2, 10], n)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", KERNELS)
def test_the_matrix_equals_brute_force(name: str, weighted: bool, exact_kernel: Callable[..., np.ndarray]) -> None:
    rows = rows_of()
    weights = weights_of() if weighted else None
    operator = dense_operator(kernel_of(name), rows, weights)
    exact = exact_kernel(name, rows, 3.0)
    if weights is not None:
        exact *= np.sqrt(np.outer(weights, weights))
    np.testing.assert_allclose(operator.matrix, exact, rtol=2 * EPSILON, atol=4 * EPSILON * exact.max())
    np.testing.assert_allclose(operator.diagonal, exact.diagonal(), rtol=1e-13)
    assert operator.trace == pytest.approx(exact.trace(), rel=1e-13)
    assert operator.size == ROWS


@pytest.mark.parametrize("weighted", [False, True])
def test_centring_subtracts_the_mean_of_all_copies(weighted: bool) -> None:
    rows = rows_of()
    weights = weights_of() if weighted else np.ones(ROWS, np.int64)
    copies = np.repeat(rows, weights, axis=0)
    centred = rows - copies.mean(axis=0)
    exact = centred @ centred.T * np.sqrt(np.outer(weights, weights))
    found = dense_operator(kernel_of("linear", centered=True), rows, weights if weighted else None).matrix
    np.testing.assert_allclose(found, exact, atol=4 * EPSILON * exact.max())


def test_weights_give_the_spectrum_of_the_repeated_rows() -> None:
    rows, weights = rows_of(120), np.resize([1, 1, 2, 5], 120)
    merged = dense_operator(kernel_of("laplace"), rows, weights)
    repeated = dense_operator(kernel_of("laplace"), np.repeat(rows, weights, axis=0))
    found = np.linalg.eigvalsh(merged.matrix.astype(float))
    expected = np.linalg.eigvalsh(repeated.matrix.astype(float))
    np.testing.assert_allclose(found, expected[-120:], atol=merged.rounding + repeated.rounding)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_matrix_is_symmetric_to_the_bit(name: str, weighted: bool) -> None:
    matrix = dense_operator(kernel_of(name), rows_of(), weights_of() if weighted else None).matrix
    assert matrix.dtype == (np.float64 if name in SMOOTH else np.float32)
    assert np.array_equal(matrix, matrix.T)


@pytest.mark.parametrize("name", KERNELS)
def test_threads_do_not_show_in_the_matrix(name: str) -> None:
    rows, weights = rows_of(), weights_of()
    one = dense_operator(kernel_of(name), rows, weights, threads=1)
    two = dense_operator(kernel_of(name), rows, weights, threads=3)
    assert np.array_equal(one.matrix, two.matrix)


@pytest.mark.parametrize("scale", [1e20, 1e-20])
def test_rows_beyond_the_range_of_the_linear_kernel_are_refused(scale: float) -> None:
    dense_operator(kernel_of("laplace"), scale * rows_of(40))
    with pytest.raises(InputError, match="multiply all rows by one number"):
        dense_operator(kernel_of("linear"), scale * rows_of(40))


def test_rows_are_not_changed() -> None:
    rows = rows_of()
    before = rows.copy()
    dense_operator(kernel_of("laplace"), rows)
    dense_operator(kernel_of("linear", centered=True), rows)
    assert np.array_equal(rows, before)


def test_matmat_multiplies() -> None:
    operator = dense_operator(kernel_of("laplace"), rows_of())
    block = np.random.default_rng(1).standard_normal((ROWS, 8)).astype(np.float32)
    exact = operator.matrix.astype(np.float64) @ block.astype(np.float64)
    np.testing.assert_allclose(operator.matmat(block), exact, atol=ROWS * EPSILON * np.abs(exact).max())


@pytest.mark.parametrize("size", [1, 100, TILE, ROWS])
def test_a_principal_part_is_the_operator_of_the_first_rows(size: int) -> None:
    rows = rows_of()
    part = dense_operator(kernel_of("laplace"), rows).principal(size)
    assert part.size == size
    assert part.trace == size
    alone = dense_operator(kernel_of("laplace"), rows[:size])
    np.testing.assert_allclose(part.matrix, alone.matrix, rtol=0, atol=2e-7)


def test_a_principal_part_shares_memory() -> None:
    operator = dense_operator(kernel_of("laplace"), rows_of())
    assert np.shares_memory(operator.principal(50).matrix, operator.matrix)


@pytest.mark.parametrize("size", [1, TILE - 1, TILE, ROWS])
def test_squared_norm_is_the_sum_of_squares(size: int) -> None:
    operator = dense_operator(kernel_of("linear"), rows_of()).principal(size)
    assert operator.squared_norm == pytest.approx(float((operator.matrix.astype(float) ** 2).sum()), rel=1e-6)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("weighted", [False, True])
def test_rounding_bounds_the_shift_of_every_eigenvalue(
    name: str, weighted: bool, exact_kernel: Callable[..., np.ndarray]
) -> None:
    rows = rows_of(400)
    weights = weights_of(400) if weighted else np.ones(400, np.int64)
    operator = dense_operator(kernel_of(name), rows, weights)
    exact = exact_kernel(name, rows, 3.0) * np.sqrt(np.outer(weights, weights))
    shift = np.linalg.eigvalsh(operator.matrix.astype(float)) - np.linalg.eigvalsh(exact)
    # The largest eigenvalue takes a share of the profile's own error, which is not of random sign.
    assert np.abs(shift[:-1]).max() <= operator.rounding
    assert abs(shift[-1]) <= operator.rounding + 2e-7 * float(np.abs(exact).sum(axis=0).max())


@pytest.mark.parametrize(("dtype", "expected"), [(np.float32, 4 * 2.0**-24), (np.float64, 40 * 2.0**-53)])
def test_rounding_is_that_of_the_number_type(dtype: type, expected: float) -> None:
    operator = DenseOperator(matrix=np.eye(100, dtype=dtype), diagonal=np.ones(100))
    assert operator.rounding == pytest.approx(expected)


def test_dense_bytes_counts_the_matrix_and_the_rows() -> None:
    assert dense_bytes(1000, 10) >= 4 * 1000**2 + 8 * 1000 * 10
    assert dense_bytes(16_384, 384) < 1.2 * 4 * 16_384**2
    assert dense_bytes(1000, 10, 8) - dense_bytes(1000, 10) == 4 * 1000**2
