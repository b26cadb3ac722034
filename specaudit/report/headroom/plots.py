"""The figure of the headroom: gain, what an oracle needs, and the homogeneous null over ranks."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.ticker import FuncFormatter, NullFormatter

from specaudit.report.plots import COLORS, OTHER, drawn, kind_of
from specaudit.writing import write_files

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from specaudit.documents import Headroom

SIZE = (4.0, 3.2)  # inches
NULL, NEED, CAP = "#8c8c8c", "#D55E00", "#333333"


def save_headroom(headroom: Headroom, path: str | Path) -> None:
    """Write the figure of ``headroom`` to a .svg, .pdf or .png file.

    Raises
    ------
    ConfigError
        The suffix is another one.
    """
    write_files([(Path(path), picture(headroom, kind_of(path)))])


def picture(headroom: Headroom, kind: str) -> bytes:
    """Return the figure as svg, pdf or png content; the same document gives the same bytes."""
    return drawn(partial(_draw, headroom), SIZE, kind)


def _draw(headroom: Headroom, figure: Figure) -> None:
    axes, of = figure.subplots(), headroom.curve
    color = COLORS.get(headroom.kernel.name, OTHER)
    axes.fill_between(of.rank, of.null_low, of.null_high, color=NULL, alpha=0.25, linewidth=0)
    axes.plot(of.rank, of.null, color=NULL, label=f"null: sphere of dimension {headroom.null.dimension}")
    axes.plot(of.rank, of.need, color=NEED, linestyle="--", label="an oracle needs")
    axes.axhline(headroom.cap, color=CAP, linewidth=0.6, linestyle=":", label=f"cap C = {headroom.cap:g}")
    axes.plot(of.rank, of.gain, color=color, linewidth=1.8, marker="o", markersize=2.5, label="gain of these rows")
    axes.set(xscale="log", yscale="log", xlabel="learned modes k", ylabel="factor on the tail")
    axes.set(title=f"Headroom ({headroom.kernel.name} kernel)", ylim=(0.93, 1.3 * max(headroom.cap, *of.gain)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())
    figure.legend(loc="outside lower center", ncols=2)
