"""Runs that are stopped, out of disk or without a reader leave earlier files as they were, and nothing half done."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from cli_fixtures import stub_api
from report_fixtures import make_fit

from specaudit import writing
from specaudit.cli import main, terminal
from specaudit.cli.signals import Stopped, raised
from specaudit.errors import InputError
from specaudit.writing import write_files

PROGRAM = (sys.executable, "-m", "specaudit")
CODES = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}
COMMAND = ["fit", "rows.npy", "-q", "-o", "a.json", "-o", "b.md"]


@pytest.fixture(params=CODES)
def stopping(request):
    """Return a signal and the exit code it leads to; the handlers are those of a process in the foreground."""
    number = getattr(signal, request.param)
    before = {n: signal.signal(n, h) for n, h in [(number, signal.SIG_DFL)]}
    if number == signal.SIGINT:
        signal.signal(number, signal.default_int_handler)
    yield number, CODES[request.param]
    for n, handler in before.items():
        signal.signal(n, handler)


@pytest.fixture
def api(monkeypatch, tmp_path):
    stub = stub_api(monkeypatch, tmp_path)
    for name in ("a.json", "b.md"):
        Path(name).write_text("old")
    return stub


def contents():
    return {path.name: path.read_text() for path in Path().iterdir()}


def test_during_the_work_only_the_interrupt_is_handled(api, monkeypatch):
    """The others end the process at once, even in the middle of a long search."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]

    def fit(*sources, **arguments):
        assert [signal.getsignal(number) for number in numbers] == before
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "fit", fit)
    assert main(COMMAND) == 130
    assert contents() == {"a.json": "old", "b.md": "old"}


def test_a_signal_during_the_writing_leaves_old_files(api, stopping, monkeypatch):
    monkeypatch.setattr(writing.os, "fsync", lambda number: signal.raise_signal(stopping[0]))
    assert main(COMMAND) == stopping[1]
    assert contents() == {"a.json": "old", "b.md": "old"}


def test_a_signal_between_two_files_waits_for_the_second(api, stopping, monkeypatch):
    replace, heard = os.replace, []

    def first(*names):
        replace(*names)
        if not heard:
            heard.append(signal.raise_signal(stopping[0]))

    monkeypatch.setattr(writing.os, "replace", first)
    assert main(COMMAND) == stopping[1]
    found = contents()
    assert sorted(found) == ["a.json", "b.md"]
    assert found["a.json"] == api.result.to_json()
    assert found["b.md"].startswith("**Tail")


def test_handlers_are_given_back_and_ignored_signals_stay_ignored():
    for handler in (signal.SIG_DFL, signal.SIG_IGN):
        before = signal.signal(signal.SIGHUP, handler)
        try:
            with raised():
                signalled = signal.getsignal(signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) == handler
            assert (signalled == signal.SIG_IGN) == (handler == signal.SIG_IGN)
        finally:
            signal.signal(signal.SIGHUP, before)


def test_in_another_thread_no_handler_is_touched():
    before, codes = signal.getsignal(signal.SIGTERM), []
    thread = threading.Thread(target=lambda: codes.append(main(["explain", "SPA008"])))
    thread.start()
    thread.join()
    assert codes == [0]
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_stop_is_no_exception_that_work_may_swallow():
    assert not issubclass(Stopped, Exception)


def limited(size):
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_full_disk_leaves_old_files(tmp_path):
    (tmp_path / "fit.json").write_text(make_fit().to_json())
    (tmp_path / "a.json").write_text("old")
    command = [*PROGRAM, "show", "fit.json", "-q", "-o", "b.md", "-o", "a.json"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, preexec_fn=limited(8000), check=False)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith("specaudit: error: a.json: cannot write: File too large")
    assert {path.name for path in tmp_path.iterdir()} == {"fit.json", "a.json"}
    assert (tmp_path / "a.json").read_text() == "old"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("show fit.json -o again.json | true", 0),
        ("show fit.json -o again.json >&- 2>&-", 0),
        ("show none.json 2>&1 >/dev/null | true", 2),
        ("show none.json 2>&-", 2),
        ("show none.json 2>/dev/full", 2),
    ],
)
def test_streams_that_nobody_reads_change_neither_files_nor_code(tmp_path, arguments, code):
    (tmp_path / "fit.json").write_text(make_fit().to_json())
    shell = f'"$0" -m specaudit {arguments}; exit "${{PIPESTATUS[0]}}"'
    run = subprocess.run(["bash", "-c", shell, sys.executable], cwd=tmp_path, capture_output=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (code, b"", b"")
    if not code:
        assert (tmp_path / "again.json").read_text() == (tmp_path / "fit.json").read_text()


def test_a_note_without_a_reader_is_no_error(monkeypatch):
    discarded = []

    class Gone:
        encoding = "utf-8"

        def write(self, text):
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Gone())
    monkeypatch.setattr(terminal, "_discard", lambda *stream: discarded.append(stream))
    terminal.note("something")
    assert len(discarded) == 1


def test_runs_at_once_never_mix_their_files(tmp_path):
    """Each run's two files are whole at any time, and the last to write wins."""
    paths, size, wrong = [tmp_path / "a", tmp_path / "b"], 1 << 18, []
    write_files([(path, b"0" * size) for path in paths])
    done = threading.Event()

    def run(mark: bytes) -> None:
        for _ in range(15):
            write_files([(path, mark * size) for path in paths])

    def look() -> None:
        while not done.is_set():
            for path in paths:
                content = path.read_bytes()
                if len(content) != size or content != content[:1] * size:
                    wrong.append(path)

    reader = threading.Thread(target=look)
    writers = [threading.Thread(target=run, args=(bytes([65 + k]),)) for k in range(4)]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    assert not wrong
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_what_a_killed_run_left_is_in_nobodys_way(tmp_path, monkeypatch):
    monkeypatch.setattr(writing.secrets, "token_hex", lambda size: "00")
    stale = tmp_path / ".specaudit-00.tmp"
    stale.write_text("of another run")
    with pytest.raises(InputError, match="File exists"):
        write_files([(tmp_path / "a", b"new")])
    assert stale.read_text() == "of another run"
    monkeypatch.undo()
    write_files([(tmp_path / "a", b"new")])
    assert (tmp_path / "a").read_text() == "new"
