"""From learning curves under static prunings to the parts of the document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from specaudit import documents as doc
from specaudit.experiments.slopes import estimated
from specaudit.experiments.static_limit import ArmCurve, StaticLimit
from specaudit.experiments.tail import LocalTail
from specaudit.report.experiment.assemble import Parts, floats, measured, over_runs

QUANTITIES = (
    doc.Quantity(
        id="slope",
        label="slope",
        unit="",
        note="d ln loss / d ln n over the pool sizes n before pruning; loss is the squared error on held-out rows "
        "over the target's own",
    ),
    doc.Quantity(
        id="slope-difference",
        label="Δ slope",
        unit="",
        note="slope less that of the unpruned rows in the same run; above 0 the curve is flatter",
    ),
    doc.Quantity(
        id="slope-beside-random",
        label="Δ slope to random",
        unit="",
        note="slope less that of as many random rows in the same run",
    ),
    doc.Quantity(
        id="equal-loss-share",
        label="equal-loss share",
        unit="",
        note="share of the largest pool, unpruned, that gives the loss of the arm; random rows have about the share "
        "kept. One end alone is no end of a 95 % interval: runs are off the unpruned curve, and it is the smallest "
        "or largest share of all of them",
    ),
    doc.Quantity(id="loss", label="loss", unit="", note="at the largest size"),
)
OF_MODELS = (
    doc.Quantity(
        id="model-slope",
        label="model slope",
        unit="",
        note="d ln loss / d ln size of the model, at one number of rows: leading modes, or hidden units",
    ),
    doc.Quantity(
        id="model-slope-difference",
        label="Δ model slope",
        unit="",
        note="less that of the unpruned rows in the same run; hold it against that of random rows, as few",
    ),
    doc.Quantity(
        id="model-level",
        label="model level",
        unit="",
        note="factor on the unpruned loss over model sizes, as a mean in ln: how far the pruning moves the level",
    ),
)
NOTES = (
    "Held equal in a run: the split, the target, and the order of the rows. A rule is made once from the whole pool, "
    "so that it gives a row the same weight at every size.",
    "Slopes are of these sizes only and no asymptote. A pruning that is made anew at each size, or keeps another "
    "share there, is no static weighting.",
)


def static_limit_parts(found: StaticLimit, *, network: bool, law: float | None) -> Parts:
    """Return what the document says of the learning curves.

    Parameters
    ----------
    network
        Whether the models are networks; else their sizes are modes.
    law
        Slope that theory gives the curve of the unpruned rows; None without one.
    """
    first, *pruned = found.arms
    counts = Counter(arm.verdict for arm in pruned)
    told = ", ".join(f"{number} {verdict}" for verdict, number in counts.items())
    b = "" if found.tail is None else f", b = {found.tail.value:.2f}"
    return Parts(
        summary=f"of {len(pruned)} static prunings {told}; unpruned loss ∝ n^{first.slope.told('.2f')}{b}.",
        settings=[
            ("pool sizes", ", ".join(f"{size:,}" for size in found.sizes)),
            ("held out", f"{found.tested:,} rows"),
            ("local exponent b", tail_told(found.tail)),
        ],
        arms=[_arm(arm) for arm in found.arms],
        quantities=(*QUANTITIES, *OF_MODELS) if found.models else QUANTITIES,
        measures=[measure for arm in found.arms for measure in _measures(arm, found.shared)],
        verdicts=[doc.Finding(arm=arm.id, verdict=arm.verdict, reason=arm.reason) for arm in pruned if arm.verdict],
        panels=[
            doc.Panel(
                id="loss", title="Learning curves", x_label="pool size n", y_label="loss", x_log=True, y_log=True
            ),
            doc.Panel(
                id="ratio",
                title="Loss over unpruned loss",
                x_label="pool size n",
                y_label="ratio",
                x_log=True,
                y_log=True,
            ),
            *([_model_panel(found, network=network)] if found.models else []),
        ],
        curves=[*_curves(found), *([] if law is None else [_law(found, law)])],
        notes=NOTES,
    )


def _law(found: StaticLimit, slope: float) -> doc.Series:
    """Return the line of this slope through the middle of the unpruned curve."""
    x, y = np.log(np.array(found.sizes, float)), np.log(found.arms[0].losses).mean(axis=0)
    line = y.mean() + slope * (x - x.mean())
    return doc.Series(
        panel="loss",
        arm="none",
        label=f"n^{slope:g}",
        x=floats(np.exp(x)),
        y=floats(np.exp(line)),
        low=None,
        high=None,
        reference=True,
    )


def _model_panel(found: StaticLimit, *, network: bool) -> doc.Panel:
    return doc.Panel(
        id="model",
        title=f"Model size, {found.model_rows:,} rows",
        x_label="hidden units" if network else "leading modes",
        y_label="loss",
        x_log=True,
        y_log=True,
    )


def tail_told(tail: LocalTail | None) -> str:
    """Return a local exponent with its window."""
    if tail is None:
        return "not told by these rows"
    window = "{:.3g} to {:.3g}".format(*tail.window)
    return f"{tail.value:.2f} over effective dimensions {window} (halves {tail.low:.2f} to {tail.high:.2f})"


def _arm(arm: ArmCurve) -> doc.Arm:
    if arm.pruning is None:
        return doc.Arm(id="none", label="unpruned", note="all rows of the pool")
    kept = f"{100 * arm.pruning.keep:g} %"
    note = f"{kept} of the rows, the first in the order of the method"
    if arm.pruning.method == "random":
        note = f"{kept} of the rows at random, the reference"
    elif arm.pruning.soft:
        note = f"{kept} of the rows, by weights of at most {1 / arm.pruning.keep:.3g} and mean 1"
    return doc.Arm(id=arm.id, label=arm.pruning.label, note=note)


def _measures(arm: ArmCurve, shared: float) -> Iterator[doc.Measure]:
    runs = arm.slope.runs
    yield measured(arm.id, "slope", arm.slope)
    if arm.difference is not None:
        yield measured(arm.id, "slope-difference", arm.difference)
    if arm.beside_random is not None:
        yield measured(arm.id, "slope-beside-random", arm.beside_random)
    if arm.share is not None:
        share = arm.share
        yield doc.Measure(
            arm=arm.id, quantity="equal-loss-share", value=share.value, low=share.low, high=share.high, runs=runs
        )
    yield measured(arm.id, "loss", estimated(arm.losses[:, -1], shared))
    if arm.saturation is not None:
        of = (arm.saturation.slope, arm.saturation.difference, arm.saturation.level)
        for quantity, value in zip(OF_MODELS, of, strict=True):
            if value is not None:
                yield measured(arm.id, quantity.id, value)


def _curves(found: StaticLimit) -> Iterator[doc.Series]:
    x, models = np.array(found.sizes, float), np.array(found.models, float)
    unpruned = found.arms[0].losses
    for arm in found.arms:
        yield over_runs("loss", arm.id, x, arm.losses, found.shared)
        if arm.pruning is not None:
            yield over_runs("ratio", arm.id, x, arm.losses / unpruned, found.shared)
        if arm.saturation is not None:
            yield over_runs("model", arm.id, models, arm.saturation.losses, found.shared)
