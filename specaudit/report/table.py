"""A fit as text for people: the finding first, then the facts, a scree plot and the warnings."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from specaudit.embeddings.display import shown
from specaudit.report.facts import MEANING, dataset_facts, headline, kernel_facts
from specaudit.report.fusion import TITLE, fusion_facts
from specaudit.report.scree import COLUMNS, above_rounding, scree

if TYPE_CHECKING:
    from specaudit.documents import Fit, Warning_

STYLES = {
    "resolved": "bold green",
    "drifting": "bold yellow",
    "not-power-law": "bold cyan",
    "unresolved": "bold red",
}
VERDICTS = {
    "pass": "bold green",
    "fail": "bold red",
    "inconclusive": "bold yellow",
    "skipped": "dim",
    "waived": "bold magenta",
}
"""Status of a gate -> its colour."""
KERNELS_BESIDE = 2  # kernels whose columns fit side by side in 80 columns
MARGIN = 14  # of the scree plot: its labels and axis


def render(fit: Fit, width: int, color: bool) -> str:
    """Return the report on ``fit`` in lines of at most ``width`` columns; escape codes only if ``color``."""
    parts: list[RenderableType] = [
        Text(headline(fit), STYLES[fit.exponent.status]),
        Text(MEANING, "dim"),
        "",
        Text(shown(fit.dataset.source), "bold"),
        pairs(dataset_facts(fit.dataset)),
    ]
    names = [fit.primary, *(name for name in fit.spectra if name != fit.primary)]
    for start in range(0, len(names), KERNELS_BESIDE):
        parts += ["", _kernels(fit, names[start : start + KERNELS_BESIDE])]
    if fit.fusion is not None:
        parts += ["", Text(TITLE, "bold"), pairs(fusion_facts(fit.fusion))]
    if plot := scree(above_rounding(fit.spectra[fit.primary]), min(COLUMNS, width - MARGIN)):
        title = f"Leading eigenvalues of K/n against rank, log-log ({fit.primary} kernel)"
        parts += ["", Text(title, "bold"), Text(plot, no_wrap=True)]
    return printed([*parts, *warned(fit.warnings)], width, color)


def printed(parts: Sequence[RenderableType], width: int, color: bool) -> str:
    """Return ``parts`` one below the other, in lines of at most ``width`` columns without trailing spaces."""
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=width,
        force_terminal=color,
        color_system="standard" if color else None,
        no_color=not color,
        highlight=False,
        emoji=False,
        markup=False,
        legacy_windows=False,
        _environ={},  # the caller decides, not the environment
    )
    console.print(*parts, sep="\n")
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


def warned(warnings: Sequence[Warning_]) -> list[RenderableType]:
    """Return each warning with its next step, and where more about them is said."""
    parts: list[RenderableType] = []
    for warning in warnings:
        text = Text.assemble((warning.id, "bold yellow"), f" {shown(warning.message, 400)}")
        parts += ["", text, Padding(Text(f"next: {shown(warning.next_step, 400)}"), (0, 0, 0, 7))]
    if warnings:
        parts += ["", Text(f"More: specaudit explain {warnings[0].id}", "dim")]
    return parts


def pairs(facts: Sequence[tuple[str, str]]) -> Table:
    """Return labels and values in two columns, indented."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for label, value in facts:
        table.add_row(Text(f"  {label}"), Text(value))
    return table


def grid(
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
        cells = [Text(cell, VERDICTS.get(cell, "") if at == status else "") for at, cell in enumerate(row)]
        table.add_row(Text("  ").append_text(cells[0]), *cells[1:])
    return table


def _kernels(fit: Fit, names: Sequence[str]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column(no_wrap=True, style="dim")
    for name in names:
        table.add_column(Text(f"{shown(name)} (primary)" if name == fit.primary else shown(name)), overflow="fold")
    facts = [dict(kernel_facts(fit.spectra[name])) for name in names]
    labels = dict.fromkeys(label for column in facts for label in column)
    for label in labels:
        table.add_row(Text(f"  {label}"), *(Text(column.get(label, "")) for column in facts))
    return table
