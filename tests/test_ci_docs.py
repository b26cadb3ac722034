"""What docs/ci.md, the action and the hook tell a pipeline to run is run, and returns what they say."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from specaudit import config
from specaudit.cli import main
from specaudit.errors import ExitCode

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
CODE = re.compile(r"\s+# exits (\d+)$")
QUICK = "--max-rows 400 --kernel linear"
"""Added to what the page says: it shortens the run and changes none of these verdicts."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def commands(value: object) -> Iterator[str]:
    """Yield every command of ours in a parsed YAML document."""
    if isinstance(value, dict):
        for item in value.values():
            yield from commands(item)
    elif isinstance(value, list):
        for item in value:
            yield from commands(item)
    elif isinstance(value, str) and value.startswith("specaudit "):
        yield value


def with_comments(block: str) -> str:
    """Return YAML in which the exit code is part of the command instead of a comment."""
    return re.sub(r"^(\s*(?:- run: |- |cmd: ))(specaudit .*)$", r"\1'\2'", block, flags=re.MULTILINE)


@pytest.fixture
def shell(tmp_path):
    """Return what runs a script as a job would: in a folder with the sample data, this Python first in PATH."""
    (tmp_path / "sample_data").symlink_to(ROOT / "sample_data")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SPECAUDIT_", "GITHUB_"))}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])

    def run(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=tmp_path,
            env={**kept, "PATH": path, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def check_line(shell, line: str) -> None:
    """Run a command and hold it to the exit code that its comment names."""
    found = CODE.search(line)
    command = CODE.sub("", line)
    command = re.sub("^specaudit (compare|fit)", rf"specaudit \1 {QUICK}", command)
    done = shell(command)
    assert done.returncode == int(found[1] if found else 0), done.stderr


@pytest.mark.parametrize("block", [b for b in blocks("sh") if "case" not in b])
def test_every_line_returns_the_code_that_it_says(shell, block):
    for line in block.splitlines():
        check_line(shell, line)


def test_the_script_for_any_other_system_stops_where_a_gate_fails(shell):
    (script,) = [b for b in blocks("sh") if "case" in b]
    done = shell(script.replace("specaudit compare", f"specaudit compare {QUICK}"))
    assert (done.stdout, done.returncode) == ("stop: exit code 1\n", 0)


@pytest.mark.parametrize("command", [c for b in blocks("yaml") for c in commands(yaml.safe_load(with_comments(b)))])
def test_every_command_of_a_workflow_returns_the_code_that_it_says(shell, command):
    check_line(shell, command)


def test_workflows_hold_as_many_commands_as_the_page_shows():
    shown = sum(line.count("specaudit compare") for b in blocks("yaml") for line in b.splitlines())
    assert len([c for b in blocks("yaml") for c in commands(yaml.safe_load(with_comments(b)))]) == shown == 3


def test_the_configuration_is_one_that_is_read(tmp_path):
    (text,) = blocks("toml")
    (tmp_path / "pyproject.toml").write_text(text)
    found = config.load(tmp_path, {})
    table = tomllib.loads(text)["tool"]["specaudit"]
    assert set(found.flags) | {"margins", "waive"} == set(table)
    assert len(found.margins) == 3
    assert len(found.waivers) == 1


def test_the_operator_runs_a_command_of_ours(shell):
    (program,) = blocks("python")
    (call,) = [node for node in ast.walk(ast.parse(program)) if isinstance(node, ast.Call)]
    given = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    assert given["skip_on_exit_code"] == ExitCode.INCONCLUSIVE
    check_line(shell, given["bash_command"] + "  # exits 1")


def test_the_table_of_exit_codes_is_complete():
    rows = re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)
    assert [int(row) for row in rows] == list(ExitCode)


# ---------------------------------------------------------------- the action


ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS = {step.get("name", step.get("uses")): step for step in ACTION["runs"]["steps"]}


def substituted(text: str, values: dict[str, str]) -> str:
    """Return what the runner makes of `${{ ... }}`."""
    return re.sub(r"\$\{\{\s*([\w.-]+)\s*\}\}", lambda found: values[found[1]], text)


@pytest.fixture
def action(shell, tmp_path):
    """Return what runs the action's own steps with some inputs: exit code, outputs and log."""
    programs = tmp_path / "temp" / "specaudit" / "bin"
    programs.mkdir(parents=True)
    for name, words in {"python": "", "specaudit": "-m specaudit"}.items():
        (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable} {words} "$@"\n')
        (programs / name).chmod(0o755)
    files = {name: tmp_path / name for name in ("output", "summary")}

    def run(**inputs: str):
        given = {name: str(entry.get("default", "")) for name, entry in ACTION["inputs"].items()}
        values = {f"inputs.{name}": value for name, value in {**given, **inputs}.items()}
        runner = {"RUNNER_TEMP": str(tmp_path / "temp"), "GITHUB_OUTPUT": str(files["output"])}
        runner |= {"GITHUB_STEP_SUMMARY": str(files["summary"]), "GITHUB_WORKSPACE": str(tmp_path)}
        files["output"].unlink(missing_ok=True)
        for name in ("Compare", "Verdict"):
            step = STEPS[name]
            own = {key: substituted(value, values) for key, value in step["env"].items()}
            done = shell(substituted(step["run"], values), **runner, **own)
            if name == "Compare":
                assert done.returncode == 0, done.stderr
                log = done.stdout
                outputs = dict(line.split("=", 1) for line in files["output"].read_text().splitlines())
                values |= {f"steps.gate.outputs.{key}": value for key, value in outputs.items()}
        results = {name: substituted(entry["value"], values) for name, entry in ACTION["outputs"].items()}
        return done.returncode, results, log

    return run


@pytest.mark.parametrize(
    ("inputs", "code", "verdict"),
    [
        ({"after": "sample_data/before.npy", "args": QUICK}, 0, "pass"),
        ({"after": "sample_data/after.npy", "args": QUICK}, 1, "fail"),
        ({"after": "sample_data/after.npy", "args": f"{QUICK} --exit-zero"}, 0, "fail"),
        ({"after": "sample_data/after.npy", "args": "--max-rows 40 --kernel linear"}, 3, "inconclusive"),
        ({"after": "sample_data/none.npy"}, 2, "error"),
        ({"args": ""}, 2, "error"),
    ],
)
def test_the_action_returns_the_gates_code_and_tells_the_verdict(action, tmp_path, inputs, code, verdict):
    returned, outputs, _ = action(before="sample_data/before.npy", **inputs)
    assert (returned, outputs) == (code, {"verdict": verdict, "exit-code": str(code)})
    written = sorted(path.name for path in (tmp_path / "specaudit-results").iterdir())
    assert written == ([] if code == 2 else ["specaudit.html", "specaudit.json"])


def test_the_action_splits_arguments_as_a_shell_does_and_runs_nothing_in_them(action, tmp_path):
    args = f"{QUICK} --waive 'tail=agreed upon; $(touch evil)' --waive capacity=\"it's fine\""
    code, outputs, log = action(before="sample_data/before.npy", after="sample_data/after.npy", args=args)
    assert (code, outputs["verdict"]) == (0, "pass")
    assert "agreed upon; $(touch evil)" in log
    assert not (tmp_path / "evil").exists()


def test_the_summary_and_the_annotations_reach_the_runner(action, tmp_path):
    (tmp_path / "specaudit.toml").write_text("max-rows = 600\n")
    _, _, log = action(before="sample_data/before.npy", after="sample_data/after.npy")
    assert "::error file=specaudit.toml,title=specaudit capacity" in log
    assert (tmp_path / "summary").read_text().startswith("**")


def test_the_action_installs_itself_unless_told_otherwise():
    script = STEPS["Install"]["run"]
    assert '-m pip install --quiet "${PACKAGE:-$GITHUB_ACTION_PATH}"' in script
    assert all("SPECAUDIT_" not in name for step in STEPS.values() for name in step.get("env", {}))


def test_inputs_reach_scripts_only_through_the_environment():
    assert all("${{" not in step.get("run", "") for step in STEPS.values())


def test_the_page_lists_the_inputs_of_the_action():
    section = PAGE.split("## GitHub Actions")[1].split("\n## ")[0]
    assert re.findall(r"^\| `([\w-]+)` \|", section, re.MULTILINE) == list(ACTION["inputs"])
    (workflow,) = [b for b in map(yaml.safe_load, blocks("yaml")) if "on" in b or True in b]
    used = workflow["jobs"]["spectral-gate"]["steps"][1]["with"]
    assert set(used) <= set(ACTION["inputs"])


# ---------------------------------------------------------------- the hook


def test_the_hook_accepts_documents_and_refuses_others(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    program, *words = hook["entry"].split()
    assert (program, hook["language"]) == ("specaudit", "python")
    from report_fixtures import make_fit

    for name in ("specaudit.json", "main.specaudit.json"):
        Path(name).write_text(make_fit().to_json())
        assert re.search(hook["files"], f"data/{name}")
    assert not re.search(hook["files"], "package.json")
    assert main([*words, "specaudit.json", "main.specaudit.json"]) == 0
    Path("specaudit.json").write_text(make_fit().to_json()[:-3])
    assert main([*words, "specaudit.json", "main.specaudit.json"]) == 2
    assert "specaudit.json: is cut off" in capsys.readouterr().err
    (used,) = [b["repos"][0]["hooks"] for b in map(yaml.safe_load, blocks("yaml")) if "repos" in b]
    assert used == [{"id": hook["id"]}]
