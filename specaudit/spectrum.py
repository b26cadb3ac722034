"""Spectra of kernel operators: exact ones, and block Lanczos quadrature with its own error measures.

The leading nodes of a measure are converged eigenvalues of weight 1; the rest is Gauss quadrature from random sign
probes. The same measure restricted to a cell of rows says how much each part of the data carries of every
eigenvalue; the jackknife of `specaudit.capacity` needs no more than that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from specaudit.cells import Cells
from specaudit.kernels import FloatArray, RealArray
from specaudit.krylov import BlockKrylov, eigh, eigvalsh
from specaudit.measure import SpectralMeasure, Statistic
from specaudit.operators import DenseOperator, Operator

PROBES = 128
"""Random probes, which are also the block of the Krylov space: wide enough for full GEMM speed."""
CHECKS = (6, 8, 10, 13, 17, 22, 29)
"""Steps after which convergence is looked at; the last is the most that are taken."""
MAX_STEPS = CHECKS[-1]
EXACT_ROWS = 1536
"""Up to this size a full eigendecomposition is as fast as the quadrature, and exact."""


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
    blocks: int = 1,
    progress: Callable[[float], None] = lambda fraction: None,
) -> SpectralMeasure:
    """Return a spectral measure by block Lanczos from random sign probes.

    The Krylov space grows from one of `CHECKS` to the next until `leading` eigenvalues are converged and the
    error left in `statistic` is allowed, or only rounding is left, or `max_steps` is reached (`converged` says
    whether it was). That error is the probes' and the truncation's, the latter taken as what the last steps
    changed; both shrink as nodes become exact.

    One block of probes serves three ends: its Ritz pairs of small residual are the leading eigenvalues; their
    part of the trace is replaced by its exact value, which takes away most of the probe noise; and the rest of
    each probe gives an unbiased quadrature with an error that the spread over probes measures. Where it is the
    probes' error that is too large after `max_steps`, blocks are averaged until it is not, up to `blocks`, if so
    many may suffice: the jackknife, which says what is allowed, loses noise with the probes.
    """
    krylov = BlockKrylov(operator, probes=min(probes, operator.size // 4), max_steps=max_steps, seed=seed)
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
                measure = replace(measure, converged=settled or krylov.exhausted, truncation=known)
                break
        exact, previous = bare.exact, statistic.value(bare)
        progress(0.9 * krylov.steps / krylov.limit)
        krylov.extend()
    room = statistic.allowed(measure) ** 2 - measure.truncation**2
    hopeless = statistic.probe_error(measure) ** 2 > blocks * room
    if measure.converged or hopeless or measure.exact < leading:
        return measure
    parts, width, steps = [measure], krylov.width, krylov.steps
    while not measure.converged and len(parts) < blocks:
        del krylov  # one basis is in memory at a time
        krylov = BlockKrylov(operator, probes=width, max_steps=steps, seed=[seed, len(parts)])
        while krylov.steps < krylov.limit:
            krylov.extend()
        bare = krylov.measure()
        parts.append(replace(bare, cell_weights=krylov.cell_weights(bare.exact, cells)))
        measure = replace(joined_measure(parts), truncation=measure.truncation)
        left = float(np.hypot(measure.truncation, statistic.probe_error(measure)))
        measure = replace(measure, converged=left <= statistic.allowed(measure) and measure.exact >= leading)
    return measure


def joined_measure(parts: Sequence[SpectralMeasure]) -> SpectralMeasure:
    """Return the mean of measures of one operator from as many different probes each."""
    first, exact = parts[0], min(part.exact for part in parts)
    probes = [len(part.probe_weights) for part in parts]
    of_probes = np.zeros((sum(probes), exact + sum(len(part.nodes) - exact for part in parts)))
    row, column = 0, exact
    for part, count in zip(parts, probes, strict=True):
        width = len(part.nodes) - exact
        of_probes[row : row + count, :exact] = part.probe_weights[:, :exact]
        of_probes[row : row + count, column : column + width] = part.probe_weights[:, exact:]
        of_probes[row : row + count, column : column + part.exact - exact] = 1.0  # known to this part without noise
        row, column = row + count, column + width

    def mean(of: Callable[[SpectralMeasure], FloatArray]) -> FloatArray:
        return np.concatenate(
            [of(first)[..., :exact], *(of(part)[..., exact:] / len(parts) for part in parts)], axis=-1
        )

    return replace(
        first,
        nodes=np.concatenate([first.nodes[:exact], *(part.nodes[exact:] for part in parts)]),
        weights=mean(lambda part: part.weights),
        exact=exact,
        errors=first.errors[:exact],
        cell_weights=mean(lambda part: part.cell_weights),
        probe_weights=of_probes,
    )


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
    krylov = BlockKrylov(operator, probes=PROBES, max_steps=CHECKS[1], seed=seed)
    while krylov.steps < krylov.limit:
        krylov.extend()
    krylov.measure()
    ritz: RealArray = krylov.basis[: krylov.rank].T @ krylov.vectors[:, :count].astype(krylov.basis.dtype)
    return Eigenpairs(values=krylov.nodes[:count], vectors=ritz)


def plain_measures(
    operator: DenseOperator, *, seed: int, steps: Sequence[int], probes: int = PROBES
) -> list[SpectralMeasure]:
    """Return spectral measures without error estimates or cells, after each of rising numbers of steps.

    They take the work of the last. They serve many like subsets: what the steps must be, one `quadrature_measure` of
    a subset tells.
    """
    if operator.size <= EXACT_ROWS:
        values = eigvalsh(operator.matrix.astype(np.float64))[::-1]
        exact = SpectralMeasure(
            nodes=values,
            weights=np.ones(len(values)),
            exact=len(values),
            errors=np.full(len(values), operator.rounding),
            rounding=operator.rounding,
            cell_weights=np.empty((0, len(values))),
        )
        return [exact] * len(steps)
    krylov = BlockKrylov(operator, probes=min(probes, operator.size // 4), max_steps=steps[-1], seed=seed)
    found = []
    for goal in steps:
        while krylov.steps < min(goal, krylov.limit) and not (krylov.steps in CHECKS and krylov.exhausted):
            krylov.extend()
        found.append(krylov.measure())
    return found
