"""A pruning as markdown for job summaries and pull requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specaudit.report.compare.diversity import DIVERSITY
from specaudit.report.compare.markdown import render as render_audit
from specaudit.report.markdown import escape, table, warned
from specaudit.report.prune.facts import (
    DIVERSITY_HEADS,
    MEANING,
    MORE_HEADS,
    TABLE_HEADS,
    bounds_sentence,
    diversity_cells,
    headline,
    more_cells,
    pruning_facts,
    table_cells,
)

if TYPE_CHECKING:
    from specaudit.documents import Pruning


def render(pruning: Pruning) -> str:
    """Return the finding in bold, and the audit or the table of methods."""
    if pruning.trials:
        methods = [(method.name, method.keeps, method.source) for method in pruning.methods]
        rows = [(*table_cells(pruning, trial), *more_cells(pruning, trial)) for trial in pruning.trials]
        blocks = [
            f"**{escape(headline(pruning))}**",
            table((*TABLE_HEADS, *MORE_HEADS), rows),
            escape(bounds_sentence(pruning)),
            escape(MEANING),
            f"{DIVERSITY}: after / before, ± the half-width of the 95 % interval",
            table(DIVERSITY_HEADS, [diversity_cells(pruning, trial) for trial in pruning.trials]),
            table(("method", "keeps", "source"), methods),
        ]
        return "\n\n".join(blocks) + "\n"
    facts = table(("pruning", ""), pruning_facts(pruning))
    if pruning.audit is None:
        return "\n\n".join([f"**{escape(headline(pruning))}**", facts, *warned(pruning.warnings)]) + "\n"
    return f"{facts}\n\n{render_audit(pruning.audit)}"
