"""The README shows what the program does, and what is generated in docs is up to date (`make docs`)."""

from __future__ import annotations

import importlib
import importlib.util
import re
from difflib import unified_diff
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?(?![\w])")
CHART = re.compile("[\u2801-\u28ff]|^1 rank \\d+$")


def _generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generate = _generate()


def _unit(number: str) -> float:
    """Return one unit of the last digit that is shown."""
    digits, _, power = number.partition("e")
    return 10.0 ** (int(power or 0) - len(digits.partition(".")[2]))


def _agree(shown: str, got: str) -> bool:
    """Tell whether two numbers are equal; measured ones may differ by two units of the last digit."""
    if "." not in shown:
        return shown == got
    unit = max(_unit(shown), _unit(got))
    return abs(float(shown.replace(",", "")) - float(got.replace(",", ""))) <= 2.001 * unit


def differences(shown: str, got: str) -> list[str]:
    """Return what differs: words exactly, numbers up to the last digits, charts and spacing not at all."""
    old, new = ([" ".join(line.split()) for line in text.splitlines()] for text in (shown, got))
    if len(old) != len(new):
        return list(unified_diff(old, new, "README", "now", n=0, lineterm=""))
    return [f"- {a}\n+ {b}" for a, b in zip(old, new, strict=True) if not _same_line(a, b)]


def _same_line(shown: str, got: str) -> bool:
    if CHART.search(shown) and CHART.search(got):
        return True
    numbers = NUMBER.findall(shown), NUMBER.findall(got)
    return NUMBER.sub("#", shown) == NUMBER.sub("#", got) and all(map(_agree, *numbers))


def test_the_readme_shows_what_its_commands_and_programs_print(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert generate.CONSOLE.search(readme)
    assert generate.PYTHON.search(readme)
    found = differences(readme, generate.with_outputs(readme, generate.run_in(tmp_path)))
    assert not found, "run `make docs`:\n" + "\n".join(found)


@pytest.mark.parametrize("path", generate.generated(), ids=lambda path: path.name)
def test_generated_documentation_is_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == generate.generated()[path], "run `make docs`"


def test_links_in_the_documentation_lead_to_files() -> None:
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]
    for page in [*pages, ROOT / "sample_data" / "README.md"]:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_constants_in_the_method_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| `([\w.]+)\.(\w+)` \| (\S+) \|$", (ROOT / "docs" / "method.md").read_text(), re.M)
    assert rows
    code = [(module, name, repr(getattr(importlib.import_module(module), name))) for module, name, _ in rows]
    assert rows == code


@pytest.mark.parametrize(
    ("shown", "got", "same"),
    [
        ("b = 1.234 of 4,000 rows", "b = 1.235 of 4,000 rows", True),
        ("b = 1.234 of 4,000 rows", "b = 1.239 of 4,000 rows", False),
        ("b = 1.234 of 4,000 rows", "b = 1.234 of 4,001 rows", False),
        ("probe error 4.1e-05", "probe error 4.2e-05", True),
        ("status  resolved", "status resolved", True),
        ("status resolved", "status drifting", False),
        ("one line", "one line\nanother", False),
    ],
)
def test_only_the_last_digits_of_measured_numbers_may_differ(shown: str, got: str, same: bool) -> None:
    assert (differences(shown, got) == []) is same
