"""The formats in which a fit leaves the program: one literal registry, each entry a pure function."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from specaudit.documents import Fit

# The renderers are imported on use: help and error messages need only the names.


def _text(fit: Fit, width: int, color: bool) -> str:
    from specaudit.report.table import render_fit

    return render_fit(fit, width, color)


def _json(fit: Fit, width: int, color: bool) -> str:
    return fit.to_json()


def _markdown(fit: Fit, width: int, color: bool) -> str:
    from specaudit.report.markdown import render_fit_markdown

    return render_fit_markdown(fit)


def _csv(fit: Fit, width: int, color: bool) -> str:
    from specaudit.report.curves import to_csv

    return to_csv(fit)


FORMATS: dict[str, Callable[[Fit, int, bool], str]] = {
    "text": _text,
    "json": _json,
    "markdown": _markdown,
    "csv": _csv,
}
"""Format name -> function of the fit, the width in columns and whether to colour."""

GATE_FORMATS = ("junit", "github")
"""Formats that report gates; nothing without gates can be rendered in them."""

SUFFIXES = {".json": "json", ".csv": "csv", ".md": "markdown", ".txt": "text"}
"""The format that a file name stands for."""

PICTURES = (".svg", ".pdf", ".png")
"""Suffixes of a plot."""
