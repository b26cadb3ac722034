"""What an oracle sees of the frontier: late, low, high, noisy, now and then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """When the estimate is renewed: every `step` of time, or each time that time has grown by the factor `step`."""

    kind: Literal["every", "geo"]
    step: float

    def due(self, time: float, last: float) -> bool:
        """Tell whether it is time to look again."""
        return time >= (last + self.step if self.kind == "every" else last * self.step)


@dataclass(frozen=True, slots=True, kw_only=True)
class Degradation:
    """How the estimate khat of the frontier k* is worse than k*, and how weights are bounded.

    Attributes
    ----------
    lag, lag_power
        khat = k*^lag_power / lag; an under-estimate for lag > 1, lag_power < 1.
    over
        khat = over k*; > 1 is an over-estimate.
    noise
        khat = k* e^(noise xi), xi standard normal, drawn again at each look.
    delay
        khat is of so long ago.
    refresh
        When it is looked at; None for always.
    cap
        Largest weight.
    floor
        Least weight of learned modes, on top of the budget.
    """

    lag: float = 1.0
    lag_power: float = 1.0
    over: float = 1.0
    noise: float = 0.0
    delay: float = 0.0
    refresh: Refresh | None = None
    cap: float = np.inf
    floor: float = 0.0

    @property
    def changed(self) -> tuple[str, ...]:
        """The names of what is not at its default."""
        plain = Degradation()
        return tuple(name for name in self.__slots__ if getattr(self, name) != getattr(plain, name))


class Observer:
    """Looks at the frontier as a degradation allows, one time after the other."""

    def __init__(self, degradation: Degradation, *, seed: int) -> None:
        self._of = degradation
        self._random = np.random.default_rng(seed)
        self._times: list[float] = []
        self._frontiers: list[float] = []
        self._looked = -np.inf
        self._estimate = 0.0

    def look(self, time: float, frontier: float) -> float:
        """Return the estimate at `time` of the `frontier`; times must rise."""
        of = self._of
        if of.delay:
            self._times.append(time)
            self._frontiers.append(frontier)
        if np.isfinite(self._looked) and of.refresh is not None and not of.refresh.due(time, self._looked):
            return self._estimate
        seen = float(np.interp(time - of.delay, self._times, self._frontiers, left=0.0)) if of.delay else frontier
        factor = np.exp(of.noise * self._random.standard_normal()) if of.noise else 1.0
        self._looked = time
        self._estimate = seen**of.lag_power / of.lag * of.over * float(factor) if seen else 0.0
        return self._estimate
