"""The formats in which a document leaves the program: one table of what is rendered, and as what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from specaudit.documents import Saved

Subject = Literal["fit", "compare", "prune", "span", "frontier", "simulate", "headroom", "experiment"]

MODULES = {
    "text": "table",
    "markdown": "markdown",
    "csv": "curves",
    "junit": "junit",
    "github": "github",
    "html": "page",
}
"""Format -> the module of a subject's package whose `render` makes it; JSON is the document's own."""
FORMATS = ("text", "json", "markdown", "html")
"""Formats that every subject has."""
GATE_FORMATS = ("junit", "github")
"""Formats that report gates; nothing without gates can be rendered in them."""
FILE_FORMATS = ("csv", "html")
"""Formats that only a file can have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A subject: its documents and its renderers.

    Attributes
    ----------
    schemas
        Of its documents.
    package
        Of its renderers (`MODULES`), and of `facts` with a `headline` and `plots` with a `picture`.
    formats
        That it can be rendered in.
    """

    schemas: tuple[str, ...]
    package: str
    formats: tuple[str, ...] = FORMATS


# The renderers are imported on use: help and error messages need only the names.
RENDERED: dict[Subject, Rendered] = {
    "fit": Rendered(
        schemas=("specaudit.fit/1", "specaudit.baseline/1"),
        package="specaudit.report",
        formats=(*FORMATS, "csv"),
    ),
    "compare": Rendered(
        schemas=("specaudit.compare/1",),
        package="specaudit.report.compare",
        formats=(*FORMATS, "csv", *GATE_FORMATS),
    ),
    "prune": Rendered(schemas=("specaudit.prune/1",), package="specaudit.report.prune"),
    "span": Rendered(schemas=("specaudit.span/1",), package="specaudit.report.span"),
    "frontier": Rendered(schemas=("specaudit.frontier/1",), package="specaudit.report.frontier"),
    "simulate": Rendered(schemas=("specaudit.simulate/1",), package="specaudit.report.simulate"),
    "headroom": Rendered(schemas=("specaudit.headroom/1",), package="specaudit.report.headroom"),
    "experiment": Rendered(
        schemas=("specaudit.experiment/1",),
        package="specaudit.report.experiment",
        formats=(*FORMATS, "csv"),
    ),
}
"""Subject -> its documents and renderers."""
SUBJECTS: dict[str, Subject] = {schema: name for name, found in RENDERED.items() for schema in found.schemas}
"""Schema of a document -> what it is about."""

SUFFIXES = {
    ".json": "json",
    ".csv": "csv",
    ".md": "markdown",
    ".txt": "text",
    ".html": "html",
    ".xml": "junit",
}
"""The format that a file name stands for."""

PICTURES = (".svg", ".pdf", ".png")
"""Suffixes of a plot."""


def stdout_formats(subject: Subject) -> tuple[str, ...]:
    """Return the formats of standard output."""
    return tuple(name for name in RENDERED[subject].formats if name not in FILE_FORMATS)


def render(document: Saved, format_: str, width: int, color: bool) -> str:
    """Return the document in one of its formats; of text, lines of at most ``width`` columns."""
    if format_ == "json":
        return document.to_json()
    made: Callable[..., str] = _module(document, MODULES[format_]).render
    return made(_measured(document), width, color) if format_ == "text" else made(_measured(document))


def headline(document: Saved) -> str:
    """Return the finding in a sentence."""
    return str(_module(document, "facts").headline(_measured(document)))


def picture(document: Saved, kind: str) -> bytes:
    """Return the figure as svg, pdf or png content."""
    return bytes(_module(document, "plots").picture(_measured(document), kind))


def _module(document: Saved, name: str) -> ModuleType:
    return import_module(f"{RENDERED[SUBJECTS[document.schema_]].package}.{name}")


def _measured(document: Saved) -> Saved:
    """Return the document that is rendered, its texts on a line each: of a baseline the fit that it holds."""
    from specaudit.report.printable import printable

    return printable(document.fit if document.schema_ == "specaudit.baseline/1" else document)
