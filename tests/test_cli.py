"""The program as its users run it: exit codes, streams, files, settings. The fit itself is a stub."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
import time
from types import SimpleNamespace

import jsonschema
import numpy as np
import pytest
from cli_fixtures import refused, stub_api
from report_fixtures import STATUSES, make_fit
from test_reading import baseline

from specaudit import documents
from specaudit.cli import main, output, terminal
from specaudit.errors import InputError

PROGRAM = [sys.executable, "-m", "specaudit"]


@pytest.fixture
def api(monkeypatch, tmp_path):
    return stub_api(monkeypatch, tmp_path)


# ---------------------------------------------------------------- exit codes


@pytest.mark.parametrize("status", STATUSES)
def test_a_fit_exits_0_whatever_its_status(api, capsys, status):
    api.result = make_fit(status)
    assert main(["fit", "rows.npy"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(("Tail exponent b = ", "No single exponent: ", "Exponent unresolved: "))
    assert err == ""


def test_a_status_that_was_not_required_exits_3_and_says_why_after_everything_is_written(api, capsys, tmp_path):
    api.result = make_fit("unresolved")
    assert main(["fit", "rows.npy", "--require", "resolved,drifting", "-o", "fit.json"]) == 3
    out, err = capsys.readouterr()
    assert out.startswith("Exponent unresolved")
    assert err.startswith("specaudit: required resolved or drifting, but the exponent is unresolved: 600 rows")
    assert (tmp_path / "fit.json").exists()


def test_json_on_stdout_stays_one_document_when_3_is_returned(api, capsys):
    api.result = make_fit("unresolved")
    assert main(["fit", "rows.npy", "--require", "resolved", "--format", "json"]) == 3
    assert json.loads(capsys.readouterr().out)["schema"] == "specaudit.fit/1"


def test_a_status_that_was_required_exits_0(api):
    assert main(["fit", "rows.npy", "--require", "drifting", "--require", "resolved"]) == 0


def test_exit_zero_turns_3_into_0_and_still_says_why(api, capsys):
    api.result = make_fit("drifting")
    assert main(["fit", "rows.npy", "--require", "resolved", "--exit-zero"]) == 0
    err = capsys.readouterr().err
    assert "required resolved" in err
    assert "exit code 0 instead of 3, as --exit-zero demands" in err


def test_exit_zero_never_hides_a_2(api):
    api.result = InputError("rows.npy: no rows")
    assert main(["fit", "rows.npy", "--exit-zero"]) == 2


def test_an_interrupt_exits_130(api, capsys):
    api.result = KeyboardInterrupt()
    assert main(["fit", "rows.npy"]) == 130
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "problem", "next_step"),
    [
        (InputError("a.npy: no rows", next_step="give some"), "a.npy: no rows", "give some"),
        (InputError("a\nb\x1b[31m"), "a b\\x1b[31m", None),
        (
            MemoryError(),
            "out of memory",
            "lower --max-rows or --max-memory, or use a machine with more memory",
        ),
        (
            ZeroDivisionError("by zero\nand more"),
            "internal error: ZeroDivisionError: by zero (run with -v for the traceback)",
            None,
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "a.npy"),
            "a.npy: Permission denied",
            "check the file, its permissions and the space left",
        ),
    ],
)
def test_what_goes_wrong_is_told_in_one_line_and_exits_2(api, capsys, error, problem, next_step):
    api.result = error
    assert main(["fit", "rows.npy"]) == 2
    message = f"specaudit: error: {problem}\n" + (f"  next: {next_step}\n" if next_step else "")
    assert capsys.readouterr() == ("", message)


@pytest.mark.parametrize("form", [["--format", "json"], ["--format=json"]])
@pytest.mark.parametrize("error", [InputError("a.npy: no rows", next_step="give some"), ZeroDivisionError("x")])
def test_under_json_an_error_is_a_document_on_stdout(api, capsys, form, error):
    api.result = error
    assert main(["fit", "rows.npy", *form]) == 2
    out, err = capsys.readouterr()
    jsonschema.validate(json.loads(out), json.loads(documents.json_schema("error")))
    assert json.loads(out)["exit_code"] == 2
    assert err == ""


def test_a_usage_error_under_json_is_a_document_too(api, capsys):
    assert main(["fit", "--format", "json", "--nonsense"]) == 2
    assert "nonsense" in json.loads(capsys.readouterr().out)["error"]


def test_a_traceback_appears_only_when_asked_for(api, capsys):
    api.result = ZeroDivisionError("x")
    assert main(["fit", "rows.npy", "-v"]) == 2
    assert "Traceback" in capsys.readouterr().err
    api.result = InputError("x")
    assert main(["fit", "rows.npy", "-v"]) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ([], "Missing command"),
        (["fitt"], "fitt"),
        (["fit"], "EMB"),
        (["fit", "a", "--nonsense"], "--nonsense"),
        (["fit", "a", "--seed", "x"], "--seed"),
        (["fit", "a", "--seed", "-1"], "--seed: expected a whole number of at least 0"),
        (["fit", "a", "--bandwidth", "0"], "--bandwidth: expected a number above 0"),
        (["fit", "a", "--kernel", "laplac"], "did you mean laplace?"),
        (["fit", "a", "--normalize", "l3"], "--normalize"),
        (["fit", "a", "--shape", "10x20"], "--shape: expected ROWS,DIMS"),
        (["fit", "a", "--max-memory", "lots"], "--max-memory: expected a size"),
        (["fit", "a", "--max-rows", "1"], "--max-rows"),
        (["fit", "a", "--require", "good"], "--require: unknown name 'good'"),
        (["fit", "a", "--format", "junit"], "junit reports gates, and fit has none"),
        (["fit", "a", "--format", "github"], "github reports gates, and fit has none"),
        (["fit", "a", "--format", "csv"], "only a file can be csv"),
        (["fit", "a", "--format", "xml"], "unknown format 'xml'"),
        (["fit", "a", "-o", "x.yaml"], "no format is known for the suffix '.yaml'"),
        (["fit", "a", "-o", "x"], "no format is known"),
        (["fit", "a", "-o", "yaml=x"], "unknown format 'yaml'"),
        (["fit", "a", "-o", "junit=x.xml"], "junit reports gates"),
        (["fit", "a", "--plot", "x.jpg"], "not a picture"),
        (["fit", "a", "--baseline", "x.csv"], "--baseline x.csv: not a document"),
        (["fit", "a", "--baseline", "x.json", "-o", "x.json"], "also the file of another output"),
        (["fit", "a", "--report", "x.htm"], "--report x.htm: not a page"),
        (["fit", "a", "--format", "html"], "only a file can be html"),
        (["fit", "a", "-o", "none/x.json"], "its directory does not exist"),
        (["fit", "a", "-o", "json=."], "is a directory"),
        (["fit", "a", "-o", "x.json", "-o", "json=./x.json"], "also the file of another output"),
        (["fit", "a.csv", "-o", "a.csv"], "also an input"),
        (["fit", "a.csv::b", "-o", "a.csv"], "also an input"),
        (["fit", "a", "--config", "none.toml"], "none.toml: No such file"),
        (["fit", "a", "--dry-run", "--format", "markdown"], "--dry-run says its plan as text"),
        (["explain", "SPA0020"], "SPA002"),
        (
            ["schema", "fitt"],
            "known: fit, baseline, compare, prune, span, frontier, simulate, headroom, exp",
        ),
    ],
)
def test_a_mistake_is_told_before_any_work(api, capsys, arguments, part):
    assert part in refused(capsys, *arguments)
    assert api.calls == []


# ---------------------------------------------------------------- streams


def test_json_on_stdout_is_the_document(api, capsys):
    assert main(["fit", "rows.npy", "--format", "json"]) == 0
    assert capsys.readouterr().out == api.result.to_json()


def test_markdown_on_stdout(api, capsys):
    assert main(["fit", "rows.npy", "--format", "markdown"]) == 0
    assert capsys.readouterr().out.startswith("**Tail exponent b = 1.182")


def test_quiet_is_the_finding_alone(api, capsys):
    assert main(["fit", "rows.npy", "-q"]) == 0
    assert capsys.readouterr().out.count("\n") == 1


def test_verbose_tells_the_times_of_stages_on_stderr(api, capsys):
    assert main(["fit", "rows.npy", "-v"]) == 0
    assert capsys.readouterr().err.startswith("specaudit: kernel: 0.")


def test_a_reader_that_has_gone_is_no_error():
    reading, writing = os.pipe()
    os.close(reading)
    run = subprocess.run([*PROGRAM, "schema", "fit"], stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (run.returncode, run.stderr) == (0, b"")


def test_a_full_disk_behind_stdout_exits_2():
    with open("/dev/full", "wb") as full:
        run = subprocess.run([*PROGRAM, "explain"], stdout=full, stderr=subprocess.PIPE, check=False)
    assert run.returncode == 2
    assert run.stderr.startswith(b"specaudit: error: No space left on device")


def test_output_survives_a_locale_without_its_signs():
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    run = subprocess.run([*PROGRAM, "explain", "SPA008"], env=environment, capture_output=True, check=False)
    assert run.returncode == 0
    assert b"(N?)" in run.stdout


def test_no_color_is_honoured(monkeypatch):
    terminal_ = SimpleNamespace(isatty=lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert terminal.colored(terminal_)
    monkeypatch.setenv("NO_COLOR", "1")
    assert not terminal.colored(terminal_)
    assert not terminal.colored(SimpleNamespace(isatty=lambda: False))


def test_a_short_stage_shows_no_bar_and_a_long_one_does(capsys, monkeypatch):
    bar = terminal.Bar()
    with bar.stage("short") as stage:
        stage.update(0.5)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(terminal, "PATIENCE", 0.0)
    with bar.stage("outer"), bar.stage("long") as stage:
        end = time.monotonic() + 5
        while stage.task is None and time.monotonic() < end:
            time.sleep(0.01)
        stage.update(0.5)
    assert "long" in capsys.readouterr().err


def test_nothing_is_shown_where_stderr_is_no_terminal():
    assert isinstance(terminal.progress(quiet=False, verbose=False), terminal.SilentProgress)


# ---------------------------------------------------------------- files


def test_every_output_gets_the_format_of_its_suffix_or_its_name(api, tmp_path):
    names = ["-o", "a.json", "-o", "b.csv", "-o", "c.md", "-o", "d.txt", "-o", "json=e", "-o", "./x=y.json"]
    assert main(["fit", "rows.npy", *names, "--plot", "f.svg"]) == 0
    written = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert sorted(written) == ["a.json", "b.csv", "c.md", "d.txt", "e", "f.svg", "x=y.json"]
    assert written["a.json"] == written["e"] == written["x=y.json"] == api.result.to_json()
    assert written["b.csv"].startswith("kernel,quantity")
    assert written["c.md"].startswith("**Tail")
    assert written["d.txt"].startswith("Tail")
    assert written["f.svg"].startswith("<?xml")


def test_every_output_that_is_named_is_written(api, tmp_path):
    assert main(["fit", "rows.npy", "--plot", "a.svg", "--plot", "b.png"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.svg", "b.png"]
    api.result = baseline()
    assert main(["fit", "rows.npy", "--baseline", "c.json", "--baseline", "d.json"]) == 0
    assert (tmp_path / "c.json").read_text() == (tmp_path / "d.json").read_text() == api.result.to_json()
    assert main(["fit", "rows.npy", "--plot", "e.svg", "--plot", "e.svg"]) == 2


def test_a_baseline_is_written_beside_the_fit_that_it_holds(api, capsys, tmp_path):
    fit = api.result
    api.result = baseline().model_copy(update={"fit": fit})
    assert main(["fit", "rows.npy", "--baseline", "kept.json", "-o", "fit.json", "--format", "json"]) == 0
    assert (tmp_path / "kept.json").read_text() == api.result.to_json()
    assert (tmp_path / "fit.json").read_text() == capsys.readouterr().out == fit.to_json()


def test_a_baseline_is_required_to_have_a_status_too(api, tmp_path):
    api.result = baseline().model_copy(update={"fit": make_fit("unresolved")})
    assert main(["fit", "rows.npy", "--baseline", "kept.json", "--require", "resolved"]) == 3
    assert (tmp_path / "kept.json").exists()


def test_new_files_have_the_users_permissions_and_links_stay_links(api, tmp_path):
    (tmp_path / "real.json").write_text("old")
    (tmp_path / "link.json").symlink_to("real.json")
    assert main(["fit", "rows.npy", "-o", "link.json", "-o", "new.json"]) == 0
    assert (tmp_path / "link.json").is_symlink()
    assert (tmp_path / "real.json").read_text() == api.result.to_json()
    (tmp_path / "touched").touch()
    assert (tmp_path / "new.json").stat().st_mode == (tmp_path / "touched").stat().st_mode


def test_a_device_is_written_to_and_not_replaced(api):
    assert main(["fit", "rows.npy", "-o", f"json={os.devnull}"]) == 0
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def test_a_pipe_is_written_to_and_not_looked_for_behind_its_name(api):
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    assert main(["fit", "rows.npy", "-o", f"markdown=/dev/fd/{writing}", "-q"]) == 0
    assert os.read(reading, 6) == b"**Tail"
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize("function", ["replace", "fdopen"])
def test_a_failed_write_leaves_old_files_intact_and_nothing_else(api, capsys, tmp_path, monkeypatch, function):
    (tmp_path / "a.json").write_text("old")

    def fail(*arguments, **keywords):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(output.os, function, fail)
        message = refused(capsys, "fit", "rows.npy", "-o", "b.json", "-o", "a.json")
    assert "cannot write: No space left on device" in message
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_text() == "old"


def test_a_failed_fit_leaves_old_files_intact(api, tmp_path):
    (tmp_path / "a.json").write_text("old")
    api.result = InputError("x")
    assert main(["fit", "rows.npy", "-o", "a.json"]) == 2
    assert (tmp_path / "a.json").read_text() == "old"


def test_a_directory_that_cannot_be_written_is_told_before_the_work(api, capsys, monkeypatch):
    monkeypatch.setattr(output.os, "access", lambda *_: False)
    assert "its directory cannot be written" in refused(capsys, "fit", "rows.npy", "-o", "a.json")
    assert api.calls == []


# ---------------------------------------------------------------- settings


def test_without_settings_the_api_gets_its_own_defaults(api):
    assert main(["fit", "rows.npy"]) == 0
    source, arguments = api.calls[0]
    arguments.pop("progress")
    assert source == "rows.npy"
    assert arguments == {
        "ids": None, "dtype": None, "shape": None, "column": None, "kernels": ("laplace", "linear"),
        "bandwidth": None, "normalize": "none", "centered": False, "model": None, "drop_bad_rows": False,
        "seed": 0, "threads": None, "max_rows": 16384, "max_memory": None,
        "operator": "auto", "landmarks": None, "neighbors": 32, "graph_rows": 131072, "index": "auto",
        "workers": None, "dask": None,
    }  # fmt: skip


def test_every_flag_reaches_the_api(api):
    flags = (
        "--kernel rbf --kernel linear --bandwidth 0.5 --normalize l2 --centered --model m --ids i.txt "
        "--dtype float16 --shape 10,20 --column c --drop-bad-rows --seed 3 --threads 2 --max-rows 99 "
        "--max-memory 4G --operator graph --landmarks 64 --neighbors 16 --graph-rows 50000 --index ivf "
        "--dask tcp://a:1"
    )
    assert main(["fit", "rows.npy", *flags.split()]) == 0
    arguments = api.calls[0][1]
    arguments.pop("progress")
    assert arguments == {
        "ids": "i.txt", "dtype": "float16", "shape": (10, 20), "column": "c", "kernels": ("rbf", "linear"),
        "bandwidth": 0.5, "normalize": "l2", "centered": True, "model": "m", "drop_bad_rows": True,
        "seed": 3, "threads": 2, "max_rows": 99, "max_memory": 4 * 2**30,
        "operator": "graph", "landmarks": 64, "neighbors": 16, "graph_rows": 50_000, "index": "ivf",
        "workers": None, "dask": "tcp://a:1",
    }  # fmt: skip


def test_flags_win_over_the_environment_and_that_over_the_file(api, tmp_path, monkeypatch):
    (tmp_path / "specaudit.toml").write_text(
        "seed = 1\nthreads = 1\nmax-rows = 50\ncentered = true\n"
        'kernel = ["rbf"]\nmax-memory = "1G"\nrequire = "resolved"\n'
    )
    monkeypatch.setenv("SPECAUDIT_SEED", "2")
    monkeypatch.setenv("SPECAUDIT_THREADS", "2")
    assert main(["fit", "rows.npy", "--seed", "3", "--no-centered"]) == 0
    arguments = api.calls[0][1]
    assert [arguments[key] for key in ("seed", "threads", "max_rows", "centered")] == [3, 2, 50, False]
    assert arguments["kernels"] == ("rbf",)
    assert arguments["max_memory"] == 2**30
    api.result = make_fit("unresolved")
    assert main(["fit", "rows.npy"]) == 3
    assert main(["fit", "rows.npy", "--require", "unresolved"]) == 0


def test_a_flag_for_workers_takes_the_place_of_a_setting_for_a_cluster(api, monkeypatch):
    monkeypatch.setenv("SPECAUDIT_DASK", "tcp://a:1")
    for flags, expected in (([], (None, "tcp://a:1")), (["--workers", "3"], (3, None))):
        assert main(["fit", "rows.npy", *flags]) == 0
        arguments = api.calls[-1][1]
        assert (arguments["workers"], arguments["dask"]) == expected


def test_several_sources_are_one_data_set(api):
    assert main(["fit", "a.scan", "b.scan"]) == 0
    assert api.calls[0][0] == ["a.scan", "b.scan"]


def test_config_names_the_file(api, tmp_path):
    (tmp_path / "other.toml").write_text("seed = 5\n")
    assert main(["fit", "rows.npy", "--config", "other.toml"]) == 0
    assert api.calls[0][1]["seed"] == 5


def test_a_mistake_in_a_file_names_it_and_the_key(api, capsys, tmp_path):
    (tmp_path / "specaudit.toml").write_text("sede = 5\n")
    message = refused(capsys, "fit", "rows.npy")
    assert f"{tmp_path}/specaudit.toml: unknown key 'sede'" in message
    assert "did you mean seed?" in message


def test_a_dry_run_says_the_plan_and_does_not_fit(api, capsys, tmp_path):
    assert main(["fit", "rows.npy", "--dry-run", "-o", "a.json"]) == 0
    assert capsys.readouterr().out.splitlines()[0].split() == ["rows", "8,000"]
    assert "progress" not in api.calls[0][1]
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- help and the other commands


INPUTS = (
    "kernel bandwidth normalize centered model ids dtype shape column drop-bad-rows seed threads max-rows max-memory"
)
GATE = "margin max-drop min-rows waive on-inconclusive exit-zero"


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("fit", f"{INPUTS} workers dask output format plot baseline require config dry-run quiet verbose exit-zero"),
        (
            "compare",
            f"{INPUTS} {GATE} kept dropped weights added expect ids-after model-after calibrate output format report "
            "plot save-rows config dry-run quiet verbose",
        ),
        (
            "prune",
            f"{INPUTS} {GATE} method keep soft cap scores output format plot save-rows save-weights config dry-run "
            "quiet verbose",
        ),
        ("show", f"{GATE} gate output format report plot config quiet"),
    ],
)
def test_help_lists_every_option(capsys, command, options):
    assert main([command, "--help"]) == 0
    text = capsys.readouterr().out
    assert [name for name in options.split() if f"--{name}" not in text] == []


@pytest.mark.parametrize(
    "command", ["fit", "compare", "prune", "span", "frontier", "scan", "sample", "simulate", "headroom", "show"]
)
def test_help_imports_nothing_heavy(command):
    heavy = {"numpy", "scipy", "sklearn", "faiss", "matplotlib", "rich", "specaudit.documents"}
    code = (
        f"import sys; from specaudit.cli import main; main(['{command}', '--help']); "
        f"print(*sorted({heavy} & set(sys.modules)), file=sys.stderr)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stderr == "\n"


def test_help_of_the_program_names_the_commands(capsys):
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    names = "fit compare prune span frontier scan sample simulate headroom experiment show demo schema explain"
    assert all(f"  {name} " in out for name in names.split())


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == "specaudit 0.1.0\n"


def test_explain_lists_and_explains(capsys):
    assert main(["explain"]) == 0
    assert "SPA010" in capsys.readouterr().out
    assert main(["explain", "Drifting"]) == 0
    assert capsys.readouterr().out.startswith("drifting: ")


def test_an_exit_code_is_explained_by_its_number(capsys):
    for code in ("0", "3", "130"):
        assert main(["explain", code]) == 0
        assert capsys.readouterr().out.startswith(f"exit-{code}: ")


def test_schema_lists_and_prints(capsys):
    assert main(["schema"]) == 0
    names = "fit baseline compare prune span frontier simulate headroom experiment error"
    assert capsys.readouterr().out.split() == names.split()
    assert main(["schema", "fit"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Fit"


def test_demo_writes_a_set_and_its_half_once(capsys, tmp_path):
    folder = tmp_path / "a b"
    assert main(["demo", str(folder)]) == 0
    commands, own = capsys.readouterr().out.split("# ")
    assert commands == (
        f"specaudit fit '{folder}/before.npy'\nspecaudit fit '{folder}/after.npy'\n"
        f"specaudit compare '{folder}/before.npy' '{folder}/after.npy'\n"
    )
    assert own.startswith("your own data: .npy .fvecs")
    assert own.endswith(
        " .parquet .arrow .feather .ipc, a directory, a glob or an @list of them, here or at "
        "s3://, gs://, hf://, http://, https://\n"
    )
    assert main(["demo", str(tmp_path / "c"), "-q"]) == 0
    assert capsys.readouterr().out == ""
    before, after = np.load(folder / "before.npy"), np.load(folder / "after.npy")
    assert (before.shape, before.dtype, after.shape) == ((2000, 64), np.float32, (1000, 64))
    assert {row.tobytes() for row in after} < {row.tobytes() for row in before}
    assert "exists" in refused(capsys, "demo", str(folder))
    first = (folder / "before.npy").read_bytes()
    assert main(["demo", str(folder), "--force"]) == 0
    assert (folder / "before.npy").read_bytes() == first


# ---------------------------------------------------------------- leverage


@pytest.mark.parametrize("suffix", ["npy", "csv"])
def test_leverages_are_saved(tmp_path, monkeypatch, suffix):
    monkeypatch.chdir(tmp_path)
    rows = np.random.default_rng(0).standard_normal((300, 3))
    np.save(tmp_path / "rows.npy", rows)
    assert main(["fit", "rows.npy", "-q", "--kernel", "laplace", "--save-leverage", f"out.{suffix}"]) == 0
    if suffix == "npy":
        values = np.load(tmp_path / "out.npy")
    else:
        lines = (tmp_path / "out.csv").read_text().splitlines()
        assert lines[0] == "row,leverage"
        values = np.array([float(line.split(",")[1]) for line in lines[1:]])
    assert values.shape == (300,)
    assert ((values > 0) & (values < 1)).all()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["rows.npy", "--save-leverage", "out.txt"], "not a list"),
        (["-", "--save-leverage", "out.npy"], "cannot read a stream again"),
    ],
)
def test_leverages_that_cannot_be_saved_are_refused(capsys, arguments, problem):
    assert problem in refused(capsys, "fit", *arguments)
