"""What is seen of a run: the frontier, the capacity and the held-out loss over time, and where its weights lie."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from specaudit.dynamics import Growth, between, growth
from specaudit.kernels import FloatArray
from specaudit.learning.collapse import Coherence
from specaudit.learning.frontier import FIRST, LAST, crossings, local_exponent
from specaudit.learning.modes import DEPTH, Modes
from specaudit.learning.shares import Bins, remaining

FALLEN = 1.15
"""Factor by which a frontier that falls back has lost modes that it had: half a bin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One run at T times; its weights were renewed R times.

    Attributes
    ----------
    times
        (T,) ascending and positive: of gradient flow, or optimiser steps.
    ranks
        (T,) the frontier k*; 0 before the first mode.
    capacity
        (T,) N, the modes that were learned, each by the energy that is gone.
    loss
        (T,) mean squared error on held-out rows without noise, over that of predicting 0.
    starts
        (R,) when weights were chosen, from 0 on.
    on_noise
        (R,) share of the weight on rows with the target of another row.
    coherence
        Of the residuals with their neighbours', at these times; None where the weights are not of rows.
    """

    times: FloatArray = field(repr=False)
    ranks: FloatArray = field(repr=False)
    capacity: FloatArray = field(repr=False)
    loss: FloatArray = field(repr=False)
    starts: FloatArray = field(repr=False, default_factory=lambda: np.empty(0))
    on_noise: FloatArray = field(repr=False, default_factory=lambda: np.empty(0))
    coherence: Coherence | None = field(repr=False, default=None)

    def reached(self, target: float) -> float | None:
        """Return the time at which the capacity first reaches a target, linear in logarithms; None if it never does."""
        risen = np.maximum.accumulate(self.capacity)
        if risen[-1] < target:
            return None
        at = int(np.searchsorted(risen, target))
        if at == 0 or risen[at - 1] <= 0:
            return float(self.times[at])
        share = np.log(target / risen[at - 1]) / np.log(risen[at] / risen[at - 1])
        return float(self.times[at - 1] * (self.times[at] / self.times[at - 1]) ** share)

    def growth(self, curve: str, window: tuple[float, float]) -> Growth | None:
        """Return the slope of `ranks` or `capacity` while it is in a window."""
        return growth(self.times, getattr(self, curve), window)

    def fell(self, window: tuple[float, float]) -> bool:
        """Return whether the frontier loses modes again while it is in a window, so that it has no slope."""
        inside = self.ranks[(self.ranks >= window[0]) & (self.ranks <= window[1])]
        return bool(len(inside) and (np.maximum.accumulate(inside) > FALLEN * inside).any())

    def loss_slope(self, times: tuple[float, float]) -> float:
        """Return d ln loss / d ln t between two times."""
        return between(self.times, self.loss, times).value

    @property
    def best(self) -> float:
        """The lowest held-out loss."""
        return float(self.loss.min())

    @property
    def most_on_noise(self) -> float:
        """The largest share of weight on noise rows; 0 without any."""
        return float(self.on_noise.max(initial=0.0))


def window_of(modes: Modes) -> tuple[float, float]:
    """Return the ranks between which slopes are taken, of all modes of the training rows."""
    return FIRST, LAST * DEPTH * len(modes.vectors)


def read_modes(modes: Modes, energies: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return k* (T,) and N (T,) of energies (1 + T, m) in all modes, those of the reference first."""
    bins = Bins.of(modes.count)
    ranks = np.exp(crossings(remaining(energies, bins)[1:], bins))
    sums = bins.sums(energies)
    known = sums[0] > 0
    left = np.divide(sums[1:], sums[0], out=np.zeros_like(sums[1:]), where=known)
    return np.where(ranks < 1, 0.0, ranks), np.clip(1 - left, 0, None) @ (bins.sizes * known)


def tail_exponent(modes: Modes, track: Track, window: tuple[float, float]) -> float | None:
    """Return the local exponent b of the eigenvalues over what a frontier saw of a window; None for less than a factor 2."""
    inside = track.ranks[(track.ranks >= window[0]) & (track.ranks <= window[1])]
    if len(inside) < 2 or inside.max() < 2 * inside.min():
        return None
    return local_exponent(modes, (float(inside.min()), float(inside.max())))
