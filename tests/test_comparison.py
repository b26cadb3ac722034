from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import t

from specaudit import comparison, spectrum
from specaudit.comparison import ALPHA, ROUNDS, TESTS, KernelChange, compare_kernel, critical_value
from specaudit.draws import Design, draw
from specaudit.kernels import Kernel
from specaudit.profiles import FEWEST
from specaudit.subsets import SampledRows

Exact = Callable[..., np.ndarray]
BANDWIDTH = 4.0


def kernel_of(name: str) -> Kernel:
    return Kernel(name=name, bandwidth=None if name == "linear" else BANDWIDTH, bandwidth_rule="given")


def rows_of(n: int, d: int = 60, b: float = 1.0, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.asarray(rng.standard_normal((n, d)) * np.arange(1, d + 1) ** (-b / 2))


def sample(rows: np.ndarray, copies: np.ndarray | None = None) -> SampledRows:
    return SampledRows(rows=rows, copies=np.ones(len(rows), np.int64) if copies is None else copies)


def pruned(name: str, rows: np.ndarray, kept: np.ndarray, **options: object) -> KernelChange:
    """Return what pruning to `kept` (m,) changes, both sides on one matrix."""
    design = Design.of(len(rows), len(kept), len(kept))
    return compare_kernel(
        kernel_of(name), sample(rows), sample(rows[kept]), design, places=kept, subset=True, **options
    )


def separate(name: str, before: np.ndarray, after: np.ndarray, shared: int = 0, **options: object) -> KernelChange:
    """Return the change between two sets of rows, each with a matrix of its own."""
    design = Design.of(len(before), len(after), shared)
    return compare_kernel(kernel_of(name), sample(before), sample(after), design, **options)


class Curve:
    """The capacity curve of a matrix by its definition: the ridge is found at which N_p has a value."""

    def __init__(self, matrix: np.ndarray) -> None:
        self.values = np.maximum(np.linalg.eigvalsh(matrix), 0)
        self.n = len(matrix)

    def moment(self, delta: float, p: int) -> float:
        return float(((self.values / (self.values + delta)) ** p).sum())

    def n2(self, delta: float) -> float:
        one, two = self.moment(delta, 1), self.moment(delta, 2)
        return (self.n * two - one**2) / (self.n - 2 * one + two)

    def ridge(self, function: Callable[[float], float], value: float) -> float:
        top = self.values.sum()
        return float(np.exp(brentq(lambda s: function(np.exp(s)) - value, np.log(1e-7 * top), np.log(10 * top))))

    def log_kappa(self, delta: float) -> float:
        return float(np.log(delta / (self.n - self.moment(delta, 1))))

    def log_kappa_at_n1(self, n1: float) -> float:
        return self.log_kappa(self.ridge(lambda delta: self.moment(delta, 1), n1))

    def n2_at_n1(self, n1: float) -> float:
        return self.n2(self.ridge(lambda delta: self.moment(delta, 1), n1))

    def slope(self, low: float, high: float) -> float:
        grid = np.linspace(np.log(low), np.log(high), 49)
        return float(-np.polyfit(grid, [self.log_kappa(self.ridge(self.n2, np.exp(x))) for x in grid], 1)[0])


@pytest.mark.parametrize(("name", "deepest"), [("laplace", 25.0), ("linear", 15.0)])
def test_a_comparison_is_what_eigenvalues_of_every_subset_say(name: str, deepest: float, exact_kernel: Exact) -> None:
    rows, seed, rounds = rows_of(200), 5, ROUNDS[0]
    kept = np.random.default_rng(1).permutation(200)[:100]
    change = pruned(name, rows, kept, seed=seed, kernels=2)

    matrix = exact_kernel(name, rows, BANDWIDTH)
    ones = np.ones(200, np.int64)
    parts = [
        draw(ones, 100, np.random.default_rng(np.random.SeedSequence([seed, 0, number]))).rows
        for number in range(rounds)
    ]
    before = [Curve(matrix[np.ix_(part, part)]) for part in parts]
    after = Curve(matrix[np.ix_(kept, kept)])
    end = min(100 / 8, 60 / 2 if name == "linear" else np.inf)
    high = min(np.mean([curve.n2_at_n1(end) for curve in before]), after.n2_at_n1(end))

    capacity = [outcome for outcome in change.outcomes if outcome.window is None]
    assert [outcome.dimension for outcome in capacity] == [10.0, deepest]
    (tail,) = (outcome for outcome in change.outcomes if outcome.window is not None)
    assert tail.window == pytest.approx((high / 4, high), rel=1e-3)
    statistics: list[tuple[comparison.Outcome, Callable[[Curve], float]]] = [
        *((outcome, lambda c, n1=outcome.dimension: c.log_kappa_at_n1(n1)) for outcome in capacity),
        (tail, lambda c: c.slope(*tail.window)),
    ]
    quantile = t.ppf(1 - 0.01 / 8, rounds - 1)
    assert change.critical == pytest.approx(quantile)
    assert change.draws == rounds
    for outcome, statistic in statistics:
        null = np.array([statistic(curve) for curve in before])
        error = null.std(ddof=1) * np.sqrt(1 + 1 / rounds)
        expected = statistic(after) - null.mean()
        assert outcome.change == pytest.approx(expected, abs=2e-4)
        assert outcome.error == pytest.approx(error, rel=0.01)
        half = quantile * outcome.error
        assert (outcome.low, outcome.high) == pytest.approx((outcome.change - half, outcome.change + half))
    for n1, gain in list(zip(change.targets.gain, change.after.gain.mean - change.before.gain.mean, strict=True))[
        ::9
    ]:
        expected = after.log_kappa_at_n1(n1) - np.mean([curve.log_kappa_at_n1(n1) for curve in before])
        assert gain == pytest.approx(expected, abs=5e-4)
    ratio = np.linalg.eigvalsh(matrix[np.ix_(kept, kept)])[::-1] / np.linalg.eigvalsh(matrix)[::-1][:100] * 2
    observed, ranks = change.ceiling or (0.0, 0)
    assert ranks == (60 if name == "linear" else 100)
    assert observed == pytest.approx(ratio[:ranks].max(), rel=1e-3)


@pytest.mark.parametrize("name", ["laplace", "linear"])
@pytest.mark.parametrize("exact_rows", [spectrum.EXACT_ROWS, 100], ids=["exact", "quadrature"])
def test_equal_rows_change_by_exactly_nothing(name: str, exact_rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spectrum, "EXACT_ROWS", exact_rows)
    rows = rows_of(520, 5 if name == "laplace" else 700)
    change = pruned(name, rows, np.random.default_rng(0).permutation(520))
    assert len(change.outcomes) == TESTS
    for outcome in change.outcomes:
        assert (outcome.change, outcome.error, outcome.low, outcome.high) == (0, 0, 0, 0)
    assert change.draws == 0
    assert change.front is None
    assert (change.gain_error == 0).all()
    assert change.depth[0] == change.depth[1]


@pytest.mark.parametrize("name", ["laplace", "linear"])
def test_every_row_twice_changes_nothing_but_rounding(name: str) -> None:
    rows = rows_of(200, 30)
    design = Design.of(200, 200, 200)
    change = compare_kernel(
        kernel_of(name), sample(rows), sample(rows, np.full(200, 2)), design, places=np.arange(200)
    )
    for outcome in change.outcomes:
        assert outcome.change == pytest.approx(0, abs=1e-4)


def near_the_mean(rows: np.ndarray) -> np.ndarray:
    """Return the half of the rows that is nearest to the mean: what is rare is gone."""
    return np.argsort(np.linalg.norm(rows - rows.mean(axis=0), axis=1))[: len(rows) // 2]


@pytest.mark.parametrize("name", ["laplace", "linear"])
def test_keeping_what_is_typical_loses_capacity(name: str) -> None:
    rows = rows_of(400, 40)
    change = pruned(name, rows, near_the_mean(rows))
    assert all(outcome.high < 0 for outcome in change.outcomes if outcome.window is None)


@pytest.mark.parametrize("name", ["laplace", "linear"])
def test_keeping_a_few_directions_makes_the_tail_steeper(name: str) -> None:
    columns, main = (6, 2) if name == "laplace" else (40, 8)
    rows = rows_of(400, columns, b=0.5)
    flat = rows[::2] * np.where(np.arange(columns) < main, 1.0, 0.1)
    change = separate(name, rows, flat)
    tail = change.outcomes[-1]
    assert tail.window is not None
    assert tail.low > 0
    assert change.outcomes[-2].high < 0


@pytest.mark.parametrize("name", ["laplace", "linear"])
def test_random_halves_stay_within_their_intervals(name: str) -> None:
    """Twelve halves, each with a null of its own: z has the spread of Student's law and none leaves its interval."""
    z = []
    for seed in range(12):
        rows = rows_of(240, 30, seed=seed)
        change = pruned(name, rows, np.random.default_rng(seed).permutation(240)[:120], seed=seed)
        assert all(outcome.low < 0 < outcome.high for outcome in change.outcomes)
        z.append([outcome.change / outcome.error for outcome in change.outcomes])
    rms = np.sqrt((np.array(z) ** 2).mean(axis=0))
    assert ((rms > 0.45) & (rms < 1.7)).all(), rms


def test_a_side_of_lower_rank_is_bounded_from_above_and_fails() -> None:
    rows = rows_of(400, 40)
    _, _, directions = np.linalg.svd(rows, full_matrices=False)
    flat = rows[::2] @ directions[:8].T @ directions[:8]
    change = separate("linear", rows, flat)
    *capacity, _tail = change.outcomes
    assert capacity
    for outcome in capacity:
        assert outcome.dimension is not None
        assert outcome.dimension > 8 * 0.9, "beyond what AFTER reaches"
        assert outcome.high < -0.05


def test_directions_that_are_gone_are_lost_however_weak_they_were() -> None:
    """Eight strong directions and a weak tail of 32, cut off: what is left has no tenth dimension at any ridge."""
    rows = rows_of(400, 40, b=0) * np.where(np.arange(40) < 8, 1.0, 0.03)
    flat = np.where(np.arange(40) < 8, rows[::2], 0.0)
    capacity = [outcome for outcome in separate("linear", rows, flat).outcomes if outcome.window is None]
    assert [outcome.dimension for outcome in capacity] == [10.0]
    assert capacity[0].high < -5
    nearly = np.where(np.arange(40) < 14, rows[::2], 0.0)
    assert -5 < separate("linear", rows, nearly).outcomes[0].high < -0.05


def test_one_row_beyond_all_scales_leaves_a_number_for_every_statistic() -> None:
    rows = rows_of(200, 10)
    rows[17] *= 1e8
    for name in ("laplace", "linear"):
        for kept in (np.arange(0, 200, 2), np.arange(1, 200, 2)):
            change = pruned(name, rows, kept)
            assert np.isfinite([(o.change, o.error, o.low, o.high) for o in change.outcomes]).all()
            assert np.isfinite(change.before.log_kappa.mean).all()
            assert np.isfinite(change.after.local_exponent.mean).all()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
@pytest.mark.parametrize("name", ["laplace", "linear"])
def test_no_subset_exceeds_its_ceiling(name: str, share: float) -> None:
    rows = rows_of(300, 40)
    size = int(share * 300)
    for kept in (np.random.default_rng(2).permutation(300)[:size], near_the_mean(rows)[:size], np.arange(size)):
        observed, ranks = pruned(name, rows, kept).ceiling or (np.inf, 0)
        assert ranks > 1
        assert observed <= 300 / len(kept) * (1 + 1e-9)


def test_eigenvalues_of_rows_made_longer_exceed_the_ceiling() -> None:
    rows = rows_of(300, 40)
    design = Design.of(300, 150, 150)
    change = compare_kernel(kernel_of("linear"), sample(rows), sample(2 * rows[::2]), design, subset=True)
    observed, _ = change.ceiling or (0.0, 0)
    assert observed > 2 * (1 + comparison.CEILING_SLACK)


def test_a_ceiling_is_for_subsets_alone() -> None:
    rows = rows_of(100, 10)
    assert separate("linear", rows, rows[::2]).ceiling is None


@pytest.mark.parametrize("name", ["laplace", "linear"])
def test_independent_data_are_halved_on_both_sides(name: str) -> None:
    change = separate(name, rows_of(200, 20, seed=1), rows_of(200, 20, seed=2))
    assert change.draws == ROUNDS[0]
    assert change.before.draws == change.after.draws == ROUNDS[0]
    assert all(outcome.low < 0 < outcome.high for outcome in change.outcomes)
    # A side's sigma^2 from halves: 1/h - 1/n = 1/n; the change of independent sides has 2/n.
    for before, after, outcome in zip(
        change.before.capacity.sd, change.after.capacity.sd, change.outcomes, strict=False
    ):
        pooled = (before**2 + after**2) / 2
        assert outcome.error == pytest.approx(np.sqrt(2 * pooled + 2 * pooled / ROUNDS[0]))


def test_an_augmented_side_is_the_one_that_is_drawn_from() -> None:
    rows = rows_of(300, 20)
    change = separate("laplace", rows[:200], rows, shared=200)
    assert (change.before.draws, change.after.draws) == (1, ROUNDS[0])
    assert all(outcome.low < 0 < outcome.high for outcome in change.outcomes)
    crowd = np.vstack([rows[:200], 0.3 * rows_of(200, 20, seed=9)])
    harmed = separate("laplace", rows[:200], crowd, shared=200)
    assert all(outcome.high < 0 for outcome in harmed.outcomes if outcome.window is None)


@pytest.mark.parametrize(("draws", "kernels"), [(24, 1), (24, 2), (48, 2), (96, 5)])
def test_the_critical_value_is_student_s_over_all_statistics(draws: int, kernels: int) -> None:
    assert critical_value(draws, kernels) == pytest.approx(t.isf(ALPHA / (4 * kernels), draws - 1))


@pytest.mark.parametrize(("asked", "draws"), [(0, 24), (1, 48), (2, 96), (9, 96)])
@pytest.mark.parametrize("independent", [False, True])
def test_subsets_grow_only_while_a_limit_is_near(asked: int, draws: int, independent: bool) -> None:
    rows = rows_of(120, 10)
    counts = []

    def near(outcomes: object) -> bool:
        counts.append(outcomes)
        return len(counts) <= asked

    run = separate if independent else pruned
    change = run("linear", rows, rows_of(120, 10, seed=3) if independent else np.arange(60), near=near)
    assert change.draws == draws
    assert len(counts) == min(asked + 1, len(ROUNDS))
    assert change.critical == pytest.approx(critical_value(draws, 1))


def test_more_subsets_are_added_to_those_that_were_drawn() -> None:
    rows, kept = rows_of(120, 10), np.arange(60)
    first, more = (pruned("laplace", rows, kept, near=lambda outcomes, go=go: go) for go in (False, True))
    assert (first.draws, more.draws) == (24, 96)
    for few, many in zip(first.outcomes[:-1], more.outcomes[:-1], strict=True):
        assert few.change != many.change
        assert abs(few.change - many.change) < 3 * few.error / np.sqrt(24)


@pytest.mark.parametrize("name", ["laplace", "linear"])
def test_the_seed_decides_and_threads_do_not(name: str) -> None:
    rows, kept = rows_of(150, 12), np.arange(75)
    one, two, other = (
        pruned(name, rows, kept, seed=seed, threads=threads) for seed, threads in ((0, 1), (0, 2), (1, 1))
    )
    for a, b, c in zip(one.outcomes, two.outcomes, other.outcomes, strict=True):
        assert a.change == pytest.approx(b.change, abs=1e-7)
        assert a.change != c.change


def test_too_few_rows_have_no_statistic() -> None:
    rows = rows_of(30, 5)
    assert pruned("laplace", rows, np.arange(FEWEST - 1)).outcomes == ()
    assert pruned("laplace", rows, np.arange(FEWEST)).outcomes != ()


@pytest.mark.parametrize("size", [2, 3, 5, 17])
def test_tiny_sides_end_in_a_change(size: int) -> None:
    for name in ("laplace", "linear"):
        rows = rows_of(20, 3)
        change = pruned(name, rows, np.arange(size))
        assert np.isfinite([outcome.change for outcome in change.outcomes]).all()
        assert np.isfinite(change.targets.n2).all()


def test_quadrature_gives_what_eigenvalues_give(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = rows_of(400, 4)
    kept = np.random.default_rng(3).permutation(400)[:300]
    exact = pruned("laplace", rows, kept)
    monkeypatch.setattr(spectrum, "EXACT_ROWS", 100)
    found = pruned("laplace", rows, kept)
    for a, b in zip(exact.outcomes, found.outcomes, strict=True):
        assert b.change == pytest.approx(a.change, abs=2 * a.error)
        assert b.error == pytest.approx(a.error, rel=0.6)


def test_rows_reweighted_under_quadrature_have_the_error_of_the_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, copies = rows_of(560, 4), np.resize([1, 1, 4], 560)
    design = Design.of(560, 560, 560)
    exact = compare_kernel(kernel_of("laplace"), sample(rows), sample(rows, copies), design, places=np.arange(560))
    assert all(outcome.error == 0 for outcome in exact.outcomes)
    monkeypatch.setattr(spectrum, "EXACT_ROWS", 100)
    found = compare_kernel(kernel_of("laplace"), sample(rows), sample(rows, copies), design, places=np.arange(560))
    for a, b in zip(exact.outcomes, found.outcomes, strict=True):
        assert 0 < b.error < 0.02
        assert b.change == pytest.approx(a.change, abs=4.5 * b.error + 1e-3)


def test_progress_is_a_share() -> None:
    heard: list[float] = []
    rows = rows_of(80, 6)
    separate("linear", rows, rows_of(80, 6, seed=1), progress=heard.append)
    assert heard
    assert all(0 < share <= 1 for share in heard)
    assert heard[-1] == 1


def test_depth_is_that_of_all_rows() -> None:
    rows = rows_of(400, 20)
    change = pruned("laplace", rows, np.arange(100))
    assert change.depth[0] > 2 * change.depth[1] > 0


@pytest.mark.parametrize("name", ["laplace", "linear"])
def test_curves_are_drawn_where_both_sides_have_them(name: str) -> None:
    rows = rows_of(400)
    change = pruned(name, rows, np.arange(0, 400, 2))
    n2 = change.targets.n2
    assert (np.diff(n2) > 0).all()
    assert n2[0] < 1 < change.targets.window[1] < n2[-1]  # type: ignore[index]
    for side in (change.before, change.after):
        assert (np.exp(side.log_n1) >= n2).all()
        assert (np.diff(side.log_kappa.mean) < 0).all()
        # The local exponent is the slope of the curve that is drawn beside it.
        drawn = -np.diff(side.log_kappa.mean) / np.diff(np.log(n2))
        middle = (side.local_exponent.mean[1:] + side.local_exponent.mean[:-1]) / 2
        np.testing.assert_allclose(drawn[5:-5], middle[5:-5], rtol=0.03)
