"""The run of a policy on a spectrum: frontier, capacity, loss, spent trace and largest weight over time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from specaudit.dynamics.degradations import Observer
from specaudit.dynamics.frontier import contiguous, furthest
from specaudit.dynamics.modes import Modes
from specaudit.dynamics.motion import MOTIONS, REACHED, GradientFlow
from specaudit.dynamics.policies import POLICIES, Moment
from specaudit.dynamics.scheme import Scheme
from specaudit.dynamics.suppression import SUPPRESSIONS
from specaudit.kernels import FloatArray

STEP = 0.005
"""Width of a step in ln of the clock; halving it moves no slope by more than .001, no constant by more than 1 %."""
FIRST = 0.01
"""Progress of the first mode after the first step."""
HORIZON = 1e5
"""Rank of the frontier at which a run ends."""
KEPT = 50
"""Steps from one snapshot to the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Weighted eigenvalues (g,) of all blocks at a time."""

    time: float
    values: FloatArray = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """What a run saw, at T times.

    Attributes
    ----------
    time, clock
        (T,) time, and time as the learning rate counts it: t^rho.
    frontier, furthest
        (T,) the rank k* at which the run of learned modes ends, and that of the last learned mode.
    known
        (T,) where the policy itself would end that run, by the threshold of its suppression.
    capacity
        (T,) N = sum of 1 - (c/c(0))^2 over the modes that are followed.
    loss
        (T,) sum of k^-a (c/c(0))^2; modes that are not followed count as not learned.
    spent
        (T,) integral of the trace of the weighted operator over the clock.
    largest
        (T,) largest weight.
    snapshots
        Weighted eigenvalues, at every `KEPT`-th time.
    """

    time: FloatArray = field(repr=False)
    clock: FloatArray = field(repr=False)
    frontier: FloatArray = field(repr=False)
    furthest: FloatArray = field(repr=False)
    known: FloatArray = field(repr=False)
    capacity: FloatArray = field(repr=False)
    loss: FloatArray = field(repr=False)
    spent: FloatArray = field(repr=False)
    largest: FloatArray = field(repr=False)
    snapshots: tuple[Snapshot, ...] = field(repr=False, default=())

    def reached(self, target: float, of: str = "frontier") -> float | None:
        """Return the time at which a curve first reaches the target, linear in logarithms; None if it never does."""
        values: FloatArray = np.maximum.accumulate(getattr(self, of))
        if not values[-1] >= target:
            return None
        at = int(np.searchsorted(values, target))
        if at == 0 or values[at - 1] <= 0:
            return float(self.time[at])
        share = np.log(target / values[at - 1]) / np.log(values[at] / values[at - 1])
        return float(self.time[at - 1] * (self.time[at] / self.time[at - 1]) ** share)


def flow(
    modes: Modes,
    scheme: Scheme,
    *,
    horizon: float = HORIZON,
    step: float = STEP,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Flow:
    """Return the run of a scheme until the frontier is at `horizon`, or until static weights would have it there.

    Parameters
    ----------
    step
        In ln of the clock.
    """
    degradation, source = scheme.degradation, scheme.source
    weigh = POLICIES[scheme.policy](modes, degradation, scheme.bounds, seed=scheme.seed)
    size, first = len(modes.values), float(modes.values[0])
    motion = MOTIONS[scheme.momentum](size, first) if scheme.momentum else GradientFlow(size, rho=scheme.rho)
    observer = Observer(degradation, seed=scheme.seed)
    energy = modes.power_sums(source)
    beyond = modes.size ** (1 - source) / (source - 1)
    times = _times(modes, horizon, scheme, step)
    clock = times**scheme.rho
    thresholds = [SUPPRESSIONS[scheme.suppress](first * now, source) for now in clock]
    rows: list[tuple[float, ...]] = []
    snapshots, spent = [], 0.0
    for number in range(len(times) - 1):
        now, after = clock[number], clock[number + 1]
        known = contiguous(modes, motion.progress, thresholds[number])
        weights = weigh.at(
            Moment(
                modes=modes,
                estimate=observer.look(times[number], known),
                progress=motion.progress,
                threshold=thresholds[number],
                following=thresholds[number + 1],
                step=after - now,
            )
        )
        rates = modes.values * weights.values
        if number % KEPT == 0:
            snapshots.append(Snapshot(time=float(times[number + 1]), values=rates))
            progress((number + 1) / len(times))
        motion.move(rates, times[number], times[number + 1])
        spent += weights.trace(modes) * (after - now)
        left = motion.left
        reached = contiguous(modes, motion.progress)
        last = furthest(modes, motion.progress)
        capacity, loss = float(modes.counts @ (1 - left)), float(energy @ left) + beyond
        rows.append((reached, last, known, capacity, loss, spent, weights.largest))
        if reached >= min(horizon, modes.size):
            break
    end = len(rows) + 1
    return Flow(time=times[1:end], clock=clock[1:end], **_columns(rows), snapshots=tuple(snapshots))


def _columns(rows: list[tuple[float, ...]]) -> dict[str, FloatArray]:
    names = ("frontier", "furthest", "known", "capacity", "loss", "spent", "largest")
    return dict(zip(names, np.array(rows).T, strict=True))


def _times(modes: Modes, horizon: float, scheme: Scheme, step: float) -> FloatArray:
    """Return 0 and times that grow by a factor until static weights have learned the modes up to the horizon."""
    first, last = float(modes.values[0]), modes.at(min(horizon, modes.size))
    rho = scheme.rho
    if scheme.momentum == "nesterov":
        start, end, width = (FIRST / first) ** 0.5, 1.05 * REACHED / last**0.5, step / 2
    else:
        start, end, width = (FIRST / first) ** (1 / rho), (1.05 / last) ** (1 / rho), step / rho
    return np.append(0.0, start * np.exp(np.arange(0.0, np.log(end / start) + width, width)))
