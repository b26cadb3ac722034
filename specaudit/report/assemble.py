"""From results to the fit document: units, bands, and the warnings that the figures call for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from types import MappingProxyType

import numpy as np

from specaudit import documents as doc
from specaudit.calibration import Calibration
from specaudit.capacity import CapacityCurve, rising
from specaudit.diversity import Index
from specaudit.embeddings import Embeddings
from specaudit.estimate import Estimate
from specaudit.exponent import CONFIDENCE, critical_value, jackknife_error
from specaudit.graph import RECALL
from specaudit.graph import Neighbours as NeighbourSearch
from specaudit.kernels import FloatArray
from specaudit.paired import Alone
from specaudit.scan import Scan
from specaudit.version import ESTIMATOR_VERSION

CURVE_POINTS = 64
COUNTING_POINTS = 64
COUNTING_DEPTH = 1e-9
MOST_EIGENVALUES = 500
NEAR = 0.1
"""Near-duplicates are closer than this many bandwidths."""
MUCH = 0.05
SHALLOW = 5.0
DOMINANT = 0.5
DRIFT = 0.02
EXPLORATORY = "SPA034"
"""The warning of a fused kernel, which what is made of its fit carries on."""


def assemble_fit(
    embeddings: Embeddings,
    scan: Scan,
    neighbours: NeighbourSearch,
    estimates: Mapping[str, Estimate],
    *,
    calibrations: Mapping[str, Calibration] = MappingProxyType({}),
    model: str | None,
    environment: doc.Environment,
    radius: float | None = None,
    fusion: doc.Fusion | None = None,
) -> doc.Fit:
    """Return the document of a fit; the first estimate is the primary kernel's, calibrations are by kernel.

    Near copies are closer than `radius`, by default a tenth of a bandwidth.
    """
    primary = next(iter(estimates))
    if radius is None:
        radius = NEAR * next((e.kernel.bandwidth for e in estimates.values() if e.kernel.bandwidth), scan.norm_mean)
    dataset = _dataset(embeddings, scan, neighbours, radius, model)
    spectra = {name: _spectrum(estimate, calibrations.get(name), scan.seed) for name, estimate in estimates.items()}
    return doc.Fit(
        dataset=dataset,
        primary=primary,
        spectra=spectra,
        fusion=fusion,
        environment=environment,
        warnings=(*_exploratory(fusion), *_warnings(dataset, scan, estimates, calibrations)),
    )


def fused_side(embeddings: Embeddings, scan: Scan, alone: Mapping[str, Alone]) -> doc.FusedSide:
    """Return one of two embeddings, with what each kernel says of it alone and what the fused one differs by."""
    return doc.FusedSide(
        source=embeddings.name,
        source_version=embeddings.version,
        digest=scan.digest,
        dimensions=scan.dimensions,
        unique_rows=scan.unique_rows,
        alone={
            name: doc.FusedAlone(
                kernel=_kernel(one.found),
                exponent=_exponent(one.found),
                itself=_exponent(one.itself),
                from_alone=doc.FusedDifference(**asdict(one.from_alone)),
                from_itself=doc.FusedDifference(**asdict(one.from_itself)),
            )
            for name, one in alone.items()
        },
    )


def _exploratory(fusion: doc.Fusion | None) -> list[doc.Warning_]:
    if fusion is None:
        return []
    message = (
        f"exploratory: the {fusion.by} of two embeddings' kernels, whose exponent no theory here ties to learning"
    )
    return [doc.Warning_(id=EXPLORATORY, message=message, next_step="read it beside b of each embedding alone")]


def _dataset(
    embeddings: Embeddings, scan: Scan, neighbours: NeighbourSearch, radius: float, model: str | None
) -> doc.Dataset:
    weights, counts = scan.multiplicities.values.astype(float), scan.multiplicities.counts
    near = neighbours.near_duplicate_fraction(radius)
    return doc.Dataset(
        source=embeddings.name,
        source_version=embeddings.version,
        model=model,
        rows=scan.rows,
        dimensions=scan.dimensions,
        dtype=scan.dtype,
        digest=scan.digest,
        nonfinite_rows=scan.nonfinite_rows,
        overflow_rows=scan.overflow_rows,
        zero_rows=scan.zero_rows,
        dropped_rows=scan.dropped_rows,
        unique_rows=scan.unique_rows,
        duplicate_fraction=scan.duplicate_fraction,
        effective_rows=float((weights * counts).sum() ** 2 / (weights**2 * counts).sum()),
        near_duplicate_fraction=near.value,
        near_duplicate_error=near.error,
        near_duplicate_radius=radius,
        neighbours=doc.Neighbours(
            index=neighbours.index,
            deterministic=neighbours.deterministic,
            recall=neighbours.recall,
            k=neighbours.rows.shape[1],
            queries=len(neighbours.queries),
            candidates=neighbours.candidates,
            distance_min=neighbours.nearest_min,
            distance_p05=neighbours.nearest_low,
            distance_median=neighbours.nearest_median,
        ),
        constant_columns=scan.constant_columns,
        norms=doc.Norms(min=scan.norm_min, mean=scan.norm_mean, max=scan.norm_max),
        has_ids=embeddings.ids is not None,
    )


def _spectrum(estimate: Estimate, calibration: Calibration | None, seed: int) -> doc.Spectrum:
    measure, leading = estimate.measure, estimate.leading
    shown = slice(MOST_EIGENVALUES)
    return doc.Spectrum(
        kernel=_kernel(estimate),
        estimator=doc.Estimator(
            operator=estimate.operator,
            method=estimate.method,
            rows=estimate.rows,
            unique_rows=estimate.unique_rows,
            seed=seed,
            version=ESTIMATOR_VERSION,
            probes=len(measure.probe_weights),
            steps=measure.steps,
            converged=measure.converged,
            graph_check=None if estimate.check is None else doc.GraphCheck(**asdict(estimate.check)),
            graph=None if calibration is None else _graph(calibration),
        ),
        trace=float((measure.nodes * measure.weights).sum()) / estimate.rows,
        eigenvalues=_floats(np.maximum(leading.values[shown], 0.0) / leading.rows),
        eigenvalue_errors=_floats(leading.errors[shown] / leading.rows),
        counting=_counting(estimate),
        capacity=_capacity(estimate),
        local_exponent=_local_exponent(estimate),
        exponent=_exponent(estimate),
        diversity={name: _index(index, estimate) for name, index in sorted(estimate.diversity.items())},
    )


def _kernel(estimate: Estimate) -> doc.Kernel:
    kernel = estimate.kernel
    return doc.Kernel(
        name=kernel.name,
        bandwidth=kernel.bandwidth,
        bandwidth_rule=kernel.bandwidth_rule,
        normalize=kernel.normalize,
        centered=kernel.centered,
    )


def _graph(calibration: Calibration) -> doc.Graph:
    found = asdict(calibration)
    for name in ("shift", "trend", "error"):
        found[name] = found[name] if np.isfinite(found[name]) else None
    return doc.Graph(**found)


def _counting(estimate: Estimate) -> doc.Counting:
    measure = estimate.measure
    order = np.argsort(-measure.nodes, kind="stable")
    nodes, count = measure.nodes[order], np.cumsum(measure.weights[order])
    positive = nodes > 0
    nodes, count = nodes[positive], count[positive]
    grid = np.geomspace(nodes[0], max(nodes[-1], COUNTING_DEPTH * nodes[0]), COUNTING_POINTS)
    reached = np.searchsorted(-nodes, -grid * (1 - 1e-12), side="right") - 1
    return doc.Counting(eigenvalue=_floats(grid / estimate.rows), count=_floats(count[reached]))


def _capacity(estimate: Estimate) -> doc.Capacity:
    curve = estimate.curve
    grid = _grid(estimate)
    log_kappa = curve.log_kappa(grid)
    margin = _margin([batch.log_kappa(grid) for batch in _batches(estimate)])
    n1 = np.exp(np.interp(grid, *rising(curve.log_n2, np.log(curve.n1))))
    return doc.Capacity(
        kappa=_floats(np.exp(log_kappa)),
        n1=_floats(n1),
        n2=_floats(np.exp(grid)),
        kappa_low=_floats(np.exp(log_kappa - margin)),
        kappa_high=_floats(np.exp(log_kappa + margin)),
        trusted_n2=estimate.deepest_n2,
    )


def _local_exponent(estimate: Estimate) -> doc.LocalExponent:
    curve = estimate.curve
    grid = _grid(estimate)
    x = curve.log_n2
    value = np.interp(grid, *rising(x, curve.b2))
    margin = _margin(
        [
            np.array([np.interp(grid, *rising(*row)) for row in zip(batch.log_n2, batch.b2, strict=True)])
            for batch in _batches(estimate)
        ]
    )
    return doc.LocalExponent(
        n2=_floats(np.exp(grid)),
        value=_floats(value),
        low=_floats(value - margin),
        high=_floats(value + margin),
        b1=_floats(np.interp(grid, *rising(x, curve.b1))),
        b3=_floats(np.interp(grid, *rising(x, curve.b3))),
    )


def _grid(estimate: Estimate) -> FloatArray:
    """Return ln N_2 at the points that are written down: from one effective dimension as deep as every curve
    of the estimate reaches; no points where they do not reach."""
    deepest = min(float(curve.n2[..., -1].min()) for curve in [estimate.curve, *_batches(estimate)])
    if not deepest > 1.0:
        return np.empty(0)
    return np.linspace(0.0, np.log(deepest), CURVE_POINTS)


def _batches(estimate: Estimate) -> list[CapacityCurve]:
    return [estimate.jackknife, *([estimate.probes] if estimate.probes is not None else [])]


def _margin(batches: list[FloatArray]) -> FloatArray:
    """Return the half-width of a 95 % band: Student's quantile times the sampling error, and the probes'."""
    margin = critical_value(len(batches[0])) * jackknife_error(batches[0])
    return margin if len(batches) == 1 else margin + 1.96 * jackknife_error(batches[1])


def _exponent(estimate: Estimate) -> doc.Exponent:
    e = estimate.exponent
    return doc.Exponent(
        value=e.value,
        low=e.low,
        high=e.high,
        confidence=CONFIDENCE,
        window=e.window,
        range=None if e.local is None else doc.Interval(low=e.local[0], high=e.local[1]),
        status=e.status,
        reason=e.reason,
        shape=e.shape,
        slope=e.slope,
        sampling_error=e.sampling_error,
        probe_error=e.probe_error,
        size_drift=e.size_drift,
        operator_error=e.operator_error,
        rows_needed=e.rows_needed,
    )


def _index(index: Index, estimate: Estimate) -> doc.Diversity:
    return doc.Diversity(
        value=index.value,
        sample=index.sample,
        rows=estimate.diversity_rows,
        formula=index.formula,
        source=index.source,
        centered=estimate.kernel.centered,
        correction=index.correction,
    )


def _warnings(
    dataset: doc.Dataset, scan: Scan, estimates: Mapping[str, Estimate], calibrations: Mapping[str, Calibration]
) -> list[doc.Warning_]:
    found = []

    def warn(id_: str, message: str, next_step: str) -> None:
        found.append(doc.Warning_(id=id_, message=message, next_step=next_step))

    if dataset.duplicate_fraction > MUCH:
        warn("SPA001", f"{dataset.duplicate_fraction:.1%} of the rows are exact copies", "deduplicate")
    if dataset.near_duplicate_fraction > MUCH:
        warn(
            "SPA002",
            f"{dataset.near_duplicate_fraction:.1%} of the rows have a near copy, "
            f"closer than {dataset.near_duplicate_radius:.3g}",
            "look at some pairs and deduplicate if they are the same item",
        )
    near = dataset.neighbours
    if near.recall is not None and near.recall < RECALL:
        warn(
            "SPA018",
            f"the {near.index} index found only {near.recall:.1%} of the nearest rows",
            "near copies are undercounted; use --index flat, or another index",
        )
    if dataset.dropped_rows:
        warn("SPA003", f"{dataset.dropped_rows:,} bad rows were dropped", "find out where they come from")
    if dataset.constant_columns:
        shown = ", ".join(map(str, dataset.constant_columns[:5]))
        more = ", ..." if len(dataset.constant_columns) > 5 else ""
        warn(
            "SPA004",
            f"{len(dataset.constant_columns)} constant columns: {shown}{more}",
            "harmless to distances; check that the model means it",
        )
    used = min((e.unique_rows for e in estimates.values() if e.method != "covariance"), default=scan.unique_rows)
    if used < scan.unique_rows:
        warn(
            "SPA005",
            f"kernel spectra use {used:,} of {scan.unique_rows:,} different rows",
            "raise --max-rows for a deeper tail, or --graph-rows where the kernel graph is trusted",
        )
    for name, calibration in calibrations.items():
        if not calibration.trusted:
            warn(
                "SPA019",
                f"{name}: the kernel graph of {calibration.rows:,} rows is not trusted past the dense sample: "
                f"{calibration.doubt}",
                "the answer is the dense sample's; raise --max-rows for a deeper tail",
            )
    for name, estimate in estimates.items():
        for id_, message, next_step in _spectrum_warnings(name, estimate):
            warn(id_, message, next_step)
    return found


def _spectrum_warnings(name: str, estimate: Estimate) -> list[tuple[str, str, str]]:
    found = []
    e, measure = estimate.exponent, estimate.measure
    if not measure.converged:
        found.append(
            (
                "SPA006",
                f"{name}: the slope's numerical error is above what was asked: {measure.truncation:.1g} by the last "
                f"steps, {e.probe_error or 0.0:.1g} by the probes",
                "both are in the interval; another kernel or more rows may decide",
            )
        )
    if e.size_drift is not None and e.slope and abs(e.size_drift / e.slope) > DRIFT:
        found.append(
            (
                "SPA007",
                f"{name}: half of the rows gives a slope that differs by {e.size_drift:+.3f}",
                "compare data sets at equal size only",
            )
        )
    if e.window is not None and e.window[1] < SHALLOW:
        found.append(
            (
                "SPA008",
                f"{name}: the window ends at only {e.window[1]:.2g} effective dimensions",
                "use more rows: depth comes with rows",
            )
        )
    if estimate.floored:
        found.append(
            (
                "SPA009",
                f"{name}: rounding, not the number of rows, ends the window",
                "the spectrum falls below what the arithmetic resolves; a deeper tail is out of reach",
            )
        )
    share = float(measure.nodes[0] / (measure.nodes * measure.weights).sum())
    if estimate.kernel.profile is None and share > DOMINANT:
        found.append(
            (
                "SPA010",
                f"{name}: one direction holds {share:.0%} of the sum of eigenvalues",
                "look at what it is"
                if estimate.kernel.centered
                else "that is the mean in most embeddings; see --centered",
            )
        )
    return found


def _floats(values: FloatArray) -> tuple[float, ...]:
    return tuple(np.asarray(values, dtype=np.float64).tolist())
