"""A pruning as text for people: the finding, what is kept, and the audit or the table of methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from specaudit.embeddings.display import shown
from specaudit.report.compare.diversity import DIVERSITY
from specaudit.report.compare.table import comparison_parts
from specaudit.report.prune.facts import (
    DIVERSITY_HEADS,
    MEANING,
    TABLE_HEADS,
    bounds_sentence,
    diversity_cells,
    headline,
    pruning_facts,
    table_cells,
)
from specaudit.report.table import VERDICTS, grid, pairs, printed, warned

if TYPE_CHECKING:
    from specaudit.documents import Pruning


def render(pruning: Pruning, width: int, color: bool) -> str:
    """Return the report in lines of at most ``width`` columns; escape codes only if ``color``."""
    style = VERDICTS[pruning.verdict] if pruning.verdict else "bold"
    parts: list[RenderableType] = [Text(headline(pruning), style)]
    if pruning.trials:
        parts += [
            "",
            grid(TABLE_HEADS, _once([table_cells(pruning, t) for t in pruning.trials]), status=3, numbers=(1, 2)),
            "",
            Text(bounds_sentence(pruning)),
            Text(MEANING, "dim"),
            "",
            Text(f"{DIVERSITY}, after / before", "bold"),
            grid(DIVERSITY_HEADS, _once([diversity_cells(pruning, t) for t in pruning.trials]), numbers=(1,)),
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


def _once(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return the rows of a table with each method named once."""
    names = [name for name, *_ in rows]
    return [("" if name == last else name, *rest) for (name, *rest), last in zip(rows, ["", *names], strict=False)]
