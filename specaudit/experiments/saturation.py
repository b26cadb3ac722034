"""Loss over the size of the model: does a static pruning move its level, or its exponent?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from specaudit.dataset import IntArray
from specaudit.experiments.learners import NetworkLearner, Problem, relative_error
from specaudit.experiments.slopes import Estimate, estimated, log_slope
from specaudit.kernels import FloatArray

ROWS = 1024
"""Rows of the pool, at most: models are compared at one number of rows, before pruning."""
MODES, LEAST_MODES = 1 / 4, 4
"""Modes of the largest model, as a share of the rows of the smallest arm, and of the smallest model."""
HIDDEN = (4, 16, 64)
FEWEST = 3
"""Sizes below which there is no slope."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saturation:
    """An arm's loss over model size at one number of rows.

    Attributes
    ----------
    losses
        (r, s) relative error on held-out rows, by run and size.
    slope
        d ln loss / d ln size.
    difference, level
        Slope less that of the unpruned rows in the same run, and the factor on their loss, as the mean over sizes in
        ln; None of the unpruned rows.
    """

    losses: FloatArray = field(repr=False)
    slope: Estimate
    difference: Estimate | None
    level: Estimate | None


def model_sizes(problem: Problem, pool: int, keeps: Sequence[float]) -> tuple[int, ...]:
    """Return the sizes that are compared: leading modes of a ridge, hidden units of a network; empty if too few."""
    if isinstance(problem.learner, NetworkLearner):
        return HIDDEN
    most = MODES * min(keeps, default=1.0) * min(pool, ROWS)
    sizes = tuple(2**power for power in range(32) if LEAST_MODES <= 2**power <= most)
    return sizes if len(sizes) >= FEWEST else ()


def losses_by_size(
    problem: Problem, rows: IntArray, values: FloatArray, test: IntArray, run: int, sizes: Sequence[int]
) -> FloatArray:
    """Return the relative error (s,) of models of these sizes on test rows (t,) after training on `rows` (m,)."""
    found = problem.learner.by_size(rows, values, test, problem.seed + run, tuple(sizes))
    return np.array([relative_error(predictions, values[test]) for predictions in found])


def saturation(sizes: Sequence[int], losses: FloatArray, unpruned: FloatArray | None, shared: float) -> Saturation:
    """Return what losses (r, s) say beside those of the unpruned rows; `shared` as in `slopes.estimated`."""
    x = np.array(sizes, float)
    slopes = log_slope(x, losses)
    difference = level = None
    if unpruned is not None:
        difference = estimated(slopes - log_slope(x, unpruned), shared)
        level = estimated(np.log(losses / unpruned).mean(axis=1), shared).exponential
    return Saturation(losses=losses, slope=estimated(slopes, shared), difference=difference, level=level)
