"""What all experiments' documents share: the run around the parts that each experiment fills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from specaudit import documents as doc
from specaudit.experiments.slopes import Estimate, estimated
from specaudit.kernels import FloatArray, Kernel
from specaudit.report.compare.assemble import kernel_document
from specaudit.version import ESTIMATOR_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What an experiment says; each field is that of the document."""

    summary: str
    settings: Sequence[tuple[str, str]]
    arms: Sequence[doc.Arm]
    quantities: Sequence[doc.Quantity]
    measures: Sequence[doc.Measure]
    verdicts: Sequence[doc.Finding]
    panels: Sequence[doc.Panel]
    curves: Sequence[doc.Series]
    notes: Sequence[str]
    warnings: Sequence[doc.Warning_] = field(default=())


def experiment_document(
    name: doc.ExperimentName,
    parts: Parts,
    *,
    data: doc.SpanSide,
    kernel: Kernel,
    settings: Sequence[tuple[str, str]],
    command: str,
    seed: int,
    environment: doc.Environment,
    warnings: Sequence[doc.Warning_],
    exploratory: bool = False,
) -> doc.Experiment:
    """Return the document of an experiment; `settings` and `warnings` are those of the task, before its own."""
    return doc.Experiment(
        experiment=name,
        exploratory=exploratory,
        summary=parts.summary,
        data=data,
        kernel=kernel_document(kernel),
        settings=tuple(doc.Setting(name=key, value=value) for key, value in (*settings, *parts.settings)),
        arms=tuple(parts.arms),
        quantities=tuple(parts.quantities),
        measures=tuple(parts.measures),
        verdicts=tuple(parts.verdicts),
        panels=tuple(parts.panels),
        curves=tuple(parts.curves),
        notes=tuple(parts.notes),
        reproduce=doc.SpanReproduce(command=command, seed=seed, estimator=ESTIMATOR_VERSION),
        environment=environment,
        warnings=(*warnings, *parts.warnings),
    )


def floats(values: FloatArray | Sequence[float]) -> tuple[float, ...]:
    """Return numbers as a document holds them."""
    return tuple(float(value) for value in values)


def measured(arm: str, quantity: str, of: Estimate) -> doc.Measure:
    """Return an estimate as a measure of an arm."""
    return doc.Measure(arm=arm, quantity=quantity, value=of.value, low=of.low, high=of.high, runs=of.runs)


def over_runs(panel: str, arm: str, x: FloatArray, values: FloatArray, shared: float = 0.0) -> doc.Series:
    """Return the geometric mean over runs of positive curves (r, s), with 95 % intervals of more than one run.

    `shared` as in `slopes.estimated`.
    """
    points = [estimated(column, shared).exponential for column in np.log(values).T]
    band = all(point.low is not None for point in points)
    return doc.Series(
        panel=panel,
        arm=arm,
        x=floats(x),
        y=floats([point.value for point in points]),
        low=floats([point.low or 0.0 for point in points]) if band else None,
        high=floats([point.high or 0.0 for point in points]) if band else None,
    )
