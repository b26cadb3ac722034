"""What share of one gain another is, over paired runs."""

from __future__ import annotations

import numpy as np

from specaudit.experiments.slopes import LEVEL, SHARED, Estimate
from specaudit.kernels import FloatArray


def share(part: FloatArray, whole: FloatArray, shared: float = 0.0) -> Estimate | None:
    """Return mean(part) / mean(whole) of paired runs (r,), with Fieller's 95 % interval.

    Fieller 1954, "Some problems in interval estimation": the ratios that the pairs do not reject. None where the
    mean of `whole` is not told from 0, so that these have no end. `shared` is as in `estimated`.
    """
    from scipy.stats import t

    runs = len(whole)
    if runs < 2:
        return None
    quantile = float(t.ppf((1 + LEVEL) / 2, runs - 1)) ** 2 * (1 / runs + SHARED * shared)
    spread = np.cov(part, whole)
    p, w = float(part.mean()), float(whole.mean())
    # the share x is rejected where (p - x w)^2 > quantile var(part - x whole): a quadratic in x
    a = w * w - quantile * spread[1, 1]
    b = p * w - quantile * spread[0, 1]
    c = p * p - quantile * spread[0, 0]
    if not (a > 0 and w > 0):
        return None
    half = float(np.sqrt(max(b * b - a * c, 0.0)))
    return Estimate(value=p / w, low=float((b - half) / a), high=float((b + half) / a), runs=runs)
