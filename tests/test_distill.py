"""Learning curves under teachers: exact where theory is exact, labels read off curves, verdicts, what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from specaudit import api
from specaudit.errors import ConfigError, InputError
from specaudit.experiments.distill import (
    MORE,
    WAYS,
    Lesson,
    distillation,
    equal_labels,
    judge,
    sizes_of,
    unlike,
)
from specaudit.experiments.learners import NetworkLearner, Problem, RidgeLearner, operator_of, relative_error
from specaudit.experiments.network import Network
from specaudit.experiments.slopes import Estimate
from specaudit.experiments.tail import LocalTail
from specaudit.experiments.targets import ProcessTarget
from specaudit.kernels import choose_kernel


def circle(n, seed=0):
    angle = np.random.default_rng(seed).uniform(0, 2 * np.pi, n)
    return np.c_[np.cos(angle), np.sin(angle)]


def problem_of(rows, network=None):
    kernel = choose_kernel("laplace", rows)
    operator = operator_of(kernel, rows)
    ridge = RidgeLearner(matrix=operator.matrix, ridge=1e-6)
    return Problem(
        rows=rows,
        matrix=operator.matrix,
        kernel=kernel,
        target=ProcessTarget.of(operator, 2.0),
        outputs=4,
        learner=ridge if network is None else NetworkLearner(rows=rows, network=network),
        seed=0,
    )


@pytest.fixture(scope="module")
def small():
    return problem_of(circle(900))


@pytest.fixture(scope="module")
def found(small):
    return distillation(small, runs=4)


def curve(found, name):
    return next(one for one in found.curves if one.way.id == name)


def test_a_teacher_like_the_student_changes_nothing(found):
    """Fitted to the student's own rows it is the student: the curve and its worth are the same to rounding."""
    np.testing.assert_allclose(curve(found, "updated").losses, curve(found, "true").losses, rtol=1e-9)
    np.testing.assert_allclose(curve(found, "updated").worth, [found.sizes] * 4, rtol=1e-6)
    assert curve(found, "updated").growth.value == pytest.approx(1.0)
    assert abs(curve(found, "updated").difference.value) < 1e-9


def test_further_true_labels_are_worth_their_number(found):
    more = curve(found, "more")
    assert more.worth[:, -1] == pytest.approx(3 * found.sizes[-1])
    np.testing.assert_allclose(more.worth.mean(axis=0) / found.sizes, 3, rtol=0.35)


def test_a_frozen_teacher_that_has_seen_little_flattens_the_curve(found):
    assert curve(found, "frozen-small").difference.low > 0.05
    assert curve(found, "frozen-small").growth.high < 0.9
    assert curve(found, "frozen-small").verdict == "moved"


def test_a_student_learns_true_labels_and_those_of_its_teacher(small):
    """Against training by hand, for the mean of unlike frozen models."""
    way = next(way for way in WAYS if way.id == "mixed")
    peers, largest = unlike(small), 60
    lesson = Lesson.of(small, peers, largest, 2, 1)
    parts, values = small.split(1), small.values(1)
    own, further = parts.pool[:30], parts.pool[largest : largest + 60]
    theirs = parts.pool[3 * largest : 4 * largest]
    labelled = values.copy()
    labelled[further] = np.mean([peer(theirs, values, further, 1) for peer in peers], axis=0)
    predictions = small.learner(np.concatenate([own, further]), labelled, parts.test, 1)
    assert lesson.loss(way, 30) == pytest.approx(relative_error(predictions, values[parts.test]), rel=1e-9)
    assert lesson.loss(MORE, 60) == pytest.approx(lesson.alone(180), rel=1e-9)


def test_curves_are_the_same_on_any_number_of_threads(small):
    one, two = (distillation(small, runs=2, added=1, threads=threads) for threads in (1, 2))
    for a, b in zip(one.curves, two.curves, strict=True):
        np.testing.assert_array_equal(a.losses, b.losses)


def test_teachers_of_networks_are_networks_of_other_widths_and_a_kernel():
    problem = problem_of(circle(100), Network(hidden=8, steps=3))
    *networks, ridge = unlike(problem)
    assert [one.network.hidden for one in networks] == [2, 8, 16]
    assert {one.network.steps for one in networks} == {3}
    assert isinstance(ridge, RidgeLearner)


def test_labels_are_read_off_a_power_curve_and_not_beyond_it():
    sizes = np.array([10.0, 20.0, 40.0, 80.0])
    curves = np.array([3 * sizes**-0.5, sizes**-1.0])
    worth = equal_labels(sizes, curves, np.array([[3 * 31**-0.5, 3.0], [1 / 55, 1 / 81]]))
    np.testing.assert_allclose(worth, [[31, np.nan], [55, np.nan]])


def of(value, half):
    return Estimate(value=value, low=value - half, high=value + half, runs=5)


FALLS, STEEP = of(-0.5, 0.1), LocalTail(value=2.0, low=1.8, high=2.2, window=(2.0, 20.0))
SLOW = LocalTail(value=0.9, low=0.8, high=1.0, window=(2.0, 20.0))
BARELY = LocalTail(value=1.1, low=0.9, high=1.3, window=(2.0, 20.0))


@pytest.mark.parametrize(
    ("growth", "base", "tail", "verdict"),
    [
        (of(1.0, 0.05), FALLS, STEEP, "not-moved"),
        (of(1.3, 0.1), FALLS, STEEP, "moved"),
        (of(0.7, 0.1), FALLS, STEEP, "moved"),
        (of(1.05, 0.03), FALLS, STEEP, "not-moved"),
        (of(1.08, 0.04), FALLS, STEEP, "inconclusive"),
        (of(1.0, 0.3), FALLS, STEEP, "inconclusive"),
        (of(1.3, 0.1), FALLS, SLOW, "not-applicable"),
        (of(1.0, 0.05), FALLS, SLOW, "not-applicable"),
        (None, FALLS, SLOW, "not-applicable"),
        (of(1.0, 0.05), FALLS, None, "inconclusive"),
        (of(1.0, 0.05), FALLS, BARELY, "inconclusive"),
        (of(1.3, 0.1), FALLS, None, "inconclusive"),
        (of(0.7, 0.1), FALLS, BARELY, "inconclusive"),
        (of(1.3, 0.1), of(-0.1, 0.2), STEEP, "inconclusive"),
        (None, FALLS, STEEP, "inconclusive"),
        (Estimate(value=1.0, low=None, high=None, runs=1), FALLS, STEEP, "inconclusive"),
    ],
)
def test_verdicts(growth, base, tail, verdict):
    assert judge(growth, base, tail)[0] == verdict


def test_sizes_at_which_the_student_is_worse_than_nothing_are_not_judged(small, monkeypatch):
    """Nor where the student of a teacher is: what is left is less than a decade."""

    def verdicts(true, taught):
        monkeypatch.setattr(Lesson, "alone", lambda self, size: true * (size / 45) ** -1.0)
        monkeypatch.setattr(Lesson, "loss", lambda self, way, size: taught * (size / 45) ** -1.0)
        found = distillation(small, runs=2)
        assert found.sizes == (11, 22, 45, 90, 180)
        return {one.verdict for one in found.curves[1:]}, found.curves[1].growth

    assert verdicts(0.24, 0.12)[1].value == pytest.approx(1.0)
    assert verdicts(0.26, 0.12) == ({"inconclusive"}, None)  # at the smallest size alone
    assert verdicts(1.5, 0.2) == ({"inconclusive"}, None)


def test_the_summary_has_the_interval_of_the_slope():
    found = api.distillation(api.Task(circle(620), seeds=2, source_exponent=2.0), added=1)
    slope = found.measure("true", "slope")
    assert f"loss ∝ n^{slope.value:.2f} [{slope.low:.2f}, {slope.high:.2f}]." in found.summary


def test_sizes_leave_rows_for_teachers():
    assert sizes_of(800, 2) == (12, 25, 50, 100, 200)
    with pytest.raises(InputError, match="rows to train on give"):
        sizes_of(500, 2)


def test_the_document_is_marked_as_exploratory():
    found = api.distillation(api.Task(circle(900), seeds=2, source_exponent=2.0))
    assert found.exploratory
    assert "(exploratory)" in found.summary
    assert [arm.id for arm in found.arms] == ["true", *(way.id for way in WAYS)]
    assert found.measure("updated", "growth").value == pytest.approx(1.0)
    assert found.measure("more", "worth").value == pytest.approx(3.0)


@pytest.mark.parametrize("added", [0, 21])
def test_other_numbers_of_further_rows_are_refused(added):
    with pytest.raises(ConfigError, match="--added: expected 1 to 20"):
        api.distillation(circle(300), added=added)


def test_too_few_rows_are_refused():
    with pytest.raises(InputError, match="true labels, beside those of teachers"):
        api.distillation(circle(200))
