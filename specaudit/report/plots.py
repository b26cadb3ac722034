"""The figure of a fit: scree, capacity curves and local exponents, for a paper or a pull request."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

from specaudit.embeddings.display import shown
from specaudit.errors import ConfigError, InputError
from specaudit.report.formats import PICTURES
from specaudit.report.scree import FAINTEST, above_rounding
from specaudit.writing import write_files

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from specaudit.documents import Fit, Spectrum

# Okabe & Ito's palette, told apart by colour-blind readers too
COLORS = {
    "laplace": "#0072B2",
    "linear": "#D55E00",
    "matern32": "#009E73",
    "matern52": "#CC79A7",
    "rbf": "#E69F00",
}
OTHER = "#000000"  # a kernel without a colour
FADED = "#c0c0c0"  # past the trusted depth
GREYED = 0.75  # share of it there; the rest tells the kernels apart
INK = "#333333"

STYLE: Any = {  # matplotlib's own type lists every key
    "font.family": "DejaVu Sans",  # ships with matplotlib, so the file is the same everywhere
    "font.size": 7.5,
    "axes.titlesize": 8,
    "axes.titlelocation": "left",
    "axes.labelsize": 7.5,
    "axes.linewidth": 0.6,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "legend.labelspacing": 0.3,
    "lines.linewidth": 1.1,
    "lines.solid_capstyle": "butt",
    "svg.fonttype": "none",
    "svg.hashsalt": "specaudit",
    "pdf.fonttype": 42,
}
SIZE = (7.2, 2.7)  # inches: the width of a page
PANEL = (3.3, 2.4)  # inches of a panel on its own
LEGEND_COLUMNS = 7
DPI = 200
METADATA: dict[str, dict[str, None]] = {
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
    "png": {"Software": None},
}
"""What would differ between two files of the same fit."""

LEAST = 1.0  # effective dimension below which a slope means nothing


def save_fit(fit: Fit, path: str | Path) -> None:
    """Write the figure of ``fit`` to a .svg, .pdf or .png file.

    Raises
    ------
    ConfigError
        The suffix is another one.
    """
    write_files([(Path(path), picture(fit, kind_of(path)))])


def picture(fit: Fit, kind: str) -> bytes:
    """Return the figure of ``fit`` as svg, pdf or png content; the same fit gives the same bytes."""
    return drawn(partial(_draw, fit), SIZE, kind)


def kind_of(path: str | Path) -> str:
    """Return svg, pdf or png, as the suffix of ``path`` says.

    Raises
    ------
    ConfigError
        The suffix is another one.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in PICTURES:
        raise ConfigError(f"{shown(path)}: not a picture", next_step=f"use {', '.join(PICTURES)}")
    return suffix[1:]


def drawn(draw: Callable[[Figure], None], size: tuple[float, float], kind: str) -> bytes:
    """Return what ``draw`` puts on a figure of ``size`` inches, in our style, as svg, pdf or png content.

    Raises
    ------
    InputError
        Numbers are so far apart that no axis holds them.
    """
    stream = io.BytesIO()
    with mpl.rc_context():
        mpl.rcdefaults()  # not the reader's own style
        mpl.rcParams.update(STYLE)
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        try:
            draw(figure)
            figure.savefig(stream, format=kind, dpi=DPI, metadata=METADATA[kind])
        except (OverflowError, np.linalg.LinAlgError):
            raise InputError(
                "the figure cannot be drawn: its numbers are too far apart", next_step="check the document"
            ) from None
    return stream.getvalue()


def panel(name: str, fit: Fit) -> bytes:
    """Return one of ``PANELS`` as svg content for a page."""
    return alone(lambda axes: _fill(axes, PANELS[name], fit))


def alone(fill: Callable[[Axes], None]) -> bytes:
    """Return a panel on its own as svg content, without ground or title: the page has both."""

    def draw(figure: Figure) -> None:
        figure.patch.set_alpha(0)
        axes = figure.subplots()
        axes.patch.set_alpha(0)
        fill(axes)
        axes.set_title("")

    return drawn(draw, PANEL, "svg")


def _draw(fit: Fit, figure: Figure) -> None:
    for letter, which, axes in zip(ascii_lowercase, PANELS.values(), figure.subplots(1, len(PANELS)), strict=False):
        _fill(axes, which, fit)
        axes.set_title(f"{letter}  {which.title}")
    kernels = [fit.primary, *(name for name in fit.spectra if name != fit.primary)]
    handles = [Line2D([], [], color=COLORS.get(name, OTHER), label=_kernel(fit.spectra[name])) for name in kernels]
    handles += [key("N₁, b₁", "--", 0.8), key("N₂, b₂", "-", 1.1), key("b₃", ":", 0.8), _window_key()]
    handles += [Line2D([], [], color=FADED, label="past trusted depth")]
    figure.legend(handles=handles, loc="outside lower center", ncols=LEGEND_COLUMNS)


def _fill(axes: Axes, which: Panel, fit: Fit) -> None:
    for name in [*(name for name in fit.spectra if name != fit.primary), fit.primary]:  # the primary on top
        which.draw(axes, fit.spectra[name], COLORS.get(name, OTHER))
    label(axes, which.title, which.x, which.y)
    if which.draw is _capacity:
        axes.invert_xaxis()  # to the right is deeper, as in the other panels
    if which.draw is _local:
        axes.set_yscale("linear")
        axes.set_ylim(*_span(list(fit.spectra.values())))


def _scree(axes: Axes, spectrum: Spectrum, color: str) -> None:
    values = above_rounding(spectrum)
    axes.plot(np.arange(1, len(values) + 1), values, color=color, linewidth=1.6)
    # the whole spectrum is quadrature: it goes on where the single eigenvalues end
    eigenvalue, count = np.asarray(spectrum.counting.eigenvalue), np.asarray(spectrum.counting.count)
    deeper = (count > len(values)) & (eigenvalue > FAINTEST * values.max(initial=0.0))
    if deeper.any() and len(values):
        ranks = np.concatenate([[len(values)], count[deeper]])
        axes.plot(ranks, np.concatenate([values[-1:], eigenvalue[deeper]]), color=color, linewidth=0.6)


def _capacity(axes: Axes, spectrum: Spectrum, color: str) -> None:
    curve = spectrum.capacity
    kappa, n1, n2 = map(np.asarray, (curve.kappa, curve.n1, curve.n2))
    low, high = np.asarray(curve.kappa_low), np.asarray(curve.kappa_high)
    axes.fill_betweenx(n2, low, high, color=color, alpha=0.2, linewidth=0)
    trusted = n2 <= curve.trusted_n2
    _faded(axes, kappa, n1, trusted, color, linestyle="--", linewidth=0.8)
    _faded(axes, kappa, n2, trusted, color)
    _window(axes, spectrum, np.log(n2), np.log(kappa), color, depth_is_x=False)


def _local(axes: Axes, spectrum: Spectrum, color: str) -> None:
    curve = spectrum.local_exponent
    n2 = np.asarray(curve.n2)
    shown_ = n2 >= LEAST
    n2, trusted = n2[shown_], n2[shown_] <= spectrum.capacity.trusted_n2
    b1, b2, b3, low, high = (
        np.asarray(values)[shown_] for values in (curve.b1, curve.value, curve.b3, curve.low, curve.high)
    )
    axes.fill_between(n2, low, high, color=color, alpha=0.2, linewidth=0)
    _faded(axes, n2, b1, trusted, color, linestyle="--", linewidth=0.6)
    _faded(axes, n2, b3, trusted, color, linestyle=":", linewidth=0.8)
    _faded(axes, n2, b2, trusted, color)
    _window(axes, spectrum, np.log(n2), b2, color, depth_is_x=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A panel: its axes, and what draws one kernel's part of it in a colour."""

    title: str
    x: str
    y: str
    draw: Callable[[Axes, Spectrum, str], None]


PANELS: dict[str, Panel] = {
    "scree": Panel(title="Eigenvalues", x="rank k", y="eigenvalue λₖ of K/n", draw=_scree),
    "capacity": Panel(title="Capacity", x="ridge κ", y="effective dimensions", draw=_capacity),
    "local": Panel(title="Local exponent", x="effective dimensions N₂", y="b = −d ln κ / d ln N₂", draw=_local),
}
"""Name -> panel, from left to right in the figure."""


def _faded(axes: Axes, x: NDArray[Any], y: NDArray[Any], trusted: NDArray[np.bool_], color: str, **line: Any) -> None:
    """Draw a curve, its part past the trusted depth in grey."""
    order = np.argsort(~trusted, kind="stable")
    x, y, end = x[order], y[order], int(trusted.sum())
    grey = GREYED * np.array(to_rgb(FADED)) + (1 - GREYED) * np.array(to_rgb(color))
    axes.plot(x[max(end - 1, 0) :], y[max(end - 1, 0) :], color=grey, **line)
    axes.plot(x[:end], y[:end], color=color, **line)


def _window(
    axes: Axes, spectrum: Spectrum, log_n2: NDArray[Any], y: NDArray[Any], color: str, *, depth_is_x: bool
) -> None:
    """Mark the exponent's window on the curve ``y`` of the depth: a thick stretch between two ticks."""
    window = spectrum.exponent.window
    if window is None or not len(log_n2):
        return
    order = np.argsort(log_n2)
    depth = np.linspace(np.log(window[0]), np.log(window[1]), 50)
    along = np.interp(depth, log_n2[order], y[order])
    points = (np.exp(depth), along) if depth_is_x else (np.exp(along), np.exp(depth))
    axes.plot(*points, color=color, linewidth=2.4, marker="o", markersize=3, markevery=[0, -1])


def label(axes: Axes, title: str, x: str, y: str) -> None:
    """Name a panel and its axes, which are logarithmic; a panel without points says so."""
    axes.set(title=title, xlabel=x, ylabel=y)
    if not any(np.size(line.get_xdata()) for line in axes.lines):
        axes.set(xticks=[], yticks=[])
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center")
        return
    axes.set(xscale="log", yscale="log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(numticks=6))
        axis.set_minor_formatter(NullFormatter())


def _span(spectra: list[Spectrum]) -> tuple[float, float]:
    """Return limits that show every b_2 and its neighbours on the trusted depth, not where b_1 diverges."""
    points = [
        (n2, value, spectrum.capacity.trusted_n2)
        for spectrum in spectra
        for n2, value in zip(spectrum.local_exponent.n2, spectrum.local_exponent.value, strict=True)
        if n2 >= LEAST
    ]
    values = [value for n2, value, trusted in points if n2 <= trusted] or [value for _, value, _ in points]
    low, high = (min(values), max(values)) if values else (0.5, 2.0)
    room = max(high - low, 0.2)
    return max(low - 0.35 * room, 0.0), high + 0.4 * room


def _kernel(spectrum: Spectrum) -> str:
    exponent = spectrum.exponent
    name = shown(spectrum.kernel.name).replace("$", r"\$")
    return name if exponent.value is None else f"{name}, b = {exponent.value:.3f}"


def key(label: str, linestyle: Any, width: float, color: str = INK) -> Line2D:
    """Return a line for a legend."""
    return Line2D([], [], color=color, linestyle=linestyle, linewidth=width, label=label)


def _window_key() -> Line2D:
    return Line2D([], [], color=INK, linewidth=2.4, marker="o", markersize=3, label="window of b")
