"""`synthetic_span` and `distillation`: what labels of a teacher give a student."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from specaudit import documents as doc
from specaudit.api.experimenting import Opened, Task, opened
from specaudit.budget import check_memory, experiment_memory
from specaudit.dataset import DataSet
from specaudit.embeddings import held_texts
from specaudit.errors import ConfigError, InputError
from specaudit.experiments.distill import ADDED
from specaudit.experiments.distill import distillation as distilled
from specaudit.experiments.spans import most_modes
from specaudit.experiments.synthetic_rows import MOST_REAL, SpanTask, Teacher
from specaudit.experiments.synthetic_span import synthetic_span as trained
from specaudit.experiments.targets import Labels
from specaudit.progress import Progress
from specaudit.report.experiment.distill import distill_parts
from specaudit.report.experiment.synthetic_span import synthetic_span_parts

if TYPE_CHECKING:
    from specaudit.api.common import Source

VOLUMES = (1.0, 2.0, 4.0, 8.0)
SMALLEST_VOLUME, LARGEST_VOLUME, MOST_ADDED = 0.1, 100.0, 20
MODES, SHARE_OF_MODES = 30, 5
"""A teacher's modes by default, and the real rows for each of them at least."""


def synthetic_span(
    task: Task | Source,
    *,
    teacher_modes: int | None = None,
    teacher_classes: Sequence[str] | None = None,
    volumes: Sequence[float] = VOLUMES,
    real: int | None = None,
    command: str = "",
    progress: Progress | None = None,
) -> doc.Experiment:
    """Return a student's errors inside and outside a teacher's span, by who labels added rows and how many there are.

    Parameters
    ----------
    task
        What is learned; a source alone for all defaults.
    teacher_modes
        The teacher knows the leading modes of the real rows, so many; by default 30, at most a fifth of the rows, and
        never more than half the held-out rows.
    teacher_classes
        The teacher knows these labels only, in the place of modes.
    volumes
        Added rows in units of the real ones.
    real
        Real rows that the student always has; by default as many as leave fresh ones for the largest volume, at most
        100.

    Raises
    ------
    InputError
        The data cannot be used, or are too few.
    ConfigError
        An argument cannot be used.
    BudgetError
        The run needs more memory than it may use.
    """
    grid = _checked_volumes(volumes)
    if teacher_modes is not None and teacher_classes is not None:
        raise ConfigError("--teacher-modes and --teacher-classes are two kinds of teacher", next_step="give one")
    task = task if isinstance(task, Task) else Task(task)
    if teacher_classes is not None and task.kind != "labels":
        raise ConfigError("--teacher-classes needs a target of labels", next_step="add --labels FILE")
    added = round(grid[-1] * (MOST_REAL if real is None else real))

    def check(data: DataSet, size: int, at_once: int) -> None:
        """Of generated rows there are never more than of others."""
        check_memory(
            lambda most: experiment_memory(
                data.rows,
                (used := min(size, most)) + min(added, used),
                data.embeddings.dimensions,
                at_once,
                hidden=task.units,
            ),
            task.max_memory,
            task.max_rows,
            held=held_texts(data.embeddings),
        )

    with opened(task, progress, check=check) as of:
        span = SpanTask(problem=of.problem, teacher=Teacher(), volumes=grid, real=real)
        span = replace(span, teacher=_teacher(of, span, teacher_modes, teacher_classes))
        with of.report.stage("train") as stage:
            found = trained(span, runs=task.seeds, threads=of.threads, progress=stage.update)
        return of.document("synthetic-span", synthetic_span_parts(span, found), command=command)


def distillation(
    task: Task | Source, *, added: int = ADDED, command: str = "", progress: Progress | None = None
) -> doc.Experiment:
    """Return learning curves of a student that teachers label further rows for, beside that of true labels alone.

    Exploratory: an open question, without a claim.

    Parameters
    ----------
    task
        What is learned; a source alone for all defaults.
    added
        Rows with a teacher's label for each with a true one.

    Raises
    ------
    InputError
        The data cannot be used, or are too few.
    ConfigError
        An argument cannot be used.
    BudgetError
        The run needs more memory than it may use.
    """
    if not 1 <= added <= MOST_ADDED:
        raise ConfigError(f"--added: expected 1 to {MOST_ADDED}, got {added:,}")
    with opened(task, progress) as of:
        with of.report.stage("train") as stage:
            found = distilled(of.problem, runs=of.task.seeds, added=added, threads=of.threads, progress=stage.update)
        return of.document("distill", distill_parts(found), command=command, exploratory=True)


def _checked_volumes(volumes: Sequence[float]) -> tuple[float, ...]:
    found = tuple(sorted(set(volumes)))
    if not found or not SMALLEST_VOLUME <= found[0] <= found[-1] <= LARGEST_VOLUME:
        told = ", ".join(f"{volume:g}" for volume in found)
        raise ConfigError(
            f"--volumes: expected numbers from {SMALLEST_VOLUME:g} to {LARGEST_VOLUME:g}, got {told or 'none'}",
            next_step="for example --volumes 1,2,4,8",
        )
    return (0.0, *found)


def _teacher(of: Opened, span: SpanTask, modes: int | None, classes: Sequence[str] | None) -> Teacher:
    if classes is None:
        default = min(MODES, span.count() // SHARE_OF_MODES, most_modes(span.tested))
        return Teacher(modes=default if modes is None else modes)
    assert isinstance(of.problem.target, Labels)
    names = of.problem.target.names
    for name in classes:
        if name not in names:
            raise InputError(
                f"--teacher-classes: no row has the label {name!r}", next_step=f"use some of {', '.join(names[:20])}"
            )
    if len(set(classes)) == len(names):
        raise ConfigError("--teacher-classes: the teacher knows every class", next_step="leave some out")
    return Teacher(classes=tuple(sorted({names.index(name) for name in classes})))
