"""Write again what is generated: docs/explain.md, docs/schemas and the outputs shown in README.md.

A fenced block `console` holds commands after `$ `, each followed by its output (stdout and stderr); a block
`python` is a program, and a block `text` right after it is its output. `sh` blocks are never run.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from specaudit.documents import SCHEMAS, json_schema
from specaudit.report.explain import EXPLANATIONS

ROOT = Path(__file__).resolve().parent.parent

CONSOLE = re.compile(r"(?<=^```console\n)(.*?)(?=^```$)", re.MULTILINE | re.DOTALL)
PYTHON = re.compile(r"^```python\n(?P<code>.*?)^```$(?P<output>\n\n```text\n.*?^```$)?", re.MULTILINE | re.DOTALL)

Run = Callable[[list[str]], str]


def explanations() -> str:
    """Return docs/explain.md."""
    parts = ["# Warnings, statuses and exit codes\n", "`specaudit explain ID` prints the same.\n"]
    for name, found in EXPLANATIONS.items():
        parts.append(f"## {name}: {found.title}\n\n{found.meaning}\n\nWhat to do: {found.action}\n")
    return "\n".join(parts)


def generated() -> dict[Path, str]:
    """Return the content of every file that is generated as a whole."""
    schemas = {ROOT / "docs" / "schemas" / f"{name}.json": json_schema(name) for name in SCHEMAS}
    return {ROOT / "docs" / "explain.md": explanations(), **schemas}


def with_outputs(text: str, run: Run) -> str:
    """Return the Markdown `text` with the output of each command and program as `run` returns it."""
    text = CONSOLE.sub(lambda block: _console(block[1], run), text)
    return PYTHON.sub(lambda block: _python(block, run), text)


def run_in(folder: Path) -> Run:
    """Return what runs an argument list in `folder`, with the sample data and none of the user's settings."""
    (folder / "sample_data").symlink_to(ROOT / "sample_data")
    ours = {name: value for name, value in os.environ.items() if not name.startswith("SPECAUDIT_")}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])

    def run(arguments: list[str]) -> str:
        done = subprocess.run(
            arguments,
            cwd=folder,
            env={**ours, "PATH": path, "PYTHONUTF8": "1", "PYTHONWARNINGS": "error"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
        )
        return done.stdout

    return run


def _console(block: str, run: Run) -> str:
    commands = [line for line in block.splitlines() if line.startswith("$ ")]
    shell = (["bash", "-c", line[2:].replace(".venv/bin/", "")] for line in commands)
    return "".join(f"{line}\n{run(command)}" for line, command in zip(commands, shell, strict=True))


def _python(block: re.Match[str], run: Run) -> str:
    output = run([sys.executable, "-c", block["code"]])
    if block["output"] is None and not output:
        return block[0]
    return f"```python\n{block['code']}```\n\n```text\n{output}```"


def main() -> None:
    """Write everything that is generated."""
    for path, text in generated().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    readme = ROOT / "README.md"
    with tempfile.TemporaryDirectory() as folder:
        text = with_outputs(readme.read_text(encoding="utf-8"), run_in(Path(folder)))
    readme.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
