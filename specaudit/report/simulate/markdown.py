"""The simulation as markdown, for pull requests and job summaries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specaudit.report.markdown import escape, table, warned
from specaudit.report.simulate.facts import (
    RECOVERY_HEADS,
    finding_facts,
    headline,
    recovery_cells,
    reproduce_facts,
    scheme_facts,
    spectrum_facts,
)

if TYPE_CHECKING:
    from specaudit.documents import Simulation


def render(simulation: Simulation) -> str:
    """Return the report as markdown."""
    blocks = [
        f"**{escape(headline(simulation))}**",
        escape(simulation.note),
        table(("spectrum", ""), list(spectrum_facts(simulation))),
        table(("scheme", ""), list(scheme_facts(simulation))),
        table(("found", ""), list(finding_facts(simulation))),
    ]
    if simulation.recovery:
        blocks.append(table(RECOVERY_HEADS, recovery_cells(simulation)))
    if simulation.warnings:
        blocks.append("\n".join(warned(simulation.warnings)))
    blocks.append(table(("how to reproduce", ""), list(reproduce_facts(simulation))))
    return "\n\n".join(blocks) + "\n"
