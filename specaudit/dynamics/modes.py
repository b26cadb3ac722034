"""Modes of a kernel operator in blocks of nearly equal eigenvalue: an exact power law, or a measured spectrum."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from specaudit.kernels import FloatArray

SINGLE = 1024
"""Modes that are followed one by one; later ones in blocks."""
BLOCK = 0.01
"""Width of a block in ln k; halving it moves no slope by more than .0005."""
MOST = 1e8
"""Modes of a power law by default: past what any window reaches."""


@dataclass(frozen=True, kw_only=True)
class Modes:
    """Eigenvalues in order, in blocks.

    Attributes
    ----------
    ends
        (g,) rank of the last mode of each block.
    counts
        (g,) modes of each, >= 1.
    values
        (g,) their mean eigenvalue, > 0.
    rest
        Sum of the eigenvalues of all later modes, which are not followed.
    measured
        How many were measured, from the first on.
    exponent, level
        The tail is level k^-exponent; None where it is not known to be a power law.
    """

    ends: FloatArray = field(repr=False)
    counts: FloatArray = field(repr=False)
    values: FloatArray = field(repr=False)
    rest: float = 0.0
    measured: int = 0
    exponent: float | None = None
    level: float = 1.0

    @cached_property
    def ranks(self) -> FloatArray:
        """(g,) geometric middle of the ranks of each block."""
        return np.sqrt((self.ends - self.counts + 1) * self.ends)

    @cached_property
    def sums(self) -> FloatArray:
        """(g,) sum of the eigenvalues of each block."""
        return self.counts * self.values

    @cached_property
    def tails(self) -> FloatArray:
        """(g + 1,) sum of all eigenvalues from each block on; the last is `rest`."""
        return np.append(np.cumsum(self.sums[::-1])[::-1], 0.0) + self.rest

    @property
    def trace(self) -> float:
        """Sum of all eigenvalues."""
        return float(self.tails[0])

    @property
    def size(self) -> float:
        """Modes that are followed."""
        return float(self.ends[-1])

    def power_sums(self, exponent: float) -> FloatArray:
        """Return the sum of k^-exponent over the modes of each block (g,)."""
        return self.counts * _means(self.ends - self.counts, self.ends, exponent)

    def at(self, rank: float) -> float:
        """Return the eigenvalue at a rank, interpolated between blocks."""
        return float(np.exp(np.interp(np.log(rank), np.log(self.ranks), np.log(self.values))))


def power_law(exponent: float, count: float = MOST) -> Modes:
    """Return the modes k^-exponent, k = 1, ..., `count`; later ones are the rest, if their sum is finite."""
    ends = _ends(0.0, count)
    counts = np.diff(ends, prepend=0.0)
    values = _means(ends - counts, ends, exponent)
    return Modes(ends=ends, counts=counts, values=values, rest=_rest(count, exponent), exponent=exponent)


def measured(eigenvalues: FloatArray, trace: float) -> Modes:
    """Return measured leading modes (m,), positive and descending, of an operator of the given trace."""
    ends = np.arange(1.0, len(eigenvalues) + 1)
    rest = max(trace - float(eigenvalues.sum()), 0.0)
    return Modes(ends=ends, counts=np.ones(len(ends)), values=eigenvalues, rest=rest, measured=len(ends))


def extended(eigenvalues: FloatArray, exponent: float, count: float = MOST) -> Modes:
    """Return measured leading modes (m,), followed by k^-exponent at the level of their deeper half."""
    known = len(eigenvalues)
    ranks = np.arange(1.0, known + 1)
    deep = slice(known // 2, known)
    level = float(np.exp(np.mean(np.log(eigenvalues[deep]) + exponent * np.log(ranks[deep]))))
    ends = _ends(float(known), max(count, known))
    counts = np.diff(ends, prepend=float(known))
    return Modes(
        ends=np.append(ranks, ends),
        counts=np.append(np.ones(known), counts),
        values=np.append(eigenvalues, level * _means(ends - counts, ends, exponent)),
        rest=level * _rest(count, exponent),
        measured=known,
        exponent=exponent,
        level=level,
    )


def _ends(first: float, count: float) -> FloatArray:
    """Return the last ranks of blocks that hold the modes after `first` up to `count`."""
    single = np.arange(first + 1, min(max(SINGLE, first), count) + 1)
    start = single[-1] if len(single) else first
    later = np.rint(start * np.exp(np.arange(BLOCK, np.log(count / start) + BLOCK, BLOCK))) if start < count else []
    return np.unique(np.append(single, np.minimum(later, count)))


def _rest(count: float, exponent: float) -> float:
    """Return the sum of k^-exponent over k > count; 0 where it is infinite."""
    return (count + 0.5) ** (1 - exponent) / (exponent - 1) if exponent > 1 else 0.0


def _means(before: FloatArray, ends: FloatArray, exponent: float) -> FloatArray:
    """Return the mean of k^-exponent over the ranks before < k <= ends; of blocks by the midpoint rule."""
    low, high = before + 0.5, ends + 0.5
    power = 1 - exponent
    area = np.log(high / low) if power == 0 else (high**power - low**power) / power
    return np.where(ends - before > 1, area / (ends - before), ends**-exponent)
