"""A comparison as one HTML page on its own: no scripts, no network, figures and style inside."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from specaudit.embeddings.display import shown
from specaudit.report.compare.facts import (
    GATE_HEADS,
    LONG,
    TEST_HEADS,
    amount,
    deep_facts,
    deep_title,
    gate_cells,
    gate_notes,
    headline,
    kernels,
    named_rows,
    null_facts,
    region_facts,
    relation_facts,
    reproduce_facts,
    row_table,
    side_facts,
    statistic_cells,
    tail_facts,
)
from specaudit.report.compare.inline import inline

if TYPE_CHECKING:
    from specaudit.documents import Comparison, SpectrumChange

TEMPLATE = "page.html.jinja"
NAMED = 30
WARNED = 30
CAPTIONS = {
    "scree": "Leading eigenvalues of K/n, both sides at equal size.",
    "capacity": "Population ridge κ at equal effective dimension. Lower is less capacity. 95 % of the random subsets "
    "of a side are shaded, where that is wider than the line.",
    "gain": "κ after over κ before at equal effective dimension. Below the line at 1 is lost capacity; dotted lines "
    "are the margins at the dimensions that are tested, shaded is the interval of a test. A dashed line is of the "
    "kernel graphs, past where the dense matrices reach.",
    "exponent": "Local exponent b₂ by depth. Higher is a steeper tail. Grey is the window of the test; 95 % of the "
    "random subsets of a side are shaded, where that is wider than the line.",
    "region": "Ratio of eigenvalues after / before in bins of rank, ± 2 standard errors; the cutoff is dotted.",
}
"""Panel -> what it shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A panel of the page: an svg element, and what it shows."""

    title: str
    svg: Markup
    caption: str


def render_page(comparison: Comparison) -> str:
    """Return the page, of less than 400 KB for five kernels; rows and warnings left out for that are counted."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    template = environment.from_string((files(__package__) / TEMPLATE).read_text(encoding="utf-8"))
    warnings = comparison.warnings
    return template.render(
        verdict=comparison.verdict,
        title=f"{shown(comparison.before.source)} → {shown(comparison.after.source)}",
        headline=_typeset(headline(comparison)),
        amount=_typeset(amount(comparison)),
        gate_heads=GATE_HEADS,
        gates=[_numbers(gate_cells(gate), (2, 3)) for gate in comparison.gates],
        notes=[(gate.id, gate.status, notes) for gate in comparison.gates if (notes := gate_notes(gate))],
        tail=[(label, _typeset(text)) for label, text in tail_facts(comparison)],
        kernels=_kernels(comparison),
        test_heads=TEST_HEADS,
        deep=[
            (deep_title(title), deep_facts(deep))
            for name, title in kernels(comparison).items()
            if (deep := comparison.spectra[name].deep_gain) is not None
        ],
        region=region_facts(comparison.finite_region) if comparison.finite_region else (),
        rows=[(title, row_table(rows[:NAMED]), len(rows[NAMED:])) for title, rows in named_rows(comparison)],
        sides=list(zip(side_facts(comparison.before), side_facts(comparison.after), strict=True)),
        relation=relation_facts(comparison),
        null=null_facts(comparison),
        reproduce=reproduce_facts(comparison),
        warnings=[(w.id, shown(w.message, LONG), shown(w.next_step, LONG)) for w in warnings[:WARNED]],
        warnings_left=len(warnings[WARNED:]),
    )


def _kernels(comparison: Comparison) -> list[tuple[str, list[Figure], list[tuple[str, ...]]]]:
    """Return the title, figures and tests of each kernel."""
    ceiling = comparison.consistency.limit if comparison.consistency else None
    found = []
    for number, (name, title) in enumerate(kernels(comparison).items()):
        spectrum = comparison.spectra[name]
        tests = [_numbers(statistic_cells(test), (1, 2, 3)) for test in spectrum.tests]
        found.append((title, _figures(spectrum, ceiling, f"k{number}", title), tests))
    return found


def _figures(spectrum: SpectrumChange, ceiling: float | None, prefix: str, kernel: str) -> list[Figure]:
    from specaudit.report.compare import plots
    from specaudit.report.plots import INK

    colors = {
        INK: "currentColor",
        plots.BEFORE: "var(--before)",
        plots.AFTER: "var(--after)",
        plots.SHADED: "var(--shade)",
    }
    measured = {
        "scree": bool(spectrum.before.eigenvalues),
        "capacity": bool(spectrum.before.n1),
        "gain": bool(spectrum.gain.dimension),
        "exponent": bool(spectrum.before.n2),
        "region": spectrum.finite_region is not None,
    }
    figures = []
    for name, caption in CAPTIONS.items():
        if measured[name]:
            panel = plots.PANELS[name]
            told = f"{panel.title}: {panel.y} against {panel.x}, {kernel} kernel"
            svg = inline(plots.panel(name, spectrum, ceiling), f"{prefix}-{name}", told, colors)
            figures.append(Figure(title=panel.title, svg=Markup(svg), caption=caption))
    return figures


def _numbers(cells: Sequence[str], at: Sequence[int]) -> tuple[str, ...]:
    """Return a row of cells, those that are numbers typeset."""
    return tuple(_typeset(cell) if place in at else cell for place, cell in enumerate(cells))


def _typeset(text: str) -> str:
    """Return numbers with the signs that a page has: a minus, an arrow."""
    return re.sub(r"(?<![\w.])-(?=\d)", "−", text.replace("->", "→"))
