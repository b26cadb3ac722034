"""The simulation as text for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from specaudit.report.simulate.facts import (
    NAMES,
    RECOVERY_HEADS,
    finding_facts,
    headline,
    recovery_cells,
    reproduce_facts,
    scheme_facts,
    spectrum_facts,
)
from specaudit.report.table import grid, pairs, printed, warned

if TYPE_CHECKING:
    from specaudit.documents import Simulation

STYLES = {"accelerated": "bold green", "jammed": "bold red", "none": "bold cyan"}


def render(simulation: Simulation, width: int, color: bool) -> str:
    """Return the report in lines of at most ``width`` columns; escape codes only if ``color``."""
    parts: list[RenderableType] = [
        Text(headline(simulation), STYLES.get(simulation.verdict, "bold yellow")),
        Text(simulation.note, "dim"),
    ]
    for title, facts in (
        ("Spectrum", spectrum_facts(simulation)),
        ("Scheme", scheme_facts(simulation)),
        ("Found", finding_facts(simulation)),
    ):
        parts += ["", Text(title, "bold"), pairs(list(facts))]
    if simulation.recovery:
        title = f"Time to a {NAMES[simulation.measure]}, and the share φ of the ideal oracle's saving (1: all of it)"
        cells = recovery_cells(simulation)
        parts += ["", Text(title, "bold"), grid(RECOVERY_HEADS, cells, numbers=range(len(RECOVERY_HEADS)))]
    parts += ["", Text("How to reproduce", "bold"), pairs(list(reproduce_facts(simulation)))]
    return printed([*parts, *warned(simulation.warnings)], width, color)
