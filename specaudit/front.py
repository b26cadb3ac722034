"""The finite region: eigenvalues at equal size, where a pruning may gain in front of an unchanged tail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from specaudit.draws import Design
from specaudit.kernels import FloatArray

BINS = 16
FEWEST_RANKS = 24
TAIL_BINS = 3
VISIBLE = 0.05
"""Log ratio by which a bin must differ from the tail to count."""
SURE = 3.0
"""Standard errors by which it must differ."""
DEEPEST_RANK = 1 / 10
"""Eigenvalues past this share of the rows are not compared: there they are the sample's, not the population's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontAndTail:
    """Bins of eigenvalue rank: mean ln(eigenvalue after / before) at equal size.

    Attributes
    ----------
    rank, log_ratio, error
        (k,) geometric middle of each bin, mean log ratio and its standard error.
    cutoff
        Upper rank of the last bin that differs from the tail; None if none does or the tail itself tilts.
    peak_gain
        Lower bound of the largest gain of a bin, as a factor; the point estimate is biased upwards.
    tail_ratio
        Eigenvalues after / before in the last bins, as a factor.
    tail_flat
        Whether the last bins agree; otherwise the tail itself tilts.
    """

    rank: FloatArray
    log_ratio: FloatArray
    error: FloatArray
    cutoff: int | None
    peak_gain: float
    tail_ratio: float
    tail_flat: bool


def front_and_tail(before: Sequence[FloatArray], after: Sequence[FloatArray], design: Design) -> FrontAndTail | None:
    """Return the bins from each side's eigenvalues of K/n, one array per subset; None for too few eigenvalues."""
    positive = [int((values > 1e-12 * values[0]).sum()) for values in (*before, *after)]
    ranks = min(*positive, int(design.size * DEEPEST_RANK))
    if ranks < FEWEST_RANKS:
        return None
    edges = np.unique(np.round(np.geomspace(1, ranks + 1, BINS + 1)).astype(int))
    logs = [
        np.array([np.add.reduceat(np.log(v[:ranks]), edges[:-1] - 1) / np.diff(edges) for v in side])
        for side in (before, after)
    ]
    ratio = logs[1].mean(axis=0) - logs[0].mean(axis=0)
    error = design.error(*logs)
    tail = float(ratio[-TAIL_BINS:].mean())
    spread = np.abs(ratio[-TAIL_BINS:] - tail)
    flat = bool(((spread < VISIBLE) | (spread < SURE * error[-TAIL_BINS:])).all())
    differs = np.flatnonzero((np.abs(ratio - tail) > VISIBLE) & (np.abs(ratio - tail) > SURE * error))
    return FrontAndTail(
        rank=np.sqrt(edges[:-1] * (edges[1:] - 1.0)),
        log_ratio=ratio,
        error=error,
        cutoff=int(edges[differs[-1] + 1] - 1) if flat and len(differs) else None,
        peak_gain=float(np.exp((ratio - SURE * error).max())),
        tail_ratio=float(np.exp(tail)),
        tail_flat=flat,
    )
