"""The frontier document as markdown, for pull requests and job summaries."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
from specaudit.report.markdown import escape, table, warned

if TYPE_CHECKING:
    from specaudit.documents import Frontier


def render(found: Frontier) -> str:
    """Return the report as markdown."""
    blocks = [
        f"**{escape(headline(found))}**",
        escape(OF_OPTIMISER),
        table(("run", ""), list(run_facts(found))),
        table(HEADS, lines(found)),
        escape(left_out(found)),
        table(("frontier", ""), list(frontier_facts(found))),
        "\n".join(warned(found.warnings)),
        table(("how to reproduce", ""), list(reproduce_facts(found))),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"
