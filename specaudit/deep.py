"""The gain past the dense depth: both sides' kernel graphs at equal size, with equal landmarks and neighbours.

What the graph is off by is nearly the same on both sides and cancels in their difference. How nearly is known only
where the dense matrix reaches too, so that this is information and no test.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from specaudit.calibration import GraphSettings
from specaudit.capacity import jackknife_curves
from specaudit.embeddings import HERE, Engine
from specaudit.estimate import DEEPEST_SHARE, FLOOR, Share, measure_operator
from specaudit.exponent import critical_value, jackknife_error
from specaudit.graph import graph_operator, previous_rows
from specaudit.kernels import FloatArray, Kernel
from specaudit.profiles import at_n1
from specaudit.subsets import SampledRows

POINTS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepCurve:
    """ln kappa of one side from its kernel graph.

    Attributes
    ----------
    rows
        Different rows of the graph.
    settings
        Of the graph.
    dimension
        (k,) N_1, from the dense depth to that of the graph.
    log_kappa, error
        (k,) and its jackknife error.
    groups
        Of the jackknife.
    """

    rows: int
    settings: GraphSettings
    dimension: FloatArray
    log_kappa: FloatArray
    error: FloatArray
    groups: int

    @classmethod
    def of(
        cls,
        kernel: Kernel,
        sample: SampledRows,
        settings: GraphSettings,
        *,
        dense_rows: int,
        seed: int,
        threads: int,
        engine: Engine = HERE,
    ) -> DeepCurve:
        """Return the curve of a sample in key order, past where a dense matrix of `dense_rows` reaches."""
        rows = sample.rows - sample.rows.mean(axis=0)
        previous = previous_rows(rows, settings.neighbors, index=settings.index, threads=threads, engine=engine)
        operator = graph_operator(
            kernel, rows, previous, sample.copies, landmarks=settings.landmarks, threads=threads
        )
        share = Share(weights=sample.copies, floor=FLOOR * operator.rounding)
        measure = measure_operator(operator, share, seed=seed)
        groups = jackknife_curves(measure, share.cells, share.rows, share.ridges(measure))
        deepest = DEEPEST_SHARE * sample.unique
        dimension = np.geomspace(min(DEEPEST_SHARE * dense_rows, deepest / 2), deepest, POINTS)
        return cls(
            rows=sample.unique,
            settings=settings,
            dimension=dimension,
            log_kappa=at_n1(share.curve(measure), dimension),
            error=jackknife_error(np.array([at_n1(curve, dimension) for curve in groups.each()])),
            groups=share.cells.groups,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepGain:
    """ln kappa of AFTER less BEFORE's at equal N_1.

    Attributes
    ----------
    rows, settings
        Different rows of each side's graph, and how it was built.
    dimension
        (k,) N_1.
    change, error
        (k,) the change, and half its 95 % interval: the jackknives of both sides, as if they shared no rows.
    """

    rows: int
    settings: GraphSettings
    dimension: FloatArray
    change: FloatArray
    error: FloatArray

    @classmethod
    def between(cls, before: DeepCurve, after: DeepCurve) -> DeepGain:
        """Return the gain from one curve to another of as many rows."""
        return cls(
            rows=before.rows,
            settings=before.settings,
            dimension=before.dimension,
            change=after.log_kappa - before.log_kappa,
            error=critical_value(min(before.groups, after.groups)) * np.hypot(before.error, after.error),
        )
