"""The gates of rows that were added or removed, which are judged against the others and not by the spectrum."""

from __future__ import annotations

from typing import Literal

from specaudit.documents import Comparison, Gate, Warning_
from specaudit.documents.compare import GateId, GateStatus, TailChange
from specaudit.documents.span import SpanClass
from specaudit.policy import Policy

Status = Literal["pass", "fail", "inconclusive"]
SEVERITY: tuple[Status, ...] = ("pass", "inconclusive", "fail")

SPANNED: dict[SpanClass, Status] = {
    "in-span": "pass",
    "new-modes": "pass",
    "unresolved": "inconclusive",
    "copies": "pass",
    "collapsed": "fail",
    "noise": "fail",
}
"""What added rows are -> how the gate stands."""
COVERED: dict[SpanClass, tuple[Status, str]] = {
    "in-span": ("pass", "the kept rows explain the removed ones as they explain one another"),
    "copies": ("pass", "removed rows are near copies of kept ones"),
    "collapsed": ("pass", "the kept rows explain the removed ones better than one another"),
    "new-modes": ("fail", "the removed rows have modes that the kept ones lack: a topic or a kind of row is lost"),
    "noise": ("inconclusive", "many removed rows lie beyond the kept ones, and no common mode explains it"),
    "unresolved": ("inconclusive", "too few removed rows, or too little in common, to tell whether a topic is lost"),
}
"""What removed rows are to the kept ones -> how the gate stands, and why."""


def coverage_gate(comparison: Comparison, policy: Policy) -> Gate:
    """Return the gate of lost topics: it decides where the policy enables it."""
    found, relation = comparison.coverage, comparison.relation
    if not relation.removed or relation.kind == "fresh":
        return plain_gate("coverage", "skipped", "no rows were removed", "")
    if found is None:
        what = "BEFORE's embeddings" if comparison.before.baseline else "more removed and kept rows"
        return plain_gate("coverage", "skipped", f"the removed rows were not judged: it takes {what}", "")
    status, reason = max((COVERED[name] for name in found.removed.classes), key=lambda case: SEVERITY.index(case[0]))
    if status != "pass" and found.lost:
        most = found.lost[0]
        reason += f"; of a cluster of {most.rows:,} rows {100 * most.kept:.0f} % were kept"
    if "coverage" not in policy.enable:
        return plain_gate("coverage", "skipped", f"{reason} (reported only)", "--enable coverage lets it decide")
    steps = {"fail": "keep some rows of each lost cluster", "inconclusive": "look at the removed rows"}
    return plain_gate("coverage", status, reason, steps.get(status, ""))


def span_gate(comparison: Comparison, policy: Policy) -> Gate:
    """Return the gate of what added rows are."""
    found = comparison.span
    if not comparison.relation.added or comparison.relation.kind == "fresh":
        return plain_gate("span", "skipped", "no rows were added", "")
    if found is None:
        what = "BEFORE's embeddings" if comparison.before.baseline else "more rows and a kernel of distances"
        return plain_gate("span", "skipped", f"the added rows were not judged: it takes {what}", "")
    worst = max((SPANNED[name] for name in found.classes), key=SEVERITY.index)
    next_step = {
        "fail": "leave out the rows that specaudit span names, or mend what makes them",
        "inconclusive": "judge more rows: specaudit span BEFORE ADDED",
    }.get(worst, "")
    named = " and ".join(found.classes)
    return plain_gate("span", worst, f"added rows are {named}: {found.reason}", next_step)


def plain_gate(name: GateId, status: GateStatus, reason: str, next_step: str) -> Gate:
    """Return a gate that nothing was measured for."""
    return Gate(
        id=name,
        status=status,
        observed=None,
        low=None,
        high=None,
        limit=None,
        where="",
        reason=reason,
        next_step=next_step,
    )


def synthetic_warnings(comparison: Comparison, tail: TailChange) -> list[Warning_]:
    """Return the warning that nothing judged the added rows, where that matters."""
    if (
        not comparison.relation.added
        or comparison.relation.expected == "fresh"
        or comparison.span is not None
        or tail not in ("flatter", "preserved")
    ):
        return []
    return [
        Warning_(
            id="SPA012",
            message=f"{comparison.relation.added:,} rows were added; a spectrum cannot tell whether synthetic rows "
            "add anything new",
            next_step="run the span test on the added rows if a model generated them",
        )
    ]


def copies_warnings(comparison: Comparison) -> list[Warning_]:
    """Return the warning that added rows are near copies, where many are."""
    found = comparison.span
    if found is None or "copies" not in found.classes:
        return []
    return [
        Warning_(
            id="SPA020",
            message=f"{100 * found.near.value:.0f} % of the added rows are near copies of BEFORE's rows",
            next_step="leave them out, or keep them if they are meant as weights",
        )
    ]
