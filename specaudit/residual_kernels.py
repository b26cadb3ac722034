"""What rows leave unexplained: residual kernels of rows given others, from one inverse.

With A = (K + delta W^-1)^-1 over n rows of multiplicity w, the residual kernel of held-out rows H given all others
is (A_HH)^-1 less its noise (Rasmussen and Williams 2006, "Gaussian Processes for Machine Learning", section 5.4.2).
That of new rows S given all rows but H is K_SS - K_Sn A K_nS + T^T (A_HH)^-1 T with T = (A K_nS)_H. The diagonal of a
residual kernel is the variance that is left of each row's value.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from scipy.linalg import lapack

from specaudit.cells import IntArray
from specaudit.kernels import FloatArray, Kernel, kernel_values
from specaudit.krylov import eigvalsh
from specaudit.operators import dense_operator
from specaudit.spectrum import CHECKS, plain_measures

RESOLVED_SHARE = 1 / 4
"""N_1 at the ridge, as a share of the rows: what is left then is what so many rows do not resolve."""
RESOLVED_RANK = 1 / 2
"""The same as a share of the rank, where that limits it."""
RANK = 1e-9
"""Eigenvalues of the columns' second moments below this share of the largest count as none."""
FLOOR = 30.0
"""The ridge is at least this many times the rounding of the kernel matrix."""
SMALLEST = 1e-12
"""Residual variances below this share of a row's own kernel value are rounding."""
TILE = 512


class Residuals(Protocol):
    """What rows leave unexplained of themselves and of others."""

    @property
    def alone(self) -> FloatArray:
        """(n,) residual variance of each row, given all others."""

    @property
    def own(self) -> FloatArray:
        """(n,) that of one copy of each row, given all others and its other copies."""

    def held_out(self, places: IntArray) -> FloatArray:
        """Return the residual kernel (h, h) of some rows given all rows but these."""

    def of(self, others: FloatArray) -> Unexplained:
        """Return what the rows leave of `others` (m, d), in the same coordinates."""


class Unexplained(Protocol):
    """What rows leave unexplained of others."""

    @property
    def residual(self) -> FloatArray:
        """(m,) residual variances, given all rows."""

    def against(self, numbers: IntArray, places: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return residual kernels given the rows but those at `places` (h,): of some of the others, and of these."""


def residuals_of(kernel: Kernel, rows: FloatArray, copies: IntArray, *, threads: int = 1) -> Residuals:
    """Return the residuals that `rows` (n, d), with multiplicities `copies` (n,), leave under a kernel.

    Rows must be centred near zero. The ridge is where N_1 is a quarter of the rows, or half of the rank.
    """
    if kernel.profile is None and rows.shape[1] < len(rows):
        return ColumnResiduals.fitted_to(rows, copies)
    operator = dense_operator(kernel, rows, copies, threads=threads)
    (measure,) = plain_measures(operator, seed=0, steps=CHECKS[:1])
    ridge = ridge_at(measure.nodes, measure.weights, RESOLVED_SHARE * len(rows), floor=FLOOR * operator.rounding)
    return KernelResiduals.fitted_to(kernel, rows, copies, ridge)


def ridge_at(nodes: FloatArray, weights: FloatArray, dimension: float, *, floor: float = 0.0) -> float:
    """Return the ridge at which N_1 of a spectrum is `dimension`, or half of what it is at the ridge `floor`."""
    from scipy.optimize import brentq

    values = np.maximum(nodes, 0.0)
    top = float(weights @ values)

    def reached(log_ridge: float) -> float:
        return float(weights @ (values / (values + np.exp(log_ridge))))

    lowest = np.log(max(floor, 1e-15 * top))
    wanted = min(dimension, RESOLVED_RANK * reached(lowest))
    highest = np.log(top / min(wanted, 0.5))
    return float(np.exp(brentq(lambda log_ridge: reached(log_ridge) - wanted, lowest, highest, xtol=1e-10)))


@dataclass(frozen=True, kw_only=True)
class KernelResiduals:
    """Residuals under any kernel, from the inverse of its matrix.

    Attributes
    ----------
    rows, copies
        (n, d) float64, centred, and (n,) multiplicities.
    ridge
        delta.
    inverse
        (n, n) A.
    """

    kernel: Kernel
    rows: FloatArray
    copies: IntArray
    ridge: float
    inverse: FloatArray

    @classmethod
    def fitted_to(cls, kernel: Kernel, rows: FloatArray, copies: IntArray, ridge: float) -> KernelResiduals:
        """Return the residuals that `rows` leave."""
        matrix = _values(kernel, rows, rows)
        matrix[np.diag_indices(len(rows))] = _own_values(kernel, rows) + ridge / copies
        return cls(kernel=kernel, rows=rows, copies=copies, ridge=ridge, inverse=inverted(matrix))

    @cached_property
    def alone(self) -> FloatArray:
        """(n,) residual variance of each row, given all others."""
        left = 1 / self.inverse.diagonal() - self.ridge / self.copies
        return np.asarray(np.maximum(left, SMALLEST * _own_values(self.kernel, self.rows)))

    @cached_property
    def own(self) -> FloatArray:
        """(n,) that of one copy of each row, given all others and its other copies."""
        return _with_other_copies(self.alone, self.copies, self.ridge)

    def held_out(self, places: IntArray) -> FloatArray:
        """Return the residual kernel (h, h) of some rows given all rows but these."""
        return self.less_noise(self.block(places), places)

    def block(self, places: IntArray) -> FloatArray:
        """Return (A_HH)^-1."""
        return inverted(self.inverse[np.ix_(places, places)])

    def less_noise(self, block: FloatArray, places: IntArray) -> FloatArray:
        """Return the residual kernel of the rows at `places` (h,), in place of (A_HH)^-1."""
        block[np.diag_indices(len(places))] -= self.ridge / self.copies[places]
        return block

    def of(self, others: FloatArray) -> KernelUnexplained:
        """Return what the rows leave of `others` (m, d), in the same coordinates."""
        shared = _values(self.kernel, self.rows, others)
        return KernelUnexplained(known=self, others=others, shared=shared, fitted=self.inverse @ shared)


@dataclass(frozen=True, kw_only=True)
class KernelUnexplained:
    """What `known` rows leave of `others` (m, d); `shared` and `fitted` are K_nS and A K_nS, (n, m)."""

    known: KernelResiduals
    others: FloatArray
    shared: FloatArray
    fitted: FloatArray

    @cached_property
    def residual(self) -> FloatArray:
        """(m,) residual variances, given all rows."""
        own = _own_values(self.known.kernel, self.others)
        return np.asarray(np.maximum(own - np.einsum("ij,ij->j", self.shared, self.fitted), SMALLEST * own))

    def against(self, numbers: IntArray, places: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return residual kernels given the rows but those at `places` (h,): of some of the others, and of these."""
        rows, fitted, block = self.others[numbers], self.fitted[:, numbers], self.known.block(places)
        gone = fitted[places]
        left = _values(self.known.kernel, rows, rows) - self.shared[:, numbers].T @ fitted
        left += gone.T @ (block @ gone)
        return left, self.known.less_noise(block, places)


@dataclass(frozen=True, kw_only=True)
class ColumnResiduals:
    """Residuals under the linear kernel of more rows than columns, from the columns' second moments.

    Attributes
    ----------
    rows, copies
        (n, d) float64 and (n,) multiplicities.
    ridge
        delta.
    gram
        (d, d) X^T W X + delta.
    """

    rows: FloatArray
    copies: IntArray
    ridge: float
    gram: FloatArray

    @classmethod
    def fitted_to(cls, rows: FloatArray, copies: IntArray) -> ColumnResiduals:
        """Return the residuals that `rows` leave."""
        gram = (rows * copies[:, None]).T @ rows
        nodes = eigvalsh(gram)
        rank = int((nodes > RANK * nodes[-1]).sum())
        ridge = ridge_at(nodes, np.ones(len(nodes)), min(RESOLVED_RANK * rank, RESOLVED_SHARE * len(rows)))
        return cls(rows=rows, copies=copies, ridge=ridge, gram=gram + ridge * np.eye(len(gram)))

    @cached_property
    def alone(self) -> FloatArray:
        """(n,) residual variance of each row, given all others."""
        left = self.of(self.rows).residual
        leverage = np.minimum(left * self.copies / self.ridge, 1 - SMALLEST)
        return np.asarray(left / (1 - leverage))

    @cached_property
    def own(self) -> FloatArray:
        """(n,) that of one copy of each row, given all others and its other copies."""
        return _with_other_copies(self.alone, self.copies, self.ridge)

    def held_out(self, places: IntArray) -> FloatArray:
        """Return the residual kernel (h, h) of some rows given all rows but these."""
        return self.left_of(self.rows[places], self.gram_without(places))

    def gram_without(self, places: IntArray) -> FloatArray:
        """Return the columns' matrix of the rows but those at `places` (h,)."""
        gone = self.rows[places]
        return np.asarray(self.gram - (gone * self.copies[places, None]).T @ gone)

    def left_of(self, others: FloatArray, gram: FloatArray) -> FloatArray:
        """Return the residual kernel of `others` (b, d), given rows of which `gram` is the columns' matrix."""
        return np.asarray(self.ridge * (others @ np.linalg.solve(gram, others.T)))

    def of(self, others: FloatArray) -> ColumnUnexplained:
        """Return what the rows leave of `others` (m, d), in the same coordinates."""
        return ColumnUnexplained(known=self, others=others)


@dataclass(frozen=True, kw_only=True)
class ColumnUnexplained:
    """What `known` rows leave of `others` (m, d)."""

    known: ColumnResiduals
    others: FloatArray

    @cached_property
    def residual(self) -> FloatArray:
        """(m,) residual variances, given all rows."""
        solved = np.linalg.solve(self.known.gram, self.others.T).T
        own = np.vecdot(self.others, self.others)
        return np.asarray(np.maximum(self.known.ridge * np.vecdot(self.others, solved), SMALLEST * own))

    def against(self, numbers: IntArray, places: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return residual kernels given the rows but those at `places` (h,): of some of the others, and of these."""
        gram = self.known.gram_without(places)
        return self.known.left_of(self.others[numbers], gram), self.known.left_of(self.known.rows[places], gram)


def inverted(matrix: FloatArray) -> FloatArray:
    """Return the inverse of a symmetric positive definite matrix, which is overwritten."""
    factor, info = lapack.dpotrf(matrix.T, lower=1, overwrite_a=1)
    if info:
        raise np.linalg.LinAlgError("a kernel matrix with its ridge is not positive definite")
    inverse, _ = lapack.dpotri(factor, lower=1, overwrite_c=1)
    for start in range(0, len(inverse), TILE):
        stop = start + TILE
        tile = np.tril(inverse[start:stop, start:stop])
        inverse[start:stop, start:stop] = tile + np.tril(tile, -1).T
        inverse[start:stop, stop:] = inverse[stop:, start:stop].T
    return np.asarray(inverse.T)


def _with_other_copies(alone: FloatArray, copies: IntArray, ridge: float) -> FloatArray:
    """Return the variance left of one copy when its other copies are known too, from that without any copy."""
    return np.asarray(alone * ridge / (ridge + (copies - 1) * alone))


def _values(kernel: Kernel, x: FloatArray, y: FloatArray) -> FloatArray:
    if kernel.profile is None:
        return np.asarray(x @ y.T)
    return kernel_values(kernel, x, y).astype(np.float64, copy=False)


def _own_values(kernel: Kernel, rows: FloatArray) -> FloatArray:
    return np.asarray(np.vecdot(rows, rows)) if kernel.profile is None else np.ones(len(rows))
