"""Whether a policy raises the exponent of the frontier over static weights, and how much time it saves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from specaudit.dynamics.flow import Flow
from specaudit.dynamics.growth import Growth

AccelerationVerdict = Literal["accelerated", "transient", "none", "jammed", "inconclusive", "not-applicable"]

HARMONIC = 1.001
"""Local exponent b up to which eigenvalues count as falling no faster than 1/k."""
DECADE = 0.95
"""Powers of ten that the frontier must go on the window."""
GAINED = 0.1
"""Share of the oracle's gain in exponent below which a quarter of the window shows none."""
FASTER = 1.05
"""Factor over the oracle's exponent above which a slope is that of a late start."""
STILL, LONG = 1.02, 10.0
"""A frontier that grows by less than the one factor while time grows by the other, and the last mode goes on, is
jammed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """The share of an oracle's saving in time: phi = ln(t_static / t) / ln(t_static / t_oracle), at a target.

    Attributes
    ----------
    target
        Rank of the frontier, or capacity.
    time, static, oracle
        When each run reaches it; None if it does not.
    """

    target: float
    time: float | None
    static: float | None
    oracle: float | None

    @property
    def phi(self) -> float | None:
        """1 for the oracle, 0 for static weights, negative for slower ones; None if it cannot be told."""
        if self.time is None or self.static is None or self.oracle is None or self.oracle >= self.static:
            return None
        return float(np.log(self.static / self.time) / np.log(self.static / self.oracle))


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceleration:
    """Whether the exponent rises, and why that is said.

    Attributes
    ----------
    value, low, high
        A = (slope - static slope) / (oracle's exponent - static slope), and its range over quarters of the window;
        None where there is nothing to compare.
    """

    verdict: AccelerationVerdict
    reason: str
    value: float | None = None
    low: float | None = None
    high: float | None = None


def recovered(run: Flow, static: Flow, oracle: Flow, targets: tuple[float, ...], of: str) -> tuple[Recovery, ...]:
    """Return what share of the oracle's saving in time a run has, at target values of the curve `of`."""
    return tuple(
        Recovery(
            target=target,
            time=run.reached(target, of),
            static=static.reached(target, of),
            oracle=oracle.reached(target, of),
        )
        for target in targets
    )


def jammed(run: Flow) -> bool:
    """Tell whether the run of modes that the policy knows as learned has stopped, while later modes are learned."""
    before = np.searchsorted(run.time, run.time[-1] / LONG)
    stopped = run.known[-1] < max(STILL * run.known[before], 1.0)
    return bool(stopped and run.furthest[-1] > STILL * max(run.furthest[before], run.known[-1]))


def accelerated(
    run: Flow,
    found: Growth | None,
    static: Growth | None,
    local: Growth | None,
    *,
    speed: float,
    ending: str | None = None,
    can_jam: bool = False,
) -> Acceleration:
    """Return whether a run accelerates.

    Parameters
    ----------
    found, static
        The slope of the run and of static weights; None where the curve is not on the window.
    local
        Local exponent b of the eigenvalues there.
    speed
        The oracle's exponent: rho.
    ending
        What will end any gain past the window, in words; None for nothing.
    can_jam
        Whether the policy leaves modes without weight for good: an oracle without a floor.
    """
    if local is not None and local.value <= HARMONIC:
        return Acceleration(
            verdict="not-applicable",
            reason=f"the eigenvalues fall as k^-{local.value:.2f} on the window: not faster than 1/k, to which an "
            "oracle would flatten them, so that there is no exponent to gain",
        )
    if can_jam and jammed(run):
        return Acceleration(
            verdict="jammed",
            reason=f"the oracle stays at mode {run.known[-1]:.3g}: modes beyond it are taken for learned and get no "
            "weight, and all others go on as with static weights",
        )
    if found is None or static is None or local is None:
        return Acceleration(verdict="inconclusive", reason=_absent(run))
    if found.decades < DECADE:
        return Acceleration(
            verdict="inconclusive",
            reason=f"the frontier goes over {found.decades:.1f} powers of ten on the window; it takes one to tell",
        )
    if local.low <= HARMONIC:
        return Acceleration(
            verdict="inconclusive",
            reason=f"the local exponent b falls to {local.low:.2f} on a part of the window; at 1 and below there is "
            "nothing to gain",
        )
    scale = speed - static.value
    value, low, high = ((slope - static.value) / scale for slope in (found.value, found.low, found.high))
    verdict, reason = _judged(low, high, found, speed, ending)
    return Acceleration(verdict=verdict, reason=reason, value=value, low=low, high=high)


def _absent(run: Flow) -> str:
    jump = int(np.argmax(np.diff(run.frontier, prepend=0.0)))
    if run.frontier[jump] > 0.5 * run.frontier[-1] > 0:
        return f"all modes up to {run.frontier[jump]:,.0f} are learned at once, at t = {run.time[jump]:.4g}"
    return f"the frontier is not on the window for long enough; it ends at {run.frontier[-1]:.3g}"


def _judged(
    low: float, high: float, found: Growth, speed: float, ending: str | None
) -> tuple[AccelerationVerdict, str]:
    slopes = f"slopes over quarters of the window {found.low:.3f} to {found.high:.3f}"
    if found.high > FASTER * speed:
        return (
            "inconclusive",
            f"{slopes}: more than {speed:g} is no exponent: a late start caught up, jumps, or a spectrum that bends",
        )
    if high < GAINED:
        return "none", f"{slopes}: no more than with static weights"
    if ending is not None:
        return "transient", f"{slopes}; {ending}"
    if low < GAINED:
        return "transient", f"{slopes}: the gain in exponent does not last over the window"
    return "accelerated", f"{slopes}: above static weights on all of it"
