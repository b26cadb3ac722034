"""A comparison as markdown for job summaries and pull requests, always small enough for one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

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
from specaudit.report.compare.removed import LOST_HEADS, lost_table, named_rows, row_table
from specaudit.report.markdown import escape, table, warned

if TYPE_CHECKING:
    from specaudit.documents import Comparison

LIMIT = 60_000
"""Bytes: a job summary takes a megabyte, a comment 64 KB."""
NAMED = 20
WARNED = 20


def render(comparison: Comparison) -> str:
    """Return the report as markdown of at most 64 KB; what was left out for that is counted."""
    return _fitted([f"**{escape(headline(comparison))}**", *_blocks(comparison)])


def _blocks(comparison: Comparison) -> Iterator[str]:
    yield escape(amount(comparison))
    yield table(GATE_HEADS, [gate_cells(gate) for gate in comparison.gates])
    notes = [(gate.id, note) for gate in comparison.gates for note in gate_notes(gate)]
    if notes:
        yield "\n".join(f"- **{name}** *{label}:* {escape(text)}" for name, (label, text) in notes)
    yield table(("what became of the tail", ""), tail_facts(comparison))
    yield table(("who matched whom", ""), relation_facts(comparison))
    for name, title in kernels(comparison).items():
        if tests := comparison.spectra[name].tests:
            yield f"Tests under {escape(title)}\n\n{table(TEST_HEADS, [statistic_cells(test) for test in tests])}"
        if (deep := comparison.spectra[name].deep_gain) is not None:
            yield f"{escape(deep_title(title))}\n\n{table(('', 'κ after / κ before'), deep_facts(deep))}"
    if comparison.finite_region is not None:
        yield table(("finite region", ""), region_facts(comparison.finite_region))
    if indices := diversity_table(comparison):
        yield f"{DIVERSITY}\n\n{table(DIVERSITY_HEADS, indices)}"
    for title, found in named_rows(comparison):
        cells = table(*row_table(found[:NAMED]))
        yield f"{escape(title)}\n\n{cells}{_left(len(found) - NAMED, 'rows')}"
    if lost := lost_table(comparison):
        yield f"Clusters of BEFORE's rows that were lost\n\n{table(LOST_HEADS, lost)}"
    if (groups := comparison.rows.groups) is not None:
        yield f"{escape(groups_title(groups))}\n\n{table(GROUP_HEADS, group_cells(groups))}"
    if comparison.warnings:
        yield "\n".join(warned(comparison.warnings[:WARNED])) + _left(len(comparison.warnings) - WARNED, "warnings")
    yield table(("how it was computed", ""), null_facts(comparison))
    yield table(("how to reproduce", ""), reproduce_facts(comparison))


def _left(count: int, what: str) -> str:
    return f"\n\n*{count:,} more {what} are in the JSON document.*" if count > 0 else ""


def _fitted(blocks: Sequence[str]) -> str:
    """Return the first of ``blocks`` that fit, and how many did not."""
    size = 0
    for at, block in enumerate(blocks):
        size += len(block.encode()) + 2
        if size > LIMIT:
            return "\n\n".join([*blocks[:at], f"*{len(blocks) - at} more parts are in the JSON document.*"]) + "\n"
    return "\n\n".join(blocks) + "\n"
