"""Do static prunings change the slope of the learning curve, or only its level?

Static weights w(x) <= C change the operator to T_w = M_sqrt(w) T M_sqrt(w), 0 <= T_w <= C T: they cannot flatten its
tail. Nothing is said of how much worse they can be, so that both sides are measured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from specaudit.dataset import IntArray
from specaudit.experiments.learners import Problem
from specaudit.experiments.prunings import Pruning, keep_orders, kept_rows, pool_of
from specaudit.experiments.slopes import Estimate, estimated, log_slope
from specaudit.experiments.tail import LocalTail, local_tail
from specaudit.kernels import FloatArray

Verdict = Literal["parallel", "worse", "steeper", "inconclusive", "not-applicable"]

SIZES, RATIO = 5, 2.0
"""Pool sizes of a curve by default, each twice the one before."""
FEWEST_ROWS = 10
"""Rows that are trained on at the smallest size, at least."""
FEWEST_SIZES, SHORTEST = 4, 8.0
"""Below so many sizes, or so large a ratio of the last to the first, a curve has no slope worth judging."""
MARGIN = 0.1
"""Slopes that surely differ by less than this share of the unpruned one are parallel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmCurve:
    """An arm's learning curve over the runs.

    Attributes
    ----------
    pruning
        None of the rows as they are.
    rows
        (s,) rows trained on at each size.
    losses
        (r, s) relative error on held-out rows, by run and size.
    slope
        d ln loss / d ln n.
    difference
        Slope less that of the unpruned rows in the same run; None of these.
    share
        Share of the largest pool, unpruned, that gives the arm's loss there; None of the unpruned rows.
    verdict, reason
        By the difference; None of the unpruned rows.
    """

    pruning: Pruning | None
    rows: tuple[int, ...]
    losses: FloatArray = field(repr=False)
    slope: Estimate
    difference: Estimate | None = None
    share: Share | None = None
    verdict: Verdict | None = None
    reason: str = ""

    @property
    def id(self) -> str:
        """Of the arm."""
        return "none" if self.pruning is None else self.pruning.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """An equal-loss share; where a run's is off the unpruned curve, only a bound.

    Attributes
    ----------
    value
        Geometric mean over the runs; None if any is off the curve.
    low, high
        Of its 95 % interval; a lower bound alone, or an upper bound alone, where it is off the curve.
    """

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticLimit:
    """The learning curves of all arms.

    Attributes
    ----------
    sizes
        (s,) pool sizes n before pruning, rising.
    arms
        The unpruned rows first.
    tail
        Local exponent b of the kernel's eigenvalues; None where the rows do not tell.
    tested
        Rows held out in each run.
    """

    sizes: tuple[int, ...]
    arms: tuple[ArmCurve, ...]
    tail: LocalTail | None
    tested: int


def pool_sizes(pool: int, prunings: Sequence[Pruning]) -> tuple[int, ...]:
    """Return the default sizes for a pool: halves of halves, as long as enough rows are left."""
    least = FEWEST_ROWS / min((one.keep for one in prunings), default=1.0)
    sizes = [round(pool / RATIO**step) for step in range(SIZES)]
    return tuple(size for size in reversed(sizes) if size >= least)


def static_limit(
    problem: Problem,
    prunings: Sequence[Pruning],
    *,
    runs: int,
    sizes: Sequence[int] | None = None,
    scores: FloatArray | None = None,
    threads: int = 1,
    progress: Callable[[float], None] = lambda done: None,
) -> StaticLimit:
    """Return the learning curves of the rows as they are and under each pruning, over paired runs.

    In a run all arms have one split and one target. A rule keeps its share of the whole pool; at size n an arm is
    trained on the first keep * n of these rows, in random order: a pool of n rows, pruned by the same w(x).

    Parameters
    ----------
    scores
        (n,) of all rows, for the method ``scores``.
    """
    arms: list[Pruning | None] = [None, *prunings]
    first = problem.split(0)
    grid = tuple(sizes) if sizes is not None else pool_sizes(len(first.pool), prunings)
    losses = np.empty((len(arms), runs, len(grid)))
    counts = [tuple(size if arm is None else max(round(arm.keep * size), 1) for size in grid) for arm in arms]
    done, total = 0.0, float(runs * sum(sum(count) for count in counts))
    for run in range(runs):
        parts, values = problem.split(run), problem.values(run)
        kept = kept_by_arm(problem, prunings, parts.pool, run=run, scores=scores, threads=threads)
        for place, (rows, sizes_of) in enumerate(zip(kept, counts, strict=True)):
            for at, count in enumerate(sizes_of):
                losses[place, run, at] = problem.loss(rows[:count], values, parts.test, run)
                done += count
                progress(done / total)
    tail = local_tail(problem.eigenvalues)
    shared = len(first.test) / len(first.pool)
    curves = [
        _judged(arm, count, grid, found, losses[0], tail, shared)
        for arm, count, found in zip(arms, counts, losses, strict=True)
    ]
    return StaticLimit(sizes=grid, arms=tuple(curves), tail=tail, tested=len(first.test))


def kept_by_arm(
    problem: Problem,
    prunings: Sequence[Pruning],
    pool: IntArray,
    *,
    run: int,
    scores: FloatArray | None = None,
    threads: int = 1,
) -> list[IntArray]:
    """Return the rows that the unpruned arm and each pruning keep of a pool (p,), in the pool's random order."""
    seed = problem.seed + run
    candidates = pool_of(
        problem.rows[pool],
        problem.kernel,
        seed=seed,
        scores=None if scores is None else scores[pool],
        threads=threads,
    )
    orders = keep_orders(tuple(dict.fromkeys(one.method for one in prunings)), candidates)
    return [pool, *(pool[kept_rows(one, orders[one.method], seed=seed)] for one in prunings)]


def _judged(
    arm: Pruning | None,
    rows: tuple[int, ...],
    sizes: tuple[int, ...],
    losses: FloatArray,
    unpruned: FloatArray,
    tail: LocalTail | None,
    shared: float,
) -> ArmCurve:
    x = np.array(sizes, float)
    slopes, base = log_slope(x, losses), log_slope(x, unpruned)
    slope = estimated(slopes, shared)
    if arm is None:
        return ArmCurve(pruning=None, rows=rows, losses=losses, slope=slope)
    difference = estimated(slopes - base, shared)
    verdict, reason = judge(difference, float(base.mean()), sizes, tail)
    return ArmCurve(
        pruning=arm,
        rows=rows,
        losses=losses,
        slope=slope,
        difference=difference,
        share=equal_loss(x, losses[:, -1], unpruned, shared),
        verdict=verdict,
        reason=reason,
    )


def judge(difference: Estimate, slope: float, sizes: Sequence[int], tail: LocalTail | None) -> tuple[Verdict, str]:
    """Return the verdict on a slope's difference to the unpruned `slope`, and why."""
    told = f"slope differs by {difference.value:+.3f}"
    if difference.low is not None:
        told += f" [{difference.low:+.3f}, {difference.high:+.3f}] from {slope:.3f}"
    if len(sizes) < FEWEST_SIZES or sizes[-1] < SHORTEST * sizes[0]:
        return "not-applicable", f"the curve is too short ({len(sizes)} sizes, {sizes[0]:,} to {sizes[-1]:,}); {told}"
    if tail is not None and tail.value <= 1:
        return "not-applicable", f"the kernel's eigenvalues fall as k^-{tail.value:.2f}, no faster than 1/k; {told}"
    if slope >= 0:
        return "inconclusive", f"the unpruned rows do not learn more from more rows; {told}"
    if difference.low is None or difference.high is None:
        return "inconclusive", f"one run has no interval; {told}"
    margin = MARGIN * abs(slope)
    if -margin < difference.low and difference.high < margin:
        if tail is None:
            return "inconclusive", f"these rows do not tell how fast the eigenvalues fall; {told}"
        return "parallel", told
    if difference.low > 0 and difference.value > margin:
        return "worse", told
    if difference.high < 0 and difference.value < -margin:
        return "steeper", told
    return "inconclusive", f"{told}: more than a tenth cannot be excluded, nor told"


def equal_loss(sizes: FloatArray, reached: FloatArray, unpruned: FloatArray, shared: float) -> Share:
    """Return which share of the largest size (of sizes (s,)) gives the losses (r,), on unpruned curves (r, s).

    Curves are made monotone and read between sizes in ln-ln.
    """
    curves = np.minimum.accumulate(unpruned, axis=1)
    places = []
    for loss, curve in zip(reached, curves, strict=True):
        if loss > curve[0]:
            places.append(-np.inf)
        elif loss < curve[-1]:
            places.append(np.inf)
        else:
            places.append(float(np.interp(-np.log(loss), -np.log(curve), np.log(sizes / sizes[-1]))))
    found = np.array(places)
    inside = found[np.isfinite(found)]
    if len(inside) == len(found):
        of = estimated(found, shared)
        ends = [None if end is None else float(np.exp(end)) for end in (of.low, of.high)]
        return Share(value=float(np.exp(of.value)), low=ends[0], high=ends[1])
    if (found == -np.inf).any() and (found == np.inf).any():
        return Share(value=None, low=None, high=None)
    if (found == np.inf).any():
        return Share(value=None, low=float(np.exp(inside.min(initial=0.0))), high=None)
    least = np.log(sizes[0] / sizes[-1])
    return Share(value=None, low=None, high=float(np.exp(inside.max(initial=least))))
