"""Spectra of kernel operators: exact ones, and block Lanczos quadrature with its own error measures.

A spectrum is held as a measure: nodes with weights, such that tr f(K) is the weighted sum of f(node). The
leading nodes are converged eigenvalues of weight 1; the rest is Gauss quadrature from random sign probes
(Golub and Meurant, "Matrices, Moments and Quadrature", ch. 6-8; Ubaru, Chen, Saad 2017, "Fast estimation of
tr(f(A)) via stochastic Lanczos quadrature"). The same measure restricted to a cell of rows says how much each
part of the data carries of every eigenvalue; the jackknife of `specaudit.capacity` needs no more than that.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Protocol

import numpy as np
from threadpoolctl import ThreadpoolController

from specaudit.cells import Cells
from specaudit.kernels import FloatArray, RealArray
from specaudit.operators import DenseOperator, Operator

PROBES = 128
"""Random probes, which are also the block of the Krylov space: wide enough for full GEMM speed."""
CHECKS = (6, 8, 10, 13, 17, 22, 29)
"""Steps after which convergence is looked at; the last is the most that are taken."""
MAX_STEPS = CHECKS[-1]
EXHAUSTED = 3.0
"""A residual block below this many times the operator's rounding holds nothing but rounding."""
RITZ_TOLERANCE = 1e-3
"""Relative residual under which a Ritz pair stands for its eigenpair, with weight exactly 1."""
CERTAIN = 30.0
"""An eigenvalue above this many times the operator's rounding is one, however its vector is blurred by rounding."""
PRODUCT_ROUNDING = 2.0
"""Relative error of a product with a Ritz vector, in units of the number type's spacing."""
EXACT_ROWS = 1536
"""Up to this size a full eigendecomposition is as fast as the quadrature, and exact."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectralMeasure:
    """Nodes and weights with tr f(K) = sum_j weights_j f(nodes_j).

    Attributes
    ----------
    nodes
        (m,) eigenvalues and quadrature nodes, descending within the exact part; zero eigenvalues come out as
        plus or minus the operator's rounding, and clipping them would bias every trace.
    weights
        (m,) >= 0; they sum to the number of rows.
    exact
        How many leading nodes are eigenvalues, of weight 1.
    errors
        (exact,) bounds on the numerical error of those eigenvalues.
    cell_weights
        (c, m) the measure restricted to each cell of rows; columns sum to `weights`.
    probe_weights
        (p, m) what each random probe alone says of the weights, of the exact nodes too; p = 0 when all is exact.
    rounding
        Nodes smaller than this may be zero.
    steps
        Block Lanczos steps taken; 0 for an exact spectrum.
    converged, truncation
        Whether the error left by the probes and by ending the steps is as small as was asked, and how much the
        last steps moved the statistic with the same probes.
    """

    nodes: FloatArray
    weights: FloatArray
    exact: int
    errors: FloatArray
    cell_weights: FloatArray
    probe_weights: FloatArray = field(default_factory=lambda: np.empty((0, 0)))
    rounding: float = 0.0
    steps: int = 0
    converged: bool = True
    truncation: float = 0.0

    @property
    def size(self) -> float:
        """The number of rows, which is the total weight."""
        return float(self.weights.sum())

    @property
    def eigenvalues(self) -> FloatArray:
        """The converged leading eigenvalues, descending."""
        return self.nodes[: self.exact]

    def leave_one_probe_out(self) -> FloatArray:
        """Return (p, m) weights, each without one probe."""
        probes = len(self.probe_weights)
        weights: FloatArray = (self.probe_weights.sum(axis=0) - self.probe_weights) / (probes - 1)
        weights[:, : self.exact] = self.weights[: self.exact]
        return weights


class Statistic(Protocol):
    """What the spectrum is wanted for: a number that decides when it is known well enough."""

    def value(self, measure: SpectralMeasure) -> float:
        """Return the number."""

    def probe_error(self, measure: SpectralMeasure) -> float:
        """Return its standard error from the random probes."""

    def allowed(self, measure: SpectralMeasure) -> float:
        """Return the error that may be left."""


def exact_measure(operator: DenseOperator, cells: Cells) -> SpectralMeasure:
    """Return the whole spectrum of a dense operator by a full eigendecomposition, O(n^3)."""
    values, vectors = eigh(operator.matrix.astype(np.float64))
    values, vectors = values[::-1], vectors[:, ::-1]
    return SpectralMeasure(
        nodes=values,
        weights=np.ones(len(values)),
        exact=len(values),
        errors=np.full(len(values), operator.rounding),
        rounding=operator.rounding,
        cell_weights=cells.sums(vectors**2),
    )


def covariance_measure(
    gram: FloatArray, size: float, sample: FloatArray | None = None, cells: Cells | None = None
) -> SpectralMeasure:
    """Return the linear kernel's spectrum on `size` unique rows from their Gram matrix (d, d) of columns.

    The sum of x x^T has the same non-zero eigenvalues as the matrix of products x . y; the rest of the
    spectrum is zero. `sample` (m, d), rows scaled by the root of their multiplicity, and `cells`, whose sizes
    add up to `size`, say which rows carry which eigenvalue; without them all weight is in one cell.
    """
    if sample is None or cells is None:
        values, split = eigvalsh(gram)[::-1], np.ones((1, len(gram)))
    else:
        ascending, vectors = eigh(gram)
        values, split = ascending[::-1], cells.sums((sample @ vectors[:, ::-1]) ** 2)
        total = split.sum(axis=0)
        split = np.where(total > 0, split / np.where(total > 0, total, 1.0), (cells.size / size)[:, None])
    rank = min(len(gram), int(size))
    values, split = np.maximum(values[:rank], 0.0), split[:, :rank]
    cell_size = np.array([size]) if cells is None else cells.size
    null = np.maximum(cell_size - split.sum(axis=1), 0.0)
    return SpectralMeasure(
        nodes=np.append(values, 0.0),
        weights=np.append(np.ones(rank), size - rank),
        exact=rank,
        errors=np.full(rank, 1e-15 * float(values[0]) * len(gram)),
        cell_weights=np.column_stack([split, null]),
    )


def quadrature_measure(
    operator: Operator,
    cells: Cells,
    *,
    seed: int,
    statistic: Statistic,
    leading: int,
    probes: int = PROBES,
    max_steps: int = MAX_STEPS,
    progress: Callable[[float], None] = lambda fraction: None,
) -> SpectralMeasure:
    """Return a spectral measure by block Lanczos from random sign probes.

    The Krylov space grows from one of `CHECKS` to the next until `leading` eigenvalues are converged and the
    error left in `statistic` is allowed, or only rounding is left, or `max_steps` is reached (`converged` says
    whether it was). That error is the probes' and the truncation's, the latter taken as what the last steps
    changed; both shrink as nodes become exact.

    One block of probes serves three ends: its Ritz pairs of small residual are the leading eigenvalues; their
    part of the trace is replaced by its exact value, which takes away most of the probe noise; and the rest of
    each probe gives an unbiased quadrature with an error that the spread over probes measures.
    """
    krylov = _BlockKrylov(operator, probes=min(probes, operator.size // 4), max_steps=max_steps, seed=seed)
    exact, previous = 0, np.inf
    while True:
        while krylov.steps not in (*CHECKS, krylov.limit):
            krylov.extend()
        bare = krylov.measure()
        # With the nodes exact that were so before, the probes' noise is the same: what moved is the truncation.
        truncation = abs(statistic.value(replace(bare, weights=krylov.weights(exact))) - previous)
        last = krylov.exhausted or krylov.steps == krylov.limit
        if np.isfinite(truncation) or last:
            measure = replace(bare, cell_weights=krylov.cell_weights(bare.exact, cells))
            left = float(np.hypot(truncation, statistic.probe_error(measure)))
            settled = left <= statistic.allowed(measure) and measure.exact >= leading
            if settled or last:
                known = truncation if np.isfinite(truncation) else 0.0
                return replace(measure, converged=settled or krylov.exhausted, truncation=known)
        exact, previous = bare.exact, statistic.value(bare)
        progress(0.9 * krylov.steps / krylov.limit)
        krylov.extend()


@dataclass(frozen=True, slots=True, kw_only=True)
class Eigenpairs:
    """Leading eigenvalues (k,), descending, with eigenvectors (n, k)."""

    values: FloatArray
    vectors: RealArray


def eigenpairs(operator: DenseOperator, count: int, *, seed: int) -> Eigenpairs:
    """Return the `count` leading eigenpairs, or as many as the steps that usually settle a spectrum find."""
    if operator.size <= EXACT_ROWS:
        values, vectors = eigh(operator.matrix.astype(np.float64))
        return Eigenpairs(values=values[::-1][:count], vectors=vectors[:, ::-1][:, :count])
    krylov = _BlockKrylov(operator, probes=PROBES, max_steps=CHECKS[1], seed=seed)
    while krylov.steps < krylov.limit:
        krylov.extend()
    krylov.measure()
    ritz: RealArray = krylov.basis[: krylov.rank].T @ krylov.vectors[:, :count].astype(krylov.basis.dtype)
    return Eigenpairs(values=krylov.nodes[:count], vectors=ritz)


def plain_measure(operator: DenseOperator, *, seed: int, steps: int, probes: int = PROBES) -> SpectralMeasure:
    """Return a spectral measure without error estimates or cells, after a given number of steps.

    It serves many like subsets: what `steps` must be, one `quadrature_measure` of a subset tells.
    """
    if operator.size <= EXACT_ROWS:
        values = eigvalsh(operator.matrix.astype(np.float64))[::-1]
        return SpectralMeasure(
            nodes=values,
            weights=np.ones(len(values)),
            exact=len(values),
            errors=np.full(len(values), operator.rounding),
            rounding=operator.rounding,
            cell_weights=np.empty((0, len(values))),
        )
    krylov = _BlockKrylov(operator, probes=min(probes, operator.size // 4), max_steps=steps, seed=seed)
    while krylov.steps < krylov.limit and not (krylov.steps in CHECKS and krylov.exhausted):
        krylov.extend()
    return krylov.measure()


class _BlockKrylov:
    """The block Krylov space of an operator, with full reorthogonalisation; rows of `basis` are its vectors."""

    def __init__(self, operator: Operator, *, probes: int, max_steps: int, seed: int) -> None:
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
