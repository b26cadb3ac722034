from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from specaudit.cells import make_cells
from specaudit.diversity import (
    diversity_indices,
    participation_ratio,
    rankme,
    unbiased_participation_ratio,
    vendi_score,
)
from specaudit.kernels import Kernel
from specaudit.measure import SpectralMeasure
from specaudit.operators import dense_operator
from specaudit.spectrum import covariance_measure, exact_measure, quadrature_measure

LAPLACE = Kernel(name="laplace", bandwidth=1.0, bandwidth_rule="given")


def rows_of(n: int, d: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d))


def measure_of(nodes: np.ndarray) -> SpectralMeasure:
    nodes = np.sort(nodes)[::-1]
    m = len(nodes)
    return SpectralMeasure(nodes=nodes, weights=np.ones(m), exact=m, errors=np.zeros(m), cell_weights=np.ones((1, m)))


def entropy_number(values: np.ndarray) -> float:
    share = values[values > 0] / values[values > 0].sum()
    return float(np.exp(-(share * np.log(share)).sum()))


class Score:
    """The Vendi score, wanted to half a percent."""

    def value(self, measure: SpectralMeasure) -> float:
        return vendi_score(measure)

    def probe_error(self, measure: SpectralMeasure) -> float:
        return 0.0

    def allowed(self, measure: SpectralMeasure) -> float:
        return 5e-3 * vendi_score(measure)


def indices(samples: list[float]) -> tuple[float | None, float, str]:
    """Return the Vendi score of nested isotropic spectra of so many dimensions: corrected, plain, and how."""
    nested = [measure_of(np.ones(int(size))) for size in samples]
    found = diversity_indices(nested, linear=False, participation=(None, 1.0))["vendi_score"]
    return found.value, found.sample, found.correction


def test_the_vendi_score_is_the_entropy_of_the_kernel_matrix(exact_kernel: Callable[..., np.ndarray]) -> None:
    rows = rows_of(300, 4)
    exact = entropy_number(np.linalg.eigvalsh(exact_kernel("laplace", rows) / 300))
    measure = exact_measure(dense_operator(LAPLACE, rows), make_cells(np.ones(300, np.int64), 10))
    assert vendi_score(measure) == pytest.approx(exact, rel=1e-5)


def test_the_vendi_score_by_quadrature_is_the_exact_one(exact_kernel: Callable[..., np.ndarray]) -> None:
    rows = rows_of(1300, 4)
    exact = entropy_number(np.linalg.eigvalsh(exact_kernel("laplace", rows)))
    measure = quadrature_measure(
        dense_operator(LAPLACE, rows),
        make_cells(np.ones(1300, np.int64), 10),
        seed=0,
        statistic=Score(),
        leading=50,
    )
    assert vendi_score(measure) == pytest.approx(exact, rel=5e-3)


def test_rankme_is_the_entropy_of_the_singular_values() -> None:
    rows = rows_of(200, 12) * np.arange(1, 13) ** -0.8
    measure = covariance_measure(rows.T @ rows, 200.0)
    assert rankme(measure) == pytest.approx(entropy_number(np.linalg.svd(rows, compute_uv=False)), rel=1e-9)


@pytest.mark.parametrize("size", [1, 7, 40])
def test_every_index_of_an_isotropic_spectrum_is_its_dimension(size: int) -> None:
    measure = measure_of(np.full(size, 3.0))
    assert vendi_score(measure) == pytest.approx(size)
    assert rankme(measure) == pytest.approx(size)
    assert participation_ratio(3.0 * size, 9.0 * size) == pytest.approx(size)


def test_zero_and_negative_nodes_carry_no_share() -> None:
    assert vendi_score(measure_of(np.array([1.0, 1.0, 0.0, -1e-9]))) == pytest.approx(2)
    assert rankme(measure_of(np.array([1.0, 1.0, 0.0, -1e-9]))) == pytest.approx(2)


def ratio_terms(rows: np.ndarray) -> tuple[float, float, float]:
    gram = rows @ rows.T
    return float(gram.trace()), float((gram**2).sum()), float((gram.diagonal() ** 2).sum())


def test_the_sum_of_squares_over_different_rows_is_unbiased_and_the_plain_one_is_not() -> None:
    variances = np.arange(1, 31) ** -1.0
    truth = float((variances**2).sum())
    n = 15
    corrected, plain = [], []
    for seed in range(400):
        trace, squared, diagonal = ratio_terms(rows_of(n, 30, seed) * np.sqrt(variances))
        ratio = unbiased_participation_ratio(trace, squared, diagonal, n, n)
        assert ratio is not None
        corrected.append((trace / n) ** 2 / ratio)
        plain.append(squared / n**2)
    for values, unbiased in ((corrected, True), (plain, False)):
        error = float(np.std(values, ddof=1)) / np.sqrt(len(values))
        assert bool(abs(np.mean(values) - truth) < 3 * error) is unbiased


def test_the_participation_ratio_is_the_population_s_on_the_sphere(
    laplace_s2: object, sphere_rows: Callable[[int, int, int], np.ndarray], exact_kernel: Callable[..., np.ndarray]
) -> None:
    """A normalised kernel has trace 1, and 1 / ratio is unbiased itself."""
    truth = float(laplace_s2.eigenvalues**2 @ laplace_s2.multiplicity)  # type: ignore[attr-defined]
    found = []
    for seed in range(200):
        squared = float((exact_kernel("laplace", sphere_rows(20, 2, seed)) ** 2).sum())
        ratio = unbiased_participation_ratio(20.0, squared, 20.0, 20.0, 20.0)
        assert ratio is not None
        found.append(1 / ratio)
    error = float(np.std(found, ddof=1)) / np.sqrt(200)
    assert abs(np.mean(found) - truth) < 3 * error
    assert participation_ratio(20.0, squared) < 0.9 / truth


def test_copies_never_count_against_themselves() -> None:
    rows = rows_of(60, 5)
    weights = np.resize([1, 2, 5], 60)
    copied = np.repeat(rows, weights, axis=0)
    label = np.repeat(np.arange(60), weights)
    gram = copied @ copied.T
    pairs = label[:, None] != label
    by_hand = (gram.trace() / len(copied)) ** 2 / (gram[pairs] ** 2).mean()
    trace, squared, diagonal = ratio_terms(rows * np.sqrt(weights)[:, None])
    found = unbiased_participation_ratio(trace, squared, diagonal, weights.sum(), (weights**2).sum())
    assert found == pytest.approx(by_hand, rel=1e-10)


def test_orthogonal_rows_have_no_finite_ratio() -> None:
    assert unbiased_participation_ratio(*ratio_terms(np.eye(20)), 20.0, 20.0) is None


def test_increments_that_shrink_are_summed_to_their_limit() -> None:
    value, sample, how = indices([10, 20, 25])
    assert (value, sample) == (pytest.approx(30), pytest.approx(25))
    assert how.startswith("rarefaction")


def test_an_index_that_rests_is_left_alone() -> None:
    value, sample, _ = indices([25, 25, 25])
    assert value == sample == pytest.approx(25)


@pytest.mark.parametrize("samples", [[10, 20, 30], [10, 20, 40], [10, 20, 29]])
def test_an_index_that_still_grows_has_no_corrected_value(samples: list[float]) -> None:
    value, sample, how = indices(samples)
    assert value is None
    assert sample == pytest.approx(samples[-1])
    assert "growing" in how


def test_too_few_nested_sizes_have_no_corrected_value() -> None:
    assert indices([10, 20])[0] is None
    assert indices([10])[2] == "none: too few rows"


@pytest.mark.parametrize("name", ["vendi_score", "rankme"])
def test_rarefaction_moves_isotropic_rows_towards_their_dimension(name: str) -> None:
    d = 24
    rows = rows_of(480, d)
    nested = [covariance_measure(part.T @ part, float(len(part))) for part in (rows[:120], rows[:240], rows)]
    index = diversity_indices(nested, linear=True, participation=(1.0, 1.0))[name]
    assert index.value is not None
    assert index.sample < d
    assert abs(index.value - d) < 0.5 * abs(index.sample - d)


def test_rankme_of_low_rank_rows_does_not_count_rounding() -> None:
    """Float32 entries leave eigenvalues of 1e-7; their roots are not small."""
    rows = rows_of(400, 8) @ rows_of(8, 500, 1)
    operator = dense_operator(Kernel(name="linear", bandwidth=None, bandwidth_rule="none"), rows)
    measure = exact_measure(operator, make_cells(np.ones(400, np.int64), 10))
    assert rankme(measure) == pytest.approx(entropy_number(np.linalg.svd(rows, compute_uv=False)[:8]), rel=0.01)


def test_rankme_is_for_the_linear_kernel_alone() -> None:
    nested = [measure_of(np.ones(4))] * 3
    assert set(diversity_indices(nested, linear=False, participation=(2.0, 3.0))) == {
        "vendi_score",
        "participation_ratio",
    }
    found = diversity_indices(nested, linear=True, participation=(2.0, 3.0))
    assert set(found) == {"vendi_score", "participation_ratio", "rankme"}
    assert (found["participation_ratio"].value, found["participation_ratio"].sample) == (2.0, 3.0)
    assert all(index.formula and index.source and index.correction for index in found.values())
