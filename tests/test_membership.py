"""Gates of added and removed rows: from what they are to what a pipeline does."""

from __future__ import annotations

from datetime import date

import compare_fixtures
import numpy as np
import pytest

from specaudit import api
from specaudit import documents as doc
from specaudit.gates import judge
from specaudit.lost import lost_clusters
from specaudit.policy import Policy

ROWS, DIMENSIONS = 700, 24


def drawn(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, DIMENSIONS)) * np.arange(1, DIMENSIONS + 1) ** -0.5


def topic(count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (
        0.3 * drawn(count, seed)
        + np.eye(DIMENSIONS)[-1] * 4
        + 0.5 * rng.normal(size=(count, 1)) * np.eye(DIMENSIONS)[-2]
    )


def gate(found: doc.Comparison, name: str) -> doc.Gate:
    one = found.gate(name)
    assert one is not None
    return one


@pytest.mark.parametrize(
    ("added", "status", "word"),
    [
        (drawn(200, 5), "pass", "in-span"),
        (topic(200, 5), "pass", "new-modes"),
        (drawn(ROWS, 0)[:200] * (1 + 1e-2), "pass", "copies"),
        (drawn(200, 5) * (np.arange(DIMENSIONS) < 3), "fail", "collapsed"),
        (np.random.default_rng(5).normal(size=(200, DIMENSIONS)) * 2, "fail", "noise"),
        (drawn(20, 5), "inconclusive", "unresolved"),
        (drawn(3, 5), "skipped", "were not judged"),
    ],
)
def test_added_rows_are_judged_without_a_flag(added: np.ndarray, status: str, word: str) -> None:
    found = api.compare(drawn(ROWS, 0), np.concatenate([drawn(ROWS, 0), added]))
    assert found.relation.kind == "augment"
    assert (gate(found, "span").status, word in gate(found, "span").reason) == (status, True)
    assert gate(found, "coverage").status == "skipped"
    copies = found.span is not None and "copies" in found.span.classes
    assert ("SPA020" in [w.id for w in found.warnings]) == copies
    assert ("SPA012" in [w.id for w in found.warnings]) <= (found.span is None)


def test_a_lost_topic_is_reported_and_fails_only_where_coverage_is_enabled() -> None:
    before = np.concatenate([drawn(ROWS, 0), topic(120, 7)])
    policy = Policy(enable=("coverage",))
    kept = np.arange(ROWS + 5)
    told = api.compare(before, kept=kept)
    decided = api.compare(before, kept=kept, policy=policy)
    assert gate(told, "coverage").status == "skipped"
    assert "a topic or a kind of row is lost" in gate(told, "coverage").reason
    assert "(reported only)" in gate(told, "coverage").reason
    assert gate(decided, "coverage").status == "fail"
    assert decided.exit_code == 1
    assert told.coverage is not None
    lost = told.coverage.lost
    assert lost[0].kept < 0.1
    assert 60 <= sum(cluster.rows for cluster in lost) <= 140
    assert all(row.row >= ROWS + 5 for cluster in lost for row in cluster.medoids)
    assert judge(told, policy).gates == decided.gates


def test_dropping_rows_at_random_loses_no_topic() -> None:
    before = np.concatenate([drawn(ROWS, 0), topic(120, 7)])
    kept = np.random.default_rng(1).permutation(len(before))[: len(before) // 2]
    found = api.compare(before, kept=kept, policy=Policy(enable=("coverage",)))
    assert gate(found, "coverage").status == "pass"
    assert found.coverage is not None
    assert found.coverage.lost == ()


def test_a_baseline_has_no_rows_to_judge_with() -> None:
    before = drawn(ROWS, 0)
    baseline = api.baseline(before)
    added = api.compare(baseline, np.concatenate([before, drawn(200, 5)]))
    pruned = api.compare(baseline, before[:400])
    assert "BEFORE's embeddings" in gate(added, "span").reason
    assert "BEFORE's embeddings" in gate(pruned, "coverage").reason


def test_lost_clusters_are_those_of_which_hardly_any_row_was_kept() -> None:
    rng = np.random.default_rng(0)
    centres = np.eye(6) * 10
    rows = np.concatenate([centre + rng.normal(size=(100, 6)) * 0.3 for centre in centres])
    gone = np.zeros(600, bool)
    gone[:97] = True  # nearly all of the first
    gone[200:250] = True  # half of the third
    found = lost_clusters(rows[~gone], rows[gone], totals=(int((~gone).sum()), int(gone.sum())), seed=0)
    assert found
    assert all(number < 97 for cluster in found for number in cluster.medoids)
    assert all(cluster.kept < 0.25 for cluster in found)
    assert sum(cluster.rows for cluster in found) <= 100


def test_an_unknown_gate_cannot_be_enabled() -> None:
    with pytest.raises(Exception, match="unknown gate 'tail'"):
        Policy(enable=("tail",))


def test_the_fixture_without_judged_rows_skips_both_gates() -> None:
    found = judge(compare_fixtures.made("pass"), Policy(today=date(2030, 1, 1)))
    assert [one.status for one in found.gates if one.id in ("coverage", "span")] == ["skipped", "skipped"]
