"""From learning curves under teachers to the parts of the document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from specaudit import documents as doc
from specaudit.experiments.distill import Distillation, DistilledCurve
from specaudit.experiments.slopes import estimated
from specaudit.report.experiment.assemble import Parts, measured, over_runs
from specaudit.report.experiment.static_limit import tail_told

QUANTITIES = tuple(
    doc.Quantity(id=name, label=label, unit="", note=note)
    for name, label, note in (
        ("slope", "slope", "d ln loss / d ln n over the numbers n of true labels; loss is the squared error on "
         "held-out rows over the target's own"),
        ("slope-difference", "Δ slope", "slope less that of true labels alone in the same run; of a bent curve it is "
         "not 0 even where a teacher is worth a constant factor in labels"),
        ("growth", "g", "n_eq ∝ n^g, where true labels alone reach the loss with n_eq; 1 for a constant factor. Of "
         "sizes at which losses, this and that of true labels alone, are below 1"),
        ("worth", "n_eq / n", "at the largest n"),
        ("loss", "loss", "at the largest n"),
    )
)  # fmt: skip
NOTES = (
    "An open question: no claim is made either way. All intervals are of 95 % each, and there are several arms.",
    "Held equal in a run: the split, the target, the order of the rows, the further rows and the student's "
    "optimiser steps. Frozen teachers have rows of their own, whose labels true labels alone lack: they are worth "
    "much at small n and little past the number of rows that they have seen, which flattens a curve on any window.",
    "A frozen teacher's g below 1 and a mixed one's above 1 on these sizes are no exponents of an infinite curve.",
)


def distill_parts(found: Distillation) -> Parts:
    """Return what the document says of the learning curves."""
    first, *others = found.curves
    counts = Counter(curve.verdict for curve in others)
    told = ", ".join(f"{number} {verdict}" for verdict, number in counts.items())
    return Parts(
        summary=f"of {len(others)} ways of labelling {told} (exploratory); true labels alone: loss ∝ "
        f"n^{first.slope.told('.2f')}.",
        settings=[
            ("true labels n", ", ".join(f"{size:,}" for size in found.sizes)),
            ("further rows", f"{found.added} for each true label"),
            ("held out", f"{found.tested:,} rows"),
            ("local exponent b", tail_told(found.tail)),
        ],
        arms=[doc.Arm(id=curve.way.id, label=curve.way.label, note=curve.way.note) for curve in found.curves],
        quantities=QUANTITIES,
        measures=[measure for curve in found.curves for measure in _measures(found, curve)],
        verdicts=[
            doc.Finding(arm=curve.way.id, verdict=curve.verdict, reason=curve.reason)
            for curve in others
            if curve.verdict
        ],
        panels=[
            doc.Panel(
                id="loss", title="Learning curves", x_label="true labels n", y_label="loss", x_log=True, y_log=True
            ),
            doc.Panel(
                id="worth",
                title="What they are worth: level is a constant factor",
                x_label="true labels n",
                y_label="n_eq / n",
                x_log=True,
                y_log=True,
            ),
        ],
        curves=list(_curves(found)),
        notes=NOTES,
    )


def _measures(found: Distillation, curve: DistilledCurve) -> Iterator[doc.Measure]:
    arm, runs = curve.way.id, len(curve.losses)
    yield measured(arm, "slope", curve.slope)
    if curve.difference is not None:
        yield measured(arm, "slope-difference", curve.difference)
        worth = curve.worth[:, -1] / found.sizes[-1]
        if curve.growth is not None:
            yield measured(arm, "growth", curve.growth)
        else:
            yield doc.Measure(arm=arm, quantity="growth", value=None, low=None, high=None, runs=runs)
        if np.isfinite(worth).all():
            yield measured(arm, "worth", estimated(worth, found.shared))
    yield measured(arm, "loss", estimated(curve.losses[:, -1], found.shared))


def _curves(found: Distillation) -> Iterator[doc.Series]:
    x = np.array(found.sizes, float)
    for curve in found.curves:
        yield over_runs("loss", curve.way.id, x, curve.losses, found.shared)
        told = np.isfinite(curve.worth).all(axis=0)
        if told.any():
            yield over_runs("worth", curve.way.id, x[told], (curve.worth / x)[:, told], found.shared)
