"""The span document as text for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from specaudit.embeddings.display import shown
from specaudit.report.span.facts import (
    SET_HEADS,
    headline,
    kernel_facts,
    real_facts,
    reproduce_facts,
    set_cells,
    set_facts,
)
from specaudit.report.table import grid, pairs, printed, warned

if TYPE_CHECKING:
    from specaudit.documents import Span

STYLES = {"in-span": "bold green", "new-modes": "bold cyan", "unresolved": "bold yellow"}


def render(span: Span, width: int, color: bool) -> str:
    """Return the report in lines of at most ``width`` columns; escape codes only if ``color``."""
    parts: list[RenderableType] = [
        Text(headline(span), STYLES.get(span.class_, "bold red")),
        Text(span.note, "dim"),
        "",
        Text("Real rows", "bold"),
        pairs(list(real_facts(span))),
    ]
    if len(span.sets) > 1:
        cells = [set_cells(span, found) for found in span.sets]
        parts += ["", Text("All sets", "bold"), grid(SET_HEADS, cells, numbers=(1, 3, 4, 5, 6, 7))]
    last = span.sets[-1]
    parts += ["", Text(shown(last.side.source), "bold"), pairs(list(set_facts(last)))]
    for name, kernel in last.spectra.items():
        parts += ["", Text(f"{name} kernel", "bold"), pairs(list(kernel_facts(kernel)))]
    parts += ["", Text("How to reproduce", "bold"), pairs(list(reproduce_facts(span)))]
    return printed([*parts, *warned(span.warnings)], width, color)
