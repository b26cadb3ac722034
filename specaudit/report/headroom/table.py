"""The headroom as text for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from specaudit.embeddings.display import shown
from specaudit.report.headroom.facts import HEADS, cells, data_facts, headline, reproduce_facts
from specaudit.report.table import grid, pairs, printed, warned

if TYPE_CHECKING:
    from specaudit.documents import Headroom

STYLES = {"headroom": "bold green", "none": "bold cyan", "unresolved": "bold yellow"}


def render(headroom: Headroom, width: int, color: bool) -> str:
    """Return the report in lines of at most ``width`` columns; escape codes only if ``color``."""
    parts: list[RenderableType] = [
        Text(headline(headroom), STYLES[headroom.verdict]),
        Text(headroom.note, "dim"),
        "",
        Text(shown(headroom.data.source), "bold"),
        pairs(list(data_facts(headroom))),
        "",
        grid(HEADS, cells(headroom), numbers=range(len(HEADS))),
        "",
        Text("How to reproduce", "bold"),
        pairs(list(reproduce_facts(headroom))),
    ]
    return printed([*parts, *warned(headroom.warnings)], width, color)
