"""The document of `specaudit simulate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from specaudit.documents.base import Document, Environment, Warning_, to_json
from specaudit.documents.span import SpanReproduce

if TYPE_CHECKING:
    from pathlib import Path

SimulationVerdict = Literal["accelerated", "transient", "none", "jammed", "inconclusive", "not-applicable"]

IN_MODES = (
    "Weights here act on the modes of the operator one by one. Weights of rows can do so only where modes are local."
)


class SimulatedSpectrum(Document):
    """The eigenvalues that are learned."""

    source: str | None = Field(description="the fit; null for an exact power law")
    kernel: str | None
    exponent: float | None = Field(description="b of the tail k^-b; null where it is not known to be a power law")
    tail: Literal["exact", "fitted", "none"]
    modes: float = Field(description="that are followed; later ones count in the trace")
    measured: int = Field(description="how many of them were measured")
    trace: float
    rest: float = Field(description="sum of the eigenvalues of the modes that are not followed")


class SimulatedScheme(Document):
    """Policy, degradations and motion."""

    policy: str
    source_exponent: float = Field(description="a: coefficients have the energy k^-a at the start")
    suppress: Literal["deep", "paper"]
    rho: float
    momentum: str | None
    lag: float
    lag_power: float
    over: float
    noise: float
    delay: float
    refresh: str | None = Field(description="every:D or geo:R")
    cap: float | None
    floor: float
    low: float = Field(description="bounds of bounded weights")
    high: float
    pattern: Literal["ramp", "random"]


class SimulatedSlope(Document):
    """A slope d ln y / d ln t on the window, and on each quarter of it."""

    value: float
    low: float = Field(description="least slope of a quarter; a run is deterministic, so that this is no error")
    high: float
    parts: tuple[float, ...]


class SimulatedLaw(Document):
    """What a closed form gives on the window."""

    law: str
    value: float


class SimulatedPrediction(Document):
    """What theory says, where it says anything."""

    slope: SimulatedLaw | None = Field(description="of the frontier")
    constant: SimulatedLaw | None
    loss_slope: SimulatedLaw | None


class SimulatedAcceleration(Document):
    """A = (slope - static slope) / (oracle's exponent - static slope)."""

    value: float
    low: float
    high: float


class SimulatedRecovery(Document):
    """The share of an oracle's saving in time, ln(static / time) / ln(static / oracle)."""

    target: float = Field(description="rank of the frontier, or capacity")
    phi: float | None
    time: float | None
    static: float | None
    oracle: float | None


class SimulatedBudget(Document):
    """The budget law: k* is at most the integral of the trace."""

    spent: float = Field(description="integral of the trace at the end")
    largest_share: float = Field(description="largest (k* - 1) over it")
    holds: bool


class SimulatedCurve(Document):
    """A run over time."""

    time: tuple[float, ...]
    frontier: tuple[float, ...]
    furthest: tuple[float, ...]
    capacity: tuple[float, ...]
    loss: tuple[float, ...]
    spent: tuple[float, ...] = Field(description="integral of the trace: the bound of the frontier")
    largest: tuple[float, ...] = Field(description="largest weight")
    predicted: tuple[float, ...] | None = Field(description="frontier by the closed form")


class SimulatedSnapshot(Document):
    """Weighted eigenvalues at a time."""

    time: float
    rank: tuple[float, ...]
    eigenvalue: tuple[float, ...]


class Simulation(Document):
    """The result of `specaudit simulate`."""

    schema_: Literal["specaudit.simulate/1"] = Field(default="specaudit.simulate/1", alias="schema")
    verdict: SimulationVerdict
    reason: str
    exit_code: int = Field(description="under --gate")
    spectrum: SimulatedSpectrum
    scheme: SimulatedScheme
    measure: Literal["frontier", "capacity"] = Field(description="the curve by which the run is judged")
    window: tuple[float, float] = Field(description="its values between which slopes are taken")
    window_times: tuple[float, float] | None
    local_exponent: SimulatedSlope | None = Field(description="b = -d ln lambda / d ln k on the window")
    slope: SimulatedSlope | None = Field(description="of the measure")
    static_slope: SimulatedSlope | None = Field(description="the same of static weights")
    furthest_slope: SimulatedSlope | None = Field(description="of the last learned mode")
    capacity_slope: SimulatedSlope | None
    loss_slope: SimulatedSlope | None
    constant: float | None = Field(description="mean of k* / (Tr t^rho) on the window")
    predicted: SimulatedPrediction
    acceleration: SimulatedAcceleration | None
    recovery: tuple[SimulatedRecovery, ...]
    knee: float | None = Field(
        description="rank of the frontier past which a cap leaves the exponent of static weights"
    )
    budget: SimulatedBudget | None = Field(description="null with a momentum, for which there is no such law")
    complete: float | None = Field(description="when all modes that are followed are learned")
    run: SimulatedCurve
    static: SimulatedCurve
    oracle: SimulatedCurve = Field(description="that nothing degrades, with the paper's suppression")
    snapshots: tuple[SimulatedSnapshot, ...]
    note: str = IN_MODES
    reproduce: SpanReproduce
    environment: Environment
    warnings: tuple[Warning_, ...]

    def to_json(self) -> str:
        """Return the document: strict JSON, sorted keys, 6 significant digits, ending in a newline."""
        return to_json(self)

    def plot(self, path: str | Path) -> None:
        """Write the figure (frontier, loss, weighted eigenvalues, largest weight) to a .svg, .pdf or .png file."""
        from specaudit.report.simulate import plots

        plots.save_simulation(self, path)
