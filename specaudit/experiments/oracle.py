"""Samplers on the user's rows: each beside uniform sampling and the oracle in mode space, over runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from threadpoolctl import threadpool_limits

from specaudit.dataset import IntArray
from specaudit.errors import ConfigError
from specaudit.experiments.blind_spots import BlindSpot, blind_spots
from specaudit.experiments.learners import Problem
from specaudit.experiments.mode_oracle import oracle_track
from specaudit.experiments.network import Network
from specaudit.experiments.outcomes import Outcome, estimates, outcome
from specaudit.experiments.prunings import keep_orders, pool_of
from specaudit.experiments.sampler_run import LOOKS, Schedule, sampled_run
from specaudit.experiments.sampler_task import SamplerTask, sampler_task
from specaudit.experiments.sampler_verdict import Verdict, judged
from specaudit.experiments.samplers import SAMPLERS, fixed
from specaudit.experiments.slopes import Estimate
from specaudit.experiments.targets import Labels
from specaudit.experiments.tracks import Curve, Track, window_of
from specaudit.kernels import FloatArray

UNIFORM, STATIC = "uniform", "pruned"
"""What samplers are held against, and the arm whose weights are those of a cut from the start on."""
ORACLES = {"oracle": "paper", "oracle-deep": "deep"}
"""The references in mode space, and how far each learns a mode; a network has none, since its modes move."""
TARGET = 0.1
"""Capacity of the speed-up, as a share of the training rows."""
NOISE = 0.2
"""Share of label noise at which blind spots are looked for where the task has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What is compared, and how.

    Attributes
    ----------
    samplers
        Names of `SAMPLERS`, uniform among them.
    power, cap
        Exponent of the loss sampler, and the largest weight.
    noise
        Share of the training rows that get the target of another row.
    rows
        Training rows of a run, at most.
    method, keep
        The cut of the static arm.
    network
        What is trained; None for kernel machines.
    """

    samplers: tuple[str, ...]
    power: float
    cap: float
    noise: float
    rows: int
    method: str
    keep: float
    network: Network | None = None

    @property
    def noises(self) -> tuple[float, ...]:
        """Shares of label noise at which blind spots are looked for."""
        return 0.0, self.noise or NOISE

    @property
    def arms(self) -> list[str]:
        """All arms, in the order in which they are told."""
        return [*self.samplers, STATIC, *([] if self.network else ORACLES)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """A sampler, the cut, or a reference, over all runs.

    Attributes
    ----------
    tracks, outcomes
        Of each run.
    curve
        By which it is judged: frontier, or capacity where this or the uniform one loses modes again in a run.
    estimates
        Of the outcomes.
    verdict
        None of references, and of the cut, whose frontier would be that of fewer rows.
    """

    tracks: tuple[Track, ...] = field(repr=False)
    outcomes: tuple[Outcome, ...] = field(repr=False)
    curve: Curve
    estimates: dict[str, Estimate | None] = field(repr=False)
    verdict: Verdict | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OracleExperiment:
    """What came of it.

    Attributes
    ----------
    arms
        By name.
    rows, held
        Training and held-out rows of a run.
    window, target
        Ranks between which slopes are taken, and the capacity of the speed-up.
    blind
        Blind spots in each run, by share of label noise and score.
    shared
        See `estimated`.
    """

    comparison: Comparison
    arms: dict[str, Arm]
    rows: int
    held: int
    window: tuple[float, float]
    target: float
    blind: dict[float, tuple[dict[str, BlindSpot], ...]] = field(repr=False)
    shared: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What all arms give on one split and one target."""

    tracks: dict[str, Track]
    outcomes: dict[str, Outcome]
    blind: dict[float, dict[str, BlindSpot]]


def oracle_experiment(
    problem: Problem,
    comparison: Comparison,
    *,
    runs: int,
    threads: int = 1,
    progress: Callable[[float], None] = lambda fraction: None,
) -> OracleExperiment:
    """Return the samplers beside each other, over runs of one split and one target for all of them."""
    first = sampler_task(problem, 0, comparison.rows, comparison.network)
    network = comparison.network
    schedule = Schedule.of_flow(first.modes) if network is None else Schedule.of_steps(network.steps)
    window, target = window_of(first.modes), TARGET * first.rows
    shared = len(first.truth) / first.rows
    cuts = [_cut(problem, comparison, run, first.rows, threads) for run in range(runs)]

    def trained(run: int) -> Run:
        return _trained(problem, comparison, run, schedule, cuts[run], window, target)

    found = []
    with threadpool_limits(limits=1), ThreadPoolExecutor(threads) as pool:  # a run a core: its matrices are small
        for one in pool.map(trained, range(runs)):
            found.append(one)
            progress(len(found) / runs)
    return OracleExperiment(
        comparison=comparison,
        arms=dict(_arms(comparison, found, window, shared)),
        rows=first.rows,
        held=len(first.truth),
        window=window,
        target=target,
        blind={share: tuple(run.blind[share] for run in found) for share in comparison.noises},
        shared=shared,
    )


def _trained(
    problem: Problem,
    comparison: Comparison,
    run: int,
    schedule: Schedule,
    cut: FloatArray,
    window: tuple[float, float],
    target: float,
) -> Run:
    clean = sampler_task(problem, run, comparison.rows, comparison.network)
    seed = [problem.seed, run]
    task = clean.with_noise(comparison.noise, seed=seed) if comparison.noise else clean
    arms = {**SAMPLERS, STATIC: fixed(cut)}
    options = {"power": comparison.power, "cap": comparison.cap}
    tracks = {
        name: _oracle(task, schedule, ORACLES[name])
        if name in ORACLES
        else sampled_run(task, arms[name], schedule, seed=[*seed, *name.encode()], **options)
        for name in comparison.arms
    }
    uniform, oracle = tracks[UNIFORM], tracks.get("oracle")
    return Run(
        tracks=tracks,
        outcomes={
            name: outcome(track, uniform, oracle, clean.modes, window, target) for name, track in tracks.items()
        },
        blind={
            share: blind_spots(
                task if share == comparison.noise else clean.with_noise(share, seed=seed),
                schedule,
                labels=isinstance(problem.target, Labels),
                noise=share,
                seed=seed,
                **options,
            )
            for share in comparison.noises
        },
    )


def _arms(
    comparison: Comparison, runs: list[Run], window: tuple[float, float], shared: float
) -> Iterator[tuple[str, Arm]]:
    found = {name: estimates([run.outcomes[name] for run in runs], shared) for name in comparison.arms}
    for name in comparison.arms:
        tracks = tuple(run.tracks[name] for run in runs)
        fell = any(run.tracks[each].fell(window) for run in runs for each in (name, UNIFORM))
        curve: Curve = "capacity" if fell else "frontier"
        verdict = None
        if name in SAMPLERS and name != UNIFORM:
            statuses = [track.coherence.status for track in tracks if track.coherence is not None]
            beside = found[UNIFORM], found.get("oracle")
            verdict = judged(found[name], *beside, statuses, curve=curve, noise=comparison.noise)
        outcomes = tuple(run.outcomes[name] for run in runs)
        yield name, Arm(tracks=tracks, outcomes=outcomes, curve=curve, estimates=found[name], verdict=verdict)


def chosen(names: Sequence[str]) -> tuple[str, ...]:
    """Return the samplers of these names, uniform first; "all" is every one.

    Raises
    ------
    ConfigError
        A name is unknown.
    """
    for name in names:
        if name not in SAMPLERS and name != "all":
            raise ConfigError(f"unknown sampler {name!r}", next_step=f"use all, or of {', '.join(SAMPLERS)}")
    return tuple(name for name in SAMPLERS if name in names or name == UNIFORM or "all" in names)


def cut_weights(order: IntArray, keep: float) -> FloatArray:
    """Return weights (n,) of mean 1 that are 0 but on the first share `keep` of the rows in their order (n,)."""
    weights = np.zeros(len(order))
    kept = order[: max(round(keep * len(order)), 1)]
    weights[kept] = len(order) / len(kept)
    return weights


def _cut(problem: Problem, comparison: Comparison, run: int, rows: int, threads: int) -> FloatArray:
    """Return the weights of the static arm."""
    train = problem.rows[problem.split(run).pool[:rows]]
    pool = pool_of(train, problem.kernel, seed=problem.seed + run, threads=threads)
    return cut_weights(keep_orders((comparison.method,), pool)[comparison.method], comparison.keep)


def _oracle(task: SamplerTask, schedule: Schedule, suppress: str) -> Track:
    """Return a reference at the times of the others, and at earlier ones, since it is fast."""
    times = schedule.times
    earlier = np.geomspace(times[0] / 10, times[0], LOOKS, endpoint=False)
    return oracle_track(
        task.modes, task.across, task.targets, task.truth, np.append(earlier, times), suppress=suppress
    )
