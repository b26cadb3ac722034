"""One run of the span experiment: real, fresh and generated rows, what is true of them, and who labels them how."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from specaudit.dataset import IntArray
from specaudit.errors import InputError
from specaudit.experiments.generator import LEADING, Generator
from specaudit.experiments.learners import Learner
from specaudit.experiments.spans import Modes, errors
from specaudit.experiments.targets import Labels, ProcessTarget, Split
from specaudit.kernels import FloatArray, Kernel, RealArray
from specaudit.operators import dense_operator

RARE = 8
"""Of the classes that the teacher does not know the student has one of so many rows."""
FEWEST_REAL = 20
OUTPUTS = 4
"""Functions that are drawn of a Gaussian process."""

MakeLearner = Callable[[FloatArray, RealArray], Learner]
"""From all rows (n, d) and their kernel matrix (n, n) to what learns among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Teacher:
    """What a teacher knows: so many leading `modes` of the real rows, or else the `classes` of these numbers."""

    modes: int | None = None
    classes: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanTask:
    """Rows, their target, the teacher and the student.

    Attributes
    ----------
    rows
        (n, d), different, in the kernel's coordinates.
    labels
        None for random functions over all rows, generated ones too, of the source exponent `source`.
    student
        What learns.
    epochs
        For networks: the student with only as many steps as the largest volume leaves the real rows at equal epochs.
    volumes
        Added rows in units of the real ones, rising, the first 0.
    leading, noise
        Of the generator.
    """

    rows: FloatArray = field(repr=False)
    kernel: Kernel
    labels: Labels | None
    source: float
    teacher: Teacher
    student: MakeLearner
    epochs: MakeLearner | None = None
    volumes: tuple[float, ...]
    leading: int = LEADING
    noise: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Who is who in one run, as row numbers of all rows, those of the data before generated ones.

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
    seed
        Of the student: the same for all arms, which so are paired.
    """

    task: SpanTask
    rows: Rows
    matrix: RealArray = field(repr=False)
    values: FloatArray = field(repr=False)
    modes: Modes
    student: Learner
    epochs: Learner | None
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


def count_of_real(pool: int, volumes: Sequence[float]) -> int:
    """Return how many real rows there are of a pool, so that fresh ones reach the largest volume."""
    real = int(pool / (1 + volumes[-1]))
    if real < FEWEST_REAL:
        raise InputError(
            f"{pool:,} rows to train on give {real} real ones and {volumes[-1]:g} times as many fresh ones",
            next_step=f"at least {FEWEST_REAL} real ones are needed: use more rows, or smaller --volumes",
        )
    return real


def scene_of(task: SpanTask, parts: Split, seed: tuple[int, int]) -> Scene:
    """Return a run on a split of the rows.

    Raises
    ------
    InputError
        There are too few rows, or the teacher's modes or classes leave nothing out.
    """
    streams = np.random.SeedSequence(seed).generate_state(3)
    real, known, fresh = _roles(task, parts)
    generator = Generator.fitted(
        task.rows[known], seed=int(streams[0]), normalize=task.kernel.normalize, leading=task.leading, noise=task.noise
    )
    made = generator.draw(round(task.volumes[-1] * len(real)), seed=int(streams[1]))
    everything = np.vstack([task.rows, made])
    matrix = dense_operator(task.kernel, everything).matrix
    if task.labels is None:
        values = ProcessTarget.of(matrix, task.source).draw(OUTPUTS, seed=int(streams[2]))
    else:
        values = np.vstack([task.labels.values, np.zeros((len(made), len(task.labels.names)))])
    modes = Modes.of(matrix[real][:, real])
    if task.teacher.modes is not None:
        modes.check(task.teacher.modes)
    return Scene(
        task=task,
        rows=Rows(
            real=real, known=known, fresh=fresh, made=np.arange(len(task.rows), len(everything)), test=parts.test
        ),
        matrix=matrix,
        values=values,
        modes=modes,
        student=task.student(everything, matrix),
        epochs=None if task.epochs is None else task.epochs(everything, matrix),
        seed=int(streams[2]),
    )


def _roles(task: SpanTask, parts: Split) -> tuple[IntArray, IntArray, IntArray]:
    """Return the real rows, those that the teacher knows, and the fresh ones."""
    count = count_of_real(len(parts.pool), task.volumes)
    classes = task.teacher.classes
    if classes is None:
        return parts.pool[:count], parts.pool[:count], parts.pool[count:]
    assert task.labels is not None
    known = np.isin(task.labels.codes[parts.pool], classes)
    rare = max(1, round(count * (~known).sum() / ((~known).sum() + RARE * known.sum())))
    if known.sum() < count - rare or not np.isin(task.labels.codes[parts.test], classes, invert=True).any():
        raise InputError(
            f"{known.sum():,} of {len(known):,} rows to train on are of the classes that the teacher knows, expected "
            f"{count - rare:,} at least, and some held-out rows of other classes",
            next_step="name more or fewer --teacher-classes",
        )
    first = np.flatnonzero(known)[: count - rare]
    others = np.flatnonzero(~known)[:rare]
    chosen = np.sort(np.concatenate([first, others]))
    left = np.setdiff1d(np.arange(len(known)), chosen)
    return parts.pool[chosen], parts.pool[first], parts.pool[left]
