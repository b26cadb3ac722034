"""An experiment as one HTML page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specaudit.embeddings.display import shown
from specaudit.report.experiment.facts import (
    MEASURE_HEADS,
    VERDICT_HEADS,
    arm_facts,
    data_facts,
    headline,
    labels,
    measure_cells,
    quantity_facts,
    reproduce_facts,
    said,
    verdict_cells,
)
from specaudit.report.pages import Plate, numbers, page, plate, typeset

if TYPE_CHECKING:
    from specaudit.documents import Experiment

TONE = "skipped"  # an experiment passes and fails nothing


def render(experiment: Experiment) -> str:
    """Return the page."""
    from specaudit.report.experiment import plots

    named = labels(experiment)
    return page(
        "experiment",
        experiment.warnings,
        word=experiment.experiment,
        tone=TONE,
        title=f"{experiment.experiment}, {shown(experiment.data.source)}",
        headline=typeset(headline(experiment)),
        lead=" ".join(typeset(note) for note in said(experiment)),
        colors=[(named[arm], color) for arm, (color, _) in plots.looks(experiment).items()],
        figures=_plates(experiment),
        verdict_heads=VERDICT_HEADS,
        verdicts=[(arm, verdict, typeset(why)) for arm, verdict, why in verdict_cells(experiment)],
        measure_heads=MEASURE_HEADS,
        measures=[numbers(cells, (2, 3)) for cells in measure_cells(experiment)],
        arms=arm_facts(experiment),
        quantities=quantity_facts(experiment),
        data=list(data_facts(experiment)),
        reproduce=list(reproduce_facts(experiment)),
    )


def _plates(experiment: Experiment) -> list[Plate]:
    from specaudit.report import plots as shared
    from specaudit.report.experiment import plots

    return [
        plate(
            plots.panel(experiment, of.id),
            f"p{number}",
            title=shown(of.title, 60),
            told=f"{shown(of.y_label, 60)} against {shown(of.x_label, 60)}",
            caption=f"{shown(of.y_label, 60)} against {shown(of.x_label, 60)}; shaded are 95 % intervals.",
            colors={shared.INK: "currentColor"},
        )
        for number, of in enumerate(experiment.panels)
    ]
