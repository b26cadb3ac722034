"""How fast the eigenvalues of a kernel matrix fall where learning curves run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from specaudit.capacity import Multiplicities, capacity_curve
from specaudit.exponent import slope_over
from specaudit.kernels import FloatArray
from specaudit.measure import SpectralMeasure

DEEPEST, DECADE = 1 / 8, 10.0
"""The window ends where N_1 is an eighth of the rows, as that of a fit, and is a decade of N_2 wide."""
POINTS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalTail:
    """The local exponent b of the population's eigenvalues.

    Attributes
    ----------
    value
        - d ln kappa / d ln N_2, least squares over the window.
    low, high
        The same over its two halves: how straight it is, and no error.
    window
        Effective dimensions N_2.
    """

    value: float
    low: float
    high: float
    window: tuple[float, float]


def local_tail(eigenvalues: FloatArray) -> LocalTail | None:
    """Return b of the kernel matrix with all these eigenvalues (n,); None where the rows do not reach so deep."""
    rows = len(eigenvalues)
    deepest = DEEPEST * rows
    nodes = np.maximum(eigenvalues, 0.0)
    delta = np.geomspace(2 * nodes.sum(), 1e-12 * nodes.sum(), POINTS)
    ones = np.ones(rows)
    measure = SpectralMeasure(nodes=nodes, weights=ones, exact=rows, errors=np.zeros(rows), cell_weights=ones[None])
    curve = capacity_curve(measure, Multiplicities.of(ones.astype(np.int64)), delta)
    reached = curve.n1 <= deepest
    if reached.all() or not np.isfinite(curve.n2[reached]).all():
        return None
    high = float(np.interp(np.log(deepest), np.log(curve.n1), curve.n2))
    ends = (high / DECADE, high / DECADE**0.5, high)
    if ends[0] < 1 / 2:
        return None
    halves = [float(slope_over(curve, pair)) for pair in (ends[:2], ends[1:])]
    value = float(slope_over(curve, (ends[0], high)))
    return LocalTail(value=value, low=min(halves), high=max(halves), window=(ends[0], high))
