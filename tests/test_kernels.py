from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist

from specaudit.errors import ConfigError, InputError
from specaudit.kernels import (
    BANDWIDTH_ROWS,
    KERNELS,
    Kernel,
    choose_kernel,
    distances,
    median_distance,
    prepare_rows,
)
from specaudit.operators import dense_operator

STATIONARY = [name for name, profile in KERNELS.items() if profile is not None]
VALUE_ERROR = 2e-7  # of an entry of the matrix, as `dense_operator` states it
ROUNDINGS = 4 * 2.0**-24  # of a profile alone, on any distance: four roundings of a float32 near 1


def rows_of(n: int = 200, d: int = 12, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d))


def kernel_of(name: str, bandwidth: float = 1.0) -> Kernel:
    return Kernel(name=name, bandwidth=bandwidth, bandwidth_rule="given")


def twins(gap: float, n: int = 150, d: int = 384) -> np.ndarray:
    """Return n unit rows, and for each another one at distance `gap`."""
    rows = rows_of(n, d)
    step = rows_of(n, d, 1)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    step /= np.linalg.norm(step, axis=1, keepdims=True)
    return np.vstack([rows, rows + gap * step])


def by_subtraction(rows: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt(((rows[:, None] - rows) ** 2).sum(axis=2)))


@pytest.mark.parametrize("name", STATIONARY)
def test_a_profile_is_its_formula(name: str, exact_profiles: dict[str, Callable[[np.ndarray], np.ndarray]]) -> None:
    r = np.concatenate([[0.0], np.geomspace(1e-7, 60.0, 20_000)]).astype(np.float32)
    profile = KERNELS[name]
    assert profile is not None
    np.testing.assert_allclose(profile(r.copy()), exact_profiles[name](r.astype(np.float64)), rtol=0, atol=ROUNDINGS)


@pytest.mark.parametrize("name", STATIONARY)
def test_a_row_is_fully_like_itself(name: str) -> None:
    profile = KERNELS[name]
    assert profile is not None
    assert profile(np.zeros((3, 3), np.float32)).tolist() == np.ones((3, 3)).tolist()


@pytest.mark.parametrize(
    ("name", "at_one"), [("laplace", 0.3678794), ("matern32", 0.4833577), ("matern52", 0.5239941), ("rbf", 0.6065307)]
)
def test_values_at_one_bandwidth(name: str, at_one: float) -> None:
    profile = KERNELS[name]
    assert profile is not None
    assert float(profile(np.ones(1, np.float32))[0]) == pytest.approx(at_one, abs=ROUNDINGS)


@pytest.mark.parametrize("name", STATIONARY)
def test_a_profile_falls_from_one_to_zero(name: str) -> None:
    profile = KERNELS[name]
    assert profile is not None
    values = profile(np.linspace(0, 100, 1000))
    assert values.dtype == choose_kernel(name, rows_of()).dtype
    assert values[0] == 1
    assert (np.diff(values) <= ROUNDINGS).all()
    assert 0 <= values[-1] < 1e-30


def test_only_linear_has_no_profile() -> None:
    assert [name for name in KERNELS if choose_kernel(name, rows_of()).profile is None] == ["linear"]


def test_distances_equal_those_by_subtraction() -> None:
    x, y = rows_of(50, 7), rows_of(30, 7, 1)
    np.testing.assert_allclose(distances(x, y), cdist(x, y), rtol=1e-12)


@pytest.mark.parametrize("gap", [1e-2, 1e-4, 1e-6])
@pytest.mark.parametrize("name", STATIONARY)
def test_rows_close_together_keep_their_kernel_value(
    name: str, gap: float, exact_profiles: dict[str, Callable[[np.ndarray], np.ndarray]]
) -> None:
    rows = twins(gap)
    exact = exact_profiles[name](by_subtraction(rows))
    found = exact_profiles[name](distances(rows, rows))
    np.testing.assert_allclose(found, exact, rtol=0, atol=VALUE_ERROR)


@pytest.mark.parametrize(("gap", "error"), [(1e-6, 2e-3), (1e-3, 2e-9)])
def test_rows_close_together_keep_their_distance(gap: float, error: float) -> None:
    """A squared distance errs by a few 1e-16 (|x|^2 + |y|^2), a distance by that over twice itself."""
    rows = twins(gap)
    n = len(rows) // 2
    found = distances(rows[:n], rows[n:]).diagonal()
    np.testing.assert_allclose(found, np.linalg.norm(rows[:n] - rows[n:], axis=1), rtol=error)


@pytest.mark.parametrize("offset", [0.0, 1000.0])
@pytest.mark.parametrize("name", STATIONARY)
@pytest.mark.parametrize("data", ["twins", "random"])
def test_a_column_offset_does_not_cost_precision(
    name: str, offset: float, data: str, exact_profiles: dict[str, Callable[[np.ndarray], np.ndarray]]
) -> None:
    rows = (twins(1e-6) if data == "twins" else rows_of(300, 20)) + offset
    bandwidth = median_distance(rows - rows.mean(axis=0))
    found = dense_operator(kernel_of(name, bandwidth), rows).matrix
    exact = exact_profiles[name](by_subtraction(rows) / bandwidth)
    np.testing.assert_allclose(found, exact, rtol=0, atol=VALUE_ERROR)


@pytest.mark.parametrize("name", STATIONARY)
def test_the_bandwidth_is_the_median_distance_between_different_rows(name: str) -> None:
    rows = rows_of(101, 5)
    kernel = choose_kernel(name, rows)
    assert kernel.bandwidth == pytest.approx(float(np.median(pdist(rows))), rel=1e-12)
    assert kernel.bandwidth_rule == "median distance"
    assert median_distance(rows) == kernel.bandwidth


def test_the_bandwidth_ignores_a_column_offset() -> None:
    rows = rows_of(300, 20)
    bandwidth = choose_kernel("laplace", rows).bandwidth
    assert choose_kernel("laplace", rows + 1000).bandwidth == pytest.approx(bandwidth, rel=1e-9)


def test_the_bandwidth_comes_from_the_first_rows_of_the_sample() -> None:
    rows = rows_of(BANDWIDTH_ROWS + 500, 2)
    head = choose_kernel("laplace", rows[:BANDWIDTH_ROWS])
    assert choose_kernel("laplace", rows) == head


def test_a_given_bandwidth_is_kept() -> None:
    kernel = choose_kernel("rbf", rows_of(), bandwidth=0.25, normalize="l2")
    assert kernel == Kernel(name="rbf", bandwidth=0.25, bandwidth_rule="given", normalize="l2")


def test_linear_has_no_bandwidth_even_if_one_is_given() -> None:
    kernel = choose_kernel("linear", rows_of(), bandwidth=2.0, centered=True)
    assert kernel == Kernel(name="linear", bandwidth=None, bandwidth_rule="none", centered=True)


def test_an_unknown_kernel_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="cosine") as caught:
        choose_kernel("cosine", rows_of())
    assert all(name in caught.value.next_step for name in KERNELS)


@pytest.mark.parametrize("bandwidth", [0.0, -1.0, float("nan"), float("inf")])
def test_a_bandwidth_must_be_a_positive_number(bandwidth: float) -> None:
    with pytest.raises(ConfigError, match="bandwidth"):
        choose_kernel("laplace", rows_of(), bandwidth=bandwidth)


def test_rows_that_mostly_coincide_give_no_bandwidth() -> None:
    rows = np.zeros((10, 3))
    rows[0] = 1
    with pytest.raises(InputError, match="median distance") as caught:
        choose_kernel("laplace", rows)
    assert "--bandwidth" in caught.value.next_step


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "uint16"])
def test_rows_become_float64_and_are_not_changed_in_place(dtype: str) -> None:
    values = (np.abs(rows_of(20, 4)) * 50 + 1).astype(dtype)
    before = values.copy()
    plain, unit = prepare_rows(values, normalize="none"), prepare_rows(values, normalize="l2")
    assert plain.dtype == unit.dtype == np.float64
    assert np.array_equal(plain, before.astype(np.float64))
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, rtol=1e-15)
    np.testing.assert_allclose(unit * np.linalg.norm(plain, axis=1, keepdims=True), plain, rtol=1e-15)
    assert np.array_equal(values, before)


def test_a_kernel_is_frozen() -> None:
    kernel = kernel_of("laplace")
    with pytest.raises(AttributeError):
        kernel.bandwidth = 2.0  # type: ignore[misc]
    assert replace(kernel, bandwidth=2.0).bandwidth == 2.0
