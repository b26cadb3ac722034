from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from compare_fixtures import comparison, side

from specaudit import documents as doc
from specaudit.documents import json_schema
from specaudit.documents.reading import read_document
from specaudit.errors import ConfigError, VerdictError
from specaudit.gates import GATES, decide, harm, judge, near_limit, objection
from specaudit.policy import MARGINS, Policy, WaiverRule

TODAY = date(2026, 5, 17)
CRITICAL = 3.4
BARE = comparison()


def statistic_of(statistic: str, change: float, error: float = 0.001, dimension: float = 30.0) -> doc.Test:
    capacity = statistic == "capacity"
    return doc.Test(
        statistic=statistic,
        dimension=dimension if capacity else None,
        window=None if capacity else (10.0, 40.0),
        change=change,
        low=change - CRITICAL * error,
        high=change + CRITICAL * error,
        error=error,
        z=change / error if error else None,
        limit=0.0,
        status="inconclusive",
        rows_needed=None,
    )


def document(
    *,
    capacity: tuple[float, float] = (0.0, 0.001),
    tail: tuple[float, float] = (0.0, 0.001),
    kernel: str = "laplace",
    **changes: object,
) -> doc.Comparison:
    """Return a comparison that is not judged; `capacity` and `tail` are change and error under one kernel."""
    spectra = {
        name: spectrum.model_copy(
            update={
                "tests": (
                    statistic_of("capacity", *(capacity if name == kernel else (0.0, 0.001))),
                    statistic_of("tail", *(tail if name == kernel else (0.0, 0.001))),
                )
            }
        )
        for name, spectrum in BARE.spectra.items()
    }
    return BARE.model_copy(update={"spectra": spectra, "gates": (), "warnings": (), **changes})


def relation_of(**changes: object) -> doc.Relation:
    return BARE.relation.model_copy(update=changes)


def judged(policy: Policy | None = None, **changes: Any) -> doc.Comparison:
    return judge(document(**changes), policy or Policy(today=TODAY))


def status(found: doc.Comparison, gate: str) -> str | None:
    one = found.gate(gate)
    return one.status if one else None


UNPROVEN = relation_of(kind="fresh", shared=100, added=140, removed=7316)
REPEATED = side("after.npy", 1000, 240, "f" * 32, effective=40.0)


def test_a_change_within_all_margins_passes() -> None:
    found = judged()
    assert (found.verdict, found.exit_code, found.tail) == ("pass", 0, "preserved")
    assert {gate.id: gate.status for gate in found.gates} == {
        "capacity": "pass",
        "tail": "pass",
        "repeats": "pass",
        "consistency": "pass",
        "coverage": "skipped",
        "span": "skipped",
    }
    assert all(gate.reason for gate in found.gates)
    assert found.warnings == ()
    found.raise_for_verdict()


@pytest.mark.parametrize(
    ("changes", "policy", "gate"),
    [
        ({"capacity": (-0.03, 0.001)}, {}, "capacity"),
        ({"tail": (0.05, 0.001)}, {}, "tail"),
        ({"after": REPEATED}, {}, "repeats"),
        ({"consistency": doc.Consistency(limit=2.0, observed=4.0, ranks=20, holds=False)}, {}, "consistency"),
        ({}, {"max_drop": 0.5}, "rows"),
        ({}, {"min_rows": 241}, "rows"),
    ],
)
def test_each_gate_fails_on_its_own(changes: dict[str, Any], policy: dict[str, Any], gate: str) -> None:
    found = judged(Policy(today=TODAY, **policy), **changes)
    assert [one.id for one in found.gates if one.status == "fail"] == [gate]
    assert (found.verdict, found.exit_code) == ("fail", 1)
    failed = found.gate(gate)
    assert failed is not None
    assert failed.next_step
    assert failed.observed is not None
    with pytest.raises(VerdictError, match=f"fail: {gate}: "):
        found.raise_for_verdict()


@pytest.mark.parametrize(
    ("changes", "gate"),
    [
        ({"capacity": (-0.015, 0.01)}, "capacity"),
        ({"capacity": (-0.03, 0.02)}, "capacity"),
        ({"capacity": (0.0, 0.01)}, "capacity"),
        ({"tail": (0.02, 0.01)}, "tail"),
    ],
)
def test_what_the_interval_leaves_open_is_inconclusive_and_says_how_many_rows_decide(
    changes: dict[str, Any], gate: str
) -> None:
    found = judged(**changes)
    assert status(found, gate) == "inconclusive"
    assert (found.verdict, found.exit_code) == ("inconclusive", 3)
    one = found.gate(gate)
    assert one is not None
    assert one.rows_needed is not None
    assert one.rows_needed > found.null.rows
    assert f"{one.rows_needed:,}" in one.next_step
    with pytest.raises(VerdictError, match="inconclusive"):
        found.raise_for_verdict()


def test_the_rows_needed_would_decide() -> None:
    """Errors fall with the root of the rows: with so many of them the same change is decided."""
    for change, error in ((-0.01, 0.01), (-0.019, 0.01), (-0.025, 0.02), (0.005, 0.02)):
        (test, _) = judged(capacity=(change, error)).spectra["laplace"].tests
        assert test.rows_needed is not None
        scale = np.sqrt(BARE.null.rows / test.rows_needed)
        narrowed = decide(harm(test), CRITICAL * error * scale * 0.9999, 0.02)
        assert narrowed != "inconclusive"
        wider = np.sqrt(BARE.null.rows / (0.8 * test.rows_needed))
        assert decide(harm(test), CRITICAL * error * wider, 0.02) == "inconclusive"


@pytest.mark.parametrize(
    ("lost", "half", "margin", "expected"),
    [
        (0.02, 0.0, 0.02, "inconclusive"),
        (0.0200001, 0.0, 0.02, "fail"),
        (0.0199999, 0.0, 0.02, "pass"),
        (0.03, 0.03, 0.02, "inconclusive"),
        (0.03, 0.0241, 0.02, "inconclusive"),
        (0.03, 0.0239, 0.02, "fail"),
        (0.01, 0.01, 0.02, "inconclusive"),
        (0.01, 0.0099, 0.02, "pass"),
        (-1.0, 0.5, 0.02, "pass"),
        (-1.0, 1.02, 0.02, "inconclusive"),
        (0.0, 0.0, 0.02, "pass"),
        (float("nan"), 0.0, 0.02, "inconclusive"),
        (0.0, float("nan"), 0.02, "inconclusive"),
        (0.0, float("inf"), 0.02, "inconclusive"),
    ],
)
def test_decisions_at_the_boundary(lost: float, half: float, margin: float, expected: str) -> None:
    assert decide(lost, half, margin) == expected


def test_a_decision_is_never_worse_for_less_harm_and_never_open_for_no_error() -> None:
    order = ("pass", "inconclusive", "fail")
    for half in np.linspace(0, 0.1, 21):
        ranks = [order.index(decide(lost, half, 0.02)) for lost in np.linspace(-0.2, 0.2, 401)]
        assert ranks == sorted(ranks)


@pytest.mark.parametrize(
    ("lost", "half", "near"),
    [(0.0, 0.001, False), (0.0, 0.019, True), (0.0, 0.1, False), (0.05, 0.001, False), (0.05, 0.048, True)],
)
def test_more_subsets_are_wanted_where_they_could_decide(lost: float, half: float, near: bool) -> None:
    assert near_limit(lost, half, 0.02) == near


def test_harm_is_a_fall_of_capacity_and_a_rise_of_the_exponent() -> None:
    assert harm(statistic_of("capacity", -0.1)) == harm(statistic_of("tail", 0.1)) == 0.1


def test_a_gain_of_capacity_passes_and_is_called_flatter() -> None:
    found = judged(capacity=(0.2, 0.01), tail=(-0.1, 0.001))
    assert (found.verdict, found.tail) == ("pass", "flatter")


@pytest.mark.parametrize(
    ("changes", "tail"),
    [
        ({}, "preserved"),
        ({"capacity": (-0.03, 0.001)}, "steeper"),
        ({"tail": (0.05, 0.001)}, "steeper"),
        ({"capacity": (0.3, 0.001), "tail": (0.05, 0.001)}, "steeper"),
        ({"capacity": (0.03, 0.001)}, "flatter"),
        ({"capacity": (0.01, 0.001)}, "preserved"),
        ({"capacity": (-0.015, 0.01)}, "undecided"),
        ({"relation": UNPROVEN}, "undecided"),
        ({"relation": UNPROVEN, "tail": (0.05, 0.001)}, "undecided"),
    ],
)
def test_the_tail_in_one_word(changes: dict[str, Any], tail: str) -> None:
    assert judged(**changes).tail == tail


@pytest.mark.parametrize("kernel", ["laplace", "linear"])
@pytest.mark.parametrize("statistic", ["capacity", "tail"])
def test_the_worst_statistic_of_any_kernel_decides_its_gate(kernel: str, statistic: str) -> None:
    harmful = -0.2 if statistic == "capacity" else 0.2
    found = judged(kernel=kernel, **{statistic: (harmful, 0.001)})
    gate = found.gate(statistic)
    assert gate is not None
    assert gate.status == "fail"
    assert gate.where.startswith(kernel)
    assert gate.observed == harmful
    assert status(found, "tail" if statistic == "capacity" else "capacity") == "pass"


def test_a_sure_failure_outweighs_a_larger_open_change() -> None:
    bare = document()
    tests = (
        statistic_of("capacity", -0.03, 0.001, 10.0),
        statistic_of("capacity", -0.3, 0.2, 60.0),
        statistic_of("tail", 0.0),
    )
    spectra = {"laplace": bare.spectra["laplace"].model_copy(update={"tests": tests})}
    gate = judge(bare.model_copy(update={"spectra": spectra}), Policy()).gate("capacity")
    assert gate is not None
    assert (gate.status, gate.observed) == ("fail", -0.03)
    assert "mode 10 " in gate.reason


def test_no_statistic_is_inconclusive() -> None:
    bare = document()
    spectra = {name: spectrum.model_copy(update={"tests": ()}) for name, spectrum in bare.spectra.items()}
    found = judge(bare.model_copy(update={"spectra": spectra}), Policy())
    assert (status(found, "capacity"), status(found, "tail")) == ("inconclusive", "inconclusive")
    assert (found.verdict, found.tail) == ("inconclusive", "undecided")


def test_margins_are_by_statistic_and_by_kernel_and_the_nearest_counts() -> None:
    policy = Policy(margins={"capacity": 0.1, "capacity.rbf": 0.3, "tail.linear": 0.4})
    assert policy.margin("capacity", "laplace") == 0.1
    assert policy.margin("capacity", "linear") == 0.1
    assert policy.margin("capacity", "rbf") == 0.3
    assert (policy.margin("tail", "linear"), policy.margin("tail", "laplace")) == (0.4, MARGINS["tail"])
    assert Policy().margin("capacity", "linear") == MARGINS["capacity.linear"]
    assert Policy().margin("capacity", "matern32") == MARGINS["capacity"]


def test_a_wider_margin_lets_a_change_pass_and_is_the_limit_that_is_shown() -> None:
    harmful: dict[str, Any] = {"capacity": (-0.03, 0.001)}
    assert judged(**harmful).verdict == "fail"
    found = judged(Policy(margins={"capacity.laplace": 0.04}), **harmful)
    assert found.verdict == "pass"
    assert [test.limit for test in found.spectra["laplace"].tests] == [-0.04, 0.03]
    assert judged(Policy(margins={"tail": 0.04}), **harmful).verdict == "fail"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"margins": {"capacty": 0.1}}, "capacty"),
        ({"margins": {"capacity.laplac": 0.1}}, "capacity.laplac"),
        ({"margins": {"capacity.": 0.1}}, "capacity."),
        ({"margins": {"repeats.linear": 0.1}}, "repeats.linear"),
        ({"margins": {"tail": 0.0}}, "tail"),
        ({"margins": {"tail": -0.1}}, "tail"),
        ({"margins": {"tail": float("nan")}}, "tail"),
        ({"margins": {"tail": float("inf")}}, "tail"),
        ({"margins": {"repeats": 1.0}}, "repeats"),
        ({"max_drop": 0.0}, "max-drop"),
        ({"max_drop": 1.0}, "max-drop"),
        ({"max_drop": float("nan")}, "max-drop"),
        ({"min_rows": 0}, "min-rows"),
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused(arguments: dict[str, Any], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        Policy(**arguments)


@pytest.mark.parametrize(("gate", "reason"), [("speed", "why not"), ("capacity", " "), ("capacity", "")])
def test_a_waiver_of_nothing_or_without_a_reason_is_refused(gate: str, reason: str) -> None:
    with pytest.raises(ConfigError, match="waiver of"):
        WaiverRule(gate=gate, reason=reason)


@pytest.mark.parametrize(
    ("policy", "expected", "observed"),
    [
        ({}, None, None),
        ({"max_drop": 0.97}, "pass", 1 - 240 / 7416),
        ({"max_drop": 0.96}, "fail", 1 - 240 / 7416),
        ({"min_rows": 240}, "pass", 240),
        ({"min_rows": 241}, "fail", 240),
        ({"min_rows": 241, "max_drop": 0.97}, "fail", 240),
        ({"min_rows": 240, "max_drop": 0.96}, "fail", 1 - 240 / 7416),
        ({"min_rows": 240, "max_drop": 0.97}, "pass", 1 - 240 / 7416),
    ],
)
def test_the_amount_is_gated_on_request(policy: dict[str, Any], expected: str | None, observed: float | None) -> None:
    gate = judged(Policy(**policy)).gate("rows")
    assert (gate.status if gate else None) == expected
    if gate is not None:
        assert gate.observed == pytest.approx(observed)
        assert gate.limit in policy.values()


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        ({"max_drop": 0.5}, "97 % of the different rows are dropped, 50 % are allowed (7,416 -> 240)"),
        ({"max_drop": 0.9675}, "96.76 % of the different rows are dropped, 96.75 % are allowed (7,416 -> 240)"),
        ({"min_rows": 1000}, "240 different rows are left, at least 1,000 are required"),
        (
            {"max_drop": 0.5, "min_rows": 241},
            "97 % of the different rows are dropped, 50 % are allowed (7,416 -> 240); "
            "240 different rows are left, at least 241 are required",
        ),
        ({"max_drop": 0.99, "min_rows": 2}, "7,416 -> 240 different rows"),
    ],
)
def test_the_amount_is_told_with_the_limit_it_breaks(policy: dict[str, Any], reason: str) -> None:
    gate = judged(Policy(today=TODAY, **policy)).gate("rows")
    assert gate is not None
    assert gate.reason == reason


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ((-0.063, -0.105), "up to 10 % less capacity, from mode 30 on (laplace)"),
        ((-0.105, -0.063), "10 % less capacity from mode 30 on (laplace)"),
        ((0.0, -0.105), "10 % less capacity from mode 95 on (laplace)"),
    ],
)
def test_the_worst_loss_is_told_with_its_own_depth(changes: tuple[float, float], sentence: str) -> None:
    tests = tuple(
        statistic_of("capacity", change, dimension=n1) for change, n1 in zip(changes, (30.0, 95.0), strict=True)
    )
    plain = document()
    spectra = {**plain.spectra, "laplace": plain.spectra["laplace"].model_copy(update={"tests": tests})}
    gate = judge(plain.model_copy(update={"spectra": spectra}), Policy(today=TODAY)).gate("capacity")
    assert gate is not None
    assert gate.reason == sentence


def test_more_rows_than_before_are_no_drop() -> None:
    rows = BARE.rows.model_copy(update={"unique_after": 9000})
    assert status(judged(Policy(max_drop=0.01), rows=rows), "rows") == "pass"


@pytest.mark.parametrize(("effective", "expected"), [(240.0, "pass"), (189.0, "pass"), (187.0, "fail")])
def test_repeats_are_relative_to_before(effective: float, expected: str) -> None:
    after = side("after.npy", 300, 240, "f" * 32, effective=effective)
    assert status(judged(after=after), "repeats") == expected  # BEFORE has 98 % effective rows, 80 % of it are 188


def test_the_ceiling_is_skipped_where_there_is_none() -> None:
    assert status(judged(consistency=None), "consistency") == "skipped"
    assert judged(consistency=None).verdict == "pass"


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"relation": relation_of(kind="augment", removed=0, added=9)}, "not a subset of BEFORE"),
        ({"relation": relation_of(kind="identical", removed=0)}, "no row was removed"),
        ({"relation": relation_of(kind="reweighted", removed=0)}, "no row was removed"),
        ({"no_ceiling": "copies"}, "occur more often in AFTER"),
        ({"no_ceiling": "samples"}, "sample has rows that BEFORE's lacks"),
        ({"no_ceiling": "numbers"}, "slightly other numbers"),
        ({}, "no ceiling was worked out"),
        ({"before": BARE.before.model_copy(update={"baseline": True})}, "a baseline keeps too few"),
    ],
)
def test_a_skipped_ceiling_says_the_true_reason(changes: dict[str, Any], part: str) -> None:
    gate = judged(consistency=None, **changes).gate("consistency")
    assert gate is not None
    assert (gate.status, part in gate.reason) == ("skipped", True), gate.reason


def test_what_to_do_about_a_harm_can_be_done() -> None:
    for changes, part in (
        ({}, "see the rows named"),
        ({"before": BARE.before.model_copy(update={"baseline": True})}, "compare with BEFORE's embeddings"),
        ({"relation": relation_of(kind="replace", added=9)}, "look at the added rows"),
    ):
        gate = judged(capacity=(-0.2, 0.001), **changes).gate("capacity")
        assert gate is not None
        assert part in gate.next_step


def test_added_rows_are_left_to_the_span_test_and_warned_about() -> None:
    added = relation_of(kind="augment", shared=7416, added=100, removed=0)
    found = judged(relation=added)
    assert status(found, "span") == "skipped"
    assert [warning.id for warning in found.warnings] == ["SPA012"]
    assert judged(relation=added, capacity=(-0.1, 0.001)).warnings == ()
    assert judged(relation=added.model_copy(update={"expected": "fresh"})).warnings == ()


@pytest.mark.parametrize("capacity", [(0.0, 0.001), (-0.2, 0.001), (0.2, 0.001)])
@pytest.mark.parametrize("after", [BARE.after, REPEATED], ids=["even", "repeated"])
def test_data_that_share_too_little_neither_pass_nor_fail(capacity: tuple[float, float], after: doc.Side) -> None:
    found = judged(relation=UNPROVEN, capacity=capacity, after=after, consistency=None)
    assert objection(found)
    assert (found.verdict, found.exit_code) == ("inconclusive", 3)
    assert status(found, "capacity") == status(found, "tail") == "inconclusive"
    gate = found.gate("capacity")
    assert gate is not None
    assert "--expect fresh" in gate.next_step
    assert not any(one.status == "fail" for one in found.gates)


def test_data_said_to_be_independent_are_judged() -> None:
    fresh = UNPROVEN.model_copy(update={"expected": "fresh"})
    assert judged(relation=fresh).verdict == "pass"
    assert judged(relation=fresh, capacity=(-0.2, 0.001)).verdict == "fail"


@pytest.mark.parametrize(
    ("scale", "verdict"), [(0.79, "inconclusive"), (0.8, "pass"), (1.25, "pass"), (1.26, "inconclusive")]
)
def test_new_data_have_the_scale_of_before(scale: float, verdict: str) -> None:
    fresh = UNPROVEN.model_copy(update={"expected": "fresh", "scale": scale})
    found = judged(relation=fresh)
    assert found.verdict == verdict
    assert (found.tail == "undecided") == (verdict == "inconclusive")


@pytest.mark.parametrize(("shared", "proven"), [(119, False), (120, True)])
def test_half_of_the_smaller_side_is_enough(shared: int, proven: bool) -> None:
    found = judged(relation=relation_of(kind="replace", shared=shared, added=240 - shared))
    assert found.verdict == ("pass" if proven else "inconclusive")


@pytest.mark.parametrize(
    ("changes", "verdict", "code", "lenient"),
    [
        ({}, "pass", 0, 0),
        ({"capacity": (-0.015, 0.01)}, "inconclusive", 3, 0),
        ({"capacity": (-0.03, 0.001)}, "fail", 1, 1),
        ({"capacity": (-0.03, 0.001), "tail": (0.02, 0.01)}, "fail", 1, 1),
        ({"relation": UNPROVEN}, "inconclusive", 3, 0),
    ],
)
def test_a_failure_outweighs_doubt_and_doubt_a_pass(
    changes: dict[str, Any], verdict: str, code: int, lenient: int
) -> None:
    found, mild = (judged(Policy(on_inconclusive=rule), **changes) for rule in ("fail", "pass"))
    assert (found.verdict, found.exit_code) == (verdict, code)
    assert (mild.verdict, mild.exit_code) == (verdict, lenient)


def waived(*rules: WaiverRule, **changes: Any) -> doc.Comparison:
    return judged(Policy(waivers=rules, today=TODAY), **changes)


HARM: dict[str, Any] = {"capacity": (-0.03, 0.001)}
DOUBT: dict[str, Any] = {"capacity": (-0.015, 0.01)}


@pytest.mark.parametrize(("changes", "suspended"), [(HARM, "fail"), (DOUBT, "inconclusive")])
@pytest.mark.parametrize("until", [None, TODAY, date(2030, 1, 1)])
def test_a_waived_gate_does_not_count_and_says_why(
    changes: dict[str, Any], suspended: str, until: date | None
) -> None:
    found = waived(WaiverRule(gate="capacity", reason="known", until=until), **changes)
    assert (found.verdict, found.exit_code) == ("pass", 0)
    gate = found.gate("capacity")
    assert gate is not None
    assert (gate.status, gate.suspended) == ("waived", suspended)
    assert gate.waiver == doc.Waiver(reason="known", until=until.isoformat() if until else None)
    assert found.warnings == ()


def test_a_waiver_is_of_one_gate_alone() -> None:
    found = waived(WaiverRule(gate="capacity", reason="known"), **HARM, tail=(0.05, 0.001))
    assert (status(found, "capacity"), status(found, "tail"), found.verdict) == ("waived", "fail", "fail")


def test_an_expired_waiver_counts_for_nothing_and_is_warned_about() -> None:
    found = waived(WaiverRule(gate="capacity", reason="known", until=date(2026, 5, 16)), **HARM)
    assert (found.verdict, status(found, "capacity")) == ("fail", "fail")
    (warning,) = found.warnings
    assert warning.id == "SPA013"
    assert "expired on 2026-05-16" in warning.message


@pytest.mark.parametrize("gate", ["capacity", "rows", "span"])
def test_a_waiver_that_was_not_needed_is_warned_about(gate: str) -> None:
    found = waived(WaiverRule(gate=gate, reason="known"))
    assert found.verdict == "pass"
    (warning,) = found.warnings
    assert warning.id == "SPA013"
    assert "not needed" in warning.message


def test_a_waiver_is_bound_to_the_data_it_was_given_for() -> None:
    digest = BARE.after.digest
    assert waived(WaiverRule(gate="capacity", reason="known", after=digest[:8]), **HARM).verdict == "pass"
    other = waived(WaiverRule(gate="capacity", reason="known", after="0123"), **HARM)
    assert other.verdict == "fail"
    (warning,) = other.warnings
    assert warning.id == "SPA013"
    assert f"begins 0123; AFTER's is {digest}" in warning.message
    assert waived(WaiverRule(gate="capacity", reason="x", after=digest[:8].upper()), **HARM).verdict == "pass"


@pytest.mark.parametrize("after", ["", "0x15", "15d1 ", "sample"])
def test_a_waiver_is_bound_to_hexadecimal_digits(after: str) -> None:
    with pytest.raises(ConfigError, match="first digits of a digest"):
        WaiverRule(gate="capacity", reason="known", after=after)


def test_of_several_waivers_one_that_holds_is_enough() -> None:
    rules = [
        WaiverRule(gate="capacity", reason="old", until=date(2026, 1, 1)),
        WaiverRule(gate="capacity", reason="new", until=date(2027, 1, 1)),
    ]
    for order in (rules, rules[::-1]):
        found = waived(*order, **HARM)
        assert found.verdict == "pass"
        assert [warning.id for warning in found.warnings] == ["SPA013"]


POLICIES = [
    Policy(today=TODAY),
    Policy(today=TODAY, margins={"capacity": 0.5, "tail.linear": 0.001}, max_drop=0.5, on_inconclusive="pass"),
    Policy(
        today=TODAY, waivers=(WaiverRule(gate="capacity", reason="known"), WaiverRule(gate="span", reason="idle"))
    ),
]
CASES: list[dict[str, Any]] = [
    {},
    HARM,
    DOUBT,
    {"relation": UNPROVEN},
    {"relation": relation_of(kind="augment", shared=7416, added=100, removed=0)},
]


@pytest.mark.parametrize("policy", POLICIES, ids=["default", "margins", "waivers"])
@pytest.mark.parametrize("changes", CASES, ids=["pass", "harm", "doubt", "unproven", "augment"])
def test_judging_again_changes_nothing(policy: Policy, changes: dict[str, Any], tmp_path: Path) -> None:
    first = judged(policy, **changes)
    assert judge(first, policy) == first
    for other in POLICIES:  # what another policy left behind is gone
        assert judge(judge(first, other), policy) == first
    saved = tmp_path / "saved.json"
    saved.write_text(first.to_json())
    jsonschema.validate(json.loads(first.to_json()), json.loads(json_schema("compare")))
    again = judge(read_document(saved), policy)  # type: ignore[arg-type]
    assert (again.verdict, again.exit_code, again.tail) == (first.verdict, first.exit_code, first.tail)
    assert [(gate.id, gate.status) for gate in again.gates] == [(gate.id, gate.status) for gate in first.gates]
    assert again.to_json() == first.to_json()


def test_gates_come_in_one_order() -> None:
    found = judged(Policy(max_drop=0.99))
    assert tuple(gate.id for gate in found.gates) == tuple(GATES)


def test_what_was_judged_is_not_changed() -> None:
    bare = document(**HARM)
    copy = bare.model_copy(deep=True)
    judge(bare, Policy(margins={"capacity": 0.5}))
    assert bare == copy
