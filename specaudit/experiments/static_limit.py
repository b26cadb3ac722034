"""Do static prunings change the slope of the learning curve, or only its level?

Static weights w(x) <= C change the operator to T_w = M_sqrt(w) T M_sqrt(w), 0 <= T_w <= C T: they cannot flatten its
tail. Nothing is said of how much worse they can be, so that both sides are measured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from threadpoolctl import threadpool_limits

from specaudit.dataset import IntArray
from specaudit.experiments.learners import Problem
from specaudit.experiments.prunings import Pruning, keep_orders, kept_rows, pool_of
from specaudit.experiments.saturation import ROWS, Saturation, losses_by_size, model_sizes, saturation
from specaudit.experiments.slopes import FEWEST_ROWS, Estimate, estimated, halved, log_slope
from specaudit.experiments.static_verdict import Share, Verdict, equal_loss, judge
from specaudit.experiments.tail import LocalTail, local_tail
from specaudit.kernels import FloatArray

RANDOM = "random"
PRUNED = 0.2
"""Share of the progress that is told when rows are chosen and nothing is trained."""


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
    difference, beside_random
        Slope less that of the unpruned rows in the same run, and less that of as many random rows; None of these.
    share
        Share of the largest pool, unpruned, that gives the arm's loss there; None of the unpruned rows.
    verdict, reason
        By the differences; None of the unpruned rows.
    saturation
        Loss over model size; None where the rows are too few for it.
    """

    pruning: Pruning | None
    rows: tuple[int, ...]
    losses: FloatArray = field(repr=False)
    slope: Estimate
    saturation: Saturation | None
    difference: Estimate | None = None
    beside_random: Estimate | None = None
    share: Share | None = None
    verdict: Verdict | None = None
    reason: str = ""

    @property
    def id(self) -> str:
        """Of the arm."""
        return "none" if self.pruning is None else self.pruning.id


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
    shared
        Held-out rows over those of the pool: what intervals over the runs take into account.
    models, model_rows
        Sizes of the models that are compared, and rows of the pool that they are trained on before pruning.
    """

    sizes: tuple[int, ...]
    models: tuple[int, ...]
    model_rows: int
    arms: tuple[ArmCurve, ...]
    tail: LocalTail | None
    tested: int
    shared: float


def pool_sizes(pool: int, prunings: Sequence[Pruning]) -> tuple[int, ...]:
    """Return the default sizes for a pool: halves of halves, as long as enough rows are left."""
    least = FEWEST_ROWS / min((one.keep for one in prunings), default=1.0)
    return tuple(size for size in halved(pool) if size >= least)


def static_limit(
    problem: Problem,
    prunings: Sequence[Pruning],
    *,
    runs: int,
    sizes: Sequence[int],
    scores: FloatArray | None = None,
    threads: int = 1,
    progress: Callable[[float], None] = lambda done: None,
) -> StaticLimit:
    """Return the learning curves of the rows as they are and under each pruning, over paired runs.

    In a run all arms have one split and one target. A rule keeps its share of the whole pool; at size n an arm is
    trained on the first keep * n of these rows, in random order: a pool of n rows, pruned by the same w(x).

    Parameters
    ----------
    sizes
        Of the pool before pruning, rising, two at least; `pool_sizes` gives the default.
    scores
        (n,) of all rows, for the method ``scores``.
    """
    arms: list[Pruning | None] = [None, *prunings]
    first = problem.split(0)
    grid = tuple(sizes)
    plan = _Plan(
        problem=problem,
        arms=arms,
        sizes=grid,
        models=model_sizes(problem, len(first.pool), [one.keep for one in prunings]),
        model_rows=min(len(first.pool), ROWS),
    )
    kept: list[list[IntArray]] = []
    for run in range(runs):
        pool_rows = problem.split(run).pool
        kept.append(kept_by_arm(problem, prunings, pool_rows, run=run, scores=scores, threads=threads))
        progress(PRUNED * len(kept) / runs)
    found = []
    with threadpool_limits(limits=1), ThreadPoolExecutor(threads) as pool:  # a run a core: solves are small
        for one in pool.map(plan.trained, range(runs), kept):
            found.append(one)
            progress(PRUNED + (1 - PRUNED) * len(found) / runs)
    losses, by_model = (np.stack(part, axis=1) for part in zip(*found, strict=True))
    judge_ = _Judge(
        sizes=grid,
        tail=local_tail(problem.eigenvalues),
        shared=len(first.test) / len(first.pool),
        unpruned=losses[0],
        random={arm.keep: found for arm, found in zip(arms, losses, strict=True) if arm and arm.method == RANDOM},
    )
    curves = []
    for place, arm in enumerate(arms):
        own, base = by_model[place], by_model[0] if arm else None
        size = saturation(plan.models, own, base, judge_.shared) if plan.models else None
        curves.append(judge_.curve(arm, _kept(arm, grid), losses[place], size))
    return StaticLimit(
        sizes=grid,
        arms=tuple(curves),
        tail=judge_.tail,
        tested=len(first.test),
        shared=judge_.shared,
        models=plan.models,
        model_rows=plan.model_rows,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What is trained in each run."""

    problem: Problem
    arms: Sequence[Pruning | None]
    sizes: tuple[int, ...]
    models: tuple[int, ...]
    model_rows: int

    def trained(self, run: int, kept: Sequence[IntArray]) -> tuple[FloatArray, FloatArray]:
        """Return the losses of the arms (a, s) at each size of the pool, and (a, m) of the model."""
        problem, test, values = self.problem, self.problem.split(run).test, self.problem.values(run)
        losses, by_model = np.empty((len(kept), len(self.sizes))), np.empty((len(kept), len(self.models)))
        for place, (arm, rows) in enumerate(zip(self.arms, kept, strict=True)):
            losses[place] = [problem.loss(rows[:count], values, test, run) for count in _kept(arm, self.sizes)]
            if self.models:
                (few,) = _kept(arm, (self.model_rows,))
                by_model[place] = losses_by_size(problem, rows[:few], values, test, run, self.models)
        return losses, by_model


def _kept(arm: Pruning | None, sizes: Sequence[int]) -> tuple[int, ...]:
    """Return how many rows an arm keeps of pools of these sizes."""
    return tuple(size if arm is None else max(round(arm.keep * size), 1) for size in sizes)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judge:
    """What every arm is held against: the unpruned rows and, by share kept, random ones."""

    sizes: tuple[int, ...]
    tail: LocalTail | None
    shared: float
    unpruned: FloatArray
    random: Mapping[float, FloatArray]

    def curve(
        self, arm: Pruning | None, rows: tuple[int, ...], losses: FloatArray, size: Saturation | None
    ) -> ArmCurve:
        x = np.array(self.sizes, float)
        slopes, base = log_slope(x, losses), log_slope(x, self.unpruned)
        slope = estimated(slopes, self.shared)
        if arm is None:
            return ArmCurve(pruning=None, rows=rows, losses=losses, slope=slope, saturation=size)
        difference, beside = estimated(slopes - base, self.shared), None
        if arm.method != RANDOM and arm.keep in self.random:
            beside = estimated(slopes - log_slope(x, self.random[arm.keep]), self.shared)
        verdict, reason = judge(
            difference,
            estimated(base, self.shared),
            self.sizes,
            self.tail,
            beside=beside,
            random=arm.method == RANDOM,
        )
        return ArmCurve(
            pruning=arm,
            rows=rows,
            losses=losses,
            slope=slope,
            saturation=size,
            difference=difference,
            beside_random=beside,
            share=equal_loss(x, losses[:, -1], self.unpruned, self.shared),
            verdict=verdict,
            reason=reason,
        )
