"""How many rows of one learning curve give the losses of another."""

from __future__ import annotations

import numpy as np

from specaudit.kernels import FloatArray

ROUNDING = 1e-9
"""Relative difference of a loss to the end of a curve that is none."""


def rows_worth(sizes: FloatArray, curves: FloatArray, losses: FloatArray) -> FloatArray:
    """Return the rows (r, s) with which curves (r, m) over rising sizes (m,) have the `losses` (r, s), run by run.

    Curves are made monotone and read between sizes in ln-ln; 0 above all of a curve, infinite below it.
    """
    found = np.empty(losses.shape)
    for run, curve in enumerate(np.minimum.accumulate(curves, axis=1)):
        found[run] = np.exp(np.interp(-np.log(losses[run]), -np.log(curve), np.log(sizes)))
        found[run, losses[run] > curve[0] * (1 + ROUNDING)] = 0.0
        found[run, losses[run] < curve[-1] * (1 - ROUNDING)] = np.inf
    return found
