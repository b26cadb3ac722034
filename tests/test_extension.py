"""Leading eigenvalues from extended eigenvectors, against the eigenvalues of all rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from specaudit import extension
from specaudit.extension import extended_eigenvalues
from specaudit.kernels import Kernel
from specaudit.operators import dense_operator
from specaudit.spectrum import EXACT_ROWS, eigenpairs

KERNEL = Kernel(name="laplace", bandwidth=1.0, bandwidth_rule="given")
COUNT = 30


def in_two(rows: np.ndarray, weights: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(rows[:200], weights[:200]), (rows[200:], weights[200:])]


@pytest.mark.parametrize("weighted", [False, True])
def test_leading_eigenvalues_of_all_rows_within_two_per_cent(
    weighted: bool, sphere_rows: Callable[..., np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extension, "TESTED_ROWS", 500)
    monkeypatch.setattr(extension, "BLOCK", 700 * 300)  # several pieces
    rows = sphere_rows(1400, 3, 0)
    weights = np.random.default_rng(1).integers(1, 4, len(rows)) if weighted else np.ones(len(rows), np.int64)
    exact = np.linalg.eigvalsh(dense_operator(KERNEL, rows, weights).matrix.astype(float))[::-1][:COUNT]
    pairs = eigenpairs(dense_operator(KERNEL, rows[:700], weights[:700]), 100, seed=0)
    found = extended_eigenvalues(KERNEL, lambda: in_two(rows, weights), rows, weights, pairs, COUNT, threads=2)
    np.testing.assert_allclose(found.values, exact, rtol=0.02)
    assert (np.abs(found.values - exact) <= found.errors + 1e-4 * exact).all()


def test_eigenvectors_of_all_rows_give_their_eigenvalues(sphere_rows: Callable[..., np.ndarray]) -> None:
    rows = sphere_rows(500, 2, 0)
    operator = dense_operator(KERNEL, rows)
    pairs = eigenpairs(operator, 80, seed=0)
    ones = np.ones(500, np.int64)
    found = extended_eigenvalues(KERNEL, lambda: in_two(rows, ones), rows, ones, pairs, 80)
    np.testing.assert_allclose(found.values, pairs.values, rtol=1e-4)


def test_pairs_of_many_rows_are_eigenpairs(sphere_rows: Callable[..., np.ndarray]) -> None:
    operator = dense_operator(KERNEL, sphere_rows(EXACT_ROWS + 200, 3, 0))
    pairs = eigenpairs(operator, 100, seed=0)
    residual = operator.matrix @ pairs.vectors - pairs.vectors * pairs.values
    assert np.linalg.norm(residual, axis=0).max() < 1e-3 * pairs.values[-1]
    np.testing.assert_allclose(pairs.vectors.T @ pairs.vectors, np.eye(100), atol=1e-4)
