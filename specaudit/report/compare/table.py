"""A comparison as text for people: the verdict first, then the amount, the gates and what they rest on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

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
    statistic_cells,
    tail_facts,
)
from specaudit.report.compare.groups import GROUP_HEADS, group_cells, groups_title
from specaudit.report.compare.removed import LOST_HEADS, NAMED, lost_table, named_rows, row_table
from specaudit.report.table import VERDICTS, grid, pairs, printed, warned

if TYPE_CHECKING:
    from specaudit.documents import Comparison, Gate


def render(comparison: Comparison, width: int, color: bool) -> str:
    """Return the report in lines of at most ``width`` columns; escape codes only if ``color``."""
    return printed(comparison_parts(comparison), width, color)


def comparison_parts(comparison: Comparison) -> list[RenderableType]:
    """Return the report, one part below the other: the verdict first."""
    parts: list[RenderableType] = [
        Text(headline(comparison), VERDICTS[comparison.verdict]),
        Text(amount(comparison)),
        "",
        grid(GATE_HEADS, [gate_cells(gate) for gate in comparison.gates], status=1),
    ]
    for gate in comparison.gates:
        parts += _notes(gate)
    for title, part in _sections(comparison):
        parts += ["", Text(title, "bold"), part]
    return [*parts, *warned(comparison.warnings)]


def _sections(comparison: Comparison) -> Iterator[tuple[str, RenderableType]]:
    yield "Tail", pairs(tail_facts(comparison))
    yield "Who matched whom", pairs(relation_facts(comparison))
    for name, title in kernels(comparison).items():
        if tests := comparison.spectra[name].tests:
            cells = [statistic_cells(test) for test in tests]
            yield f"Tests under {title}", grid(TEST_HEADS, cells, status=4, numbers=(3,))
        if (deep := comparison.spectra[name].deep_gain) is not None:
            yield deep_title(title), pairs(deep_facts(deep))
    if comparison.finite_region is not None:
        yield "Finite region", pairs(region_facts(comparison.finite_region))
    if indices := diversity_table(comparison):
        yield DIVERSITY, grid(DIVERSITY_HEADS, indices, numbers=(2, 3))
    for title, found in named_rows(comparison):
        heads, rows = row_table(found[:NAMED])
        yield title, grid(heads, rows, numbers=range(len(heads) - ("id" in heads)))
    if lost := lost_table(comparison):
        yield "Clusters of BEFORE's rows that were lost", grid(LOST_HEADS, lost, numbers=(0, 1))
    if (groups := comparison.rows.groups) is not None:
        yield groups_title(groups), grid(GROUP_HEADS, group_cells(groups), numbers=(0, 1, 2))
    yield "How it was computed", pairs(null_facts(comparison))
    yield "How to reproduce", pairs(reproduce_facts(comparison))


def _notes(gate: Gate) -> list[RenderableType]:
    notes = gate_notes(gate)
    if not notes:
        return []
    lines = [Padding(Text(f"{label}: {text}"), (0, 0, 0, 4)) for label, text in notes]
    return ["", Text.assemble(f"  {gate.id} ", (gate.status, VERDICTS[gate.status])), *lines]
