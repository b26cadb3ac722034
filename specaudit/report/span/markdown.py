"""The span document as markdown, for pull requests and job summaries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specaudit.report.markdown import escape, table, warned
from specaudit.report.span.facts import (
    SET_HEADS,
    headline,
    kernel_facts,
    real_facts,
    reproduce_facts,
    set_cells,
    set_facts,
)

if TYPE_CHECKING:
    from specaudit.documents import Span


def render(span: Span) -> str:
    """Return the report as markdown."""
    blocks = [
        f"**{escape(headline(span))}**",
        escape(span.note),
        table(("real rows", ""), list(real_facts(span))),
        table(SET_HEADS, [set_cells(span, found) for found in span.sets]),
    ]
    last = span.sets[-1]
    blocks.append(table((last.side.source, ""), list(set_facts(last))))
    blocks += [table((f"{name} kernel", ""), list(kernel_facts(found))) for name, found in last.spectra.items()]
    if span.warnings:
        blocks.append("\n".join(warned(span.warnings)))
    blocks.append(table(("how to reproduce", ""), list(reproduce_facts(span))))
    return "\n\n".join(blocks) + "\n"
