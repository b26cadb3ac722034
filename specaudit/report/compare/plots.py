"""The figure of a comparison: scree, capacity curves, gain and local exponents, and its panels one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator

from specaudit.embeddings.display import shown
from specaudit.report.compare.facts import kernels
from specaudit.report.facts import number
from specaudit.report.plots import COLORS, INK, LEAST, alone, drawn, key, kind_of, label
from specaudit.writing import write_files

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from specaudit.documents import Comparison, Curve, SpectrumChange

BEFORE = "#8c8c8c"  # wider and below AFTER, so that it shows where the two agree
AFTER = COLORS["laplace"]
BELOW = 2.2  # widths of the two lines
ABOVE = 1.1
SHADED = "#ececec"  # the window of a slope
SHADE = 6.0  # width of its key
WIDTH, ROW, LEGEND = 7.2, 1.9, 0.3  # inches: of a page, of the panels of one kernel, of the key below them
POINTS = 100  # of a curve, which is more than a line of this width shows
BESIDE = 1.5  # how far a margin reaches on both sides of its dimension, as a factor
ROOM = 0.08  # share of a span that is left free at its ends
CEILING = 0.5  # share of the span within which the ceiling may be above it and still be drawn
LEAST_SPAN = 0.2  # of the exponents shown
DENSE = 20.0  # ratio of an axis's ends below which its powers of ten are too few
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A drawing of one kernel's spectra.

    Attributes
    ----------
    title, x, y
        What it shows and what is on its axes.
    draw
        Draws on axes what the ceiling n/m (None where there is none) and the spectra say.
    linear
        Whether the y axis is linear; the x axis never is.
    """

    title: str
    x: str
    y: str
    draw: Callable[[Axes, SpectrumChange, float | None], None]
    linear: bool = False


def save_comparison(comparison: Comparison, path: str | Path) -> None:
    """Write the figure of ``comparison`` to a .svg, .pdf or .png file.

    Raises
    ------
    ConfigError
        The suffix is another one.
    """
    write_files([(Path(path), picture(comparison, kind_of(path)))])


def picture(comparison: Comparison, kind: str) -> bytes:
    """Return the figure as svg, pdf or png content; the same comparison gives the same bytes."""
    return drawn(partial(_draw, comparison), (WIDTH, ROW * len(comparison.spectra) + LEGEND), kind)


def panel(name: str, spectrum: SpectrumChange, ceiling: float | None) -> bytes:
    """Return one of ``PANELS`` as svg content for a page."""
    return alone(lambda axes: _fill(axes, PANELS[name], spectrum, ceiling))


def _draw(comparison: Comparison, figure: Figure) -> None:
    names = list(kernels(comparison))
    grid = figure.subplots(len(names), len(FIGURE), squeeze=False)
    ceiling = comparison.consistency.limit if comparison.consistency else None
    for name, row in zip(names, grid, strict=True):
        for which, axes in zip(FIGURE, row, strict=True):
            _fill(axes, PANELS[which], comparison.spectra[name], ceiling)
        if len(names) > 1:
            row[0].set_ylabel(f"{_name(name)}\n{row[0].get_ylabel()}")
    for letter, axes in zip(ascii_lowercase, grid.flat, strict=False):
        axes.set_title(f"{letter}  {axes.get_title(loc='left')}")
    for axes in grid[:-1].flat:
        axes.set_xlabel("")
    handles = [
        key(f"before, {comparison.rows.unique_before:,} different rows", "-", BELOW, BEFORE),
        key(f"after, {comparison.rows.unique_after:,}", "-", ABOVE, AFTER),
        key("margin of a test", ":", ABOVE),
        key("window of b₂", "-", SHADE, SHADED),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))


def _fill(axes: Axes, which: Panel, spectrum: SpectrumChange, ceiling: float | None) -> None:
    which.draw(axes, spectrum, ceiling)
    limits = axes.get_ylim()
    label(axes, which.title, which.x, which.y)
    if not axes.lines:
        return
    _ticks(axes.xaxis)
    if which.linear:
        axes.set_yscale("linear")
        axes.set_ylim(*limits)
    else:
        _ticks(axes.yaxis)


def _ticks(axis: Axis) -> None:
    """Label a logarithmic axis in plain text, and one of about a decade at more than its powers of ten."""
    low, high = sorted(axis.get_view_interval())
    if high < DENSE * low:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(power))


def _scree(axes: Axes, spectrum: SpectrumChange, ceiling: float | None) -> None:
    for curve, color, width in _sides(spectrum):
        values = np.asarray(curve.eigenvalues)
        values = values[values > 0]
        if len(values):
            ranks = np.unique(np.geomspace(1, len(values), POINTS).round().astype(int))
            axes.plot(ranks, values[ranks - 1], color=color, linewidth=width)


def _capacity(axes: Axes, spectrum: SpectrumChange, ceiling: float | None) -> None:
    for curve, color, width in _sides(spectrum):
        _banded(axes, (curve.n1, curve.kappa, curve.kappa_low, curve.kappa_high), color, width)


def _gain(axes: Axes, spectrum: SpectrumChange, ceiling: float | None) -> None:
    gain = spectrum.gain
    if not gain.dimension:
        return
    axes.axhline(1.0, color=INK, linewidth=0.6)
    _banded(axes, (gain.dimension, gain.kappa_ratio, gain.low, gain.high), AFTER, ABOVE)
    seen = [1.0, *gain.low, *gain.high]
    if (deep := spectrum.deep_gain) is not None:
        axes.fill_between(deep.dimension, deep.low, deep.high, color=AFTER, alpha=0.2, linewidth=0)
        axes.plot(deep.dimension, deep.kappa_ratio, color=AFTER, linewidth=ABOVE, linestyle="--")
        seen += [*deep.low, *deep.high]
    for test in spectrum.tests:
        if test.dimension is not None:
            margin = np.exp(test.limit)
            ends = (test.dimension / BESIDE, test.dimension * BESIDE)
            axes.plot(ends, (margin, margin), color=INK, linestyle=":", linewidth=ABOVE)
            axes.plot(test.dimension, np.exp(test.change), color=AFTER, marker="o", markersize=3)
            seen.append(margin)
    _limit(axes, seen, ceiling)


def _limit(axes: Axes, seen: list[float], ceiling: float | None) -> None:
    """Set the limits of y to what must be seen; a ceiling far above it is told instead of drawn."""
    low, high = min(seen), max(seen)
    span = max(high - low, 0.02)
    if ceiling is not None and ceiling <= high + CEILING * span:
        axes.axhline(ceiling, color=INK, linestyle="--", linewidth=0.6)
        high = max(high, ceiling)
    elif ceiling is not None:
        told = f"ceiling n/m = {number(ceiling, 3)} ↑"
        axes.text(0.98, 0.97, told, transform=axes.transAxes, ha="right", va="top", fontsize=6.5)
        high += 2 * ROOM * span
    axes.set_ylim(low - ROOM * span, high + ROOM * span)


def _exponent(axes: Axes, spectrum: SpectrumChange, ceiling: float | None) -> None:
    seen = []
    first, last = spectrum.window or (LEAST, np.inf)
    for curve, color, width in _sides(spectrum):
        lines = np.array([curve.n2, curve.exponent, curve.exponent_low, curve.exponent_high])
        lines = lines[:, lines[0] >= LEAST]
        _banded(axes, tuple(lines), color, width)
        seen += list(lines[1, (lines[0] >= first) & (lines[0] <= last)])
    if spectrum.window is not None:
        axes.axvspan(first, last, color=SHADED, linewidth=0, zorder=0)
    if seen:  # the window and its neighbours set the scale, not where the slope diverges
        room = max(max(seen) - min(seen), LEAST_SPAN)
        axes.set_ylim(min(seen) - room / 2, max(seen) + room / 2)


def _region(axes: Axes, spectrum: SpectrumChange, ceiling: float | None) -> None:
    region = spectrum.finite_region
    if region is None:
        return
    ratio, error = np.exp(region.log_ratio), np.asarray(region.error)
    reach: NDArray[Any] = np.stack([ratio * (1 - np.exp(-2 * error)), ratio * (np.exp(2 * error) - 1)])
    axes.axhline(1.0, color=INK, linewidth=0.6)
    axes.errorbar(region.rank, ratio, reach, color=AFTER, linewidth=ABOVE, elinewidth=0.8, marker="o", markersize=3)
    if region.cutoff is not None:
        axes.axvline(region.cutoff, color=INK, linestyle=":", linewidth=ABOVE)


PANELS: dict[str, Panel] = {
    "scree": Panel(title="Eigenvalues", x="rank k", y="eigenvalue λₖ of K/n", draw=_scree),
    "capacity": Panel(title="Capacity", x="effective dimensions N₁", y="ridge κ", draw=_capacity),
    "gain": Panel(title="Gain", x="effective dimensions N₁", y="κ after / κ before", draw=_gain, linear=True),
    "exponent": Panel(
        title="Local exponent", x="effective dimensions N₂", y="b₂ = −d ln κ / d ln N₂", draw=_exponent, linear=True
    ),
    "region": Panel(title="Finite region", x="rank k", y="λₖ after / λₖ before", draw=_region, linear=True),
}
"""Name -> panel."""

FIGURE = ("scree", "capacity", "gain", "exponent")
"""The panels of the figure, from left to right; each kernel has a row."""


def _sides(spectrum: SpectrumChange) -> tuple[tuple[Curve, str, float], tuple[Curve, str, float]]:
    return ((spectrum.before, BEFORE, BELOW), (spectrum.after, AFTER, ABOVE))


def _banded(axes: Axes, lines: Sequence[Sequence[float] | NDArray[Any]], color: str, width: float) -> None:
    """Draw a curve and its band at no more than ``POINTS`` of its points: x, y, low and high."""
    if len(lines[0]):
        at = np.unique(np.linspace(0, len(lines[0]) - 1, POINTS).round().astype(int))
        x, y, low, high = (np.asarray(line)[at] for line in lines)
        axes.fill_between(x, low, high, color=color, alpha=0.2, linewidth=0)
        axes.plot(x, y, color=color, linewidth=width)


def power(value: float, position: int | None = None) -> str:
    """Return a number as text alone, where matplotlib would set mathematics: 0.1, 100, 10⁻⁵."""
    if value == 0 or 1e-2 <= abs(value) < 1e4:
        return f"{value:,.4g}"
    digit, exponent = f"{value:.0e}".split("e")
    return f"{'' if digit == '1' else f'{digit}·'}10{f'{int(exponent)}'.translate(SUPERSCRIPTS)}"


def _name(name: str) -> str:
    return shown(name, 20).replace("$", r"\$")
