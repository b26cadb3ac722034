"""The exponent of many rows from their kernel graph, calibrated on sub-samples where the dense answer is known.

The graph operator is an approximation, and how far its curves are off depends on where they are read: on N_1 as a
share of the rows, which says how many rows, neighbours and landmarks resolve one effective dimension. On nested
sub-samples of c, c/2 and c/4 rows both operators give a curve; what the dense one has at the same share of *its*
rows, less what the graph has, is the offset that is added to the curve of all rows. Where the offsets of all three
lead to the same slope, the graph is trusted that deep, and what still moves between them, for every doubling up to
all rows, is part of the interval. Elsewhere the dense sample's own answer stands.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from specaudit.capacity import CapacityCurve, jackknife_curves, rising
from specaudit.cells import IntArray
from specaudit.embeddings import HERE, Engine
from specaudit.estimate import (
    DEEPEST_SHARE,
    FEWEST_CHECKED,
    FLOOR,
    Check,
    Correction,
    Estimate,
    Part,
    Progress,
    Share,
    assemble_estimate,
    estimate_dense,
    measure_operator,
)
from specaudit.exponent import critical_value, jackknife_error, slope_over, window_of
from specaudit.graph.previous import PreviousRows, previous_rows
from specaudit.graph.residual import FEWEST_LANDMARKS, graph_operator
from specaudit.kernels import FloatArray, Kernel
from specaudit.operators import Operator, dense_operator
from specaudit.spectrum import MAX_STEPS, Eigenpairs, eigenpairs

SHARES = (1 / 64, 1 / 32, 1 / 16, DEEPEST_SHARE)
"""Depths N_1, in rows, at which windows may end."""
TREND = 0.01
"""A slope may move by this much from one calibration size to the next."""
CALIBRATIONS = 3
"""Sizes of calibration, each half of the next."""
LARGEST_SHIFT = 0.15
"""A graph whose slope is off by more than this share of it, before the calibration, is not trusted."""
SHARE_GRID = np.log(np.geomspace(1e-4, 0.4, 200))
FEWEST_ROWS = 4096
"""Rows below which a graph cannot be calibrated."""
EXTENDED_ROWS = 8192
EXTENDED_VECTORS = 192
"""Eigenvectors of so many rows that are extended to all, for their leading eigenvalues."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offset:
    """What a dense curve has more than the graph's of the same rows, at each N_1 / rows of `SHARE_GRID`.

    Attributes
    ----------
    rows
        Unique rows of both.
    kappa, n2, n3
        (u,) differences of the logarithms; nan where a curve does not reach.
    """

    rows: int
    kappa: FloatArray
    n2: FloatArray
    n3: FloatArray

    @classmethod
    def between(cls, dense: CapacityCurve, graph: CapacityCurve, rows: int) -> Offset:
        """Return the offset from the curves of `rows` rows."""

        def at(curve: CapacityCurve, name: str) -> FloatArray:
            with np.errstate(invalid="ignore", divide="ignore"):
                x, y = rising(np.log(curve.n1 / rows), np.log(getattr(curve, name)))
            return np.interp(SHARE_GRID, x, y, right=np.nan)

        return cls(rows=rows, **{name: at(dense, name) - at(graph, name) for name in ("kappa", "n2", "n3")})

    def applied(self, curve: CapacityCurve, rows: float) -> CapacityCurve:
        """Return the curve (..., D) of `rows` rows with the offset added; it ends where the offset is not known."""
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.log(curve.n1 / rows)
            moved = {
                name: getattr(curve, name) * np.exp(np.interp(share, SHARE_GRID, getattr(self, name), right=np.nan))
                for name in ("kappa", "n2", "n3")
            }
        known = np.isfinite(moved["n2"]).reshape(-1, len(curve.delta)).all(axis=0)
        last = int(known.nonzero()[0].max(initial=0)) + 1
        return CapacityCurve(
            delta=curve.delta[:last],
            n1=curve.n1[..., :last],
            **{name: values[..., :last] for name, values in moved.items()},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One size of the ladder.

    Attributes
    ----------
    rows
        Unique rows.
    window
        N_2 between which the slopes are read: to N_1 at the calibration's share of these rows.
    dense, graph, calibrated
        Slopes; None where the operator was not run, or not calibrated, at this size.
    """

    rows: int
    window: tuple[float, float] | None
    dense: float | None
    graph: float | None
    calibrated: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How a graph estimate was held to the dense one.

    Attributes
    ----------
    rows
        Unique rows of the graph of all rows.
    trusted
        Whether the graph's answer is given.
    share
        N_1 over the rows at which the window ends; the shallowest tried where nothing is trusted.
    shift
        Slope of the graph over that window less the calibrated one.
    trend
        Largest change of the slope from one calibration size to the next, an earlier change counting half.
    error
        What the interval allows for it: the trend for every doubling from the largest calibration to all rows.
    landmarks, neighbors, index, recall
        Of the graph of all rows.
    ladder
        By rising size.
    """

    rows: int
    trusted: bool
    share: float
    shift: float
    trend: float
    error: float
    landmarks: int
    neighbors: int
    index: str
    recall: float
    ladder: tuple[Rung, ...]

    @property
    def doubt(self) -> str:
        """Why the graph is not trusted."""
        if not np.isfinite(self.trend):
            return "its curve ends before"
        if self.trend > TREND:
            sizes = ", ".join(f"{rung.rows:,}" for rung in self.ladder[:CALIBRATIONS])
            return f"calibrations on {sizes} rows lead to slopes that differ by up to {self.trend:.2g}"
        return f"it is off by {self.shift:+.2g}, too much to calibrate away"


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphSettings:
    """How the graph of all rows is built; smaller ones have as many landmarks for each row.

    Attributes
    ----------
    landmarks
        Of all rows.
    neighbors
        Nearest previous rows of each.
    index
        In which they are searched.
    """

    landmarks: int
    neighbors: int
    index: str = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphEstimate:
    """An estimate, and where there was a graph the calibration and the eigenpairs of the first rows."""

    estimate: Estimate
    calibration: Calibration | None = None
    pairs: Eigenpairs | None = None


def calibration_rows(rows: int, dense_rows: int) -> int:
    """Return the rows of the largest dense sub-sample: as many as fit, where those are not all."""
    return dense_rows if dense_rows < rows else rows // 2


def estimate_graph(
    kernel: Kernel,
    rows: FloatArray,
    weights: IntArray,
    settings: GraphSettings,
    *,
    dense_rows: int,
    seed: int,
    threads: int,
    engine: Engine = HERE,
    progress: Progress = lambda fraction: None,
) -> GraphEstimate:
    """Return the estimate from the kernel graph of all `rows` (n, d), in key order, of multiplicity `weights` (n,).

    Where its calibration fails this is the dense estimate of the first rows. The leading eigenvalues are theirs in
    any case: `specaudit.extension` makes those of all rows from the eigenpairs.
    """
    n = len(rows)
    largest = calibration_rows(n, dense_rows)
    calibrating = [largest >> k for k in reversed(range(CALIBRATIONS))]
    sizes = sorted({*calibrating, *(n >> k for k in range(n.bit_length()) if n >> k > largest), n // 2, n})
    work = np.cumsum([largest, *sizes]) / (largest + sum(sizes))

    dense = dense_operator(kernel, rows[:largest], weights[:largest], threads=threads)
    answer = estimate_dense(kernel, dense, weights[:largest], seed=seed)
    curves = {largest: answer.curve}
    for size in calibrating[:-1]:
        part = dense.principal(size)
        curves[size] = _Sized.of(part, weights[:size], seed=seed).curve
    pairs = eigenpairs(dense.principal(min(largest, EXTENDED_ROWS)), EXTENDED_VECTORS, seed=seed)
    del dense, part
    rows = rows - rows.mean(axis=0)
    previous = previous_rows(rows, settings.neighbors, index=settings.index, threads=threads, engine=engine)
    graphs: dict[int, _Sized] = {}
    for size, before in zip(sizes, work, strict=False):
        progress(float(before))
        operator = graph_operator(
            kernel,
            rows[:size],
            previous.first(size),
            weights[:size],
            landmarks=max(FEWEST_LANDMARKS, settings.landmarks * size // n),
            threads=threads,
        )
        graphs[size] = _Sized.of(operator, weights[:size], seed=seed)
    found = _Calibrating(curves=curves, graphs=graphs, top=n, largest=largest)
    share, trusted = found.deepest()
    calibration = found.calibration(share, trusted, settings, previous)
    if not trusted:
        return GraphEstimate(estimate=answer, calibration=calibration, pairs=pairs)
    whole = graphs[n].part
    estimate = assemble_estimate(
        kernel,
        "block-lanczos",
        whole.measure,
        whole.share,
        found.offset.applied(graphs[n // 2].curve, n // 2),
        answer.diversity,
        correction=Correction(
            apply=lambda curve: found.offset.applied(curve, n), error=calibration.error, deepest=share * n
        ),
    )
    return GraphEstimate(
        estimate=replace(estimate, operator="graph", diversity_rows=answer.rows, leading=answer.leading),
        calibration=calibration,
        pairs=pairs,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sized:
    """What an operator says of some rows."""

    part: Part
    curve: CapacityCurve

    @classmethod
    def of(cls, operator: Operator, weights: IntArray, *, seed: int, max_steps: int = MAX_STEPS) -> _Sized:
        share = Share(weights=weights, floor=FLOOR * operator.rounding)
        part = Part(share=share, measure=measure_operator(operator, share, seed=seed, max_steps=max_steps))
        return cls(part=part, curve=share.curve(part.measure))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Calibrating:
    """Dense curves and graphs by size, and how deep they agree."""

    curves: dict[int, CapacityCurve]
    graphs: dict[int, _Sized]
    top: int
    largest: int

    @property
    def offsets(self) -> list[Offset]:
        """By rising size."""
        return [Offset.between(self.curves[size], self.graphs[size].curve, size) for size in sorted(self.curves)]

    @property
    def offset(self) -> Offset:
        """From the most rows."""
        return self.offsets[-1]

    def deepest(self) -> tuple[float, bool]:
        """Return the deepest share of the rows to which the graph is trusted, and whether there is one."""
        shares = [share for share in SHARES if share * self.top > DEEPEST_SHARE * self.largest]
        trusted = []
        for share in shares:
            slopes, shift = self.slopes(share)
            if not (_trend(slopes) <= TREND and abs(shift) <= LARGEST_SHIFT * slopes[-1]):
                break
            trusted.append(share)
        return (trusted[-1], True) if trusted else (shares[0], False)

    def window(self, share: float, size: int) -> tuple[float, float] | None:
        """Return the window that ends at this share of so many rows, on the calibrated curve."""
        return window_of(self.offset.applied(self.graphs[size].curve, size), share * size)

    def slopes(self, share: float) -> tuple[FloatArray, float]:
        """Return the slope of all rows with each offset, by rising size; and how far off it is without one."""
        curve, window = self.graphs[self.top].curve, self.window(share, self.top)
        if window is None:
            return np.full(len(self.curves), np.nan), np.nan
        slopes = np.array([slope_over(offset.applied(curve, self.top), window) for offset in self.offsets])
        return slopes, float(slope_over(curve, window) - slopes[-1])

    def calibration(
        self, share: float, trusted: bool, settings: GraphSettings, previous: PreviousRows
    ) -> Calibration:
        """Return the calibration at a share of the rows."""
        slopes, shift = self.slopes(share)
        trend = _trend(slopes)
        doublings = max(1.0, float(np.log2(self.top / self.largest)))
        return Calibration(
            rows=self.top,
            trusted=trusted,
            share=share,
            shift=shift,
            trend=trend,
            error=trend * doublings,
            landmarks=settings.landmarks,
            neighbors=settings.neighbors,
            index=previous.index,
            recall=previous.recall,
            ladder=tuple(self._rung(size, share) for size in sorted(self.graphs)),
        )

    def _rung(self, size: int, share: float) -> Rung:
        graph = self.graphs[size].curve
        window = self.window(share, size)
        if window is None:
            return Rung(rows=size, window=None, dense=None, graph=None, calibrated=None)
        dense = self.curves.get(size)
        return Rung(
            rows=size,
            window=window,
            dense=None if dense is None else float(slope_over(dense, window)),
            graph=float(slope_over(graph, window)),
            calibrated=float(slope_over(self.offset.applied(graph, size), window)),
        )


def _trend(slopes: FloatArray) -> float:
    """Return what a further doubling may change: the largest change between sizes, each halving once a doubling."""
    steps = np.abs(np.diff(slopes))[::-1]
    return float((steps / 2.0 ** np.arange(len(steps))).max())


def check_graph(estimate: Estimate, rows: FloatArray, weights: IntArray, *, seed: int, threads: int) -> Check | None:
    """Return how far the kernel graph of the nested part that a dense estimate measured is from it.

    None where that part is too small to have a graph, or a window.
    """
    known = estimate.part
    if known is None or known.share.unique < FEWEST_CHECKED:
        return None
    size = round(known.share.unique)
    assert isinstance(estimate.kernel, Kernel)  # a fused one has no graph
    rows = rows[:size] - rows[:size].mean(axis=0)
    graph = graph_operator(
        estimate.kernel, rows, previous_rows(rows, threads=threads), weights[:size], threads=threads
    )
    window = window_of(known.share.curve(known.measure), known.share.deepest)
    if window is None:
        return None

    def slopes(part: Part) -> tuple[float, FloatArray]:
        delta = part.share.ridges(part.measure)
        groups = jackknife_curves(part.measure, part.share.cells, part.share.rows, delta)
        return float(slope_over(part.share.curve(part.measure), window)), slope_over(groups, window)

    # The same probes and as many steps: what both leave out of the two spectra is alike.
    found = _Sized.of(graph, weights[:size], seed=seed, max_steps=known.measure.steps or MAX_STEPS).part
    (one, without), (other, other_without) = slopes(known), slopes(found)
    error = critical_value(len(without)) * float(jackknife_error(other_without - without))
    if not np.isfinite(other - one + error):
        return None
    return Check(rows=size, delta=other - one, low=other - one - error, high=other - one + error)
