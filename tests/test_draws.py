from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2, hypergeom

from specaudit.draws import LARGEST_INFLATION, Design, Draw, draw


def by_permutation(copies: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return the copies (n,) that are taken when all are shuffled and taken until `size` different rows are there."""
    order = rng.permutation(np.repeat(np.arange(len(copies)), copies))
    _, first = np.unique(order, return_index=True)
    last = np.sort(first)[size - 1]
    return np.bincount(order[: last + 1], minlength=len(copies))


def counted(part: Draw, n: int) -> np.ndarray:
    return np.bincount(part.rows, weights=part.copies, minlength=n)


SIDES = ("before", "after")
COPIES = np.array([1, 1, 1, 2, 3, 8, 20])


@pytest.mark.parametrize("size", [1, 3, 6])
def test_copies_are_taken_as_from_a_shuffled_multiset(size: int) -> None:
    rng = np.random.default_rng(size)
    repeats = 6000
    found = np.array([counted(draw(COPIES, size, rng), len(COPIES)) for _ in range(repeats)])
    expected = np.array([by_permutation(COPIES, size, rng) for _ in range(repeats)])
    for statistic in (lambda x: x > 0, lambda x: x, lambda x: x**2, lambda x: x * x.sum(axis=1, keepdims=True)):
        one, other = statistic(found).astype(float), statistic(expected).astype(float)
        error = np.sqrt((one.var(axis=0) + other.var(axis=0)) / repeats) + 1e-9
        assert (abs(one.mean(axis=0) - other.mean(axis=0)) < 4.5 * error).all()


def test_the_joint_law_of_two_rows_is_that_of_the_shuffled_multiset() -> None:
    """All outcomes of a small multiset, told apart: a chi-squared test of two samples."""
    copies, rng, repeats = np.array([1, 2, 3]), np.random.default_rng(5), 8000
    keys = [
        [tuple(take(copies, 2, rng)) for _ in range(repeats)]
        for take in (lambda c, s, r: counted(draw(c, s, r), 3).astype(int), by_permutation)
    ]
    outcomes = sorted(set(keys[0]) | set(keys[1]))
    table = np.array([[side.count(outcome) for outcome in outcomes] for side in keys], dtype=float)
    statistic = ((table[0] - table[1]) ** 2 / table.sum(axis=0)).sum()
    assert len(outcomes) > 6
    assert statistic < chi2.ppf(1 - 1e-4, len(outcomes) - 1)


def test_rows_without_copies_are_simple_random_subsets() -> None:
    """Every subset is equally likely, so that a given half holds a hypergeometric number of them."""
    rng, n, size, repeats = np.random.default_rng(0), 12, 5, 6000
    copies = np.ones(n, np.int64)
    draws = [draw(copies, size, rng) for _ in range(repeats)]
    assert all((part.copies == 1).all() and len(part.rows) == size for part in draws)
    inside = np.bincount([int((part.rows < 6).sum()) for part in draws], minlength=size + 1)
    expected = repeats * hypergeom.pmf(np.arange(size + 1), n, 6, size)
    assert ((inside - expected) ** 2 / expected).sum() < chi2.ppf(1 - 1e-4, size)
    each = np.bincount(np.concatenate([part.rows for part in draws]), minlength=n) / repeats
    np.testing.assert_allclose(each, size / n, atol=4.5 * np.sqrt(size / n * (1 - size / n) / repeats))


def test_all_rows_come_with_all_copies() -> None:
    part = draw(COPIES, len(COPIES), np.random.default_rng(0))
    np.testing.assert_array_equal(part.rows, np.arange(len(COPIES)))
    np.testing.assert_array_equal(part.copies, COPIES)


@pytest.mark.parametrize("seed", range(20))
def test_a_draw_is_some_of_the_multiset(seed: int) -> None:
    rng = np.random.default_rng(seed)
    copies = rng.integers(1, 10**4, 200)
    part = draw(copies, 80, rng)
    assert len(part.rows) == 80
    assert (np.diff(part.rows) > 0).all()
    assert ((part.copies >= 1) & (part.copies <= copies[part.rows])).all()
    assert (part.copies == 1).any(), "the row that comes last comes once"


def test_the_seed_alone_decides() -> None:
    one, two, other = (draw(COPIES, 4, np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.rows, two.rows)
    np.testing.assert_array_equal(one.copies, two.copies)
    assert counted(one, 7).tolist() != counted(other, 7).tolist()


@pytest.mark.parametrize(
    ("before", "after", "shared", "size", "drawn"),
    [
        (100, 50, 50, 50, "before"),
        (50, 100, 50, 50, "after"),
        (100, 100, 100, 100, "none"),
        (100, 100, 99, 50, "both"),
        (100, 100, 0, 50, "both"),
        (100, 90, 90, 90, "before"),
        (1000, 100, 0, 100, "before"),
        (100, 1000, 0, 100, "after"),
        (150, 100, 0, 50, "both"),
        (200, 100, 0, 100, "before"),
        (199, 100, 0, 50, "both"),
    ],
)
def test_subsets_are_drawn_from_the_larger_side_unless_they_tell_too_little(
    before: int, after: int, shared: int, size: int, drawn: str
) -> None:
    design = Design.of(before, after, shared)
    assert (design.size, design.drawn) == (size, drawn)
    assert (design.before, design.after, design.shared) == (before, after, shared)


def test_the_change_varies_no_more_than_allowed_times_what_the_subsets_show() -> None:
    for before in range(20, 200, 30):
        for after in range(20, 200, 30):
            for shared in {0, min(before, after) // 2, min(before, after)}:
                design = Design.of(before, after, shared)
                if design.drawn in ("before", "after"):
                    spread = 1 / before + 1 / after - 2 * shared / (before * after)
                    shown = 1 / design.size - 1 / max(before, after)
                    assert spread <= LARGEST_INFLATION * shown * (1 + 1e-12)


CASES = {
    "subset": (90, 45, 45),
    "small subset": (90, 20, 20),
    "nearly all": (90, 81, 81),
    "superset": (45, 90, 45),
    "partial overlap": (90, 40, 20),
    "much overlap of equal sizes": (60, 60, 45),
    "independent": (60, 60, 0),
    "independent, unequal": (120, 40, 0),
    "independent, slightly unequal": (60, 50, 0),
}


@pytest.mark.parametrize("name", CASES)
def test_the_stated_error_is_the_standard_deviation_of_the_change(name: str) -> None:
    """Means of two columns, one far from normal, of samples of one population: the error says how they differ."""
    before, after, shared = CASES[name]
    design, rounds, repeats = Design.of(before, after, shared), 24, 2000
    rng = np.random.default_rng(7)
    changes, stated = np.empty((repeats, 2)), np.empty((repeats, 2))
    for number in range(repeats):
        normal = rng.standard_normal(before + after - shared)
        population = np.column_stack([normal, np.exp(0.5 * normal)])
        sides = [population[:before], population[before - shared :]]
        values = [
            subset_means(side, design.size, rounds if design.drawn in (which, "both") else 0, rng)
            for which, side in zip(SIDES, sides, strict=True)
        ]
        changes[number] = values[1].mean(axis=0) - values[0].mean(axis=0)
        stated[number] = design.error(*values)
    true = np.sqrt((changes**2).mean(axis=0))
    # The error of a standard deviation from 2,000 values is 1.6 %, more for the heavy tail.
    np.testing.assert_allclose(np.sqrt((stated**2).mean(axis=0)) / true, 1, atol=0.06)


def subset_means(side: np.ndarray, size: int, rounds: int, rng: np.random.Generator) -> np.ndarray:
    """Return the means of random subsets, or of the whole side where no subset is drawn from it."""
    if not rounds:
        return side.mean(axis=0, keepdims=True)
    order = np.argsort(rng.random((rounds, len(side))), axis=1)[:, :size]
    return np.asarray(side[order].mean(axis=1))


def test_the_error_from_standard_deviations_is_that_from_values() -> None:
    rng = np.random.default_rng(0)
    for sizes in CASES.values():
        design = Design.of(*sizes)
        before, after = (rng.standard_normal((24 if design.drawn in (side, "both") else 1, 3)) for side in SIDES)
        sds = [v.std(axis=0, ddof=1) if len(v) > 1 else np.zeros(3) for v in (before, after)]
        stated = design.combined(sds[0], len(before), sds[1], len(after))
        np.testing.assert_allclose(design.error(before, after), stated, rtol=1e-12)


def test_more_subsets_leave_less_error_but_not_none() -> None:
    design = Design.of(100, 50, 50)
    errors = [float(design.combined(np.ones(1), draws, np.zeros(1), 1)[0]) for draws in (24, 96, 10**9)]
    assert errors == pytest.approx([np.sqrt(1 + 1 / draws) for draws in (24, 96, 10**9)])
