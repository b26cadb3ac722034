"""The kept share of groups of rows: against a count row by row, with the error rate that a lost group is named at."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from math import comb
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from cli_fixtures import clean, refused
from compare_fixtures import HOSTILE

from specaudit import baseline, compare, comparison, prune
from specaudit.cli import main
from specaudit.dataset import DataSet
from specaudit.documents import Comparison, Groups, json_schema
from specaudit.documents.reading import read_document
from specaudit.embeddings import open_embeddings
from specaudit.errors import ConfigError
from specaudit.groups import KeptGroups, kept_groups
from specaudit.report.compare.groups import MOST_GROUPS, groups_document
from specaudit.report.compare.page import render as render_page
from specaudit.report.formats import RENDERED, render

N, D = 400, 8
QUICK = ("linear",)  # groups depend on no kernel, and this one judges no removed rows


@pytest.fixture(scope="module", autouse=True)
def _one_round() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparison, "ROUNDS", comparison.ROUNDS[:1])
        yield


def data_set(labels: np.ndarray, groups: Any = None, times: np.ndarray | None = None) -> DataSet:
    """Return rows that are the same where their labels are."""
    found = np.asarray(labels, np.uint64)
    return DataSet(
        embeddings=open_embeddings(np.zeros((len(found), 2)), groups=groups),
        labels=found,
        contents=found,
        times=np.ones(len(found), np.int64) if times is None else times,
        dropped=0,
        largest=1.0,
    )


def tail_chance(kept: int, rows: int, all_kept: int, all_rows: int) -> float:
    """Return the chance of at most so many kept rows, counted out in whole numbers."""
    ways = sum(comb(all_kept, k) * comb(all_rows - all_kept, rows - k) for k in range(kept + 1) if rows >= k)
    return ways / comb(all_rows, rows)


def counted(before: DataSet, after: DataSet, *, proposed: bool) -> dict[str, tuple[int, int, float]]:
    """Return rows, kept rows and the bound of their chance by group, row by row with sets."""
    left = {label for label, times in zip(after.labels.tolist(), after.times.tolist(), strict=True) if times}
    rows: dict[str, list[tuple[int, bool]]] = {}
    for row, (name, label) in enumerate(zip(before.embeddings.groups or (), before.labels.tolist(), strict=True)):
        if before.times[row]:
            kept = bool(after.times[row]) if proposed else label in left
            rows.setdefault(name, []).append((label, kept))
    everything = [item for items in rows.values() for item in items]

    def amounts(items: list[tuple[int, bool]]) -> tuple[tuple[int, int], tuple[int, int]]:
        different, remaining = {label for label, _ in items}, {label for label, kept in items if kept}
        return (sum(kept for _, kept in items), len(items)), (len(remaining), len(different))

    whole = amounts(everything)
    found = {}
    for name, items in rows.items():
        chance = max(tail_chance(*one, *every) for one, every in zip(amounts(items), whole, strict=True))
        found[name] = (len(items), amounts(items)[0][0], min(1.0, chance * len(rows)))
    return found


def made(seed: int) -> tuple[DataSet, DataSet, bool]:
    """Return copies of rows within and across groups, unusable rows, and what a proposal or another file keeps."""
    rng = np.random.default_rng(seed)
    labels, groups = (
        rng.integers(0, 40, 90),
        rng.choice(["a", "b", "c", "d", "only bad"], 90, p=[0.4, 0.3, 0.2, 0.05, 0.05]),
    )
    usable = ((rng.random(90) < 0.9) & (groups != "only bad")).astype(np.int64)
    before = data_set(labels, groups.tolist(), usable)
    proposed = bool(seed % 2)
    share = rng.choice([0.05, 0.3, 0.8, 1.0])
    if proposed:
        return before, before.selected(rng.integers(1, 3, 90) * (rng.random(90) < share)), True
    return before, data_set(np.flatnonzero(rng.random(60) < share)), False


@pytest.mark.parametrize("seed", range(12))
def test_shares_and_chances_are_those_of_a_count_row_by_row(seed: int) -> None:
    before, after, proposed = made(seed)
    found = kept_groups(before, after, proposed=proposed)
    assert found is not None
    expected = counted(before, after, proposed=proposed)
    assert dict(zip(found.names, zip(found.rows, found.kept, strict=True), strict=True)) == {
        name: amounts[:2] for name, amounts in expected.items()
    }
    np.testing.assert_allclose(found.chances, [expected[name][2] for name in found.names], rtol=1e-9)
    assert found.share == pytest.approx(sum(e[1] for e in expected.values()) / sum(e[0] for e in expected.values()))
    small = found.shares < found.share / 4
    np.testing.assert_array_equal(found.lost, small & (found.chances < 0.01))
    assert found.unused == len(set(before.embeddings.groups or ())) - len(expected)
    assert found.unused >= ("only bad" in (before.embeddings.groups or ()))


def told(groups: np.ndarray, kept: np.ndarray, labels: np.ndarray | None = None) -> KeptGroups:
    before = data_set(np.arange(len(groups)) if labels is None else labels, groups.tolist())
    found = kept_groups(before, before.selected(kept.astype(np.int64)), proposed=True)
    assert found is not None
    return found


@pytest.mark.parametrize("copies", [1, 4])
def test_random_removal_is_as_rare_in_any_group_as_it_is_said_to_be(copies: int) -> None:
    """Of 500 removals of rows, or of rows with all their copies, at most 1 % have a chance below 1 %.

    More than 13 of 500 would be seen at that rate once in a thousand times.
    """
    rng = np.random.default_rng(copies)
    seen = 0
    for _ in range(500):
        content = np.repeat(np.arange(200), copies)
        groups = np.repeat(rng.integers(0, 8, 200), copies)
        whole = np.repeat(rng.random(200) < 0.4, copies)
        found = told(groups, whole if copies > 1 else rng.random(200) < 0.4, content)
        seen += bool((found.chances < 0.01).any())
    assert seen <= 13


def test_copies_of_few_rows_are_no_evidence() -> None:
    """Of 3 rows with 100 copies each none is kept, of 300 others half: by chance at a rate of 1 in 8."""
    groups = np.repeat(["copies", "plain"], 300)
    content = np.concatenate([np.repeat([0, 1, 2], 100), np.arange(3, 303)])
    kept = np.concatenate([np.zeros(300, bool), np.arange(300) % 2 == 0])
    found = told(groups, kept, content)
    assert dict(zip(found.names, found.shares, strict=True)) == {"copies": 0.0, "plain": 0.5}
    assert not found.lost.any()
    assert told(groups, kept).lost.tolist() == [True, False]  # 300 different rows are


def test_a_group_of_which_hardly_any_row_is_kept_is_lost_and_one_that_is_thinned_like_all_is_not() -> None:
    rng = np.random.default_rng(3)
    groups = rng.choice(["lost", "like all", "less", "rest"], 4000, p=[0.1, 0.1, 0.1, 0.7])
    share = np.vectorize({"lost": 0.05, "like all": 0.5, "less": 0.25, "rest": 0.5}.get)(groups)
    found = told(groups, rng.random(4000) < share)
    assert {name for name, lost in zip(found.names, found.lost, strict=True) if lost} == {"lost"}
    less = found.names.index("less")
    assert found.chances[less] < 0.01  # surely less, but not by much


def test_thousands_of_groups_are_counted_and_the_first_are_named() -> None:
    groups = np.array([f"g{k}" for k in range(3000)] + ["large"] * 50)
    kept = np.concatenate([np.arange(3000) % 3 != 0, np.zeros(50, bool)])
    document = groups_document(told(groups, kept))
    assert (document.count, len(document.groups), document.lost) == (3001, MOST_GROUPS, 1)
    assert document.groups[0].name == "large"
    assert [group.share for group in document.groups] == [0.0] * MOST_GROUPS
    assert [group.name for group in document.groups[1:3]] == ["g0", "g1002"]


# ---------------------------------------------------------------- in a comparison

X = np.asarray(np.random.default_rng(0).standard_normal((N, D)) * np.arange(1, D + 1) ** -0.4)
GROUPS = np.random.default_rng(1).choice(["web", "code", "book"], N, p=[0.5, 0.3, 0.2])
KEPT = np.flatnonzero((np.random.default_rng(2).random(N) < 0.6) & (GROUPS != "code"))
NEW = np.asarray(np.random.default_rng(5).standard_normal((40, D)) * np.arange(1, D + 1) ** -0.4)


def groups_of(found: Comparison | None) -> Groups:
    assert found is not None
    assert found.rows.groups is not None
    jsonschema.validate(json.loads(found.to_json()), json.loads(json_schema("compare")))
    return found.rows.groups


def amounts(found: Comparison | None) -> dict[str, tuple[int, int]]:
    return {group.name: (group.rows, group.kept) for group in groups_of(found).groups}


def expected(kept: np.ndarray) -> dict[str, tuple[int, int]]:
    """Return rows and kept rows by group; `kept` are row numbers."""
    inside = set(kept.tolist())
    return {
        str(name): (
            int((name == GROUPS).sum()),
            sum(row in inside for row in np.flatnonzero(name == GROUPS).tolist()),
        )
        for name in np.unique(GROUPS)
    }


def run(*sources: Any, **options: Any) -> Comparison:
    return compare(*sources, groups=GROUPS, kernels=QUICK, **options)


@pytest.mark.parametrize(
    ("sources", "options", "kept", "kind"),
    [
        ([X, X[KEPT]], {}, KEPT, "prune"),
        ([X, np.concatenate([NEW, X[KEPT]])], {}, KEPT, "replace"),
        ([X, X[KEPT] * (1 + 1e-9)], {}, KEPT, "prune"),  # matched by nearest neighbour
        ([X, np.concatenate([X, NEW])], {}, np.arange(N), "augment"),
        ([X, X[::-1]], {}, np.arange(N), "identical"),
        ([X, NEW], {"expect": "fresh"}, np.array([], int), "fresh"),
        ([X], {"kept": KEPT}, KEPT, "prune"),
        ([X], {"kept": np.repeat(KEPT, 2)}, KEPT, "prune"),
        ([X], {"dropped": np.setdiff1d(np.arange(N), KEPT)}, KEPT, "prune"),
        ([X], {"kept": KEPT, "added": NEW}, KEPT, "replace"),
        ([X], {"added": NEW}, np.arange(N), "augment"),
        ([X], {"weights": np.isin(np.arange(N), KEPT) * 1.0}, KEPT, "prune"),
    ],
)
def test_what_is_kept_of_each_group(sources: Any, options: Any, kept: np.ndarray, kind: str) -> None:
    found = run(*sources, **options)
    assert found.relation.kind == kind
    assert amounts(found) == expected(kept)
    groups = groups_of(found)
    assert groups.share == pytest.approx(len(kept) / N)
    assert [group.name for group in groups.groups if group.lost] == ["code"] * (len(kept) == len(KEPT))
    assert groups.lost == (len(kept) == len(KEPT))


def test_of_weights_the_thinned_rows_count() -> None:
    weights = np.where(GROUPS == "code", 0.1, 1.0)
    found = run(X, weights=weights)
    assert sum(kept for _, kept in amounts(found).values()) == found.rows.after
    rows, kept = amounts(found)["code"]
    assert 0 < kept < 0.25 * rows
    assert amounts(found)["web"] == ((GROUPS == "web").sum(),) * 2


def test_a_copy_that_stays_keeps_all_copies_in_another_file_and_itself_in_a_proposal() -> None:
    doubled, groups = np.concatenate([X, X[:50]]), [*GROUPS.tolist(), *["again"] * 50]
    after = compare(doubled, X, groups=groups, kernels=QUICK)
    proposal = compare(doubled, kept=np.arange(N), groups=groups, kernels=QUICK)
    assert amounts(after)["again"] == (50, 50)
    assert amounts(proposal)["again"] == (50, 0)
    assert [group.name for group in groups_of(proposal).groups if group.lost] == ["again"]


def test_rows_that_cannot_be_used_are_in_no_group() -> None:
    bad = X.copy()
    bad[:10, 3] = np.nan
    groups = ["bad" if row < 5 else name for row, name in enumerate(GROUPS.tolist())]
    found = compare(bad, kept=np.arange(200), groups=groups, kernels=QUICK, drop_bad_rows=True)
    assert sum(rows for rows, _ in amounts(found).values()) == N - 10
    assert "bad" not in amounts(found)
    assert groups_of(found).unused == 1


def test_groups_are_told_where_too_few_rows_are_left_for_anything_else() -> None:
    found = run(X, kept=[0, 1, 2, 3, 4, 5])
    assert found.coverage is None
    assert amounts(found) == expected(np.arange(6))


def test_without_groups_nothing_is_told_and_groups_change_no_number() -> None:
    plain = compare(X, X[KEPT], kernels=QUICK)
    assert plain.rows.groups is None
    grouped = run(X, X[KEPT])
    assert grouped.model_copy(update={"rows": grouped.rows.model_copy(update={"groups": None})}) == plain


def test_a_pruning_tells_the_groups_of_its_audit() -> None:
    found = prune(X, "scores", 0.5, scores=(GROUPS != "code") * 1.0, groups=GROUPS, kernels=QUICK)
    assert amounts(found.audit) == expected(np.array(found.kept))
    assert [group.name for group in groups_of(found.audit).groups if group.lost] == ["code"]
    soft = prune(X, "random", soft=True, cap=2.0, groups=GROUPS, kernels=QUICK)
    assert sum(kept for _, kept in amounts(soft.audit).values()) == soft.rows.after


def test_a_baseline_has_no_rows_to_count() -> None:
    with pytest.raises(ConfigError, match="groups need BEFORE's embeddings") as error:
        compare(baseline(X), X[KEPT], groups=GROUPS)
    assert error.value.next_step


def test_a_hostile_name_is_shown_and_not_obeyed(tmp_path: Path) -> None:
    name = HOSTILE.replace("\ud800", "")  # half a character is refused
    found = compare(X, X[KEPT], groups=np.where(GROUPS == "code", name, "=1+1").tolist(), kernels=QUICK)
    texts = {kind: render(found, kind, 80, False) for kind in RENDERED["compare"].formats if kind != "csv"}
    (tmp_path / "c.json").write_text(texts.pop("json"), encoding="utf-8")
    saved = read_document(tmp_path / "c.json")
    assert isinstance(saved, Comparison)
    assert [group.name for group in groups_of(saved).groups] == [name, "=1+1"]
    for text in texts.values():
        assert not re.search(r"[\x00-\x08\x0b-\x1f\ud800-\udfff]", text)
    assert "lost     <script>alert(1)</script>|*`[" in texts["text"]
    assert "<script>" not in texts["markdown"]
    assert "<script>alert" not in render_page(found)


# ---------------------------------------------------------------- on the command line

FLAGS = ("--kernel", "linear", "--margin", "capacity=5", "--margin", "tail=5")


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """BEFORE and AFTER as arrays and as tables with a number that is none of the embedding's."""
    clean(monkeypatch, tmp_path)
    numbers = np.unique(GROUPS, return_inverse=True)[1]
    for name, rows in (("before", np.arange(N)), ("after", KEPT)):
        np.save(f"{name}.npy", X[rows])
        cells = [f"{numbers[row]},{GROUPS[row]}," + ",".join(map(repr, X[row].tolist())) for row in rows]
        Path(f"{name}.csv").write_text("\n".join(["label,topic," + ",".join(f"e{k}" for k in range(D)), *cells]))
    Path("groups.txt").write_text("\n".join(GROUPS))
    np.save("kept.npy", KEPT)


@pytest.mark.usefixtures("files")
def test_groups_of_a_file_and_of_a_column_are_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    made = []
    for flags in (
        ("before.npy", "after.npy", "--groups", "groups.txt"),
        ("before.npy", "--kept", "kept.npy", "--groups", "groups.txt"),
        ("before.csv", "after.csv", "--groups", "label"),
        ("before.csv", "--kept", "kept.npy", "--added", "after.csv", "--groups", "label"),
        ("before.csv", "after.csv", "--groups", "topic", "--column", "e"),
    ):
        assert main(["compare", *flags, *FLAGS, "-q", "-o", "c.json"]) == 0
        document = read_document("c.json")
        assert isinstance(document, Comparison)
        assert document.before.dimensions == document.after.dimensions == D
        made.append(document)
    assert [sorted(amounts(document).values()) for document in made] == [sorted(expected(KEPT).values())] * 5
    assert made[0].spectra == made[1].spectra == made[2].spectra == made[4].spectra
    assert made[0].reproduce.command.startswith(
        "specaudit compare before.npy after.npy --kernel linear --groups groups.txt"
    )


@pytest.mark.usefixtures("files")
def test_groups_are_in_every_report_and_gate_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    flags = ("--groups", "groups.txt", "-o", "c.json", "-o", "c.md", "-o", "c.xml", "--report", "c.html")
    assert main(["compare", "before.npy", "after.npy", *FLAGS, *flags]) == 0
    out = capsys.readouterr().out
    rows, kept = expected(KEPT)["code"]
    assert f"   {rows}     {kept}   0.0 %  lost     code" in out
    assert "; 1 of 3 groups lost" in out.replace("\n", " ")
    assert f"| {rows} | 0 | 0.0 % | lost | code |" in Path("c.md").read_text()
    assert '<td role="cell" data-label="group">code</td>' in Path("c.html").read_text()
    assert "1 of 3 groups lost" in Path("c.xml").read_text()
    assert main(["show", "c.json"]) == 0
    assert "lost     code" in capsys.readouterr().out


@pytest.mark.usefixtures("files")
def test_a_pruning_passes_groups_on(capsys: pytest.CaptureFixture[str]) -> None:
    flags = ("--method", "random", "--keep", "0.5", *FLAGS)
    assert (
        main(["prune", "before.npy", *flags, "--groups", "groups.txt", "--save-rows", "k.npy", "-o", "p.json"]) == 0
    )
    assert "Groups of BEFORE's rows (3; of all rows 50.0 % were kept)" in capsys.readouterr().out
    groups = json.loads(Path("p.json").read_text())["audit"]["rows"]["groups"]["groups"]
    assert {group["name"]: (group["rows"], group["kept"]) for group in groups} == expected(np.load("k.npy"))
    assert main(["prune", "before.csv", *flags, "--groups", "label", "-q"]) == 0


@pytest.mark.usefixtures("files")
def test_a_plan_leaves_the_column_of_the_groups_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "before.csv", "after.csv", "--groups", "label", "--dry-run"]) == 0
    assert f"{D}" in capsys.readouterr().out


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (
            ("before.npy", "after.npy", "--groups", "topic"),
            "labels 'topic': no such file, and before.npy has no columns",
        ),
        (("before.csv", "after.csv", "--groups", "topci"), "'topci' is neither a file nor a column among 'label'"),
        (("before.npy", "after.npy", "--groups", "kept.npy"), "labels for the 400 rows of before.npy"),
        (("before.csv", "after.csv", "--groups", "e0", "--ids", "topic"), "names two rows"),
        (("b.json", "after.npy", "--groups", "groups.txt"), "groups need BEFORE's embeddings"),
    ],
)
def test_a_mistake_exits_2_with_one_line(capsys: pytest.CaptureFixture[str], arguments: Any, part: str) -> None:
    if "b.json" in arguments:
        assert main(["fit", "before.npy", "--kernel", "linear", "-q", "--baseline", "b.json"]) == 0
        capsys.readouterr()
    assert part in refused(capsys, "compare", *arguments)
