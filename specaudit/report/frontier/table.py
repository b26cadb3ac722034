"""The frontier document as text for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from specaudit.report.frontier.facts import (
    HEADS,
    OF_OPTIMISER,
    frontier_facts,
    headline,
    left_out,
    lines,
    reproduce_facts,
    run_facts,
)
from specaudit.report.table import grid, pairs, printed, warned

if TYPE_CHECKING:
    from specaudit.documents import Frontier

STYLES = {"none": "bold green", "collapse": "bold red", "undecided": "bold yellow"}


def render(found: Frontier, width: int, color: bool) -> str:
    """Return the report in lines of at most ``width`` columns; escape codes only if ``color``."""
    parts: list[RenderableType] = [
        Text(headline(found), STYLES[found.collapse.status]),
        Text(OF_OPTIMISER, "dim"),
        "",
        Text("Run", "bold"),
        pairs(list(run_facts(found))),
        "",
        Text("Frontier", "bold"),
        grid(HEADS, lines(found), numbers=(1, 2, 3, 5)),
    ]
    if more := left_out(found):
        parts.append(Text(f"  {more}", "dim"))
    parts += ["", pairs(list(frontier_facts(found))), "", Text("How to reproduce", "bold")]
    return printed([*parts, pairs(list(reproduce_facts(found))), *warned(found.warnings)], width, color)
