"""Whether the exponent differs between two kernels of the same rows: a difference of slopes, jackknifed in pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from specaudit.estimate import Estimate
from specaudit.exponent import critical_value, jackknife_error, slope_over

Move = Literal["steeper", "flatter", "none seen", "cannot tell"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The slope of one estimate less that of another of the same rows.

    Attributes
    ----------
    move
        steeper or flatter where the interval is on one side of 0, none seen where it holds 0.
    value, low, high
        The difference with its 95 % interval; None where it cannot be told.
    reason
        Why not; empty elsewhere.
    """

    move: Move
    value: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """What one of two embeddings says without the other.

    Attributes
    ----------
    found, itself
        Estimates of its kernel, and of that fused with itself.
    from_alone, from_itself
        What the fused estimate differs by.
    """

    found: Estimate
    itself: Estimate
    from_alone: Difference
    from_itself: Difference


def paired_difference(found: Estimate, other: Estimate) -> Difference:
    """Return by how much the slope of `found` differs from that of `other`, estimates of the same rows in one order.

    Both are jackknifed over the same groups of rows, so that what the rows share cancels. Each slope is of its own
    window. As in an exponent's interval, the errors of the probes and the difference with a nested half of the rows
    are added.
    """
    slopes, replicates, probes, drifts = [], [], [], []
    for one in (found, other):
        exponent = one.exponent
        if exponent.value is None or exponent.window is None:
            return Difference(move="cannot tell", reason=f"one of the exponents is {exponent.status}")
        slopes.append(exponent.value)
        replicates.append(slope_over(one.jackknife, exponent.window))
        probes.append(exponent.probe_error or 0.0)
        drifts.append(exponent.size_drift or 0.0)
    value = slopes[0] - slopes[1]
    paired = replicates[0] - replicates[1]
    width = critical_value(len(paired)) * float(jackknife_error(paired))
    width += 1.96 * float(np.hypot(probes[0], probes[1])) + abs(drifts[0] - drifts[1])
    low, high = value - width, value + width
    move: Move = "steeper" if low > 0 else "flatter" if high < 0 else "none seen"
    return Difference(move=move, value=value, low=low, high=high)
