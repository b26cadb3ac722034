"""The span experiment: own labels change nothing, spans by least squares, equal steps, verdicts, what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from specaudit import api
from specaudit.budget import experiment_memory
from specaudit.errors import BudgetError, ConfigError, InputError
from specaudit.experiments.generator import Generator, mixture
from specaudit.experiments.learners import NetworkLearner, Problem, RidgeLearner, operator_of
from specaudit.experiments.network import Network
from specaudit.experiments.ridge import predicted
from specaudit.experiments.shares import share
from specaudit.experiments.slopes import Estimate, estimated
from specaudit.experiments.span_verdicts import findings, judge
from specaudit.experiments.spans import Modes, energies, errors
from specaudit.experiments.synthetic_rows import SpanTask, Teacher, scene_of
from specaudit.experiments.synthetic_span import FRESH, SELF, TAUGHT, one_run, synthetic_span, teacher_sizes
from specaudit.experiments.targets import Labels, ProcessTarget
from specaudit.kernels import choose_kernel, kernel_values

VOLUMES = (0.0, 1.0, 3.0)


def sphere(n, seed=0):
    x = np.random.default_rng(seed).standard_normal((n, 3))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def problem_of(rows, *, labels=None, kernel="laplace", ridge=1e-6, network=None):
    chosen = choose_kernel(kernel, rows)
    operator = operator_of(chosen, rows)
    learner = RidgeLearner(matrix=operator.matrix, ridge=ridge)
    return Problem(
        rows=rows,
        matrix=operator.matrix,
        kernel=chosen,
        target=ProcessTarget.of(operator, 2.0) if labels is None else labels,
        outputs=8,
        learner=learner if network is None else NetworkLearner(rows=rows, network=network),
        seed=0,
    )


@pytest.fixture(scope="module")
def by_modes():
    return SpanTask(problem=problem_of(sphere(320)), teacher=Teacher(modes=8), volumes=VOLUMES)


def octants(rows):
    return Labels.of([str(code) for code in (rows > 0) @ [1, 2, 4]])


@pytest.fixture(scope="module")
def by_classes():
    rows = sphere(480)
    problem = problem_of(rows, labels=octants(rows), ridge=1e-3)
    return SpanTask(problem=problem, teacher=Teacher(classes=(0, 1, 2, 3)), volumes=VOLUMES)


@pytest.mark.parametrize(("kernel", "ridge"), [("laplace", 1e-6), ("laplace", 0.3), ("matern32", 1e-8)])
def test_a_student_of_its_own_labels_stays_as_it_is_at_every_ridge(kernel, ridge):
    task = SpanTask(
        problem=problem_of(sphere(240), kernel=kernel, ridge=ridge), teacher=Teacher(modes=5), volumes=VOLUMES
    )
    found = one_run(scene_of(task, 0))
    assert found.drift < 1e-6
    np.testing.assert_allclose(found.errors[SELF.id], found.errors[SELF.id][:1].repeat(3, axis=0), atol=1e-6)
    moved = found.errors[TAUGHT.id][-1] - found.errors[TAUGHT.id][0]
    assert np.abs(moved).max() > 1e-3  # the labels of another do change it


def test_what_a_teacher_says_is_the_truncated_expansion_of_the_interpolant(by_modes):
    scene = scene_of(by_modes, 0)
    real, at = scene.rows.real, scene.rows.test
    matrix = scene.matrix[np.ix_(real, real)].astype(float)
    u, s, _ = np.linalg.svd(matrix)
    weights = sum(np.outer(u[:, k], u[:, k]) / s[k] for k in range(8)) @ scene.values[real]
    np.testing.assert_allclose(scene.taught(at), scene.matrix[np.ix_(at, real)] @ weights, atol=1e-8)


def test_a_teacher_of_all_modes_is_the_interpolant():
    rows = sphere(80)
    kernel = choose_kernel("laplace", rows)
    matrix, across = kernel_values(kernel, rows[:60], rows[:60]), kernel_values(kernel, rows[60:], rows[:60])
    y = rows[:60, :2]
    modes = Modes.of(matrix)
    expected = predicted(matrix, across, y, ridge=1e-12)
    np.testing.assert_allclose(modes.taught(y, across, modes.count), expected, atol=1e-5)


def test_errors_inside_and_outside_a_span_are_those_of_least_squares(by_modes):
    """Brute force: fit what the teacher can say of the held-out rows to the values, output by output."""
    scene = scene_of(by_modes, 0)
    real, test = scene.rows.real, scene.rows.test
    features = scene.matrix[np.ix_(test, real)] @ scene.modes.vectors[:, :8]
    truth = scene.values[test]
    predictions = scene.learned(real, scene.values, test)

    def parts(values):
        fitted = [features @ np.linalg.lstsq(features, column, rcond=None)[0] for column in values.T]
        inside = np.transpose(fitted)
        return ((values - inside) ** 2).sum(), (inside**2).sum()

    (out, within), (far, near) = parts(predictions - truth), parts(truth)
    np.testing.assert_allclose(scene.error(predictions), (out / far, within / near), rtol=1e-8)
    assert sum(energies(truth, scene.span(8))) == pytest.approx((truth**2).sum())


def test_outside_its_span_a_teacher_says_nothing(by_modes):
    scene = scene_of(by_modes, 1)
    outside, inside = scene.error(scene.taught(scene.rows.test))
    assert outside == pytest.approx(1.0, abs=1e-9)
    assert inside < 0.5
    assert errors(scene.values[scene.rows.test], scene.values[scene.rows.test], scene.span(8)) == (0.0, 0.0)


def test_fresh_rows_teach_what_is_outside_and_a_teacher_does_not(by_modes):
    found = synthetic_span(by_modes, runs=4)
    real, taught = found.gain(FRESH.id)[:, 0], found.gain(TAUGHT.id)[:, 0]
    assert (real > 0.1).all()
    assert (taught < 0.02).all()
    verdicts = {one.source: one.verdict for one in findings(found)}
    assert verdicts[SELF.id] == "no-change"
    assert verdicts[TAUGHT.id] == "hurts"
    assert verdicts["true-generated"] == "helps"


def test_runs_are_the_same_on_any_number_of_threads(by_modes):
    one, two = (synthetic_span(by_modes, runs=2, threads=threads) for threads in (1, 2))
    for source in one.sources:
        np.testing.assert_array_equal(one.errors(source.id), two.errors(source.id))


def test_the_rows_of_a_run_are_apart_and_as_many_as_said(by_modes):
    scene, problem = scene_of(by_modes, 0), by_modes.problem
    rows = scene.rows
    real = by_modes.count()
    assert real == int(256 / 4)
    assert [len(part) for part in (rows.real, rows.fresh, rows.test, rows.made)] == [real, 3 * real, 64, 3 * real]
    everyone = np.concatenate([rows.real, rows.fresh, rows.test, rows.made])
    assert np.array_equal(np.sort(everyone), np.arange(len(scene.values)))
    np.testing.assert_array_equal(rows.known, rows.real)
    parts = problem.split(0)
    np.testing.assert_allclose(
        scene.matrix[np.ix_(rows.real, rows.test)],
        problem.matrix[np.ix_(parts.pool[:real], parts.test)],
        atol=1e-5,
    )


def test_a_teacher_of_classes_has_seen_and_says_no_others(by_classes):
    scene = scene_of(by_classes, 0)
    rows, codes = scene.rows, scene.values.argmax(axis=1)
    assert set(codes[rows.known]) == {0, 1, 2, 3}
    rare = np.isin(codes[rows.real], (4, 5, 6, 7)).sum()
    assert rare == len(rows.real) - len(rows.known) == round(len(rows.real) / 9)
    assert set(scene.taught(rows.fresh).argmax(axis=1)) <= {0, 1, 2, 3}
    assert set(codes[rows.fresh]) == set(range(8))
    outside, inside = scene.error(scene.values[rows.test])
    assert (outside, inside) == (0.0, 0.0)
    assert scene.error(scene.taught(rows.test))[0] == 1.0


def test_labels_have_no_truth_at_generated_rows(by_classes):
    found = one_run(scene_of(by_classes, 0))
    assert set(found.errors) == {"self", "teacher-generated", "teacher-fresh", "fresh"}
    assert found.sizes == ()
    assert found.epochs is None


def test_every_arm_of_a_network_takes_the_same_number_of_steps(monkeypatch):
    """Counted by the optimiser itself; only the arm of equal epochs takes fewer, and says so."""
    rows = sphere(160)
    problem = problem_of(rows, labels=octants(rows), network=Network(hidden=4, steps=12))
    task = SpanTask(problem=problem, teacher=Teacher(classes=(0, 1, 2, 3)), volumes=VOLUMES)
    train, taken = Network.predicted, []

    def counted(self, *arguments, **named):
        steps = []
        found = train(self, *arguments, **named, on_step=steps.append)
        taken.append((len(arguments[0]), steps[-1]))
        return found

    monkeypatch.setattr(Network, "predicted", counted)
    found = one_run(scene_of(task, 0))
    assert found.epochs is not None
    real = task.count()
    fewer = [trained for trained in taken if trained[1] != 12]
    assert fewer == [(real, 3)]
    assert {count for count, _ in taken} >= {real, 2 * real, 4 * real}
    assert "repeated" in found.errors


def test_generated_rows_are_like_the_real_ones():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((300, 30)) * np.linspace(3, 0.2, 30) + 5 * rng.integers(0, 2, (300, 1)) + 1
    made = Generator.fitted(rows, seed=0).draw(20000, seed=1)
    np.testing.assert_allclose(made.mean(axis=0), rows.mean(axis=0), atol=0.15)
    np.testing.assert_allclose(np.cov(made.T).trace(), np.cov(rows.T).trace(), rtol=0.05)
    flat = Generator.fitted(rows, seed=0, noise=False, leading=4).draw(50, seed=1)
    assert np.linalg.matrix_rank(flat - flat.mean(axis=0), tol=1e-8) == 4
    np.testing.assert_array_equal(made, Generator.fitted(rows, seed=0).draw(20000, seed=1))


def test_a_mixture_finds_gaussians_that_are_apart():
    rng = np.random.default_rng(1)
    rows = np.concatenate([rng.normal([-9, 0], [1.0, 0.5], (300, 2)), rng.normal([9, 4], [0.5, 2.0], (100, 2))])
    weights, centres, variances = mixture(rows, 2, seed=0)
    order = np.argsort(centres[:, 0])
    np.testing.assert_allclose(weights[order], [0.75, 0.25], atol=1e-6)
    np.testing.assert_allclose(centres[order], [rows[:300].mean(axis=0), rows[300:].mean(axis=0)], atol=1e-6)
    np.testing.assert_allclose(variances[order], [rows[:300].var(axis=0), rows[300:].var(axis=0)], rtol=1e-3)


def test_a_share_has_the_interval_of_all_ratios_that_a_paired_test_keeps():
    rng = np.random.default_rng(2)
    whole = 1 + 0.2 * rng.standard_normal(7)
    part = 0.3 * whole + 0.1 * rng.standard_normal(7)
    found = share(part, whole)
    for end in (found.low, found.high):
        assert ttest_1samp(part - end * whole, 0.0).pvalue == pytest.approx(0.05, abs=1e-9)
    assert found.value == pytest.approx(part.mean() / whole.mean())
    assert found.low < found.value < found.high
    wider = share(part, whole, 0.25)
    assert wider.low < found.low
    assert wider.high > found.high


def test_a_share_of_a_constant_has_the_interval_of_a_mean():
    part = np.array([0.2, 0.5, 0.3, 0.1])
    found, expected = share(part, np.full(4, 2.0), 0.25), estimated(part / 2, 0.25)
    assert [found.low, found.high] == pytest.approx([expected.low, expected.high])


def test_there_is_no_share_of_a_gain_that_is_not_told_from_none():
    assert share(np.array([1.0, 2.0, 3.0]), np.array([-1.0, 1.0, 0.5])) is None
    assert share(np.array([1.0]), np.array([1.0])) is None


def of(value, half):
    return Estimate(value=value, low=value - half, high=value + half, runs=5)


BEST = np.array([[1.0, 0.5], [1.1, 0.5], [0.9, 0.6], [1.0, 0.5]])


@pytest.mark.parametrize(
    ("outside", "inside", "best", "verdict"),
    [
        (of(0.3, 0.1), of(0.3, 0.1), BEST, "helps"),
        (of(-0.3, 0.1), of(0.3, 0.1), BEST, "hurts"),
        (of(0.0, 0.03), of(0.3, 0.1), BEST, "in-span-only"),
        (of(0.0, 0.03), of(0.0, 0.1), BEST, "no-change"),
        (of(0.1, 0.2), of(0.3, 0.1), BEST, "inconclusive"),
        (of(0.3, 0.1), of(0.3, 0.1), -BEST, "not-applicable"),
        (of(0.3, 0.1), of(0.3, 0.1), BEST - [[1, 0], [0, 0], [2, 0], [0.5, 0]], "inconclusive"),
        (Estimate(value=0.3, low=None, high=None, runs=1), of(0.3, 0.1), BEST[:1], "inconclusive"),
    ],
)
def test_verdicts(outside, inside, best, verdict):
    found, reason = judge(0.8, outside, inside, best, 0.0)
    assert found == verdict
    assert reason


def test_a_student_that_is_worse_than_nothing_is_not_taught_by_what_quiets_it():
    found, reason = judge(4.6, of(2.4, 0.1), of(0.3, 0.1), BEST, 0.0)
    assert found == "not-applicable"
    assert "an error of 4.6 outside" in reason


def test_teachers_of_several_sizes_leave_something_out(by_modes):
    assert teacher_sizes(30, 99) == (4, 8, 15, 30, 60)
    assert teacher_sizes(1, 4) == (1, 2, 4)
    assert one_run(scene_of(by_modes, 0)).sizes == (1, 2, 4, 8, 16, 32)  # of 64 rows held out


def test_a_default_teacher_leaves_half_of_the_held_out_rows():
    found = api.synthetic_span(api.Task(sphere(204), seeds=1, threads=1), volumes=[0.1], real=140)
    assert {setting.name: setting.value for setting in found.settings}["teacher"].startswith("knows the 20 leading")


def test_the_memory_of_generated_rows_is_asked_for_before_any_work(monkeypatch):
    def decomposed(*arguments, **named):
        raise AssertionError("the kernel matrix was made first")

    monkeypatch.setattr("specaudit.api.experimenting.operator_of", decomposed)
    rows, alone = sphere(1000), experiment_memory(1000, 1000, 3, 1)
    with pytest.raises(BudgetError, match="the run needs about"):
        api.synthetic_span(api.Task(rows, threads=1, max_memory=alone + 2**20))
    with pytest.raises(AssertionError):  # the same memory does for what has no generated rows
        api.distillation(api.Task(rows, threads=1, max_memory=alone + 2**20))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"teacher": Teacher(modes=64)}, "a teacher of 64 modes"),
        ({"teacher": Teacher(modes=33)}, "64 rows are held out"),
        ({"teacher": Teacher(modes=0)}, "a teacher of 0 modes"),
        ({"real": 65}, "expected 65 or more"),
        ({"real": 5}, "expected 20 or more"),
        ({"volumes": (0.0, 50.0)}, "5 real ones beside 50 times"),
    ],
)
def test_what_leaves_nothing_to_tell_is_refused(by_modes, change, told):
    with pytest.raises(InputError) as refused:
        scene_of(replace(by_modes, **change), 0)
    assert told in str(refused.value)
    assert refused.value.next_step


@pytest.mark.parametrize(("rare", "real"), [(40, 80), (5, 20)])
def test_a_teacher_of_classes_without_enough_rows_is_refused(rare, real):
    """Fewer than the student is to have of them, or so few that it would have next to none."""
    rows = sphere(400)
    labels = Labels.of(["rare" if number < rare else "common" for number in range(len(rows))])
    task = SpanTask(
        problem=problem_of(rows, labels=labels), teacher=Teacher(classes=(1,)), volumes=VOLUMES, real=real
    )
    with pytest.raises(InputError, match="of the classes that the teacher knows"):
        scene_of(task, 0)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"teacher_modes": 3, "teacher_classes": ["0"]}, "two kinds of teacher"),
        ({"teacher_classes": ["0"]}, "needs a target of labels"),
        ({"volumes": []}, "--volumes: expected numbers from 0.1 to 100, got none"),
        ({"volumes": [1, -2]}, "got -2, 1"),
        ({"volumes": [float("nan")]}, "got nan"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(options, told):
    with pytest.raises(ConfigError, match=told):
        api.synthetic_span(sphere(200), **options)


@pytest.mark.parametrize(
    ("classes", "told"), [(["0", "9"], "no row has the label '9'"), (list("01234567"), "knows every class")]
)
def test_classes_that_no_teacher_can_know_are_refused(classes, told):
    rows = sphere(300)
    labels = [str(code) for code in (rows > 0) @ [1, 2, 4]]
    with pytest.raises((ConfigError, InputError), match=told):
        api.synthetic_span(api.Task(rows, labels=labels), teacher_classes=classes)


def test_the_document_has_every_arm():
    rows = sphere(300)
    labels = [str(code) for code in (rows > 0) @ [1, 2, 4]]
    task = api.Task(rows, labels=labels, model="mlp", hidden=4, steps=30, seeds=2)
    found = api.synthetic_span(task, teacher_classes=list("0123"), volumes=[1, 4])
    arms = {arm.id for arm in found.arms}
    assert arms == {
        "real",
        "self",
        "teacher-generated",
        "teacher-fresh",
        "repeated",
        "fresh",
        "equal-epochs",
        "teacher",
    }
    assert found.measure("real", "outside").value == pytest.approx(
        found.measure("repeated", "outside").value + found.measure("repeated", "outside-gain").value
    )
    assert next(arm.note for arm in found.arms if arm.id == "equal-epochs").startswith("real rows alone for 6 steps")
    assert {one.arm for one in found.verdicts} == arms - {"real", "fresh", "equal-epochs", "teacher"}
    assert {panel.id for panel in found.panels} == {"outside", "inside"}
    assert found.measure("self", "drift").runs == 2
