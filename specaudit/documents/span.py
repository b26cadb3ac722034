"""The document of `specaudit span`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from specaudit.documents.base import Document, Environment, Kernel, Warning_, to_json

if TYPE_CHECKING:
    from pathlib import Path

SpanClass = Literal["in-span", "copies", "collapsed", "new-modes", "noise", "unresolved"]
RowClass = Literal["copy", "inside", "typical", "beyond"]

NO_PROOF = "New modes are not proof of capability: errors in common and smooth data off the real set have them too."


class SpanShare(Document):
    """A share of rows beside that of real rows."""

    value: float
    expected: float = Field(description="of real rows")
    z: float = Field(description="standard errors between the two")


class SpanKernel(Document):
    """What one kernel says: excess is ln residual variance less that of the real rows around, over its spread."""

    kernel: Kernel
    shift: float = Field(description="mean excess of the new rows, in standard deviations of real rows'")
    high: SpanShare = Field(description="rows with more excess than 95 % of the real ones")
    low: SpanShare = Field(description="rows with less excess than 95 % of the real ones; without near copies")
    rest: SpanShare = Field(description="as high, with the first five residual modes taken from both")
    coherence: float = Field(
        description="standard errors by which leading residual eigenvalues exceed those of held-out real rows around"
    )
    outside: tuple[float, float] = Field(
        description="mean excess of the rows that carry the first residual mode, and the first five"
    )
    outside_z: float = Field(description="standard errors of the second of these")
    modes: tuple[float, ...] = Field(description="leading residual eigenvalues over those of real rows around")
    modes_low: tuple[float, ...] = Field(description="the same of real rows: 95 % are between this")
    modes_high: tuple[float, ...] = Field(description="and this")
    held_rows: int = Field(description="rows of the sets of which these are")
    level: tuple[float, ...] = Field(description="shares of rows at which excess is given")
    excess: tuple[float, ...] = Field(description="quantiles of the new rows' excess")
    excess_real: tuple[float, ...] = Field(description="quantiles of the real rows' excess")


class SpanSide(Document):
    """A set of rows, as the one pass over it found it."""

    source: str
    source_version: str | None = Field(
        default=None, description="what the store of a remote source calls its content, such as its ETag"
    )
    rows: int
    dimensions: int
    dtype: str
    digest: str
    dropped_rows: int
    unique_rows: int
    sampled_rows: int = Field(description="unique rows that were judged together")


class SpanSet(Document):
    """One set of new rows and what it is to the real ones."""

    side: SpanSide
    class_: SpanClass = Field(alias="class", description="the most important of `classes`")
    classes: tuple[SpanClass, ...]
    reason: str
    near: SpanShare = Field(description="rows nearer to a real row than 99 % of those around it are to another")
    repeats: SpanShare = Field(description="rows within a tenth of the bandwidth of another row of the set")
    row_classes: Mapping[RowClass, int] = Field(description="rows judged together, of each class")
    unseen: float = Field(
        description="a smaller share of other rows may go unseen; of rows like the real ones even a larger one"
    )
    spectra: Mapping[str, SpanKernel]


class SpanReproduce(Document):
    """What is needed to get these numbers again."""

    command: str
    seed: int
    estimator: str


class Span(Document):
    """The result of `specaudit span`."""

    schema_: Literal["specaudit.span/1"] = Field(default="specaudit.span/1", alias="schema")
    class_: SpanClass = Field(alias="class", description="of the last set")
    classes: tuple[SpanClass, ...] = Field(description="of the last set")
    real: SpanSide
    sets: tuple[SpanSet, ...] = Field(description="in the order given: generations, for instance")
    primary: str
    note: str = NO_PROOF
    reproduce: SpanReproduce
    environment: Environment
    warnings: tuple[Warning_, ...]

    def to_json(self) -> str:
        """Return the document: strict JSON, sorted keys, 6 significant digits, ending in a newline."""
        return to_json(self)

    def plot(self, path: str | Path) -> None:
        """Write the figure (excess, leading residual modes, trend) to a .svg, .pdf or .png file."""
        from specaudit.report.span import plots

        plots.save_span(self, path)
