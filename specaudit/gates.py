"""Gates: a comparison's numbers against margins, waivers, and the verdict.

Everything is read off the comparison's document, so that a saved one can be judged again under other margins.
A gate passes when its whole interval is inside the margin, fails when the change is beyond the margin and
significant against random subsets, and is otherwise inconclusive.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, exp, log10
from typing import Literal

from specaudit.documents import Comparison, Gate, Test
from specaudit.documents.compare import GateId, NoCeiling, TailChange, Verdict
from specaudit.errors import ExitCode
from specaudit.membership import (
    SEVERITY,
    Status,
    copies_warnings,
    coverage_gate,
    plain_gate,
    span_gate,
    synthetic_warnings,
)
from specaudit.policy import Policy
from specaudit.relation import PROVEN
from specaudit.waivers import waive

CAUTION = 1.25
"""Half-widths of its interval by which a change must differ from none to fail: one-sided about 0.1 % over all
statistics, since the spread of subsets may be skewed and nothing else protects where it exceeds the margin."""
NEAR = 0.25
"""Share by which the half-width of an interval may be off with the fewest subsets."""
SAME_SCALE = 1.25
"""Factor within which the median distances of new data of the same model agree with BEFORE's."""
NO_CEILING: dict[NoCeiling, tuple[str, str]] = {
    "copies": ("some rows occur more often in AFTER than in BEFORE, and the ceiling is that of a subset", ""),
    "samples": (
        "AFTER's sample has rows that BEFORE's lacks, and the ceiling is that of a subset",
        "raise --max-rows if the check matters",
    ),
    "numbers": ("AFTER's rows are BEFORE's in slightly other numbers, and the ceiling is that of equal rows", ""),
}
"""Why a pruning has no ceiling, and what to do about it."""
JUDGED = ("SPA012", "SPA013", "SPA020")
"""Warnings that follow from the judgement."""


def harm(test: Test) -> float:
    """Return the change in the direction of harm: positive is lost tail."""
    return -test.change if test.statistic == "capacity" else test.change


def decide(lost: float, half_width: float, margin: float) -> Status:
    """Return how a harm with an interval of that half-width stands against its margin."""
    if lost > margin and lost > CAUTION * half_width:
        return "fail"
    return "pass" if lost + half_width < margin else "inconclusive"


def near_limit(lost: float, half_width: float, margin: float) -> bool:
    """Tell whether a slightly narrower or wider interval, as more subsets would give, changes what is decided."""
    return decide(lost, (1 - NEAR) * half_width, margin) != decide(lost, (1 + NEAR) * half_width, margin)


def judge(comparison: Comparison, policy: Policy) -> Comparison:
    """Return the comparison with tests, gates, verdict and exit code under a policy."""
    spectra = {
        name: change.model_copy(
            update={"tests": tuple(_judged(test, name, comparison, policy) for test in change.tests)}
        )
        for name, change in comparison.spectra.items()
    }
    comparison = comparison.model_copy(update={"spectra": spectra})
    found = [gate for gate in (make(comparison, policy) for make in GATES.values()) if gate is not None]
    gates, about_waivers = waive(comparison, found, policy)
    worst = max((SEVERITY.index(gate.status) for gate in gates if gate.status in SEVERITY), default=0)
    verdict: Verdict = SEVERITY[worst]
    kept = tuple(w for w in comparison.warnings if w.id not in JUDGED)
    tail = tail_change(comparison)
    return comparison.model_copy(
        update={
            "gates": tuple(gates),
            "verdict": verdict,
            "exit_code": int(_exit_code(verdict, policy)),
            "tail": tail,
            "warnings": (*kept, *synthetic_warnings(comparison, tail), *copies_warnings(comparison), *about_waivers),
        }
    )


def tail_change(comparison: Comparison) -> TailChange:
    """Return what became of the tail, from all statistics together."""
    if objection(comparison):
        return "undecided"
    tests = _tests(comparison)
    if any(test.status == "fail" for test in tests):
        return "steeper"
    if any(-harm(t) > max(abs(t.limit), _half_width(t)) for t in tests):
        return "flatter"
    return "preserved" if tests and all(test.status == "pass" for test in tests) else "undecided"


def objection(comparison: Comparison) -> tuple[str, str] | None:
    """Return why the two sides may not be judged together and what to do; None where nothing speaks against it.

    Too few shared rows do, unless new data were expected; of new data, another scale.
    """
    relation, rows = comparison.relation, comparison.rows
    if relation.expected == "any" and relation.shared < PROVEN * min(rows.unique_before, rows.unique_after):
        return "no shared rows: another embedding model, or new data?", "--expect fresh if the model is the same"
    scale = relation.scale
    if relation.expected == "fresh" and scale is not None and not 1 / SAME_SCALE <= scale <= SAME_SCALE:
        return (
            f"distances are {scale:.2f} times BEFORE's: another scale or embedding model?",
            "embed both sides with one model, and scale their rows alike (--normalize l2)",
        )
    return None


def _judged(test: Test, kernel: str, comparison: Comparison, policy: Policy) -> Test:
    margin = policy.margin(test.statistic, kernel)
    status = decide(harm(test), _half_width(test), margin)
    needed = _rows_needed(test, margin, comparison.null.rows) if status == "inconclusive" else None
    limit = -margin if test.statistic == "capacity" else margin
    return test.model_copy(update={"status": status, "limit": limit, "rows_needed": needed})


def _half_width(test: Test) -> float:
    return (test.high - test.low) / 2


def _rows_needed(test: Test, margin: float, rows: int) -> int | None:
    """Return the rows at which the same change would be decided: errors fall with the root of the rows."""
    distance = margin - harm(test) if harm(test) < margin else harm(test) / CAUTION
    needed = rows * (_half_width(test) / distance) ** 2 if distance > 0 else float("inf")
    if not needed < 1e9:
        return None
    unit: int = 10 ** max(int(log10(max(needed, 1.0))) - 1, 0)
    return ceil(needed / unit) * unit


def _tests(comparison: Comparison) -> list[Test]:
    return [test for change in comparison.spectra.values() for test in change.tests]


def _exit_code(verdict: Verdict, policy: Policy) -> ExitCode:
    if verdict == "inconclusive":
        return ExitCode.PASS if policy.on_inconclusive == "pass" else ExitCode.INCONCLUSIVE
    return ExitCode.FAIL if verdict == "fail" else ExitCode.PASS


def _capacity(comparison: Comparison, policy: Policy) -> Gate:
    return _statistics_gate(comparison, "capacity")


def _tail(comparison: Comparison, policy: Policy) -> Gate:
    return _statistics_gate(comparison, "tail")


def _statistics_gate(comparison: Comparison, statistic: Literal["capacity", "tail"]) -> Gate:
    """Return the gate that the worst test of a statistic decides."""
    found = [
        (name, test)
        for name, change in comparison.spectra.items()
        for test in change.tests
        if test.statistic == statistic
    ]
    doubt = objection(comparison)
    if doubt:
        return plain_gate(statistic, "inconclusive", *doubt)
    if not found:
        return plain_gate(
            statistic,
            "inconclusive",
            "too few rows for any statistic of the spectrum",
            "compare more rows",
        )
    name, worst = max(found, key=lambda item: (SEVERITY.index(item[1].status), harm(item[1]) / abs(item[1].limit)))
    where = f"{name}, {_depth(worst)}"
    failing = [item for item in found if item[1].status == "fail"]
    if failing:
        reason, next_step = _harm_sentence(failing), _remedy(comparison)
    elif worst.status == "inconclusive":
        reason = (
            f"the change of {worst.change:+.3f} at {where} has the interval [{worst.low:+.3f}, {worst.high:+.3f}], "
            f"which holds the limit {worst.limit:+.3f}"
        )
        next_step = (
            "compare more rows"
            if worst.rows_needed is None
            else (
                f"compare about {worst.rows_needed:,} rows instead of {comparison.null.rows:,}, or widen the margin"
            )
        )
    else:
        reason, next_step = "no harm to the spectral shape beyond the margin", ""
    return Gate(
        id=statistic,
        status=worst.status,
        observed=worst.change,
        low=worst.low,
        high=worst.high,
        limit=worst.limit,
        where=where,
        reason=reason,
        next_step=next_step,
        rows_needed=worst.rows_needed,
    )


def _remedy(comparison: Comparison) -> str:
    """Return what to do about a harm."""
    if comparison.relation.kind in ("augment", "replace"):
        return "look at the added rows: they crowd the front of the spectrum"
    if comparison.before.baseline:
        return "keep more of the removed rows; compare with BEFORE's embeddings, not its baseline, to name them"
    return "keep more of the removed rows, see the rows named"


def _depth(test: Test) -> str:
    if test.dimension is not None:
        return f"{test.dimension:.3g} effective dimensions"
    low, high = test.window or (0.0, 0.0)
    return f"between {low:.3g} and {high:.3g} effective dimensions"


def _harm_sentence(failing: Sequence[tuple[str, Test]]) -> str:
    """Return the harm in one sentence, of the kernel that shows it most."""
    name, worst = max(failing, key=lambda item: harm(item[1]) / abs(item[1].limit))
    if worst.statistic == "capacity":
        first = min(test.dimension or 0.0 for kernel, test in failing if kernel == name)
        lost = f"{100 * (1 - exp(worst.change)):.0f} % less capacity"
        if worst.dimension == first:
            return f"{lost} from mode {first:.3g} on ({name})"
        return f"up to {lost}, from mode {first:.3g} on ({name})"
    return f"the tail exponent rises by {worst.change:.3f} {_depth(worst)} ({name}): the tail is steeper"


def _repeats(comparison: Comparison, policy: Policy) -> Gate:
    shares = [side.effective_rows / side.unique_rows for side in (comparison.before, comparison.after)]
    observed, limit = shares[1] / shares[0], policy.margin("repeats", "")
    bad = observed < limit
    lost: Status = "inconclusive" if objection(comparison) else "fail"
    return Gate(
        id="repeats",
        status=lost if bad else "pass",
        observed=observed,
        low=observed,
        high=observed,
        limit=limit,
        where="effective rows over unique rows, AFTER relative to BEFORE",
        reason=(
            f"a few rows repeat so often that {comparison.after.unique_rows:,} different rows weigh as "
            f"{comparison.after.effective_rows:,.0f}"
            if bad
            else "rows repeat no more unevenly than before"
        ),
        next_step="remove or even out the repeats" if bad else "",
    )


def _consistency(comparison: Comparison, policy: Policy) -> Gate:
    found = comparison.consistency
    if found is None:
        return plain_gate("consistency", "skipped", *_no_ceiling(comparison))
    return Gate(
        id="consistency",
        status="pass" if found.holds else "fail",
        observed=found.observed,
        low=found.observed,
        high=found.observed,
        limit=found.limit,
        where=f"{found.ranks} leading eigenvalues",
        reason="eigenvalues obey the ceiling of a subset"
        if found.holds
        else "eigenvalues rise beyond what any subset of BEFORE can have",
        next_step="" if found.holds else "check that both sides come from one embedding model",
    )


def _no_ceiling(comparison: Comparison) -> tuple[str, str]:
    """Return why there is no ceiling to hold eigenvalues against, and what to do about it."""
    kind, why = comparison.relation.kind, comparison.no_ceiling
    if comparison.before.baseline:
        return "a baseline keeps too few eigenvalues to hold AFTER's against", ""
    if kind in ("identical", "reweighted"):
        return "no row was removed, and the ceiling is for what is left of a data set", ""
    if kind != "prune":
        return "AFTER is not a subset of BEFORE, so that no ceiling applies", ""
    return NO_CEILING[why] if why else ("no ceiling was worked out", "")


def _rows(comparison: Comparison, policy: Policy) -> Gate | None:
    if policy.max_drop is None and policy.min_rows is None:
        return None
    rows = comparison.rows
    drop = 1 - rows.unique_after / rows.unique_before
    few = policy.min_rows is not None and rows.unique_after < policy.min_rows
    much = policy.max_drop is not None and drop > policy.max_drop
    by_drop = policy.max_drop is not None and (much or policy.min_rows is None or not few)
    observed, limit = (drop, policy.max_drop) if by_drop else (float(rows.unique_after), float(policy.min_rows or 0))
    return Gate(
        id="rows",
        status="fail" if few or much else "pass",
        observed=observed,
        low=observed,
        high=observed,
        limit=limit,
        where="share of unique rows dropped" if by_drop else "unique rows of AFTER",
        reason="; ".join(_amounts(comparison, policy, drop if much else None, few=few)),
        next_step="keep more rows, or change --max-drop and --min-rows" if few or much else "",
    )


def _amounts(comparison: Comparison, policy: Policy, drop: float | None, *, few: bool) -> list[str]:
    """Return the amount in words: against each limit that it breaks, `drop` being a share that is too large."""
    rows, reasons = comparison.rows, []
    counts = f"{rows.unique_before:,} -> {rows.unique_after:,}"
    if drop is not None and policy.max_drop is not None:
        dropped, allowed = _percents(drop, policy.max_drop)
        reasons.append(f"{dropped} of the different rows are dropped, {allowed} are allowed ({counts})")
    if few:
        reasons.append(f"{rows.unique_after:,} different rows are left, at least {policy.min_rows:,} are required")
    return reasons or [f"{counts} different rows"]


def _percents(one: float, other: float) -> tuple[str, str]:
    """Return two different shares with as many digits as tell them apart."""
    for digits in range(2, 16):
        texts = (f"{100 * one:.{digits}g} %", f"{100 * other:.{digits}g} %")
        if texts[0] != texts[1]:
            break
    return texts


GATES: dict[GateId, Callable[[Comparison, Policy], Gate | None]] = {
    "capacity": _capacity,
    "tail": _tail,
    "repeats": _repeats,
    "consistency": _consistency,
    "rows": _rows,
    "coverage": coverage_gate,
    "span": span_gate,
}
"""Gate id -> what makes the gate from a comparison; None where nobody asked for it."""
