"""The run of a policy on a spectrum: frontier, capacity, loss, spent trace and largest weight over time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from specaudit.dynamics.degradations import Degradation, Observer
from specaudit.dynamics.frontier import contiguous, furthest
from specaudit.dynamics.modes import Modes
from specaudit.dynamics.motion import MOTIONS, REACHED, GradientFlow
from specaudit.dynamics.policies import POLICIES, Bounds, Moment
from specaudit.dynamics.suppression import SUPPRESSIONS
from specaudit.kernels import FloatArray

STEP = 0.005
"""Width of a step in ln of the clock; halving it moves no slope by more than .001, no constant by more than 1 %."""
FIRST = 0.01
"""Progress of the first mode after the first step."""
HORIZON = 1e5
"""Rank of the frontier at which a run ends."""


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
    capacity
        (T,) N = sum of 1 - (c/c(0))^2 over the modes that are followed.
    loss
        (T,) sum of k^-a (c/c(0))^2.
    spent
        (T,) integral of the trace of the weighted operator over the clock.
    largest
        (T,) largest weight.
    snapshots
        Weighted eigenvalues at the times nearest to those asked for.
    """

    time: FloatArray = field(repr=False)
    clock: FloatArray = field(repr=False)
    frontier: FloatArray = field(repr=False)
    furthest: FloatArray = field(repr=False)
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
    policy: str,
    *,
    source: float,
    rho: float = 1.0,
    momentum: str | None = None,
    degradation: Degradation | None = None,
    bounds: Bounds | None = None,
    suppress: str = "deep",
    horizon: float = HORIZON,
    seed: int = 0,
    at: Sequence[float] = (),
    step: float = STEP,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Flow:
    """Return the run of a policy until the frontier is at `horizon`, or until static weights would have it there.

    Parameters
    ----------
    policy, suppress, momentum
        Keys of `POLICIES`, `SUPPRESSIONS` and `MOTIONS`.
    source
        The coefficient of mode k has the energy k^-source at the start.
    rho
        The learning rate is rho t^(rho - 1); not with a momentum.
    seed
        Of the noise and of random weights.
    at
        Times of snapshots.
    step
        In ln of the clock.
    """
    degradation = degradation or Degradation()
    weigh = POLICIES[policy](modes, degradation, bounds or Bounds(), seed=seed)
    threshold = SUPPRESSIONS[suppress]
    motion = MOTIONS[momentum](len(modes.values)) if momentum else GradientFlow(len(modes.values), rho=rho)
    observer = Observer(degradation, seed=seed)
    energy = modes.power_sums(source)
    times = _times(modes, horizon, rho, momentum, step)
    clock = times**rho
    wanted = np.searchsorted(times, np.asarray(at)) if len(at) else np.empty(0, int)
    rows, snapshots, spent = [], [], 0.0
    for number in range(len(times) - 1):
        now, after = clock[number], clock[number + 1]
        known = contiguous(modes, motion.progress, threshold(now, source))
        weights = weigh.at(
            Moment(
                modes=modes,
                estimate=observer.look(times[number], known),
                progress=motion.progress,
                threshold=threshold(now, source),
                following=threshold(after, source),
                step=after - now,
            )
        )
        snapshots += [
            Snapshot(time=float(times[number]), values=modes.values * weights.values)
            for place in wanted
            if place == number
        ]
        motion.move(modes.values * weights.values, times[number], times[number + 1])
        spent += weights.trace(modes) * (after - now)
        left = np.exp(-2 * motion.progress)
        reached = contiguous(modes, motion.progress)
        last = furthest(modes, motion.progress)
        rows.append(
            (reached, last, modes.counts @ (1 - left), energy @ left, spent, weights.largest)
        )
        progress((number + 1) / (len(times) - 1))
        if reached >= min(horizon, modes.size):
            break
    columns = np.array(rows).T
    end = len(rows) + 1
    return Flow(
        time=times[1:end],
        clock=clock[1:end],
        frontier=columns[0],
        furthest=columns[1],
        capacity=columns[2],
        loss=columns[3],
        spent=columns[4],
        largest=columns[5],
        snapshots=tuple(snapshots),
    )


def _times(modes: Modes, horizon: float, rho: float, momentum: str | None, step: float) -> FloatArray:
    """Return 0 and times that grow by a factor until static weights have learned the modes up to the horizon."""
    first, last = float(modes.values[0]), modes.at(min(horizon, modes.size))
    if momentum == "nesterov":
        start, end, width = (FIRST / first) ** 0.5, 1.05 * REACHED / last**0.5, step / 2
    else:
        start, end, width = (FIRST / first) ** (1 / rho), (1.05 / last) ** (1 / rho), step / rho
    return np.append(0.0, start * np.exp(np.arange(0.0, np.log(end / start) + width, width)))
