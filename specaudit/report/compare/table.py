"""A comparison as text for people: the verdict first, then the amount, the gates and what they rest on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

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
from specaudit.report.compare.removed import LOST_HEADS, NAMED, lost_table, named_rows, row_table
from specaudit.report.table import pairs, printed, warned

if TYPE_CHECKING:
    from specaudit.documents import Comparison, Gate

STYLES = {
    "pass": "bold green",
    "fail": "bold red",
    "inconclusive": "bold yellow",
    "skipped": "dim",
    "waived": "bold magenta",
}


def render_comparison(comparison: Comparison, width: int, color: bool) -> str:
    """Return the report in lines of at most ``width`` columns; escape codes only if ``color``."""
    return printed(comparison_parts(comparison), width, color)


def comparison_parts(comparison: Comparison) -> list[RenderableType]:
    """Return the report, one part below the other: the verdict first."""
    parts: list[RenderableType] = [
        Text(headline(comparison), STYLES[comparison.verdict]),
        Text(amount(comparison)),
        "",
        _grid(GATE_HEADS, [gate_cells(gate) for gate in comparison.gates], status=1),
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
            yield f"Tests under {title}", _grid(TEST_HEADS, cells, status=4, numbers=(3,))
        if (deep := comparison.spectra[name].deep_gain) is not None:
            yield deep_title(title), pairs(deep_facts(deep))
    if comparison.finite_region is not None:
        yield "Finite region", pairs(region_facts(comparison.finite_region))
    for title, found in named_rows(comparison):
        heads, rows = row_table(found[:NAMED])
        yield title, _grid(heads, rows, numbers=range(len(heads) - ("id" in heads)))
    if lost := lost_table(comparison):
        yield "Clusters of BEFORE's rows that were lost", _grid(LOST_HEADS, lost, numbers=(0, 1))
    yield "How it was computed", pairs(null_facts(comparison))
    yield "How to reproduce", pairs(reproduce_facts(comparison))


def _grid(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    status: int | None = None,
    numbers: Sequence[int] = (),
) -> Table:
    """Return an indented table; the column ``status`` is coloured by what it says, ``numbers`` are set right."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for at, head in enumerate(heads):
        last = at == len(heads) - 1 and at != status
        title = Text(f"{'  ' * (at == 0)}{head}")
        table.add_column(title, overflow="fold", no_wrap=not last, justify="right" if at in numbers else "left")
    for row in rows:
        cells = [Text(cell, STYLES.get(cell, "") if at == status else "") for at, cell in enumerate(row)]
        table.add_row(Text("  ").append_text(cells[0]), *cells[1:])
    return table


def _notes(gate: Gate) -> list[RenderableType]:
    notes = gate_notes(gate)
    if not notes:
        return []
    lines = [Padding(Text(f"{label}: {text}"), (0, 0, 0, 4)) for label, text in notes]
    return ["", Text.assemble(f"  {gate.id} ", (gate.status, STYLES[gate.status])), *lines]
