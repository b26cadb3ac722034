"""A comparison as one HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from specaudit.embeddings.display import shown
from specaudit.report.compare.diversity import DIVERSITY, DIVERSITY_HEADS, diversity_table
from specaudit.report.compare.facts import (
    GATE_HEADS,
    TEST_HEADS,
    amount,
    deep_facts,
    deep_title,
    gate_cells,
    gate_notes,
    headline,
    kernels,
    null_facts,
    region_facts,
    relation_facts,
    reproduce_facts,
    side_facts,
    statistic_cells,
    tail_facts,
)
from specaudit.report.compare.groups import GROUP_HEADS, group_cells, groups_title
from specaudit.report.compare.removed import named_rows, row_table
from specaudit.report.pages import Plate, numbers, page, plate, typeset

if TYPE_CHECKING:
    from specaudit.documents import Comparison, SpectrumChange

NAMED = 20
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


def render(comparison: Comparison) -> str:
    """Return the page, of less than 400 KB for five kernels; rows and warnings left out for that are counted."""
    return render_audit(comparison)


def render_audit(
    comparison: Comparison,
    *,
    command: str = "compare",
    before: tuple[str, Sequence[tuple[str, str]]] | None = None,
) -> str:
    """Return the page of the `command` that made the comparison, with facts and their title ``before`` it."""
    groups = comparison.rows.groups
    return page(
        "compare",
        comparison.warnings,
        command=command,
        first=None if before is None else (before[0], [(label, typeset(text)) for label, text in before[1]]),
        word=comparison.verdict,
        tone=comparison.verdict,
        title=f"{shown(comparison.before.source)} → {shown(comparison.after.source)}",
        headline=typeset(headline(comparison)),
        lead=typeset(amount(comparison)),
        gate_heads=GATE_HEADS,
        gates=[numbers(gate_cells(gate), (2, 3)) for gate in comparison.gates],
        notes=[(gate.id, gate.status, notes) for gate in comparison.gates if (notes := gate_notes(gate))],
        tail=[(label, typeset(text)) for label, text in tail_facts(comparison)],
        kernels=_kernels(comparison),
        test_heads=TEST_HEADS,
        deep=[
            (deep_title(title), deep_facts(deep))
            for name, title in kernels(comparison).items()
            if (deep := comparison.spectra[name].deep_gain) is not None
        ],
        region=region_facts(comparison.finite_region) if comparison.finite_region else (),
        diversity=(DIVERSITY, DIVERSITY_HEADS, [numbers(cells, (2, 3, 4)) for cells in diversity_table(comparison)]),
        rows=[(title, row_table(rows[:NAMED]), len(rows[NAMED:])) for title, rows in named_rows(comparison)],
        groups=None if groups is None else (groups_title(groups), GROUP_HEADS, group_cells(groups)),
        sides=list(zip(side_facts(comparison.before), side_facts(comparison.after), strict=True)),
        relation=relation_facts(comparison),
        null=null_facts(comparison),
        reproduce=reproduce_facts(comparison),
    )


def _kernels(comparison: Comparison) -> list[tuple[str, list[Plate], list[tuple[str, ...]]]]:
    """Return the title, figures and tests of each kernel."""
    ceiling = comparison.consistency.limit if comparison.consistency else None
    found = []
    for number, (name, title) in enumerate(kernels(comparison).items()):
        spectrum = comparison.spectra[name]
        tests = [numbers(statistic_cells(test), (1, 2, 3)) for test in spectrum.tests]
        found.append((title, _figures(spectrum, ceiling, f"k{number}", title), tests))
    return found


def _figures(spectrum: SpectrumChange, ceiling: float | None, prefix: str, kernel: str) -> list[Plate]:
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
    return [
        plate(
            plots.panel(name, spectrum, ceiling),
            f"{prefix}-{name}",
            title=plots.PANELS[name].title,
            told=f"{plots.PANELS[name].y} against {plots.PANELS[name].x}, {kernel} kernel",
            caption=caption,
            colors=colors,
        )
        for name, caption in CAPTIONS.items()
        if measured[name]
    ]
