"""A pruning as one HTML page: that of its audit with what was kept, or the table of all methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specaudit.embeddings.display import shown
from specaudit.report.compare.diversity import DIVERSITY
from specaudit.report.compare.page import render_audit
from specaudit.report.pages import Plate, Section, plate, sections_page, themed
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
    """Return the page."""
    if pruning.audit is not None:
        return render_audit(pruning.audit, command="prune", before=("Pruning", pruning_facts(pruning)))
    return sections_page(
        "prune",
        pruning.warnings,
        [
            *(_methods(pruning) if pruning.trials else [Section(title="Pruning", facts=pruning_facts(pruning))]),
            _again(pruning),
        ],
        word=pruning.verdict or "all methods",
        tone=pruning.verdict or "skipped",
        title=shown(pruning.rows.source),
        headline=headline(pruning),
        lead=MEANING if pruning.trials else "",
    )


def _methods(pruning: Pruning) -> list[Section]:
    from specaudit.report.prune import plots

    kernels = list(pruning.trials[0].spectra)
    colors = _colors()
    return [
        Section(
            title="Audits",
            text=bounds_sentence(pruning),
            heads=(*TABLE_HEADS, *MORE_HEADS),
            cells=[(*table_cells(pruning, trial), *more_cells(pruning, trial)) for trial in pruning.trials],
            numbers=(1, 2),
            status=3,
        ),
        Section(
            title="Methods against rows kept",
            key=[(shown(name), colors.get(color, color)) for name, color in plots.lines(pruning)],
            figures=[figure for number, name in enumerate(kernels) for figure in _plates(pruning, name, number)],
        ),
        Section(
            title=f"{DIVERSITY}, after / before",
            heads=DIVERSITY_HEADS,
            cells=[diversity_cells(pruning, trial) for trial in pruning.trials],
            numbers=(1,),
        ),
        Section(title="Methods", facts=[(of.name, f"{of.keeps} ({of.source})") for of in pruning.methods]),
    ]


def _plates(pruning: Pruning, kernel: str, number: int) -> list[Plate]:
    from specaudit.report.prune import plots

    return [
        plate(
            plots.panel(pruning, kernel, name),
            f"k{number}-{place}",
            title=f"{shown(kernel)}: {name}",
            told=f"{name} against rows kept",
            caption=f"{name[:1].upper()}{name[1:]} against rows kept; 0 is random rows of equal number.",
            colors=_colors(),
        )
        for place, name in enumerate(plots.PANELS)
    ]


def _colors() -> dict[str, str]:
    from specaudit.report.prune import plots

    return themed() | {plots.BAND: "var(--line)"}


def _again(pruning: Pruning) -> Section:
    facts = [("command", shown(pruning.reproduce.command, 2000))] if pruning.reproduce.command else []
    facts += [("seed", f"{pruning.reproduce.seed}"), ("data", pruning.rows.digest)]
    return Section(title="How to reproduce", facts=facts)
