"""The figure of a pruning: capacity and tail of every method against the rows it keeps, or that of its audit."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.ticker import FuncFormatter, NullLocator

from specaudit.errors import ConfigError
from specaudit.report.compare import plots as comparison_plots
from specaudit.report.plots import INK, alone, drawn, key, kind_of
from specaudit.report.prune.facts import REFERENCE, deepest, tail
from specaudit.writing import write_files

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from specaudit.documents import Pruning, Test

# Okabe & Ito's palette and two greys: as many as there are methods
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8c8c8c")
BAND = "#dcdcdc"
WIDTH, ROW, LEGEND = 7.2, 2.1, 0.6  # inches
PANELS: dict[str, Callable[[tuple[Test, ...]], Test | None]] = {
    "change of ln κ, deepest test": deepest,
    "change of b₂": tail,
}


def save_pruning(pruning: Pruning, path: str | Path) -> None:
    """Write the figure to a .svg, .pdf or .png file.

    Raises
    ------
    ConfigError
        The suffix is another one, or nothing was audited.
    """
    write_files([(Path(path), picture(pruning, kind_of(path)))])


def picture(pruning: Pruning, kind: str) -> bytes:
    """Return the figure as svg, pdf or png content; the same pruning gives the same bytes."""
    if pruning.trials:
        rows = len(pruning.trials[0].spectra)
        return drawn(partial(_draw, pruning), (WIDTH, ROW * rows + LEGEND), kind)
    if pruning.audit is None:
        raise ConfigError("nothing to plot: no share of the rows passes", next_step="drop --plot")
    return comparison_plots.picture(pruning.audit, kind)


def panel(pruning: Pruning, kernel: str, name: str) -> bytes:
    """Return one of ``PANELS`` under a kernel as svg content for a page, which has the key."""

    def fill(axes: Axes) -> None:
        _fill(axes, pruning, kernel, PANELS[name])
        axes.set_xlabel("rows kept")

    return alone(fill)


def lines(pruning: Pruning) -> list[tuple[str, str]]:
    """Return what the lines are, each with its colour."""
    return [*_colors(pruning).items(), ("random, its mean and band; its margin is dotted", BAND)]


def _draw(pruning: Pruning, figure: Figure) -> None:
    kernels = list(pruning.trials[0].spectra)
    grid = figure.subplots(len(kernels), len(PANELS), squeeze=False)
    for name, row in zip(kernels, grid, strict=True):
        for (title, pick), axes in zip(PANELS.items(), row, strict=True):
            _fill(axes, pruning, name, pick)
            axes.set_title(f"{name}: {title}")
    for axes in grid[-1]:
        axes.set_xlabel("rows kept")
    handles = [key(method, "-", 1.1, color) for method, color in _colors(pruning).items()]
    handles += [key("random, its mean and band", "-", 6.0, BAND), key("margin", ":", 1.1)]
    figure.legend(handles=handles, loc="outside lower center", ncols=5)


def _colors(pruning: Pruning) -> dict[str, str]:
    names = [method.name for method in pruning.methods if method.name != REFERENCE]
    return {name: COLORS[at % len(COLORS)] for at, name in enumerate(names)}


def _fill(axes: Axes, pruning: Pruning, kernel: str, pick: Callable[[tuple[Test, ...]], Test | None]) -> None:
    colors = _colors(pruning)
    axes.axhline(0.0, color=INK, linewidth=0.6)
    for method in [pruning.methods[0].name, *colors]:
        points = [
            (trial.rows, test)
            for trial in pruning.trials
            if trial.method == method and (test := pick(trial.spectra[kernel].tests)) is not None
        ]
        rows, tests = [count for count, _ in points], [test for _, test in points]
        if method == REFERENCE:
            half = [(test.high - test.low) / 2 for test in tests]
            axes.fill_between(rows, [-width for width in half], half, color=BAND, linewidth=0)
            axes.plot(rows, [test.limit for test in tests], color=INK, linestyle=":", linewidth=1.1)
        else:
            axes.plot(rows, [test.change for test in tests], color=colors[method], marker="o", markersize=2.5)
    axes.set_xscale("log")
    axes.set_xticks(sorted({trial.rows for trial in pruning.trials}))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
