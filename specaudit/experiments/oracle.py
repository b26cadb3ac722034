"""Samplers on the user's rows: each beside uniform sampling and the oracle in mode space, over seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from specaudit.errors import ConfigError
from specaudit.experiments.blind_spots import BlindSpot, blind_spots
from specaudit.experiments.mode_oracle import oracle_track
from specaudit.experiments.outcomes import Outcome, estimates, outcome
from specaudit.experiments.sampler_run import LOOKS, Schedule, sampled_run
from specaudit.experiments.sampler_task import SamplerTask
from specaudit.experiments.sampler_verdict import Verdict, judged
from specaudit.experiments.samplers import SAMPLERS, Sampler
from specaudit.experiments.slopes import Estimate
from specaudit.experiments.tracks import Curve, Track, window_of
from specaudit.kernels import FloatArray

ORACLES = {"oracle": "paper", "oracle-deep": "deep"}
"""The references in mode space by name, and how far each learns a mode."""
STATIC = "pruned"
"""The arm of static pruning: its weights are those of a cut, from the start on."""
TARGET = 0.1
"""Capacity of the speed-up, as a share of the training rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One seed: the task with and without noise, the weights of a cut, and when runs are looked at."""

    clean: SamplerTask = field(repr=False)
    task: SamplerTask = field(repr=False)
    cut: FloatArray = field(repr=False)
    schedule: Schedule = field(repr=False)
    seed: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One sampler, or a reference, over all trials.

    Attributes
    ----------
    tracks, outcomes
        Of each trial.
    curve
        By which it is judged: frontier, or capacity where the frontier loses modes again in a run.
    estimates
        Of the outcomes.
    verdict
        None of references, and of the cut, whose frontier would be that of fewer rows.
    """

    tracks: tuple[Track, ...] = field(repr=False)
    outcomes: tuple[Outcome, ...]
    curve: Curve
    estimates: dict[str, Estimate | None]
    verdict: Verdict | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OracleExperiment:
    """What came of it.

    Attributes
    ----------
    arms
        By name: the samplers, `STATIC`, and the oracles where the model has modes of its own.
    window, target
        Ranks between which slopes are taken, and the capacity of the speed-up.
    blind
        Blind spots in each trial by share of label noise and score.
    """

    arms: dict[str, Arm]
    window: tuple[float, float]
    target: float
    blind: dict[float, tuple[dict[str, BlindSpot], ...]] = field(repr=False)


def compared(
    trials: Sequence[Trial],
    *,
    samplers: Sequence[str],
    power: float,
    cap: float,
    noise: float,
    noises: Sequence[float],
    labels: bool,
    with_oracle: bool,
    shared: float,
    progress: Callable[[float], None] = lambda fraction: None,
) -> OracleExperiment:
    """Return the samplers beside each other.

    Parameters
    ----------
    noise, noises
        Share of label noise of the trials' tasks, and shares at which blind spots are looked for.
    with_oracle
        Whether the oracle in mode space is worked out: of kernel machines.
    shared
        See `estimated`.
    """
    names = list(dict.fromkeys(["uniform", *samplers]))
    window, target = window_of(trials[0].task.modes), TARGET * trials[0].task.rows
    total = len(trials) * (len(names) + 1 + len(noises))
    done = 0

    def finished() -> None:
        nonlocal done
        done += 1
        progress(done / total)

    tracks: dict[str, list[Track]] = {name: [] for name in [*names, STATIC, *(ORACLES if with_oracle else [])]}
    blind: dict[float, list[dict[str, BlindSpot]]] = {share: [] for share in noises}
    for trial in trials:
        for place, name in enumerate([*names, STATIC]):
            sampler = SAMPLERS[name] if name in SAMPLERS else _fixed(trial.cut)
            tracks[name].append(
                sampled_run(trial.task, sampler, trial.schedule, power=power, cap=cap, seed=[*trial.seed, place])
            )
            finished()
        for name in ORACLES if with_oracle else []:
            tracks[name].append(_oracle(trial, name))
        for share in noises:
            task = trial.clean.with_noise(share, seed=[*trial.seed, 100]) if share else trial.clean
            blind[share].append(
                blind_spots(
                    task, trial.schedule, labels=labels, power=power, cap=cap, noise=share, seed=[*trial.seed, 101]
                )
            )
            finished()
    return OracleExperiment(
        arms=_arms(trials, tracks, window, target, noise=noise, shared=shared),
        window=window,
        target=target,
        blind={share: tuple(each) for share, each in blind.items()},
    )


def _arms(
    trials: Sequence[Trial],
    tracks: dict[str, list[Track]],
    window: tuple[float, float],
    target: float,
    *,
    noise: float,
    shared: float,
) -> dict[str, Arm]:
    """Return what is to be said of each arm's runs."""
    oracles = tracks.get("oracle", [None] * len(trials))
    arms: dict[str, Arm] = {}
    for name in ["uniform", "oracle", *tracks]:
        runs = tracks.get(name)
        if name in arms or runs is None:
            continue
        curve: Curve = "capacity" if any(track.fell(window) for track in runs) else "frontier"
        outcomes = [
            outcome(track, uniform, oracle, trial.task.modes, window, target, curve)
            for track, uniform, oracle, trial in zip(runs, tracks["uniform"], oracles, trials, strict=True)
        ]
        found, verdict = estimates(outcomes, shared), None
        if name in SAMPLERS and name != "uniform":
            statuses = [track.coherence.status for track in runs if track.coherence is not None]
            oracle = arms["oracle"].estimates if "oracle" in arms else None
            verdict = judged(found, arms["uniform"].estimates, oracle, statuses, curve=curve, noise=noise)
        arms[name] = Arm(tracks=tuple(runs), outcomes=tuple(outcomes), curve=curve, estimates=found, verdict=verdict)
    return {name: arms[name] for name in tracks}


def chosen(names: Sequence[str]) -> tuple[str, ...]:
    """Return the samplers of these names, "all" for every one.

    Raises
    ------
    ConfigError
        A name is unknown.
    """
    if "all" in names:
        return tuple(SAMPLERS)
    for name in names:
        if name not in SAMPLERS:
            raise ConfigError(f"unknown sampler {name!r}", next_step=f"choose of all, {', '.join(SAMPLERS)}")
    return tuple(dict.fromkeys(names))


def cut_weights(order: Sequence[int] | FloatArray, keep: float) -> FloatArray:
    """Return weights (n,) of mean 1 that are 0 but on the first `keep` of an order (n,), in which rows are kept."""
    weights = np.zeros(len(order))
    kept = np.asarray(order)[: max(round(keep * len(order)), 1)]
    weights[kept] = len(order) / len(kept)
    return weights


def _fixed(weights: FloatArray) -> Sampler:
    return Sampler(title="static pruning", weigh=lambda seen: weights)


def _oracle(trial: Trial, name: str) -> Track:
    """Return a reference at the times of the others, and at earlier ones, since it is early."""
    task, times = trial.task, trial.schedule.times
    earlier = np.geomspace(times[0] / 10, times[0], LOOKS, endpoint=False)
    return oracle_track(
        task.modes, task.across, task.targets, task.truth, np.append(earlier, times), suppress=ORACLES[name]
    )
