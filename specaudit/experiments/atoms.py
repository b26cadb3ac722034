"""Localised data in closed form: atoms that share nothing, sampled by their loss.

Atom k has the share p_k of the rows, and its residual r_k moves as r_k' = -p_k w_k r_k: T = diag(p_k). Every mode is
a set of rows here, so that weights of rows are weights of modes, and a sampler that sees nothing but losses can do
what an oracle does. Rows of label noise are rows that nothing predicts: their residual stays 1, memorisation is left
out, and what weight they draw is lost.

With w = |r|^p / Z and dS = dt / Z the residuals are r_k = (1 + p p_k S)^(-1/p), and t = int Z dS is a sum over atoms.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from specaudit.dynamics import Growth, Modes, between, growth
from specaudit.dynamics.frontier import contiguous
from specaudit.kernels import FloatArray

STEP = 0.01
"""Width of a step in ln of the clock."""
LEARNED = 400.0
"""-ln of the smallest score under a cap: an atom past that weighs nothing that could be told."""
FIRST, DEEPEST = 0.01, 1e5
"""Progress of the first atom at the first time, and the atom that is learned at the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AtomRun:
    """What a sampler learned of the atoms, at T times.

    Attributes
    ----------
    time
        (T,) of gradient flow, as many rows a unit of time for every sampler.
    frontier
        (T,) the rank k* at which the run of atoms with a residual of at most 1/e ends.
    loss
        (T,) sum over the atoms of p_k r_k^2: without noise rows.
    on_noise
        (T,) share of the weight on noise rows.
    """

    time: FloatArray = field(repr=False)
    frontier: FloatArray = field(repr=False)
    loss: FloatArray = field(repr=False)
    on_noise: FloatArray = field(repr=False)

    def slopes(self, window: tuple[float, float]) -> tuple[Growth, Growth] | None:
        """Return the slopes of the frontier while it is in the window, and of the loss then; None if it never is."""
        found = growth(self.time, self.frontier, window)
        return None if found is None else (found, between(self.time, self.loss, found.times))


def sampled_atoms(
    atoms: Modes, power: float, *, cap: float = np.inf, noise: float = 0.0, deepest: float = DEEPEST
) -> AtomRun:
    """Return the run of weights in proportion to |r|^power, of mean 1 and at most `cap`, until `deepest` is learned.

    Parameters
    ----------
    atoms
        Frequencies as modes (`specaudit.dynamics.power_law`); they are divided by their sum.
    power
        0 for uniform sampling.
    noise
        Share of the rows in [0, 1) that are noise.
    """
    shares = (1 - noise) * atoms.values / atoms.sums.sum()
    last = float(np.interp(np.log(deepest), np.log(atoms.ranks), np.log(shares)))
    ends = (FIRST / shares[0], 1.05 * _learned(power) / np.exp(last))
    clock = np.exp(np.arange(np.log(ends[0]), np.log(ends[1]) + STEP, STEP))
    if power == 0:
        time, progress = clock, np.multiply.outer(clock, shares)
        factor = np.ones(len(clock))
    elif np.isinf(cap):
        grown = np.log1p(power * np.multiply.outer(clock, shares))
        progress = grown / power
        time = grown @ atoms.counts / power + noise * clock
        factor = 1 / (np.exp(-grown) @ (atoms.counts * shares) + noise)
    else:
        time, progress, factor = _capped(atoms.counts, shares, power, cap, noise, clock)
    return AtomRun(
        time=time,
        frontier=np.array([contiguous(atoms, row) for row in progress]),
        loss=np.exp(-2 * progress) @ (atoms.counts * shares) / (1 - noise),
        on_noise=noise * np.minimum(factor, cap),
    )


def _learned(power: float) -> float:
    """Return p_k S at which an atom is learned."""
    return 1.0 if power == 0 else float(np.expm1(power) / power)


def _capped(
    counts: FloatArray, shares: FloatArray, power: float, cap: float, noise: float, clock: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return times, progress (T, g) and the factor 1/Z (T,), by steps in which the weights stay as they are."""
    mass = counts * shares
    progress, rows, factors = np.zeros(len(shares)), [], []
    time = clock  # a capped run is as slow as a uniform one in the end
    for step in np.diff(time, prepend=0.0):
        scores = np.exp(-np.minimum(power * progress, LEARNED))
        factor = _factor(scores, mass, cap, noise)
        progress = progress + shares * np.minimum(factor * scores, cap) * step
        rows.append(progress)
        factors.append(factor)
    return time, np.array(rows), np.array(factors)


def _factor(scores: FloatArray, mass: FloatArray, cap: float, noise: float) -> float:
    """Return the factor at which min(factor score, cap) has mean 1 over atoms (g,) and noise rows of score 1.

    Scores rise with the rank, as rarer atoms are learned later.
    """
    falling, share = np.append(1.0, scores[::-1]), np.append(noise, mass[::-1])
    left = np.cumsum((falling * share)[::-1])[::-1]
    factors = (1 - cap * (np.cumsum(share) - share)) / left
    return float(factors[np.argmax(factors * falling <= cap)])
