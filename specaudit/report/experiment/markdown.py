"""An experiment as markdown, for pull requests and job summaries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specaudit.report.experiment.facts import (
    MEASURE_HEADS,
    VERDICT_HEADS,
    arm_facts,
    data_facts,
    headline,
    measure_cells,
    quantity_facts,
    reproduce_facts,
    said,
    verdict_cells,
)
from specaudit.report.markdown import escape, table, warned

if TYPE_CHECKING:
    from specaudit.documents import Experiment


def render(experiment: Experiment) -> str:
    """Return the report as markdown."""
    blocks = [f"**{escape(headline(experiment))}**", *map(escape, said(experiment))]
    blocks.append(table((experiment.data.source, ""), list(data_facts(experiment))))
    if experiment.verdicts:
        blocks.append(table(VERDICT_HEADS, verdict_cells(experiment)))
    blocks.append(table(MEASURE_HEADS, measure_cells(experiment)))
    if facts := arm_facts(experiment):
        blocks.append(table(("arm", ""), facts))
    blocks.append(table(("quantity", ""), quantity_facts(experiment)))
    if experiment.warnings:
        blocks.append("\n".join(warned(experiment.warnings)))
    blocks.append(table(("how to reproduce", ""), list(reproduce_facts(experiment))))
    return "\n\n".join(blocks) + "\n"
