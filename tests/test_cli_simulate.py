"""`specaudit simulate` end to end: fits and power laws, every exit code, files, and what it refuses."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from cli_fixtures import clean, refused
from report_fixtures import make_fit

from specaudit import api, documents
from specaudit.cli import main
from specaudit.documents import read_document

FAST = ["--modes", "300"]


@pytest.fixture
def folder(monkeypatch, tmp_path):
    clean(monkeypatch, tmp_path)
    for status in ("resolved", "drifting"):
        Path(f"{status}.json").write_text(make_fit(status).to_json())
    return tmp_path


def test_what_is_found_is_told_and_exits_0(folder, capsys):
    assert main(["simulate", "--b", "2", *FAST]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert out.startswith("Accelerated: the frontier's exponent rises (oracle, frontier k* ∝ t^")
    assert "against t^0.500 with static weights" in out
    assert "budget law k* - 1 is at most 0." in out
    assert "command specaudit simulate --b 2.0 --modes 300.0" in out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--b", "2"], 0, "Accelerated"),
        (["--b", "2", "--policy", "static"], 1, "No acceleration"),
        (["--b", "2", "--over", "1.3"], 1, "Jammed"),
        (["--b", "2", "--cap", "30"], 1, "Transient"),
        (["--b", ".9"], 3, "Not applicable"),
        (["--b", "2", "--delay", "100", "--suppress", "paper"], 3, "Inconclusive"),
    ],
)
def test_the_gate_decides_the_exit_code(folder, capsys, arguments, code, said):
    assert main(["simulate", *arguments, *FAST, "--gate", "-q"]) == code
    assert capsys.readouterr().out.startswith(said)


def test_a_resolved_fit_is_continued_by_its_tail(folder, capsys):
    assert main(["simulate", "resolved.json", "-o", "s.json", "--modes", "1e5", "-q"]) == 0
    found = read_document("s.json")
    assert isinstance(found, documents.Simulation)
    fit = read_document("resolved.json")
    assert isinstance(fit, documents.Fit)
    assert (found.spectrum.tail, found.spectrum.measured) == ("fitted", 256)
    assert found.spectrum.exponent == pytest.approx(fit.exponent.value, rel=1e-5)
    assert found.spectrum.kernel == "laplace"
    (warning,) = found.warnings
    assert (warning.id, "continued as k^-" in warning.message) == ("SPA021", True)
    assert found.predicted.slope is not None
    assert found.slope.value == pytest.approx(found.predicted.slope.value, abs=0.05)


def test_a_fit_without_one_exponent_is_followed_where_it_was_measured(folder, capsys):
    assert main(["simulate", "drifting.json", "--spectrum", "linear", "-o", "s.json"]) == 0
    assert "SPA021" in capsys.readouterr().out
    found = read_document("s.json")
    assert isinstance(found, documents.Simulation)
    assert [warning.id for warning in found.warnings] == ["SPA021"]
    assert (found.spectrum.tail, found.spectrum.exponent, found.spectrum.modes) == ("none", None, 256)
    assert found.spectrum.trace == pytest.approx(1.0)
    assert found.window[1] == 128
    assert max(found.run.frontier) < 140, "the horizon is bounded"
    assert found.predicted == documents.SimulatedPrediction(slope=None, constant=None, loss_slope=None)


def test_a_baseline_is_as_good_as_its_fit(folder):
    np.save("rows.npy", np.random.default_rng(0).standard_normal((300, 40)) * np.arange(1, 41) ** -0.5)
    Path("base.json").write_text(api.baseline("rows.npy", kernels=["laplace"]).to_json())
    one = api.simulate("base.json", policy="static")
    saved = read_document("base.json")
    assert isinstance(saved, documents.Baseline)
    assert one.run == api.simulate(saved.fit, policy="static").run
    assert one.spectrum.source == "base.json"


def test_documents_and_pictures_are_written_and_shown_again(folder, capsys):
    files = ["-o", "s.json", "-o", "s.md", "-o", "s.txt", "--plot", "s.svg"]
    command = ["simulate", "--b", "1.5", "--noise", ".3", "--cap", "50", "--seed", "4", *FAST]
    assert main([*command, *files, "-q"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    found = read_document("s.json")
    assert Path("s.json").read_text() == found.to_json()
    assert Path("s.md").read_text().startswith("**")
    assert Path("s.svg").read_text().startswith("<?xml")
    assert isinstance(found, documents.Simulation)
    assert len(found.snapshots) == 4
    assert found.budget is not None
    assert found.budget.holds
    for format_, file in (("markdown", "s.md"), ("text", "s.txt")):
        assert main(["show", "s.json", "--format", format_]) == 0
        assert capsys.readouterr().out == Path(file).read_text()
    assert main([*command, "--format", "json"]) == 0
    assert capsys.readouterr().out == Path("s.json").read_text(), "the same seed gives the same bytes"


def test_a_momentum_has_no_budget_law(folder):
    found = api.simulate(b=1.5, policy="static", momentum="nesterov", modes=130)
    assert found.budget is None
    assert found.predicted.slope.value == pytest.approx(2 / 1.5, abs=1e-3)
    picture = Path("m.svg")
    found.plot(picture)
    assert "bound" not in picture.read_text()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "expected a fit or --b, got neither"),
        (["resolved.json", "--b", "2"], "expected a fit or --b, got both"),
        (["absent.json"], "absent.json"),
        (["resolved.json", "--spectrum", "rbf"], "--spectrum: unknown name 'rbf'"),
        (["--b", "2", "--spectrum", "laplace"], "--spectrum names a kernel of a fit"),
        (["--b", "nan"], "--b: expected a number from 0.1 to 8, got nan"),
        (["--b", "20"], "--b: expected a number from 0.1 to 8"),
        (["--b", "x"], "Invalid value for '--b'"),
        (["--b", "2", "--policy", "magic"], "--policy: unknown name 'magic'"),
        (["--b", "2", "--suppress", "soft"], "--suppress: unknown name 'soft'"),
        (["--b", "2", "--momentum", "adam"], "--momentum: unknown name 'adam'"),
        (["--b", "2", "--lag", "0.5"], "--lag: expected a number from 1"),
        (["--b", "2", "--lag-power", "2"], "--lag-power: expected a number from 0 to 1"),
        (["--b", "2", "--noise", "-1"], "--noise: expected a number from 0 to 3"),
        (["--b", "2", "--cap", "0.5"], "--cap: expected a number"),
        (["--b", "2", "--refresh", "often"], "--refresh: expected every:D or geo:R, got 'often'"),
        (["--b", "2", "--refresh", "geo:0.5"], "--refresh geo: expected a number from 1"),
        (["--b", "2", "--policy", "static", "--lag", "2"], "--lag has no effect on the policy static"),
        (["--b", "2", "--policy", "bounded", "--cap", "2"], "--cap has no effect on the policy bounded"),
        (["--b", "2", "--low", "3"], "--low, --high and --pattern have no effect on the policy oracle"),
        (["--b", "2", "--policy", "bounded", "--low", "20"], "--low 20 is not below --high 10"),
        (["--b", "2", "--rho", "2", "--momentum", "nesterov"], "--rho and --momentum exclude one another"),
        (["--b", "2", "--momentum", "nesterov"], "which a momentum overshoots"),
        (["--b", "2", "--modes", "5"], "--modes: expected a number from 100"),
        (["--b", "2", "-o", "s.csv"], "unknown format 'csv'"),
        (["resolved.json", "-o", "resolved.json"], "is also an input"),
    ],
)
def test_what_cannot_be_used_is_refused(folder, capsys, arguments, told):
    assert told in refused(capsys, "simulate", *arguments)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda data: data["spectra"]["laplace"].update(trace=None), "spectra.laplace: has no trace"),
        (
            lambda data: data["spectra"]["laplace"].update(eigenvalues=[1.0, 0.5], eigenvalue_errors=[0, 0]),
            "2 measured",
        ),
        (lambda data: data["spectra"]["laplace"].update(eigenvalues=[], eigenvalue_errors=[]), "0 measured"),
    ],
)
def test_a_fit_that_cannot_be_followed_is_refused(folder, capsys, change, told):
    data = json.loads(Path("resolved.json").read_text())
    change(data)
    Path("spoilt.json").write_text(json.dumps(data))
    assert told in refused(capsys, "simulate", "spoilt.json")


@cache
def simulated() -> str:
    return api.simulate(b=2.0, modes=130).to_json()


def test_another_document_is_no_fit(folder, capsys):
    Path("s.json").write_text(simulated())
    assert "expected a fit, got specaudit.simulate/1" in refused(capsys, "simulate", "s.json")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda data: data["run"]["loss"].pop(), "run: columns of unequal length"),
        (lambda data: data["run"]["predicted"].pop(), "run: columns of unequal length"),
        (lambda data: data.update(verdict="good"), "verdict: input should be"),
    ],
)
def test_a_spoilt_document_is_refused(folder, capsys, change, told):
    data = json.loads(simulated())
    change(data)
    Path("s.json").write_text(json.dumps(data))
    assert told in refused(capsys, "show", "s.json")
