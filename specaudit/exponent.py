"""The tail exponent: a window, the slope of the capacity curve over it, an interval and a status."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np

from specaudit.capacity import CapacityCurve, rising
from specaudit.kernels import FloatArray
from specaudit.shapes import best_shape

Status = Literal["resolved", "drifting", "not-power-law", "unresolved"]
STATUSES: tuple[Status, ...] = ("resolved", "drifting", "not-power-law", "unresolved")

CONFIDENCE = 0.95
DISCRETENESS = 0.5
"""A power law's local exponent is short by about 1 / (2 N_2), and by more where eigenvalues come in groups; a bend of
this over the shallowest N_2 is therefore no sign of another shape."""
WINDOW_RATIO = 4.0
SHALLOWEST = 1.0
"""Effective dimensions below which a population is a handful of eigenvalues and has no tail to speak of."""
GRID = 49
MARGIN = 1.5
"""A window that the end of the curve cuts short stops at this many times the smallest ridge."""
STEADY = 0.10
"""Slopes over quarters of the window that surely differ by less than 10 % count as one exponent."""
BENT = 0.12
"""Only slopes over quarters of the window that surely differ by more than 12 % deny a power law."""
FEWEST_TO_EXTRAPOLATE = 32
WIDEST = 0.15
"""Half-width of the interval past which the exponent is unresolved."""
SIZE_DRIFT = 0.02
"""A nested half of the rows whose slope differs by more, relative to the slope, means drift with size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The curves that an exponent is judged by, all over the same ridges' range.

    Attributes
    ----------
    whole
        Curve of all rows.
    jackknife
        Batch of curves without one group each.
    probes
        Batch of curves without one random probe each; None for an exact spectrum.
    half
        Curve of a nested half of the rows; None when there are too few.
    deepest
        N_1 at which the window ends: an eighth of the unique rows, or half the rank.
    rows
        Unique rows.
    limited
        Whether the rank, not the number of rows, sets `deepest`.
    quadrature
        Change of the slope in the last steps of the quadrature; 0 for an exact spectrum.
    operator
        Error of the slope that an approximate operator leaves; 0 for a dense one.
    """

    whole: CapacityCurve
    jackknife: CapacityCurve
    probes: CapacityCurve | None
    half: CapacityCurve | None
    deepest: float
    rows: int
    limited: bool = False
    quadrature: float = 0.0
    operator: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Exponent:
    """An exponent with its interval, error budget and status; None where a figure does not exist.

    Attributes
    ----------
    value, low, high
        b_2 over the window and its interval, when `status` is resolved or drifting.
    slope
        The same slope whatever the status.
    window
        Effective dimensions N_2 between which the slope is read.
    local
        Lowest and highest local exponent in the window.
    sampling_error, probe_error
        Standard errors of the slope: jackknife over rows, and random probes with the quadrature's last step.
    size_drift
        Slope of a nested half minus the slope.
    operator_error
        Error of the slope that an approximate operator leaves.
    shape
        The shape of spectrum that fits the window best (`specaudit.shapes`).
    rows_needed
        Unique rows that would resolve the exponent.
    """

    status: Status
    reason: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    slope: float | None = None
    window: tuple[float, float] | None = None
    local: tuple[float, float] | None = None
    rising: bool = True
    sampling_error: float | None = None
    probe_error: float | None = None
    size_drift: float | None = None
    operator_error: float | None = None
    shape: str = "unknown"
    rows_needed: int | None = None


def window_of(curve: CapacityCurve, deepest: float) -> tuple[float, float] | None:
    """Return the window [hi/4, hi] of N_2 with hi the N_2 where N_1 = `deepest`, or None if out of reach.

    Where the curve ends earlier (a rounding floor, or a spectrum that breaks off) the window ends with it.
    """
    reached = np.flatnonzero(curve.n1 <= deepest)
    if len(reached) < 2 or not np.isfinite(curve.n2[reached]).all():
        return None
    end = deepest
    if curve.n1[-1] < deepest:
        end = float(np.interp(-np.log(MARGIN * curve.delta[-1]), -np.log(curve.delta), curve.n1))
    high = float(np.interp(np.log(end), np.log(curve.n1), curve.n2))
    return high / WINDOW_RATIO, high


def slope_over(curve: CapacityCurve, window: tuple[float, float]) -> FloatArray:
    """Return - d ln kappa / d ln N_2, least squares over the window, for each curve of a batch."""
    grid = np.linspace(np.log(window[0]), np.log(window[1]), GRID)
    x = grid - grid.mean()
    return np.asarray(-(curve.log_kappa(grid) @ x) / (x @ x))


def jackknife_error(replicates: FloatArray) -> FloatArray:
    """Return the delete-one-group jackknife standard error over the first axis."""
    groups = len(replicates)
    spread = ((replicates - replicates.mean(axis=0)) ** 2).sum(axis=0)
    return np.asarray(np.sqrt((groups - 1) / groups * spread))


def critical_value(groups: int) -> float:
    """Return the two-sided Student quantile for a jackknife over `groups` groups."""
    from scipy.special import stdtrit

    return float(stdtrit(groups - 1, 0.5 + CONFIDENCE / 2))


def estimate_exponent(evidence: Evidence) -> Exponent:
    """Return the exponent of the evidence.

    The interval is for the population's slope on the stated window: sampling error, probe error, the difference
    between the whole and a nested half and the operator's error are added linearly.
    """
    window = window_of(evidence.whole, evidence.deepest)
    if window is None or window[0] < SHALLOWEST:
        return _too_shallow(evidence, window)
    slope = float(slope_over(evidence.whole, window))
    replicates = slope_over(evidence.jackknife, window)
    sampling = float(jackknife_error(replicates))
    probe = evidence.quadrature
    if evidence.probes is not None:
        probe = float(np.hypot(jackknife_error(slope_over(evidence.probes, window)), probe))
    drift = np.nan if evidence.half is None else float(slope_over(evidence.half, window)) - slope
    half_width = critical_value(len(replicates)) * sampling + 1.96 * probe + float(np.nan_to_num(abs(drift)))
    half_width += evidence.operator
    measured = Exponent(
        status="unresolved",
        reason="the curves without a group of rows do not reach as deep as the window",
        slope=slope,
        window=window,
        sampling_error=_finite(sampling),
        probe_error=_finite(probe),
        size_drift=_finite(drift),
        operator_error=evidence.operator or None,
    )
    if not np.isfinite(half_width):
        return measured
    if half_width > WIDEST:
        return replace(
            measured,
            reason=f"the interval would be {slope:.2f} ± {half_width:.2f}, wider than ± {WIDEST}",
            rows_needed=_nice(evidence.rows * (half_width / WIDEST) ** 2),
        )
    bend, margin, rising = _bend(evidence, window)
    status, reason, shape = _judge(evidence.whole, window, bend, margin, drift / slope)
    measured = replace(
        measured, status=status, reason=reason, shape=shape, local=_local_range(evidence.whole, window), rising=rising
    )
    if status == "not-power-law":
        return measured
    return replace(measured, value=slope, low=slope - half_width, high=slope + half_width)


def _judge(
    curve: CapacityCurve, window: tuple[float, float], bend: float, margin: float, drift: float
) -> tuple[Status, str, str]:
    """Return status, reason and best-fitting shape; slopes over quarters of the window differ by `bend`."""
    if bend + margin <= STEADY and abs(drift) <= SIZE_DRIFT:
        return "resolved", f"slopes over quarters of the window differ by {100 * bend:.0f} %", "power law"
    shape, better = best_shape(curve, window)
    if bend - margin > BENT + DISCRETENESS / window[0] and better:
        return "not-power-law", f"another shape ({shape}) fits the window better than any power law", shape
    if np.isnan(drift):
        reason = "no half of the rows reaches the window, so that drift with size is not known"
    elif bend + margin > STEADY:
        reason = f"slopes over quarters of the window differ by {100 * bend:.0f} % (± {100 * margin:.1f})"
    else:
        reason = f"half of the rows give a slope that differs by {100 * abs(drift):.0f} %"
    return "drifting", reason, shape


def _bend(evidence: Evidence, window: tuple[float, float]) -> tuple[float, float, bool]:
    """Return ln(highest / lowest) over the slopes of the window's four parts, its margin, and its direction."""
    parts = [(float(low), float(high)) for low, high in pairwise(np.geomspace(window[0], window[1], 5))]
    slopes = np.array([slope_over(evidence.whole, part) for part in parts])
    low, high = int(np.argmin(slopes)), int(np.argmax(slopes))
    replicates = np.log(slope_over(evidence.jackknife, parts[high]) / slope_over(evidence.jackknife, parts[low]))
    error = float(jackknife_error(replicates))
    if evidence.probes is not None:
        probes = np.log(slope_over(evidence.probes, parts[high]) / slope_over(evidence.probes, parts[low]))
        error = float(np.hypot(error, jackknife_error(probes)))
    return float(np.log(slopes[high] / slopes[low])), critical_value(len(replicates)) * error, high > low


def _local_range(curve: CapacityCurve, window: tuple[float, float]) -> tuple[float, float]:
    inside = (curve.n2 >= window[0]) & (curve.n2 <= window[1])
    return float(curve.b2[inside].min()), float(curve.b2[inside].max())


def _too_shallow(evidence: Evidence, window: tuple[float, float] | None) -> Exponent:
    depth = 0.0 if window is None else window[1]
    wanted = WINDOW_RATIO * SHALLOWEST
    return Exponent(
        status="unresolved",
        reason=f"{evidence.rows:,} different rows reach only {_below(depth)} effective dimensions; "
        f"a window of a factor {WINDOW_RATIO:g} from {SHALLOWEST:g} needs {wanted:g}",
        rows_needed=_rows_for_depth(evidence, wanted),
    )


def _below(depth: float) -> str:
    """Return a depth that is too small with as many digits as show it."""
    return (
        f"{depth:.2g}" if float(f"{depth:.2g}") < WINDOW_RATIO * SHALLOWEST else f"{np.floor(1000 * depth) / 1000:g}"
    )


def _rows_for_depth(evidence: Evidence, depth: float) -> int | None:
    """Return the rows whose window would end at N_2 = `depth`, read off the curve or its continuation.

    The curve is the population's, so more rows follow it further; None where rank, not rows, is what is short.
    """
    curve = evidence.whole
    log_n2, log_n1 = rising(curve.log_n2, np.log(curve.n1))
    rows_per_depth = evidence.rows / evidence.deepest
    if len(log_n2) < 2 or evidence.limited or evidence.rows < FEWEST_TO_EXTRAPOLATE:
        return None
    growth = float((log_n1[-1] - log_n1[-8:][0]) / max(log_n2[-1] - log_n2[-8:][0], 1e-9))
    beyond = max(np.log(depth) - log_n2[-1], 0.0)
    return _nice(rows_per_depth * float(np.exp(np.interp(np.log(depth), log_n2, log_n1) + growth * beyond)))


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _nice(rows: float) -> int | None:
    """Return `rows` rounded up to two significant digits; None where it is beyond sense."""
    if not rows < 1e12:
        return None
    unit = 10 ** max(int(np.floor(np.log10(rows))) - 1, 0)
    return int(np.ceil(rows / unit) * unit)
