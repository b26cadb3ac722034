"""A comparison in words: the verdict in one sentence, the amount, and the facts as rows of cells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from specaudit.embeddings.display import shown
from specaudit.report.compare.removed import carried_sentence
from specaudit.report.facts import dimensions, number, percent

if TYPE_CHECKING:
    from specaudit.documents import (
        Change,
        Comparison,
        DeepGain,
        FiniteRegion,
        Gate,
        Kernel,
        Relation,
        Side,
        Test,
    )
    from specaudit.documents.compare import GateStatus

NO_HARM = "no harm to the spectral shape beyond the margin"
TAILS = {
    "preserved": "preserved",
    "steeper": "steeper",
    "flatter": "flatter on the measured window; a finite-region effect, no claim on the asymptote",
    "undecided": "undecided",
}
QUESTIONS = {
    "capacity": "capacity falls beyond the margin",
    "tail": "the tail steepens beyond the margin",
    "repeats": "rows repeat more unevenly",
    "consistency": "the eigenvalues obey the ceiling of a subset",
    "rows": "enough rows are left",
    "coverage": "the rows that are left cover those that were removed",
    "span": "the added rows leave the span of the real ones",
}
"""Gate id -> what is not known while the gate cannot decide."""
RELATIONS = {
    "identical": "the same rows on both sides",
    "reweighted": "the same different rows, repeated unequally",
    "prune": "AFTER is a part of BEFORE",
    "augment": "AFTER is BEFORE and more rows",
    "replace": "some rows were removed and others added",
    "fresh": "few rows or none in common",
}
MATCHES = {
    "ids": "row ids",
    "content": "row content",
    "selection": "the selection that was given",
    "sketch": "the hashes that the baseline keeps (an estimate)",
}
DRAWN = {
    "before": "of BEFORE",
    "after": "of AFTER",
    "both": "of both sides",
    "baseline": "recorded in the baseline",
}
AT_LEAST = ("capacity", "repeats")
AT_MOST = ("tail", "consistency")
LONG = 400  # characters of a sentence from a gate or a warning
COMMAND = 2000  # characters of a command line

GATE_HEADS = ("gate", "status", "observed [low, high]", "limit", "where")
TEST_HEADS = ("statistic", "change [low, high]", "limit", "z", "status")


def headline(comparison: Comparison) -> str:
    """Return the verdict in one sentence."""
    waived = _waived(comparison)
    if comparison.verdict == "pass":
        return _sentence("Pass", [_passed(comparison), f"tail {TAILS[comparison.tail]}", *waived])
    if comparison.verdict == "fail":
        return _sentence("Fail", [*_reasons(comparison, "fail"), *waived])
    return _sentence("Inconclusive", [*_open(comparison), *waived])


def amount(comparison: Comparison) -> str:
    """Return how many rows became how many, and what that leaves measurable: a spectrum says nothing about it."""
    rows = comparison.rows
    text = f"rows {rows.before:,} -> {rows.after:,}"
    if (rows.before, rows.after) != (rows.unique_before, rows.unique_after):
        text += f" ({rows.unique_before:,} -> {rows.unique_after:,} different)"
    before, after = map(dimensions, comparison.spectra[comparison.primary].depth)
    depth = f"{after} effective dimensions on both sides"
    if before != after:
        depth = f"{after} instead of {before} effective dimensions"
    lost = ""
    if rows.groups is not None and rows.groups.lost:
        lost = f"; {rows.groups.lost:,} of {rows.groups.count:,} groups lost"
    return f"{text}; tail measurable to {depth}{lost}"


def tail_facts(comparison: Comparison) -> list[tuple[str, str]]:
    """Return what became of the tail under the primary kernel, and what was calibrated."""
    spectrum = comparison.spectra[comparison.primary]
    facts = [("tail", TAILS[comparison.tail])]
    if comparison.delta_exponent is not None and spectrum.window is not None:
        low, high = map(dimensions, spectrum.window)
        change = interval(comparison.delta_exponent)
        facts.append(("change of b₂", f"{change} between {low} and {high} effective dimensions"))
    if comparison.rows.carried is not None:
        facts.append(("removed rows", carried_sentence(comparison.rows.carried)))
    if comparison.smallest_harm:
        harms = sorted(comparison.smallest_harm.items(), key=_by_depth)  # a saved document has them by the alphabet
        found = ", ".join(f"{shown(name)} {number(value, 3)}" for name, value in harms)
        facts.append(("smallest harm", f"{found}: fails with 80 % power"))
    return facts


def _by_depth(harm: tuple[str, float]) -> list[tuple[float, str]]:
    """Return a key that sorts names by the text and the numbers in them."""
    words = harm[0].split()
    return [
        (float(word), "") if re.fullmatch(r"[0-9]+([.][0-9]+)?(e[+-]?[0-9]+)?", word) else (0.0, word)
        for word in words
    ]


def gate_cells(gate: Gate) -> tuple[str, str, str, str, str]:
    """Return a gate as a row under ``GATE_HEADS``."""
    return (gate.id, gate.status, _observed(gate), _limit(gate), shown(gate.where))


def gate_notes(gate: Gate) -> list[tuple[str, str]]:
    """Return why a gate has its status and what follows; nothing of one that passed."""
    if gate.status == "pass":
        return []
    reason = shown(gate.reason, LONG)
    if gate.status != "waived":
        notes = [("reason", reason)]
    else:
        notes = [("waived", waiver(gate)), ("would be", f"{gate.suspended}: {reason}")]
    return notes + [("next", shown(gate.next_step, LONG))] * bool(gate.next_step)


def waiver(gate: Gate) -> str:
    """Return why a waived gate does not count, and how long that holds."""
    if gate.waiver is None:
        return "no reason is recorded"
    until = f"until {shown(gate.waiver.until)}" if gate.waiver.until else "for this run"
    return f"{shown(gate.waiver.reason, LONG)} ({until})"


def relation_facts(comparison: Comparison) -> list[tuple[str, str]]:
    """Return who matched whom: the two sources, and how many of their different rows are the same."""
    relation, scale = comparison.relation, comparison.relation.scale
    return [
        ("before", _side(comparison.before)),
        ("after", _side(comparison.after)),
        ("relation", f"{relation.kind}: {RELATIONS[relation.kind]}{_expected(relation)}"),
        ("matched by", _matched(relation)),
        ("shared", f"{relation.shared:,} different rows"),
        ("removed", f"{relation.removed:,}"),
        ("added", f"{relation.added:,}"),
        ("in both samples", f"{relation.sample_overlap:,}"),
        *([] if scale is None else [("scale", f"distances are {scale:.2f} times BEFORE's")]),
    ]


def statistic_cells(test: Test) -> tuple[str, str, str, str, str]:
    """Return a test as a row under ``TEST_HEADS``."""
    change = f"{test.change:+.3f} [{test.low:+.3f}, {test.high:+.3f}]"
    sign = "≥" if test.statistic == "capacity" else "≤"
    z = "-" if test.z is None else f"{test.z:+.1f}"
    return (_statistic(test), change, f"{sign} {test.limit:+.3g}", z, test.status)


def kernels(comparison: Comparison) -> dict[str, str]:
    """Return the name of each kernel and how it is titled, the primary kernel first."""
    names = [comparison.primary, *(name for name in comparison.spectra if name != comparison.primary)]
    return {name: f"{shown(name)}{' (primary)' * (name == comparison.primary)}" for name in names}


def region_facts(region: FiniteRegion) -> list[tuple[str, str]]:
    """Return where the front gained and whether the tail kept its height."""
    if not region.tail_flat:
        cutoff = "none: the tail itself tilts, so that no front can be told from it"
    elif region.cutoff is None:
        cutoff = "none: no rank differs from the tail"
    else:
        cutoff = f"ranks up to {region.cutoff:,} differ from the tail"
    gain = f"at least × {number(region.peak_gain, 3)} in the bin that gained most"
    if region.tail_ratio < 1 < region.peak_gain:
        gain += "; the tail paid for it"
    return [
        ("cutoff", cutoff),
        ("front", gain),
        ("tail", f"× {number(region.tail_ratio, 3)} in the last bins of rank"),
    ]


def deep_facts(deep: DeepGain) -> list[tuple[str, str]]:
    """Return the gain past the dense depth at its ends and between, and how far the graphs can be believed."""
    places = sorted({0, len(deep.dimension) // 2, len(deep.dimension) - 1})
    gains = [
        (
            f"at N₁ = {dimensions(deep.dimension[at])}",
            f"× {deep.kappa_ratio[at]:.3f} [{deep.low[at]:.3f}, {deep.high[at]:.3f}]",
        )
        for at in places
    ]
    return [
        *gains,
        ("against dense", f"{deep.disagreement:+.3f} in ln κ where both reach"),
        ("graphs", f"{deep.rows:,} different rows a side, {deep.landmarks:,} landmarks, {deep.neighbors} neighbours"),
    ]


def deep_title(kernel: str) -> str:
    """Return what `deep_facts` are, for the title of a kernel."""
    return f"Gain past the dense depth under {kernel}: information, no gate counts it"


def side_facts(side: Side) -> list[tuple[str, str]]:
    """Return what the one pass over a data set found; the labels are the same for both sides."""
    return [
        ("source", shown(side.source)),
        ("read from", "a saved baseline" if side.baseline else "embeddings"),
        ("model", shown(side.model) if side.model else "not said"),
        ("rows", f"{side.rows:,}"),
        ("different rows", f"{side.unique_rows:,} ({percent(side.duplicate_fraction)} exact copies)"),
        ("effective rows", number(side.effective_rows)),
        ("dropped rows", f"{side.dropped_rows:,}"),
        ("rows in kernels", f"{side.sampled_rows:,}"),
        ("dimensions", f"{side.dimensions:,} ({shown(side.dtype)})"),
        ("digest", shown(side.digest)),
    ]


def null_facts(comparison: Comparison) -> list[tuple[str, str]]:
    """Return how the two sides were brought to equal size and what the change is judged against."""
    null = comparison.null
    subsets = "none: nothing differs"
    if null.drawn_from != "none":
        subsets = f"{null.draws:,} {DRAWN[null.drawn_from]}"
    critical = f"{number(null.critical_value, 3)} standard errors"
    facts = [
        ("compared at", f"{null.rows:,} different rows on each side"),
        ("random subsets", subsets),
        ("critical value", f"{critical}: one-sided 1 % over {null.statistics:,} statistics"),
    ]
    titles = kernels(comparison)
    facts += [(title, _kernel(comparison.spectra[name].kernel)) for name, title in titles.items()]
    if comparison.consistency is not None:
        found = comparison.consistency
        facts.append(
            (
                "ceiling n/m",
                f"{number(found.limit, 3)}; largest ratio of {found.ranks:,} eigenvalues {number(found.observed, 3)}",
            )
        )
    return facts


def reproduce_facts(comparison: Comparison) -> list[tuple[str, str]]:
    """Return what is needed to get these numbers again."""
    made, versions = comparison.reproduce, comparison.environment
    libraries = (
        ("specaudit", versions.specaudit),
        ("python", versions.python),
        ("numpy", versions.numpy),
        ("scipy", versions.scipy),
        ("faiss", versions.faiss),
    )
    return [
        ("command", shown(made.command, COMMAND)),
        ("seed, threads", f"{made.seed}, {versions.threads}"),
        ("estimator", shown(made.estimator)),
        ("digests", f"{shown(made.before)} -> {shown(made.after)}"),
        ("versions", ", ".join(f"{name} {shown(version)}" for name, version in libraries)),
        ("exit code", f"{comparison.exit_code}"),
    ]


def interval(change: Change) -> str:
    """Return a change with its interval, such as ``+0.012 [-0.003, +0.027]``."""
    return f"{change.value:+.3f} [{change.low:+.3f}, {change.high:+.3f}]"


def _sentence(verdict: str, parts: Sequence[str]) -> str:
    text = f"{verdict}: {'; '.join(parts)}"
    return text if text.endswith("?") else f"{text}."


def _passed(comparison: Comparison) -> str:
    spectral = [comparison.gate("capacity"), comparison.gate("tail")]
    passed = all(gate is not None and gate.status == "pass" for gate in spectral)
    return NO_HARM if passed else "no gate that decided found harm"


def _waived(comparison: Comparison) -> list[str]:
    gates = [f"{gate.id} (would be {gate.suspended})" for gate in comparison.gates if gate.status == "waived"]
    return [f"waived: {', '.join(gates)}"] if gates else []


def _reasons(comparison: Comparison, status: GateStatus) -> list[str]:
    """Return why gates have a status, each reason once."""
    reasons = (shown(gate.reason, LONG).rstrip(".") for gate in comparison.gates if gate.status == status)
    return list(dict.fromkeys(reasons))


def _open(comparison: Comparison) -> list[str]:
    """Return what cannot be told, and how many rows would decide it or else why."""
    gates = [gate for gate in comparison.gates if gate.status == "inconclusive"]
    questions = " or whether ".join(QUESTIONS[gate.id] for gate in gates)
    needed = [gate.rows_needed for gate in gates]
    known = [rows for rows in needed if rows is not None]
    if len(known) == len(needed):
        because = [f"about {max(known, default=0):,} different rows on each side would decide"]
    else:
        because = _reasons(comparison, "inconclusive")
    return [f"cannot tell whether {questions}", *because]


def _observed(gate: Gate) -> str:
    if gate.observed is None:
        return "-"
    if gate.id not in ("capacity", "tail"):
        return number(gate.observed)
    if gate.low is None or gate.high is None:
        return f"{gate.observed:+.3f}"
    return f"{gate.observed:+.3f} [{gate.low:+.3f}, {gate.high:+.3f}]"


def _limit(gate: Gate) -> str:
    if gate.limit is None:
        return "-"
    text = f"{gate.limit:+.3g}" if gate.id in ("capacity", "tail") else number(gate.limit)
    return f"{_side_of_limit(gate)}{text}"


def _side_of_limit(gate: Gate) -> str:
    """Return on which side of its limit a gate passes; `rows` limits a share that was dropped or a number kept."""
    if gate.id in AT_LEAST or (gate.id == "rows" and (gate.limit or 0) >= 1):
        return "≥ "
    return "≤ " if gate.id in AT_MOST or gate.id == "rows" else ""


def _side(side: Side) -> str:
    saved = ", a saved baseline" if side.baseline else ""
    return f"{shown(side.source)} ({side.rows:,} rows, {side.unique_rows:,} different{saved})"


def _expected(relation: Relation) -> str:
    return "" if relation.expected in ("any", relation.kind) else f" (expected {relation.expected})"


def _matched(relation: Relation) -> str:
    text = MATCHES[relation.matched_by]
    if relation.near and relation.tolerance is not None:
        text += f"; {relation.near:,} by nearest neighbour within {number(relation.tolerance, 3)}"
    return text


def _kernel(kernel: Kernel) -> str:
    length = "no bandwidth"
    if kernel.bandwidth is not None:
        length = f"bandwidth {number(kernel.bandwidth)} ({shown(kernel.bandwidth_rule)})"
    scaled = ["unit length"] * (kernel.normalize == "l2") + ["centered"] * kernel.centered
    return f"{length}, rows as {', '.join(scaled) or 'given'}"


def _statistic(test: Test) -> str:
    """Return what a test compares, and at which depth."""
    if test.statistic == "capacity":
        return f"ln κ at N₁ = {dimensions(test.dimension or 0.0)}"
    low, high = map(dimensions, test.window or (0.0, 0.0))
    return f"b₂ over N₂ {low} to {high}"
