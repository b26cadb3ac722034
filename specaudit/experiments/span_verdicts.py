"""What was found of a source of added rows, from the gains of paired runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from specaudit.experiments.shares import share
from specaudit.experiments.slopes import Estimate, estimated
from specaudit.experiments.synthetic_span import FRESH, SpanStudy
from specaudit.kernels import FloatArray

SpanVerdict = Literal["helps", "in-span-only", "no-change", "hurts", "inconclusive", "not-applicable"]

MARGIN = 0.05
"""Gains of less than this share of what fresh real rows give count as none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFinding:
    """One source at the largest volume, against the real rows alone at as many steps.

    Attributes
    ----------
    outside, inside
        Gains: how much lower the error is, outside the teacher's span and inside.
    share
        Of the gain of fresh real rows, outside; None where they have none that is told from 0.
    """

    source: str
    outside: Estimate
    inside: Estimate
    share: Estimate | None
    verdict: SpanVerdict
    reason: str


def findings(study: SpanStudy) -> tuple[SourceFinding, ...]:
    """Return what was found of each source but fresh real rows, which are the measure."""
    return tuple(_found(study, source.id) for source in study.sources if source is not FRESH)


def _found(study: SpanStudy, source: str) -> SourceFinding:
    gain, best = study.gain(source), study.gain(FRESH.id)
    outside, inside = (estimated(gain[:, side], study.shared) for side in (0, 1))
    ratio = share(gain[:, 0], best[:, 0], study.shared)
    start = float(study.errors(source)[:, 0, 0].mean())
    verdict, reason = judge(start, outside, inside, best, study.shared)
    return SourceFinding(source=source, outside=outside, inside=inside, share=ratio, verdict=verdict, reason=reason)


def judge(
    start: float, outside: Estimate, inside: Estimate, best: FloatArray, shared: float
) -> tuple[SpanVerdict, str]:
    """Return the verdict on gains, and why.

    Parameters
    ----------
    start
        Error outside after the real rows alone. Above 1, which is what saying nothing has, the student has learned
        nothing there, and all that makes it say less seems to teach it.
    best
        (r, 2) gains of fresh real rows, outside and inside.
    """
    told = f"gain outside the teacher's span {outside.told()}, inside {inside.told()}"
    fresh = estimated(best[:, 0], shared)
    if outside.low is None or outside.high is None or inside.low is None or fresh.low is None:
        return "inconclusive", f"one run has no interval; {told}"
    if start > 1:
        return (
            "not-applicable",
            f"the real rows alone leave an error of {start:.3g} outside, more than nothing at all; {told}",
        )
    if fresh.value <= 0:
        return "not-applicable", f"fresh real rows gain nothing outside either ({fresh.told()}); {told}"
    if fresh.low <= 0:
        return "inconclusive", f"what fresh real rows gain outside is not told from 0 ({fresh.told()}); {told}"
    margin = MARGIN * fresh.value
    if outside.low > margin:
        return "helps", told
    if outside.high < -margin:
        return "hurts", told
    if outside.low < -margin or outside.high > margin:
        return "inconclusive", f"{told}: {margin:.2g} either way is neither shown nor excluded outside"
    if inside.low > MARGIN * abs(float(best[:, 1].mean())):
        return "in-span-only", told
    return "no-change", told
