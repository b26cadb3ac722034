"""The kernel graph against dense matrices, and the lists of previous rows against brute force."""

from __future__ import annotations

import numpy as np
import pytest

from specaudit.graph import GraphOperator, PreviousRows, graph_operator, previous_rows
from specaudit.graph.previous import GROWTH, SMALLEST_GENERATION, generations
from specaudit.kernels import Kernel, distances, kernel_values


def sphere(n: int, d: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((n, d + 1))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows - rows.mean(axis=0)


def kernel(name: str = "laplace", bandwidth: float = 1.0) -> Kernel:
    return Kernel(name=name, bandwidth=bandwidth, bandwidth_rule="given")


def matrix_of(operator: GraphOperator) -> np.ndarray:
    return operator.matmat(np.eye(operator.size, dtype=operator.dtype)).astype(np.float64)


def everything_before(n: int) -> PreviousRows:
    """Return lists of all rows of earlier generations, in which every row is a generation of its own."""
    places = np.full((n, n - 1), -1, dtype=np.int32)
    for row in range(1, n):
        places[row, :row] = np.arange(row)
    return PreviousRows(places=places, bounds=tuple(range(n + 1)), index="flat", recall=1.0)


@pytest.mark.parametrize("name", ["laplace", "matern32", "rbf"])
def test_rows_that_depend_on_all_before_them_give_the_kernel_itself(name: str) -> None:
    rows = sphere(90, 2)
    operator = graph_operator(kernel(name), rows, everything_before(90), landmarks=16)
    exact = kernel_values(kernel(name), rows, rows)
    assert operator.head.shape == (64, 64)
    np.testing.assert_allclose(matrix_of(operator), exact, atol=2e-5)


def test_without_rows_past_the_head_the_operator_is_the_kernel() -> None:
    rows = sphere(80, 3)
    operator = graph_operator(kernel(), rows, previous_rows(rows), landmarks=16)
    assert operator.regressions == ()
    np.testing.assert_allclose(matrix_of(operator), kernel_values(kernel(), rows, rows), atol=1e-6)


@pytest.mark.parametrize(("dimension", "neighbors"), [(2, 32), (5, 8), (10, 32)])
def test_the_operator_is_symmetric_and_positive_semidefinite(dimension: int, neighbors: int) -> None:
    rows = sphere(1200, dimension)
    operator = graph_operator(kernel(), rows, previous_rows(rows, neighbors), landmarks=20)
    matrix = matrix_of(operator)
    np.testing.assert_allclose(matrix, matrix.T, atol=2e-6)
    assert np.linalg.eigvalsh(matrix)[0] > -operator.rounding


def test_neighbours_bring_the_operator_nearer_to_the_kernel_than_landmarks_alone() -> None:
    rows = sphere(1500, 2)
    exact = kernel_values(kernel(), rows, rows).astype(np.float64)
    operator = graph_operator(kernel(), rows, previous_rows(rows), landmarks=24)
    far = operator.far.astype(np.float64) @ operator.far.T
    assert np.linalg.norm(matrix_of(operator) - exact) < 0.1 * np.linalg.norm(far - exact)


def test_multiplicities_scale_rows_and_columns() -> None:
    rows, weights = sphere(400, 2), np.random.default_rng(1).integers(1, 5, 400)
    previous = previous_rows(rows)
    plain = matrix_of(graph_operator(kernel(), rows, previous))
    weighted = graph_operator(kernel(), rows, previous, weights)
    np.testing.assert_allclose(matrix_of(weighted), plain * np.sqrt(np.outer(weights, weights)), rtol=1e-5, atol=1e-5)
    assert weighted.trace == pytest.approx(weights.sum())


def test_near_copies_are_no_trouble() -> None:
    rows = sphere(600, 3)
    rows[300:] = rows[:300] + 1e-9 * np.random.default_rng(2).standard_normal((300, 4))
    matrix = matrix_of(graph_operator(kernel(), rows, previous_rows(rows), landmarks=16))
    assert np.isfinite(matrix).all()
    np.testing.assert_allclose(np.diag(matrix), 1.0, atol=0.1)
    assert matrix[np.arange(300), np.arange(300, 600)].min() > 0.9


def test_threads_do_not_change_the_operator() -> None:
    rows = sphere(800, 3)
    previous = previous_rows(rows)
    one, two = (graph_operator(kernel(), rows, previous, landmarks=16, threads=threads) for threads in (1, 2))
    np.testing.assert_allclose(matrix_of(one), matrix_of(two), atol=1e-6)


def test_previous_rows_are_the_nearest_of_earlier_generations() -> None:
    rows = sphere(700, 4)
    found = previous_rows(rows, 5)
    away = distances(rows, rows)
    for low, high in zip(found.bounds, found.bounds[1:], strict=False):
        for row in range(low, high):
            nearest = np.argsort(away[row, :low], kind="stable")[:5]
            assert set(found.places[row][found.places[row] >= 0]) == set(nearest)


def test_a_prefix_has_the_lists_that_it_would_have_alone() -> None:
    rows = sphere(500, 3)
    part, alone = previous_rows(rows).first(333), previous_rows(rows[:333])
    assert part.bounds == alone.bounds
    np.testing.assert_array_equal(part.places, alone.places)


@pytest.mark.parametrize("rows", [1, 15, 16, 17, 1000, 12345])
def test_generations_are_a_small_share_of_the_rows_before(rows: int) -> None:
    bounds = np.array(generations(rows))
    assert (bounds[0], bounds[-1]) == (0, rows)
    assert (np.diff(bounds) <= np.maximum(SMALLEST_GENERATION, GROWTH * bounds[:-1])).all()
