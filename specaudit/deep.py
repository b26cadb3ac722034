"""The gain past the dense depth: both sides' kernel graphs at equal size, with equal landmarks and neighbours.

What the graph is off by is nearly the same on both sides and cancels in their difference. How nearly is not known,
so that this is information and no test.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from specaudit.calibration import GraphSettings
from specaudit.capacity import jackknife_curves
from specaudit.estimate import DEEPEST_SHARE, FLOOR, Share, measure_operator
from specaudit.exponent import critical_value, jackknife_error
from specaudit.graph import graph_operator, previous_rows
from specaudit.kernels import FloatArray, Kernel
from specaudit.profiles import at_n1
from specaudit.subsets import SampledRows

POINTS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepGain:
    """ln kappa of AFTER less BEFORE's at equal N_1.

    Attributes
    ----------
    rows
        Different rows of each side's graph.
    dimension
        (k,) N_1, from the dense depth to that of the graphs.
    change, error
        (k,) the change, and half its 95 % interval: the jackknives of both sides, as if they shared no rows.
    """

    rows: int
    dimension: FloatArray
    change: FloatArray
    error: FloatArray


def deep_gain(
    kernel: Kernel,
    before: SampledRows,
    after: SampledRows,
    settings: GraphSettings,
    *,
    dense_rows: int,
    seed: int,
    threads: int,
) -> DeepGain:
    """Return the gain of samples in key order, at the size of the smaller; `dense_rows` is that of the dense one."""
    rows = min(before.unique, after.unique)
    deepest = DEEPEST_SHARE * rows
    dimension = np.geomspace(min(DEEPEST_SHARE * dense_rows, deepest / 2), deepest, POINTS)
    centre = before.rows.mean(axis=0)
    found = []
    for side in (before, after):
        points, copies = side.rows[:rows] - centre, side.copies[:rows]
        previous = previous_rows(points, settings.neighbors, threads=threads)
        operator = graph_operator(kernel, points, previous, copies, landmarks=settings.landmarks, threads=threads)
        share = Share(weights=copies, floor=FLOOR * operator.rounding)
        measure = measure_operator(operator, share, seed=seed)
        groups = jackknife_curves(measure, share.cells, share.rows, share.ridges(measure))
        found.append(
            (
                at_n1(share.curve(measure), dimension),
                jackknife_error(np.array([at_n1(curve, dimension) for curve in groups.each()])),
                share,
            )
        )
    (old, old_error, share), (new, new_error, _) = found
    return DeepGain(
        rows=rows,
        dimension=dimension,
        change=new - old,
        error=critical_value(share.cells.groups) * np.hypot(old_error, new_error),
    )
