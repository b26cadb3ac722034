"""The learning frontier of flows that are known, and each of its parts against a plain computation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.optimize import brentq, isotonic_regression

from specaudit.errors import ConfigError, InputError
from specaudit.kernels import choose_kernel
from specaudit.learning import follow, modes_depth, modes_of, open_log
from specaudit.learning.alignment import alignment, same_rows
from specaudit.learning.collapse import CERTAIN, NEAREST, SAFE, Coherence, agreement, coherences
from specaudit.learning.frontier import HALF_BIN, LEARNED, Point, crossings, learning_frontier, local_exponent
from specaudit.learning.logits import residuals
from specaudit.learning.modes import Modes
from specaudit.learning.noise import noise_floor
from specaudit.learning.proposal import propose
from specaudit.learning.run import Run
from specaudit.learning.shares import Bins, remaining
from specaudit.learning.weights import band_weights, bounded, effective_share, guarded_weights

Array = np.ndarray
ROWS, OUTPUTS, CHECKPOINTS, DEPTH = 480, 4, 24, 120


def circle(seed: int, n: int = ROWS) -> Array:
    angle = np.random.default_rng(seed).uniform(0, 2 * np.pi, n)
    return np.c_[np.cos(angle), np.sin(angle)]


class Flow:
    """Gradient flow dr/dt = -(1/n) K r, by a dense eigendecomposition of its own."""

    def __init__(self, exact_kernel: Callable[..., Array], rows: Array, seed: int, noise: float = 0.0) -> None:
        rng = np.random.default_rng(seed)
        self.rows = rows
        self.kernel = choose_kernel("laplace", rows)
        values, vectors = np.linalg.eigh(exact_kernel("laplace", rows, self.kernel.bandwidth) / len(rows))
        self.values, self.vectors = values[::-1], vectors[:, ::-1]
        ranks = np.arange(1, len(rows) + 1)
        start = self.vectors @ (ranks[:, None] ** -0.75 * rng.standard_normal((len(rows), OUTPUTS)))
        wrong = rng.permutation(len(rows))[: int(noise * len(rows))]
        start[wrong] = start[rng.permutation(len(rows))[: len(wrong)]]
        self.times = np.r_[0.0, np.geomspace(1 / self.values[1], 1 / self.values[90], CHECKPOINTS - 1)]
        inside = self.vectors.T @ start
        log = np.array([self.vectors @ (np.exp(-self.values * t)[:, None] * inside) for t in self.times])
        self.log = log * np.exp(0.05 * rng.standard_normal(log.shape))

    @property
    def truth(self) -> Array:
        """ln k*, where lambda_k t = 1."""
        ranks = np.log(np.arange(1, len(self.rows) // 2 + 1))
        return np.interp(np.log(np.maximum(self.times, 1e-300)), -np.log(self.values[: len(ranks)]), ranks)

    def follow(self, log: Array | None = None, times: Array | None = None) -> Run:
        modes = modes_of(self.kernel, self.rows, depth=DEPTH, seed=0)
        found = open_log(self.log if log is None else log, self.times if times is None else times)
        return follow(found, np.arange(len(self.rows)), self.rows, modes, cap=10.0, seed=0)


@pytest.fixture(scope="module")
def flow(exact_kernel: Callable[..., Array]) -> Flow:
    return Flow(exact_kernel, circle(0), 1)


@pytest.fixture(scope="module")
def run(flow: Flow) -> Run:
    return flow.follow()


@pytest.fixture(scope="module")
def noisy(exact_kernel: Callable[..., Array]) -> Run:
    return Flow(exact_kernel, circle(0), 1, noise=0.2).follow()


def test_the_frontier_of_a_known_flow_is_found(flow: Flow, run: Run) -> None:
    points = run.frontier.points
    known = [t for t, point in enumerate(points) if point.rank is not None]
    assert len(known) >= 15
    errors = np.abs(np.log([points[t].rank for t in known]) - flow.truth[known])
    assert np.median(errors) < 0.05
    assert np.quantile(errors, 0.95) < 0.2
    inside = [np.log(points[t].low) <= flow.truth[t] <= np.log(points[t].high) for t in known]
    assert np.mean(inside) >= 0.9
    assert points[0].status == "below"


def test_growth_is_the_inverse_of_the_local_exponent_for_gradient_flow(flow: Flow, run: Run) -> None:
    growth = run.frontier.growth
    assert growth.status == "measured"
    assert growth.window is not None
    used = [t for t, p in enumerate(run.frontier.points) if p.rank and growth.window[0] <= p.rank <= growth.window[1]]
    truth = np.polyfit(np.log(flow.times[used]), flow.truth[used], 1)[0]
    assert abs(growth.value - truth) < 0.03
    assert growth.low <= truth <= growth.high
    assert growth.local_exponent == pytest.approx(2.0, abs=0.1)  # b = 1 + 1/d on the circle


def test_a_clean_flow_does_not_collapse_and_20_percent_of_label_noise_does(run: Run, noisy: Run) -> None:
    assert run.coherence.status == "none"
    assert noisy.coherence.status == "collapse"
    assert (run.proposal.kind, noisy.proposal.kind) == ("band", "guard")


def test_noise_begins_where_the_spectrum_meets_its_floor(run: Run, noisy: Run) -> None:
    assert run.noise.rank is None
    assert noisy.noise.rank is not None
    assert 20 <= noisy.noise.rank <= 110
    assert 0.15 < noisy.noise.share < 0.45


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_the_scale_of_the_residuals_does_not_matter(flow: Flow, noisy: Run, run: Run, scale: float) -> None:
    found = flow.follow(flow.log * scale)
    assert [p.status for p in found.frontier.points] == [p.status for p in run.frontier.points]
    for one, other in zip(found.frontier.points, run.frontier.points, strict=True):
        assert one.rank == (None if other.rank is None else pytest.approx(other.rank))
    assert found.coherence.ratio == pytest.approx(run.coherence.ratio, nan_ok=True)
    assert found.noise.rank is None
    energies = np.random.default_rng(0).chisquare(4, 400) * (np.arange(1, 401.0) ** -2 + 1e-3)
    plain, scaled = (noise_floor(e[:100], e.sum(), 400) for e in (energies, energies * scale**2))
    assert plain.rank == pytest.approx(scaled.rank, rel=1e-2)


def test_label_noise_does_not_move_the_frontier(flow: Flow, noisy: Run) -> None:
    known = [t for t, point in enumerate(noisy.frontier.points) if point.rank is not None]
    errors = np.abs(np.log([noisy.frontier.points[t].rank for t in known]) - flow.truth[known])
    assert np.median(errors) < 0.07


@pytest.mark.parametrize("seed", range(3))
def test_rows_in_another_order_are_refused(flow: Flow, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(ROWS)
    with pytest.raises(InputError, match="in another order"):
        flow.follow(flow.log[:, order])


def test_magnitudes_and_losses_are_refused(flow: Flow) -> None:
    with pytest.raises(InputError, match="have one sign"):
        flow.follow(np.abs(flow.log))
    with pytest.raises(InputError, match="have one sign"):
        flow.follow((flow.log**2).sum(axis=2))
    with pytest.raises(InputError, match="are all 0"):
        flow.follow(np.zeros((2, ROWS)), np.array([0.0, 1.0]))


def test_a_checkpoint_in_another_order_is_refused_alone(flow: Flow) -> None:
    log = flow.log.copy()
    log[12] = log[12][np.random.default_rng(0).permutation(ROWS)]
    statuses = [point.status for point in flow.follow(log).frontier.points]
    assert [t for t, status in enumerate(statuses) if status == "refused"] == [12]


def test_a_residual_that_is_not_finite_names_its_row(flow: Flow) -> None:
    log = flow.log.copy()
    log[3, 17, 1] = np.nan
    with pytest.raises(InputError, match="checkpoint 3: the residual of logged row 17 is not finite"):
        flow.follow(log)


def test_growth_without_times_or_on_a_flat_spectrum_is_not_applicable(flow: Flow, run: Run) -> None:
    modes, energies = run.modes, np.array([run.modes.energies(part) for part in flow.log])
    aligned = [True] * CHECKPOINTS
    assert learning_frontier(modes, energies, None, aligned, seed=0).growth.status == "not-applicable"
    flat = Modes(values=np.arange(1, DEPTH + 1.0) ** -0.5, vectors=modes.vectors, exact=True)
    growth = learning_frontier(flat, energies, flow.times, aligned, seed=0).growth
    assert (growth.status, round(growth.local_exponent, 6)) == ("not-applicable", 0.5)
    short = learning_frontier(modes, energies[:13], flow.times[:13], aligned[:13], seed=0).growth
    assert short.status == "inconclusive"
    assert local_exponent(flat, (4.0, 80.0)) == pytest.approx(0.5, abs=1e-6)


def test_modes_are_eigenvectors(exact_kernel: Callable[..., Array]) -> None:
    rows = circle(3, 200)
    kernel = choose_kernel("laplace", rows)
    modes = modes_of(kernel, rows, depth=50, seed=0)
    matrix = exact_kernel("laplace", rows, kernel.bandwidth) / 200
    assert modes.exact
    np.testing.assert_allclose(matrix @ modes.vectors, modes.vectors * modes.values, atol=1e-6)
    residual = np.random.default_rng(0).standard_normal((200, 2))
    np.testing.assert_allclose(modes.energies(residual), ((modes.vectors.T @ residual) ** 2).sum(axis=1))
    past = modes.beyond(residual, 7)
    np.testing.assert_allclose(modes.vectors[:, :7].T @ past, 0, atol=1e-12)
    np.testing.assert_allclose(modes.vectors[:, 7:].T @ past, modes.vectors[:, 7:].T @ residual, atol=1e-12)


def test_modes_past_the_exact_size_agree_with_a_full_decomposition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("specaudit.learning.modes.EXACT_ROWS", 400)
    monkeypatch.setattr("specaudit.spectrum.EXACT_ROWS", 400)
    rows = circle(4, 1600)
    kernel = choose_kernel("laplace", rows)
    some = modes_of(kernel, rows, depth=modes_depth(1600, partial=False), seed=0)
    monkeypatch.undo()
    whole = modes_of(kernel, rows, depth=400, seed=0)
    assert (some.exact, whole.exact) == (False, True)
    np.testing.assert_allclose(some.values[:256], whole.values[:256], rtol=0.01)
    flow = np.exp(-whole.values / whole.values[64])  # a flow whose frontier is at mode 65
    start = np.random.default_rng(0).standard_normal((400, 3))
    log = [whole.vectors @ start, whole.vectors @ (flow[:, None] * start)]
    found = learning_frontier(some, np.array([some.energies(part) for part in log]), None, [True] * 2, seed=0)
    assert found.points[1].rank == pytest.approx(65, rel=0.1)


def test_a_kernel_of_few_columns_has_few_modes() -> None:
    rows = np.random.default_rng(0).standard_normal((300, 10))
    assert modes_of(choose_kernel("linear", rows), rows, depth=75, seed=0).count == 10


@pytest.mark.parametrize(
    ("rows", "partial", "depth"), [(1000, False, 250), (1000, True, 125), (8000, False, 512), (2600, True, 325)]
)
def test_depth_is_a_share_of_the_rows(rows: int, partial: bool, depth: int) -> None:
    assert modes_depth(rows, partial=partial) == depth


@pytest.mark.parametrize("count", [8, 9, 60, 250, 512])
def test_bins_hold_every_mode_once(count: int) -> None:
    bins = Bins.of(count)
    assert bins.sizes.sum() == count
    assert bins.starts[0] == 0
    np.testing.assert_array_equal(np.cumsum(bins.sizes)[:-1], bins.starts[1:])
    assert (np.diff(np.log(bins.ranks))[9:-1] < 2.5 * HALF_BIN).all()
    values = np.random.default_rng(0).random((3, count))
    np.testing.assert_allclose(bins.sums(values)[1, 2], values[1, bins.starts[2] : bins.starts[3]].sum())
    drawn = bins.resampled(np.random.default_rng(0), 20)
    np.testing.assert_array_equal(bins.sums(drawn), np.tile(bins.sizes, (20, 1)))


def test_shares_left_are_monotone_and_pooled_by_energy() -> None:
    bins = Bins.of(40)
    rng = np.random.default_rng(0)
    energies = rng.random((4, 40))
    shares = remaining(energies, bins)
    assert (np.diff(shares, axis=1) >= 0).all()
    np.testing.assert_allclose(shares[0], 1.0)
    np.testing.assert_allclose((shares * bins.sums(energies[0])).sum(axis=1), energies.sum(axis=1))
    raw = bins.sums(energies) / bins.sums(energies[0])
    np.testing.assert_allclose(shares[2], isotonic_regression(raw[2], weights=bins.sums(energies[0])).x)


def test_a_mode_with_hardly_any_energy_has_no_say() -> None:
    """Classes of equal size leave the constant mode nothing to learn; what training does there is no frontier."""
    bins = Bins.of(100)
    start, left = np.ones(100), np.exp(-2 * 20.5 / np.arange(1, 101.0))
    start[0], left[0] = 1e-6, 1e-4
    found = crossings(remaining(np.array([start, left]), bins), bins)
    assert np.exp(found[1]) == pytest.approx(20.5, rel=0.05)


def test_crossings_are_interpolated_and_told_apart_from_those_outside() -> None:
    bins = Bins.of(100)
    share = np.exp(-2 * 10.0 / bins.ranks)  # k* = 10 where lambda_k ~ 1/k
    found = crossings(np.array([share, np.ones_like(share), np.zeros_like(share)]), bins)
    grid = np.log(bins.ranks)
    exact = brentq(lambda x: np.interp(x, grid, np.log(share)) - np.log(LEARNED), grid[0], grid[-1])
    assert found[0] == pytest.approx(exact)
    assert (found[1], found[2]) == (grid[0] - HALF_BIN, grid[-1] + HALF_BIN)


@pytest.mark.parametrize("cap", [1.5, 2.0, 10.0])
@pytest.mark.parametrize("seed", range(4))
def test_bounded_weights_are_the_water_level_of_their_values(cap: float, seed: int) -> None:
    values = np.random.default_rng(seed).pareto(0.8, 200)
    weights = bounded(values, cap)
    level = brentq(lambda scale: np.minimum(scale * values, cap).mean() - 1, 0, 1e9)
    np.testing.assert_allclose(weights, np.minimum(level * values, cap), rtol=1e-6)
    assert weights.mean() == pytest.approx(1.0)
    assert weights.max() <= cap


def test_bounded_weights_of_few_or_no_values_keep_their_mean_and_cap() -> None:
    few = np.zeros(100)
    few[:4] = 5.0
    for values in (few, np.zeros(100), np.ones(100)):
        weights = bounded(values, 10.0)
        assert weights.mean() == pytest.approx(1.0)
        assert 0 <= weights.min() <= weights.max() <= 10
    with pytest.raises(ConfigError, match="above 1"):
        bounded(few, 1.0)


def test_band_weights_are_of_the_residual_past_the_frontier(run: Run, flow: Flow) -> None:
    modes, last = run.modes, flow.log[-1]
    left = last - modes.vectors[:, :20] @ modes.vectors[:, :20].T @ last
    np.testing.assert_allclose(band_weights(modes, last, 30.0, 10.0), bounded((left**2).sum(axis=1), 10.0))
    assert effective_share(np.ones(5)) == 1.0
    assert effective_share(np.array([5.0, 0, 0, 0, 0])) == pytest.approx(0.2)


def test_guarded_weights_leave_every_row_some() -> None:
    agreed = np.array([4.0, -1.0, 0.0, 1.0])
    weights = guarded_weights(agreed, 10.0)
    assert (weights > 0).all()
    assert weights[1] == weights[2] == pytest.approx(0.02 / 1.02)


def test_coherence_is_of_the_nearest_rows() -> None:
    rng = np.random.default_rng(0)
    left, nearest = rng.standard_normal((50, 3)), rng.integers(0, 50, (50, NEAREST))
    agreed = np.array([left[i] @ np.mean([left[j] for j in nearest[i]], axis=0) for i in range(50)])
    np.testing.assert_allclose(agreement(left, nearest), agreed)
    squares = (left**2).sum(axis=1)
    weights = bounded(squares, 3.0)
    plain, weighted = coherences(left, nearest, 3.0)
    assert plain == pytest.approx(agreed.sum() / squares.sum())
    assert weighted == pytest.approx((weights * agreed).sum() / (weights * squares).sum())
    assert np.isnan(coherences(np.zeros((50, 3)), nearest, 3.0)).all()


@pytest.mark.parametrize(
    ("plain", "weighted", "status"),
    [
        ([0.9, 0.5], [0.9, SAFE * 0.5], "none"),
        ([0.9, 0.5], [0.9, CERTAIN * 0.499], "collapse"),
        ([0.9, 0.5], [0.9, CERTAIN * 0.501], "undecided"),
        ([0.05, 0.09], [-1.0, -1.0], "undecided"),
        ([0.9, 0.05], [0.8, -1.0], "none"),
        ([0.9, np.nan], [0.8, np.nan], "none"),
    ],
)
def test_the_detector_decides_by_its_smallest_ratio(plain: list[float], weighted: list[float], status: str) -> None:
    assert Coherence(plain=np.array(plain), weighted=np.array(weighted)).status == status


@pytest.mark.parametrize(
    ("status", "plain", "told"),
    [
        ("beyond", 0.9, "no band left"),
        ("refused", 0.9, "not those of the reference"),
        ("resolved", 0.01, "too little in common"),
    ],
)
def test_weights_that_would_say_nothing_are_refused(run: Run, status: str, plain: float, told: str) -> None:
    point = Point(rank=10.0, low=8.0, high=12.0, status=status)  # type: ignore[arg-type]
    coherence = Coherence(plain=np.array([plain]), weighted=np.array([plain]))
    found = propose(run.modes, point, coherence, np.ones((ROWS, 1)), np.zeros((ROWS, 1), int), 10.0)
    assert (found.kind, found.weights) == ("refused", None)
    assert told in found.reason


def test_weights_before_anything_is_learned_are_by_the_whole_residual(run: Run, flow: Flow) -> None:
    point = Point(rank=None, low=None, high=1.0, status="below")
    coherence = Coherence(plain=np.array([0.9]), weighted=np.array([0.9]))
    found = propose(run.modes, point, coherence, flow.log[0], np.zeros((ROWS, 1), int), 10.0)
    assert found.learned == 0
    np.testing.assert_allclose(found.weights, bounded((flow.log[0] ** 2).sum(axis=1), 10.0))


def test_alignment_is_the_share_in_the_leading_modes(run: Run, flow: Flow) -> None:
    centred = flow.log[0] - flow.log[0].mean(axis=0)
    found = alignment(run.modes, flow.log[0], seed=0)
    assert found.share == pytest.approx(((run.modes.vectors.T @ centred) ** 2).sum() / (centred**2).sum())
    assert found.expected == pytest.approx(DEPTH / ROWS, rel=0.05)
    assert found.aligned
    assert not alignment(run.modes, np.ones((ROWS, 2)), seed=0).aligned


def test_white_residuals_are_taken_for_aligned_no_more_often_than_is_said(run: Run) -> None:
    """1 of 200; of 60 more than three has a chance of 1 in 4,000."""
    rng = np.random.default_rng(7)
    found = [alignment(run.modes, rng.standard_normal((ROWS, 2)), seed=seed).aligned for seed in range(60)]
    assert sum(found) <= 3


def test_rows_are_the_same_as_far_as_a_correlation_tells() -> None:
    rng = np.random.default_rng(0)
    one = rng.standard_normal((400, 3)) @ rng.standard_normal((3, 3))
    assert same_rows(one, 0.2 * one + 0.3 * rng.standard_normal((400, 3)))
    assert same_rows(one, -one)
    assert same_rows(one, np.zeros((400, 3)))
    shuffled = [same_rows(one, one[rng.permutation(400)]) for _ in range(300)]
    assert sum(shuffled) <= 6


def test_a_floor_is_told_from_a_spectrum_that_still_falls() -> None:
    """Energies are of four outputs: gamma variables of shape 2."""
    ranks, rng = np.arange(1, 1001.0), np.random.default_rng(0)
    for slope in (1.1, 1.5, 2.0, 3.0):
        falling = ranks**-slope * rng.chisquare(4, 1000) / 4
        assert noise_floor(falling[:250], falling.sum(), 1000).share is None
    for floor in (1e-3, 1e-2):
        energies = (ranks**-1.5 + floor) * rng.chisquare(4, 1000) / 4
        found = noise_floor(energies[:250], energies.sum(), 1000)
        assert found.rank == pytest.approx(floor ** (-1 / 1.5), rel=0.3)  # where k^-1.5 is the floor
        assert found.share == pytest.approx(1000 * floor / energies.sum(), rel=0.1)
    late = (ranks**-1.5 + 1e-4) * rng.chisquare(4, 1000) / 4
    assert noise_floor(late[:250], late.sum(), 1000).rank is None
    assert noise_floor(late[:995], late.sum(), 1000).ratio is None
    assert noise_floor(np.zeros(250), 0.0, 1000).ratio is None


def test_residuals_of_a_classifier_are_its_softmax_less_the_labels() -> None:
    rng = np.random.default_rng(0)
    scores, labels = rng.standard_normal((6, 4)), np.array([0, 1, 2, 3, 0, 1])
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(residuals(scores, labels), shares - np.eye(4)[labels])
    np.testing.assert_allclose(residuals(scores + 1e4, np.eye(4)[labels]), shares - np.eye(4)[labels])
    assert np.isfinite(residuals(np.array([[1e300, -1e300]]), [0])).all()


def test_many_classes_are_sketched_by_one_matrix() -> None:
    rng = np.random.default_rng(0)
    scores, labels = 3 * rng.standard_normal((40, 300)), rng.integers(0, 300, 40)
    whole = residuals(scores, labels, sketch=300)
    some = residuals(scores, labels, sketch=16, seed=5)
    assert some.shape == (40, 16)
    np.testing.assert_allclose(some[7:9], residuals(scores[7:9], labels[7:9], seed=5))
    assert not np.allclose(some, residuals(scores, labels, seed=6))
    products = [residuals(scores, labels, seed=seed) for seed in range(400)]
    mean = np.mean([part @ part.T for part in products], axis=0)
    np.testing.assert_allclose(np.diag(mean), (whole**2).sum(axis=1), rtol=0.15)


class Tensor:
    """Looks like a tensor on a device, with a gradient."""

    def __init__(self, values: Array, steps: tuple[str, ...] = ()) -> None:
        self.values, self.steps = values, steps

    def detach(self) -> Tensor:
        return Tensor(self.values, (*self.steps, "detach"))

    def cpu(self) -> Tensor:
        return Tensor(self.values, (*self.steps, "cpu"))

    def __array__(self, dtype: object = None, copy: object = None) -> Array:
        if self.steps != ("detach", "cpu"):
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
        return self.values


def test_a_tensor_is_detached_and_brought_to_the_cpu() -> None:
    scores = np.array([[1.0, 2.0], [0.0, -1.0]])
    np.testing.assert_array_equal(
        residuals(Tensor(scores), Tensor(np.array([1, 0]))), residuals(scores, np.array([1, 0]))
    )


@pytest.mark.parametrize(
    ("scores", "labels", "told"),
    [
        (np.zeros(3), [0, 1, 2], "logits of shape"),
        (np.zeros((3, 2)), [0, 1], "labels of shape"),
        (np.zeros((3, 2)), [0, 1, 2], "row 2 has class 2, expected 0 to 1"),
        (np.zeros((3, 2)), [0.0, 1.0, 1.0], "labels of shape"),
        (np.array([[np.inf, 0.0]]), [0], "row 0 is not finite"),
        (object(), [0], "logits of shape"),
    ],
)
def test_what_are_no_logits_or_labels_is_refused(scores: Array, labels: list[float], told: str) -> None:
    with pytest.raises(InputError, match=told):
        residuals(scores, np.array(labels))
