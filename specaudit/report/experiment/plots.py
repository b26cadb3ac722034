"""The figure of an experiment: its panels, the arms in one legend."""

from __future__ import annotations

from functools import partial
from itertools import cycle
from pathlib import Path
from string import ascii_lowercase
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from specaudit.embeddings.display import shown
from specaudit.report.plots import alone, drawn, kind_of
from specaudit.writing import write_files

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from specaudit.documents import Experiment, Series

PALETTE = ("#8c8c8c", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A5195", "#A65628")
"""Of the arms in their order: what the others are held against is grey."""
STYLES = ("-", (0, (4, 1.5)), (0, (1, 1.2)))
"""Of the first arms in these colours, of the next ones, and of those after them."""
WIDTH, HEIGHT = 7.2, 2.6  # inches: the width of a page, and the height of a panel
LEGEND, LEGEND_COLUMNS = 0.2, 4  # inches of a line of the legend
MARKED = 24
"""Points of a curve up to which each is marked."""


def save_experiment(experiment: Experiment, path: str | Path) -> None:
    """Write the figure to a .svg, .pdf or .png file.

    Raises
    ------
    ConfigError
        The suffix is another one.
    """
    write_files([(Path(path), picture(experiment, kind_of(path)))])


def picture(experiment: Experiment, kind: str) -> bytes:
    """Return the figure as svg, pdf or png content; the same document gives the same bytes."""
    count = len(experiment.panels)
    columns = 2 if count in (2, 4) else min(3, count)
    rows = -(-count // columns)
    legend = LEGEND * -(-len(experiment.arms) // LEGEND_COLUMNS)
    return drawn(partial(_draw, experiment, rows, columns), (WIDTH, HEIGHT * rows + legend), kind)


def panel(experiment: Experiment, name: str) -> bytes:
    """Return one panel as svg content for a page."""
    return alone(lambda axes: _fill(axes, experiment, name))


def looks(experiment: Experiment) -> dict[str, tuple[str, object]]:
    """Return the colour and the line style of each arm."""
    pairs = [(color, style) for style in STYLES for color in PALETTE]
    return {arm.id: pair for arm, pair in zip(experiment.arms, cycle(pairs), strict=False)}


def _draw(experiment: Experiment, rows: int, columns: int, figure: Figure) -> None:
    places = figure.subplots(rows, columns, squeeze=False).ravel()
    for letter, axes, which in zip(ascii_lowercase, places, experiment.panels, strict=False):
        _fill(axes, experiment, which.id)
        axes.set_title(f"{letter}  {shown(which.title, 60)}")
    for axes in places[len(experiment.panels) :]:
        axes.set_axis_off()
    handles = [
        Line2D([], [], color=color, linestyle=style, label=shown(arm.label, 40))  # type: ignore[arg-type]
        for arm, (color, style) in zip(experiment.arms, looks(experiment).values(), strict=True)
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=LEGEND_COLUMNS)


def _fill(axes: Axes, experiment: Experiment, name: str) -> None:
    of = next(one for one in experiment.panels if one.id == name)
    colors = looks(experiment)
    for curve in experiment.curves:
        if curve.panel == name:
            _curve(axes, curve, colors)
    axes.set(xlabel=shown(of.x_label, 60), ylabel=shown(of.y_label, 60))
    for axis, log in ((axes.xaxis, of.x_log), (axes.yaxis, of.y_log)):
        if log:
            axes.set(**{f"{axis.axis_name}scale": "log"})
            axis.set_major_locator(LogLocator(numticks=5, subs=(1.0, 3.0)))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.set_minor_formatter(NullFormatter())
    if any(curve.label is not None and curve.panel == name for curve in experiment.curves):
        axes.legend(loc="best")


def _curve(axes: Axes, curve: Series, colors: Mapping[str, tuple[str, object]]) -> None:
    color, style = colors[curve.arm]
    label = None if curve.label is None else shown(curve.label, 40)
    if curve.reference:
        axes.plot(curve.x, curve.y, color=color, linestyle=":", linewidth=0.8, label=label)
        return
    if curve.low is not None and curve.high is not None and len(curve.x) > 1:
        axes.fill_between(curve.x, curve.low, curve.high, color=color, alpha=0.15, linewidth=0)
    marker = "o" if np.size(curve.x) <= MARKED else ""
    axes.plot(curve.x, curve.y, color=color, linestyle=style, marker=marker, markersize=2.5, label=label)
