"""A pruning as text for people: the finding, what is kept, and the audit or the table of methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from specaudit.embeddings.display import shown
from specaudit.report.compare.table import STYLES, comparison_parts
from specaudit.report.prune.facts import MEANING, TABLE_HEADS, bounds_sentence, headline, pruning_facts, table_cells
from specaudit.report.table import pairs, printed, warned

if TYPE_CHECKING:
    from specaudit.documents import Pruning


def render_pruning(pruning: Pruning, width: int, color: bool) -> str:
    """Return the report in lines of at most ``width`` columns; escape codes only if ``color``."""
    style = STYLES[pruning.verdict] if pruning.verdict else "bold"
    parts: list[RenderableType] = [Text(headline(pruning), style)]
    if pruning.trials:
        parts += [
            "",
            _table(pruning),
            "",
            Text(bounds_sentence(pruning)),
            Text(MEANING, "dim"),
            "",
            Text("Methods", "bold"),
        ]
        parts.append(pairs([(m.name, f"{m.keeps} ({m.source})") for m in pruning.methods]))
        parts += ["", Text("How to reproduce", "bold"), pairs([("command", shown(pruning.reproduce.command, 2000))])]
    else:
        parts += ["", Text("Pruning", "bold"), pairs(pruning_facts(pruning))]
    if pruning.audit is not None:
        return printed([*parts, "", *comparison_parts(pruning.audit)[1:]], width, color)
    return printed([*parts, *warned(pruning.warnings)], width, color)


def _table(pruning: Pruning) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for at, head in enumerate(TABLE_HEADS):
        table.add_column(head, overflow="fold", justify="right" if at in (1, 2) else "left")
    last = ""
    for trial in pruning.trials:
        cells = [Text(cell, STYLES.get(cell, "")) for cell in table_cells(pruning, trial)]
        if trial.method == last:
            cells[0] = Text("")
        last = trial.method
        table.add_row(*cells)
    return table
