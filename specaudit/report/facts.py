"""A fit in words: its finding in one sentence, and its facts as pairs of label and value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specaudit.embeddings.display import shown

if TYPE_CHECKING:
    from specaudit.documents import Dataset, Diversity, Exponent, Fit, Graph, Interval, Spectrum
    from specaudit.documents.fit import Neighbours

MEANING = (
    "A larger b means that eigenvalues fall faster: fewer directions carry the data, the tail is thinner and "
    "learning its rare structure takes more data. A smaller b is a richer tail."
)

TREND = 0.8  # share of the local exponent's range between the window's ends that makes it a rise or a fall
LEADING = 3  # eigenvalues whose shares are told


def headline(fit: Fit) -> str:
    """Return the finding under the primary kernel, by status; of a fused kernel that it is exploratory."""
    fused = "" if fit.fusion is None else f"Exploratory ({fit.fusion.by} of two embeddings' kernels): "
    return f"{fused}{_finding(fit)}"


def _finding(fit: Fit) -> str:
    spectrum = fit.spectra[fit.primary]
    exponent = spectrum.exponent
    if exponent.status == "unresolved" or exponent.window is None or exponent.range is None:
        rows = f"; about {exponent.rows_needed:,} rows would do" if exponent.rows_needed else ""
        return f"Exponent unresolved: {shown(exponent.reason).rstrip('.')}{rows}."
    window = f"between {dimensions(exponent.window[0])} and {dimensions(exponent.window[1])} effective dimensions"
    if exponent.status == "not-power-law":
        return (
            f"No single exponent: the local exponent {trend(spectrum, exponent.range)} {window}, "
            "as is normal for real embeddings; compare curves, not exponents."
        )
    still = ""
    if exponent.status == "drifting":
        moves = trend(spectrum, exponent.range)
        still = f"; the local exponent {'still ' * (not moves.startswith('varies'))}{moves} across that window"
    return (
        f"Tail exponent b = {exponent.value:.3f} ({interval(exponent)}) {window} "
        f"({spectrum.kernel.name} kernel){still}."
    )


def interval(exponent: Exponent) -> str:
    """Return the exponent's interval, such as ``95 % interval 1.199 to 1.217``."""
    return f"{100 * exponent.confidence:g} % interval {exponent.low:.3f} to {exponent.high:.3f}"


def trend(spectrum: Spectrum, across: Interval) -> str:
    """Return how the local exponent runs across the window: it rises, falls, or varies between two values."""
    import numpy as np

    local, window = spectrum.local_exponent, spectrum.exponent.window
    if len(local.n2) > 1 and window is not None:
        first, last = np.interp(np.log(window), np.log(local.n2), local.value)
        if last - first >= TREND * (across.high - across.low):
            return f"rises from {across.low:.2f} to {across.high:.2f}"
        if first - last >= TREND * (across.high - across.low):
            return f"falls from {across.high:.2f} to {across.low:.2f}"
    return f"varies between {across.low:.2f} and {across.high:.2f}"


def dataset_facts(dataset: Dataset) -> list[tuple[str, str]]:
    """Return what the one pass over all rows found."""
    near, norms = dataset.neighbours, dataset.norms
    distances = f"median distance {number(near.distance_median)}, 5 % below {number(near.distance_p05)}"
    copies = percent(dataset.near_duplicate_fraction)
    if dataset.near_duplicate_error:
        copies += f" ± {percent(dataset.near_duplicate_error)}"
    facts = [
        ("rows", f"{dataset.rows:,}"),
        ("distinct rows", f"{dataset.unique_rows:,} ({percent(dataset.duplicate_fraction)} exact copies)"),
        ("near copies", f"{copies} of rows have a neighbour within {number(dataset.near_duplicate_radius)}"),
        ("bad rows", _bad_rows(dataset)),
        ("dimensions", f"{dataset.dimensions:,} ({dataset.dtype}){_constant(dataset.constant_columns)}"),
        ("norms", f"{number(norms.min)} / {number(norms.mean)} / {number(norms.max)} (min / mean / max)"),
        ("neighbours", f"{distances} ({_searched(near)})"),
        ("digest", shown(dataset.digest)),
    ]
    if dataset.source_version is not None:
        facts.append(("version", shown(dataset.source_version)))
    if dataset.model is not None:
        facts.append(("model", shown(dataset.model)))
    return facts


def kernel_facts(spectrum: Spectrum) -> list[tuple[str, str]]:
    """Return what was measured under one kernel; the labels are the same for every kernel."""
    kernel, estimator, exponent = spectrum.kernel, spectrum.estimator, spectrum.exponent
    length = "none"
    if kernel.bandwidth is not None:
        length = f"{number(kernel.bandwidth)} ({shown(kernel.bandwidth_rule)})"
    elif kernel.bandwidth_rule != "none":
        length = shown(kernel.bandwidth_rule)
    scaled = ["unit length"] * (kernel.normalize == "l2") + ["centered"] * kernel.centered
    method = f"{estimator.operator} {estimator.method}"
    if estimator.probes:
        method += f", {estimator.probes} probes, {estimator.steps} steps"
    if estimator.operator == "graph" and estimator.graph is not None:
        method += f", {estimator.graph.landmarks:,} landmarks, {estimator.graph.neighbors} neighbours"
    if not estimator.converged:
        method += ", not converged"
    window = "none"
    if exponent.window is not None:
        window = " to ".join(dimensions(end) for end in exponent.window)
    facts = [
        ("bandwidth", length),
        ("rows as", ", ".join(scaled) or "given"),
        ("rows used", f"{estimator.rows:,} ({estimator.unique_rows:,} distinct)"),
        ("method", method),
        ("status", exponent.status),
        ("reason", shown(exponent.reason, 400)),
        ("exponent b", _exponent(exponent)),
        ("window N₂", window),
        ("local exponent", trend(spectrum, exponent.range) if exponent.range else "not measured"),
        ("shape", shown(exponent.shape)),
        ("sampling error", _error(exponent.sampling_error)),
        ("probe error", _error(exponent.probe_error)),
        ("size drift", _error(exponent.size_drift, "+")),
    ]
    if exponent.operator_error is not None:
        facts.append(("operator error", _error(exponent.operator_error)))
    if spectrum.trace:
        leading = (percent(value / spectrum.trace) for value in spectrum.eigenvalues[:LEADING])
        facts.append(("leading shares", ", ".join(leading)))
    if estimator.graph_check is not None:
        check = estimator.graph_check
        shown_ = f"{check.delta:+.2g} ({check.low:+.2g} to {check.high:+.2g}) on {check.rows:,} rows"
        facts.append(("graph - dense", shown_))
    if estimator.graph is not None:
        facts += _graph_facts(estimator.graph)
    return facts + [(_label(name), _diversity(index)) for name, index in spectrum.diversity.items()]


def _graph_facts(graph: Graph) -> list[tuple[str, str]]:
    """Return how the graph was calibrated, and the ladder of slopes over doublings of the rows."""
    said = "trusted" if graph.trusted else "not trusted"
    facts = [("graph", f"{said} to N₁ = {graph.share:.3g} of {graph.rows:,} rows")]
    if graph.shift is not None and graph.error is not None:
        facts.append(("calibration", f"{-graph.shift:+.3f} to the slope, ± {graph.error:.2g}"))
    for rung in graph.ladder:
        slopes = ((rung.dense, "dense"), (rung.calibrated, "calibrated"), (rung.graph, "graph"))
        told = [f"{slope:.3f} {name}" for slope, name in slopes if slope is not None]
        if rung.window is not None:
            told.append(f"to N₂ = {dimensions(rung.window[1])}")
        facts.append((f"b of {rung.rows:,}", ", ".join(told) or "not measured"))
    return facts


def number(value: float, digits: int = 4) -> str:
    """Return ``value`` to some significant digits, with thousands separators instead of an exponent."""
    if abs(value) >= 10**digits:
        return f"{value:,.0f}" if abs(value) < 1e9 else f"{value:.{digits - 1}e}"
    return f"{value:.{digits}g}"


def percent(fraction: float) -> str:
    """Return a share in percent, to a tenth; a share that would round to zero says so."""
    return "< 0.1 %" if 0 < fraction < 0.0005 else f"{100 * fraction:.1f} %"


def dimensions(value: float) -> str:
    """Return a number of effective dimensions: whole, or to a tenth below ten."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def _searched(near: Neighbours) -> str:
    """Return how the nearest rows were searched."""
    said = [shown(near.index)]
    if near.index != "exact" and near.recall is not None:
        said.append(f"recall {near.recall:.2f}")
    of = "all" if near.queries == near.candidates else f"{near.queries:,} of"
    said.append(f"{of} {near.candidates:,} rows asked")
    if not near.deterministic:
        said.append("its build depends on threads")
    return ", ".join(said)


def _bad_rows(dataset: Dataset) -> str:
    counts = (
        (dataset.nonfinite_rows, "with NaN or infinity"),
        (dataset.overflow_rows, "too large"),
        (dataset.zero_rows, "all zero"),
    )
    found = ", ".join(f"{count:,} {what}" for count, what in counts if count) or "none"
    return found + (f"; {dataset.dropped_rows:,} dropped" if dataset.dropped_rows else "")


def _constant(columns: tuple[int, ...]) -> str:
    return f", {len(columns):,} constant" if columns else ""


def _exponent(exponent: Exponent) -> str:
    if exponent.value is not None:
        return f"{exponent.value:.3f} ({exponent.low:.3f} to {exponent.high:.3f})"
    return "none" if exponent.slope is None else f"none (plain slope {exponent.slope:.3f})"


def _error(value: float | None, sign: str = "") -> str:
    return "not measured" if value is None else f"{value:{sign}.2g}"


def _label(name: str) -> str:
    return shown(name).replace("_", " ")


def _diversity(index: Diversity) -> str:
    if index.value is None:
        return f"{number(index.sample)} (sample only)"
    return f"{number(index.value)} (sample {number(index.sample)})"
