"""The span document as one HTML page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specaudit.embeddings.display import shown
from specaudit.report.pages import Plate, Section, plate, sections_page, themed
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

TONES = {"in-span": "pass", "new-modes": "waived", "unresolved": "inconclusive"}
"""Class -> the colour of the finding; of all others that of what is wrong."""
CAPTIONS = {
    "excess": (
        "Rows",
        "Distribution of the excess of rows over the real rows around them, in standard deviations; 90 % of the real "
        "rows are shaded.",
    ),
    "modes": (
        "Residual modes of the last set",
        "Leading residual eigenvalues over those of real rows; 95 % of real sets are shaded.",
    ),
    "trend": ("Sets in order", "What becomes of the sets, one after the other."),
}
"""Panel -> its title, and what it shows."""


def render(span: Span) -> str:
    """Return the page."""
    last = span.sets[-1]
    return sections_page(
        "span",
        span.warnings,
        [
            Section(title="Rows and modes", figures=_plates(span)),
            Section(
                title="Sets",
                heads=SET_HEADS,
                cells=[set_cells(span, found) for found in span.sets],
                numbers=(1, 3, 4, 5, 6, 7),
            ),
            Section(title=shown(last.side.source), facts=list(set_facts(last))),
            *(
                Section(title=f"{shown(name)} kernel", facts=list(kernel_facts(kernel)))
                for name, kernel in last.spectra.items()
            ),
            Section(title="Real rows", facts=list(real_facts(span))),
            Section(title="How to reproduce", facts=list(reproduce_facts(span))),
        ],
        word=" + ".join(span.classes),
        tone=TONES.get(span.class_, "fail"),
        title=f"{shown(span.real.source)}, {shown(last.side.source)}",
        headline=headline(span),
        lead=span.note,
    )


def _plates(span: Span) -> list[Plate]:
    from specaudit.report.span import plots

    colors = themed() | {plots.BAND: "var(--shade)"}
    return [
        plate(
            plots.panel(name, span),
            name,
            title=CAPTIONS[name][0],
            told=CAPTIONS[name][1],
            caption=CAPTIONS[name][1],
            colors=colors,
        )
        for name in plots.panels(span)
    ]
