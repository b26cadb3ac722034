"""Names that try to be markup, commands or escapes are shown as text by every renderer of every document."""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from pydantic import ValidationError

sys.path.insert(0, str(Path(__file__).parent / "fuzz"))

from fuzz_documents import documents

from specaudit.cli import terminal
from specaudit.documents.reading import READABLE
from specaudit.report.formats import RENDERED, SUBJECTS, render

HOSTILE = {
    "script": "<script>alert(1)</script>",
    "attribute": "\"><img src=x onerror=alert(1)> '><svg/onload=x>",
    "end of data": "]]></failure></testcase><testcase name='x'/> --> */</style>",
    "entity": "&lt;b&gt; &#60;i&#62; &amp;",
    "template": "{{ 7 * 7 }} {% raw %} ${{ github.token }} $(id) `id`",
    "lines": "a\n::error::x\r\n::set-output name=a::b\n\n# title\n| c | d |\n",
    "command": "::error file=a,line=1::x ##[error]y %0A::warning::z %25",
    "spaced command": "a " * 60 + "::stop-commands::x ##[add-path]y",
    "escapes": "\x1b[31mred\x1b]0;title\x07 \x9b2J \x00 \x08",
    "direction": "a\u202egpj.exe\u2066b\u2028c\u2029d\u200bz\ufeff",
    "markdown": "`code` | cell | [link](javascript:x) ![i](u) **b** _i_ ~~s~~ <a> $x$ \\| @team #1 https://x.y",
    "long": "|<`" * 1000,
    "formula": "=cmd|' /C calc'!A0",
}
PLAIN = "plain name"


def free(value: object, path: tuple = ()):
    """Yield where there is text in a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if isinstance(item, str):
            yield (*path, key)
        else:
            yield from free(item, (*path, key))


def put(data, path, text):
    *above, last = path
    for key in above:
        data = data[key]
    before, data[last] = data[last], text
    return before


@cache
def seed(name: str) -> str:
    return documents()[f"document {name}"][0].files["doc.json"].decode()


@cache
def places(name: str) -> tuple:
    """Return where a document takes any text: all but names of statuses, kernels and schemas."""
    data = json.loads(seed(name))
    model, found = READABLE[data["schema"].partition("/")[0]], []
    for path in free(data):
        before = put(data, path, PLAIN)
        try:
            model.model_validate_json(json.dumps(data), strict=True)
        except ValidationError:
            continue
        finally:
            put(data, path, before)
        if path[-2:] != ("kernel", "name") and path[-1] != "primary":
            found.append(path)
    return tuple(found)


def rendered(name: str, text: str, kinds) -> dict[str, str]:
    data = json.loads(seed(name))
    for path in places(name):
        put(data, path, text)
    found = READABLE[data["schema"].partition("/")[0]].model_validate_json(json.dumps(data), strict=True)
    there = [kind for kind in kinds if kind in RENDERED[SUBJECTS[data["schema"]]].formats]
    shown = {kind: render(found, kind, 80, False) for kind in there}
    return {k: terminal.disarmed(v) if k in ("text", "markdown") else v for k, v in shown.items()}  # as on stdout


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, tuple(sorted(key for key, _ in attributes))))


def tags(page: str) -> set[tuple[str, tuple[str, ...]]]:
    parser = Tags()
    parser.feed(page)
    return set(parser.found)


def cells(text: str) -> list[int]:
    """Return the cells of each row of the tables of a markdown text."""
    return [len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in text.splitlines() if line.startswith("|")]


def harmless(text: str) -> bool:
    """Return whether text has no control, format or separator characters but line ends."""
    return not any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c != "\n" for c in text)


def commands(text: str) -> list[str]:
    return [line.lstrip().partition(" ")[0] for line in text.splitlines() if line.lstrip().startswith("::")]


DOCUMENTS = ("fit", "baseline", "compare", "prune", "span", "frontier", "simulate", "headroom", "experiment")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_names_are_shown_and_never_obeyed(name: str) -> None:
    kinds = ("text", "markdown", "junit", "github", "csv")
    plain = rendered(name, PLAIN, kinds)
    for what, text in HOSTILE.items():
        for kind, shown in rendered(name, text, kinds).items():
            where = f"{kind} of {what}"
            assert harmless(shown), where
            assert commands(shown) == commands(plain[kind]), where
            if kind == "github":
                assert "##[" not in shown.splitlines()[-1], where
            elif kind != "csv":  # which is a file
                assert "##[" not in shown, where
            if kind == "markdown":
                if what != "long":  # a report is cut at 64 KB
                    assert cells(shown) == cells(plain[kind]), where
                assert not re.search(r"(?<!\\)(?:\\\\)*[`<]|(?<!\\)\]\(", shown), where
            if kind == "junit":
                found, expected = ET.fromstring(shown), ET.fromstring(plain[kind])
                assert [e.tag for e in found.iter()] == [e.tag for e in expected.iter()], where


@pytest.mark.parametrize("name", ["fit", "compare", "simulate", "experiment"])
def test_names_are_no_markup_in_a_page(name: str) -> None:
    text = " ".join(part for what, part in HOSTILE.items() if what != "long")
    page = rendered(name, text, ["html"])["html"]
    assert harmless(page)
    assert tags(page) <= tags(rendered(name, PLAIN, ["html"])["html"])
    assert "&lt;script&gt;alert(1)" in page
