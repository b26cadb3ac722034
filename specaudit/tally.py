"""Sums over rows that come out the same in any order of merging."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """Sums over usable rows that merge; sums are pairs (high, low) so that no order of merging shows."""

    count: int  # usable rows
    column_sum: Floats  # (2, d)
    norm_sum: Floats  # (2,)
    norm_min: float
    norm_max: float
    first: Floats  # (d,) values of some usable row
    constant: Flags  # (d,) columns where all usable rows equal ``first``

    def merge(self, other: Moments) -> Moments:
        """Return the moments of both sets of rows together."""
        if not (self.count and other.count):
            return self if self.count else other
        return Moments(
            count=self.count + other.count,
            column_sum=_add(self.column_sum, other.column_sum),
            norm_sum=_add(self.norm_sum, other.norm_sum),
            norm_min=min(self.norm_min, other.norm_min),
            norm_max=max(self.norm_max, other.norm_max),
            first=self.first,
            constant=self.constant & other.constant & (self.first == other.first),
        )


def no_moments(dimensions: int) -> Moments:
    """Return the moments of no rows."""
    return Moments(
        count=0,
        column_sum=np.zeros((2, dimensions)),
        norm_sum=np.zeros(2),
        norm_min=np.inf,
        norm_max=0.0,
        first=np.zeros(dimensions),
        constant=np.ones(dimensions, np.bool_),
    )


def sum_rows(double: Floats, norms: Floats, suspects: Integers) -> Moments:
    """Return the moments of rows (k, d); only the suspected columns can be found constant."""
    if not len(double):
        return no_moments(double.shape[1])
    constant = np.zeros(double.shape[1], np.bool_)
    constant[suspects] = (double[:, suspects] == double[0, suspects]).all(axis=0)
    return Moments(
        count=len(double),
        column_sum=np.stack([double.sum(axis=0), np.zeros(double.shape[1])]),
        norm_sum=np.array([norms.sum(), 0.0]),
        norm_min=float(norms.min()),
        norm_max=float(norms.max()),
        first=double[0].copy(),
        constant=constant,
    )


def _add(a: Floats, b: Floats) -> Floats:
    """Return the sum of two (high, low) pairs; the low part keeps the rounding error of the high one."""
    high = a[0] + b[0]
    part = high - a[0]
    error = (a[0] - (high - part)) + (b[0] - part)
    return np.stack([high, a[1] + b[1] + error])
