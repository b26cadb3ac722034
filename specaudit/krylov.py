"""The block Krylov space of an operator from random sign probes, and what it says of the spectrum.

Golub and Meurant, "Matrices, Moments and Quadrature", ch. 6-8; Ubaru, Chen, Saad 2017, "Fast estimation of tr(f(A))
via stochastic Lanczos quadrature".
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache

import numpy as np
from threadpoolctl import ThreadpoolController

from specaudit.cells import Cells
from specaudit.kernels import FloatArray, RealArray
from specaudit.measure import SpectralMeasure
from specaudit.operators import Operator

EXHAUSTED = 3.0
"""A residual block below this many times the operator's rounding holds nothing but rounding."""
RITZ_TOLERANCE = 1e-3
"""Relative residual under which a Ritz pair stands for its eigenpair, with weight exactly 1."""
CERTAIN = 30.0
"""An eigenvalue above this many times the operator's rounding is one, however its vector is blurred by rounding."""
PRODUCT_ROUNDING = 8.0
"""Relative error of a product with a Ritz vector, in units of the number type's spacing: 5 were seen, by the BLAS."""
SINGLE_THREAD = 2048
"""Eigenproblems up to this size run on one thread: a second gains a third on an idle machine, but on a busy one
its barriers cost a hundredfold."""


def eigh(matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the eigenvalues (n,), ascending, and eigenvectors (n, n) of a symmetric matrix."""
    with _threads_for(matrix):
        values, vectors = np.linalg.eigh(matrix)
    return values, vectors


def eigvalsh(matrix: FloatArray) -> FloatArray:
    """Return the eigenvalues (n,) of a symmetric matrix, ascending."""
    with _threads_for(matrix):
        return np.asarray(np.linalg.eigvalsh(matrix), dtype=np.float64)


def _threads_for(matrix: FloatArray) -> AbstractContextManager[object]:
    return _blas().limit(limits=1) if len(matrix) <= SINGLE_THREAD else nullcontext()


@cache
def _blas() -> ThreadpoolController:
    """Return what sets the threads of numpy's BLAS; finding it takes longer than many of the problems here."""
    return ThreadpoolController().select(user_api="blas")


class BlockKrylov:
    """The block Krylov space of an operator, with full reorthogonalisation; rows of `basis` are its vectors."""

    def __init__(self, operator: Operator, *, probes: int, max_steps: int, seed: int | Sequence[int]) -> None:
        rng = np.random.default_rng(seed)
        self.operator = operator
        self.width = probes
        self.limit = min(max_steps, operator.size // probes - 1)
        self.probes = rng.integers(0, 2, (operator.size, probes), dtype=np.int8).astype(operator.dtype) * 2 - 1
        self.basis: RealArray = np.empty((self.limit * probes, operator.size), dtype=operator.dtype)
        self.projection = np.zeros((self.limit * probes, self.limit * probes))
        self.steps = 0
        self.residual = np.empty((probes, probes))
        self.nodes = self.plain = np.empty(0)
        self.vectors = self.on_nodes = np.empty((0, 0))
        self.block = _orthonormal(self.probes)

    @property
    def exhausted(self) -> bool:
        """The space is invariant: nothing is left beyond it but rounding."""
        return bool(np.linalg.norm(self.residual, 2) <= EXHAUSTED * self.operator.rounding)

    @property
    def rank(self) -> int:
        """Vectors in the space."""
        return self.steps * self.width

    def extend(self) -> None:
        """Multiply once, orthogonalise twice, and keep the block's column of the projected operator."""
        old, new = self.steps * self.width, (self.steps + 1) * self.width
        self.basis[old:new] = self.block.T
        basis = self.basis[:new]
        image = self.operator.matmat(self.block)
        coefficients = basis @ image
        self.projection[:new, old:new] = coefficients
        self.projection[old:new, :new] = coefficients.T
        image -= basis.T @ coefficients
        following = _orthonormal(image)
        following -= basis.T @ (basis @ following)
        self.block = _orthonormal(following)
        self.residual = (self.block.T @ image).astype(np.float64)
        self.steps += 1

    def measure(self) -> SpectralMeasure:
        """Return the measure that the space gives, not yet split over cells."""
        values, vectors = eigh(self.projection[: self.rank, : self.rank])
        values, vectors = values[::-1], np.ascontiguousarray(vectors[:, ::-1])
        residuals = np.linalg.norm(self.residual @ vectors[-self.width :], axis=0)
        good = residuals <= np.maximum(RITZ_TOLERANCE * np.abs(values), EXHAUSTED * self.operator.rounding)
        good &= values > CERTAIN * self.operator.rounding
        exact = int(np.argmin(good)) if not good.all() else len(good)
        # The probes lie in the first block of the basis.
        on_nodes = (self.basis[: self.width] @ self.probes).T.astype(np.float64) @ vectors[: self.width]
        self.nodes, self.vectors, self.on_nodes = values, vectors, on_nodes
        self.plain = (on_nodes**2).mean(axis=0)
        return SpectralMeasure(
            nodes=values,
            weights=self.weights(exact),
            exact=exact,
            errors=_eigenvalue_errors(values, residuals, exact)
            + self.operator.rounding
            + PRODUCT_ROUNDING * float(np.finfo(self.operator.dtype).eps) * np.abs(values[:exact]),
            rounding=self.operator.rounding,
            cell_weights=np.empty((0, len(values))),
            probe_weights=np.array([self._calibrated(row, exact) for row in on_nodes**2]),
            steps=self.steps,
        )

    def weights(self, exact: int) -> FloatArray:
        """Return the weights (m,) of the last measure's nodes when the first `exact` are taken as eigenvalues."""
        weights = self._calibrated(self.plain, exact)
        weights[:exact] = 1.0
        return weights

    def _calibrated(self, weights: FloatArray, exact: int) -> FloatArray:
        """Return `weights` (m,) with those past the exact nodes tilted to the mass and trace that are left."""
        rest = slice(exact, None)
        mass, trace = self.operator.size - exact, self.operator.trace - float(self.nodes[:exact].sum())
        tilted = weights.copy()
        tilted[rest] *= _calibration(self.nodes[rest], weights[rest], mass, trace)
        return tilted

    def cell_weights(self, exact: int, cells: Cells) -> FloatArray:
        """Return the last measure restricted to each cell, (c, m)."""
        basis, vectors, on_nodes = self.basis[: self.rank], self.vectors, self.on_nodes
        split = np.empty((len(cells.size), self.rank))
        lead = cells.sums((basis.T @ vectors[:, :exact].astype(basis.dtype)).astype(np.float64) ** 2)
        split[:, :exact] = lead / lead.sum(axis=0)
        for cell in range(len(cells.size)):
            members = cells.members(cell)
            part = (basis[:, members] @ self.probes[members]).T.astype(np.float64) @ vectors[:, exact:]
            split[cell, exact:] = np.einsum("pj,pj->j", part, on_nodes[:, exact:]) / self.width
        calibration = self.weights(exact)[exact:] / self.plain[exact:]
        split[:, exact:] *= calibration
        split[:, exact:] *= _cell_scale(cells.size, split, exact)[:, None]
        return split


def _orthonormal(block: RealArray) -> RealArray:
    """Return an orthonormal basis (n, s) of the columns of `block`; called twice per step, which is enough.

    Cholesky QR with the Gram matrix in float64 is several times faster than Householder QR, which takes over
    where the columns are nearly dependent.
    """
    wide = block.astype(np.float64)
    gram = wide.T @ wide
    try:
        with _threads_for(gram):
            factor = np.linalg.cholesky(gram)
            inverse = np.linalg.inv(factor).T.astype(block.dtype)
    except np.linalg.LinAlgError:  # the columns are dependent to working accuracy
        return np.linalg.qr(wide)[0].astype(block.dtype)
    if factor.diagonal().min() < 1e-5 * factor.diagonal().max():
        return np.linalg.qr(wide)[0].astype(block.dtype)
    return block @ inverse


def _calibration(nodes: FloatArray, weights: FloatArray, mass: float, trace: float) -> FloatArray:
    """Return factors (m,) that give `weights` the known total mass and trace, by a tilt linear in the node.

    Both moments are known exactly, so any error in them is probe noise. Where the tilt would turn a weight
    negative only the mass is matched.
    """
    if not len(nodes):
        return np.ones(0)
    scale = float(np.abs(nodes).max()) or 1.0
    x = nodes / scale
    moments = [float((weights * x**power).sum()) for power in range(3)]
    system = np.array([[moments[0], moments[1]], [moments[1], moments[2]]])
    if np.linalg.cond(system) < 1e12:
        level, slope = np.linalg.solve(system, [mass, trace / scale])
        factors: FloatArray = level + slope * x
        if (factors > 0).all():
            return factors
    return np.full(len(nodes), mass / moments[0])


def _cell_scale(sizes: FloatArray, cell_weights: FloatArray, exact: int) -> FloatArray:
    """Return the factor (c,) on each cell's inexact weights that makes its total the rows it holds."""
    known = cell_weights[:, :exact].sum(axis=1)
    estimated = cell_weights[:, exact:].sum(axis=1)
    return np.asarray(np.divide(sizes - known, estimated, out=np.ones(len(sizes)), where=estimated > 0))


def _eigenvalue_errors(values: FloatArray, residuals: FloatArray, exact: int) -> FloatArray:
    """Return error bounds (exact,): the residual, or its square over the gap where that is smaller."""
    if not exact:
        return np.empty(0)
    gaps = np.abs(np.diff(values[: exact + 1], append=0.0))
    gap = np.minimum(gaps[:exact], np.concatenate([[np.inf], gaps[: exact - 1]]))
    bound = np.divide(residuals[:exact] ** 2, gap, out=np.full(exact, np.inf), where=gap > 0)
    return np.asarray(np.minimum(residuals[:exact], bound))
