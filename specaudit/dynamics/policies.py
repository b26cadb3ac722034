"""Policies: the weight of every mode at a moment, one literal registry.

Weights are those of a reweighted operator in its own modes, which an ideal reweighting of rows could give if every
mode were local; see docs/dynamics.md for what rows can do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from specaudit.dynamics.degradations import Degradation
from specaudit.dynamics.frontier import ROUNDING
from specaudit.dynamics.modes import Modes
from specaudit.kernels import FloatArray

Pattern = Literal["ramp", "random"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Static weights between two bounds: a ramp, low k up to high, or drawn for each block of modes (log-uniform)."""

    low: float = 0.2
    high: float = 10.0
    pattern: Pattern = "ramp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Weights (g,) of the blocks of modes, and that of the modes that are not followed."""

    values: FloatArray = field(repr=False)
    rest: float

    def capped(self, cap: float) -> Weights:
        """Return the weights, none above `cap`."""
        return Weights(values=np.minimum(self.values, cap), rest=min(self.rest, cap))

    def trace(self, modes: Modes) -> float:
        """Return the sum of all weighted eigenvalues."""
        return float(modes.sums @ self.values) + modes.rest * self.rest

    @property
    def largest(self) -> float:
        """The largest weight."""
        return max(float(self.values.max()), self.rest)


@dataclass(frozen=True, kw_only=True)
class Moment:
    """What a policy may look at.

    Attributes
    ----------
    modes
        The spectrum.
    estimate
        Where it takes the frontier to be.
    progress
        (g,) -ln|c/c(0)| of each block.
    threshold, following
        At which a mode counts as learned, now and after the step.
    step
        Clock time until the next moment.
    """

    modes: Modes
    estimate: float
    progress: FloatArray
    threshold: float
    following: float
    step: float


class Policy:
    """Weights that may depend on the moment; made once for each run.

    Parameters
    ----------
    modes, degradation, bounds
        Of the run.
    seed
        Of random weights.
    """

    def __init__(self, modes: Modes, degradation: Degradation, bounds: Bounds, *, seed: int) -> None:
        self.modes, self.degradation, self.bounds, self.seed = modes, degradation, bounds, seed

    def at(self, moment: Moment) -> Weights:
        """Return the weights at a moment."""
        return self.fixed

    @cached_property
    def fixed(self) -> Weights:
        """The weights of a static policy: here 1."""
        return Weights(values=np.ones(len(self.modes.values)), rest=1.0)


class Bounded(Policy):
    """Any static weights between two bounds; their trace is their own."""

    @cached_property
    def fixed(self) -> Weights:
        """A ramp or random weights."""
        low, high = self.bounds.low, self.bounds.high
        if self.bounds.pattern == "ramp":
            return Weights(values=np.clip(low * self.modes.ranks, low, high), rest=high)
        drawn = np.random.default_rng(self.seed).uniform(np.log(low), np.log(high), len(self.modes.values))
        return Weights(values=np.exp(drawn), rest=float(np.sqrt(low * high)))


class Whiten(Policy):
    """Static weights in proportion to 1/lambda up to a horizon: all modes are learned at once, at K theta / Tr."""

    @cached_property
    def fixed(self) -> Weights:
        """Equal weighted eigenvalues of the same trace."""
        weights = Weights(values=self.modes.trace / (self.modes.size * self.modes.values), rest=0.0)
        return weights.capped(self.degradation.cap)


class Harmonic(Policy):
    """Static weights that turn the eigenvalues into 1/k up to a horizon."""

    @cached_property
    def fixed(self) -> Weights:
        """Weighted eigenvalues in proportion to 1/k of the same trace."""
        sums = self.modes.power_sums(1.0)
        weights = Weights(values=self.modes.trace / sums.sum() * sums / self.modes.sums, rest=0.0)
        return weights.capped(self.degradation.cap)


class Oracle(Policy):
    """No weight on modes up to the estimated frontier, all of the trace on the others.

    Learned modes get what keeps them at a rising threshold, and never less than the floor, which comes on top of the
    trace. A mode up to the estimate that is not learned gets nothing: an over-estimate leaves holes.
    """

    def at(self, moment: Moment) -> Weights:
        """Return the weights at a moment."""
        modes, limits = self.modes, self.degradation
        split = int(np.searchsorted(modes.ranks, moment.estimate, side="right"))
        progress = moment.progress[:split]
        owed = np.maximum(moment.following - progress, 0.0) / moment.step
        owed[progress < moment.threshold * (1 - ROUNDING)] = 0.0
        kept = np.minimum(owed / modes.values[:split], limits.cap)
        left = max(modes.trace - float(modes.sums[:split] @ kept), 0.0)
        tail = modes.tails[split]
        weight = min(left / tail, limits.cap) if tail > 0 else 0.0
        values = np.full(len(modes.values), weight)
        values[:split] = np.maximum(kept, limits.floor)
        return Weights(values=values, rest=weight)


POLICIES: dict[str, Callable[..., Policy]] = {
    "static": Policy,
    "bounded": Bounded,
    "oracle": Oracle,
    "whiten": Whiten,
    "harmonic": Harmonic,
}
"""Name -> policy."""
