from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from specaudit.embeddings import open_embeddings
from specaudit.estimate import Estimate, estimate_covariance, estimate_dense
from specaudit.kernels import Kernel, prepare_rows
from specaudit.moments import NESTED, SecondMoments, moments_bytes, second_moments
from specaudit.operators import dense_operator
from specaudit.scan import Scan, scan


def linear(*, centered: bool = False, normalize: str = "none") -> Kernel:
    return Kernel(
        name="linear",
        bandwidth=None,
        bandwidth_rule="none",
        normalize=normalize,  # type: ignore[arg-type]
        centered=centered,
    )


def power_rows(n: int = 600, d: int = 160, b: float = 1.0, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d)) * np.arange(1, d + 1) ** (-b / 2) + 0.02


def with_copies(rows: np.ndarray) -> np.ndarray:
    """Return the rows, the first fifth of them three times and the next tenth five times."""
    n = len(rows)
    return np.repeat(rows, np.where(np.arange(n) < n // 5, 3, np.where(np.arange(n) < 3 * n // 10, 5, 1)), axis=0)


def moments_of(source: object, kernel: Kernel, **options: object) -> tuple[SecondMoments, Scan, np.ndarray]:
    with open_embeddings(source) as embeddings:  # type: ignore[arg-type]
        found = scan(embeddings, normalize=kernel.normalize, drop_bad_rows=True, **options)  # type: ignore[arg-type]
        moments = second_moments(embeddings, found, kernel)
        return moments, found, prepare_rows(embeddings.take(found.sample.rows), normalize=kernel.normalize)


def both_routes(values: np.ndarray, kernel: Kernel) -> tuple[Estimate, Estimate]:
    moments, found, sample = moments_of(values, kernel)
    weights = found.sample.weights
    fast = estimate_covariance(kernel, moments, sample - moments.mean, weights)
    return fast, estimate_dense(kernel, dense_operator(kernel, sample, weights), weights, seed=0)


CASES = {
    "plain": (power_rows(), linear()),
    "centered": (power_rows() + 3.0, linear(centered=True)),
    "l2": (power_rows(), linear(normalize="l2")),
    "copies": (with_copies(power_rows()), linear()),
    "copies, centered": (with_copies(power_rows()) + 3.0, linear(centered=True)),
}


@pytest.fixture(scope="module", params=CASES)
def routes(request: pytest.FixtureRequest) -> tuple[Estimate, Estimate]:
    return both_routes(*CASES[request.param])


def test_both_routes_have_the_same_eigenvalues(routes: tuple[Estimate, Estimate]) -> None:
    fast, dense = routes
    assert fast.method == "covariance"
    assert dense.method == "eigh"
    error = 1e-9 * dense.measure.nodes[0] + dense.measure.errors[:150]
    assert (np.abs(fast.measure.nodes[:150] - dense.measure.nodes[:150]) <= error).all()
    assert fast.measure.size == pytest.approx(dense.measure.size)
    assert (fast.rows, fast.unique_rows) == (dense.rows, dense.unique_rows)


def test_both_routes_have_the_same_curve(routes: tuple[Estimate, Estimate]) -> None:
    fast, dense = routes
    grid = np.linspace(0.0, np.log(fast.deepest_n2), 30)
    np.testing.assert_allclose(fast.curve.log_kappa(grid), dense.curve.log_kappa(grid), atol=1e-3)
    assert fast.deepest_n2 == pytest.approx(dense.deepest_n2, rel=1e-3)


def test_both_routes_have_the_same_exponent(routes: tuple[Estimate, Estimate]) -> None:
    fast, dense = routes
    assert fast.exponent.status == dense.exponent.status
    assert fast.exponent.slope == pytest.approx(dense.exponent.slope, abs=1e-3)
    assert fast.exponent.window == pytest.approx(dense.exponent.window, rel=1e-3)
    assert fast.exponent.sampling_error == pytest.approx(dense.exponent.sampling_error, rel=0.01)
    assert fast.exponent.size_drift == pytest.approx(dense.exponent.size_drift, abs=1e-3)


def test_both_routes_have_the_same_diversity(routes: tuple[Estimate, Estimate]) -> None:
    fast, dense = routes
    assert fast.diversity.keys() == dense.diversity.keys()
    for name, index in fast.diversity.items():
        assert index.sample == pytest.approx(dense.diversity[name].sample, rel=5e-3)
        assert index.value == pytest.approx(dense.diversity[name].value, rel=0.02)


@pytest.mark.parametrize("centered", [False, True])
@pytest.mark.parametrize("normalize", ["none", "l2"])
def test_moments_equal_sums_over_all_copies(centered: bool, normalize: str) -> None:
    values = with_copies(power_rows(100, 7))
    moments, _, _ = moments_of(values, linear(centered=centered, normalize=normalize))
    rows = prepare_rows(values, normalize=normalize)  # type: ignore[arg-type]
    mean = rows.mean(axis=0) if centered else np.zeros(7)
    rows = rows - mean
    np.testing.assert_allclose(moments.mean, mean, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(moments.gram[-1], rows.T @ rows, rtol=1e-10, atol=1e-12)
    unique, weight = np.unique(rows, axis=0, return_counts=True)
    fourth = float((weight**2 * (unique**2).sum(axis=1) ** 2).sum())
    assert moments.weighted_fourth == pytest.approx(fourth, rel=1e-10)
    assert sorted(moments.weights[-1].tolist()) == sorted(weight.tolist())


def test_shares_are_nested_by_key() -> None:
    """A share holds the rows of smallest key, all copies of them: a prefix of the sample."""
    values = with_copies(power_rows(100, 7))
    moments, found, sample = moments_of(values, linear())
    assert NESTED == (0.25, 0.5, 1.0)
    for share, unique in enumerate((25, 50, 100)):
        rows, weights = sample[:unique], found.sample.weights[:unique]
        np.testing.assert_allclose(moments.gram[share], (rows.T * weights) @ rows, rtol=1e-10, atol=1e-12)
        assert sorted(moments.weights[share].tolist()) == sorted(weights.tolist())


def test_moments_are_of_all_rows_when_the_sample_is_small() -> None:
    values = power_rows(100, 7)
    few, found, _ = moments_of(values, linear(), max_rows=10)
    assert len(found.sample.rows) == 10
    np.testing.assert_array_equal(few.gram, moments_of(values, linear())[0].gram)


def test_bad_rows_do_not_enter() -> None:
    values = power_rows(100, 7)
    dirty = np.insert(values, [0, 50, 100], np.nan, axis=0)
    np.testing.assert_allclose(moments_of(dirty, linear())[0].gram, moments_of(values, linear())[0].gram, rtol=1e-12)


def test_the_order_of_the_rows_does_not_matter() -> None:
    values = with_copies(power_rows(100, 7))
    shuffled = np.random.default_rng(1).permutation(values)
    one, two = (moments_of(x, linear(centered=True))[0] for x in (values, shuffled))
    np.testing.assert_allclose(one.gram, two.gram, rtol=1e-10, atol=1e-12)
    assert [sorted(w.tolist()) for w in one.weights] == [sorted(w.tolist()) for w in two.weights]


def test_shards_do_not_matter(tmp_path: Path) -> None:
    values = with_copies(power_rows(100, 7))
    for part, rows in enumerate(np.array_split(values, 3)):
        np.save(tmp_path / f"part-{part}.npy", rows)
    one, two = moments_of(values, linear())[0], moments_of(str(tmp_path), linear())[0]
    np.testing.assert_allclose(one.gram, two.gram, rtol=1e-12)


def test_bytes_cover_the_gram_matrices() -> None:
    assert moments_bytes(500) >= len(NESTED) * 8 * 500**2
