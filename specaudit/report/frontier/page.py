"""The frontier document as one HTML page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specaudit.embeddings.display import shown
from specaudit.report.frontier.facts import (
    HEADS,
    OF_OPTIMISER,
    SAID,
    frontier_facts,
    headline,
    left_out,
    lines,
    reproduce_facts,
    run_facts,
)
from specaudit.report.pages import Plate, Section, plate, sections_page, themed

if TYPE_CHECKING:
    from specaudit.documents import Frontier

TONES = {"none": "pass", "collapse": "fail", "undecided": "inconclusive"}
"""Collapse of weights -> the colour of the finding."""
CAPTIONS = {
    "shares": (
        "Residual left",
        "Share of the reference's energy that is left in each mode; white is the frontier k*.",
    ),
    "growth": ("Growth", "The frontier with its 95 % interval, and the slope over its window."),
    "headroom": (
        "Headroom of weights",
        "What weights of rows could make of the rate of what is left, at most, beside what an oracle needs (dashed), "
        "the largest weight (dotted) and what homogeneous data show by chance (grey).",
    ),
    "weights": ("Next weights", "How many rows get which weight, or that weights are refused."),
}
"""Panel -> its title, and what it shows."""


def render(found: Frontier) -> str:
    """Return the page."""
    return sections_page(
        "frontier",
        found.warnings,
        [
            Section(title="What is learned", figures=_plates(found)),
            Section(title="Found", facts=list(frontier_facts(found))),
            Section(title="Checkpoints", text=left_out(found), heads=HEADS, cells=lines(found), numbers=(1, 2, 3, 5)),
            Section(title="Run", facts=list(run_facts(found))),
            Section(title="How to reproduce", facts=list(reproduce_facts(found))),
        ],
        word=f"collapse of weights: {SAID[found.collapse.status]}",
        tone=TONES[found.collapse.status],
        title=f"{shown(found.run.source)}, {shown(found.run.residuals)}",
        headline=headline(found),
        lead=OF_OPTIMISER,
    )


def _plates(found: Frontier) -> list[Plate]:
    from specaudit.report.frontier import plots

    return [
        plate(plots.panel(name, found), name, title=title, told=caption, caption=caption, colors=themed())
        for name, (title, caption) in CAPTIONS.items()
    ]
