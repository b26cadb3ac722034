"""What more rows give a student, by who labels them: a teacher that knows a part of the task, the truth, or nature.

A teacher can say no more than its span holds: the leading modes of its rows, or the classes that it knows. What a
student learns of the rest is what is looked at. A student that is trained on its own labels stays as it is: where
alpha solves (K + r) alpha = y over the real rows, (alpha, 0) solves the system of these and of any rows z with the
labels K_zx alpha, at every ridge r.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from threadpoolctl import threadpool_limits

from specaudit.dataset import IntArray
from specaudit.experiments.learners import NetworkLearner
from specaudit.experiments.spans import most_modes
from specaudit.experiments.synthetic_rows import Scene, SpanTask, scene_of
from specaudit.experiments.targets import ProcessTarget
from specaudit.kernels import FloatArray

VOLUMES = (0.0, 1.0, 2.0, 4.0, 8.0)
"""Added rows, in units of the real ones."""
DIGITS = 12
"""Of a gain; what is left beyond is rounding."""
HALVINGS = 3
"""Smaller and larger teachers than the chosen one, each by a factor of two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where added rows come from, and who labels them."""

    id: str
    label: str
    note: str


SELF = Source(
    id="self", label="own labels", note="generated rows with what the student says of them after the real rows"
)
TAUGHT = Source(id="teacher-generated", label="teacher, generated", note="generated rows that the teacher labels")
TAUGHT_REAL = Source(
    id="teacher-fresh",
    label="teacher, fresh rows",
    note="new real rows that the teacher labels in place of their own labels",
)
TRUE = Source(id="true-generated", label="truth, generated", note="generated rows with the target itself there")
REPEATED = Source(id="repeated", label="known rows again", note="copies of the real rows that the teacher knows")
FRESH = Source(id="fresh", label="fresh real rows", note="new real rows with their own labels")
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
        return np.asarray(np.round(of[:, 0] - of[:, -1], DIGITS) + 0.0)


def synthetic_span(
    task: SpanTask, *, runs: int, threads: int = 1, progress: Callable[[float], None] = lambda done: None
) -> SpanStudy:
    """Return the errors by source and volume; in a run all sources have one split, target and student's seed.

    Raises
    ------
    InputError
        There are too few rows, or the teacher's modes or classes leave nothing out.
    """
    found = []
    with threadpool_limits(limits=1), ThreadPoolExecutor(threads) as pool:  # a run a core: solves are small
        for one in pool.map(lambda run: one_run(scene_of(task, run)), range(runs)):
            found.append(one)
            progress(len(found) / runs)
    parts = task.problem.split(0)
    return SpanStudy(volumes=task.volumes, runs=tuple(found), shared=len(parts.test) / len(parts.pool))


def one_run(scene: Scene) -> SpanRun:
    """Return the errors in one run."""
    rows, task = scene.rows, scene.task
    known = task.teacher.modes
    most = min(scene.modes.count - 1, most_modes(len(rows.test)))
    sizes = () if known is None else teacher_sizes(known, most)
    network = isinstance(scene.student, NetworkLearner)
    alone = scene.learned(rows.real, scene.values, rows.test)
    start = scene.error(alone)
    found, drift = {}, 0.0
    for source, (at, labels) in _labelled(scene).items():
        predictions = [_with(scene, at[:count], labels[:count]) for count in map(task.added, task.volumes[1:])]
        found[source.id] = np.array([start, *map(scene.error, predictions)])
        if source is SELF:
            drift = float(np.abs(predictions[-1] - alone).max() / scene.values[rows.test].std())
    return SpanRun(
        real=len(rows.real),
        tested=len(rows.test),
        errors=found,
        epochs=np.array(scene.error(scene.epochs(rows.real, scene.values, rows.test, scene.seed)))
        if network
        else None,
        drift=drift,
        teacher=np.array(scene.error(scene.taught(rows.test))),
        sizes=sizes,
        sized=np.array([_sized(scene, alone, size) for size in sizes]).reshape(len(sizes), 2),
    )


def teacher_sizes(modes: int, most: int) -> tuple[int, ...]:
    """Return numbers of modes by factors of two around `modes`, up to the most that leave something out."""
    grid = (round(modes * 2.0**step) for step in range(-HALVINGS, HALVINGS + 1))
    return tuple(sorted({size for size in grid if 1 <= size <= most}))


def _labelled(scene: Scene) -> dict[Source, tuple[IntArray, FloatArray]]:
    """Return the rows that each source adds, in their order, and their labels."""
    rows, values, task = scene.rows, scene.values, scene.task
    found = {
        SELF: (rows.made, scene.learned(rows.real, values, rows.made)),
        TAUGHT: (rows.made, scene.taught(rows.made)),
        TAUGHT_REAL: (rows.fresh, scene.taught(rows.fresh)),
        FRESH: (rows.fresh, values[rows.fresh]),
    }
    if isinstance(task.problem.target, ProcessTarget):
        found[TRUE] = (rows.made, values[rows.made])
    if isinstance(scene.student, NetworkLearner) and task.teacher.classes is not None:
        again = np.resize(rows.known, len(rows.made))
        found[REPEATED] = (again, values[again])
    return found


def _with(scene: Scene, at: IntArray, labels: FloatArray) -> FloatArray:
    """Return the student's predictions for held-out rows after the real rows and others with given labels."""
    values = scene.values.copy()
    values[at] = labels
    return scene.learned(np.concatenate([scene.rows.real, at]), values, scene.rows.test)


def _sized(scene: Scene, alone: FloatArray, modes: int) -> tuple[float, float]:
    """Return the errors outside the span of a teacher of so many modes: of its student, and of real rows alone."""
    made = scene.rows.made
    taught = _with(scene, made, scene.taught(made, modes))
    return scene.error(taught, modes)[0], scene.error(alone, modes)[0]
