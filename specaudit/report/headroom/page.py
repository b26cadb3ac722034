"""The headroom as one HTML page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specaudit.embeddings.display import shown
from specaudit.report.headroom.facts import HEADS, SAID, cells, data_facts, headline, reproduce_facts
from specaudit.report.pages import Section, plate, sections_page, themed

if TYPE_CHECKING:
    from specaudit.documents import Headroom

TONES = {"headroom": "pass", "none": "waived", "unresolved": "inconclusive"}
"""Verdict -> the colour of its finding."""
CAPTION = (
    "Factor on the rate of the tail past k learned modes, at most, by weights of rows. Grey is what homogeneous data "
    "show by chance, with 95 % of draws; dashed is what an oracle needs, dotted the largest weight."
)


def render(headroom: Headroom) -> str:
    """Return the page."""
    from specaudit.report.headroom import plots

    null, kernel = headroom.null, headroom.kernel.name
    figure = plate(
        plots.panel(headroom),
        "headroom",
        title=f"Headroom, {shown(kernel)} kernel",
        told="factor on the tail against learned modes",
        caption=CAPTION,
        colors=themed(),
    )
    key = [(name, themed().get(color, color)) for name, color in plots.key(null, headroom.cap, kernel)]
    return sections_page(
        "headroom",
        headroom.warnings,
        [
            Section(title="Gain, need and null", key=key, figures=[figure]),
            Section(title="By mode", heads=HEADS, cells=cells(headroom), numbers=range(len(HEADS))),
            Section(title="Data", facts=list(data_facts(headroom))),
            Section(title="How to reproduce", facts=list(reproduce_facts(headroom))),
        ],
        word=SAID[headroom.verdict].partition(":")[0],
        tone=TONES[headroom.verdict],
        title=shown(headroom.data.source),
        headline=headline(headroom),
        lead=headroom.note,
    )
