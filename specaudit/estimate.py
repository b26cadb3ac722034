"""One kernel on one data set: from the operator through spectrum and curve to exponent and diversity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from specaudit.capacity import (
    CapacityCurve,
    Multiplicities,
    capacity_curve,
    jackknife_curves,
    probe_curves,
    ridges,
)
from specaudit.cells import Cells, IntArray, make_cells
from specaudit.diversity import (
    Index,
    diversity_indices,
    participation_ratio,
    unbiased_participation_ratio,
)
from specaudit.exponent import Evidence, Exponent, estimate_exponent, jackknife_error, slope_over, window_of
from specaudit.extension import Leading
from specaudit.kernels import FloatArray, FusedKernel, Kernel
from specaudit.measure import SpectralMeasure
from specaudit.moments import SecondMoments
from specaudit.operators import DenseOperator, Operator
from specaudit.spectrum import (
    EXACT_ROWS,
    MAX_STEPS,
    covariance_measure,
    exact_measure,
    quadrature_measure,
)

GROUPS = 20
"""Jackknife groups: enough for a Student quantile of 2.09."""
LEADING = 100
PROBE_SHARE = 0.3
"""The error of the slope from probes and truncation is brought below this share of its sampling error."""
SMALLEST_ERROR = 1e-5
"""An error of the slope below this, relative to the slope, is not worth another step."""
DEEPEST_SHARE = 1 / 8
"""The window ends where N_1 is this share of the unique rows; past it the equivalence is measurably biased."""
DRAWN_SHARE = 1 / 2
FLOOR = 30.0
"""Ridges below this many times the operator's rounding are not used."""
COVARIANCE_FLOOR = 1e-12
"""Eigenvalues of a float64 covariance below this share of the largest are rounding."""
MOST_BLOCKS = 4
"""Blocks of probes that are averaged at most, where all steps leave too large a probe error."""
QUARTER_STEPS = 6
"""A quarter of the rows serves the rarefaction of the diversity indices alone, which ask little of the tail."""
FEWEST_CHECKED = 512
"""Rows below which a nested part is not held against a kernel graph."""
SMALLEST = 32
"""Unique rows below which not even a curve is drawn from a share of them."""

Method = Literal["eigh", "block-lanczos", "covariance"]
Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What one kernel says of a data set.

    Attributes
    ----------
    kernel
        The kernel, with its bandwidth.
    method
        How the spectrum was computed.
    rows, unique_rows
        Rows represented with their copies, and rows of the matrix.
    measure
        The spectral measure of W^1/2 K W^1/2 (not divided by the number of rows).
    curve, jackknife, probes
        Capacity curve, and its batches without one group or one probe.
    exponent
        The exponent with its status.
    deepest_n2
        N_2 past which the curve is only indicative.
    floored
        Whether rounding, not the number of rows, ends the window.
    diversity
        Diversity indices by name.
    diversity_rows
        Rows that these are of, copies counted.
    leading
        Leading eigenvalues, descending, and bounds of their errors, in units of `measure`.
    operator
        What was multiplied with.
    part
        What was measured on a nested quarter of the rows, or half of few; None where that is too small.
    check
        How far the kernel graph of that part is from it.
    """

    kernel: Kernel | FusedKernel
    method: Method
    rows: int
    unique_rows: int
    measure: SpectralMeasure
    curve: CapacityCurve
    jackknife: CapacityCurve
    probes: CapacityCurve | None
    exponent: Exponent
    deepest_n2: float
    floored: bool
    diversity: dict[str, Index]
    diversity_rows: int
    leading: Leading
    operator: Literal["dense", "graph"] = "dense"
    part: Part | None = None
    check: Check | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What was measured on some of the rows."""

    share: Share
    measure: SpectralMeasure


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A slope by the kernel graph less that of the dense operator, with its 95 % interval, on the first `rows`."""

    rows: int
    delta: float
    low: float
    high: float


def estimate_dense(
    kernel: Kernel | FusedKernel,
    operator: DenseOperator,
    weights: IntArray,
    *,
    seed: int,
    progress: Progress = lambda fraction: None,
) -> Estimate:
    """Return the estimate from a dense operator whose rows, of multiplicity `weights` (n,), are in key order."""
    n = operator.size
    # A half of the rows has 1/sqrt(2) of the rounding at half the ridge; this leaves room for it to reach as deep.
    whole = Share(weights=weights, floor=FLOOR * 2**0.5 * operator.rounding)
    measure = measure_operator(operator, whole, seed=seed, blocks=MOST_BLOCKS, progress=progress)
    window = window_of(whole.curve(measure), whole.deepest)
    nested = []
    for size, steps in ((n // 4, QUARTER_STEPS), (n // 2, MAX_STEPS)):
        if size < SMALLEST:
            continue
        part = operator.principal(size)
        share = Share(weights=weights[:size], floor=FLOOR * part.rounding, window=window)
        nested.append(Part(share=share, measure=measure_operator(part, share, seed=seed, max_steps=steps)))
        progress(0.9 + 0.05 * len(nested))
    half = nested[-1].share.curve(nested[-1].measure, depth=whole.deepest) if nested else None
    squared = operator.squared_norm
    ratio = unbiased_participation_ratio(
        operator.trace, squared, float((operator.diagonal**2).sum()), *_weight_sums(weights)
    )
    estimate = assemble_estimate(
        kernel,
        "eigh" if not measure.steps else "block-lanczos",
        measure,
        whole,
        half,
        diversity_indices(
            [*(part.measure for part in nested), measure],
            linear=kernel.profile is None,
            participation=(ratio, participation_ratio(operator.trace, squared)),
        ),
    )
    if not nested:
        return estimate
    return replace(estimate, part=nested[0] if nested[0].share.unique >= FEWEST_CHECKED else nested[-1])


def estimate_covariance(kernel: Kernel, moments: SecondMoments, sample: FloatArray, weights: IntArray) -> Estimate:
    """Return the linear kernel's estimate from the second moments of all rows.

    The `sample` (m, d) of the rows, with multiplicities `weights` (m,), says which rows carry which eigenvalue.
    """
    rows = [Multiplicities.of(weights) for weights in moments.weights]
    cells = make_cells(weights, min(GROUPS, len(weights))).scaled(float(rows[-1].unique))
    nested = [
        covariance_measure(gram, float(part.unique)) for gram, part in zip(moments.gram[:-1], rows[:-1], strict=True)
    ]
    scaled = sample * np.sqrt(weights)[:, None]
    measure = covariance_measure(moments.gram[-1], float(rows[-1].unique), scaled, cells)
    floor = COVARIANCE_FLOOR * float(measure.nodes[0])
    rank = int((measure.nodes > floor).sum())
    whole = Share(weights=weights, floor=floor, cells=cells, rows=rows[-1], rank=rank)
    half = Share(weights=weights, floor=floor, cells=cells, rows=rows[-2], rank=rank)
    gram = moments.gram[-1]
    trace, squared = float(np.trace(gram)), float((gram**2).sum())
    ratio = unbiased_participation_ratio(trace, squared, moments.weighted_fourth, *_weight_sums(moments.weights[-1]))
    return assemble_estimate(
        kernel,
        "covariance",
        measure,
        whole,
        half.curve(nested[-1], depth=whole.deepest),
        diversity_indices(
            [*nested, measure], linear=True, participation=(ratio, participation_ratio(trace, squared))
        ),
    )


def deepest_n1(unique: float, limit: float) -> float:
    """Return the N_1 at which the window ends, for `unique` rows of which `limit` is the rank if that is smaller."""
    return min(unique * DEEPEST_SHARE, limit / 2)


def drawn_n1(unique: float, limit: float) -> float:
    """Return the N_1 at which the curve ends."""
    return min(unique * DRAWN_SHARE, 0.9 * limit)


class Share:
    """A nested share of the rows with what its curves need."""

    def __init__(
        self,
        *,
        weights: IntArray,
        floor: float,
        window: tuple[float, float] | None = None,
        cells: Cells | None = None,
        rows: Multiplicities | None = None,
        rank: int | None = None,
    ) -> None:
        self.cells = cells or make_cells(weights, min(GROUPS, len(weights)))
        self.rows = rows or Multiplicities.of(weights)
        self.floor = floor
        self.window = window
        self.unique = float(self.rows.unique)
        self.limit = self.unique if rank is None else min(self.unique, rank)

    @property
    def deepest(self) -> float:
        """N_1 at which the window ends."""
        return deepest_n1(self.unique, self.limit)

    @property
    def drawn(self) -> float:
        """N_1 at which the curve ends."""
        return drawn_n1(self.unique, self.limit)

    def ridges(self, measure: SpectralMeasure, depth: float | None = None) -> FloatArray:
        """Return the ridges of a curve to N_1 = `depth`, with a margin, or to the end of what is drawn."""
        return ridges(measure, self.floor, min(1.5 * depth, self.drawn) if depth else self.drawn)

    def curve(self, measure: SpectralMeasure, depth: float | None = None) -> CapacityCurve:
        """Return the capacity curve at those ridges."""
        return capacity_curve(measure, self.rows, self.ridges(measure, depth))

    def value(self, measure: SpectralMeasure) -> float:
        """Return the slope over the given window, or over the share's own; 0 where there is none."""
        curve = self.curve(measure)
        window = self.window or window_of(curve, self.deepest)
        return float(slope_over(curve, window)) if window else 0.0

    def probe_error(self, measure: SpectralMeasure) -> float:
        """Return the slope's standard error from the random probes."""
        return self._spread(measure, probe_curves(measure, self.rows, self.ridges(measure)))

    def allowed(self, measure: SpectralMeasure) -> float:
        """Return the error of the slope that may be left."""
        jackknife = jackknife_curves(measure, self.cells, self.rows, self.ridges(measure))
        sampling = float(np.nan_to_num(self._spread(measure, jackknife)))
        return max(PROBE_SHARE * sampling, SMALLEST_ERROR * abs(self.value(measure)))

    def _spread(self, measure: SpectralMeasure, batch: CapacityCurve) -> float:
        window = self.window or window_of(self.curve(measure), self.deepest)
        return float(jackknife_error(slope_over(batch, window))) if window else 0.0


def measure_operator(
    operator: Operator,
    share: Share,
    *,
    seed: int,
    max_steps: int = MAX_STEPS,
    blocks: int = 1,
    progress: Progress = lambda fraction: None,
) -> SpectralMeasure:
    """Return the spectral measure of an operator, as accurate as the slope of `share` asks for."""
    if isinstance(operator, DenseOperator) and operator.size <= EXACT_ROWS:
        return exact_measure(operator, share.cells)
    return quadrature_measure(
        operator,
        share.cells,
        seed=seed,
        statistic=share,
        leading=LEADING,
        max_steps=max_steps,
        blocks=blocks,
        progress=progress,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What is known of the error of an operator's curves.

    Attributes
    ----------
    apply
        Returns a curve, or a batch of them, without it.
    error
        Of the slope, that it leaves.
    deepest
        N_1 to which it is known.
    """

    apply: Callable[[CapacityCurve], CapacityCurve]
    error: float
    deepest: float


def assemble_estimate(
    kernel: Kernel | FusedKernel,
    method: Method,
    measure: SpectralMeasure,
    share: Share,
    half: CapacityCurve | None,
    diversity: dict[str, Index],
    *,
    correction: Correction | None = None,
) -> Estimate:
    """Return the estimate that a spectral measure leads to; `half` is the curve of a nested half of the rows."""
    delta = share.ridges(measure)
    curves = (
        capacity_curve(measure, share.rows, delta),
        jackknife_curves(measure, share.cells, share.rows, delta),
        *((probe_curves(measure, share.rows, delta),) if len(measure.probe_weights) else ()),
    )
    if correction is not None:
        curves = tuple(correction.apply(curve) for curve in curves)
    curve, jackknife, *probes = curves
    deepest = share.deepest if correction is None else correction.deepest
    evidence = Evidence(
        whole=curve,
        jackknife=jackknife,
        probes=probes[0] if probes else None,
        half=half,
        deepest=deepest,
        rows=round(share.unique),
        limited=share.deepest < share.unique * DEEPEST_SHARE,
        quadrature=measure.truncation,
        operator=0.0 if correction is None else correction.error,
    )
    rows = round(float((share.rows.values * share.rows.counts).sum()))
    return Estimate(
        kernel=kernel,
        method=method,
        rows=rows,
        unique_rows=round(share.unique),
        measure=measure,
        curve=curve,
        jackknife=jackknife,
        probes=evidence.probes,
        exponent=estimate_exponent(evidence),
        deepest_n2=_deepest(curve, deepest),
        floored=bool(curve.n1[-1] < deepest),
        diversity=diversity,
        diversity_rows=rows,
        leading=Leading(values=measure.eigenvalues, errors=measure.errors, rows=rows),
    )


def _deepest(curve: CapacityCurve, n1: float) -> float:
    window = window_of(curve, n1)
    return window[1] if window else 0.0


def _weight_sums(weights: npt.NDArray[np.int64]) -> tuple[float, float]:
    return float(weights.sum()), float((weights.astype(float) ** 2).sum())
