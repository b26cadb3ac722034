"""Pages as a reader without a browser finds them, and the documents that they are made of."""

from __future__ import annotations

import re
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np

from specaudit import api
from specaudit.documents import Saved, read_document
from specaudit.report.formats import render

GOLDEN = Path(__file__).parent / "golden" / "pages"
VOID = {"br", "meta", "path", "use", "rect"}
FORBIDDEN = {"script", "link", "iframe", "object", "embed", "img", "form", "base", "foreignobject", "image"}
SAVED = ("frontier", "headroom")
"""Documents that are kept, with the page of each."""


class Page(HTMLParser):
    """A page as read: its elements, its text, and what is wrong with its nesting."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def check_whole(text: str, page: Page) -> None:
    """Assert that a page is well nested, and that nothing on it runs or is read from elsewhere."""
    assert page.open == []
    assert not FORBIDDEN & {tag for tag, _ in page.elements}
    for _, attributes in page.elements:
        assert not any(key.startswith("on") for key in attributes)
        assert all((attributes.get(key) or "#").startswith("#") for key in ("src", "href", "xlink:href"))
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
    assert "@import" not in style
    assert "url(" not in style


def check_readable(page: Page) -> None:
    """Assert that a page can be read without eyes."""
    headings = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert headings[0] == 1
    assert headings.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(headings))
    assert all(attributes.get("scope") in ("row", "col") for tag, attributes in page.elements if tag == "th")
    assert all(attributes.get("aria-label") for tag, attributes in page.elements if tag == "table")
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for tag, attributes in page.elements:
        if tag == "svg":
            assert attributes["role"] == "img"
            assert attributes["aria-labelledby"] in ids
    assert ("html", {"lang": "en"}) in page.elements


def drawn(count: int, seed: int, spread: float = 1.0) -> np.ndarray:
    return spread * np.random.default_rng(seed).standard_normal((count, 8)) * np.arange(1, 9) ** -0.5


@cache
def saved() -> dict[str, Saved]:
    """Return the documents that are kept."""
    return {name: read_document(GOLDEN / f"{name}.json") for name in SAVED}


@cache
def documents() -> dict[str, Saved]:
    """Return a document of every subject whose page is its sections, by what it is."""
    rows = drawn(300, 0)
    kernels = {"kernels": ("laplace",)}
    return {
        **saved(),
        "simulate": api.simulate(b=2.0, noise=0.3, cap=50.0, modes=300),
        "span": api.span(rows, [drawn(120, 1), drawn(120, 2, 3.0)], **kernels),
        "prune": api.prune(rows, method="prototypes", keep=[0.5], **kernels),
        "prune all": api.prune(rows, method="all", keep=[0.5, 0.25], **kernels),
    }


@cache
def goldens() -> dict[str, str]:
    """Return the pages that are kept, as a reader without eyes finds them."""
    from compare_fixtures import structure

    return {f"{name}.html": structure(render(found, "html", 80, False)) for name, found in saved().items()}


if __name__ == "__main__":  # python tests/page_fixtures.py writes the golden files anew; read their diff
    for name, text in goldens().items():
        (GOLDEN / name).write_text(text, encoding="utf-8")
