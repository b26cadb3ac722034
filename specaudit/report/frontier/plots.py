"""The figure of a run: the share left by mode and time with the frontier, its growth, headroom and next weights."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from specaudit.report.frontier.facts import ROOM
from specaudit.report.headroom.plots import draw_headroom
from specaudit.report.plots import COLORS, INK, alone, drawn, kind_of
from specaudit.writing import write_files

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from specaudit.documents import Frontier

SIZE = (7.2, 5.0)  # inches: the width of a page
LEVELS = np.linspace(0, 1, 11)
DARK = "#111111"  # on white, whatever the page's ground
BLUE, RED, GREY = COLORS["laplace"], COLORS["linear"], "#8c8c8c"


def save_frontier(found: Frontier, path: str | Path) -> None:
    """Write the figure to a .svg, .pdf or .png file.

    Raises
    ------
    ConfigError
        The suffix is another one.
    """
    write_files([(Path(path), picture(found, kind_of(path)))])


def picture(found: Frontier, kind: str) -> bytes:
    """Return the figure as svg, pdf or png content; the same document gives the same bytes."""
    return drawn(partial(_draw, found), SIZE, kind)


def panel(name: str, found: Frontier) -> bytes:
    """Return one of ``PANELS`` as svg content for a page, in which there are no pixels."""
    fill = PANELS[name]
    return alone(lambda axes: _shares(axes, found, pixels=False) if fill is _shares else fill(axes, found))


def _draw(found: Frontier, figure: Figure) -> None:
    for letter, axes, fill in zip("abcd", figure.subplots(2, 2).ravel(), PANELS.values(), strict=True):
        fill(axes, found)
        axes.set_title(f"{letter}  {axes.get_title(loc='left')}")


def _shares(axes: Axes, found: Frontier, *, pixels: bool = True) -> None:
    """Draw the share that is left in each bin of modes at each checkpoint after the reference."""
    share = np.array([point.share for point in found.checkpoints[1:]])
    times, bins = _times(found)[1:], np.asarray(found.bins)
    if pixels:
        mesh: ScalarMappable = axes.pcolormesh(
            _edges(times), _edges(bins), share.T, cmap="viridis", vmin=0, vmax=1, rasterized=True, linewidth=0
        )
    else:
        at, shares = (_edges(times), share[[0, 0]]) if len(times) == 1 else (times, share)
        mesh = axes.contourf(at, bins, shares.T, levels=LEVELS, cmap="viridis")
    known = [place for place, point in enumerate(found.checkpoints[1:]) if point.frontier is not None]
    ranks = [found.checkpoints[place + 1].frontier or 0.0 for place in known]
    axes.plot(times[known], ranks, color="white", linewidth=1.4, marker="o", markersize=2, label="k*")
    if found.noise.rank is not None:
        axes.axhline(found.noise.rank, color=RED, linewidth=1.0, linestyle="--")
        ground = {"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 1}
        axes.annotate("noise begins", (times[0], found.noise.rank), fontsize=6, va="center", bbox=ground, color=DARK)
    axes.set(title="Residual left", xlabel=_time_label(found), ylabel="mode k", yscale="log")
    axes.set_xscale("linear" if found.checkpoints[0].time is None else "log")
    axes.figure.colorbar(mesh, ax=axes, label="share of the reference's energy", pad=0.02)


def _growth(axes: Axes, found: Frontier) -> None:
    times = _times(found)
    known = [place for place, point in enumerate(found.checkpoints) if point.frontier is not None and place]
    ends = [
        np.array([getattr(found.checkpoints[place], end) for place in known], float)
        for end in ("frontier", "low", "high")
    ]
    axes.set(title="Growth", xlabel=_time_label(found), ylabel="frontier k*")
    if not known:
        axes.set(xticks=[], yticks=[])
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center")
        return
    axes.fill_between(times[known], ends[1], ends[2], color=BLUE, alpha=0.2, linewidth=0)
    axes.plot(times[known], ends[0], color=BLUE, marker="o", markersize=2.5)
    growth = found.growth
    if growth.value is not None and growth.times is not None:
        inside = [place for place in known if growth.times[0] <= times[place] <= growth.times[1]]
        logs = np.log([found.checkpoints[place].frontier or 1.0 for place in inside])
        span = np.log(np.array(growth.times))
        middle = float(np.mean(logs) - growth.value * np.mean(np.log(times[inside])))
        style = "-" if growth.status == "measured" else ":"
        label = f"t^{growth.value:.2f} ({growth.status.replace('-', ' ')})"
        axes.plot(np.exp(span), np.exp(middle + growth.value * span), color=RED, linestyle=style, label=label)
        axes.legend(loc="upper left")
    axes.set(xscale="linear" if found.checkpoints[0].time is None else "log", yscale="log")
    for axis in (axes.xaxis, axes.yaxis) if axes.get_xscale() == "log" else (axes.yaxis,):
        axis.set_major_locator(LogLocator(numticks=6, subs=(1.0, 3.0)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())


def _room(axes: Axes, found: Frontier) -> None:
    room = found.headroom
    if room.curve is None or room.null is None:
        axes.set(title="Headroom", xticks=[], yticks=[])
        axes.text(0.5, 0.5, "unresolved", transform=axes.transAxes, ha="center")
        return
    draw_headroom(axes, of=room.curve, null=room.null, cap=found.proposal.cap, kernel=found.kernel.name)
    axes.set_title(f"Headroom: {ROOM[room.verdict]}")
    axes.set_ylim(top=10 * found.proposal.cap)  # above the cap is room for the legend
    axes.legend(loc="upper left")


def _weights(axes: Axes, found: Frontier) -> None:
    proposal = found.proposal
    axes.set(title=f"Next weights: {proposal.kind}", xlabel="weight", ylabel="rows")
    if not proposal.counts:
        axes.set(xticks=[], yticks=[])
        axes.text(0.5, 0.5, "refused", transform=axes.transAxes, ha="center")
        return
    axes.stairs(proposal.counts, proposal.edges, fill=True, color=BLUE, alpha=0.7)
    axes.axvline(1.0, color=GREY, linewidth=0.6)
    axes.annotate("mean", (1.0, 1.0), xycoords=("data", "axes fraction"), fontsize=6, color=INK, va="top")
    axes.set_yscale("log")


PANELS: dict[str, Callable[[Axes, Frontier], None]] = {
    "shares": _shares,
    "growth": _growth,
    "headroom": _room,
    "weights": _weights,
}
"""Name -> panel, in the order of the figure."""


def _times(found: Frontier) -> NDArray[np.float64]:
    return np.array(
        [place if point.time is None else point.time for place, point in enumerate(found.checkpoints)], float
    )


def _time_label(found: Frontier) -> str:
    return "checkpoint" if found.checkpoints[0].time is None else "time"


def _edges(centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the edges (n + 1,) of cells around rising positive centres (n,)."""
    logs = np.log(centres)
    if len(logs) == 1:
        return np.asarray(np.exp(logs[0] + np.array([-0.5, 0.5])))
    middles = (logs[1:] + logs[:-1]) / 2
    return np.asarray(np.exp(np.concatenate([[2 * logs[0] - middles[0]], middles, [2 * logs[-1] - middles[-1]]])))
