from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from specaudit import spectrum
from specaudit.capacity import Multiplicities, capacity_curve
from specaudit.draws import Draw, draw
from specaudit.kernels import Kernel
from specaudit.operators import dense_operator
from specaudit.subsets import ColumnSubsets, MatrixSubsets, SampledRows, spectra, subsets_of

Exact = Callable[..., np.ndarray]


def kernel_of(name: str, *, centered: bool = False) -> Kernel:
    bandwidth = None if name == "linear" else 1.5
    return Kernel(name=name, bandwidth=bandwidth, bandwidth_rule="given", centered=centered)


def sample_of(n: int, d: int, *, weighted: bool = False, seed: int = 0) -> SampledRows:
    """Return rows off the origin, so that centring matters."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n, d)) * np.arange(1, d + 1) ** -0.6 + 0.3
    copies = np.resize([1, 1, 3, 1, 12], n) if weighted else np.ones(n, np.int64)
    return SampledRows(rows=rows, copies=copies)


def weighted_matrix(exact: Exact, kernel: Kernel, rows: np.ndarray, copies: np.ndarray) -> np.ndarray:
    """Return W^1/2 K W^1/2, by writing out the copies where the rows are centred."""
    if kernel.centered:
        rows = rows - np.repeat(rows, copies, axis=0).mean(axis=0)
    matrix = exact(kernel.name, rows, kernel.bandwidth or 1.0)
    return np.asarray(matrix * np.sqrt(np.outer(copies, copies)))


KERNELS = [
    kernel_of("laplace"),
    kernel_of("matern32"),
    kernel_of("linear"),
    kernel_of("linear", centered=True),
]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("columns", [12, 400])
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: f"{k.name}{' centered' * k.centered}")
def test_a_subset_has_the_spectrum_of_its_own_kernel_matrix(
    kernel: Kernel, columns: int, weighted: bool, exact_kernel: Exact
) -> None:
    sample = sample_of(260, columns, weighted=weighted)
    part = draw(sample.copies, 150, np.random.default_rng(1))
    subsets = subsets_of(kernel, sample, 150, threads=1)
    assert isinstance(subsets, ColumnSubsets) == (kernel.name == "linear" and columns == 12)
    found = subsets.spectrum(part, seed=0, steps=6)

    exact = weighted_matrix(exact_kernel, kernel, sample.rows[part.rows], part.copies)
    values = np.linalg.eigvalsh(exact)[::-1]
    limit = min(150, columns) if kernel.name == "linear" else 150
    assert (found.limit, found.unique, found.rows) == (limit, 150, part.copies.sum())
    np.testing.assert_allclose(
        found.eigenvalues, np.maximum(values[:limit], 0) / part.copies.sum(), atol=3e-7 * values[0], rtol=0
    )
    assert (abs(found.eigenvalues - values[:limit] / found.rows) <= found.eigenvalue_errors + 1e-9).all()
    delta = found.curve.delta
    np.testing.assert_allclose(found.curve.n1, (values / (values + delta[:, None])).sum(axis=1), rtol=2e-4)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("centered", [False, True])
def test_matrix_and_columns_give_the_same_curves(centered: bool, weighted: bool) -> None:
    kernel, sample = kernel_of("linear", centered=centered), sample_of(300, 60, weighted=weighted)
    matrix = MatrixSubsets(operator=dense_operator(kernel, sample.rows), rank=60, centered=centered)
    columns = ColumnSubsets(rows=sample.rows, centered=centered)
    for seed in range(3):
        part = draw(sample.copies, 200, np.random.default_rng(seed))
        one, other = (x.spectrum(part, seed=0, steps=6) for x in (matrix, columns))
        assert (one.limit, one.deepest) == (other.limit, other.deepest)
        delta = one.curve.delta
        again = capacity_curve(other.measure, other.multiplicities, delta)
        for name in ("kappa", "n1", "n2", "n3"):
            np.testing.assert_allclose(getattr(one.curve, name), getattr(again, name), rtol=1e-4)
        np.testing.assert_allclose(one.eigenvalues, other.eigenvalues, rtol=1e-4)


def test_a_biased_subset_is_centred_at_its_own_mean() -> None:
    """Rows of one side of the origin: the mean of the whole sample would leave a direction that is not theirs."""
    sample = sample_of(200, 300)
    chosen = np.flatnonzero(sample.rows[:, 0] > 0.8)
    subsets = subsets_of(kernel_of("linear", centered=True), sample, len(chosen), threads=1)
    assert isinstance(subsets, MatrixSubsets)
    part = Draw(rows=chosen, copies=sample.copies[chosen])
    found = subsets.spectrum(part, seed=0, steps=6)
    own = np.linalg.svd(sample.rows[chosen] - sample.rows[chosen].mean(axis=0), compute_uv=False) ** 2
    np.testing.assert_allclose(found.eigenvalues[:-1], own[: len(chosen) - 1] / len(chosen), rtol=1e-4)
    assert found.eigenvalues[-1] < 1e-6 * found.eigenvalues[0]


def test_the_sample_s_matrix_is_not_changed() -> None:
    sample = sample_of(120, 200, weighted=True)
    subsets = subsets_of(kernel_of("linear", centered=True), sample, 60, threads=1)
    assert isinstance(subsets, MatrixSubsets)
    before = subsets.operator.matrix.copy()
    for seed in range(2):
        subsets.spectrum(draw(sample.copies, 60, np.random.default_rng(seed)), seed=0, steps=6)
    subsets.spectrum(sample.all, seed=0, steps=6)
    np.testing.assert_array_equal(subsets.operator.matrix, before)


def test_projecting_off_a_direction_is_exact_and_symmetric() -> None:
    rows = sample_of(700, 5).rows
    operator = dense_operator(kernel_of("matern32"), rows)
    direction = np.random.default_rng(1).uniform(0.5, 2, 700)
    projection = np.eye(700) - np.outer(direction, direction) / (direction @ direction)
    expected = projection @ operator.matrix.copy() @ projection
    found = operator.without(direction)
    np.testing.assert_allclose(found.matrix, expected, atol=1e-12)
    np.testing.assert_allclose(found.diagonal, np.diagonal(expected), atol=1e-12)
    np.testing.assert_array_equal(found.matrix, found.matrix.T)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_curve_that_the_rank_ends_goes_on_to_the_rank(weighted: bool) -> None:
    sample = sample_of(200, 10, weighted=weighted)
    found = subsets_of(kernel_of("linear"), sample, 100, threads=1).spectrum(sample.all, seed=0, steps=6)
    assert found.past is not None
    assert found.curve.n1[-1] == pytest.approx(9, rel=0.01)
    assert found.past.n1[0] == found.curve.n1[-1]
    assert found.past.n1[-1] == pytest.approx(10, rel=1e-6)
    rows = sample.rows * np.sqrt(sample.copies)[:, None]
    values = np.linalg.eigvalsh(rows.T @ rows)
    np.testing.assert_allclose(found.past.n1, (values / (values + found.past.delta[:, None])).sum(axis=1), rtol=1e-9)
    assert (np.diff(found.past.kappa) < 0).all()
    laplace = subsets_of(kernel_of("laplace"), sample, 100, threads=1).spectrum(sample.all, seed=0, steps=6)
    assert laplace.past is None


def test_all_rows_are_a_subset() -> None:
    sample = sample_of(80, 6, weighted=True)
    whole = sample.all
    assert sample.unique == 80
    np.testing.assert_array_equal(whole.rows, np.arange(80))
    np.testing.assert_array_equal(whole.copies, sample.copies)


@pytest.mark.parametrize("kernel", [kernel_of("laplace"), kernel_of("linear")], ids=["laplace", "linear"])
def test_copies_in_equal_numbers_change_no_curve(kernel: Kernel) -> None:
    sample = sample_of(150, 8)
    subsets = subsets_of(kernel, sample, 100, threads=1)
    rows = np.arange(0, 150, 2)
    one, five = (
        subsets.spectrum(Draw(rows=rows, copies=np.full(75, times)), seed=0, steps=6).curve for times in (1, 5)
    )
    grid = np.geomspace(1, 5, 20)
    curves = [np.interp(grid, curve.n1, np.log(curve.kappa)) for curve in (one, five)]
    np.testing.assert_allclose(curves[1], curves[0], atol=1e-5)


def test_smooth_kernels_are_deeper_than_float32() -> None:
    sample = sample_of(200, 2)
    found = subsets_of(kernel_of("matern32"), sample, 100, threads=1).spectrum(sample.all, seed=0, steps=6)
    exact = np.linalg.eigvalsh(dense_operator(kernel_of("matern32"), sample.rows).matrix)[::-1]
    np.testing.assert_allclose(found.eigenvalues[:150] * 200, exact[:150], rtol=1e-6)


def test_quadrature_has_the_curve_of_the_eigenvalues(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = sample_of(600, 3, weighted=True)
    subsets = subsets_of(kernel_of("laplace"), sample, 500, threads=1)
    part = draw(sample.copies, 560, np.random.default_rng(2))
    exact = subsets.spectrum(part, seed=0, steps=8)
    monkeypatch.setattr(spectrum, "EXACT_ROWS", 100)
    found = subsets.spectrum(part, seed=0, steps=8)
    assert found.measure.steps > 0
    assert found.measure.exact > 10
    exact_there = capacity_curve(exact.measure, Multiplicities.of(part.copies), found.curve.delta)
    inside = found.curve.n1 < 560 / 4
    for name in ("kappa", "n1", "n2"):
        np.testing.assert_allclose(getattr(found.curve, name)[inside], getattr(exact_there, name)[inside], rtol=0.01)
    ranks = found.measure.exact
    np.testing.assert_array_less(
        abs(found.eigenvalues[:ranks] - exact.eigenvalues[:ranks]), found.eigenvalue_errors[:ranks] + 1e-9
    )


def test_many_subsets_come_in_order_whatever_the_threads() -> None:
    sample = sample_of(150, 5, weighted=True)
    subsets = subsets_of(kernel_of("laplace"), sample, 60, threads=2)
    parts = [draw(sample.copies, 60, np.random.default_rng(seed)) for seed in range(7)]
    heard: list[float] = []
    tasks = [(part, seed) for seed, part in enumerate(parts)]
    one = spectra(subsets, tasks, steps=6, threads=1)
    two = spectra(subsets, tasks, steps=6, threads=2, progress=heard.append)
    assert heard == pytest.approx(np.arange(1, 8) / 7)
    for part, a, b in zip(parts, one, two, strict=True):
        assert a.rows == b.rows == part.copies.sum()
        np.testing.assert_allclose(a.eigenvalues, b.eigenvalues, rtol=1e-12)
