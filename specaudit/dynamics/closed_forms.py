"""What theory says of a run, where it says anything: lines k*(t), a cap's knee, slopes of the loss.

All for a tail level k^-b, b > 1, of an operator of trace Tr, and a clock u = t^rho. Derived in docs/dynamics.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr

from specaudit.dynamics.degradations import Degradation
from specaudit.dynamics.modes import Modes
from specaudit.dynamics.motion import REACHED
from specaudit.dynamics.scheme import Scheme
from specaudit.dynamics.suppression import deep
from specaudit.kernels import FloatArray

ROUNDS = 30
"""Of the iteration for the threshold at a knee; each gains a digit or more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedForm:
    """A line k*(t).

    Attributes
    ----------
    name
        What it is the law of.
    line
        Function of times (T,).
    """

    name: str
    line: Callable[[FloatArray], FloatArray]


def closed_form(modes: Modes, scheme: Scheme) -> ClosedForm | None:
    """Return the law of a run; None where none is known: no power law, b <= 1, two degradations at once, ..."""
    b, source, rho, degradation = modes.exponent, scheme.source, scheme.rho, scheme.degradation
    policy, momentum, suppress = scheme.policy, scheme.momentum, scheme.suppress
    if b is None or b <= 1:
        return None
    level, trace, first = modes.level, modes.trace, float(modes.values[0])
    if policy in ("static", "bounded"):
        if momentum == "nesterov":
            return ClosedForm(name="static, Nesterov: 2/b", line=lambda t: (level * (t / REACHED) ** 2) ** (1 / b))
        name = {"static": "static: rho/b", "bounded": "bounded weights: rho/b, up to a factor"}[policy]
        return ClosedForm(name=name, line=lambda t: (level * t**rho) ** (1 / b))
    if momentum is not None:
        return None
    if policy == "harmonic" and degradation.cap == np.inf:
        total = float(modes.power_sums(1.0).sum())
        return ClosedForm(name="harmonic: rho", line=lambda t: trace * t**rho / total)
    if policy != "oracle":
        return None
    changed = degradation.changed
    if suppress == "deep":
        if changed:
            return None
        return ClosedForm(
            name="oracle, deep suppression: (b-1)/b Tr u / theta^(1-1/b)",
            line=lambda t: (b - 1) / b * trace * t**rho * _deep(first * t**rho, source) ** (1 / b - 1),
        )
    if not changed:
        return ClosedForm(name="oracle: (b-1)/b Tr u", line=lambda t: (b - 1) / b * trace * t**rho)
    if len(changed) > 1:
        return None
    return _degraded(changed[0], degradation, b=b, level=level, trace=trace, rho=rho)


def knee(modes: Modes, scheme: Scheme) -> float | None:
    """Return the rank of the frontier past which a capped oracle has the exponent of static weights.

    None without a cap, and where no law is known. Under deep suppression k* is ahead of what the oracle knows.
    """
    b, cap = modes.exponent, scheme.degradation.cap
    if b is None or b <= 1 or scheme.policy != "oracle" or scheme.momentum is not None or not np.isfinite(cap):
        return None
    known = _capped(b, cap, modes.level, modes.trace)
    threshold = 1.0
    for _ in range(ROUNDS if scheme.suppress == "deep" else 0):
        clock = known * threshold * b / ((b - 1) * modes.trace)
        threshold = deep(float(modes.values[0]) * clock, scheme.source)
    return float(known * threshold ** (1 / b))


def loss_slope(modes: Modes, scheme: Scheme) -> ClosedForm | None:
    """Return the law of the loss as a line in time, whose level means nothing; None where none is known."""
    b, source = modes.exponent, scheme.source
    if b is None or b <= 1:
        return None
    oracle = scheme.policy == "oracle" and scheme.momentum is None and not scheme.degradation.changed
    if scheme.policy in ("static", "bounded"):
        slope, name = -(source - 1) * scheme.speed / b, "static: -(a-1) rho/b"
    elif oracle and scheme.suppress == "deep":
        slope, name = -(source - 1) * scheme.rho, "oracle, deep suppression: -(a-1) rho"
    elif oracle:
        slope, name = 0.0, "oracle, paper suppression: the loss stalls"
    else:
        return None
    return ClosedForm(name=name, line=lambda t: t**slope)


def lag_constant(b: float, lag: float) -> float:
    """Return by what k* of an oracle falls that takes the frontier to be at k*/lag."""
    return float(lag ** (1 - b))


def noise_constant(b: float, noise: float) -> float:
    """Return by what k* of an oracle falls whose estimate is k* e^(noise xi), drawn again at each step."""
    return float(np.exp((b - 1) ** 2 * noise**2 / 2) * ndtr(-(b - 1) * noise) + np.exp(noise**2 / 2) * ndtr(-noise))


def refresh_constant(b: float, factor: float) -> float:
    """Return by what k* of an oracle falls at the times of its looks, if each is `factor` times the one before."""
    return float(b * (factor - 1) / (factor**b - 1))


def _degraded(
    name: str, degradation: Degradation, *, b: float, level: float, trace: float, rho: float
) -> ClosedForm | None:
    oracle = ClosedForm(name="", line=lambda t: (b - 1) / b * trace * t**rho)

    def times(factor: float, law: str) -> ClosedForm:
        return replace(oracle, name=law, line=lambda t: factor * oracle.line(t))

    if name == "lag" and degradation.lag >= 1:
        return times(lag_constant(b, degradation.lag), "lag: oracle times L^(1-b)")
    if name == "noise":
        return times(noise_constant(b, degradation.noise), "fresh noise: oracle times its mean effect")
    if name == "refresh" and degradation.refresh is not None and degradation.refresh.kind == "geo":
        factor = degradation.refresh.step**rho
        return times(refresh_constant(b, factor), "refresh: oracle times b(R-1)/(R^b-1), at the looks")
    if name == "lag_power" and degradation.lag_power <= 1:
        power = b - degradation.lag_power * (b - 1)
        scale = power * (b - 1) * trace / b
        return ClosedForm(name="power lag: rho/(b-g(b-1))", line=lambda t: (scale * t**rho) ** (1 / power))
    if name == "cap":
        at = _capped(b, degradation.cap, level, trace)
        when = b * at / ((b - 1) * trace)

        def line(t: FloatArray) -> FloatArray:
            past = at**b + degradation.cap * level * (t**rho - when)
            return np.where(t**rho < when, oracle.line(t), np.maximum(past, 0.0) ** (1 / b))

        return ClosedForm(name="cap: oracle up to k_c, then (C u)^(1/b)", line=line)
    return None


def _capped(b: float, cap: float, level: float, trace: float) -> float:
    """Return the rank k_c from which on the whole trace takes more than weights of `cap`."""
    return float((cap * level / ((b - 1) * trace)) ** (1 / (b - 1)))


def _deep(clock: FloatArray, source: float) -> FloatArray:
    return np.array([deep(float(u), source) for u in np.atleast_1d(clock)])
