"""From errors inside and outside a teacher's span to the parts of the document."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from specaudit import documents as doc
from specaudit.experiments.learners import NetworkLearner
from specaudit.experiments.slopes import estimated
from specaudit.experiments.span_verdicts import SourceFinding, findings
from specaudit.experiments.synthetic_rows import SpanTask
from specaudit.experiments.synthetic_span import FRESH, SELF, TAUGHT, SpanStudy
from specaudit.experiments.targets import Labels
from specaudit.kernels import FloatArray
from specaudit.report.experiment.assemble import Parts, floats, measured

REAL, EPOCHS, TEACHER = "real", "equal-epochs", "teacher"
OF_MODES = "squared error on held-out rows over the truth's, both projected {} the span of the teacher's modes there"
OF_CLASSES = "share of the held-out rows of {} classes that are misclassified"
NOTES = (
    "Held equal in a run: the split, the target, the real rows, the generator, the student's seed and ridge, and its "
    "optimiser steps, whatever the volume. At equal epochs more rows mean more steps, which look like a gain.",
    "Generated rows are of a Gaussian mixture in the leading principal components of the rows that the teacher "
    "knows, with noise along the others. What better generators would give is not told.",
)


def synthetic_span_parts(task: SpanTask, found: SpanStudy) -> Parts:
    """Return what the document says of a study."""
    judged = findings(found)
    labels = {source.id: source.label for source in found.sources}
    told = "; ".join(f"{labels[one.source]} {one.verdict}" for one in judged)
    return Parts(
        summary=f"outside the teacher's span, of {found.volumes[-1]:g} times the real rows: {told}.",
        settings=list(_settings(task, found)),
        arms=list(_arms(task, found)),
        quantities=_quantities(task, found),
        measures=[*_errors(found), *(measure for one in judged for measure in _gains(one)), *_drift(found)],
        verdicts=[doc.Finding(arm=one.source, verdict=one.verdict, reason=one.reason) for one in judged],
        panels=list(_panels(task)),
        curves=list(_curves(found)),
        notes=NOTES,
        warnings=_warnings(found),
    )


def _settings(task: SpanTask, found: SpanStudy) -> Iterator[tuple[str, str]]:
    run, teacher = found.runs[0], task.teacher
    if teacher.modes is not None:
        yield "teacher", f"knows the {teacher.modes:,} leading modes of the real rows"
    else:
        assert isinstance(task.problem.target, Labels)
        yield (
            "teacher",
            "knows the labels " + ", ".join(task.problem.target.names[code] for code in teacher.classes or ()),
        )
    yield "real rows", f"{run.real:,}; held out {run.tested:,}"
    yield "added rows", ", ".join(f"{task.added(volume):,}" for volume in found.volumes[1:])


def _arms(task: SpanTask, found: SpanStudy) -> Iterator[doc.Arm]:
    yield doc.Arm(id=REAL, label="real rows alone", note="no added rows, as many optimiser steps as all others")
    for source in found.sources:
        yield doc.Arm(id=source.id, label=source.label, note=source.note)
    if found.runs[0].epochs is not None:
        assert isinstance(task.problem.learner, NetworkLearner)
        steps = task.problem.learner.network.steps / (1 + found.volumes[-1])
        note = f"real rows alone for {steps:,.0f} steps: theirs at the epochs of the largest volume"
        yield doc.Arm(id=EPOCHS, label="equal epochs", note=note)
    yield doc.Arm(id=TEACHER, label="the teacher", note="its own errors")


def _quantities(task: SpanTask, found: SpanStudy) -> tuple[doc.Quantity, ...]:
    outside, inside = (
        (OF_MODES.format("off"), OF_MODES.format("onto"))
        if task.teacher.modes is not None
        else (OF_CLASSES.format("other"), OF_CLASSES.format("the teacher's"))
    )
    largest = f"at {found.volumes[-1]:g} times the real rows"
    made = (
        ("outside", "error outside", f"{largest}: {outside}"),
        ("inside", "error inside", f"{largest}: {inside}"),
        ("outside-gain", "gain outside", "how far the error is below that of the real rows alone in the same run"),
        ("inside-gain", "gain inside", "the same inside the span"),
        ("share", "share of real gain", "gain outside over that of as many fresh real rows, with Fieller's interval"),
        (
            "drift",
            "drift",
            "largest change of a prediction by training on own labels too, in standard deviations of the truth; of "
            "kernel ridge regression it is rounding",
        ),
    )  # fmt: skip
    return tuple(doc.Quantity(id=name, label=label, unit="", note=note) for name, label, note in made)


def _errors(found: SpanStudy) -> Iterator[doc.Measure]:
    of = {REAL: found.errors(FRESH.id)[:, 0]}
    of |= {source.id: found.errors(source.id)[:, -1] for source in found.sources}
    if found.runs[0].epochs is not None:
        of[EPOCHS] = np.array([run.epochs for run in found.runs])
    of[TEACHER] = np.array([run.teacher for run in found.runs])
    for side, quantity in enumerate(("outside", "inside")):
        for arm, errors in of.items():
            yield measured(arm, quantity, estimated(errors[:, side], found.shared))


def _gains(one: SourceFinding) -> Iterator[doc.Measure]:
    yield measured(one.source, "outside-gain", one.outside)
    yield measured(one.source, "inside-gain", one.inside)
    if one.share is not None:
        yield measured(one.source, "share", one.share)


def _drift(found: SpanStudy) -> Iterator[doc.Measure]:
    """Yield the largest move over the runs, which has no interval."""
    largest = max(run.drift for run in found.runs)
    yield doc.Measure(arm=SELF.id, quantity="drift", value=largest, low=None, high=None, runs=len(found.runs))


def _panels(task: SpanTask) -> Iterator[doc.Panel]:
    for name in ("outside", "inside"):
        yield doc.Panel(
            id=name,
            title=f"Error {name} the teacher's span",
            x_label="added rows / real rows",
            y_label="error",
            x_log=False,
            y_log=False,
        )
    if task.teacher.modes is not None:
        yield doc.Panel(
            id="sizes",
            title="Smaller and larger teachers",
            x_label="modes m of the teacher",
            y_label="error outside its span",
            x_log=True,
            y_log=False,
        )


def _curves(found: SpanStudy) -> Iterator[doc.Series]:
    x = np.array(found.volumes)
    for side, panel in enumerate(("outside", "inside")):
        start = found.errors(FRESH.id)[:, :1, side]
        yield _series(panel, REAL, x, np.repeat(start, len(x), axis=1), found.shared)
        for source in found.sources:
            yield _series(panel, source.id, x, found.errors(source.id)[..., side], found.shared)
        own = float(np.mean([run.teacher[side] for run in found.runs]))
        yield doc.Series(
            panel=panel, arm=TEACHER, x=floats(x[[0, -1]]), y=(own, own), low=None, high=None, reference=True
        )
    sizes = np.array(found.runs[0].sizes, float)
    if len(sizes):
        sized = np.array([run.sized for run in found.runs])
        for side, arm in enumerate((TAUGHT.id, REAL)):
            yield _series("sizes", arm, sizes, sized[..., side], found.shared)


def _series(panel: str, arm: str, x: FloatArray, values: FloatArray, shared: float) -> doc.Series:
    """Return the mean over runs of curves (r, s), with 95 % intervals of more than one run."""
    points = [estimated(column, shared) for column in values.T]
    low, high = ([getattr(point, end) for point in points] for end in ("low", "high"))
    return doc.Series(
        panel=panel,
        arm=arm,
        x=floats(x),
        y=floats([point.value for point in points]),
        low=None if None in low else floats(low),
        high=None if None in high else floats(high),
    )


def _warnings(found: SpanStudy) -> list[doc.Warning_]:
    if found.runs[0].epochs is None:
        return []
    steps = found.errors(FRESH.id)[:, 0, 0]
    more = estimated(np.array([run.epochs for run in found.runs])[:, 0] - steps, found.shared)
    if more.low is None or more.low <= 0:
        return []
    return [
        doc.Warning_(
            id="SPA061",
            message=f"at equal epochs the real rows alone are worse outside the span by {more.told()}: added "
            "rows of any kind would look that much better",
            next_step="hold steps equal in your own comparisons too",
        )
    ]
