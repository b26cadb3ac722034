"""`specaudit span` end to end: every exit code, every format, files, and what it refuses."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from cli_fixtures import clean, refused

from specaudit import api, documents
from specaudit.cli import main
from specaudit.documents import read_document

ROWS, DIMENSIONS = 500, 16


def drawn(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, DIMENSIONS)) * np.arange(1, DIMENSIONS + 1) ** -0.5


@pytest.fixture
def folder(monkeypatch, tmp_path):
    clean(monkeypatch, tmp_path)
    np.save("real.npy", drawn(ROWS, 0))
    np.save("fresh.npy", drawn(150, 1))
    np.save("few.npy", drawn(20, 1))
    np.save("noise.npy", np.random.default_rng(2).normal(size=(150, DIMENSIONS)) * 2)
    return tmp_path


def test_what_is_found_is_told_and_exits_0(folder, capsys):
    assert main(["span", "real.npy", "noise.npy"]) == 0
    out = capsys.readouterr().out
    told = r"noise.npy: noise: beyond the real rows, and no common mode explains it. 9\d % lie beyond 95 % of"
    assert re.match(told, " ".join(out.split()))
    assert "New modes are not proof of capability" in " ".join(out.split())
    assert "specaudit span real.npy noise.npy" in out


@pytest.mark.parametrize(
    ("new", "required", "code"),
    [
        ("fresh.npy", "in-span,new-modes", 0),
        ("noise.npy", "in-span,new-modes", 1),
        ("noise.npy", "noise", 0),
        ("few.npy", "in-span", 3),
        ("few.npy", "unresolved", 0),
    ],
)
def test_a_required_class_decides_the_exit_code(folder, capsys, new, required, code):
    assert main(["span", "real.npy", new, "--require-class", required]) == code
    err = capsys.readouterr().err
    assert (f"required {' or '.join(required.split(','))}" in err) == (code != 0)


def test_documents_rows_and_pictures_are_written(folder, capsys):
    files = [
        "-o",
        "span.json",
        "-o",
        "span.md",
        "--plot",
        "span.svg",
        "--plot",
        "span.png",
        "--save-rows",
        "rows.csv",
    ]
    assert main(["span", "real.npy", "fresh.npy", "noise.npy", *files, "--seed", "3", "-q"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    found = read_document("span.json")
    assert isinstance(found, documents.Span)
    assert Path("span.json").read_text() == found.to_json()
    assert [part.class_ for part in found.sets] == ["in-span", "noise"]
    assert (found.class_, found.reproduce.seed) == ("noise", 3)
    assert found.reproduce.command == "specaudit span real.npy fresh.npy noise.npy --seed 3"
    with open("rows.csv") as file:
        rows = list(csv.DictReader(file))
    assert [sum(row["set"] == name for row in rows) for name in ("fresh.npy", "noise.npy")] == [150, 150]
    assert {row["class"] for row in rows if row["set"] == "noise.npy"} == {"beyond"}
    for part in found.sets:
        counted = [
            sum(row["set"] == part.side.source and row["class"] == name for row in rows) for name in part.row_classes
        ]
        assert counted == list(part.row_classes.values())
    assert Path("span.svg").read_text().startswith("<?xml")
    assert Path("span.md").read_text().startswith("**noise.npy: noise")
    assert main(["show", "span.json", "--format", "markdown"]) == 0
    assert capsys.readouterr().out == Path("span.md").read_text()


def test_the_same_run_gives_the_same_bytes(folder, capsys):
    outputs = []
    for _ in range(2):
        assert main(["span", "real.npy", "fresh.npy", "--format", "json"]) == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]
    assert json.loads(outputs[0])["class"] == "in-span"


def test_the_order_of_the_rows_does_not_matter(folder):
    one = api.span("real.npy", "fresh.npy")
    order = np.random.default_rng(5).permutation(ROWS)
    two = api.span(np.load("real.npy")[order], np.load("fresh.npy")[::-1])
    assert one.classes == two.classes
    assert one.sets[0].row_classes == two.sets[0].row_classes


def test_rows_beyond_those_judged_together_are_judged_when_they_are_asked_for(folder):
    rows: list[api.SpanRows] = []
    found = api.span("real.npy", "fresh.npy", max_rows=200, on_rows=rows.append)
    assert found.real.sampled_rows == 200
    assert found.sets[0].side.sampled_rows == sum(found.sets[0].row_classes.values()) == 100
    np.testing.assert_array_equal(rows[0].rows, np.arange(150))
    assert found == api.span("real.npy", "fresh.npy", max_rows=200)
    turned: list[api.SpanRows] = []
    api.span("real.npy", np.load("fresh.npy")[::-1], max_rows=200, on_rows=turned.append)
    np.testing.assert_allclose(turned[0].excess[::-1], rows[0].excess, rtol=1e-9)
    assert turned[0].classes[::-1] == rows[0].classes


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["real.npy", "absent.npy"], "absent.npy"),
        (["real.npy", "wide.npy"], "wide.npy: 3 dimensions, but real.npy has 16"),
        (["real.npy", "one.npy"], "one.npy: 1 row"),
        (["real.npy", "nan.npy"], "nan.npy"),
        (["real.npy", "fresh.npy", "--kernel", "linear"], "needs a kernel of distances first"),
        (["real.npy", "fresh.npy", "few.npy", "--ids", "ids.txt"], "ids name the rows of one set"),
        (["real.npy", "fresh.npy", "--require-class", "good"], "unknown name 'good'"),
        (["real.npy", "fresh.npy", "--save-rows", "rows.npy"], "not a table"),
        (["real.npy", "fresh.npy", "--format", "html"], "only a file can be html"),
        (["real.npy", "fresh.npy", "-o", "span.xml"], "unknown format 'junit'"),
        (["real.npy", "fresh.npy", "--max-memory", "1M"], "the run needs about"),
        (["real.npy", "fresh.npy", "--plot", "real.npy"], "not a picture"),
        (["real.npy", "fresh.npy", "-o", "json=fresh.npy"], "is also an input"),
    ],
)
def test_what_cannot_be_used_is_refused(folder, capsys, arguments, told):
    np.save("wide.npy", drawn(50, 3)[:, :3])
    np.save("one.npy", drawn(1, 3))
    bad = drawn(60, 3)
    bad[7, 2] = np.nan
    np.save("nan.npy", bad)
    Path("ids.txt").write_text("".join(f"a{i}\n" for i in range(150)))
    assert told in refused(capsys, "span", *arguments)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda data: data.update(sets=[]), "sets: has none"),
        (lambda data: data.update(primary="rbf"), "primary: 'rbf' is not among the spectra of all sets"),
        (lambda data: data["sets"][0]["spectra"]["laplace"]["modes"].pop(), "columns of unequal length"),
        (lambda data: data.update({"class": "good"}), "class: input should be"),
    ],
)
def test_a_spoilt_document_is_refused(folder, capsys, change, told):
    assert main(["span", "real.npy", "fresh.npy", "-o", "span.json", "-q"]) == 0
    capsys.readouterr()
    data = json.loads(Path("span.json").read_text())
    change(data)
    Path("span.json").write_text(json.dumps(data))
    assert told in refused(capsys, "show", "span.json")


def test_a_dry_run_tells_rows_memory_and_time_and_reads_nothing(folder, capsys):
    assert main(["span", "real.npy", "fresh.npy", "noise.npy", "--dry-run", "-o", "span.json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[1] == f"{ROWS + 300}"
    assert [line.split()[0] for line in lines[:4]] == ["rows", "dimensions", "size", "peak"]
    assert any("judge noise.npy" in line for line in lines)
    assert not Path("span.json").exists()
