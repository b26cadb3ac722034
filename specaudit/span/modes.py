"""Leading modes of residual kernels, and held-out rows matched to others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse.linalg import eigsh

from specaudit.cells import IntArray
from specaudit.kernels import FloatArray
from specaudit.krylov import eigh

LEADING = 10
"""Leading residual modes that are kept."""
SMALLEST = 1e-12
FEWEST_ITERATED = 64
"""Rows from which the leading modes are found by iteration."""
TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Modes:
    """The leading modes of a residual kernel, of its correlations.

    Attributes
    ----------
    values
        (LEADING,) ln of its eigenvalues, descending.
    excess
        Mean excess of the rows that carry the first, and those that carry the first five.
    left
        (h,) share of each row's residual that is left without the first five and what all rows have in common.
    rest
        (h,) excess of each row without these.
    """

    values: FloatArray
    excess: tuple[float, float]
    left: FloatArray
    rest: FloatArray

    @property
    def first(self) -> float:
        """Ln of the first eigenvalue."""
        return float(self.values[0])

    @property
    def five(self) -> float:
        """Ln of the sum of the first five."""
        return float(np.log(np.exp(self.values[:5]).sum()))


def matched(rows: IntArray, around: IntArray, taken: IntArray) -> tuple[IntArray, IntArray]:
    """Return those of `rows` (h,) that find a real row around them (of `around`, (m, k)), and these, all different.

    Rows look in turn, for the nearest that is neither among `taken` nor another's; those without one are left out.
    """
    used, found, partners = set(taken.tolist()), [], []
    for row in rows.tolist():
        partner = next((place for place in around[row].tolist() if place not in used), None)
        if partner is not None:
            used.add(partner)
            found.append(row)
            partners.append(partner)
    return np.array(found, np.int64), np.array(partners, np.int64)


def modes_of(residual: FloatArray, excess: FloatArray, *, centered: bool) -> Modes:
    """Return the leading modes of a residual kernel (h, h) of rows with that `excess` (h,).

    Under a kernel of distances even noise correlates with itself, evenly, which is what `centered` takes away.
    """
    root = np.sqrt(np.maximum(residual.diagonal(), SMALLEST))
    correlation = residual / np.outer(root, root)
    if centered:
        correlation -= correlation.mean(axis=0)
        correlation -= correlation.mean(axis=1)[:, None]
    values, vectors = _leading(correlation)
    values, vectors = np.maximum(values, SMALLEST), vectors[:, :5]
    first = vectors[:, 0]
    heavier = np.maximum(first if (np.maximum(first, 0) ** 2).sum() >= 0.5 else -first, 0.0) ** 2
    carried = vectors**2 @ values[: vectors.shape[1]]
    left = np.maximum(correlation.diagonal() - carried, SMALLEST)
    full = np.concatenate([np.log(values), np.full(LEADING - len(values), np.log(SMALLEST))])
    return Modes(
        values=full,
        excess=(float(np.average(excess, weights=heavier)), float(np.average(excess, weights=carried))),
        left=left,
        rest=excess + np.log(left),
    )


def _leading(matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the leading eigenvalues (k,), descending, and eigenvectors (n, k) of a symmetric matrix (n, n)."""
    if len(matrix) < FEWEST_ITERATED:
        values, vectors = eigh(matrix)
    else:
        start = np.random.default_rng(0).normal(size=len(matrix))
        values, vectors = eigsh(matrix, k=LEADING, which="LA", v0=start, tol=TOLERANCE)
    order = np.argsort(-values, kind="stable")[:LEADING]
    return np.asarray(values[order]), np.asarray(vectors[:, order])
