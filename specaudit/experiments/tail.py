"""How fast the eigenvalues of a kernel matrix fall where learning curves run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from specaudit.capacity import Multiplicities, capacity_curve, ridges
from specaudit.exponent import SHALLOWEST, slope_over, window_of
from specaudit.kernels import FloatArray
from specaudit.measure import SpectralMeasure

DEEPEST = 1 / 8
"""The window is that of a fit: it ends where N_1 is an eighth of the rows."""
FLOOR = 1e-12
"""Ridges below this share of the trace mean nothing."""


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


def law_of(source: float, tail: LocalTail | None) -> float | None:
    """Return the slope 1 - a of a ridge's learning curve under a process of energies k^-a; None without a law.

    There is none without a tail, b <= 1, nor where a - 1 > 2b: a ridge saturates, and errors fall as n^-2b at best.
    """
    if tail is None or not tail.value > 1 or source - 1 > 2 * tail.value:
        return None
    return 1 - source


def local_tail(eigenvalues: FloatArray) -> LocalTail | None:
    """Return b of the kernel matrix with all these eigenvalues (n,); None where the rows reach no tail."""
    rows = len(eigenvalues)
    deepest = DEEPEST * rows
    nodes = np.maximum(eigenvalues, 0.0)
    ones = np.ones(rows)
    measure = SpectralMeasure(nodes=nodes, weights=ones, exact=rows, errors=np.zeros(rows), cell_weights=ones[None])
    delta = ridges(measure, FLOOR * float(nodes.sum()), deepest)
    curve = capacity_curve(measure, Multiplicities.of(ones.astype(np.int64)), delta)
    window = window_of(curve, deepest)
    if window is None or window[0] < SHALLOWEST:
        return None
    middle = float(np.sqrt(window[0] * window[1]))
    halves = [float(slope_over(curve, pair)) for pair in ((window[0], middle), (middle, window[1]))]
    return LocalTail(value=float(slope_over(curve, window)), low=min(halves), high=max(halves), window=window)
