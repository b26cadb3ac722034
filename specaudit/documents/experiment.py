"""The document of all `specaudit experiment` commands: arms, what was measured of each, verdicts and curves.

A new experiment adds its name to `ExperimentName` and its words to `ExperimentVerdict` (each explained in
`report/experiment/explain.py`); the shape is the same for all, so that one renderer serves them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from specaudit.documents.base import Document, Environment, Kernel, Warning_, to_json
from specaudit.documents.span import SpanReproduce, SpanSide

if TYPE_CHECKING:
    from pathlib import Path

ExperimentName = Literal["static-limit", "oracle", "synthetic-span", "distill"]
ExperimentVerdict = Literal[
    "parallel", "worse", "steeper",
    "accelerated", "constant-factor", "none", "slower", "collapsed",
    "helps", "in-span-only", "no-change", "hurts",
    "moved", "not-moved",
    "inconclusive", "not-applicable",
]  # fmt: skip


class Setting(Document):
    """One setting of the run, in words."""

    name: str
    value: str


class Arm(Document):
    """One way of training: a pruning, a sampler, a source of labels."""

    id: str
    label: str
    note: str = Field(description="what distinguishes it from the others; may be empty")


class Quantity(Document):
    """Something that is measured of arms."""

    id: str
    label: str
    unit: str = Field(description="empty for a pure number")
    note: str = Field(description="its definition")


class Measure(Document):
    """A quantity of an arm, over the runs."""

    arm: str
    quantity: str
    value: float | None = Field(description="null where it cannot be told, or only a bound can")
    low: float | None = Field(description="of its 95 % interval, or a lower bound alone")
    high: float | None
    runs: int = Field(description="that it is of")


class Finding(Document):
    """What was found of an arm."""

    arm: str
    verdict: ExperimentVerdict
    reason: str


class Panel(Document):
    """Axes that curves share."""

    id: str
    title: str
    x_label: str
    y_label: str
    x_log: bool
    y_log: bool


class Series(Document):
    """A curve of an arm in a panel; with `reference` a line to compare with, not a measurement."""

    panel: str
    arm: str
    label: str | None = Field(default=None, description="null: the arm's")
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] | None = Field(description="of 95 % intervals; null without any")
    high: tuple[float, ...] | None
    reference: bool = False


class Experiment(Document):
    """The result of a `specaudit experiment` command."""

    schema_: Literal["specaudit.experiment/1"] = Field(default="specaudit.experiment/1", alias="schema")
    experiment: ExperimentName
    exploratory: bool = Field(description="an open question: figures without a claim")
    summary: str = Field(description="the finding in a sentence")
    data: SpanSide
    kernel: Kernel
    settings: tuple[Setting, ...]
    arms: tuple[Arm, ...]
    quantities: tuple[Quantity, ...]
    measures: tuple[Measure, ...]
    verdicts: tuple[Finding, ...]
    panels: tuple[Panel, ...]
    curves: tuple[Series, ...]
    notes: tuple[str, ...] = Field(description="what was held equal, and what is not claimed")
    reproduce: SpanReproduce
    environment: Environment
    warnings: tuple[Warning_, ...]

    def measure(self, arm: str, quantity: str) -> Measure | None:
        """Return a quantity of an arm; None where it was not measured."""
        found = (one for one in self.measures if (one.arm, one.quantity) == (arm, quantity))
        return next(found, None)

    def verdict(self, arm: str) -> ExperimentVerdict | None:
        """Return what was found of an arm; None where it is not judged."""
        return next((one.verdict for one in self.verdicts if one.arm == arm), None)

    def to_json(self) -> str:
        """Return the document: strict JSON, sorted keys, 6 significant digits, ending in a newline."""
        return to_json(self)

    def plot(self, path: str | Path) -> None:
        """Write the figure (all panels) to a .svg, .pdf or .png file."""
        from specaudit.report.experiment import plots

        plots.save_experiment(self, path)
