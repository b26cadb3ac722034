"""The simulation in words: the same for every renderer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from specaudit.embeddings.display import shown
from specaudit.report.facts import number

if TYPE_CHECKING:
    from specaudit.documents import SimulatedLaw, SimulatedSlope, Simulation

SAID = {
    "accelerated": "Accelerated: the frontier's exponent rises",
    "transient": "Transient: the exponent rises on a part of the way only",
    "none": "No acceleration: the exponent is that of static weights",
    "jammed": "Jammed: the oracle's frontier stops",
    "inconclusive": "Inconclusive",
    "not-applicable": "Not applicable",
}
NAMES = {"frontier": "frontier k*", "capacity": "capacity N"}
RECOVERY_HEADS = ("target", "time", "static", "oracle", "φ")


def headline(simulation: Simulation) -> str:
    """Return the finding in a sentence."""
    slope = ""
    if simulation.slope is not None and simulation.verdict not in ("not-applicable", "jammed"):
        slope = f", {NAMES[simulation.measure]} ∝ t^{simulation.slope.value:.3f}"
        if simulation.static_slope is not None:
            slope += f" against t^{simulation.static_slope.value:.3f} with static weights"
    return f"{SAID[simulation.verdict]} ({simulation.scheme.policy}{slope}): {simulation.reason}."


def spectrum_facts(simulation: Simulation) -> Iterator[tuple[str, str]]:
    """Yield what is learned."""
    of = simulation.spectrum
    if of.source is not None:
        yield "fit", f"{shown(of.source)} ({shown(of.kernel or '')} kernel)"
    tail = {
        "exact": f"k^-{of.exponent:g}" if of.exponent is not None else "",
        "fitted": f"k^-{of.exponent:.3f} after the measured ones" if of.exponent is not None else "",
        "none": "not followed",
    }[of.tail]
    yield "tail", tail
    measured = f", {of.measured:,} measured" if of.measured else ""
    yield "modes", f"{number(of.modes)}{measured}; trace {number(of.trace)}, beyond them {number(of.rest)}"
    yield "local exponent b", _slope(simulation.local_exponent, "on the window")


def scheme_facts(simulation: Simulation) -> Iterator[tuple[str, str]]:
    """Yield how it is learned."""
    of = simulation.scheme
    policy = of.policy
    if policy == "bounded":
        policy += f", {of.pattern} in [{of.low:g}, {of.high:g}]"
    if policy == "oracle":
        policy += f", {of.suppress} suppression"
    yield "policy", policy
    yield "optimiser", of.momentum or (f"gradient flow, rho = {of.rho:g}" if of.rho != 1 else "gradient flow")
    worse = [
        (f"lag {of.lag:g}", of.lag != 1),
        (f"power lag {of.lag_power:g}", of.lag_power != 1),
        (f"over-estimate × {of.over:g}", of.over != 1),
        (f"noise {of.noise:g}", of.noise),
        (f"delay {of.delay:g}", of.delay),
        (f"refresh {of.refresh}", of.refresh),
        (f"floor {of.floor:g}", of.floor),
        (f"cap {of.cap or 0:g}", of.cap),
    ]
    if told := ", ".join(text for text, holds in worse if holds):
        yield "degraded by", told
    yield "source exponent a", f"{of.source_exponent:g}"


def finding_facts(simulation: Simulation) -> Iterator[tuple[str, str]]:
    """Yield what was found."""
    law = simulation.predicted
    name = NAMES[simulation.measure]
    low, high = simulation.window
    yield "window", f"{name} from {number(low)} to {number(high)}"
    yield f"slope of the {name}", _slope(simulation.slope) + _law(law.slope)
    yield "with static weights", _slope(simulation.static_slope)
    if simulation.measure == "frontier":
        yield "slope of the last mode", _slope(simulation.furthest_slope)
        yield "slope of the capacity N", _slope(simulation.capacity_slope)
    yield "slope of the loss", _slope(simulation.loss_slope) + _law(law.loss_slope)
    if simulation.constant is not None:
        yield "k* / (Tr t^rho)", number(simulation.constant) + _law(law.constant)
    if simulation.acceleration is not None:
        of = simulation.acceleration
        yield "acceleration A", f"{of.value:.3f}; over quarters of the window {of.low:.3f} to {of.high:.3f}"
    if simulation.knee is not None:
        yield "knee of the cap", f"k* = {number(simulation.knee)}: past it the exponent is that of static weights"
    if simulation.budget is not None:
        share = f"k* - 1 is at most {simulation.budget.largest_share:.3f} of the spent trace"
        yield "budget law", share if simulation.budget.holds else f"{share}: BROKEN"
    if simulation.complete is not None:
        yield "all modes learned", f"at t = {number(simulation.complete)}"


def recovery_cells(simulation: Simulation) -> list[tuple[str, ...]]:
    """Return the time that each run takes to each target, and the share of the oracle's saving."""
    return [
        (
            number(found.target, 3),
            *(_none(value) for value in (found.time, found.static, found.oracle)),
            "-" if found.phi is None else f"{found.phi:.3f}",
        )
        for found in simulation.recovery
    ]


def reproduce_facts(simulation: Simulation) -> Iterator[tuple[str, str]]:
    """Yield how to get the numbers again."""
    if simulation.reproduce.command:
        yield "command", shown(simulation.reproduce.command, 400)
    yield "seed", str(simulation.reproduce.seed)


def _slope(found: SimulatedSlope | None, where: str = "") -> str:
    if found is None:
        return "not measured"
    text = f"{found.value:.3f}" + (f" {where}" if where else "")
    spread = f"{found.low:.3f} to {found.high:.3f}"
    return text if f"{found.low:.3f}" == f"{found.high:.3f}" else f"{text}; over its quarters {spread}"


def _law(law: SimulatedLaw | None) -> str:
    return "" if law is None else f"; predicted {number(law.value)} ({law.law})"


def _none(value: float | None) -> str:
    return "-" if value is None else number(value)
