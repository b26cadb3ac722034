"""Whether weights by residuals gather on rows whose residuals are noise.

Residuals that can be learned are alike in near rows; label noise is not. The coherence I_w = sum_x w r . r' /
sum_x w |r|^2, with r' the mean residual of the nearest rows, falls when the weights gather on noise. The detector is
the smallest D = I_w / I_1 over the checkpoints at which I_1 is large enough to be divided by.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from specaudit.dataset import IntArray
from specaudit.kernels import FloatArray
from specaudit.learning.weights import bounded

CollapseStatus = Literal["none", "collapse", "undecided"]

NEAREST = 5
SAFE, CERTAIN = 0.70, 0.50
"""D from which weights do not collapse, and below which they do; between them is not decided. The error rates are in
benchmarks/results/frontier.md."""
COHERENT = 0.1
"""I_1 below which residuals have too little in common with their neighbours' for a ratio."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coherence:
    """Of the residuals at each checkpoint with their neighbours'; nan where there is no residual at all.

    Attributes
    ----------
    plain
        (T,) I_1, every row alike.
    weighted
        (T,) I_w under weights in proportion to |r|^2, capped.
    """

    plain: FloatArray
    weighted: FloatArray

    @property
    def ratio(self) -> FloatArray:
        """D (T,); nan where I_1 is too small."""
        known = np.nan_to_num(self.plain) >= COHERENT
        return np.asarray(np.divide(self.weighted, self.plain, out=np.full(len(self.plain), np.nan), where=known))

    @property
    def lowest(self) -> int | None:
        """The checkpoint at which D is smallest; None where it is known at none."""
        return None if np.isnan(self.ratio).all() else int(np.nanargmin(self.ratio))

    @property
    def status(self) -> CollapseStatus:
        """Whether weights by residuals collapse."""
        lowest = None if self.lowest is None else self.ratio[self.lowest]
        if lowest is None or CERTAIN <= lowest < SAFE:
            return "undecided"
        return "collapse" if lowest < CERTAIN else "none"


def agreement(residuals: FloatArray, nearest: IntArray) -> FloatArray:
    """Return r . r' (n,): how far residuals (n, outputs) agree with the mean of those of their `nearest` (n, k)."""
    return np.asarray(np.einsum("ij,ij->i", residuals, residuals[nearest].mean(axis=1)))


def coherences(residuals: FloatArray, nearest: IntArray, cap: float) -> tuple[float, float]:
    """Return I_1 and I_w of residuals (n, outputs); nan without any residual."""
    squares, agreed = np.einsum("ij,ij->i", residuals, residuals), agreement(residuals, nearest)
    if not squares.any():
        return float("nan"), float("nan")
    weights = bounded(squares, cap)
    return float(agreed.sum() / squares.sum()), float((weights @ agreed) / (weights @ squares))
