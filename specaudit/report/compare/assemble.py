"""From the numbers of a comparison to its document, before gates are judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import repeat
from types import MappingProxyType

import numpy as np

from specaudit import documents as doc
from specaudit.comparison import KernelChange, Outcome
from specaudit.dataset import DataSet
from specaudit.deep import DeepGain
from specaudit.documents.compare import Expectation, NoCeiling
from specaudit.draws import Design
from specaudit.exponent import CONFIDENCE
from specaudit.front import FrontAndTail
from specaudit.gates import CAUTION
from specaudit.kernels import FloatArray, Kernel
from specaudit.profiles import Profile
from specaudit.relation import Relation
from specaudit.removal import CarriedTail, RemovedRows
from specaudit.version import ESTIMATOR_VERSION

MOST_EIGENVALUES = 200
MOST_NAMED = 20
"""Removed rows that the document names."""
SHALLOW = 5.0
"""Effective dimensions below which a window says little of the tail."""
MUCH = 0.05
FAR_LESS = 0.25
"""Share of the rows below which the amount is worth a warning of its own."""
STEP = 1.5
"""Ratio of the two N_1 between which the slope of a curve is read."""
POWER = 0.8416212335729143
"""Normal quantile of 80 % power."""


def assemble_comparison(
    before: doc.Side,
    after: doc.Side,
    relation: doc.Relation,
    changes: Mapping[str, KernelChange],
    design: Design,
    rows: doc.Rows,
    consistency: doc.Consistency | None,
    *,
    no_ceiling: NoCeiling | None = None,
    deep: Mapping[str, DeepGain] = MappingProxyType({}),
    span: doc.SpanSet | None = None,
    coverage: doc.Coverage | None = None,
    command: str,
    seed: int,
    environment: doc.Environment,
) -> doc.Comparison:
    """Return the document of a comparison; the first change is the primary kernel's. `gates.judge` completes it."""
    primary = next(iter(changes))
    spectra = {name: _spectrum(change, deep.get(name)) for name, change in changes.items()}
    most = max(changes.values(), key=lambda change: change.draws)
    return doc.Comparison(
        verdict="inconclusive",
        exit_code=3,
        relation=relation,
        tail="undecided",
        primary=primary,
        delta_exponent=spectra[primary].delta_exponent,
        spectra=spectra,
        finite_region=spectra[primary].finite_region,
        consistency=consistency,
        no_ceiling=no_ceiling,
        span=span,
        coverage=coverage,
        null=doc.Null(
            rows=design.size,
            draws=most.draws,
            drawn_from=design.drawn,
            critical_value=most.critical,
            statistics=sum(len(change.outcomes) for change in changes.values()),
        ),
        gates=(),
        rows=rows,
        before=before,
        after=after,
        reproduce=doc.Reproduce(
            command=command, seed=seed, estimator=ESTIMATOR_VERSION, before=before.digest, after=after.digest
        ),
        environment=environment,
        warnings=tuple(_warnings(before, after, relation, changes)),
    )


def smallest_harms(comparison: doc.Comparison, margins: Mapping[tuple[str, str], float]) -> dict[str, float]:
    """Return per statistic the smallest harm that would fail with 80 % power; `margins` by (statistic, kernel)."""
    found = {}
    for name, change in comparison.spectra.items():
        for test in change.tests:
            where = f"tail ({name})" if test.dimension is None else f"capacity at {test.dimension:.3g} ({name})"
            needed = CAUTION * (test.high - test.low) / 2
            found[where] = max(margins[test.statistic, name], needed) + POWER * test.error
    return found


def side(data: DataSet, *, name: str, model: str | None, sampled: int) -> doc.Side:
    """Return the facts of one side."""
    unique = len(data.copies)
    return doc.Side(
        source=name,
        source_version=data.embeddings.version,
        model=model,
        rows=data.rows,
        dimensions=data.embeddings.dimensions,
        dtype=str(data.embeddings.dtype),
        digest=data.digest,
        dropped_rows=data.dropped,
        unique_rows=unique,
        effective_rows=data.effective_rows,
        duplicate_fraction=1 - unique / data.rows,
        sampled_rows=sampled,
    )


def relation_document(
    relation: Relation, expected: Expectation, overlap: int, scale: float | None = None
) -> doc.Relation:
    """Return the relation as the document has it; `overlap` rows are in both samples.

    `scale` is AFTER's median distance over BEFORE's.
    """
    return doc.Relation(
        kind=relation.kind,
        expected=expected,
        matched_by=relation.matched_by,
        shared=relation.shared,
        near=relation.near,
        tolerance=relation.tolerance,
        removed=relation.removed,
        added=relation.added,
        sample_overlap=overlap,
        scale=scale,
    )


def rows_document(
    before: DataSet,
    after: DataSet,
    removed: RemovedRows,
    changes: Mapping[str, KernelChange],
    carried: CarriedTail | None = None,
    *,
    groups: doc.Groups | None = None,
    pruned: bool = True,
) -> doc.Rows:
    """Return the amounts and the removed rows, with distances in bandwidths of the first kernel that has one.

    Where rows were not only removed (`pruned`), nothing tells what the removed ones explain.
    """
    unit = next((kernel.bandwidth for kernel in (c.kernel for c in changes.values()) if kernel.bandwidth), 1.0)
    ids = before.embeddings.ids
    leverages = repeat(None) if removed.leverages is None else removed.leverages.tolist()
    named = tuple(
        doc.NamedRow(
            row=int(row), id=None if ids is None else ids[row], distance=float(distance / unit), leverage=leverage
        )
        for row, distance, leverage in zip(removed.rows, removed.distances, leverages, strict=False)
    )
    known = [row for row in named if row.leverage is not None]
    return doc.Rows(
        before=before.rows,
        after=after.rows,
        unique_before=len(before.copies),
        unique_after=len(after.copies),
        removed_far=named[:MOST_NAMED],
        searched=len(named),
        removed_tail=tuple(sorted(known, key=_leverage, reverse=True)[:MOST_NAMED]),
        carried=None
        if carried is None
        else doc.Carried(
            kernel=carried.kernel,
            dimension=carried.dimension,
            rows=carried.rows,
            capacity=carried.capacity,
            first_tenth=carried.first_tenth,
            explained=_explained(changes[carried.kernel], carried) if pruned else None,
        ),
        groups=groups,
        removed_all=named,
    )


def _explained(change: KernelChange, carried: CarriedTail) -> float | None:
    """Return which share of the capacity that was lost at the deepest test the removed rows' leverages explain.

    At a fixed ridge the kept rows carry (1 - capacity) / (1 - rows) times what as many random ones do; the fall of
    ln kappa at fixed N_1 over the slope of the curve is the measured ln of that.
    """
    tests = [o for o in change.outcomes if o.dimension is not None and o.high < 0]
    if not tests or not carried.rows < 1:
        return None
    deepest = tests[-1]
    n1 = np.log(deepest.dimension or 1.0) - np.array([np.log(STEP), 0.0])
    slope = float(np.diff(np.interp(n1, change.before.log_n1, change.before.log_kappa.mean))[0]) / np.log(STEP)
    expected = float(np.log((1 - carried.capacity) / (1 - carried.rows)))
    return expected / (deepest.change / -slope) if slope < 0 else None


def _leverage(row: doc.NamedRow) -> float:
    return row.leverage or 0.0


def kernel_document(kernel: Kernel) -> doc.Kernel:
    """Return the kernel as documents have it."""
    return doc.Kernel(
        name=kernel.name,
        bandwidth=kernel.bandwidth,
        bandwidth_rule=kernel.bandwidth_rule,
        normalize=kernel.normalize,
        centered=kernel.centered,
    )


def _spectrum(change: KernelChange, deep: DeepGain | None) -> doc.SpectrumChange:
    tail = next((o for o in change.outcomes if o.window is not None), None)
    gain = change.after.gain.mean - change.before.gain.mean
    low, high = (np.exp(gain + sign * change.critical * change.gain_error) for sign in (-1, 1))
    return doc.SpectrumChange(
        kernel=kernel_document(change.kernel),
        draws=change.draws,
        tests=tuple(_test(outcome) for outcome in change.outcomes),
        delta_exponent=None if tail is None else doc.Change(value=tail.change, low=tail.low, high=tail.high),
        window=None if tail is None else tail.window,
        depth=change.depth,
        gain=doc.Gain(
            dimension=_floats(change.targets.gain),
            kappa_ratio=_floats(np.exp(gain)),
            low=_floats(low),
            high=_floats(high),
        ),
        deep_gain=None if deep is None else _deep_gain(deep, change.targets.gain, gain),
        before=_curve(change.before, change.targets.n2),
        after=_curve(change.after, change.targets.n2),
        finite_region=None if change.front is None else _front(change.front),
        diversity={
            name: doc.DiversityChange(
                before=found.before, after=found.after, ratio=found.ratio, low=found.low, high=found.high
            )
            for name, found in change.diversity.items()
        },
    )


def _deep_gain(deep: DeepGain, dimension: FloatArray, gain: FloatArray) -> doc.DeepGain:
    disagreement = float(deep.change[0] - np.interp(np.log(deep.dimension[0]), np.log(dimension), gain))
    low, high = (np.exp(deep.change + sign * (deep.error + abs(disagreement))) for sign in (-1, 1))
    return doc.DeepGain(
        dimension=_floats(deep.dimension),
        kappa_ratio=_floats(np.exp(deep.change)),
        low=_floats(low),
        high=_floats(high),
        rows=deep.rows,
        landmarks=deep.settings.landmarks,
        neighbors=deep.settings.neighbors,
        disagreement=disagreement,
    )


def _test(outcome: Outcome) -> doc.Test:
    return doc.Test(
        statistic="capacity" if outcome.window is None else "tail",
        dimension=outcome.dimension,
        window=outcome.window,
        change=outcome.change,
        low=outcome.low,
        high=outcome.high,
        error=outcome.error,
        z=outcome.change / outcome.error if outcome.error > 0 else None,
        limit=0.0,
        status="inconclusive",
        rows_needed=None,
    )


def _curve(side: Profile, n2: FloatArray) -> doc.Curve:
    from scipy.special import stdtrit

    wide = float(stdtrit(max(side.draws - 1, 1), 0.5 + CONFIDENCE / 2))
    kappa_margin, exponent_margin = wide * side.log_kappa.sd, wide * side.local_exponent.sd
    log_kappa, exponent = side.log_kappa.mean, side.local_exponent.mean
    return doc.Curve(
        eigenvalues=_floats(side.eigenvalues[:MOST_EIGENVALUES]),
        kappa=_floats(np.exp(log_kappa)),
        kappa_low=_floats(np.exp(log_kappa - kappa_margin)),
        kappa_high=_floats(np.exp(log_kappa + kappa_margin)),
        n1=_floats(np.exp(side.log_n1)),
        n2=_floats(n2),
        exponent=_floats(exponent),
        exponent_low=_floats(exponent - exponent_margin),
        exponent_high=_floats(exponent + exponent_margin),
    )


def _front(front: FrontAndTail) -> doc.FiniteRegion:
    return doc.FiniteRegion(
        rank=_floats(front.rank),
        log_ratio=_floats(front.log_ratio),
        error=_floats(front.error),
        cutoff=front.cutoff,
        peak_gain=front.peak_gain,
        tail_ratio=front.tail_ratio,
        tail_flat=front.tail_flat,
    )


def _warnings(
    before: doc.Side, after: doc.Side, relation: doc.Relation, changes: Mapping[str, KernelChange]
) -> list[doc.Warning_]:
    found: list[doc.Warning_] = []

    def warn(id_: str, message: str, next_step: str) -> None:
        found.append(doc.Warning_(id=id_, message=message, next_step=next_step))

    for name, data in (("BEFORE", before), ("AFTER", after)):
        if data.dropped_rows:
            warn("SPA003", f"{name}: {data.dropped_rows:,} bad rows were dropped", "find out where they come from")
        if data.sampled_rows < data.unique_rows:
            warn(
                "SPA005",
                f"{name}: {data.sampled_rows:,} of {data.unique_rows:,} different rows are compared",
                "raise --max-rows for a deeper tail",
            )
    for name, change in changes.items():
        window = next((o.window for o in change.outcomes if o.window is not None), None)
        if window is None or window[1] < SHALLOW:
            depth = f"only {window[1]:.2g}" if window else "less than 1"
            warn(
                "SPA011",
                f"{name}: the comparison reaches {depth} effective dimensions",
                "compare more rows: depth comes with rows",
            )
    if relation.near:
        warn(
            "SPA014",
            f"{relation.near:,} rows were matched by nearest neighbour, within {relation.tolerance:.3g}",
            "nothing, if AFTER was rounded or normalised again; else compare the files as the model wrote them",
        )
    if after.duplicate_fraction > before.duplicate_fraction + MUCH:
        warn(
            "SPA015",
            f"{after.duplicate_fraction:.1%} of AFTER's rows are copies, {before.duplicate_fraction:.1%} of BEFORE's",
            "deduplicate, unless the copies are meant",
        )
    if after.unique_rows < FAR_LESS * before.unique_rows:
        depths = next(iter(changes.values())).depth
        warn(
            "SPA017",
            f"different rows {before.unique_rows:,} -> {after.unique_rows:,}: the tail is measurable to "
            f"{depths[1]:.3g} instead of {depths[0]:.3g} effective dimensions",
            "gate on the amount with --min-rows or --max-drop if it matters",
        )
    return found


def _floats(values: FloatArray | Sequence[float]) -> tuple[float, ...]:
    return tuple(float(v) for v in values)
