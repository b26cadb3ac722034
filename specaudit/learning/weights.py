"""The next sample weights: bounded, of mean 1, by the residual past the frontier, or guarded against noise."""

from __future__ import annotations

import numpy as np

from specaudit.errors import ConfigError
from specaudit.kernels import FloatArray
from specaudit.learning.modes import Modes

CAP = 10.0
MARGIN = 1.5
"""The frontier is divided by this: taking it too high leaves modes behind, too low costs a constant factor."""
FLOOR = 0.02
"""Weight that guarded weights leave to every row, as a share of their mean."""


def bounded(values: FloatArray, cap: float) -> FloatArray:
    """Return weights (n,) of mean 1, in proportion to values (n,) of at least 0, but at most `cap`.

    Where fewer than n/cap values are positive, these weigh `cap` and the others share the rest alike.

    Raises
    ------
    ConfigError
        The cap is not above 1.
    """
    if not cap > 1:
        raise ConfigError(f"cap: expected a number above 1, got {cap:g}")
    n, positive = len(values), values > 0
    if positive.sum() * cap <= n:
        rest = (n - cap * positive.sum()) / max(n - positive.sum(), 1)
        return np.where(positive, cap, rest)
    descending = np.sort(values)[::-1]
    left = np.cumsum(descending[::-1])[::-1]  # sum of the values from each on
    at_cap = np.arange(n)
    scale = np.divide(n - cap * at_cap, left, out=np.zeros(n), where=left > 0)
    count = int(np.argmax((scale * descending <= cap) & (left > 0) & (n >= cap * at_cap)))
    return np.asarray(np.minimum(scale[count] * values, cap))


def band_weights(modes: Modes, residuals: FloatArray, rank: float, cap: float) -> FloatArray:
    """Return weights (n,) by the energy of residuals (n, outputs) past the frontier at `rank`, with a margin."""
    past = modes.beyond(residuals, band_start(rank))
    return bounded(np.einsum("ij,ij->i", past, past), cap)


def band_start(rank: float) -> int:
    """Return how many leading modes are taken for learned when the frontier is at `rank`."""
    return int(rank / MARGIN)


def guarded_weights(agreed: FloatArray, cap: float) -> FloatArray:
    """Return weights (n,) by how far each residual agrees with its neighbours' (n,), and a floor for every row."""
    kept = np.maximum(agreed, 0.0)
    return bounded(kept + FLOOR * (kept.mean() or 1.0), cap)


def effective_share(weights: FloatArray) -> float:
    """Return (sum w)^2 / (n sum w^2), in (0, 1]."""
    return float(weights.sum() ** 2 / (len(weights) * (weights**2).sum()))
