"""Waivers: gates whose result does not count, and why."""

from __future__ import annotations

from collections.abc import Sequence

from specaudit.documents import Comparison, Gate, Waiver, Warning_
from specaudit.policy import Policy, WaiverRule


def waive(comparison: Comparison, gates: Sequence[Gate], policy: Policy) -> tuple[list[Gate], list[Warning_]]:
    """Return the gates with those waived that failed or could not decide, and warnings about idle waivers."""
    result = {gate.id: gate for gate in gates}
    warnings = []
    for rule in policy.waivers:
        gate = next((g for g in result.values() if g.id == rule.gate), None)
        if rule.after is not None and not comparison.after.digest.startswith(rule.after.lower()):
            what = f"is for data whose digest begins {rule.after}; AFTER's is {comparison.after.digest}"
            warnings.append(_idle(rule, what, "remove it, or give the digest of the data it is for"))
            continue
        if rule.until is not None and rule.until < policy.today:
            warnings.append(_idle(rule, f"expired on {rule.until}", "renew it with a reason, or remove it"))
        elif gate is None or gate.status not in ("fail", "inconclusive"):
            warnings.append(_idle(rule, "was not needed", "remove it"))
        else:
            until = None if rule.until is None else rule.until.isoformat()
            result[gate.id] = gate.model_copy(
                update={
                    "status": "waived",
                    "suspended": gate.status,
                    "waiver": Waiver(reason=rule.reason, until=until),
                }
            )
    return list(result.values()), warnings


def _idle(rule: WaiverRule, what: str, next_step: str) -> Warning_:
    return Warning_(id="SPA013", message=f"the waiver of {rule.gate} ({rule.reason}) {what}", next_step=next_step)
