"""A fit as markdown, for pull requests and job summaries."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from specaudit.embeddings.display import shown
from specaudit.report.facts import MEANING, dataset_facts, headline, kernel_facts
from specaudit.report.fusion import TITLE, fusion_facts

if TYPE_CHECKING:
    from specaudit.documents import Fit, Warning_


def render(fit: Fit) -> str:
    """Return the report on ``fit`` as markdown: the finding in bold, two tables, the warnings."""
    names = [fit.primary, *(name for name in fit.spectra if name != fit.primary)]
    facts = [dict(kernel_facts(fit.spectra[name])) for name in names]
    labels = dict.fromkeys(label for column in facts for label in column)
    heads = [f"{name} (primary)" if name == fit.primary else name for name in names]
    blocks = [
        f"**{escape(headline(fit))}**",
        escape(MEANING),
        table(["data set", fit.dataset.source], dataset_facts(fit.dataset)),
        table(["kernel", *heads], [(label, *(column.get(label, "") for column in facts)) for label in labels]),
    ]
    if fit.fusion is not None:
        blocks.append(table([TITLE, ""], fusion_facts(fit.fusion)))
    if fit.warnings:
        blocks.append("\n".join(warned(fit.warnings)))
    return "\n\n".join(blocks) + "\n"


def warned(warnings: Sequence[Warning_]) -> list[str]:
    """Return each warning with its next step as an item of a list."""
    return [f"- **{w.id}** {escape(w.message)} *Next:* {escape(w.next_step)}" for w in warnings]


def escape(text: str) -> str:
    """Return ``text`` on one line, so that markdown shows it as it is: no markup, link or table cell."""
    line = re.sub(r"([\\`*_\[\]<>|~!$])", r"\\\1", shown(text, 400))
    return line.replace("&", "&amp;")


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a markdown table of cells that are shown as they are."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(c if c == '---' else escape(c) for c in cells)} |" for cells in lines)
