"""What more rows give a student, by who labels them: a teacher that knows a part of the task, the truth, or nature.

A teacher can say no more than its span holds: the leading modes of its rows, or the classes that it knows. What a
student learns of the rest is what is looked at. A student that is trained on its own labels stays as it is: where
alpha solves (K + r) alpha = y over the real rows, (alpha, 0) solves the system of these and of any rows z with the
labels K_zx alpha, at every ridge r.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from specaudit.dataset import IntArray
from specaudit.experiments.synthetic_rows import Scene, SpanTask, scene_of
from specaudit.experiments.targets import split
from specaudit.kernels import FloatArray

VOLUMES = (0.0, 1.0, 2.0, 4.0, 8.0)
"""Added rows, in units of the real ones."""
HALVINGS = 3
"""Smaller and larger teachers than the chosen one, each by a factor of two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where added rows come from, and who labels them."""

    id: str
    label: str
    note: str
    taught: bool
    """By a teacher, or the student itself."""


SELF = Source(
    id="self", label="own labels, generated rows", note="what the student says after the real rows", taught=True
)
TAUGHT = Source(id="teacher-generated", label="teacher, generated rows", note="", taught=True)
TAUGHT_REAL = Source(
    id="teacher-real", label="teacher, new real rows", note="the rows of fresh, without their labels", taught=True
)
TRUE = Source(
    id="true-generated", label="true labels, generated rows", note="the target itself at generated rows", taught=False
)
REPEATED = Source(
    id="repeated", label="known rows again", note="copies of the real rows that the teacher knows", taught=False
)
FRESH = Source(id="fresh", label="fresh real rows", note="new real rows with their labels", taught=False)
SOURCES = (SELF, TAUGHT, TAUGHT_REAL, TRUE, REPEATED, FRESH)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanRun:
    """Errors of one run; pairs are of an error outside the teacher's span and one inside.

    Attributes
    ----------
    real, tested
        Rows that the student always has, and that are held out.
    errors
        Source id -> (v, 2) by volume.
    epochs
        (2,) of the real rows alone at equal epochs in place of equal steps; None without a network.
    drift
        Largest move of the student by its own labels at the largest volume, in standard deviations of the truth.
    teacher
        (2,) of the teacher itself.
    sizes
        (s,) modes of teachers of several sizes; empty where the teacher knows classes.
    sized
        (s, 2) error outside the span of each: of a student with the largest volume of its labels on generated rows,
        and of one with the real rows alone.
    """

    real: int
    tested: int
    errors: dict[str, FloatArray]
    epochs: FloatArray | None
    drift: float
    teacher: FloatArray
    sizes: tuple[int, ...]
    sized: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanStudy:
    """Paired runs.

    Attributes
    ----------
    shared
        Rows held out over those that may be trained on: for the intervals over splits of one data set.
    """

    volumes: tuple[float, ...]
    runs: tuple[SpanRun, ...] = field(repr=False)
    shared: float

    @property
    def sources(self) -> tuple[Source, ...]:
        """Those that could be tried."""
        return tuple(source for source in SOURCES if source.id in self.runs[0].errors)

    def errors(self, source: str) -> FloatArray:
        """Return the errors (r, v, 2) of a source."""
        return np.array([run.errors[source] for run in self.runs])

    def gain(self, source: str) -> FloatArray:
        """Return how much lower the errors (r, 2) are at the largest volume than those of the real rows alone."""
        of = self.errors(source)
        return np.asarray(of[:, 0] - of[:, -1])


def synthetic_span(
    task: SpanTask, *, runs: int, seed: int, progress: Callable[[float], None] = lambda done: None
) -> SpanStudy:
    """Return the errors by source and volume; in a run all sources have one split, target and student's seed.

    Raises
    ------
    InputError
        There are too few rows, or the teacher's modes or classes leave nothing out.
    """
    found = []
    for run in range(runs):
        parts = split(len(task.rows), seed=(seed, run))
        found.append(one_run(scene_of(task, parts, (seed, run))))
        progress((run + 1) / runs)
    return SpanStudy(volumes=task.volumes, runs=tuple(found), shared=len(parts.test) / len(parts.pool))


def one_run(scene: Scene) -> SpanRun:
    """Return the errors in one run."""
    rows, task = scene.rows, scene.task
    alone = scene.learned(rows.real, scene.values, rows.test)
    start = scene.error(alone)
    found, drift = {}, 0.0
    for source, (at, labels) in _labelled(scene).items():
        predictions = [
            _with(scene, at[: round(volume * len(rows.real))], labels[: round(volume * len(rows.real))])
            for volume in task.volumes[1:]
        ]
        found[source.id] = np.array([start, *map(scene.error, predictions)])
        if source is SELF:
            drift = float(np.abs(predictions[-1] - alone).max() / scene.values[rows.test].std())
    return SpanRun(
        real=len(rows.real),
        tested=len(rows.test),
        errors=found,
        epochs=None if scene.epochs is None else np.array(scene.error(_hurried(scene))),
        drift=drift,
        teacher=np.array(scene.error(scene.taught(rows.test))),
        **_sized(scene, alone),
    )


def teacher_sizes(modes: int, available: int) -> tuple[int, ...]:
    """Return numbers of modes by factors of two around `modes`, below those that are available."""
    grid = (round(modes * 2.0**step) for step in range(-HALVINGS, HALVINGS + 1))
    return tuple(sorted({size for size in grid if 1 <= size < available}))


def _labelled(scene: Scene) -> dict[Source, tuple[IntArray, FloatArray]]:
    """Return the rows that each source adds, in their order, and their labels."""
    rows, values, task = scene.rows, scene.values, scene.task
    found = {
        SELF: (rows.made, scene.learned(rows.real, values, rows.made)),
        TAUGHT: (rows.made, scene.taught(rows.made)),
        TAUGHT_REAL: (rows.fresh, scene.taught(rows.fresh)),
        FRESH: (rows.fresh, values[rows.fresh]),
    }
    if task.labels is None:
        found[TRUE] = (rows.made, values[rows.made])
    if scene.epochs is not None and task.teacher.classes is not None:
        again = np.resize(rows.known, len(rows.made))
        found[REPEATED] = (again, values[again])
    return found


def _with(scene: Scene, at: IntArray, labels: FloatArray) -> FloatArray:
    """Return the student's predictions for held-out rows after the real rows and others with given labels."""
    values = scene.values.copy()
    values[at] = labels
    return scene.learned(np.concatenate([scene.rows.real, at]), values, scene.rows.test)


def _hurried(scene: Scene) -> FloatArray:
    assert scene.epochs is not None
    return scene.epochs(scene.rows.real, scene.values, scene.rows.test, scene.seed)


def _sized(scene: Scene, alone: FloatArray) -> dict[str, object]:
    """Return teachers of several sizes, and the errors outside the span of each."""
    modes = scene.task.teacher.modes
    sizes = () if modes is None else teacher_sizes(modes, scene.modes.count)
    made = scene.rows.made
    errors = [
        (scene.error(_with(scene, made, scene.taught(made, size)), size)[0], scene.error(alone, size)[0])
        for size in sizes
    ]
    return {"sizes": sizes, "sized": np.array(errors).reshape(len(sizes), 2)}
