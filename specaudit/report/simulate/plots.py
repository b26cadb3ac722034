"""The figure of a simulation: frontier, loss, weighted eigenvalues and the largest weight."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter

from specaudit.report.facts import number
from specaudit.report.plots import alone, drawn, kind_of
from specaudit.writing import write_files

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from specaudit.documents import SimulatedCurve, Simulation

SIZE = (7.2, 5.4)  # inches: the width of a page
COLUMNS = 7  # of the legend
RUN, ORACLE, STATIC, LAW, BOUND = "#0072B2", "#009E73", "#8c8c8c", "#D55E00", "#333333"
SHADES = ("#9ecae1", "#6baed6", "#2171b5", "#08306b")  # early to late
BAND = "#f2f2f2"
LEAST = 0.5  # rank at which the frontier's axis begins


def save_simulation(simulation: Simulation, path: str | Path) -> None:
    """Write the figure of ``simulation`` to a .svg, .pdf or .png file.

    Raises
    ------
    ConfigError
        The suffix is another one.
    """
    write_files([(Path(path), picture(simulation, kind_of(path)))])


def picture(simulation: Simulation, kind: str) -> bytes:
    """Return the figure as svg, pdf or png content; the same document gives the same bytes."""
    return drawn(partial(_draw, simulation), SIZE, kind)


def panel(name: str, simulation: Simulation) -> bytes:
    """Return one of ``PANELS`` as svg content for a page, which has the key."""
    return alone(lambda axes: _fill(axes, name, simulation))


def key(simulation: Simulation) -> list[tuple[str, str]]:
    """Return what the lines are, each with its colour."""
    lines = [(label, color) for label, _, color, _ in _runs(simulation)]
    lines += [("law (dashed), knee of the cap (dotted)", LAW)] * (
        simulation.run.predicted is not None or simulation.knee is not None
    )
    return lines + [("bound by the spent trace (dash-dotted)", BOUND)] * (simulation.budget is not None)


def _fill(axes: Axes, name: str, simulation: Simulation) -> None:
    PANELS[name](axes, simulation)
    for scale, axis in ((axes.get_xscale(), axes.xaxis), (axes.get_yscale(), axes.yaxis)):
        if scale == "log":
            axis.set_major_locator(LogLocator(numticks=6))
            axis.set_minor_formatter(NullFormatter())


def _draw(simulation: Simulation, figure: Figure) -> None:
    panels = figure.subplots(2, 2).ravel()
    for letter, axes, name in zip("abcd", panels, PANELS, strict=True):
        _fill(axes, name, simulation)
        axes.set_title(f"{letter}  {axes.get_title(loc='left')}")
    figure.legend(handles=panels[0].get_legend_handles_labels()[0], loc="outside lower center", ncols=COLUMNS)


def _frontier(axes: Axes, simulation: Simulation) -> None:
    run, measure = simulation.run, simulation.measure
    axes.axhspan(*simulation.window, color=BAND, linewidth=0)
    for label, curve, color, width in _runs(simulation):
        axes.plot(curve.time, _shown(getattr(curve, measure)), color=color, linewidth=width, label=label)
    if measure == "frontier" and np.any(np.asarray(run.furthest) > 1.05 * np.maximum(run.frontier, LEAST)):
        axes.plot(run.time, _shown(run.furthest), color=RUN, linewidth=0.7, linestyle=":", label="last learned mode")
    if run.predicted is not None and measure == "frontier":
        axes.plot(run.time, _shown(run.predicted), color=LAW, linewidth=0.9, linestyle="--", label="law")
    if simulation.budget is not None:
        most = np.asarray(run.spent) * (1 if measure == "frontier" else 2)  # since 1 - exp(-2 E) is at most 2 E
        axes.plot(
            run.time, _shown(most), color=BOUND, linewidth=0.7, linestyle="-.", label="bound by the spent trace"
        )
    if simulation.knee is not None:
        axes.axhline(simulation.knee, color=LAW, linewidth=0.5, linestyle=":", label="knee of the cap")
    top = 3 * max(max(getattr(run, measure)), simulation.window[1])
    axes.set(title="Frontier", xlabel="time t", ylabel={"frontier": "mode k*", "capacity": "capacity N"}[measure])
    axes.set(xscale="log", yscale="log", ylim=(LEAST, top))
    axes.set_xlim(min(run.time[0] * 10, run.time[-1] / 10), _end(simulation))


def _loss(axes: Axes, simulation: Simulation) -> None:
    for label, curve, color, width in _runs(simulation):
        axes.plot(curve.time, curve.loss, color=color, linewidth=width, label=label)
    if simulation.window_times is not None:
        axes.axvspan(*simulation.window_times, color=BAND, linewidth=0, zorder=0)
    axes.set(title="Loss", xlabel="time t", ylabel="loss", xscale="log", yscale="log")
    axes.set_xlim(min(simulation.run.time[0] * 10, simulation.run.time[-1] / 10), _end(simulation))


def _spectra(axes: Axes, simulation: Simulation) -> None:
    for color, snapshot in zip(SHADES, simulation.snapshots, strict=False):
        axes.plot(
            snapshot.rank, _shown(snapshot.eigenvalue, 0.0), color=color, label=f"t = {number(snapshot.time, 2)}"
        )
    axes.set(title="Weighted eigenvalues", xlabel="rank k", ylabel="λₖ wₖ", xscale="log", yscale="log")
    axes.legend(loc="best")


def _weights(axes: Axes, simulation: Simulation) -> None:
    for label, curve, color, width in _runs(simulation):
        axes.plot(curve.time, _shown(curve.largest, 0.0), color=color, linewidth=width, label=label)
    axes.set(title="Largest weight", xlabel="time t", ylabel="largest wₖ", xscale="log", yscale="log")
    axes.set_xlim(min(simulation.run.time[0] * 10, simulation.run.time[-1] / 10), _end(simulation))
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, 0.5), max(high, 2.0))


PANELS: dict[str, Callable[[Axes, Simulation], None]] = {
    "frontier": _frontier,
    "loss": _loss,
    "spectra": _spectra,
    "weights": _weights,
}
"""Name -> panel, in the order of the figure."""


def _runs(simulation: Simulation) -> list[tuple[str, SimulatedCurve, str, float]]:
    """Return label, curve, colour and width of the runs, the one in question on top."""
    return [
        ("static weights", simulation.static, STATIC, 1.0),
        ("ideal oracle", simulation.oracle, ORACLE, 1.0),
        (simulation.scheme.policy, simulation.run, RUN, 1.8),
    ]


def _end(simulation: Simulation) -> float:
    """Return the time at which axes end: static weights go on for far longer where the run is fast."""
    return min(max(simulation.run.time[-1], 30 * simulation.oracle.time[-1]), simulation.static.time[-1])


def _shown(values: Any, least: float = LEAST) -> Any:
    values = np.asarray(values)
    return np.where(values > least, values, np.nan)
