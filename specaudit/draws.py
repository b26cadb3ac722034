"""Random row subsets of a multiset: rows are drawn one copy at a time, then copies are collapsed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

import numpy as np

from specaudit.cells import IntArray
from specaudit.kernels import FloatArray

LARGEST_INFLATION = 3.0
"""Variance of the change over that of the subsets above which subsets are drawn from both sides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Some unique rows with the copies that were drawn of each.

    Attributes
    ----------
    rows
        (m,) places of the unique rows, ascending.
    copies
        (m,) >= 1.
    """

    rows: IntArray
    copies: IntArray


def draw(copies: IntArray, size: int, generator: np.random.Generator) -> Draw:
    """Return a random subset of a multiset in which row i occurs `copies[i]` times, with `size` unique rows.

    All copies are put in random order and taken until `size` different rows are among them, as random pruning
    of the rows one by one would. A copy's place in the order is a uniform time: the first of w copies comes at
    1 - (1 - u)^(1/w), and each later one before the end with equal probability.
    """
    first = -np.expm1(np.log1p(-generator.random(len(copies))) / copies)
    rows = np.sort(np.argpartition(first, size - 1)[:size]) if size < len(copies) else np.arange(len(copies))
    if size == len(copies):
        return Draw(rows=rows, copies=copies)
    start, end = first[rows], first[rows].max()
    later = generator.binomial(copies[rows] - 1, np.clip((end - start) / (1 - start), 0.0, 1.0))
    return Draw(rows=rows, copies=1 + later)


Drawn = Literal["before", "after", "both", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """How the samples of two data sets are brought to equal size.

    With samples of s and t unique rows that share c, the change of a statistic that is an average over rows has
    variance sigma^2 (1/s + 1/t - 2c/(s t)), and a random subset of h among s rows varies by
    sigma^2 (1/h - 1/s). The second, measured, gives the first: one formula for subsets, supersets, partial
    overlap and independent data.

    Attributes
    ----------
    size
        Unique rows on both sides.
    drawn
        The side that random subsets are drawn from.
    before, after, shared
        Unique rows in the samples and in both of them.
    """

    size: int
    drawn: Drawn
    before: int
    after: int
    shared: int

    @classmethod
    def of(cls, before: int, after: int, shared: int) -> Design:
        """Return the design for samples of these sizes.

        Subsets of the larger side have the size of the smaller; where that would tell too little of the
        smaller side's own error, both sides are halved.
        """
        small, large = sorted((before, after))
        spread = _spread(before, after, shared)
        if shared == small == large:
            size, drawn = small, "none"
        elif large > small and spread <= LARGEST_INFLATION * (1 / small - 1 / large):
            size, drawn = small, "before" if before > after else "after"
        else:
            size, drawn = small // 2, "both"
        return cls(size=size, drawn=cast(Drawn, drawn), before=before, after=after, shared=shared)

    def error(self, before: FloatArray, after: FloatArray) -> FloatArray:
        """Return the standard error (k,) of the change of statistics with values (R, k) in each side's subsets."""
        sds = [
            values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros(values.shape[1]) for values in (before, after)
        ]
        return self.combined(sds[0], len(before), sds[1], len(after))

    def combined(self, before: FloatArray, draws: int, after: FloatArray, draws_after: int) -> FloatArray:
        """Return the same from the standard deviations (k,) of a single subset of each side, and their numbers."""
        sides = [
            (sd**2, unique, count)
            for sd, unique, count in ((before, self.before, draws), (after, self.after, draws_after))
            if self.size < unique
        ]
        sigma = np.mean([v / (1 / self.size - 1 / unique) for v, unique, _ in sides], axis=0)
        monte_carlo = sum(v / count for v, _, count in sides)
        return np.asarray(np.sqrt(sigma * _spread(self.before, self.after, self.shared) + monte_carlo))


def _spread(before: int, after: int, shared: int) -> float:
    return max(1 / before + 1 / after - 2 * shared / (before * after), 0.0)
