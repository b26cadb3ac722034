from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from specaudit.cells import Cells, make_cells
from specaudit.kernels import Kernel
from specaudit.krylov import BlockKrylov, eigh, eigvalsh
from specaudit.measure import SpectralMeasure
from specaudit.operators import DenseOperator, dense_operator
from specaudit.spectrum import (
    CHECKS,
    MAX_STEPS,
    PROBES,
    covariance_measure,
    exact_measure,
    quadrature_measure,
)

ROWS = 1500
LAPLACE = Kernel(name="laplace", bandwidth=1.0, bandwidth_rule="given")
LINEAR = Kernel(name="linear", bandwidth=None, bandwidth_rule="none")
SINGLE = 2.0**-24


def prescribed(spectrum: np.ndarray, seed: int = 0) -> DenseOperator:
    """Return Q diag(spectrum) Q' with a random orthogonal Q."""
    q = np.linalg.qr(np.random.default_rng(seed).standard_normal((len(spectrum), len(spectrum))))[0]
    matrix = (q * spectrum) @ q.T
    matrix = ((matrix + matrix.T) / 2).astype(np.float32)
    return DenseOperator(matrix=matrix, diagonal=matrix.diagonal().astype(np.float64))


def cells_of(n: int, groups: int = 20) -> Cells:
    return make_cells(np.ones(n, np.int64), groups)


def trace_of(delta: float, power: int = 1) -> Callable[[SpectralMeasure], float]:
    """Return tr (mu / (mu + delta))^power of a measure."""
    return lambda measure: float(measure.weights @ (measure.nodes / (measure.nodes + delta)) ** power)


@dataclass(frozen=True)
class Trace:
    """A statistic that is known well enough when its truncation is; the probes' error is left out."""

    delta: float
    tolerance: float

    def value(self, measure: SpectralMeasure) -> float:
        return trace_of(self.delta, 2)(measure)

    def probe_error(self, measure: SpectralMeasure) -> float:
        return 0.0

    def allowed(self, measure: SpectralMeasure) -> float:
        return self.tolerance * max(1.0, self.value(measure))


def quadrature(
    operator: DenseOperator,
    *,
    seed: int = 0,
    cells: Cells | None = None,
    tolerance: float = 2e-3,
    **options: object,
) -> SpectralMeasure:
    statistic = Trace(operator.trace / operator.size, tolerance)
    settings = {"statistic": statistic, "leading": 100} | options
    return quadrature_measure(operator, cells or cells_of(operator.size), seed=seed, **settings)  # type: ignore[arg-type]


def probe_error(measure: SpectralMeasure, values: np.ndarray) -> float:
    """Return the jackknife standard error over probes of the sum of weights times `values` (m,)."""
    replicates = measure.leave_one_probe_out() @ values
    return float(np.sqrt((len(replicates) - 1) * replicates.var()))


@pytest.fixture(scope="module")
def power_law() -> tuple[np.ndarray, DenseOperator]:
    spectrum = ROWS / 3 * np.arange(1, ROWS + 1) ** -1.3
    return spectrum, prescribed(spectrum)


@pytest.fixture(scope="module", params=["prescribed", "S^2", "S^5"])
def example(
    request: pytest.FixtureRequest,
    power_law: tuple[np.ndarray, DenseOperator],
    sphere_rows: Callable[[int, int, int], np.ndarray],
) -> tuple[np.ndarray, DenseOperator, SpectralMeasure]:
    """The exact spectrum, descending, an operator, and its measure by quadrature."""
    if request.param == "prescribed":
        spectrum, operator = power_law
    else:
        operator = dense_operator(LAPLACE, sphere_rows(ROWS, int(request.param[-1]), 3))
        spectrum = np.linalg.eigvalsh(operator.matrix.astype(np.float64))[::-1]
    return spectrum, operator, quadrature(operator)


Example = tuple[np.ndarray, DenseOperator, SpectralMeasure]


def test_leading_eigenvalues_are_right_and_within_their_bounds(example: Example) -> None:
    spectrum, _, measure = example
    assert measure.exact >= 100
    assert measure.converged
    error = np.abs(measure.eigenvalues - spectrum[: measure.exact])
    assert (error[:100] <= 1e-3 * spectrum[:100]).all()
    assert (error <= measure.errors).all()
    assert (np.diff(measure.eigenvalues) <= 0).all()
    assert len(measure.errors) == measure.exact


@pytest.mark.parametrize("power", [1, 2, 3])
@pytest.mark.parametrize("depth", [0.02, 0.2, 1.0])
def test_traces_of_functions_are_within_their_probe_error(example: Example, depth: float, power: int) -> None:
    spectrum, operator, measure = example
    delta = depth * operator.trace / operator.size
    exact = float(((spectrum / (spectrum + delta)) ** power).sum())
    on_nodes = (measure.nodes / (measure.nodes + delta)) ** power
    error = probe_error(measure, on_nodes)
    assert abs(float(measure.weights @ on_nodes) - exact) <= 4 * error + 1e-5 * exact
    assert error < 0.01 * exact


def test_mass_and_trace_are_exact(example: Example) -> None:
    _, operator, measure = example
    assert measure.size == pytest.approx(operator.size, rel=1e-12)
    assert float(measure.weights @ measure.nodes) == pytest.approx(operator.trace, rel=1e-9)
    assert (measure.weights >= 0).all()
    assert (measure.weights[: measure.exact] == 1).all()


def test_every_leave_one_probe_out_measure_has_the_same_mass_and_trace(example: Example) -> None:
    _, operator, measure = example
    without = measure.leave_one_probe_out()
    assert without.shape == (PROBES, len(measure.nodes))
    np.testing.assert_allclose(without.sum(axis=1), operator.size, rtol=1e-9)
    np.testing.assert_allclose(without @ measure.nodes, operator.trace, rtol=1e-9)


def test_cells_add_up_to_the_whole(example: Example) -> None:
    _, operator, measure = example
    cells = cells_of(operator.size)
    assert measure.cell_weights.shape == (20, len(measure.nodes))
    np.testing.assert_allclose(measure.cell_weights.sum(axis=1), cells.size, rtol=1e-9)
    lead = measure.cell_weights[:, : measure.exact]
    np.testing.assert_allclose(lead.sum(axis=0), 1, rtol=1e-6)


def test_weights_of_the_cells_sum_to_the_weights(example: Example) -> None:
    _, _, measure = example
    total = measure.cell_weights.sum(axis=0)
    # Cells are scaled, one by one, to the rows that they hold: a correction by the noise of a cell's probes.
    np.testing.assert_allclose(total, measure.weights, rtol=0.05, atol=0.05)


def test_cells_carry_the_share_of_the_spectrum_that_their_rows_do(example: Example) -> None:
    _, operator, measure = example
    values, vectors = np.linalg.eigh(operator.matrix.astype(np.float64))
    cells = cells_of(operator.size)
    first = cells.sums(vectors[:, -1] ** 2)
    np.testing.assert_allclose(measure.cell_weights[:, 0], first, atol=1e-3)
    delta = operator.trace / operator.size
    leverage = cells.sums(vectors**2 @ (values / (values + delta)))
    found = measure.cell_weights @ (measure.nodes / (measure.nodes + delta))
    np.testing.assert_allclose(found, leverage, rtol=0.05)


def test_quadrature_is_unbiased_over_seeds() -> None:
    spectrum = np.arange(1, 601) ** -0.8
    operator, cells = prescribed(spectrum), cells_of(600)
    delta, settings = 0.02, {"probes": 16, "max_steps": 10, "leading": 0, "tolerance": 0.0}
    found = np.array(
        [trace_of(delta)(quadrature(operator, seed=seed, cells=cells, **settings)) for seed in range(40)]
    )
    exact = float((spectrum / (spectrum + delta)).sum())
    error = found.std(ddof=1) / np.sqrt(len(found))
    assert error < 2e-3 * exact
    assert abs(found.mean() - exact) < 4 * error


def test_the_spread_over_seeds_is_the_stated_probe_error() -> None:
    spectrum = np.arange(1, 601) ** -0.8
    operator, cells = prescribed(spectrum), cells_of(600)
    delta, settings = 0.02, {"probes": 16, "max_steps": 10, "leading": 0, "tolerance": 0.0}
    measures = [quadrature(operator, seed=seed, cells=cells, **settings) for seed in range(40)]
    spread = float(np.std([trace_of(delta)(measure) for measure in measures], ddof=1))
    stated = np.sqrt(
        np.mean([probe_error(measure, measure.nodes / (measure.nodes + delta)) ** 2 for measure in measures])
    )
    # A standard deviation of 40 draws is known to 11 %; three times that, and the jackknife's own excess.
    assert spread / 1.4 < stated < spread * 2


def test_the_same_seed_gives_the_same_bits() -> None:
    operator = prescribed(np.arange(1, 601) ** -1.3)
    one, two = quadrature(operator, seed=7), quadrature(operator, seed=7)
    assert np.array_equal(one.nodes, two.nodes)
    assert np.array_equal(one.cell_weights, two.cell_weights)
    assert not np.array_equal(one.weights[one.exact :], quadrature(operator, seed=8).weights[one.exact :])


def test_the_krylov_relation_holds(power_law: tuple[np.ndarray, DenseOperator]) -> None:
    """A Q = Q T + (next block) R: Q orthonormal, and the remainder within the last block alone."""
    _, operator = power_law
    krylov = BlockKrylov(operator, probes=32, max_steps=12, seed=1)
    for _ in range(12):
        krylov.extend()
    basis = krylov.basis[: krylov.rank].astype(np.float64)
    norm = float(operator.matrix.diagonal().sum())
    np.testing.assert_allclose(basis @ basis.T, np.eye(krylov.rank), atol=100 * SINGLE)
    projection = krylov.projection[: krylov.rank, : krylov.rank]
    remainder = operator.matrix.astype(np.float64) @ basis.T - basis.T @ projection
    assert np.linalg.norm(remainder[:, :-32], 2) <= 20 * SINGLE * norm
    following = krylov.block.astype(np.float64) @ krylov.residual
    assert np.linalg.norm(remainder[:, -32:] - following, 2) <= 20 * SINGLE * norm
    np.testing.assert_allclose(basis @ krylov.block, 0, atol=100 * SINGLE)
    np.testing.assert_allclose(projection, projection.T, atol=20 * SINGLE * norm)


def test_a_low_rank_operator_ends_early_and_right() -> None:
    factor = np.random.default_rng(2).standard_normal((3000, 20)) * np.geomspace(1, 0.1, 20)
    operator = dense_operator(LINEAR, factor)
    measure = quadrature(operator, leading=100, tolerance=0.0)
    exact = np.linalg.eigvalsh(factor.T @ factor)[::-1]
    assert measure.steps == CHECKS[0] < MAX_STEPS
    assert measure.converged
    assert measure.exact >= 20
    np.testing.assert_allclose(measure.eigenvalues[:20], exact, rtol=1e-5)
    assert np.abs(measure.nodes[20:]).max() <= 10 * operator.rounding
    assert measure.weights[20:].sum() == pytest.approx(2980, rel=1e-6)


def test_steps_grow_until_the_statistic_rests() -> None:
    operator = prescribed(np.arange(1, 1001) ** -1.2)
    few = quadrature(operator, probes=32, leading=0, tolerance=1.0)
    many = quadrature(operator, probes=32, leading=0, tolerance=1e-6)
    assert few.steps == CHECKS[1]
    assert few.converged
    assert many.steps > few.steps
    assert many.truncation < few.truncation


def test_a_spectrum_that_does_not_settle_says_so(power_law: tuple[np.ndarray, DenseOperator]) -> None:
    _, operator = power_law
    measure = quadrature(operator, tolerance=0.0, leading=ROWS)
    assert not measure.converged
    assert measure.steps == min(MAX_STEPS, ROWS // PROBES - 1)
    assert measure.truncation > 0


@dataclass(frozen=True)
class Noisy(Trace):
    """The same with the probes' error; `tolerance` is absolute."""

    def probe_error(self, measure: SpectralMeasure) -> float:
        return probe_error(measure, (measure.nodes / (measure.nodes + self.delta)) ** 2)

    def allowed(self, measure: SpectralMeasure) -> float:
        return self.tolerance


def test_more_blocks_of_probes_bring_down_their_error() -> None:
    spectrum = ROWS / 3 * np.arange(1, ROWS + 1) ** -1.0
    operator, delta = prescribed(spectrum), 1.0

    def measured(tolerance: float, blocks: int) -> SpectralMeasure:
        statistic = Noisy(delta, tolerance)
        return quadrature(operator, statistic=statistic, leading=0, probes=32, max_steps=10, blocks=blocks)

    one, statistic = measured(0.0, 4), Noisy(delta, 0.0)
    error = statistic.probe_error(one)
    enough = error / np.sqrt(2.9)
    several = measured(enough, 4)
    assert not one.converged
    assert len(one.probe_weights) == 32
    assert several.converged
    assert 64 < len(several.probe_weights) <= 128
    assert several.steps == one.steps == 10
    assert statistic.probe_error(several) <= enough
    truth = float(((spectrum / (spectrum + delta)) ** 2).sum())
    assert abs(statistic.value(several) - truth) < 4 * statistic.probe_error(several)
    np.testing.assert_allclose(several.cell_weights.sum(axis=0), several.weights, rtol=0.05, atol=0.05)
    assert several.weights.sum() == pytest.approx(ROWS)
    assert several.weights @ several.nodes == pytest.approx(spectrum.sum(), rel=1e-5)
    np.testing.assert_allclose(several.leave_one_probe_out().sum(axis=1), ROWS, rtol=1e-6)
    assert (np.diff(several.eigenvalues) <= 0).all()
    assert len(measured(enough, 2).probe_weights) == 32  # two would not do


def test_progress_rises_to_its_end(power_law: tuple[np.ndarray, DenseOperator]) -> None:
    seen: list[float] = []
    quadrature(power_law[1], progress=seen.append)
    assert seen == sorted(seen)
    assert 0 < seen[-1] <= 1


def test_an_exact_measure_is_the_eigendecomposition() -> None:
    operator = prescribed(np.arange(1, 201) ** -1.5)
    cells = cells_of(200, 7)
    measure = exact_measure(operator, cells)
    values, vectors = np.linalg.eigh(operator.matrix.astype(np.float64))
    np.testing.assert_allclose(measure.nodes, values[::-1], atol=1e-13)
    assert measure.exact == 200
    assert measure.weights.tolist() == [1.0] * 200
    assert measure.steps == 0
    assert measure.converged
    for cell in range(7):
        by_hand = (vectors[cells.label == cell, ::-1] ** 2).sum(axis=0)
        np.testing.assert_allclose(measure.cell_weights[cell], by_hand, atol=1e-9)
    np.testing.assert_allclose(measure.cell_weights.sum(axis=0), 1, rtol=1e-12)
    np.testing.assert_allclose(measure.cell_weights.sum(axis=1), cells.size, rtol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_covariance_route_is_the_dense_one(weighted: bool) -> None:
    rng = np.random.default_rng(4)
    rows = rng.standard_normal((300, 12)) * np.arange(1, 13) ** -0.7
    weights = rng.choice([1, 2, 4], 300) if weighted else np.ones(300, np.int64)
    scaled = rows * np.sqrt(weights)[:, None]
    cells = make_cells(weights, 6)
    measure = covariance_measure(scaled.T @ scaled, 300.0, scaled, cells)
    values, vectors = np.linalg.eigh(scaled @ scaled.T)
    values, vectors = values[::-1], vectors[:, ::-1]
    np.testing.assert_allclose(measure.nodes[:12], values[:12], rtol=1e-12)
    assert measure.nodes[12:].tolist() == [0.0]
    assert measure.size == pytest.approx(300)
    for cell in range(len(cells.size)):
        by_hand = (vectors[cells.label == cell, :12] ** 2).sum(axis=0)
        np.testing.assert_allclose(measure.cell_weights[cell, :12], by_hand, rtol=1e-10)
    np.testing.assert_allclose(measure.cell_weights.sum(axis=1), cells.size, rtol=1e-12)
    dense = exact_measure(dense_operator(LINEAR, rows, weights), cells)
    np.testing.assert_allclose(dense.nodes[:12], measure.nodes[:12], rtol=1e-6)
    np.testing.assert_allclose(dense.cell_weights[:, :12], measure.cell_weights[:, :12], atol=1e-5)


def test_a_sample_of_the_rows_speaks_for_all() -> None:
    """Cells of a sample, scaled up, hold the same shares as all rows do but for sampling noise."""
    rows = np.random.default_rng(5).standard_normal((4000, 6))
    sample = rows[:1000]
    cells = cells_of(1000, 4).scaled(4000.0)
    assert cells.size.sum() == 4000
    measure = covariance_measure(rows.T @ rows, 4000.0, sample, cells)
    np.testing.assert_allclose(measure.nodes[:6], np.linalg.eigvalsh(rows.T @ rows)[::-1], rtol=1e-12)
    np.testing.assert_allclose(measure.cell_weights.sum(axis=1), 1000, rtol=1e-12)
    np.testing.assert_allclose(measure.cell_weights[:, :6].sum(axis=0), 1, rtol=1e-12)


def test_a_covariance_of_lower_rank_has_no_negative_eigenvalue() -> None:
    rows = np.random.default_rng(6).standard_normal((50, 3)) @ np.ones((3, 8))
    measure = covariance_measure(rows.T @ rows, 50.0, rows, cells_of(50, 5))
    assert (measure.nodes >= 0).all()
    assert measure.nodes[0] == pytest.approx(float((rows**2).sum()), rel=1e-12)
    assert measure.size == pytest.approx(50)


def test_fewer_rows_than_columns_have_no_more_eigenvalues_than_rows() -> None:
    rows = np.random.default_rng(7).standard_normal((5, 8))
    measure = covariance_measure(rows.T @ rows, 5.0)
    np.testing.assert_allclose(measure.eigenvalues, np.linalg.eigvalsh(rows @ rows.T)[::-1], rtol=1e-12)
    assert measure.size == 5


def test_cells_split_groups_by_the_power_of_two_of_the_weight() -> None:
    weights = np.array([1, 1, 2, 3, 1, 1, 4, 1, 1, 5])
    cells = make_cells(weights, 2)
    assert cells.groups == 2
    found = {
        (int(cells.group[cell]), tuple(np.flatnonzero(cells.label == cell).tolist()))
        for cell in range(len(cells.size))
    }
    assert found == {(0, (0, 1, 4)), (0, (2, 3)), (1, (5, 7, 8)), (1, (6, 9))}
    assert sorted(cells.size.tolist()) == [2.0, 2.0, 3.0, 3.0]
    assert sorted(cells.weight.tolist()) == [1.0, 1.0, 2.5, 4.5]


def test_groups_differ_by_at_most_one_row() -> None:
    cells = cells_of(103, 20)
    assert sorted(set(cells.size.tolist())) == [5.0, 6.0]
    assert cells.size.sum() == 103


def test_sums_over_cells_equal_a_loop() -> None:
    rng = np.random.default_rng(8)
    cells = make_cells(rng.choice([1, 2, 9], 60), 5)
    values = rng.standard_normal((60, 4))
    by_hand = np.stack([values[cells.label == cell].sum(axis=0) for cell in range(len(cells.size))])
    np.testing.assert_allclose(cells.sums(values), by_hand, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(cells.sums(np.ones(60)), cells.size)


def test_eigenproblems_come_back_ascending() -> None:
    matrix = np.random.default_rng(9).standard_normal((30, 30))
    matrix = matrix + matrix.T
    values, vectors = eigh(matrix)
    np.testing.assert_allclose(vectors * values @ vectors.T, matrix, atol=1e-12)
    np.testing.assert_allclose(eigvalsh(matrix), values, atol=1e-12)
    assert (np.diff(values) >= 0).all()
