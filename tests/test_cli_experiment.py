"""`specaudit experiment`: files, options, exit codes; one line for what cannot be used."""

from __future__ import annotations

import dataclasses
import inspect
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from specaudit import api
from specaudit.cli import main
from specaudit.errors import ConfigError

COMMANDS = {
    "static-limit": "static_limit",
    "oracle": "oracle_experiment",
    "synthetic-span": "synthetic_span",
    "distill": "distillation",
}
"""Command -> function of the API."""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, 260)
    np.save("rows.npy", np.c_[np.cos(angle), np.sin(angle)])
    np.save("labels.npy", (angle / 2).astype(int))
    np.save("few.npy", rng.standard_normal((40, 2)))


def test_help_lists_the_experiments(capsys):
    assert main(["experiment", "--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"  {name} " in out for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_an_experiment_imports_nothing_heavy(name):
    heavy = {"numpy", "scipy", "sklearn", "faiss", "matplotlib", "rich", "specaudit.documents"}
    code = (
        f"import sys; from specaudit.cli import main; main(['experiment', '{name}', '--help']); "
        f"print(*sorted({heavy} & set(sys.modules)), file=sys.stderr)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stderr == "\n"


@pytest.mark.parametrize(("name", "verb"), COMMANDS.items())
def test_the_defaults_of_the_flags_are_those_of_the_library(monkeypatch, name, verb):
    seen = {}

    def note(task, **arguments):
        seen.update(arguments, task=task)
        raise KeyboardInterrupt

    signature = inspect.signature(getattr(api, verb))
    monkeypatch.setattr(api, verb, note)
    assert main(["experiment", name, "rows.npy"]) == 130
    task = seen.pop("task")
    assert {**vars(task), "kernels": tuple(task.kernels)} == vars(api.Task("rows.npy"))
    given = {key: value for key, value in seen.items() if key not in ("command", "progress")}
    defaults = {key: signature.parameters[key].default for key in given}
    assert {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()} == defaults
    assert set(signature.parameters) == {"task", "command", "progress", *given}


def test_every_field_of_a_task_has_its_flag():
    from specaudit.cli.training import TASK

    shared = "source kernels bandwidth normalize centered dtype shape column drop_bad_rows seed threads max_rows"
    fields = {field.name for field in dataclasses.fields(api.Task)}
    assert fields == {*TASK, *shared.split(), "max_memory"}


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["missing.npy"], "missing.npy"),
        (["few.npy"], "40 different rows"),
        (["rows.npy", "--target", "labels"], "--target labels needs labels"),
        (["rows.npy", "--target", "gpp"], "unknown name 'gpp'"),
        (["rows.npy", "--model", "cnn"], "unknown name 'cnn'"),
        (["rows.npy", "--source", "1"], "--source: expected 1.01 to 10"),
        (["rows.npy", "--ridge", "0"], "--ridge"),
        (["rows.npy", "--seeds", "0"], "--seeds: expected 1 to"),
        (["rows.npy", "--kernel", "rbf", "--kernel", "linear"], "--kernel takes one kernel"),
        (["rows.npy", "--labels", "few.npy"], "few.npy"),
        (["rows.npy", "--format", "html"], "only a file can be html"),
        (["rows.npy", "-o", "rows.npy"], "rows.npy"),
        (["rows.npy", "--max-memory", "1M"], "memory"),
    ],
)
def test_what_cannot_be_run_is_one_line_and_exit_2(capsys, name, options, told):
    assert main(["experiment", name, *options]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert told in captured.err
    assert captured.err.startswith("specaudit: error: ")
    assert len(captured.err.splitlines()) <= 2


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--samplers", "loss,los"], "unknown sampler 'los'"),
        (["--power", "0"], "--power: expected a number above 0, at most 8, got 0"),
        (["--cap", "1"], "--cap: expected a number above 1, got 1"),
        (["--label-noise", "1"], "--label-noise: expected 0 to 0.9, got 1"),
        (["--train-rows", "50"], "--train-rows: expected 100 to 4,000, got 50"),
        (["--keep", "1.5"], "--keep: expected a share between 0 and 1, got 1.5"),
        (["--method", "all"], "--method takes one method here"),
        (["--method", "prototype"], "unknown method 'prototype'"),
        (["--kernel", "linear"], "2 modes of 208 rows under the linear kernel"),
    ],
)
def test_what_an_oracle_experiment_cannot_use_is_one_line_and_exit_2(capsys, options, told):
    assert main(["experiment", "oracle", "rows.npy", "--seeds", "1", *options]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert told in captured.err
    assert len(captured.err.splitlines()) <= 2


def test_memory_is_known_to_lack_before_anything_is_computed(capsys, monkeypatch):
    def of(*arguments):
        raise AssertionError

    monkeypatch.setattr("specaudit.api.oracles.machines_memory", lambda train, dimensions, runs: train**2 * 2**40)
    monkeypatch.setattr("specaudit.api.experimenting.operator_of", of)
    assert main(["experiment", "oracle", "rows.npy", "--seeds", "1"]) == 2
    assert "the run needs about" in capsys.readouterr().err


def test_a_ridge_is_refused_where_there_is_none():
    with pytest.raises(ConfigError, match="a ridge has no effect"):
        api.oracle_experiment(api.Task("rows.npy", ridge=1e-3))


@pytest.mark.parametrize("model", ["krr", "mlp"])
def test_samplers_are_told_in_every_form(capsys, model):
    run = [
        "experiment",
        "oracle",
        "rows.npy",
        "--labels",
        "labels.npy",
        "--seeds",
        "2",
        "--samplers",
        "loss,ensemble",
    ]
    run += ["--label-noise", "0.2", "--train-rows", "110", "--model", model, "--steps", "24", "--hidden", "4"]
    assert main([*run, "-o", "a.json", "-o", "a.csv", "--report", "a.html", "--plot", "a.svg", "-q"]) == 0
    assert capsys.readouterr().out.startswith("rows.npy, oracle: ")
    data = json.loads(Path("a.json").read_text())
    oracles = ["oracle", "oracle-deep"] if model == "krr" else []
    assert [arm["id"] for arm in data["arms"]] == ["uniform", "loss", "ensemble", "pruned", *oracles]
    assert [one["arm"] for one in data["verdicts"]] == ["loss", "ensemble"]
    assert {"arms", "frontier", "capacity", "loss", "on_noise"} == {panel["id"] for panel in data["panels"]}
    told = {one["quantity"] for one in data["measures"]}
    assert {"loss_ratio", "on_noise", "blind_clean", "blind_noisy", "wrong_noisy"} <= told
    assert ("phi" in told) == (model == "krr")
    if model == "krr":
        assert "gradient flow" in Path("a.html").read_text()
        assert [one["id"] for one in data["warnings"]] == ["SPA052"]
    assert main(["show", "a.json", "--format", "json"]) == 0
    assert capsys.readouterr().out == Path("a.json").read_text()


def test_files_are_written_and_shown_again(capsys):
    run = ["experiment", "static-limit", "rows.npy", "--seeds", "2", "--no-soft", "--method", "prototypes"]
    assert main([*run, "-o", "a.json", "-o", "a.csv", "--report", "a.html", "--plot", "a.svg", "-q"]) == 0
    line = capsys.readouterr().out
    assert line.startswith("rows.npy, static-limit: of 2 static prunings ")
    data = json.loads(Path("a.json").read_text())
    assert data["reproduce"]["command"] == (
        "specaudit experiment static-limit rows.npy --method prototypes --no-soft --seeds 2"
    )
    assert [arm["id"] for arm in data["arms"]] == ["none", "random-50", "prototypes-50"]
    assert Path("a.csv").read_text().startswith("arm,quantity,value,low,high,runs\nnone,slope,-")
    assert main(["show", "a.json", "-q"]) == 0
    assert capsys.readouterr().out == line
    assert main(["show", "a.json", "--report", "b.html", "--format", "json"]) == 0
    assert capsys.readouterr().out == Path("a.json").read_text()
    pages = [Path(name).read_text().split("<h2>Measured</h2>")[1] for name in ("a.html", "b.html")]
    assert pages[0] == pages[1]


def test_a_model_named_in_a_configuration_is_no_learner():
    Path("specaudit.toml").write_text('model = "all-MiniLM-L6-v2"\n')
    assert main(["experiment", "static-limit", "rows.npy", "--seeds", "1", "--no-soft", "-q"]) == 0


def test_a_span_is_measured_from_the_command_line(capsys):
    run = ["experiment", "synthetic-span", "rows.npy", "--labels", "labels.npy", "--teacher-classes", "0, 1"]
    assert main([*run, "--volumes", "2,4", "--seeds", "2", "-o", "a.json", "--report", "a.html", "-q"]) == 0
    assert capsys.readouterr().out.startswith("rows.npy, synthetic-span: outside the teacher's span, of 4 times")
    data = json.loads(Path("a.json").read_text())
    settings = {one["name"]: one["value"] for one in data["settings"]}
    assert settings["teacher"] == "knows the labels 0, 1"
    assert settings["added rows"] == "82, 164"
    assert not data["exploratory"]
    assert Path("a.html").read_text().count("<svg") == 2


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("synthetic-span", ["--volumes", "1,x"], "--volumes: expected numbers with commas between, got 'x'"),
        ("synthetic-span", ["--volumes", "0"], "--volumes: expected numbers from 0.1 to 100, got 0"),
        ("synthetic-span", ["--volumes", "2", "--teacher-modes", "900"], "a teacher of 900 modes"),
        ("synthetic-span", ["--real", "100"], "rows to train on give"),
        ("synthetic-span", ["--teacher-classes", "0"], "--teacher-classes needs a target of labels"),
        (
            "synthetic-span",
            ["--labels", "labels.npy", "--volumes", "2", "--teacher-classes", "9"],
            "no row has the label",
        ),
        ("distill", ["--added", "0"], "--added: expected 1 to 20"),
        ("distill", [], "rows to train on give"),
    ],
)
def test_teachers_that_cannot_be_are_one_line_and_exit_2(capsys, name, options, told):
    assert main(["experiment", name, "rows.npy", *options]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert told in captured.err
    assert len(captured.err.splitlines()) <= 2
