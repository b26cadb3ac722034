"""Pages that are their sections: one safe file each, that says all that the other formats say."""

from __future__ import annotations

import re
from importlib import import_module

import pytest
from page_fixtures import GOLDEN, SAVED, Page, check_readable, check_whole, documents, goldens
from report_fixtures import HOSTILE, WARNINGS

from specaudit.cli import main
from specaudit.documents import Frontier, Headroom, Pruning, Saved, Search, Simulation, Span
from specaudit.report import pages
from specaudit.report.explain import EXPLANATIONS
from specaudit.report.formats import RENDERED, SUBJECTS, headline, render

NAMES = ("frontier", "headroom", "simulate", "span", "prune", "prune all")
FIGURES = {"frontier": 4, "headroom": 1, "simulate": 4, "span": 3, "prune": 4, "prune all": 2}
FACTS = {
    "frontier": ("run_facts", "frontier_facts", "reproduce_facts"),
    "headroom": ("data_facts", "reproduce_facts"),
    "simulate": ("spectrum_facts", "scheme_facts", "finding_facts", "reproduce_facts"),
    "span": ("real_facts", "reproduce_facts"),
    "prune": ("pruning_facts",),
}


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", pages.typeset(text))


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    return {name: render(documents()[name], "html", 80, False) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_small_whole_and_readable_by_anyone(texts, name):
    text, page = texts[name], Page(texts[name])
    check_whole(text, page)
    check_readable(page)
    assert len(text.encode()) < 400_000
    assert sum(tag == "figure" for tag, _ in page.elements) == FIGURES[name]
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    assert set(re.findall(r'(?:href="|url\()#([\w-]+)', text)) <= ids
    assert render(documents()[name], "html", 80, False) == text


@pytest.mark.parametrize("name", NAMES)
def test_a_page_says_the_finding_and_every_fact(texts, name):
    document, said = documents()[name], plain(Page(texts[name]).text)
    assert plain(headline(document)) in said
    facts = import_module(f"{RENDERED[SUBJECTS[document.schema_]].package}.facts")
    for function in FACTS.get(name, ()):
        for label, fact in getattr(facts, function)(document):
            assert label in said
            assert plain(fact) in said, label
    assert "How to reproduce" in said
    assert f"specaudit {SUBJECTS[document.schema_]}: " in said


def test_every_method_is_in_the_table_of_all(texts):
    pruning, said = documents()["prune all"], Page(texts["prune all"]).text
    assert isinstance(pruning, Pruning)
    for trial in pruning.trials:
        assert f"{trial.rows:,}" in said
    assert all(method.keeps in said for method in pruning.methods)


def test_a_search_that_finds_nothing_has_a_page_too():
    pruning = documents()["prune"]
    search = Search(
        bracket=(1.0, 0.9), confirmed=False, rows=(150, 150), searched=(), confirmations=(), reference=None
    )
    found = pruning.model_copy(update={"audit": None, "bound": None, "verdict": "inconclusive", "search": search})
    page = Page(render(found, "html", 80, False))
    check_readable(page)
    assert plain(headline(found)) in plain(page.text)
    assert "none passes; tried from 90 %" in page.text


def hostile(document: Saved) -> Saved:
    """Return the document of a file whose name is meant to do harm, with warnings."""
    change: dict[str, object] = {"warnings": WARNINGS}
    if isinstance(document, Frontier):
        change["run"] = document.run.model_copy(update={"source": HOSTILE, "residuals": HOSTILE})
    elif isinstance(document, Headroom):
        change["data"] = document.data.model_copy(update={"source": HOSTILE})
    elif isinstance(document, Simulation):
        change["spectrum"] = document.spectrum.model_copy(update={"source": HOSTILE, "kernel": HOSTILE})
    elif isinstance(document, Span):
        side = document.real.model_copy(update={"source": HOSTILE})
        change["real"] = side
        change["sets"] = tuple(found.model_copy(update={"side": side}) for found in document.sets)
    elif isinstance(document, Pruning):
        change["rows"] = document.rows.model_copy(update={"source": HOSTILE})
    return document.model_copy(update=change)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "prune"])  # that is the page of a comparison
def test_hostile_names_are_shown_and_warnings_are_explained(name):
    text = render(hostile(documents()[name]), "html", 80, False)
    page = Page(text)
    check_whole(text, page)
    assert "<b>.npy" in page.text
    assert "<b>" not in text
    assert not re.search(r"[\x00-\x08\x0b-\x1f]", text)
    for warning in WARNINGS:
        assert warning.message in page.text
        assert EXPLANATIONS[warning.id].meaning in page.text


@pytest.mark.parametrize("name", sorted(goldens()))
def test_a_page_matches_its_golden_file(name):
    assert goldens()[name] == (GOLDEN / name).read_text(encoding="utf-8")


def test_no_golden_file_is_left_over():
    assert {path.name for path in GOLDEN.iterdir()} == {*goldens(), *(f"{name}.json" for name in SAVED)}


def test_pages_are_written_by_both_flags(tmp_path):
    document, other = tmp_path / "a.html", tmp_path / "b.html"
    saved = str(GOLDEN / "headroom.json")
    assert main(["show", saved, "-o", str(document), "--report", str(other), "-q"]) == 0
    assert document.read_text() == other.read_text() == render(documents()["headroom"], "html", 80, False)
    assert main(["simulate", "--b", "2", "--modes", "1e4", "--report", str(document), "-q"]) == 0
    assert document.read_text().startswith("<!DOCTYPE html>")
