"""The figure of the headroom: gain, what an oracle needs, and the homogeneous null over ranks."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.ticker import FuncFormatter, NullFormatter

from specaudit.report.plots import COLORS, OTHER, alone, drawn, kind_of
from specaudit.writing import write_files

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from specaudit.documents import Headroom, HeadroomCurve, HeadroomNull

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


def panel(headroom: Headroom) -> bytes:
    """Return the figure as svg content for a page, which has the key."""
    return alone(partial(draw_headroom, **_of(headroom)))


def key(null: HeadroomNull, cap: float, kernel: str) -> list[tuple[str, str]]:
    """Return what the lines are, each with its colour."""
    return [
        ("gain of these rows", COLORS.get(kernel, OTHER)),
        ("an oracle needs", NEED),
        (f"null: sphere of dimension {null.dimension}", NULL),
        (f"cap C = {cap:g}", CAP),
    ]


def picture(headroom: Headroom, kind: str) -> bytes:
    """Return the figure as svg, pdf or png content; the same document gives the same bytes."""
    return drawn(partial(_draw, headroom), SIZE, kind)


def _draw(headroom: Headroom, figure: Figure) -> None:
    axes = figure.subplots()
    draw_headroom(axes, **_of(headroom))
    axes.set_title(f"Headroom ({headroom.kernel.name} kernel)")
    figure.legend(loc="outside lower center", ncols=2)


def draw_headroom(axes: Axes, *, of: HeadroomCurve, null: HeadroomNull, cap: float, kernel: str) -> None:
    """Draw gain, need and null over ranks, under a kernel, with weights of at most `cap`."""
    color = COLORS.get(kernel, OTHER)
    axes.fill_between(of.rank, of.null_low, of.null_high, color=NULL, alpha=0.25, linewidth=0)
    axes.plot(of.rank, of.null, color=NULL, label=f"null: sphere of dimension {null.dimension}")
    axes.plot(of.rank, of.need, color=NEED, linestyle="--", label="an oracle needs")
    axes.axhline(cap, color=CAP, linewidth=0.6, linestyle=":", label=f"cap C = {cap:g}")
    axes.plot(of.rank, of.gain, color=color, linewidth=1.8, marker="o", markersize=2.5, label="gain of these rows")
    axes.set(xscale="log", yscale="log", xlabel="learned modes k", ylabel="factor on the tail")
    axes.set(title="Headroom", ylim=(0.93, 1.3 * max(cap, *of.gain)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())


def _of(headroom: Headroom) -> dict[str, Any]:
    return {
        "of": headroom.curve,
        "null": headroom.null,
        "cap": headroom.cap,
        "kernel": headroom.kernel.name,
    }
