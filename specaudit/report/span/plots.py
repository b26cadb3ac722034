"""The figure of the span test: excess of rows, leading residual modes, and the trend over sets."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from specaudit.embeddings.display import shown
from specaudit.report.plots import COLORS, OTHER, alone, drawn, kind_of
from specaudit.writing import write_files

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from specaudit.documents import Span, SpanSet

SIZE = (7.2, 2.6)  # inches: the width of a page
REAL = "#8c8c8c"
BAND = "#ececec"
SHADES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MOST_SETS = 6  # whose distributions are drawn


def save_span(span: Span, path: str | Path) -> None:
    """Write the figure of ``span`` to a .svg, .pdf or .png file.

    Raises
    ------
    ConfigError
        The suffix is another one.
    """
    write_files([(Path(path), picture(span, kind_of(path)))])


def picture(span: Span, kind: str) -> bytes:
    """Return the figure as svg, pdf or png content; the same document gives the same bytes."""
    return drawn(partial(_draw, span), SIZE, kind)


def panels(span: Span) -> list[str]:
    """Return the names of the ``PANELS`` that there are: a trend takes several sets."""
    return [name for name in PANELS if name != "trend" or len(span.sets) > 1]


def panel(name: str, span: Span) -> bytes:
    """Return one of ``PANELS`` as svg content for a page."""
    return alone(lambda axes: PANELS[name](axes, span))


def _draw(span: Span, figure: Figure) -> None:
    shown_ = panels(span)
    for letter, axes, name in zip("abc", figure.subplots(1, len(shown_)), shown_, strict=False):
        PANELS[name](axes, span)
        axes.set_title(f"{letter}  {axes.get_title(loc='left')}")


def _excess(axes: Axes, span: Span) -> None:
    """Draw the distribution of the rows' excess under the primary kernel."""
    sets = span.sets[-MOST_SETS:]
    first = sets[-1].spectra[span.primary]
    axes.axvspan(*np.interp([0.05, 0.95], first.level, first.excess_real), color=BAND, linewidth=0)
    axes.plot(first.excess_real, first.level, color=REAL, linewidth=2.2, label="real rows")
    for color, found in zip(SHADES, sets, strict=False):
        of = found.spectra[span.primary]
        axes.plot(of.excess, of.level, color=color, label=_name(found))
    axes.set(title="Rows", xlabel="excess over the real rows around (s.d.)", ylabel="share of rows below")
    axes.set_ylim(0, 1)
    low, high = axes.get_xlim()
    axes.set_xlim(max(low, -12), min(high, 12))
    axes.legend(loc="upper left")


def _modes(axes: Axes, span: Span) -> None:
    """Draw the leading residual modes of the last set over those of real rows."""
    found = span.sets[-1]
    for name, of in found.spectra.items():
        color = COLORS.get(name, OTHER)
        ranks = np.arange(1, len(of.modes) + 1)
        axes.fill_between(ranks, of.modes_low, of.modes_high, color=color, alpha=0.15, linewidth=0)
        axes.plot(ranks, of.modes, color=color, marker="o", markersize=2.5, label=name)
    axes.axhline(1.0, color=REAL, linewidth=0.6)
    axes.set(title="Residual modes", xlabel="rank", ylabel="eigenvalue over that of real rows")
    axes.legend(loc="best", title="bands: 95 % of real sets", title_fontsize=6.5)


def _trend(axes: Axes, span: Span) -> None:
    """Draw what becomes of the sets one after the other."""
    order = np.arange(1, len(span.sets) + 1)
    primary = [found.spectra[span.primary] for found in span.sets]
    for label, values, color in (
        ("beyond", [of.high.value for of in primary], SHADES[1]),
        ("inside", [of.low.value for of in primary], SHADES[0]),
        ("near copies", [found.near.value for found in span.sets], SHADES[2]),
        ("repeats", [found.repeats.value for found in span.sets], SHADES[3]),
    ):
        axes.plot(order, values, color=color, marker="o", markersize=2.5, label=label)
    axes.axhline(0.05, color=REAL, linewidth=0.6)
    axes.set(title="Sets in order", xlabel="set", ylabel="share of rows", ylim=(-0.03, 1.03), xticks=order)
    axes.legend(loc="best")


PANELS: dict[str, Callable[[Axes, Span], None]] = {"excess": _excess, "modes": _modes, "trend": _trend}
"""Name -> panel, in the order of the figure."""


def _name(found: SpanSet) -> str:
    return shown(found.side.source.rpartition("/")[2], 24).replace("$", r"\$")
