"""Whether residuals belong to the rows that they are said to be of.

Rows in another order leave nothing of a residual's smoothness: its share in the leading modes is then that of the
same residuals in random order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from specaudit.kernels import FloatArray
from specaudit.learning.modes import Modes

PERMUTATIONS = 199
"""Random orders, all of which aligned rows must exceed: 1 of 200 logs in a wrong order is taken for aligned."""
MOST = 256
"""Leading modes that are looked at."""
FEWEST_ERRORS = 3.0
"""Standard errors of its correlation with the reference below which a later checkpoint has other rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """The share of the reference in the leading modes, its mean taken off, and the same in random order.

    Attributes
    ----------
    share
        Of the energy of the residuals less their mean.
    expected, largest
        Mean and largest of `PERMUTATIONS` random orders.
    """

    share: float
    expected: float
    largest: float

    @property
    def aligned(self) -> bool:
        """Whether the order of the rows can be told from a random one."""
        return self.share > self.largest


def alignment(modes: Modes, reference: FloatArray, *, seed: int) -> Alignment:
    """Return how the reference residuals (n, outputs) fit their rows."""
    leading = modes.vectors[:, : min(modes.count, MOST)]
    centred = reference - reference.mean(axis=0)
    total = float((centred**2).sum()) or 1.0
    generator = np.random.default_rng([seed, 2])

    def share(residuals: FloatArray) -> float:
        return float(((leading.T @ residuals) ** 2).sum()) / total

    shares = [share(centred[generator.permutation(len(centred))]) for _ in range(PERMUTATIONS)]
    return Alignment(share=share(centred), expected=float(np.mean(shares)), largest=max(shares))


def same_rows(reference: FloatArray, residuals: FloatArray) -> bool:
    """Return whether the rows of residuals (n, outputs) are those of the reference, as far as a correlation tells.

    Under random orders the inner product of both has mean 0 and variance tr(A^T A B^T B) / (n - 1).
    """
    one, other = reference - reference.mean(axis=0), residuals - residuals.mean(axis=0)
    variance = float(((one.T @ one) * (other.T @ other)).sum()) / (len(one) - 1)
    if variance <= 0:
        return True  # nothing is left that could be of other rows
    return bool(abs(float((one * other).sum())) >= FEWEST_ERRORS * np.sqrt(variance))
