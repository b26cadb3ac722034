"""An experiment as text for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from specaudit.embeddings.display import shown
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
from specaudit.report.table import grid, pairs, printed, warned

if TYPE_CHECKING:
    from specaudit.documents import Experiment

NUMBERS = (2, 3, 4)


def render(experiment: Experiment, width: int, color: bool) -> str:
    """Return the report in lines of at most ``width`` columns; escape codes only if ``color``."""
    parts: list[RenderableType] = [
        Text(headline(experiment), "bold"),
        *(Text(note, "dim") for note in said(experiment)),
        "",
        Text(shown(experiment.data.source), "bold"),
        pairs(list(data_facts(experiment))),
    ]
    if experiment.verdicts:
        parts += ["", Text("Found", "bold"), grid(VERDICT_HEADS, verdict_cells(experiment))]
    parts += ["", Text("Measured", "bold"), grid(MEASURE_HEADS, measure_cells(experiment), numbers=NUMBERS)]
    for title, facts in (
        ("Arms", arm_facts(experiment)),
        ("Quantities", quantity_facts(experiment)),
        ("How to reproduce", list(reproduce_facts(experiment))),
    ):
        if facts:
            parts += ["", Text(title, "bold"), pairs(facts)]
    return printed([*parts, *warned(experiment.warnings)], width, color)
