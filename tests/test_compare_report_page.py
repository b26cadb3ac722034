"""The page of a comparison: one safe file that anyone can read, without a browser's help."""

from __future__ import annotations

import re

import pytest
from compare_fixtures import DOCUMENTS, huge, made
from page_fixtures import Page, check_readable, check_whole
from report_fixtures import HOSTILE, make_fit

from specaudit.report.compare import facts
from specaudit.report.compare.page import render as render_page
from specaudit.report.facts import dataset_facts, headline, kernel_facts
from specaudit.report.page import render as render_fit_page
from specaudit.report.pages import typeset

NAMES = sorted(DOCUMENTS)
STATUSES = ("resolved", "drifting", "not-power-law", "unresolved")
FITS = {status: make_fit(status) for status in STATUSES} | {"hostile": make_fit(source=HOSTILE)}


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    comparisons = {name: render_page(made(name)) for name in NAMES} | {"huge": render_page(huge())}
    return comparisons | {f"fit {name}": render_fit_page(fit) for name, fit in FITS.items()}


@pytest.fixture(scope="module")
def pages(texts) -> dict[str, Page]:
    return {name: Page(text) for name, text in texts.items()}


def test_a_page_is_small_whatever_it_holds(texts):
    assert all(len(text.encode()) < 400_000 for text in texts.values())
    assert "9,980 more rows are in the JSON document." in texts["huge"]
    assert "170 more warnings are in the JSON document." in texts["huge"]


def test_a_page_is_whole_and_needs_nothing_else(texts, pages):
    for name, page in pages.items():
        check_whole(texts[name], page)


def test_hostile_text_is_shown_and_not_obeyed(texts, pages):
    assert "<script>alert(1)</script>" in pages["hostile"].text
    assert "<script" not in texts["hostile"]
    assert not re.search(r"[\x00-\x08\x0b-\x1f\ud800-\udfff]", texts["hostile"])


@pytest.mark.parametrize("name", NAMES)
def test_a_page_says_the_verdict_and_everything_that_was_asked(pages, name):
    document, page = made(name), pages[name]
    text = re.sub(r"\s+", " ", page.text)
    assert facts.headline(document).split(":")[0] + ":" in text
    for heading in (
        "Gates",
        "Spectra",
        "Tests",
        "Data",
        "Who matched whom",
        "How it was computed",
        "How to reproduce",
    ):
        assert heading in text
    for gate in document.gates:
        assert all(note in text for _, note in facts.gate_notes(gate))


@pytest.mark.parametrize("name", FITS)
def test_the_page_of_a_fit_says_the_finding_and_every_fact(pages, name):
    fit, page = FITS[name], pages[f"fit {name}"]
    text = re.sub(r"\s+", " ", page.text)
    assert typeset(headline(fit)) in text
    for label, fact in [*dataset_facts(fit.dataset), *kernel_facts(fit.spectra[fit.primary])]:
        assert label in text
        assert re.sub(r"\s+", " ", typeset(fact)) in re.sub(r"\s+", " ", typeset(text)), label
    assert sum(tag == "figure" for tag, _ in page.elements) == 3
    assert all(warning.id in text for warning in fit.warnings)


@pytest.mark.parametrize("name", [*NAMES, *(f"fit {name}" for name in FITS)])
def test_a_page_can_be_read_without_eyes(pages, name):
    check_readable(pages[name])


def test_what_a_figure_points_to_is_on_the_page(texts, pages):
    ids = {attributes["id"] for _, attributes in pages["fail"].elements if "id" in attributes}
    assert set(re.findall(r'(?:href="|url\()#([\w-]+)', texts["fail"])) <= ids


def test_each_kernel_has_its_figures_and_only_what_was_measured(pages):
    figures = {name: sum(tag == "figure" for tag, _ in page.elements) for name, page in pages.items()}
    assert figures["fail"] == 10
    assert figures["unmeasured"] == 0
    assert "too few rows" in pages["unmeasured"].text


def test_the_same_comparison_gives_the_same_page(texts):
    assert render_page(made("fail")) == texts["fail"]


def luminance(color: str) -> float:
    parts = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    low, high = sorted(map(luminance, (first, second)))
    return (high + 0.05) / (low + 0.05)


def test_text_and_lines_stand_out_in_light_and_dark(texts):
    schemes = re.findall(r":root \{(.*?)\}", texts["pass"], re.DOTALL)
    assert len(schemes) == 2
    for scheme in schemes:
        color = dict(re.findall(r"--([\w-]+): (#\w{6})", scheme))
        for status in ("pass", "fail", "inconclusive", "waived", "skipped"):
            assert contrast(color[status], color[f"{status}-ground"]) >= 4.5
        for ground in ("ground", "sheet"):
            assert min(contrast(color[text], color[ground]) for text in ("ink", "soft")) >= 4.5
        assert min(contrast(color[line], color["sheet"]) for line in ("before", "after", "laplace", "linear")) >= 3
