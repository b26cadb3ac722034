"""What is to be said of a sampler: whether it raises the exponent, saves a factor in time, or gathers on noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from specaudit.experiments.slopes import Estimate
from specaudit.experiments.tracks import Curve
from specaudit.learning.collapse import CERTAIN, CollapseStatus

SamplerVerdict = Literal[
    "accelerated", "constant-factor", "none", "slower", "collapsed", "inconclusive", "not-applicable"
]

GAINED, SMALL = 0.1, 0.25
"""Share of the oracle's gain in exponent above which a run is accelerated, and within which, either way, it stays."""
FACTOR = 1.05
"""Speed-up below which there is none."""
HARMONIC = 1.001
"""Local exponent b up to which eigenvalues count as falling no faster than 1/k."""
GATHERED = 1.5
"""Weight share over share of rows from which weights gather on noise rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A verdict and why, in a sentence."""

    verdict: SamplerVerdict
    reason: str


def judged(
    found: Mapping[str, Estimate | None],
    uniform: Mapping[str, Estimate | None],
    oracle: Mapping[str, Estimate | None] | None,
    statuses: list[CollapseStatus],
    *,
    curve: Curve,
    noise: float,
) -> Verdict:
    """Return the verdict on a sampler.

    Parameters
    ----------
    found, uniform, oracle
        Outcomes over seeds; no oracle for None.
    statuses
        Of the coherence in each run; empty where it says nothing.
    curve
        "frontier" or "capacity": of which slopes are judged.
    noise
        Share of rows of label noise that was added.
    """
    if collapse := _collapsed(found, statuses, noise):
        return Verdict(verdict="collapsed", reason=collapse)
    local = uniform["local_exponent"]
    if local is not None and local.value <= HARMONIC:
        return Verdict(
            verdict="not-applicable",
            reason=f"the kernel's eigenvalues fall as k^-{local.value:.2f} on the window, no faster than 1/k, to "
            f"which an oracle would flatten them: there is no exponent to gain{_factor_words(found)}",
        )
    gain, late, speed = found[f"{curve}_gain"], found[f"{curve}_late"], found["speed_up"]
    if reason := _untold(found, uniform, gain, late, speed, local):
        return Verdict(verdict="inconclusive", reason=reason + _factor_words(found))
    assert gain is not None and late is not None and speed is not None and local is not None  # noqa: PT018
    assert gain.low is not None and gain.high is not None and late.low is not None  # noqa: PT018
    assert speed.low is not None and speed.high is not None  # noqa: PT018
    scale = _scale(uniform, oracle, local, curve)
    slopes = f"the slope of {'k*' if curve == 'frontier' else 'N'} is {spanned(gain, '+.3f')} over uniform sampling"
    if drawn := on_noise(found, noise):
        return Verdict(
            verdict="inconclusive",
            reason=f"{drawn}, so that what it learns faster may be noise{_factor_words(found)}",
        )
    if scale <= 0:
        return Verdict(verdict="inconclusive", reason=f"{slopes}, and no gain of an oracle is there to compare")
    beside = f"{slopes}, where an oracle has {scale:+.3f}{_factor_words(found)}"
    if gain.low > GAINED * scale and late.low > 0:
        capacity = found["capacity_gain"]
        ideal = _scale(uniform, oracle, local, "capacity")
        borne = capacity is not None and capacity.low is not None and capacity.low > GAINED * ideal > 0
        if not borne or speed.low <= 1:
            told = "" if capacity is None else f", {spanned(capacity, '+.3f')},"
            return Verdict(verdict="inconclusive", reason=f"{beside}: the slope of N{told} does not bear it out")
        return Verdict(verdict="accelerated", reason=beside)
    if speed.high < 1 / FACTOR:
        return Verdict(verdict="slower", reason=beside)
    if gain.high >= SMALL * scale:
        return Verdict(verdict="inconclusive", reason=f"{beside}: that leaves open whether the exponent rises")
    if gain.low <= -SMALL * scale:
        return Verdict(verdict="inconclusive", reason=f"{beside}: the slope may fall, and no factor stays")
    if speed.low > FACTOR:
        return Verdict(verdict="constant-factor", reason=beside)
    if speed.low >= 1 / FACTOR and speed.high <= FACTOR:
        return Verdict(verdict="none", reason=beside)
    return Verdict(verdict="inconclusive", reason=f"{beside}: that leaves open whether there is a gain")


def _collapsed(found: Mapping[str, Estimate | None], statuses: list[CollapseStatus], noise: float) -> str:
    """Return why the weights gather on noise; nothing where they are not known to."""
    certain = statuses.count("collapse")
    if 2 * certain > len(statuses):
        return f"in {certain} of {len(statuses)} runs D falls below {CERTAIN:.2f}: weights gather on noise"
    ratio, drawn = found["loss_ratio"], on_noise(found, noise)
    if not drawn or ratio is None or ratio.low is None or ratio.low <= 1:
        return ""
    return f"{drawn}, and the lowest held-out loss is {spanned(ratio, '.2f')} times that of uniform sampling"


def on_noise(found: Mapping[str, Estimate | None], noise: float) -> str:
    """Return what the noise rows draw where it surely is more than their share; nothing where it is not."""
    share = found["on_noise"]
    if not noise or share is None or share.low is None or share.low <= GATHERED * noise:
        return ""
    return f"the {noise:.0%} noise rows draw {spanned(share, '.2f')} of the weight"


def _untold(
    found: Mapping[str, Estimate | None],
    uniform: Mapping[str, Estimate | None],
    gain: Estimate | None,
    late: Estimate | None,
    speed: Estimate | None,
    local: Estimate | None,
) -> str:
    """Return why nothing can be said; nothing where it can."""
    for name, outcomes in (("uniform sampling", uniform), ("this sampler", found)):
        decades = outcomes["decades"]
        if decades is None or decades.value < 1:
            seen = 10 ** (decades.value if decades else 0)
            return f"under {name} k* goes {seen:.1f}-fold in the window, and it takes 10"
    if gain is None or late is None or local is None:
        return "the curve is in the window for too short a time"
    if speed is None:
        return "the target of the speed-up is not reached"
    runs, capacity = runs_of(found), found["capacity_gain"]
    told = min(one.runs for one in (gain, late, local, speed, capacity or gain))
    if capacity is None or told < runs:
        return f"slopes and speed-up can be told in {told if capacity else 0} of {runs} runs"
    if gain.low is None or local.low is None or speed.low is None:
        return "one run has no interval"
    if local.low <= HARMONIC:
        return f"the local exponent b may be as low as {local.low:.2f}, and at 1 and below there is nothing to gain"
    return ""


def _scale(
    uniform: Mapping[str, Estimate | None],
    oracle: Mapping[str, Estimate | None] | None,
    local: Estimate,
    curve: Curve,
) -> float:
    """Return the gain in slope of an oracle, 0 if not all runs tell it; without one that of 1/b to 1, by the law."""
    if oracle is not None:
        gain = oracle[f"{curve}_gain"]
        return 0.0 if gain is None or gain.runs < runs_of(oracle) else gain.value
    slope = uniform[f"{curve}_slope"]
    return 0.0 if slope is None else (local.value - 1) * slope.value


def _factor_words(found: Mapping[str, Estimate | None]) -> str:
    speed, ratio = found["speed_up"], found["loss_ratio"]
    words = "" if speed is None else f"; it is {spanned(speed, '.2f')} times as fast to the target"
    if speed is not None and speed.runs < (runs := runs_of(found)):
        words += f" in the {speed.runs} of {runs} runs that reach it"
    if ratio is not None and ratio.low is not None and ratio.low > 1:
        words += f", and its lowest held-out loss {spanned(ratio, '.2f')} times as high"
    return words


def runs_of(found: Mapping[str, Estimate | None]) -> int:
    """Return how many runs there are, of which some outcomes may be told in fewer."""
    return max(estimate.runs for estimate in found.values() if estimate is not None)


def spanned(estimate: Estimate, form: str) -> str:
    """Return the value with its interval."""
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:{form}}"
    return f"{estimate.value:{form}} ({estimate.low:{form}} to {estimate.high:{form}})"
