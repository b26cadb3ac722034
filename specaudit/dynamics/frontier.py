"""The learning frontier: how far modes are learned, from the first on without a gap, or at all."""

from __future__ import annotations

import numpy as np

from specaudit.dynamics.modes import Modes
from specaudit.kernels import FloatArray

ROUNDING = 1e-9
"""Share of the threshold that a mode held at it may lack."""
DEEPEST = 50.0
"""ln of progress past which a mode's own value places no frontier."""


def contiguous(modes: Modes, progress: FloatArray, threshold: float = 1.0) -> float:
    """Return the rank at which the run of modes of `progress` (g,) >= `threshold` ends, between modes; 0 for none."""
    low = progress < threshold * (1 - ROUNDING)
    first = int(np.argmax(low))
    if not low[first]:
        return modes.size
    return _between(modes, progress, threshold, first)


def furthest(modes: Modes, progress: FloatArray, threshold: float = 1.0) -> float:
    """Return the rank of the last mode of `progress` (g,) >= `threshold`, between modes; 0 for none."""
    learned = np.flatnonzero(progress >= threshold * (1 - ROUNDING))
    if not len(learned):
        return 0.0
    if learned[-1] == len(progress) - 1:
        return modes.size
    return _between(modes, progress, threshold, int(learned[-1]) + 1)


def _between(modes: Modes, progress: FloatArray, threshold: float, first: int) -> float:
    """Return where ln progress crosses the threshold before the block `first`, linear in ln k."""
    if first == 0:
        return 0.0
    with np.errstate(divide="ignore"):
        above, below = np.log(np.maximum(progress[first - 1 : first + 1], 0.0) / threshold)
    above = min(max(float(above), 0.0), DEEPEST)
    share = above / (above - float(below))
    last, following = modes.ranks[first - 1 : first + 1]
    return float(last * (following / last) ** share)
