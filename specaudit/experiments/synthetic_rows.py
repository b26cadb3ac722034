"""One run of the span experiment: real, fresh and generated rows, what is true of them, and who labels them how."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from specaudit.dataset import IntArray
from specaudit.errors import InputError
from specaudit.experiments.generator import LEADING, Generator
from specaudit.experiments.learners import Learner, NetworkLearner, Problem, RidgeLearner, operator_of
from specaudit.experiments.spans import Modes, errors
from specaudit.experiments.targets import Labels, ProcessTarget
from specaudit.kernels import FloatArray, RealArray

RARE = 8
"""Of the classes that the teacher does not know the student has one of so many rows."""
FEWEST_KNOWN = 5
"""Real rows that a teacher of classes has seen, at least."""
FEWEST_REAL, MOST_REAL, MOST_TESTED = 20, 100, 400
"""Rows of a run: all of them and the generated ones have one kernel matrix, whose modes a process is drawn in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Teacher:
    """What a teacher knows: so many leading `modes` of the real rows, or else the `classes` of these numbers."""

    modes: int | None = None
    classes: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanTask:
    """A problem and a teacher of it.

    Attributes
    ----------
    problem
        Rows, target and student. A process is drawn anew in each run, over generated rows too.
    volumes
        Added rows in units of the real ones, rising, the first 0.
    real
        Real rows of the student; by default as many as leave fresh ones for the largest volume, at most `MOST_REAL`.
    leading, noise
        Of the generator.
    """

    problem: Problem
    teacher: Teacher
    volumes: tuple[float, ...]
    real: int | None = None
    leading: int = LEADING
    noise: bool = True

    def count(self) -> int:
        """Return how many real rows the student has.

        Raises
        ------
        InputError
            There are too few rows.
        """
        pool = len(self.problem.split(0).pool)
        most = int(pool / (1 + self.volumes[-1]))
        wanted = min(most, MOST_REAL) if self.real is None else self.real
        if not FEWEST_REAL <= wanted <= most:
            raise InputError(
                f"{pool:,} rows to train on give {most:,} real ones beside {self.volumes[-1]:g} times as many fresh "
                f"ones, expected {max(wanted, FEWEST_REAL):,} or more",
                next_step=f"use more rows, smaller --volumes, or --real from {FEWEST_REAL} on",
            )
        return wanted

    @property
    def tested(self) -> int:
        """How many rows are held out."""
        return min(len(self.problem.split(0).test), MOST_TESTED)

    def added(self, volume: float) -> int:
        """Return how many rows a volume is."""
        return round(volume * self.count())


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Who is who among the rows of a run.

    Attributes
    ----------
    real
        The student has these always.
    known
        Those of them that teacher and generator have.
    fresh, made, test
        New rows of the data, generated ones, and those held out.
    """

    real: IntArray = field(repr=False)
    known: IntArray = field(repr=False)
    fresh: IntArray = field(repr=False)
    made: IntArray = field(repr=False)
    test: IntArray = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One run, ready to train in.

    Attributes
    ----------
    matrix
        (n, n) kernel of all rows.
    values
        (n, J) what is true; 0 at generated rows of labelled data, of which nobody knows.
    modes
        Of the real rows.
    student
        What learns; a network for as many steps whatever the rows.
    epochs
        The same with the steps that the real rows alone have at equal epochs.
    seed
        Of the student: the same for all arms, which so are paired.
    """

    task: SpanTask
    rows: Rows
    matrix: RealArray = field(repr=False)
    values: FloatArray = field(repr=False)
    modes: Modes
    student: Learner
    epochs: Learner
    seed: int

    def learned(self, rows: IntArray, values: FloatArray, at: IntArray) -> FloatArray:
        """Return the student's predictions at some rows after training on others."""
        return self.student(rows, values, at, self.seed)

    def taught(self, at: IntArray, modes: int | None = None) -> FloatArray:
        """Return what the teacher says of rows; with `modes` a teacher of so many in its place."""
        rows, teacher = self.rows, self.task.teacher
        count = teacher.modes if modes is None else modes
        if count is not None:
            return self.modes.taught(self.values[rows.real], self.matrix[at][:, rows.real], count)
        known = np.array(teacher.classes)
        said = known[self.learned(rows.known, self.values, at)[:, known].argmax(axis=1)]
        return one_hot(said, self.values.shape[1])

    def span(self, modes: int) -> FloatArray:
        """Return an orthonormal basis (t, modes) of what a teacher of so many modes can say of the held-out rows."""
        return self.modes.span(self.matrix[self.rows.test][:, self.rows.real], modes)

    def error(self, predictions: FloatArray, modes: int | None = None) -> tuple[float, float]:
        """Return the errors of predictions for the held-out rows, outside the teacher's span and inside."""
        truth, teacher = self.values[self.rows.test], self.task.teacher
        count = teacher.modes if modes is None else modes
        if count is not None:
            return errors(predictions, truth, self.span(count))
        true = truth.argmax(axis=1)
        wrong, inside = predictions.argmax(axis=1) != true, np.isin(true, teacher.classes or ())
        return float(wrong[~inside].mean()), float(wrong[inside].mean())


def one_hot(codes: IntArray, classes: int) -> FloatArray:
    """Return (n, C) one-hot values less 1/C, as those of `Labels`."""
    return np.asarray(np.eye(classes)[codes] - 1 / classes)


def scene_of(task: SpanTask, run: int) -> Scene:
    """Return a run, ready to train in.

    Raises
    ------
    InputError
        There are too few rows, or the teacher's modes or classes leave nothing out.
    """
    problem, target = task.problem, task.problem.target
    seeds = [int(state) for state in np.random.SeedSequence([problem.seed, run, 4]).generate_state(4)]
    real, known, fresh, test = _roles(task, run)
    seen = np.concatenate([real, fresh, test])
    generator = Generator.fitted(problem.rows[known], seed=seeds[0], leading=task.leading, noise=task.noise)
    made = generator.draw(task.added(task.volumes[-1]), seed=seeds[1])
    everything = np.vstack([problem.rows[seen], made])
    operator = operator_of(problem.kernel, everything)
    matrix = operator.matrix
    if isinstance(target, Labels):
        values = np.vstack([target.values[seen], np.zeros((len(made), len(target.names)))])
    else:
        values = ProcessTarget.of(operator, target.source).draw(problem.outputs, seed=seeds[2])
    ends = np.cumsum([len(real), len(fresh), len(test), len(made)])
    rows = Rows(
        real=np.arange(ends[0]),
        known=np.flatnonzero(np.isin(real, known)),
        fresh=np.arange(ends[0], ends[1]),
        test=np.arange(ends[1], ends[2]),
        made=np.arange(ends[2], ends[3]),
    )
    modes = Modes.of(matrix[: ends[0], : ends[0]])
    if task.teacher.modes is not None:
        modes.check(task.teacher.modes, len(test))
    return Scene(
        task=task,
        rows=rows,
        matrix=matrix,
        values=values,
        modes=modes,
        student=student_of(problem.learner, everything, matrix),
        epochs=student_of(problem.learner, everything, matrix, epochs=1 + task.volumes[-1]),
        seed=seeds[3],
    )


def student_of(learner: Learner, rows: FloatArray, matrix: RealArray, *, epochs: float = 1.0) -> Learner:
    """Return what learns like `learner` among other rows (n, d); a network for a share 1/epochs of the steps."""
    if isinstance(learner, NetworkLearner):
        network = replace(learner.network, steps=max(1, round(learner.network.steps / epochs)))
        return replace(learner, rows=rows, network=network)
    assert isinstance(learner, RidgeLearner)
    return replace(learner, matrix=matrix)


def _roles(task: SpanTask, run: int) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Return the real rows, those that the teacher knows, fresh ones and held-out ones, as numbers of the data."""
    parts, target, classes = task.problem.split(run), task.problem.target, task.teacher.classes
    pool, test, count, more = parts.pool, parts.test[:MOST_TESTED], task.count(), task.added(task.volumes[-1])
    if classes is None:
        return pool[:count], pool[:count], pool[count : count + more], test
    assert isinstance(target, Labels)
    known = np.isin(target.codes[pool], classes)
    rare = max(1, round(count * (~known).sum() / ((~known).sum() + RARE * known.sum())))
    both = {bool(inside) for inside in np.isin(target.codes[test], classes)}
    if not FEWEST_KNOWN <= count - rare <= known.sum() or (~known).sum() < rare or len(both) < 2:
        raise InputError(
            f"{known.sum():,} of {len(known):,} rows to train on are of the classes that the teacher knows; of "
            f"{count} real rows {count - rare} are to be, expected {FEWEST_KNOWN} or more, and some of both held out",
            next_step="name other --teacher-classes, or fewer --real rows",
        )
    first, others = np.flatnonzero(known)[: count - rare], np.flatnonzero(~known)[:rare]
    chosen = np.sort(np.concatenate([first, others]))
    return pool[chosen], pool[first], np.delete(pool, chosen)[:more], test
