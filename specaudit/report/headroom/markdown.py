"""The headroom as markdown, for pull requests and job summaries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specaudit.report.headroom.facts import HEADS, cells, data_facts, headline, reproduce_facts
from specaudit.report.markdown import escape, table, warned

if TYPE_CHECKING:
    from specaudit.documents import Headroom


def render(headroom: Headroom) -> str:
    """Return the report as markdown."""
    blocks = [
        f"**{escape(headline(headroom))}**",
        escape(headroom.note),
        table((headroom.data.source, ""), list(data_facts(headroom))),
        table(HEADS, cells(headroom)),
    ]
    if headroom.warnings:
        blocks.append("\n".join(warned(headroom.warnings)))
    blocks.append(table(("how to reproduce", ""), list(reproduce_facts(headroom))))
    return "\n\n".join(blocks) + "\n"
