"""What the span test calls rows whose origin is known."""

from __future__ import annotations

import numpy as np
import pytest

from specaudit.graph import rows_around
from specaudit.kernels import choose_kernel
from specaudit.residual_kernels import residuals_of
from specaudit.span import Judgement, RealRows, judge_rows, judge_span
from specaudit.span.modes import matched, modes_of
from specaudit.span.real import quantile

ROWS, NEW, DIMENSIONS = 900, 250, 48
Rows = np.ndarray


def drawn(count: int, seed: int) -> Rows:
    """Return rows of falling variances, the last eight of which are nearly none."""
    spread = np.arange(1, DIMENSIONS + 1) ** -0.5
    spread[-8:] = 1e-3
    return np.random.default_rng(seed).normal(size=(count, DIMENSIONS)) * spread


@pytest.fixture(scope="module")
def real() -> Rows:
    return drawn(ROWS, 0)


@pytest.fixture(scope="module")
def basis(real: Rows) -> RealRows:
    kernels = [choose_kernel("laplace", real), choose_kernel("linear", real, centered=True)]
    return RealRows(kernels, real, np.ones(ROWS, np.int64))


def judged(basis: RealRows, rows: Rows) -> Judgement:
    return judge_span(basis, rows, np.ones(len(rows), np.int64))


def rebuilt(real: Rows, rows: Rows, rank: int) -> Rows:
    basis = np.linalg.svd(real, full_matrices=False)[2][:rank]
    return rows @ basis.T @ basis


def topic(count: int, seed: int) -> Rows:
    """Return rows that vary together in directions that the real ones hardly have."""
    rng = np.random.default_rng(seed)
    rows = drawn(count, seed + 1)
    rows[:, -8:] = 0.6 * rng.normal(size=(count, 1)) + 0.8 + 0.2 * rng.normal(size=(count, 8))
    return rows


def noise(count: int, seed: int) -> Rows:
    return np.random.default_rng(seed).normal(size=(count, DIMENSIONS)) * 0.5


def mixed(*parts: Rows) -> Rows:
    return np.concatenate(parts)


@pytest.mark.parametrize("seed", range(1, 6))
def test_rows_of_the_same_kind_are_in_span(basis: RealRows, seed: int) -> None:
    assert judged(basis, drawn(NEW, seed)).classes == ("in-span",)


@pytest.mark.parametrize(
    ("wanted", "rows"),
    [
        ("copies", lambda real: real[:NEW] * (1 + 1e-4)),
        ("copies", lambda real: mixed(real[:60] * (1 + 1e-4), drawn(NEW - 60, 5))),
        ("collapsed", lambda real: rebuilt(real, drawn(NEW, 5), 4)),
        ("collapsed", lambda real: np.repeat(drawn(25, 5), 10, axis=0) + 1e-3 * drawn(NEW, 6)),
        ("noise", lambda real: noise(NEW, 5)),
        ("noise", lambda real: mixed(noise(NEW // 2, 5), drawn(NEW // 2, 6))),
        ("new-modes", lambda real: 0.3 * drawn(NEW, 5) + 4 * np.eye(DIMENSIONS)[-1]),
        ("new-modes", lambda real: topic(NEW, 5)),
        ("new-modes", lambda real: mixed(topic(NEW // 2, 5), drawn(NEW // 2, 8))),
        ("new-modes", lambda real: mixed(topic(NEW // 5, 5), drawn(4 * NEW // 5, 8))),
        ("unresolved", lambda real: drawn(20, 5)),
    ],
)
def test_rows_of_known_origin_are_named(basis: RealRows, real: Rows, wanted: str, rows: object) -> None:
    assert callable(rows)
    found = judged(basis, rows(real))
    assert wanted in found.classes, (found.classes, found.reason)
    assert found.reason


def test_dwelling_on_one_region_of_the_real_rows_is_nothing_new(basis: RealRows, real: Rows) -> None:
    """Rows near a single point of the real ones are more alike than these, but the real ones there explain them."""
    rows = drawn(6 * NEW, 9)
    close = rows[np.argsort(np.linalg.norm(rows - real[0], axis=1))[:NEW]]
    assert "new-modes" not in judged(basis, close).classes
    assert "noise" not in judged(basis, close).classes


def test_single_rows_are_named_as_in_their_set(basis: RealRows, real: Rows) -> None:
    rows = mixed(real[:5], noise(20, 3), drawn(50, 4))
    alone, together = judge_rows(basis, rows), judged(basis, rows).each
    assert alone.classes == together.classes
    np.testing.assert_allclose(alone.excess, together.excess)
    assert set(alone.classes[:5]) == {"copy"}
    assert set(alone.classes[5:25]) == {"beyond"}
    np.testing.assert_allclose(alone.distances[:5], 0.0, atol=1e-12)


def test_judgement_does_not_depend_on_threads(real: Rows) -> None:
    kernels = [choose_kernel("laplace", real)]
    ones, rows = np.ones(ROWS, np.int64), drawn(NEW, 2)
    found = [judged(RealRows(kernels, real, ones, threads=threads), rows) for threads in (1, 2)]
    assert found[0].classes == found[1].classes
    np.testing.assert_allclose(found[0].kernels["laplace"].modes, found[1].kernels["laplace"].modes, rtol=1e-6)


def test_real_copies_are_no_news_to_the_null(real: Rows) -> None:
    """Of rows that all occur twice, a row drawn again is a copy, as it is in the real rows themselves."""
    basis = RealRows([choose_kernel("laplace", real)], real, np.full(ROWS, 2))
    found = judge_span(basis, real[:NEW], np.ones(NEW, np.int64))
    assert "copies" not in found.classes
    assert found.near.expected == pytest.approx(found.near.value, abs=0.02)


def test_scale_and_place_of_the_rows_do_not_matter(real: Rows, basis: RealRows) -> None:
    moved = real * 1e-6 + 3e-4
    other = RealRows(
        [choose_kernel("laplace", moved), choose_kernel("linear", moved, centered=True)], moved, basis.copies
    )
    new = drawn(NEW, 2)
    one, two = judged(basis, new), judged(other, new * 1e-6 + 3e-4)
    assert one.classes == two.classes
    for name in one.kernels:
        assert one.kernels[name].shift == pytest.approx(two.kernels[name].shift, abs=1e-3)
        np.testing.assert_allclose(one.kernels[name].modes, two.kernels[name].modes, rtol=1e-3)


@pytest.mark.parametrize("centered", [True, False])
def test_modes_are_those_of_the_correlations(centered: bool) -> None:
    half = np.random.default_rng(0).normal(size=(100, 130)) * np.arange(1, 131) ** -0.5
    residual = half @ half.T
    excess = np.random.default_rng(1).normal(size=100)
    found = modes_of(residual.copy(), excess, centered=centered)
    root = np.sqrt(np.diag(residual))
    centre = np.eye(100) - centered / 100
    values, vectors = np.linalg.eigh(centre @ (residual / np.outer(root, root)) @ centre)
    np.testing.assert_allclose(found.values, np.log(values[::-1][:10]), rtol=1e-5)
    assert found.five == pytest.approx(np.log(values[-5:].sum()))
    carried = (vectors[:, -5:] ** 2) @ values[-5:]
    assert found.excess[1] == pytest.approx(np.average(excess, weights=carried), rel=1e-4)


def test_rows_are_matched_to_different_rows_around_them() -> None:
    around = np.array([[3, 1], [3, 2], [3, 2], [5, 4]])
    rows, partners = matched(np.arange(4), around, np.array([5]))
    assert rows.tolist() == [0, 1, 3]
    assert partners.tolist() == [3, 2, 4]


def test_rows_around_are_the_nearest_others(real: Rows) -> None:
    found = rows_around(real, neighbors=4)
    distance = np.linalg.norm(real[:, None] - real[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    np.testing.assert_array_equal(found.places, np.argsort(distance, axis=1)[:, :4])
    np.testing.assert_allclose(found.distances, np.sort(distance, axis=1)[:, :4])
    queries = drawn(7, 3)
    near = rows_around(real, queries, neighbors=3)
    wanted = np.linalg.norm(queries[:, None] - real[None], axis=2)
    np.testing.assert_allclose(near.distances, np.sort(wanted, axis=1)[:, :3])


def test_a_quantile_counts_copies() -> None:
    values = np.array([3.0, 1.0, 2.0])
    assert quantile(values, np.array([1, 8, 1]), 0.5) == 1.0
    assert quantile(values, np.array([1, 1, 8]), 0.5) == 2.0


def test_leave_one_out_residuals_judge_the_real_rows_themselves(real: Rows) -> None:
    model = residuals_of(choose_kernel("laplace", real), real - real.mean(axis=0), np.ones(ROWS, np.int64))
    place = np.array([17])
    assert model.alone[17] == pytest.approx(model.held_out(place)[0, 0])
