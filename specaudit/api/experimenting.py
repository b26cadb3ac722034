"""What all experiments share: the task that is learned, checked, and its rows, kernel and target in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from specaudit import documents as doc
from specaudit.api.common import check_arguments, environment
from specaudit.api.sides import Reader
from specaudit.budget import check_memory, experiment_memory, usable_threads
from specaudit.dataset import DataSet, IntArray
from specaudit.embeddings import held_texts
from specaudit.errors import ConfigError, InputError
from specaudit.experiments.learners import Learner, NetworkLearner, Problem, RidgeLearner, operator_of
from specaudit.experiments.network import Network
from specaudit.experiments.ridge import RIDGE
from specaudit.experiments.targets import Labels, ProcessTarget
from specaudit.kernels import FloatArray, Kernel, Normalize, choose_kernel
from specaudit.progress import Progress, SilentProgress
from specaudit.report.experiment.assemble import Parts, experiment_document
from specaudit.report.span.assemble import span_side

if TYPE_CHECKING:
    from specaudit.api.common import Source
    from specaudit.api.sides import Rule

EXPERIMENT_ROWS = 2500
"""Rows that are used, at most, by default: the kernel matrix is decomposed, and held in memory."""
FEWEST = 100
"""Different rows below which nothing is trained."""
SEEDS = 8
HIDDEN, STEPS = 64, 500
OUTPUTS = {"krr": 32, "mlp": 8}
"""Model -> functions that are drawn of a Gaussian process; many make the runs alike, and cost a ridge little."""
MODELS = ("krr", "mlp")
TARGETS = ("labels", "gp")
RANGES = {"source": (1.01, 10.0), "ridge": (1e-12, 1e3)}
COUNTS = {"seeds": (1, 1000), "hidden": (1, 4096), "steps": (1, 1_000_000)}


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is learned in an experiment, from which rows and how.

    Attributes
    ----------
    source
        The rows.
    labels
        A class for each row: a file, a column of a table, or a sequence.
    target
        "labels", or "gp" for random functions with coefficients of energy k^-A in the kernel's modes; by default
        labels, where there are any.
    source_exponent
        A.
    model
        "krr" for kernel ridge regression, "mlp" for a network of one hidden layer.
    ridge
        In units of the mean diagonal of the kernel matrix; by default 1e-3 for labels, 1e-6 for a process.
    hidden, steps
        Units and optimiser steps of the network.
    seeds
        Runs, each with its own split and target; the intervals are over these.
    kernels
        The first one is used.
    max_rows
        Rows that are used; more are sampled.
    """

    _: KW_ONLY
    source: Source = field(kw_only=False)
    labels: Rule | None = None
    target: str | None = None
    source_exponent: float = 1.5
    model: str = "krr"
    ridge: float | None = None
    hidden: int = HIDDEN
    steps: int = STEPS
    seeds: int = SEEDS
    kernels: Sequence[str] = ("laplace",)
    bandwidth: float | None = None
    normalize: Normalize = "none"
    centered: bool = False
    dtype: str | None = None
    shape: tuple[int, int] | None = None
    column: str | None = None
    drop_bad_rows: bool = False
    seed: int = 0
    threads: int | None = None
    max_rows: int = EXPERIMENT_ROWS
    max_memory: int | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        check_arguments(self.kernels, self.max_rows)
        for name, value, known in (("model", self.model, MODELS), ("target", self.kind, TARGETS)):
            if value not in known:
                raise ConfigError(f"--{name}: unknown name {value!r}", next_step=f"use {' or '.join(known)}")
        if self.kind == "labels" and self.labels is None:
            raise ConfigError("--target labels needs labels", next_step="add --labels FILE, or use --target gp")
        ranged = {"source": self.source_exponent, "ridge": self.ridge}
        for name, (low, high) in RANGES.items():
            number = ranged[name]
            if number is not None and not low <= number <= high:
                raise ConfigError(f"--{name}: expected {low:g} to {high:g}, got {number:g}")
        for name, (least, most) in COUNTS.items():
            if not least <= getattr(self, name) <= most:
                raise ConfigError(f"--{name}: expected {least:,} to {most:,}, got {getattr(self, name):,}")

    @property
    def units(self) -> int:
        """Hidden units of a network; 0 for kernel ridge regression."""
        return self.hidden if self.model == "mlp" else 0

    @property
    def kind(self) -> str:
        """The target: labels or gp."""
        return self.target or ("gp" if self.labels is None else "labels")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A task in memory.

    Attributes
    ----------
    data
        The data set.
    places
        (n,) row number in the file of each row that is used, in the order of the problem's rows.
    problem
        What is learned.
    report, threads
        Where progress is told, and the threads that may be used.
    """

    task: Task
    data: DataSet
    places: IntArray = field(repr=False)
    problem: Problem
    report: Progress
    threads: int

    def document(
        self,
        name: doc.ExperimentName,
        parts: Parts,
        *,
        command: str,
        exploratory: bool = False,
        flow: bool = False,
    ) -> doc.Experiment:
        """Return the document of an experiment on this task; under `flow` its kernel machines have no ridge."""
        return experiment_document(
            name,
            parts,
            data=span_side(self.data, sampled=len(self.places)),
            kernel=self.problem.kernel,
            settings=_settings(self.task, self.problem, flow=flow),
            command=command,
            seed=self.task.seed,
            environment=environment(self.threads),
            warnings=_warnings(self.data),
            exploratory=exploratory,
        )


@contextmanager
def opened(
    task: Task | Source, progress: Progress | None, *, check: Callable[[DataSet, int, int], None] | None = None
) -> Iterator[Opened]:
    """Yield a task in memory; a source alone is the task of all defaults.

    Parameters
    ----------
    check
        Is given the data, the rows that are used and the runs at a time, before anything is computed of them, and
        raises BudgetError where an experiment needs more memory than all do.

    Raises
    ------
    InputError
        The data or the labels cannot be used.
    ConfigError
        An argument cannot be used.
    BudgetError
        The run needs more memory than it may use.
    """
    task = task if isinstance(task, Task) else Task(task)
    report, threads = progress or SilentProgress(), usable_threads(task.threads)
    with ExitStack() as stack:
        stack.enter_context(threadpool_limits(limits=threads))
        reader = Reader.of(
            stack,
            report,
            dtype=task.dtype,
            shape=task.shape,
            column=task.column,
            max_memory=task.max_memory,
            seed=task.seed,
            max_rows=task.max_rows,
            normalize=task.normalize,
            drop_bad_rows=task.drop_bad_rows,
            without=task.labels,
        )
        data = reader.read(task.source, None, task.labels)
        size = min(len(data.copies), task.max_rows)
        if size < FEWEST:
            raise InputError(
                f"{data.embeddings.name}: {size} different rows, of which nothing can be learned",
                next_step=f"use at least {FEWEST}, better a thousand",
            )
        dimensions, at_once = data.embeddings.dimensions, min(threads, task.seeds)
        check_memory(
            lambda most: experiment_memory(data.rows, min(size, most), dimensions, at_once, hidden=task.units),
            task.max_memory,
            task.max_rows,
            held=held_texts(data.embeddings),
        )
        if check is not None:
            check(data, size, at_once)
        order = data.keyed(task.seed)[1][:size]
        rows = data.read(order, task.normalize)
        kernel = choose_kernel(
            task.kernels[0],
            rows,
            bandwidth=task.bandwidth,
            normalize=task.normalize,
            centered=task.centered,
        )
        problem = _problem(task, data, order, rows, kernel, report, threads)
        yield Opened(task=task, data=data, places=data.places[order], problem=problem, report=report, threads=threads)


def _problem(
    task: Task,
    data: DataSet,
    order: IntArray,
    rows: FloatArray,
    kernel: Kernel,
    report: Progress,
    threads: int,
) -> Problem:
    if kernel.profile is not None or kernel.centered:
        rows = rows - rows.mean(axis=0)
    operator = operator_of(kernel, rows, threads=threads)
    target: Labels | ProcessTarget
    if task.kind == "labels":
        names = data.embeddings.groups or ()
        target = Labels.of([names[place] for place in data.places[order]], f"{data.embeddings.name}: labels")
    else:
        with report.stage("modes"):
            target = ProcessTarget.of(operator, task.source_exponent)
    learner: Learner = RidgeLearner(matrix=operator.matrix, ridge=ridge_of(task))
    if task.model == "mlp":
        learner = NetworkLearner(rows=rows, network=Network(hidden=task.hidden, steps=task.steps))
    return Problem(
        rows=rows,
        matrix=operator.matrix,
        kernel=kernel,
        target=target,
        outputs=OUTPUTS[task.model],
        learner=learner,
        seed=task.seed,
    )


def ridge_of(task: Task) -> float:
    """Return the ridge of a task: its own, or that of its target."""
    return RIDGE[task.kind] if task.ridge is None else task.ridge


def _settings(task: Task, problem: Problem, *, flow: bool) -> list[tuple[str, str]]:
    if isinstance(problem.target, Labels):
        target = f"labels, {len(problem.target.names):,} classes"
    else:
        target = (
            f"Gaussian process, source exponent a = {task.source_exponent:g}, {problem.outputs} outputs, "
            f"{problem.target.modes:,} modes"
        )
    model = "kernel machine, gradient flow" if flow else f"kernel ridge regression, ridge {ridge_of(task):g}"
    if task.model == "mlp":
        model = f"network of {task.hidden:,} hidden units, {task.steps:,} steps"
    return [("target", target), ("model", model), ("runs", f"{task.seeds:,}")]


def _warnings(data: DataSet) -> list[doc.Warning_]:
    name, found = data.embeddings.name, []
    if data.dropped:
        found.append(
            doc.Warning_(
                id="SPA003",
                message=f"{name}: {data.dropped:,} bad rows were dropped",
                next_step="find out why their embedding failed",
            )
        )
    if disputed := _disputed(data):
        found.append(
            doc.Warning_(
                id="SPA041",
                message=f"{name}: {disputed:,} different rows have copies with other labels; one of them is used",
                next_step="look at these rows: one of the labels is wrong, or the embedding cannot tell them apart",
            )
        )
    return found


def _disputed(data: DataSet) -> int:
    """Return how many different rows have copies whose labels differ."""
    labels = data.embeddings.groups
    if labels is None:
        return 0
    used = np.flatnonzero(data.times)
    codes = np.unique(np.asarray(labels, dtype=str)[used], return_inverse=True)[1]
    pairs = np.unique(np.stack([data.labels[used], codes.astype(np.uint64)]), axis=1)[0]
    return int((np.unique(pairs, return_counts=True)[1] > 1).sum())
