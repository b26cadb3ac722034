"""The gate end to end on small data: every exit code is one that real rows reach."""

from __future__ import annotations

import fcntl
import inspect
import io
import json
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from cli_fixtures import clean

from specaudit import api
from specaudit.cli import main
from specaudit.documents import json_schema

ROWS, DIMENSIONS = 300, 16


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Return a folder with a data set, the half of it of least norm, a random half, and a broken copy."""
    folder = tmp_path_factory.mktemp("data")
    generator = np.random.default_rng(0)
    rows = (generator.standard_normal((ROWS, DIMENSIONS)) * np.arange(1, DIMENSIONS + 1) ** -0.5).astype(np.float32)
    core = np.sort(np.argsort(np.linalg.norm(rows, axis=1))[: ROWS // 2])
    broken = rows.copy()
    broken[3, 2] = np.nan
    sets = {"before": rows, "again": rows[::-1], "core": rows[core], "half": rows[::2], "broken": broken}
    for name, values in sets.items():
        np.save(folder / f"{name}.npy", values)
    np.savetxt(folder / "kept.txt", core, fmt="%d")
    return folder


@pytest.fixture(autouse=True)
def here(monkeypatch, tmp_path, data):
    clean(monkeypatch, tmp_path)
    for path in data.iterdir():
        Path(path.name).symlink_to(path)


def compare(*arguments):
    return main(["compare", "before.npy", *arguments])


def test_equal_content_passes(capsys):
    assert compare("again.npy", "--format", "json") == 0
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, json.loads(json_schema("compare")))
    assert (document["verdict"], document["exit_code"]) == ("pass", 0)
    assert document["reproduce"]["command"] == "specaudit compare before.npy again.npy"


def test_a_biased_half_fails_and_its_document_can_be_judged_again():
    assert compare("core.npy", "-o", "a.json", "-o", "a.xml", "--save-rows", "gone.txt") == 1
    assert {int(row) for row in Path("gone.txt").read_text().split()} <= set(range(ROWS))
    assert main(["show", "a.json", "--gate"]) == 1
    assert main(["show", "a.json", "--gate", "-o", "b.json"]) == 1
    assert Path("a.json").read_bytes() == Path("b.json").read_bytes()
    assert main(["show", "a.json", "--gate", "--waive", "capacity=agreed", "--waive", "tail=agreed"]) == 0


def test_a_failure_under_exit_zero_passes_and_its_document_still_fails():
    assert compare("core.npy", "--exit-zero", "-o", "a.json") == 0
    assert json.loads(Path("a.json").read_text())["exit_code"] == 1


def test_too_few_rows_cannot_decide(capsys):
    assert compare("half.npy", "-q") == 3
    assert capsys.readouterr().out.startswith("Inconclusive: ")


def test_an_unusable_row_stops_the_run(capsys):
    assert compare("broken.npy") == 2
    assert "broken.npy" in capsys.readouterr().err


def test_a_proposal_gives_the_verdict_of_its_rows():
    assert compare("core.npy", "-o", "a.json") == compare("--kept", "kept.txt", "-o", "b.json") == 1
    a, b = (json.loads(Path(name).read_text()) for name in ("a.json", "b.json"))
    assert a["after"]["digest"] == b["after"]["digest"]
    assert a["spectra"] == b["spectra"]


def test_the_same_line_gives_the_same_bytes():
    assert compare("core.npy", "-o", "a.json") == compare("core.npy", "-o", "b.json", "-q") == 1
    assert Path("a.json").read_bytes() == Path("b.json").read_bytes()


def test_a_baseline_is_a_document_that_is_read_and_written_again():
    assert main(["fit", "before.npy", "--baseline", "kept.json", "-q"]) == 0
    document = json.loads(Path("kept.json").read_text())
    jsonschema.validate(document, json.loads(json_schema("baseline")))
    assert main(["show", "kept.json", "-q", "-o", "again.json"]) == 0
    assert Path("again.json").read_bytes() == Path("kept.json").read_bytes()


def test_a_sample_is_kept_beside_its_baseline(capsys):
    assert main(["fit", "before.npy", "-q", "--baseline", "b.json", "--keep-sample", "--max-rows", "120"]) == 0
    rows, sample = np.load("before.npy"), np.load("b.sample.npy")
    assert (sample.shape, sample.dtype) == ((120, DIMENSIONS), np.float32)
    assert {row.tobytes() for row in sample} < {row.tobytes() for row in rows}
    assert len({row.tobytes() for row in sample}) == 120
    assert json.loads(Path("b.json").read_text())["sampled_rows"] == 120
    capsys.readouterr()
    assert main(["fit", "before.npy", "--keep-sample"]) == 2
    assert "add --baseline" in capsys.readouterr().err


def test_a_baseline_stands_in_for_before(capsys):
    assert main(["fit", "before.npy", "--baseline", "kept.json", "-q"]) == 0
    assert main(["compare", "kept.json", "again.npy"]) == 0
    capsys.readouterr()
    assert main(["compare", "kept.json", "core.npy", "--format", "github"]) == 1
    assert "::error file=kept.json,title=specaudit " in capsys.readouterr().out
    assert main(["compare", "kept.json", "--kept", "kept.txt"]) == 2
    assert main(["compare", "kept.json", "core.npy", "-o", "kept.json"]) == 2


@pytest.mark.parametrize("sides", [["before.npy", "core.npy"], ["before.npy", "--kept", "kept.txt"]])
def test_a_dry_run_tells_rows_memory_and_time(capsys, sides):
    assert main(["compare", *sides, "--dry-run"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[:4]] == [
        "rows",
        "dimensions",
        "size",
        "peak",
    ]


@pytest.mark.parametrize(
    ("verb", "options"),
    [
        ("fit", ["rows.npy"]),
        ("compare", ["before.npy", "core.npy"]),
        ("span", ["before.npy", "core.npy"]),
        ("frontier", ["before.npy", "core.npy"]),
        ("sample", ["before.npy", "-n", "5", "--save-rows", "picked.npy"]),
        ("simulate", []),
        ("headroom", ["rows.npy", "--cap", "10"]),
    ],
)
def test_the_defaults_of_the_flags_are_those_of_the_library(monkeypatch, verb, options):
    defaults = {name: p.default for name, p in inspect.signature(getattr(api, verb)).parameters.items()}
    given = {}

    def note(*sources, **arguments):
        given.update(arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(api, verb, note)
    assert main([verb, *options]) == 130
    for name in ("policy", "command", "progress", "on_rows"):
        given.pop(name, None)
    assert given == {name: defaults[name] for name in given}
    assert set(defaults) - set(given) <= {
        *("source", "before", "after", "real", "synthetic", "residuals", "count", "fit", "cap"),
        *("policy", "command", "progress", "on_rows", "rooms"),
    }


@pytest.fixture
def interrupts():
    """Let processes that start here be interrupted, even where the tests run in the background and ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupts")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)])
def test_an_interrupt_exits_130_and_a_stop_ends_the_process_and_they_leave_no_file(number, code):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": (1_000_000, DIMENSIONS)}
    )
    command = [sys.executable, "-m", "specaudit", "compare", "-", "before.npy", "-o", "a.json"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        run.stdin.write(header.getvalue() + bytes(2**20))
        run.stdin.flush()
        while int.from_bytes(fcntl.ioctl(run.stdin, termios.FIONREAD, bytes(4)), sys.byteorder):
            time.sleep(0.01)
        time.sleep(0.5)  # the pipe is drained and it waits for more: no signal falls between two reads
        run.send_signal(number)
        assert run.wait(timeout=60) == code
        assert b"Traceback" not in run.stderr.read()
    assert not Path("a.json").exists()
