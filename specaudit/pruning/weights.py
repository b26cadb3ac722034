"""Bounded weights: a pruning without a cut."""

from __future__ import annotations

import numpy as np

from specaudit.dataset import IntArray
from specaudit.errors import ConfigError
from specaudit.kernels import FloatArray


def bounded_weights(order: IntArray, cap: float, rows: int) -> FloatArray:
    """Return weights (rows,) in [0, cap] of mean 1 over the rows in `order` (n,), the most for its first.

    The i-th of n rows (from 0) weighs the mean of cap (1 - r)^(cap - 1) over ranks r in [i/n, (i + 1)/n], which is
    n ((1 - i/n)^cap - (1 - (i + 1)/n)^cap). Rows that are not in the order weigh nothing. Thinned with probability
    weight / cap, one in cap rows is left.

    Raises
    ------
    ConfigError
        The cap is not above 1, or not below the number of rows.
    """
    n = len(order)
    if not 1 < cap < n:
        raise ConfigError(f"cap: expected a number above 1 and below the {n:,} rows, got {cap:g}")
    left = (1 - np.arange(n + 1) / n) ** cap
    weights = np.zeros(rows)
    weights[order] = np.minimum(-np.diff(left) * n, cap)
    return weights
