"""The document of `specaudit headroom`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from specaudit.documents.base import Document, Environment, Kernel, Warning_, to_json
from specaudit.documents.span import SpanReproduce, SpanSide

if TYPE_CHECKING:
    from pathlib import Path

HeadroomVerdict = Literal["headroom", "none", "unresolved"]

LIMIT = (
    "An upper limit for weights of rows, to first order and with the modes held fixed: no promise that a sampler "
    "reaches it, and no exponent."
)


class HeadroomCurve(Document):
    """Headroom over ranks: of the data, what an oracle needs, and of homogeneous data of as many rows."""

    rank: tuple[int, ...] = Field(description="modes that are learned")
    gain: tuple[float, ...] = Field(description="G_C(k): factor on the trace of the tail, between 1 and the cap")
    need: tuple[float, ...] = Field(description="Tr / tail(k): the factor of an oracle")
    null: tuple[float, ...] = Field(description="mean of the null's draws")
    null_low: tuple[float, ...] = Field(description="95 % of further draws are between this")
    null_high: tuple[float, ...] = Field(description="and this")
    null_need: tuple[float, ...]


class HeadroomNull(Document):
    """The homogeneous null: uniform points on a sphere."""

    kernel: Kernel
    dimension: int = Field(description="of the sphere")
    rows: int
    draws: int
    limit: float | None = Field(description="what may be chance at the judged rank; null if no sphere needs as much")


class Headroom(Document):
    """The result of `specaudit headroom`."""

    schema_: Literal["specaudit.headroom/1"] = Field(default="specaudit.headroom/1", alias="schema")
    verdict: HeadroomVerdict
    reason: str
    exit_code: int = Field(description="under --gate")
    data: SpanSide
    kernel: Kernel
    cap: float
    rank: int | None = Field(description="by which the verdict is found; null if there is none")
    gain: float | None = Field(description="there")
    need: float | None = Field(description="there")
    curve: HeadroomCurve
    null: HeadroomNull
    note: str = LIMIT
    reproduce: SpanReproduce
    environment: Environment
    warnings: tuple[Warning_, ...]

    def to_json(self) -> str:
        """Return the document: strict JSON, sorted keys, 6 significant digits, ending in a newline."""
        return to_json(self)

    def plot(self, path: str | Path) -> None:
        """Write the figure (gain, need and null over ranks) to a .svg, .pdf or .png file."""
        from specaudit.report.headroom import plots

        plots.save_headroom(self, path)
