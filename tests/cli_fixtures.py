"""The program with a stub in the place of the API, and what its messages must be like."""

from __future__ import annotations

import os
import sys
from types import SimpleNamespace

from report_fixtures import WARNINGS, make_fit

import specaudit
from specaudit.cli import main


class StubApi:
    """Stands for `specaudit.api`: notes how it was called, then returns or raises what it was told to."""

    def __init__(self):
        self.result = make_fit(warnings=WARNINGS)
        self.calls = []

    def fit(self, *sources, **arguments):
        self.calls.append((*sources, arguments))
        if isinstance(self.result, BaseException):
            raise self.result
        with arguments["progress"].stage("kernel") as stage:
            stage.update(0.5)
        return self.result

    def plan(self, *sources, **arguments):
        self.calls.append((*sources, arguments))
        return SimpleNamespace(
            rows=8000,
            dimensions=384,
            bytes=12_288_000,
            peak_memory=2**30,
            stages=(("read", 0.5),),
            seconds=(0.2, 1.0),
            worker_memory=None,
        )

    baseline, compare, compare_plan = fit, fit, plan


def stub_api(monkeypatch, folder):
    """Put a stub in the place of the API, in an empty folder and without the user's settings."""
    stub = StubApi()
    monkeypatch.setitem(sys.modules, "specaudit.api", stub)
    monkeypatch.setattr(specaudit, "api", stub, raising=False)
    clean(monkeypatch, folder)
    return stub


def clean(monkeypatch, folder):
    """Go to a folder and forget the user's settings."""
    monkeypatch.chdir(folder)
    for name in [name for name in os.environ if name.startswith(("SPECAUDIT_", "GITHUB_"))]:
        monkeypatch.delenv(name)


def refused(capsys, *arguments):
    """Run the program, assert that it exits 2 with a short message alone, and return the message."""
    assert main(list(arguments)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("specaudit: error: ")
    assert err.count("\n") <= 2
    assert "Traceback" not in err
    return err
