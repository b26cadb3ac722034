"""`specaudit show`: saved documents in every format, and judged by the margins and waivers of today."""

from __future__ import annotations

import json
from pathlib import Path

import compare_fixtures
import pytest
from cli_fixtures import clean, refused
from report_fixtures import make_fit
from test_reading import baseline

from specaudit.cli import main
from specaudit.documents.reading import read_document
from specaudit.gates import judge
from specaudit.policy import Policy
from specaudit.report.facts import headline


@pytest.fixture(autouse=True)
def documents(monkeypatch, tmp_path):
    """Go to a folder with fit.json and a comparison of each verdict as it is judged by default."""
    clean(monkeypatch, tmp_path)
    Path("fit.json").write_text(make_fit().to_json())
    for name in ("pass", "fail", "inconclusive"):
        Path(f"{name}.json").write_text(judge(compare_fixtures.made(name), Policy()).to_json())


def test_the_documents_have_the_verdicts_of_their_names():
    assert [read_document(f"{name}.json").verdict for name in ("pass", "fail", "inconclusive")] == [
        "pass", "fail", "inconclusive",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["fit", "pass", "fail", "inconclusive"])
def test_json_is_the_file_to_the_byte_and_no_verdict_changes_the_exit_code(capsys, name):
    assert main(["show", f"{name}.json", "--format", "json"]) == 0
    assert capsys.readouterr() == (Path(f"{name}.json").read_text(), "")


@pytest.mark.parametrize("format_", ["text", "markdown", "junit", "github"])
def test_a_comparison_has_every_format(capsys, format_):
    assert main(["show", "fail.json", "--format", format_]) == 0
    assert "capacity" in capsys.readouterr().out


def test_files_are_written_as_compare_writes_them():
    files = ["-o", "a.json", "-o", "a.xml", "-o", "a.csv", "--report", "a.html", "--plot", "a.svg"]
    assert main(["show", "fail.json", *files]) == 0
    assert Path("a.json").read_text() == Path("fail.json").read_text()
    assert Path("a.xml").read_text().startswith("<?xml")
    assert "<!doctype html>" in Path("a.html").read_text().lower()
    assert Path("a.svg").read_text().startswith("<?xml")


def test_a_fit_is_rendered_too(capsys):
    assert main(["show", "fit.json", "-o", "a.md", "--plot", "a.svg"]) == 0
    assert capsys.readouterr().out.startswith("Tail exponent b = ")
    assert Path("a.md").read_text().startswith("**Tail exponent")


def test_a_baseline_is_shown_as_the_fit_that_it_holds(capsys):
    text = baseline().to_json()
    Path("baseline.json").write_text(text)
    assert main(["show", "baseline.json", "--plot", "a.svg", "-q"]) == 0
    assert capsys.readouterr().out == headline(baseline().fit) + "\n"
    assert main(["show", "baseline.json", "--format", "json"]) == 0
    assert capsys.readouterr().out == text


def test_several_documents_are_named(capsys):
    assert main(["show", "-q", "fit.json", "pass.json"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("fit.json: Tail exponent b = ")
    assert second.startswith("pass.json: ")
    assert main(["show", "fit.json", "pass.json"]) == 0
    assert capsys.readouterr().out.startswith("fit.json\n\nTail exponent")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["none.json"], "none.json: No such file or directory"),
        (["bad.json"], "bad.json: verdict: input should be"),
        (["fit.json", "bad.json", "-q"], "bad.json: verdict: input should be"),
        (["fit.json", "--format", "junit"], "junit reports gates, and fit has none"),
        (["fit.json", "-o", "a.xml"], "junit reports gates, and fit has none"),
        (["fit.json", "-o", "github=a"], "github reports gates, and fit has none"),
        (["fit.json", "--gate"], "--gate: fit.json is no comparison and has no gates"),
        (["pass.json", "--format", "csv"], "only a file can be csv"),
        (["pass.json", "-o", "pass.json"], "also an input"),
        (["pass.json", "fit.json", "-o", "a.json"], "-o takes one document"),
        (["pass.json", "fit.json", "--report", "a.html"], "--report takes one document"),
        (["pass.json", "fit.json", "--format", "markdown"], "--format takes one document"),
        (["pass.json", "--margin", "tail=1"], "--margin has no effect without --gate"),
        (["pass.json", "--max-drop", "0.1"], "--max-drop has no effect without --gate"),
        (["pass.json", "--min-rows", "1"], "--min-rows has no effect without --gate"),
        (["pass.json", "--waive", "tail=x"], "--waive has no effect without --gate"),
        (["pass.json", "--on-inconclusive", "pass"], "--on-inconclusive has no effect without --gate"),
        (["pass.json", "--exit-zero"], "--exit-zero has no effect without --gate"),
        (["pass.json", "--gate", "--waive", "tail"], "--waive: expected GATE=REASON"),
    ],
)
def test_a_mistake_is_told(capsys, arguments, part):
    data = json.loads(Path("pass.json").read_text())
    Path("bad.json").write_text(json.dumps({**data, "verdict": "good"}))
    assert part in refused(capsys, "show", *arguments)


def test_without_a_document_there_is_nothing_to_show(capsys):
    assert "DOC" in refused(capsys, "show")


# ---------------------------------------------------------------- the gates of today


@pytest.mark.parametrize(("name", "code"), [("pass", 0), ("fail", 1), ("inconclusive", 3)])
def test_a_gate_exits_by_the_verdict(name, code):
    assert main(["show", f"{name}.json", "--gate"]) == code


@pytest.mark.parametrize(
    ("name", "flags", "code"),
    [
        ("pass", "--max-drop 0.5", 1),
        ("pass", "--min-rows 1000", 1),
        ("pass", "--max-drop 0.5 --waive rows=agreed", 0),
        ("pass", "--max-drop 0.5 --exit-zero", 0),
        ("fail", "--margin capacity=5 --margin capacity.linear=5 --margin tail=5", 0),
        ("fail", "--waive capacity=agreed --waive tail=agreed", 0),
        ("fail", "--waive capacity=agreed", 1),
        ("inconclusive", "--on-inconclusive pass", 0),
        ("inconclusive", "--exit-zero", 0),
    ],
)
def test_flags_decide_anew(name, flags, code):
    assert main(["show", f"{name}.json", "--gate", *flags.split()]) == code


def test_the_file_and_the_environment_decide_anew(monkeypatch):
    Path("specaudit.toml").write_text(
        '[[waive]]\ngate = "capacity"\nreason = "agreed"\nuntil = 2099-01-01\n'
        '[[waive]]\ngate = "tail"\nreason = "agreed"\nuntil = 2099-01-01\n'
    )
    assert main(["show", "fail.json", "--gate"]) == 0
    assert main(["show", "pass.json", "--gate"]) == 0
    monkeypatch.setenv("SPECAUDIT_MAX_DROP", "0.5")
    assert main(["show", "pass.json", "--gate"]) == 1


def test_an_expired_waiver_counts_no_more(capsys):
    Path("specaudit.toml").write_text('[[waive]]\ngate = "tail"\nreason = "agreed"\nuntil = 2020-01-01\n')
    assert main(["show", "fail.json", "--gate", "--waive", "capacity=x"]) == 1
    assert "SPA013" in capsys.readouterr().out


def test_the_worst_verdict_is_the_exit_code(capsys):
    assert main(["show", "-q", "inconclusive.json", "pass.json", "--gate"]) == 3
    assert main(["show", "-q", "inconclusive.json", "fail.json", "pass.json", "--gate"]) == 1
    assert capsys.readouterr().out.count("\n") == 5


def test_what_is_written_is_what_was_judged():
    assert main(["show", "pass.json", "--gate", "--max-drop", "0.5", "-o", "a.json"]) == 1
    judged = read_document("a.json")
    assert (judged.verdict, judged.exit_code, judged.gate("rows").status) == ("fail", 1, "fail")
    assert main(["show", "a.json", "--gate", "-o", "b.json"]) == 0
    assert Path("b.json").read_text() == Path("pass.json").read_text()


def test_only_a_gate_is_told_in_the_summary_of_a_job(monkeypatch, tmp_path):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    assert main(["show", "pass.json"]) == 0
    assert not Path("summary.md").exists()
    assert main(["show", "pass.json", "--gate"]) == 0
    assert Path("summary.md").read_text().startswith("**")


def test_annotations_belong_to_the_document_or_the_configuration(capsys):
    assert main(["show", "fail.json", "--format", "github"]) == 0
    assert "::error file=fail.json," in capsys.readouterr().out
    Path("specaudit.toml").write_text("seed = 1\n")
    assert main(["show", "fail.json", "--format", "github"]) == 0
    assert "::error file=specaudit.toml," in capsys.readouterr().out
