"""The verdict on a pruned learning curve, and the share of unpruned rows that gives its loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from specaudit.experiments.slopes import Estimate, estimated
from specaudit.experiments.tail import LocalTail
from specaudit.experiments.worth import rows_worth
from specaudit.kernels import FloatArray

Verdict = Literal["parallel", "worse", "steeper", "inconclusive", "not-applicable"]

FEWEST_SIZES, SHORTEST = 4, 10.0
"""Below so many sizes, or so large a ratio of the last to the first, a curve has no slope worth judging."""
MARGIN = 0.1
"""Slopes that surely differ by less than this share of the unpruned one are parallel; those whose difference surely
has its sign, and is estimated at more, are worse or steeper."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """An equal-loss share; where a run's is off the unpruned curve, only a bound, which is of no confidence.

    Attributes
    ----------
    value
        Geometric mean over the runs; None if any is off the curve.
    low, high
        Of its 95 % interval. Where runs are off the curve, one end alone: the smallest, or largest, of all runs.
    """

    value: float | None
    low: float | None
    high: float | None


def judge(
    difference: Estimate,
    base: Estimate,
    sizes: Sequence[int],
    tail: LocalTail | None,
    *,
    beside: Estimate | None = None,
    random: bool = False,
) -> tuple[Verdict, str]:
    """Return the verdict on a slope's difference to the unpruned slope `base`, and why.

    Where the curve bends, fewer rows are further back on it and have another slope however they were chosen: a
    pruning is worse, or steeper, only where it surely is so `beside` as many random rows too, and random rows never;
    nor is it parallel where it surely is not so beside these. Parallel, and steeper, take eigenvalues that are known
    to fall faster than 1/k.
    """
    told = f"slope differs by {difference.told()} from {base.told('.3f')}"
    if len(sizes) < FEWEST_SIZES or sizes[-1] < SHORTEST * sizes[0]:
        return "not-applicable", f"the curve is too short ({len(sizes)} sizes, {sizes[0]:,} to {sizes[-1]:,}); {told}"
    if tail is not None and tail.value <= 1:
        return "not-applicable", f"the kernel's eigenvalues fall as k^-{tail.value:.2f}, no faster than 1/k; {told}"
    if difference.low is None or difference.high is None or base.high is None:
        return "inconclusive", f"one run has no interval; {told}"
    if base.high >= 0:
        return "inconclusive", f"that more unpruned rows are learned from is not shown; {told}"
    margin = MARGIN * abs(base.value)
    falls = tail is not None and tail.low > 1
    unknown = f"these rows do not tell that eigenvalues fall faster than 1/k; {told}"
    if -margin < difference.low and difference.high < margin:
        if not falls:
            return "inconclusive", unknown
        if beside is not None and _surely(beside, margin):
            return "inconclusive", f"{told}, but by {beside.told()} from as many random rows: the curve bends"
        return "parallel", told
    if not _surely(difference, margin):
        return "inconclusive", f"{told}: more than a tenth is neither excluded nor sure"
    if random:
        return "inconclusive", f"{told}: random rows are only further back on a curve that bends"
    if beside is not None:
        told += f", and by {beside.told()} from as many random rows"
        if not _surely(beside, 0.0) or beside.value * difference.value < 0:
            return "inconclusive", f"{told}: the curve bends"
    if difference.value > 0:
        return "worse", told
    return ("steeper", told) if falls else ("inconclusive", unknown)


def _surely(difference: Estimate, margin: float) -> bool:
    """Tell whether a difference surely has its sign, and is estimated, though not sure, to be above a margin."""
    if difference.low is None or difference.high is None:
        return False
    return (difference.low > 0 or difference.high < 0) and abs(difference.value) > margin


def equal_loss(sizes: FloatArray, reached: FloatArray, unpruned: FloatArray, shared: float) -> Share:
    """Return which share of the largest size (of sizes (s,)) gives the losses (r,), on unpruned curves (r, s)."""
    with np.errstate(divide="ignore"):
        found = np.log(rows_worth(sizes, unpruned, reached[:, None])[:, 0] / sizes[-1])
    inside = found[np.isfinite(found)]
    if len(inside) == len(found):
        of = estimated(found, shared).exponential
        return Share(value=of.value, low=of.low, high=of.high)
    if (found > 0).any() and (found == -np.inf).any():
        return Share(value=None, low=None, high=None)
    if (found > 0).any():
        return Share(value=None, low=float(np.exp(inside.min(initial=0.0))), high=None)
    least = np.log(sizes[0] / sizes[-1])
    return Share(value=None, low=None, high=float(np.exp(inside.max(initial=least))))
