"""Does a teacher move the slope of the student's learning curve? An open question: figures, no claim.

A student of n rows with true labels gets further rows, in proportion to n, whose labels are a teacher's. Frozen
teachers were fitted to rows of their own, as many at every n. Updated ones are fitted to the student's n rows anew at
every n, and again to what they said of the further rows.

Learning curves are bent: rows that are worth a constant factor in the amount of data change a slope all the same. The
labels that an arm is worth, n_eq, are those with which true labels alone reach its loss; they grow as n^g with g = 1
where a teacher is worth a constant factor, whatever the curve.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from threadpoolctl import threadpool_limits

from specaudit.dataset import IntArray
from specaudit.errors import InputError
from specaudit.experiments.learners import Learner, NetworkLearner, Problem, RidgeLearner, operator_of, relative_error
from specaudit.experiments.ridge import RIDGE
from specaudit.experiments.slopes import FEWEST_ROWS, Estimate, estimated, halved, log_slope
from specaudit.experiments.static_verdict import FEWEST_SIZES, SHORTEST
from specaudit.experiments.tail import LocalTail, local_tail
from specaudit.experiments.worth import rows_worth
from specaudit.kernels import FloatArray, choose_kernel

DistillVerdict = Literal["moved", "not-moved", "inconclusive", "not-applicable"]

ADDED = 2
"""Rows with a teacher's labels for each with a true one."""
MARGIN = 0.1
"""An exponent g that surely differs from 1 by less has not moved."""
NOTHING = 1.0
"""Loss of a student that says nothing: one with more has learned nothing that a teacher could add to."""
ROUNDS = 3
"""Of updated teachers at every size."""
KINDS = ("laplace", "matern32", "matern52")
"""Kernels of heterogeneous teachers, each with the bandwidth that is its default; rbf is off by far at few rows."""
WIDTHS = (0.25, 1.0, 2.0)
"""Hidden units of heterogeneous teachers, in units of the student's; kernel ridge regression is one more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Where the labels of the further rows come from.

    Attributes
    ----------
    peers
        Whether the mean of several unlike models teaches, and not one that is like the student.
    frozen
        Share of the largest n that frozen teachers have seen; 0 of teachers that are updated; None without a teacher.
    """

    id: str
    label: str
    note: str
    peers: bool = False
    frozen: float | None = None


ALONE = Way(id="true", label="true labels alone", note="n rows, no further ones")
MORE = Way(id="more", label="more true labels", note="the further rows with true labels: what is lost by a teacher")
WAYS = (
    Way(id="frozen-small", label="frozen", note="one, fitted to a quarter of the largest n", frozen=0.25),
    Way(id="frozen", label="frozen, larger", note="one, fitted to as many rows as the largest n", frozen=1.0),
    Way(
        id="mixed",
        label="frozen, mixed",
        note="the mean of unlike models, fitted to those rows",
        peers=True,
        frozen=1.0,
    ),
    Way(id="updated", label="updated", note="one like the student, fitted to its rows at every n", frozen=0.0),
    Way(
        id="updated-mixed",
        label="updated, mixed",
        note="unlike models, fitted to the student's rows at every n and to their mean",
        peers=True,
        frozen=0.0,
    ),
    MORE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DistilledCurve:
    """A learning curve over the runs.

    Attributes
    ----------
    losses
        (r, s) relative error on held-out rows.
    slope, difference
        d ln loss / d ln n, and what it is more than that of true labels alone in the same run; None of these.
    worth
        (r, s) true labels n_eq that give the loss; NaN off the curve of true labels.
    growth
        g = d ln n_eq / d ln n over the sizes at which all runs have n_eq, and the mean losses, this and that of true
        labels, are below 1; None where these are too few.
    verdict, reason
        By g; None of true labels alone.
    """

    way: Way
    losses: FloatArray = field(repr=False)
    slope: Estimate
    difference: Estimate | None
    worth: FloatArray = field(repr=False)
    growth: Estimate | None
    verdict: DistillVerdict | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distillation:
    """All learning curves.

    Attributes
    ----------
    sizes
        (s,) numbers of true labels, rising.
    added
        Further rows for each.
    curves
        That of true labels alone first.
    tail
        Local exponent b of the kernel's eigenvalues; None where the rows do not tell.
    tested, shared
        Rows held out, and these over those that may be trained on, for the intervals.
    """

    sizes: tuple[int, ...]
    added: int
    curves: tuple[DistilledCurve, ...]
    tail: LocalTail | None
    tested: int
    shared: float


def distillation(
    problem: Problem,
    *,
    runs: int,
    added: int = ADDED,
    threads: int = 1,
    progress: Callable[[float], None] = lambda done: None,
) -> Distillation:
    """Return the student's learning curves by way of labelling, over paired runs.

    Raises
    ------
    InputError
        There are too few rows.
    """
    first = problem.split(0)
    sizes = sizes_of(len(first.pool), added)
    beyond = tuple(sizes[-1] * factor for factor in range(2, 2 + added))
    peers = unlike(problem)

    def curves(run: int) -> tuple[list[float], list[list[float]]]:
        lesson = Lesson.of(problem, peers, sizes[-1], added, run)
        return (
            [lesson.alone(size) for size in (*sizes, *beyond)],
            [[lesson.loss(way, size) for size in sizes] for way in WAYS],
        )

    found = []
    with threadpool_limits(limits=1), ThreadPoolExecutor(threads) as pool:  # a run a core: solves are small
        for one in pool.map(curves, range(runs)):
            found.append(one)
            progress(len(found) / runs)
    true, losses = np.array([one for one, _ in found]), np.stack([np.array(other) for _, other in found], axis=1)
    shared, tail = len(first.test) / len(first.pool), local_tail(problem.eigenvalues)
    alone = true[:, : len(sizes)]
    reached = [equal_labels(np.array((*sizes, *beyond), float), true, of) for of in (alone, *losses)]
    return Distillation(
        sizes=sizes,
        added=added,
        curves=tuple(
            _curve(way, np.array(sizes, float), of, alone, worth, tail, shared)
            for way, of, worth in zip((ALONE, *WAYS), (alone, *losses), reached, strict=True)
        ),
        tail=tail,
        tested=len(first.test),
        shared=shared,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """One run: the student's rows, in their order, further ones, those of frozen teachers, and what these say."""

    problem: Problem
    peers: tuple[Learner, ...]
    own: IntArray = field(repr=False)
    further: IntArray = field(repr=False)
    added: int
    test: IntArray = field(repr=False)
    values: FloatArray = field(repr=False)
    frozen: dict[Way, FloatArray] = field(repr=False)
    run: int

    @classmethod
    def of(cls, problem: Problem, peers: tuple[Learner, ...], largest: int, added: int, run: int) -> Lesson:
        """Return a run, its frozen teachers fitted."""
        parts, values, seed = problem.split(run), problem.values(run), problem.seed + run
        own, further, theirs = np.split(parts.pool[: (2 + added) * largest], [largest, (1 + added) * largest])
        frozen = {
            way: _mean(_teachers(way, problem, peers), theirs[: round(way.frozen * largest)], values, further, seed)
            for way in WAYS
            if way.frozen
        }
        return cls(
            problem=problem,
            peers=peers,
            own=own,
            further=further,
            added=added,
            test=parts.test,
            values=values,
            frozen=frozen,
            run=run,
        )

    def alone(self, size: int) -> float:
        """Return the loss after so many true labels alone."""
        return self._loss(np.concatenate([self.own, self.further])[:size], self.values)

    def loss(self, way: Way, size: int) -> float:
        """Return the loss after so many true labels and further ones."""
        rows, more = self.own[:size], self.further[: self.added * size]
        both, labelled = np.concatenate([rows, more]), self.values.copy()
        if way.frozen:
            labelled[more] = self.frozen[way][: len(more)]
        elif way is not MORE:
            teachers, seed = _teachers(way, self.problem, self.peers), self.problem.seed + self.run
            labelled[more] = _mean(teachers, rows, self.values, more, seed)
            for _ in range(ROUNDS - 1):
                labelled[more] = _mean(teachers, both, labelled, more, seed)
        return self._loss(both, labelled)

    def _loss(self, rows: IntArray, labelled: FloatArray) -> float:
        found = self.problem.learner(rows, labelled, self.test, self.problem.seed + self.run)
        return relative_error(found, self.values[self.test])


def equal_labels(sizes: FloatArray, true: FloatArray, losses: FloatArray) -> FloatArray:
    """Return how many true labels give losses (r, s), on curves (r, m) over sizes (m,); NaN off a run's curve."""
    found = rows_worth(sizes, true, losses)
    return np.where(np.isfinite(found) & (found > 0), found, np.nan)


def sizes_of(pool: int, added: int) -> tuple[int, ...]:
    """Return numbers of true labels, so that a pool of rows has the further ones and the frozen teachers' own.

    Raises
    ------
    InputError
        There are too few rows for so many sizes.
    """
    largest = pool // (2 + added)
    sizes = halved(largest)
    if sizes[0] < FEWEST_ROWS:
        raise InputError(
            f"{pool:,} rows to train on give {sizes[0]:,} to {largest:,} true labels, beside those of teachers",
            next_step=f"use more rows: from {FEWEST_ROWS} labels on there is something to learn",
        )
    return sizes


def unlike(problem: Problem) -> tuple[Learner, ...]:
    """Return models that are unlike each other, on the rows of a problem."""
    learner = problem.learner
    if isinstance(learner, NetworkLearner):
        widths = [max(2, round(width * learner.network.hidden)) for width in WIDTHS]
        networks = [replace(learner, network=replace(learner.network, hidden=width)) for width in widths]
        return (*networks, RidgeLearner(matrix=problem.matrix, ridge=RIDGE["labels"]))
    assert isinstance(learner, RidgeLearner)
    kernels = (choose_kernel(name, problem.rows) for name in KINDS)
    return tuple(replace(learner, matrix=operator_of(kernel, problem.rows).matrix) for kernel in kernels)


def judge(growth: Estimate | None, base: Estimate, tail: LocalTail | None) -> tuple[DistillVerdict, str]:
    """Return whether g moved, and why; `base` is the slope of true labels alone.

    Either takes eigenvalues that are known to fall faster than 1/k.
    """
    told = f"n_eq ∝ n^{growth.told('.2f')}" if growth is not None else ""
    if tail is not None and tail.value <= 1:
        return "not-applicable", f"the kernel's eigenvalues fall as k^-{tail.value:.2f}, no faster than 1/k; {told}"
    if growth is None:
        return (
            "inconclusive",
            "less than a decade of sizes is left where losses are on the curve of true labels alone and below that "
            "of saying nothing",
        )
    if base.high is None or base.high >= 0:
        return "inconclusive", f"that more true labels alone are learned from is not shown; {told}"
    if growth.low is None or growth.high is None:
        return "inconclusive", f"one run has no interval; {told}"
    if tail is None or tail.low <= 1:
        return "inconclusive", f"these rows do not tell that eigenvalues fall faster than 1/k; {told}"
    if growth.low > 1 - MARGIN and growth.high < 1 + MARGIN:
        return "not-moved", told
    if growth.low > 1 and growth.value > 1 + MARGIN:
        return "moved", f"{told}: steeper on these sizes"
    if growth.high < 1 and growth.value < 1 - MARGIN:
        return "moved", f"{told}: flatter on these sizes"
    return "inconclusive", f"{told}: more than a tenth is neither excluded nor told"


def _curve(
    way: Way,
    sizes: FloatArray,
    losses: FloatArray,
    alone: FloatArray,
    worth: FloatArray,
    tail: LocalTail | None,
    shared: float,
) -> DistilledCurve:
    slopes, base = log_slope(sizes, losses), log_slope(sizes, alone)
    slope = estimated(slopes, shared)
    if way is ALONE:
        return DistilledCurve(way=way, losses=losses, slope=slope, difference=None, worth=worth, growth=None)
    says = np.maximum(losses.mean(axis=0), alone.mean(axis=0)) < NOTHING
    told = np.isfinite(worth).all(axis=0) & says
    long = told.sum() >= FEWEST_SIZES and sizes[told][-1] >= SHORTEST * sizes[told][0]
    growth = estimated(log_slope(sizes[told], worth[:, told]), shared) if long else None
    verdict, reason = judge(growth, estimated(base, shared), tail)
    return DistilledCurve(
        way=way,
        losses=losses,
        slope=slope,
        difference=estimated(slopes - base, shared),
        worth=worth,
        growth=growth,
        verdict=verdict,
        reason=reason,
    )


def _teachers(way: Way, problem: Problem, peers: tuple[Learner, ...]) -> tuple[Learner, ...]:
    return peers if way.peers else (problem.learner,)


def _mean(models: Sequence[Learner], rows: IntArray, values: FloatArray, at: IntArray, seed: int) -> FloatArray:
    return np.asarray(np.mean([model(rows, values, at, seed) for model in models], axis=0))
