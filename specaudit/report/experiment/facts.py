"""An experiment in words: the same for every renderer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from specaudit.embeddings.display import shown
from specaudit.report.facts import number

if TYPE_CHECKING:
    from specaudit.documents import Experiment, Measure

VERDICT_HEADS = ("arm", "verdict", "why")
MEASURE_HEADS = ("quantity", "arm", "value", "95 % interval", "runs")
EXPLORATORY = "Exploratory: an open question. Figures without a claim."


def headline(experiment: Experiment) -> str:
    """Return the finding in a sentence."""
    marked = " (exploratory)" * experiment.exploratory
    return f"{shown(experiment.data.source, 60)}, {experiment.experiment}{marked}: {experiment.summary}"


def said(experiment: Experiment) -> list[str]:
    """Return what was held equal, and what is not claimed, a sentence or two each."""
    return [*([EXPLORATORY] if experiment.exploratory else []), *experiment.notes]


def data_facts(experiment: Experiment) -> Iterator[tuple[str, str]]:
    """Yield what was trained on, and how."""
    side, kernel = experiment.data, experiment.kernel
    yield "rows", f"{side.rows:,}, {side.unique_rows:,} different, {side.sampled_rows:,} used"
    length = "" if kernel.bandwidth is None else f", bandwidth {number(kernel.bandwidth)}"
    yield "kernel", f"{shown(kernel.name)}{length}"
    yield from ((shown(one.name), shown(one.value, 400)) for one in experiment.settings)


def labels(experiment: Experiment) -> dict[str, str]:
    """Return the label of each arm."""
    return {arm.id: shown(arm.label, 40) for arm in experiment.arms}


def verdict_cells(experiment: Experiment) -> list[tuple[str, str, str]]:
    """Return what was found of each arm that is judged."""
    named = labels(experiment)
    return [(named[one.arm], one.verdict, shown(one.reason, 400)) for one in experiment.verdicts]


def measure_cells(experiment: Experiment) -> list[tuple[str, ...]]:
    """Return every measure, by quantity; its name stands before the first arm."""
    named = labels(experiment)
    cells: list[tuple[str, ...]] = []
    for quantity in experiment.quantities:
        of = [one for one in experiment.measures if one.quantity == quantity.id]
        unit = f", {quantity.unit}" if quantity.unit else ""
        for place, one in enumerate(of):
            head = f"{shown(quantity.label, 60)}{unit}" if not place else ""
            value = "" if one.value is None else number(one.value, 3)
            cells.append((head, named[one.arm], value, interval(one), str(one.runs)))
    return cells


def interval(measure: Measure) -> str:
    """Return a measure's interval, or the bound that is known in its place."""
    low, high = measure.low, measure.high
    if low is not None and high is not None:
        return f"{number(low, 3)} to {number(high, 3)}"
    if low is None and high is None:
        return ""
    return f"at least {number(low, 3)}" if low is not None else f"at most {number(high or 0.0, 3)}"


def quantity_facts(experiment: Experiment) -> list[tuple[str, str]]:
    """Return what each quantity is."""
    return [(shown(one.label, 60), shown(one.note, 400)) for one in experiment.quantities]


def arm_facts(experiment: Experiment) -> list[tuple[str, str]]:
    """Return what distinguishes each arm."""
    return [(shown(one.label, 40), shown(one.note, 400)) for one in experiment.arms if one.note]


def reproduce_facts(experiment: Experiment) -> Iterator[tuple[str, str]]:
    """Yield how to get the numbers again."""
    if experiment.reproduce.command:
        yield "command", shown(experiment.reproduce.command, 400)
    yield "seed", str(experiment.reproduce.seed)
    yield "data", experiment.data.digest
