"""`specaudit compare` as a pipeline runs it: exit codes, streams, files, settings. The comparison is a stub."""

from __future__ import annotations

import json
import shlex
from datetime import date

import compare_fixtures
import numpy as np
import pytest
from cli_fixtures import refused, stub_api
from report_fixtures import make_fit

from specaudit.cli import main
from specaudit.documents import NamedRow
from specaudit.errors import InputError
from specaudit.policy import Policy, WaiverRule


@pytest.fixture
def api(monkeypatch, tmp_path):
    stub = stub_api(monkeypatch, tmp_path)
    stub.result = compare_fixtures.made("pass")
    return stub


def compare(*arguments):
    return main(["compare", "before.npy", *arguments])


def arguments_of(api):
    """Return what the API was called with, without the reporter of progress."""
    *sources, arguments = api.calls[-1]
    arguments.pop("progress", None)
    return sources, arguments


# ---------------------------------------------------------------- exit codes


@pytest.mark.parametrize(("verdict", "code"), [("pass", 0), ("fail", 1), ("inconclusive", 3), ("waived", 0)])
def test_the_verdict_is_the_exit_code_and_stdout_tells_it(api, capsys, verdict, code):
    api.result = compare_fixtures.made(verdict)
    assert compare("after.npy") == code
    out, err = capsys.readouterr()
    assert out
    assert err == ""


@pytest.mark.parametrize(("verdict", "code"), [("fail", 1), ("inconclusive", 3)])
def test_exit_zero_turns_1_and_3_into_0_and_says_so(api, capsys, verdict, code):
    api.result = compare_fixtures.made(verdict)
    assert compare("after.npy", "--exit-zero") == 0
    assert capsys.readouterr().err == f"specaudit: exit code 0 instead of {code}, as --exit-zero demands\n"


def test_exit_zero_never_hides_a_2(api):
    api.result = InputError("rows.npy: no rows")
    assert compare("after.npy", "--exit-zero") == 2


def test_an_interrupt_exits_130(api):
    api.result = KeyboardInterrupt()
    assert compare("after.npy") == 130


def test_an_error_under_json_is_a_document_and_under_another_format_a_line(api, capsys):
    api.result = InputError("a.npy: no rows")
    assert compare("after.npy", "--format", "json") == 2
    assert json.loads(capsys.readouterr().out)["schema"] == "specaudit.error/1"
    assert compare("after.npy", "--format", "junit") == 2
    assert capsys.readouterr() == ("", "specaudit: error: a.npy: no rows\n")


# ---------------------------------------------------------------- what is compared


def test_without_settings_the_api_gets_its_own_defaults(api):
    assert compare("after.npy") == 0
    sources, arguments = arguments_of(api)
    assert sources == ["before.npy", "after.npy"]
    assert arguments.pop("policy") == Policy()
    assert arguments == {
        "kept": None, "dropped": None, "weights": None, "added": None, "expect": "any", "ids": None,
        "ids_after": None, "groups": None, "dtype": None, "shape": None, "column": None,
        "kernels": ("laplace", "linear"), "bandwidth": None, "normalize": "none", "centered": False,
        "model": None, "model_after": None, "calibrate": False, "drop_bad_rows": False, "seed": None,
        "threads": None, "max_rows": 16384,
        "max_memory": None, "operator": "auto", "landmarks": None, "neighbors": 32, "graph_rows": 131072,
        "index": "auto", "workers": None, "dask": None, "command": "specaudit compare before.npy after.npy",
    }  # fmt: skip


def test_every_flag_reaches_the_api(api):
    flags = (
        "--kernel rbf --bandwidth 0.5 --normalize l2 --centered --model m --model-after n --ids i.txt "
        "--ids-after j.txt --groups g.csv --dtype float16 --shape -1,20 --column c --drop-bad-rows --seed 3 "
        "--threads 2 --max-rows 99 --max-memory 4G --expect augment --calibrate "
        "--operator graph --landmarks 20 --neighbors 5 --graph-rows 5000 --index ivf --workers 2"
    )
    assert compare("after.npy", *flags.split()) == 0
    arguments = arguments_of(api)[1]
    del arguments["policy"], arguments["command"]
    assert arguments == {
        "kept": None, "dropped": None, "weights": None, "added": None, "expect": "augment", "ids": "i.txt",
        "ids_after": "j.txt", "groups": "g.csv", "dtype": "float16", "shape": (-1, 20), "column": "c",
        "kernels": ("rbf",), "bandwidth": 0.5, "normalize": "l2", "centered": True, "model": "m", "model_after": "n",
        "calibrate": True, "drop_bad_rows": True, "seed": 3, "threads": 2, "max_rows": 99,
        "max_memory": 4 * 2**30, "operator": "graph", "landmarks": 20, "neighbors": 5, "graph_rows": 5000,
        "index": "ivf", "workers": 2, "dask": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    "proposal",
    [
        {"kept": "k.npy"},
        {"dropped": "d.txt"},
        {"weights": "w.csv"},
        {"added": "new.npy"},
        {"kept": "k.npy", "added": "new.npy"},
    ],
)
def test_a_proposal_stands_in_the_place_of_after(api, proposal):
    assert compare(*(word for name, file in proposal.items() for word in (f"--{name}", file))) == 0
    sources, arguments = arguments_of(api)
    assert sources == ["before.npy", None]
    assert {name: file for name, file in arguments.items() if name in proposal} == proposal


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ([], "nothing to compare BEFORE with"),
        (["after.npy", "--kept", "k"], "AFTER and --kept exclude each other"),
        (["after.npy", "--added", "k"], "AFTER and --added exclude each other"),
        (["--kept", "k", "--dropped", "d"], "--kept and --dropped exclude each other"),
        (["--dropped", "k", "--weights", "d", "--added", "a"], "--dropped and --weights exclude each other"),
        (["a", "--expect", "pruned"], "--expect: unknown name 'pruned'"),
        (["a", "--margin", "capacity"], "--margin: expected NAME=VALUE, got 'capacity'"),
        (["a", "--margin", "capcity=1"], "did you mean capacity?"),
        (["a", "--margin", "tail=x"], "--margin: tail: expected a number above 0 and below 10, got 'x'"),
        (["a", "--max-drop", "1"], "--max-drop: expected a number above 0 and below 1"),
        (["a", "--max-drop", "x"], "--max-drop"),
        (["a", "--min-rows", "0"], "--min-rows: expected a whole number of at least 1"),
        (["a", "--waive", "tail"], "--waive: expected GATE=REASON, got 'tail'"),
        (["a", "--waive", "tial=x"], "waiver of an unknown gate 'tial'"),
        (["a", "--waive", "tail= "], "waiver of tail: has no reason"),
        (["a", "--on-inconclusive", "ignore"], "--on-inconclusive: unknown name 'ignore'"),
        (["a", "--seed", "-1"], "--seed: expected a whole number of at least 0"),
        (["a", "--kernel", "laplac"], "did you mean laplace?"),
        (["a", "--shape", "-2,3"], "--shape: expected ROWS,DIMS"),
        (["a", "--format", "csv"], "only a file can be csv"),
        (["a", "--format", "html"], "only a file can be html"),
        (["a", "--format", "xml"], "unknown format 'xml'"),
        (["a", "--dry-run", "--format", "junit"], "--dry-run says its plan as text"),
        (["a", "-o", "x.yaml"], "no format is known for the suffix '.yaml'"),
        (["a", "--report", "x.pdf"], "--report x.pdf: not a page"),
        (["a", "--plot", "x.jpg"], "not a picture"),
        (["a", "--save-rows", "x.json"], "--save-rows x.json: not a list of rows"),
        (["a", "-o", "x.html", "--report", "x.html"], "also the file of another output"),
        (["a.npy", "-o", "json=a.npy"], "also an input"),
        (["--kept", "k.npy", "--save-rows", "k.npy"], "also an input"),
        (["--added", "n.npy::x", "--save-rows", "n.npy"], "also an input"),
        (["a", "--groups", "g.csv", "--save-rows", "g.csv"], "also an input"),
        (["a", "-o", "none/x.json"], "its directory does not exist"),
    ],
)
def test_a_mistake_is_told_before_any_work(api, capsys, arguments, part):
    assert part in refused(capsys, "compare", "before.npy", *arguments)
    assert api.calls == []


def test_a_dry_run_says_the_plan_and_writes_nothing(api, capsys, tmp_path):
    assert compare("after.npy", "--dry-run", "-o", "a.json") == 0
    assert capsys.readouterr().out.splitlines()[0].split() == ["rows", "8,000"]
    assert arguments_of(api)[0] == ["before.npy", "after.npy"]
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- policy and settings


def test_flags_make_the_policy(api):
    flags = "--margin capacity.linear=0.1 --margin tail=0.2 --max-drop 0.5 --min-rows 10 --on-inconclusive pass"
    assert compare("after.npy", *flags.split(), "--waive", "tail=a = b") == 0
    assert arguments_of(api)[1]["policy"] == Policy(
        margins={"capacity.linear": 0.1, "tail": 0.2},
        max_drop=0.5,
        min_rows=10,
        waivers=(WaiverRule(gate="tail", reason="a = b"),),
        on_inconclusive="pass",
    )


SETTINGS = """
seed = 1
expect = "prune"
max-drop = 0.5
min-rows = 7
on-inconclusive = "pass"
model-after = "n"

[margins]
capacity = {laplace = 0.03, linear = 0.06}
tail = 0.04

[[waive]]
gate = "tail"
reason = "agreed"
until = 2099-01-01
after = "fedc"
"""


def test_flags_win_over_the_environment_and_that_over_the_file_margins_by_name(api, tmp_path, monkeypatch):
    (tmp_path / "specaudit.toml").write_text(SETTINGS)
    monkeypatch.setenv("SPECAUDIT_MARGINS", "tail=0.05,repeats=0.7")
    monkeypatch.setenv("SPECAUDIT_MIN_ROWS", "8")
    assert compare("after.npy", "--margin", "tail=0.06", "--max-drop", "0.25", "--waive", "rows=x") == 0
    arguments = arguments_of(api)[1]
    assert arguments["policy"] == Policy(
        margins={"capacity.laplace": 0.03, "capacity.linear": 0.06, "tail": 0.06, "repeats": 0.7},
        max_drop=0.25,
        min_rows=8,
        waivers=(
            WaiverRule(gate="tail", reason="agreed", until=date(2099, 1, 1), after="fedc"),
            WaiverRule(gate="rows", reason="x"),
        ),
        on_inconclusive="pass",
    )
    assert [arguments[name] for name in ("seed", "expect", "model_after")] == [1, "prune", "n"]


def test_what_is_about_compare_alone_disturbs_no_fit(api, tmp_path):
    (tmp_path / "specaudit.toml").write_text(SETTINGS)
    api.result = make_fit()
    assert main(["fit", "rows.npy"]) == 0
    assert arguments_of(api)[1]["seed"] == 1


def test_what_is_about_fit_alone_disturbs_no_comparison(api, tmp_path):
    (tmp_path / "specaudit.toml").write_text('require = "resolved"\n')
    assert compare("after.npy") == 0


def test_a_mistake_in_a_waiver_of_the_file_is_told(api, capsys, tmp_path):
    (tmp_path / "specaudit.toml").write_text('[[waive]]\ngate = "tail"\nreason = "x"\n')
    assert f"{tmp_path}/specaudit.toml: waive[0]: has no until" in refused(capsys, "compare", "a", "b")


# ---------------------------------------------------------------- the line to reproduce


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("a b", "a b"),
        ("a --kept 'my rows.txt' --added n.npy", "a --kept 'my rows.txt' --added n.npy"),
        ("a b --seed 3 -q --format json -o x.json --exit-zero --max-memory 4G", "a b --seed 3"),
        ("a b --kernel rbf --kernel linear --centered", "a b --kernel rbf --kernel linear --centered"),
        ("--no-centered a b", "a b --no-centered"),
        ("a b --margin tail=0.5 --max-drop 0.25", "a b --max-drop 0.25 --margin tail=0.5"),
        ("a b --waive 'tail=it is agreed'", "a b --waive 'tail=it is agreed'"),
        ("a b --report x.html --plot x.svg --save-rows x.csv", "a b"),
        ("a b --on-inconclusive pass", "a b --on-inconclusive pass"),
        ("a b --groups 'my topics.txt'", "a b --groups 'my topics.txt'"),
    ],
)
def test_the_command_holds_what_the_numbers_depend_on(api, line, command):
    assert main(["compare", *shlex.split(line)]) == 0
    assert arguments_of(api)[1]["command"] == f"specaudit compare {command}"


def test_the_command_spells_out_what_file_and_environment_set(api, tmp_path, monkeypatch):
    (tmp_path / "specaudit.toml").write_text('kernel = ["rbf", "linear"]\nmargins.capacity.linear = 0.06\n')
    monkeypatch.setenv("SPECAUDIT_SEED", "4")
    assert compare("after.npy") == 0
    command = (
        "specaudit compare before.npy after.npy --kernel rbf --kernel linear --seed 4 --margin capacity.linear=0.06"
    )
    assert arguments_of(api)[1]["command"] == command


# ---------------------------------------------------------------- streams and files


def test_json_on_stdout_is_the_document_and_stderr_has_the_verdict(api, capsys):
    api.result = compare_fixtures.made("fail")
    assert compare("after.npy", "--format", "json") == 1
    out, err = capsys.readouterr()
    assert out == api.result.to_json()
    assert err.startswith("specaudit: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "start"), [("markdown", "**"), ("junit", "<?xml"), ("github", "::error title=specaudit")]
)
def test_every_format_reaches_stdout(api, capsys, name, start):
    api.result = compare_fixtures.made("fail")
    assert compare("after.npy", "--format", name) == 1
    assert capsys.readouterr().out.startswith(start)


def test_quiet_is_the_verdict_alone(api, capsys):
    assert compare("after.npy", "-q") == 0
    assert capsys.readouterr().out.count("\n") == 1


def test_verbose_tells_the_times_of_stages_on_stderr(api, capsys):
    assert compare("after.npy", "-v") == 0
    assert capsys.readouterr().err.startswith("specaudit: kernel: 0.")


def test_every_output_gets_its_format(api, tmp_path):
    names = ["a.json", "b.csv", "c.md", "d.txt", "e.xml", "f.html", "github=g"]
    flags = [word for name in names for word in ("-o", name)]
    assert compare("after.npy", *flags, "--report", "h.html", "--plot", "i.svg", "--save-rows", "j.csv") == 0
    written = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert sorted(written) == ["a.json", "b.csv", "c.md", "d.txt", "e.xml", "f.html", "g", "h.html", "i.svg", "j.csv"]
    assert written["a.json"] == api.result.to_json()
    assert written["e.xml"].startswith("<?xml")
    assert written["f.html"] == written["h.html"]
    assert "<!doctype html>" in written["f.html"].lower()
    assert written["i.svg"].startswith("<?xml")
    assert written["j.csv"] == "row,id,distance,leverage\n"


def test_every_output_that_is_named_is_written(api, tmp_path):
    names = {"--plot": ["a.svg", "b.svg"], "--report": ["c.html", "d.html"], "--save-rows": ["e.csv", "f.txt"]}
    flags = [word for flag, files in names.items() for file in files for word in (flag, file)]
    assert compare("after.npy", *flags) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        file for files in names.values() for file in files
    )
    assert compare("after.npy", "--plot", "a.svg", "--plot", "a.svg") == 2


def test_outputs_are_written_whatever_the_verdict(api, tmp_path):
    api.result = compare_fixtures.made("fail")
    assert compare("after.npy", "-o", "a.json") == 1
    assert (tmp_path / "a.json").read_text() == api.result.to_json()


def test_a_failed_comparison_leaves_old_files_intact(api, tmp_path):
    (tmp_path / "a.json").write_text("old")
    api.result = InputError("x")
    assert compare("after.npy", "-o", "a.json") == 2
    assert (tmp_path / "a.json").read_text() == "old"


NAMED = (
    NamedRow(row=7, id="a,b", distance=1.23456789, leverage=0.1234567),
    NamedRow(row=3, id=None, distance=0.5),
)


@pytest.mark.parametrize(
    ("suffix", "content"),
    [(".csv", b'row,id,distance,leverage\n7,"a,b",1.23457,0.123457\n3,,0.5,\n'), (".txt", b"a,b\n3\n")],
)
def test_removed_rows_are_saved_by_name(api, tmp_path, suffix, content):
    rows = api.result.rows.model_copy(update={"removed_all": NAMED})
    api.result = api.result.model_copy(update={"rows": rows})
    assert compare("after.npy", "--save-rows", f"rows{suffix}") == 0
    assert (tmp_path / f"rows{suffix}").read_bytes() == content


def test_removed_rows_are_saved_by_number(api, tmp_path):
    rows = api.result.rows.model_copy(update={"removed_all": NAMED})
    api.result = api.result.model_copy(update={"rows": rows})
    assert compare("after.npy", "--save-rows", "rows.npy") == 0
    saved = np.load(tmp_path / "rows.npy")
    assert (saved.tolist(), saved.dtype) == ([7, 3], np.int64)


def test_removed_rows_that_were_not_looked_at_are_counted_and_not_saved(api, capsys):
    rows = api.result.rows.model_copy(update={"searched": 100})
    api.result = api.result.model_copy(update={"rows": rows})
    assert compare("after.npy", "--save-rows", "rows.txt") == 0
    assert capsys.readouterr().err.startswith("specaudit: rows.txt holds 100 of 7,176 removed rows")


def test_removed_rows_of_a_baseline_cannot_be_saved(api, capsys, tmp_path):
    message = refused(capsys, "compare", "main.json", "after.npy", "--save-rows", "rows.csv")
    assert "a baseline does not know its rows" in message
    assert "compare with BEFORE's embeddings" in message
    assert (api.calls, list(tmp_path.iterdir())) == ([], [])


# ---------------------------------------------------------------- GitHub


@pytest.mark.parametrize("setting", ["specaudit.toml", "sub/settings.toml"])
def test_annotations_belong_to_the_configuration_file(api, capsys, tmp_path, setting):
    api.result = compare_fixtures.made("fail")
    (tmp_path / "sub").mkdir()
    (tmp_path / setting).write_text("seed = 1\n")
    assert compare("after.npy", "--format", "github", "--config", setting) == 1
    assert f"::error file={setting},title=specaudit capacity" in capsys.readouterr().out


def test_annotations_name_the_file_from_the_root_of_the_repository(api, capsys, tmp_path, monkeypatch):
    api.result = compare_fixtures.made("fail")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "specaudit.toml").write_text("seed = 1\n")
    monkeypatch.chdir(tmp_path / "sub")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    assert compare("after.npy", "--format", "github") == 1
    assert "::error file=sub/specaudit.toml," in capsys.readouterr().out


def test_without_a_configuration_annotations_belong_to_the_baseline(api, capsys):
    api.result = compare_fixtures.made("fail")
    assert main(["compare", "main.json", "after.npy", "--format", "github"]) == 1
    assert "::error file=main.json," in capsys.readouterr().out


def test_the_summary_of_a_job_is_appended_to(api, tmp_path, monkeypatch):
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    assert compare("after.npy", "-o", "a.md") == 0
    assert summary.read_text() == "before\n" + (tmp_path / "a.md").read_text() + "\n"


def test_a_summary_that_cannot_be_written_is_noted_and_changes_no_exit_code(api, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "none" / "summary.md"))
    assert compare("after.npy") == 0
    assert "cannot append the summary: No such file or directory" in capsys.readouterr().err
