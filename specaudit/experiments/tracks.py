"""What is seen of a run: the frontier, the capacity and the held-out loss over time, and where its weights lie."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from specaudit.dynamics import between, growth
from specaudit.kernels import FloatArray
from specaudit.learning.collapse import Coherence
from specaudit.learning.frontier import FIRST, LAST, crossings, local_exponent
from specaudit.learning.modes import DEPTH, Modes
from specaudit.learning.shares import Bins, remaining

Curve = Literal["frontier", "capacity"]
BoolArray = npt.NDArray[np.bool_]

FALLEN = 1.15
"""Factor by which a frontier that falls back has lost modes that it had: half a bin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One run at T times; its weights were renewed R times.

    Attributes
    ----------
    times
        (T,) ascending and positive: of gradient flow, or optimiser steps.
    frontier
        (T,) k*; 0 before the first mode.
    capacity
        (T,) N, the modes that were learned, each by the energy that is gone.
    loss
        (T,) mean squared error on held-out rows without noise, over that of predicting 0.
    starts
        (R,) when weights were chosen, from 0 on.
    on_noise
        (R,) share of the weight on rows with the target of another row.
    coherence
        Of the residuals with their neighbours', at these times; None where the weights are not |r|^2.
    """

    times: FloatArray = field(repr=False)
    frontier: FloatArray = field(repr=False)
    capacity: FloatArray = field(repr=False)
    loss: FloatArray = field(repr=False)
    starts: FloatArray = field(repr=False, default_factory=lambda: np.empty(0))
    on_noise: FloatArray = field(repr=False, default_factory=lambda: np.empty(0))
    coherence: Coherence | None = field(repr=False, default=None)

    def reached(self, target: float) -> float | None:
        """Return the time at which the capacity first reaches a target, linear in logarithms; None if never."""
        risen = np.maximum.accumulate(self.capacity)
        if risen[-1] < target:
            return None
        at = int(np.searchsorted(risen, target))
        if at == 0 or risen[at - 1] <= 0:
            return float(self.times[at])
        share = np.log(target / risen[at - 1]) / np.log(risen[at] / risen[at - 1])
        return float(self.times[at - 1] * (self.times[at] / self.times[at - 1]) ** share)

    def slope(self, curve: Curve, window: tuple[float, float], *, late: bool = False) -> float | None:
        """Return the slope of a curve while it is in a window, or in the later half of that time.

        None where it is there too seldom, or is a frontier that loses modes again.
        """
        if curve == "frontier" and self.fell(window):
            return None
        found = growth(self.times, getattr(self, curve), window)
        if found is None or not late:
            return None if found is None else found.value
        middle = float(np.sqrt(found.times[0] * found.times[1]))
        return between(self.times, getattr(self, curve), (middle, found.times[1])).value

    def fell(self, window: tuple[float, float]) -> bool:
        """Return whether the frontier loses modes again from the first to the last time that it is in a window."""
        inside = np.flatnonzero(self._inside(window))
        ranks = self.frontier[inside[0] : inside[-1] + 1] if len(inside) else inside
        return bool((np.maximum.accumulate(ranks) > FALLEN * ranks).any())

    def within(self, window: tuple[float, float]) -> tuple[float, float] | None:
        """Return the first and last time at which the frontier is in a window; None for fewer than two."""
        times = self.times[self._inside(window)]
        return (float(times[0]), float(times[-1])) if len(times) > 1 else None

    def decades(self, window: tuple[float, float]) -> float:
        """Return how many powers of ten the frontier goes in a window."""
        ranks = self.frontier[self._inside(window)]
        return float(np.log10(ranks.max() / ranks.min())) if len(ranks) else 0.0

    def loss_slope(self, times: tuple[float, float]) -> float:
        """Return d ln loss / d ln t between two times."""
        return between(self.times, self.loss, times).value

    def _inside(self, window: tuple[float, float]) -> BoolArray:
        return np.asarray((self.frontier >= window[0]) & (self.frontier <= window[1]))

    @property
    def best(self) -> float:
        """The lowest held-out loss."""
        return float(self.loss.min())

    @property
    def most_on_noise(self) -> float | None:
        """The largest share of weight on noise rows; None without any."""
        return float(self.on_noise.max()) if self.on_noise.any() else None

    @property
    def lowest_coherence(self) -> float | None:
        """The lowest D; None where it says nothing."""
        if self.coherence is None or self.coherence.lowest is None:
            return None
        return float(self.coherence.ratio[self.coherence.lowest])


def window_of(modes: Modes) -> tuple[float, float]:
    """Return the ranks between which slopes are taken, of all modes of the training rows."""
    return FIRST, LAST * min(DEPTH * len(modes.vectors), modes.count)


def read_modes(modes: Modes, energies: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return k* (T,) and N (T,), at most m, of energies (1 + T, m) in all modes, those of the reference first."""
    bins = Bins.of(modes.count)
    ranks = np.minimum(np.exp(crossings(remaining(energies, bins)[1:], bins)), modes.count)
    sums = bins.sums(energies)
    known = sums[0] > 0
    left = np.divide(sums[1:], sums[0], out=np.zeros_like(sums[1:]), where=known)
    return np.where(ranks < 1, 0.0, ranks), np.clip(1 - left, 0, None) @ (bins.sizes * known)


def tail_exponent(modes: Modes, track: Track, window: tuple[float, float]) -> float | None:
    """Return the local exponent b over what a run saw of a window; None for less than a factor 2."""
    if track.decades(window) < np.log10(2):
        return None
    inside = track.frontier[(track.frontier >= window[0]) & (track.frontier <= window[1])]
    return local_exponent(modes, (float(inside.min()), float(inside.max())))
