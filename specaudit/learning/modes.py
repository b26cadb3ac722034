"""The modes of logged rows: leading eigenvectors of their kernel matrix, and what residuals have in each."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from specaudit.kernels import FloatArray, Kernel
from specaudit.krylov import eigh
from specaudit.operators import dense_operator
from specaudit.spectrum import eigenpairs

EXACT_ROWS = 2500
"""Rows up to which the kernel matrix is decomposed as a whole."""
DEPTH, PARTIAL_DEPTH = 1 / 4, 1 / 8
"""Modes that are looked at, as a share of the rows: where all rows of the data are logged, and where some are."""
MOST = 512
"""Modes that are looked at where the matrix is not decomposed as a whole: half of the Krylov space or less."""
FLOOR = 30.0
"""Eigenvalues below this many times the rounding are no modes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Modes:
    """Leading eigenpairs of K/n on n rows.

    Attributes
    ----------
    values
        (m,) eigenvalues, descending.
    vectors
        (n, m) orthonormal eigenvectors.
    exact
        Whether they are of a full decomposition.
    """

    values: FloatArray
    vectors: FloatArray = field(repr=False)
    exact: bool

    @property
    def count(self) -> int:
        """Modes m."""
        return len(self.values)

    def energies(self, residuals: FloatArray) -> FloatArray:
        """Return sum_j (u_k . r_j)^2 (m,) of residuals (n, outputs)."""
        return np.asarray(((self.vectors.T @ residuals) ** 2).sum(axis=1))

    def beyond(self, residuals: FloatArray, count: int) -> FloatArray:
        """Return the residuals (n, outputs) without their part in the leading `count` modes."""
        leading = self.vectors[:, :count]
        return residuals - leading @ (leading.T @ residuals)


def modes_of(kernel: Kernel, rows: FloatArray, *, depth: int, seed: int, threads: int = 1) -> Modes:
    """Return up to `depth` leading modes of `rows` (n, d), prepared for the kernel; fewer where its rank is less."""
    operator = dense_operator(kernel, rows, threads=threads)
    exact = operator.size <= EXACT_ROWS
    if exact:
        ascending, columns = eigh(operator.matrix.astype(np.float64))
        values, vectors = ascending[::-1][:depth], columns[:, ::-1][:, :depth]
    else:
        pairs = eigenpairs(operator, min(depth, MOST), seed=seed)
        values, vectors = pairs.values, pairs.vectors.astype(np.float64)
    count = int((values > FLOOR * operator.rounding).sum())
    return Modes(values=values[:count] / operator.size, vectors=np.ascontiguousarray(vectors[:, :count]), exact=exact)


def modes_depth(rows: int, *, partial: bool) -> int:
    """Return how many modes of logged rows are looked at; `partial` says that they are not all rows of the data."""
    depth = int((PARTIAL_DEPTH if partial else DEPTH) * rows)
    return depth if rows <= EXACT_ROWS else min(depth, MOST)
