"""Static limits: learning curves against brute force, prunings by one rule, and verdicts on constructed curves."""

from __future__ import annotations

import numpy as np
import pytest

from specaudit import api
from specaudit.errors import ConfigError, InputError
from specaudit.experiments.learners import NetworkLearner, Problem, RidgeLearner
from specaudit.experiments.network import Network
from specaudit.experiments.prunings import Pruning, keep_orders, kept_rows, pool_of
from specaudit.experiments.saturation import losses_by_size, model_sizes, saturation
from specaudit.experiments.slopes import Estimate
from specaudit.experiments.static_limit import kept_by_arm, pool_sizes, static_limit
from specaudit.experiments.static_verdict import equal_loss, judge
from specaudit.experiments.tail import LocalTail, law_of
from specaudit.experiments.targets import ProcessTarget
from specaudit.kernels import choose_kernel
from specaudit.operators import dense_operator

HARD, SOFT = Pruning(method="prototypes", keep=0.5), Pruning(method="prototypes", keep=0.5, soft=True)
RANDOM = Pruning(method="random", keep=0.5)


def circle(n, seed=0):
    angle = np.random.default_rng(seed).uniform(0, 2 * np.pi, n)
    return np.c_[np.cos(angle), np.sin(angle)]


def problem_of(rows, *, source=2.0, outputs=4, seed=0):
    kernel = choose_kernel("laplace", rows)
    operator = dense_operator(kernel, rows)
    return Problem(
        rows=rows,
        matrix=operator.matrix,
        kernel=kernel,
        target=ProcessTarget.of(operator, source),
        outputs=outputs,
        learner=RidgeLearner(matrix=operator.matrix, ridge=1e-6),
        seed=seed,
    )


@pytest.fixture(scope="module")
def small():
    return problem_of(circle(240))


@pytest.mark.parametrize("keep", [0.5, 0.2])
def test_a_hard_pruning_keeps_the_first_rows_of_the_method(keep):
    order = np.random.default_rng(0).permutation(100)
    kept = kept_rows(Pruning(method="x", keep=keep), order, seed=0)
    assert sorted(order[: round(100 * keep)]) == kept.tolist()


@pytest.mark.parametrize("keep", [0.5, 0.2])
def test_a_soft_pruning_keeps_rows_as_often_as_their_bounded_weights_say(keep):
    order, cap, draws = np.random.default_rng(0).permutation(60), 1 / keep, 4000
    soft = Pruning(method="x", keep=keep, soft=True)
    counts = np.zeros(60)
    for seed in range(draws):
        kept = kept_rows(soft, order, seed=seed)
        assert len(kept) in (round(60 * keep), round(60 * keep) + 1, round(60 * keep) - 1)
        counts[kept] += 1
    rank = np.arange(60) / 60
    weights = 60 * ((1 - rank) ** cap - (1 - rank - 1 / 60) ** cap)
    np.testing.assert_allclose(counts[order] / draws, weights / cap, atol=4 * 0.5 / draws**0.5)


def test_one_rule_holds_at_every_size(small):
    pool = small.split(0).pool
    kept = kept_by_arm(small, [HARD, SOFT, RANDOM], pool, run=0)
    order = keep_orders(("prototypes",), pool_of(small.rows[pool], small.kernel, seed=0))["prototypes"]
    assert (kept[0] == pool).all()
    assert set(kept[1]) == set(pool[order[: len(pool) // 2]])
    for rows in kept[1:]:
        places = [int(np.flatnonzero(pool == row)[0]) for row in rows]
        assert places == sorted(places)  # in the pool's random order, so that smaller sizes are nested


def test_losses_are_those_of_brute_force(small):
    arms = [RANDOM, HARD, SOFT]
    found = static_limit(small, arms, runs=2, sizes=(40, 96, 192), threads=2)
    for run in range(2):
        parts, values = small.split(run), small.values(run)
        assert not set(parts.pool) & set(parts.test)
        for arm, rows in zip(found.arms, kept_by_arm(small, arms, parts.pool, run=run), strict=True):
            for size, count, loss in zip(found.sizes, arm.rows, arm.losses[run], strict=True):
                assert count == (size if arm.pruning is None else size // 2)
                used = rows[:count]
                k = small.matrix[used][:, used].astype(float)
                inside = np.linalg.solve(k + 1e-6 * np.eye(count), values[used])
                missed = small.matrix[parts.test][:, used] @ inside - values[parts.test]
                assert loss == pytest.approx((missed**2).sum() / (values[parts.test] ** 2).sum(), rel=1e-6)


def test_slopes_and_differences_are_of_the_same_run(small):
    found = static_limit(small, [RANDOM, HARD], runs=3, sizes=(24, 48, 96, 192))
    x = np.log(found.sizes)
    by_run = np.array([[np.polyfit(x, np.log(losses), 1)[0] for losses in arm.losses] for arm in found.arms])
    for arm, slopes in zip(found.arms, by_run, strict=True):
        assert arm.slope.value == pytest.approx(slopes.mean())
        assert arm.slope.runs == 3
    assert found.arms[2].difference.value == pytest.approx((by_run[2] - by_run[0]).mean())
    assert found.arms[2].beside_random.value == pytest.approx((by_run[2] - by_run[1]).mean())
    assert found.arms[1].beside_random is None


def test_progress_is_told_while_rows_are_chosen(small, monkeypatch):
    told, trained = [], []
    monkeypatch.setattr(Problem, "loss", lambda *arguments: trained.append(len(told)) or 0.5)
    static_limit(small, [HARD], runs=2, sizes=(96, 192), progress=told.append)
    assert trained[0] == 2  # once for each run's prunings
    assert told == sorted(told)
    assert 0 < told[0] < told[1] < told[-1] == 1


@pytest.mark.parametrize(
    ("source", "b", "law"), [(1.5, 2.0, -0.5), (5.0, 2.0, -4.0), (5.1, 2.0, None), (1.5, 1.0, None)]
)
def test_there_is_a_law_as_long_as_the_ridge_does_not_saturate(source, b, law):
    assert law_of(source, LocalTail(value=b, low=b, high=b, window=(1.0, 10.0))) == law
    assert law_of(source, None) is None


def test_a_smooth_target_has_no_line_of_theory():
    lines = {}
    for source in (2.0, 8.0):
        task = api.Task(circle(300), source_exponent=source, seeds=2, threads=1)
        found = api.static_limit(task, methods=["outliers"], soft=False)
        lines[source] = [one.label for one in found.curves if one.reference]
        slope = found.measure("none", "slope")
        assert f"unpruned loss ∝ n^{slope.value:.2f} [{slope.low:.2f}, {slope.high:.2f}]" in found.summary
    assert lines == {2.0: ["n^-1"], 8.0: []}


def test_scores_keep_the_highest(small):
    scores = np.random.default_rng(1).standard_normal(240)
    pool = small.split(0).pool
    kept = kept_by_arm(small, [Pruning(method="scores", keep=0.25)], pool, run=0, scores=scores)[1]
    assert set(kept) == set(pool[np.argsort(-scores[pool])[:48]])


def test_sizes_are_halves_as_long_as_ten_rows_are_kept():
    assert pool_sizes(1600, [HARD]) == (100, 200, 400, 800, 1600)
    assert pool_sizes(200, [HARD, Pruning(method="x", keep=0.2)]) == (50, 100, 200)


STEEP = LocalTail(value=2.0, low=1.9, high=2.1, window=(1.0, 10.0))
SIZES = (100, 200, 400, 800, 1600)


def differs(value, half=0.02):
    return Estimate(value=value, low=value - half, high=value + half, runs=8)


@pytest.mark.parametrize(
    ("difference", "more", "verdict"),
    [
        (differs(0.0), {}, "parallel"),
        (differs(0.07), {}, "parallel"),
        (differs(-0.07), {}, "parallel"),
        (differs(0.09), {}, "inconclusive"),  # surely flatter, but by a tenth or more only maybe
        (differs(0.11), {}, "worse"),
        (differs(-0.11), {}, "steeper"),
        (differs(0.3, 0.31), {}, "inconclusive"),
        (differs(0.3), {"beside": differs(0.2)}, "worse"),
        (differs(0.3), {"beside": differs(0.01)}, "inconclusive"),  # random rows are as flat
        (differs(-0.3), {"beside": differs(-0.01)}, "inconclusive"),
        (differs(0.3), {"beside": differs(-0.2)}, "inconclusive"),
        (differs(0.0), {"beside": differs(0.07)}, "parallel"),
        (differs(0.0), {"beside": differs(0.15)}, "inconclusive"),  # what random rows gain, the rule loses
        (differs(0.3), {"random": True}, "inconclusive"),
        (differs(0.0), {"random": True}, "parallel"),
        (differs(0.0), {"base": differs(0.1)}, "inconclusive"),
        (differs(0.0, 0.0001), {"base": differs(-0.01)}, "inconclusive"),  # nothing is learned, or hardly anything
        (differs(0.3), {"base": differs(-0.01)}, "inconclusive"),
        (differs(0.0), {"sizes": (100, 200, 400)}, "not-applicable"),
        (differs(0.0), {"sizes": (100, 150, 200, 300)}, "not-applicable"),
        (differs(0.0), {"tail": LocalTail(value=1.0, low=0.9, high=1.1, window=(1, 10))}, "not-applicable"),
        (differs(0.5), {"tail": LocalTail(value=0.9, low=0.9, high=1.1, window=(1, 10))}, "not-applicable"),
        (differs(0.0), {"tail": None}, "inconclusive"),
        (differs(0.0), {"tail": LocalTail(value=1.05, low=0.9, high=1.2, window=(1, 10))}, "inconclusive"),
        (differs(0.5), {"tail": None}, "worse"),
        (differs(-0.5), {"tail": None}, "inconclusive"),
        (differs(-0.5), {"tail": LocalTail(value=1.05, low=0.9, high=1.2, window=(1, 10))}, "inconclusive"),
        (Estimate(value=0.0, low=None, high=None, runs=1), {}, "inconclusive"),
    ],
)
def test_the_verdict_on_a_constructed_curve(difference, more, verdict):
    given = {"base": differs(-1.0), "sizes": SIZES, "tail": STEEP, **more}
    found, reason = judge(difference, **given)
    assert found == verdict
    assert f"{difference.value:+.3f}" in reason


def test_the_equal_loss_share_is_read_off_the_unpruned_curve():
    x = np.array(SIZES, float)
    curves = np.array([3 * x**-0.7, 2 * x**-0.7, 2 * x**-0.7])
    found = equal_loss(x, curves[:, -1] * 0.5**-0.7, curves, 0.25)
    assert found.value == pytest.approx(0.5)
    assert found.low == pytest.approx(found.high) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("factors", "value", "low", "high"),
    [
        ((0.5, 1 / 32), None, None, 0.5),  # one is off the small end: at most the other
        ((1 / 32, 1 / 64), None, None, 1 / 16),
        ((1.5, 0.8), None, 0.8, None),
        ((1.5, 1.5), None, 1.0, None),
        ((1.5, 1 / 32), None, None, None),
    ],
)
def test_off_the_unpruned_curve_the_share_is_a_bound_or_nothing(factors, value, low, high):
    x = np.array(SIZES, float)
    curves = np.array([x**-0.5, x**-0.5])
    found = equal_loss(x, curves[:, -1] * np.array(factors) ** -0.5, curves, 0.0)
    assert found.value == value
    assert [found.low, found.high] == [None if end is None else pytest.approx(end) for end in (low, high)]


def test_models_of_few_modes_are_those_of_a_projected_target(small):
    parts, values = small.split(0), small.values(0)
    rows = parts.pool[:60]
    found = losses_by_size(small, rows, values, parts.test, 0, (4, 60))
    assert found[1] == pytest.approx(small.loss(rows, values, parts.test, 0), rel=1e-6)
    vectors = np.linalg.eigh(small.matrix[rows][:, rows].astype(float))[1][:, -4:]
    leading = values.copy()
    leading[rows] = vectors @ (vectors.T @ values[rows])
    predictions = small.learner(rows, leading, parts.test, 0)
    missed = predictions - values[parts.test]
    assert found[0] == pytest.approx((missed**2).sum() / (values[parts.test] ** 2).sum(), rel=1e-5)


def test_a_level_and_an_exponent_over_model_size_are_told_apart():
    sizes = (4, 8, 16, 32)
    base = np.array([1.0, 2.0])[:, None] * np.array(sizes, float) ** -0.5
    level = saturation(sizes, 2 * base, base, 0.25)
    assert level.difference.value == pytest.approx(0.0, abs=1e-12)
    assert level.level.value == pytest.approx(2.0)
    flatter = saturation(sizes, base * np.array(sizes) ** 0.2, base, 0.25)
    assert flatter.difference.value == pytest.approx(0.2)
    assert saturation(sizes, base, None, 0.25).level is None


def test_model_sizes_leave_the_smallest_arm_four_rows_a_mode(small):
    assert model_sizes(small, 640, [0.5, 0.2]) == (4, 8, 16, 32)
    assert model_sizes(small, 100, [0.2]) == ()


def test_networks_of_several_sizes_are_those_of_one_each():
    rows = np.random.default_rng(0).standard_normal((80, 3))
    learner = NetworkLearner(rows=rows, network=Network(hidden=3, steps=20))
    train, test = np.arange(60), np.arange(60, 80)
    several = learner.by_size(train, rows, test, 5, (3, 6))
    np.testing.assert_array_equal(several[0], learner(train, rows, test, 5))
    other = NetworkLearner(rows=rows, network=Network(hidden=6, steps=20))
    np.testing.assert_array_equal(several[1], other(train, rows, test, 5))


def test_on_a_circle_random_rows_are_parallel_and_a_hard_cut_is_worse():
    found = api.static_limit(api.Task(circle(1000), source_exponent=2.0, threads=1), soft=False)
    assert abs(found.measure("random-50", "slope-difference").value) < 0.04
    assert found.verdict("random-50") == "parallel"
    for arm in ("prototypes-50", "outliers-50"):
        assert found.measure(arm, "slope-difference").low > 0.08
        assert found.verdict(arm) == "worse"
    assert found.measure("none", "slope").value == pytest.approx(-1.0, abs=0.1)
    assert found.measure("random-50", "equal-loss-share").value == pytest.approx(0.5, abs=0.05)
    assert found.verdict("none") is None
    note = next(one.note for one in found.quantities if one.id == "equal-loss-share")
    assert "One end alone is no end of a 95 % interval" in note


def test_rows_without_a_tail_are_not_judged():
    rows = np.random.default_rng(0).standard_normal((600, 25))
    found = api.static_limit(api.Task(rows, seeds=2, threads=1), soft=False)
    assert {one.verdict for one in found.verdicts} == {"not-applicable"}
    assert "no faster than 1/k" in found.verdicts[0].reason


def test_neither_the_order_of_the_file_nor_the_threads_change_anything():
    rows = circle(200)
    labels = [f"{x > 0}" for x in rows[:, 0]]
    order = np.random.default_rng(3).permutation(200)
    made = [
        api.static_limit(api.Task(rows, labels=labels, seeds=2, threads=1)),
        api.static_limit(api.Task(rows[order], labels=[labels[row] for row in order], seeds=2, threads=2)),
    ]
    assert made[0].measures == made[1].measures
    assert made[0].data.digest == made[1].data.digest


def test_a_network_learns_too():
    rows = circle(150)
    labels = (rows[:, 0] > 0).astype(int)
    task = api.Task(rows, labels=labels, model="mlp", hidden=8, steps=400, seeds=1, threads=1)
    found = api.static_limit(task, methods=(), sizes=(40, 120))
    assert found.measure("none", "loss").value < 0.5
    assert found.measure("none", "loss").low is None
    assert found.panels[-1].x_label == "hidden units"
    assert {setting.name: setting.value for setting in found.settings}["model"] == (
        "network of 8 hidden units, 400 steps"
    )


@pytest.mark.parametrize(
    ("arguments", "error", "told"),
    [
        ({"methods": ["prototype"]}, ConfigError, "unknown method 'prototype'"),
        ({"methods": ["all"]}, ConfigError, "--method all"),
        ({"methods": ["scores"]}, ConfigError, "needs scores"),
        ({"scores": np.ones(200)}, ConfigError, "--scores has no effect"),
        ({"methods": ["scores"], "scores": np.ones(7)}, InputError, "7 scores for the 200 rows"),
        ({"keep": [1.5]}, ConfigError, "between 0 and 1"),
        ({"keep": []}, ConfigError, "no share"),
        ({"sizes": [100]}, ConfigError, "at least two"),
        ({"sizes": [5, 100]}, InputError, "expected 20 to the 160 rows"),
        ({"sizes": [100, 1000]}, InputError, "expected 20 to the 160 rows"),
        ({"keep": [0.05]}, InputError, "160 rows to train on, of which a share of 0.05 leaves too few"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments, error, told):
    with pytest.raises(error, match=told):
        api.static_limit(api.Task(circle(200), threads=1), **arguments)


def test_copies_with_other_labels_are_told():
    rows = circle(150)
    labels = np.r_[(rows[:, 0] > 0), (rows[:7, 0] > 0), ~(rows[:3, 0] > 0)].astype(int)
    task = api.Task(np.r_[rows, rows[:7], rows[:3]], labels=labels, seeds=1, threads=1)
    found = api.static_limit(task, methods=["outliers"], soft=False, sizes=(40, 120))
    assert [(one.id, one.message.partition(": ")[2][:16]) for one in found.warnings] == [
        ("SPA041", "3 different rows")
    ]


def test_a_process_has_no_energy_where_the_kernel_has_none():
    rows = np.random.default_rng(0).standard_normal((150, 5))
    found = api.static_limit(
        api.Task(rows, kernels=["linear"], seeds=1, threads=1), methods=["outliers"], soft=False, sizes=(40, 120)
    )
    assert "5 modes" in {setting.name: setting.value for setting in found.settings}["target"]
    assert found.measure("none", "loss").value < 1e-4  # five modes, forty rows
