"""The slope of a curve over time on a window of its values, and how far it can be read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from specaudit.dynamics.modes import Modes
from specaudit.kernels import FloatArray

POINTS, PARTS = 200, 4
"""Points of a fit, uniform in ln t, and windows that a window is cut into."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """A slope d ln y / d ln t.

    Attributes
    ----------
    value, parts
        By least squares on the window, and on each quarter of its ln t. A run is deterministic: the range of the
        parts says how straight the curve is, and is no error.
    window
        Values of y between which the window lies.
    times
        When it begins and ends.
    """

    value: float
    parts: tuple[float, ...]
    window: tuple[float, float]
    times: tuple[float, float]

    @property
    def low(self) -> float:
        """The least slope of a part."""
        return min(self.parts)

    @property
    def high(self) -> float:
        """The greatest slope of a part."""
        return max(self.parts)

    @property
    def decades(self) -> float:
        """How far y goes on the window, in powers of ten."""
        return float(np.log10(self.window[1] / self.window[0]))


def growth(time: FloatArray, values: FloatArray, window: tuple[float, float]) -> Growth | None:
    """Return the slope of a rising curve (T,) while it is in the window; None where it is there at less than 8 times.

    The window ends where the curve leaves it for good or for the last time.
    """
    inside = (values >= window[0]) & (values <= window[1])
    if inside.sum() < 2 * PARTS:
        return None
    first, last = np.flatnonzero(inside)[[0, -1]]
    return between(time, values, (float(time[first]), float(time[last])))


def between(time: FloatArray, values: FloatArray, times: tuple[float, float]) -> Growth:
    """Return the slope of a positive curve (T,) between two times."""
    at = np.linspace(np.log(times[0]), np.log(times[1]), POINTS)
    curve = np.interp(at, np.log(time), np.log(np.maximum(values, np.finfo(float).tiny)))
    parts = [_slope(x, y) for x, y in zip(np.array_split(at, PARTS), np.array_split(curve, PARTS), strict=True)]
    ends = np.exp(curve[[0, -1]])
    return Growth(value=_slope(at, curve), parts=tuple(parts), window=(float(ends[0]), float(ends[1])), times=times)


def local_exponent(modes: Modes, window: tuple[float, float]) -> Growth | None:
    """Return b = -d ln lambda / d ln k over a window of ranks; None where it holds fewer than 8 blocks."""
    return growth(modes.ranks, 1 / modes.values, (1 / modes.at(window[0]), 1 / modes.at(window[1])))


def _slope(x: FloatArray, y: FloatArray) -> float:
    x = x - x.mean()
    return float(x @ (y - y.mean()) / (x @ x))
