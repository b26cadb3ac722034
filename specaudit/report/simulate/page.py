"""The simulation as one HTML page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specaudit.embeddings.display import shown
from specaudit.report.pages import Plate, Section, plate, sections_page, themed
from specaudit.report.simulate.facts import (
    NAMES,
    RECOVERY_HEADS,
    finding_facts,
    headline,
    recovery_cells,
    reproduce_facts,
    scheme_facts,
    spectrum_facts,
)

if TYPE_CHECKING:
    from specaudit.documents import Simulation

TONES = {"accelerated": "pass", "jammed": "fail", "none": "waived", "not-applicable": "skipped"}
"""Verdict -> the colour of its finding; of others that of what cannot be told."""
CAPTIONS = {
    "frontier": (
        "Learned modes",
        "How far the run is, beside static weights and an ideal oracle; shaded is the window.",
    ),
    "loss": ("Loss", "The loss of the same runs; shaded are the times of the window."),
    "spectra": ("Weighted eigenvalues", "Eigenvalue times weight of each mode, at four times of the run."),
    "weights": ("Largest weight", "The largest weight of a mode over time."),
}
"""Panel -> its title, and what it shows."""


def render(simulation: Simulation) -> str:
    """Return the page."""

    recovery = f"Time to a {NAMES[simulation.measure]}"
    sections = [
        Section(title="Runs", key=_key(simulation), figures=_plates(simulation)),
        Section(title="Found", facts=list(finding_facts(simulation))),
        Section(
            title=recovery,
            text="φ is the share of the ideal oracle's saving in time (1: all of it).",
            heads=RECOVERY_HEADS,
            cells=recovery_cells(simulation),
            numbers=range(len(RECOVERY_HEADS)),
        ),
        Section(title="Spectrum", facts=list(spectrum_facts(simulation))),
        Section(title="Scheme", facts=list(scheme_facts(simulation))),
        Section(title="How to reproduce", facts=list(reproduce_facts(simulation))),
    ]
    return sections_page(
        "simulate",
        simulation.warnings,
        [section for section in sections if section.title != recovery or simulation.recovery],
        word=simulation.verdict,
        tone=TONES.get(simulation.verdict, "inconclusive"),
        title=shown(simulation.spectrum.source or "an exact power law"),
        headline=headline(simulation),
        lead=simulation.note,
    )


def _colors() -> dict[str, str]:
    from specaudit.report.simulate import plots

    shades = {color: f"var(--time-{number})" for number, color in enumerate(plots.SHADES, 1)}
    return themed() | shades | {plots.BAND: "var(--shade)"}


def _key(simulation: Simulation) -> list[tuple[str, str]]:
    from specaudit.report.simulate import plots

    return [(shown(name), _colors().get(color, color)) for name, color in plots.key(simulation)]


def _plates(simulation: Simulation) -> list[Plate]:
    from specaudit.report.simulate import plots

    return [
        plate(plots.panel(name, simulation), name, title=title, told=caption, caption=caption, colors=_colors())
        for name, (title, caption) in CAPTIONS.items()
    ]
