"""The learning frontier k*(t): the mode up to which a run has learned, how fast it grows, and where noise begins.

A mode is learned when its residual is down to 1/e, its energy to e^-2. The frontier is where the share that is left,
made monotone in ln k, crosses that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from specaudit.kernels import FloatArray
from specaudit.learning.modes import Modes
from specaudit.learning.shares import PER_DECADE, Bins, remaining

Status = Literal["resolved", "below", "beyond", "refused"]
GrowthStatus = Literal["measured", "inconclusive", "not-applicable"]

LEARNED = float(np.exp(-2))
HALF_BIN = np.log(10) / PER_DECADE / 2
"""Half a bin in ln k, which the interval has beside what the bootstrap tells."""
PARTIAL = 0.35
"""The same where only some rows are logged: their modes are not those of all rows, and k* comes out low."""
REPLICATES = 100
CONFIDENCE = 1.96
FIRST, LAST = 4.0, 0.7
"""The window of growth: from this rank to this share of the modes."""
FEWEST_POINTS = 4
DECADE = 10.0
TINY = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The frontier at a checkpoint.

    Attributes
    ----------
    rank
        k*; None unless resolved.
    low, high
        95 % interval; of a frontier below or beyond the modes only the end that is known.
    status
        resolved; below the first bin; beyond the last; or refused: its rows are not those of the reference.
    """

    rank: float | None
    low: float | None
    high: float | None
    status: Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """The slope d ln k* / d ln t over a window.

    Attributes
    ----------
    value, low, high
        With its 95 % interval; None where no slope can be taken.
    window, times
        First and last k*, and their times.
    local_exponent
        b of the kernel's eigenvalues over the window; gradient descent at a constant rate grows as t^(1/b).
    status, reason
        Whether it says anything.
    """

    value: float | None
    low: float | None
    high: float | None
    window: tuple[float, float] | None
    times: tuple[float, float] | None
    local_exponent: float | None
    status: GrowthStatus
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningFrontier:
    """k*(t), its growth, and the shares left (T, B) of which it is read."""

    bins: Bins
    shares: FloatArray
    points: tuple[Point, ...]
    growth: Growth


def learning_frontier(
    modes: Modes,
    energies: FloatArray,
    times: FloatArray | None,
    aligned: list[bool],
    *,
    seed: int,
    partial: bool = False,
) -> LearningFrontier:
    """Return the frontier of energies (T, m), the reference's first, at `times` (T,), where they are known.

    Parameters
    ----------
    aligned
        (T,) of each checkpoint, whether its rows are those of the reference.
    partial
        Whether only some of the rows that are trained on are logged.
    """
    bins = Bins.of(modes.count)
    shares = remaining(energies, bins)
    drawn = bins.resampled(np.random.default_rng([seed, 1]), REPLICATES)
    replicates = np.array([crossings(remaining(energies, bins, once), bins) for once in drawn])
    found = crossings(shares, bins)
    points = tuple(
        _point(log_rank, replicates[:, t], bins, aligned[t], shares[t], PARTIAL * partial)
        for t, log_rank in enumerate(found)
    )
    return LearningFrontier(
        bins=bins,
        shares=shares,
        points=points,
        growth=_growth(modes, points, found, replicates, times, PARTIAL * partial),
    )


def crossings(shares: FloatArray, bins: Bins) -> FloatArray:
    """Return ln k* (T,) of monotone shares (T, B), half a bin outside of all bins where there is none."""
    logs, ln = np.log(np.maximum(shares, TINY)), np.log(bins.ranks)
    above = shares > LEARNED
    first = np.where(above.any(axis=1), above.argmax(axis=1), len(ln))
    found = np.full(len(shares), ln[-1] + HALF_BIN)
    found[first == 0] = ln[0] - HALF_BIN
    inside = np.flatnonzero((first > 0) & (first < len(ln)))
    at = first[inside]
    below, over = logs[inside, at - 1], logs[inside, at]
    found[inside] = ln[at - 1] + (ln[at] - ln[at - 1]) * (np.log(LEARNED) - below) / (over - below)
    return found


def _point(
    log_rank: float, replicates: FloatArray, bins: Bins, aligned: bool, shares: FloatArray, extra: float
) -> Point:
    if not aligned:
        return Point(rank=None, low=None, high=None, status="refused")
    if shares[0] > LEARNED:
        return Point(rank=None, low=None, high=float(bins.ranks[0]), status="below")
    if shares[-1] <= LEARNED:
        return Point(rank=None, low=float(bins.ranks[-1]), high=None, status="beyond")
    half = float(np.linalg.norm([CONFIDENCE * replicates.std(ddof=1), HALF_BIN, extra]))
    return Point(
        rank=float(np.exp(log_rank)),
        low=float(np.exp(log_rank - half)),
        high=float(np.exp(log_rank + half)),
        status="resolved",
    )


def _growth(
    modes: Modes,
    points: tuple[Point, ...],
    log_ranks: FloatArray,
    replicates: FloatArray,
    times: FloatArray | None,
    extra: float,
) -> Growth:
    """Return the slope over the checkpoints whose frontier lies in the window."""
    used = [
        t for t, point in enumerate(points) if point.rank is not None and FIRST <= point.rank <= LAST * modes.count
    ]
    ranks = np.exp(log_ranks[used])
    window = (float(ranks.min()), float(ranks.max())) if used else None
    local = None if window is None or window[1] < 2 * window[0] else local_exponent(modes, window)
    if times is None or len(used) < 2:
        few = f"{len(used)} checkpoints have their frontier between {FIRST:g} and {LAST * modes.count:.0f}"
        return Growth(
            value=None,
            low=None,
            high=None,
            window=window,
            times=None,
            local_exponent=local,
            status="not-applicable" if times is None else "inconclusive",
            reason="the checkpoints have no times" if times is None else few,
        )
    log_times = np.log(times[used])
    value = float(_slopes(log_times, log_ranks[None, used])[0])
    spread = float(_slopes(log_times, replicates[:, used]).std(ddof=1))
    steps = max(float(np.ptp(log_ranks[used])) / (2 * HALF_BIN), 1.0)
    errors = [CONFIDENCE * spread, HALF_BIN / np.sqrt(steps) / log_times.std(), extra / np.ptp(log_times)]
    half = float(np.linalg.norm(errors))
    status, reason = _judged(window, local, len(used))
    return Growth(
        value=value,
        low=value - half,
        high=value + half,
        window=window,
        times=(float(times[used[0]]), float(times[used[-1]])),
        local_exponent=local,
        status=status,
        reason=reason,
    )


def _judged(window: tuple[float, float] | None, local: float | None, points: int) -> tuple[GrowthStatus, str]:
    assert window is not None
    seen = f"k* goes from {window[0]:.1f} to {window[1]:.1f} at {points} checkpoints"
    if window[1] < DECADE * window[0]:
        return "inconclusive", f"{seen}, and it takes a factor of {DECADE:g}"
    if points < FEWEST_POINTS:
        return "inconclusive", f"{seen}, and it takes {FEWEST_POINTS}"
    if local is None or local <= 1:
        return "not-applicable", (
            f"the kernel's eigenvalues fall as k^-{local or 0:.2f} here, no faster than 1/k, so that no flatter tail "
            "can be told"
        )
    return "measured", seen


def _slopes(x: FloatArray, y: FloatArray) -> FloatArray:
    """Return the least-squares slope of each row of y (r, p) on x (p,)."""
    centred = x - x.mean()
    return np.asarray(y @ centred / (centred @ centred))


def local_exponent(modes: Modes, window: tuple[float, float]) -> float:
    """Return b, the least-squares slope -d ln lambda_k / d ln k over a window of ranks."""
    ranks = np.unique(np.round(np.geomspace(*window, 50)).astype(np.int64))
    return float(-_slopes(np.log(ranks), np.log(modes.values[ranks - 1])[None])[0])
