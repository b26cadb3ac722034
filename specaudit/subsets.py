"""Spectra of many subsets of one sample: they ride on one kernel matrix, or on the columns' second moments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from threadpoolctl import threadpool_limits

from specaudit.capacity import CapacityCurve, Multiplicities, capacity_curve, ridges, rising
from specaudit.cells import IntArray
from specaudit.draws import Draw
from specaudit.estimate import COVARIANCE_FLOOR, FLOOR, deepest_n1, drawn_n1
from specaudit.kernels import FloatArray, Kernel
from specaudit.measure import SpectralMeasure
from specaudit.operators import DenseOperator, dense_operator
from specaudit.spectrum import covariance_measure, plain_measures

PAST = 64
"""Ridges of a curve past its end."""
Task = tuple[Draw, int]
"""A subset and the seed of its probes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledRows:
    """The unique rows of one side that enter kernel matrices.

    Attributes
    ----------
    rows
        (u, d) float64, normalised as the kernel wants them, in the order of their keys.
    copies
        (u,) how often each occurs.
    """

    rows: FloatArray
    copies: IntArray

    @property
    def unique(self) -> int:
        """Unique rows."""
        return len(self.rows)

    @property
    def all(self) -> Draw:
        """All of them, as a subset."""
        return Draw(rows=np.arange(self.unique), copies=self.copies)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubsetSpectrum:
    """The spectrum of one subset.

    Attributes
    ----------
    measure, curve
        Spectral measure (of the matrix, not divided by the rows) and capacity curve.
    past
        The curve past its end, to the smallest ridge that rounding allows, where the rank ends it; else None.
    multiplicities
        Of its rows.
    limit
        Unique rows, or the rank where that is smaller.
    unique, rows
        Unique rows, and rows with their copies.
    """

    measure: SpectralMeasure
    curve: CapacityCurve
    past: CapacityCurve | None
    multiplicities: Multiplicities
    limit: int
    unique: int
    rows: float

    @property
    def deepest(self) -> float:
        """N_1 at which the window of the exponent ends."""
        return deepest_n1(self.unique, self.limit)

    @property
    def deepest_ridge(self) -> tuple[float, float]:
        """N_1 at the end of the trusted depth, and the ridge on the matrix there."""
        n1, delta = rising(np.log(self.curve.n1), np.log(self.curve.delta))
        end = min(np.log(self.deepest), n1[-1])
        return float(np.exp(end)), float(np.exp(np.interp(end, n1, delta)))

    @property
    def eigenvalues(self) -> FloatArray:
        """The leading eigenvalues of K/n."""
        return np.maximum(self.measure.eigenvalues[: self.limit], 0.0) / self.rows

    @property
    def eigenvalue_errors(self) -> FloatArray:
        """Bounds on their numerical errors."""
        return self.measure.errors[: self.limit] / self.rows


class Subsets(Protocol):
    """What gives the spectra of subsets of one sample."""

    def spectrum(self, part: Draw, *, seed: int, steps: int) -> SubsetSpectrum:
        """Return the spectrum of a subset; `seed` keys the random probes, `steps` are those of the quadrature."""

    def growing(self, part: Draw, *, seed: int, steps: Sequence[int]) -> list[SubsetSpectrum]:
        """Return the spectra after each of rising numbers of steps, for the work of the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixSubsets:
    """Subsets that are principal parts of one kernel matrix, of unit weights.

    Attributes
    ----------
    rank
        Of the kernel, at most; None if nothing but the rows limits it.
    centered
        Whether each subset's own mean row is subtracted, under the linear kernel.
    """

    operator: DenseOperator
    rank: int | None = None
    centered: bool = False

    def spectrum(self, part: Draw, *, seed: int, steps: int) -> SubsetSpectrum:
        """Return the spectrum of a subset."""
        return self.growing(part, seed=seed, steps=(steps,))[0]

    def growing(self, part: Draw, *, seed: int, steps: Sequence[int]) -> list[SubsetSpectrum]:
        """Return the spectra after each of rising numbers of steps."""
        operator = self.operator.subset(part.rows, part.copies)
        if self.centered:
            operator = operator.without(np.sqrt(part.copies))
        floor, rank = FLOOR * operator.rounding, self.rank or len(part.rows)
        return [_spectrum(measure, part, floor, rank) for measure in plain_measures(operator, seed=seed, steps=steps)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSubsets:
    """Subsets under the linear kernel, by their second moments: for more rows than columns."""

    rows: FloatArray
    centered: bool

    def spectrum(self, part: Draw, *, seed: int, steps: int) -> SubsetSpectrum:
        """Return the spectrum of a subset."""
        rows = self.rows[part.rows]
        if self.centered:
            rows = rows - np.average(rows, axis=0, weights=part.copies)
        measure = covariance_measure((rows * part.copies[:, None]).T @ rows, float(len(rows)))
        floor = COVARIANCE_FLOOR * float(measure.nodes[0])
        return _spectrum(measure, part, floor, int((measure.nodes > floor).sum()))

    def growing(self, part: Draw, *, seed: int, steps: Sequence[int]) -> list[SubsetSpectrum]:
        """Return the spectrum of a subset as often: it takes no steps."""
        return [self.spectrum(part, seed=seed, steps=0)] * len(steps)


def _spectrum(measure: SpectralMeasure, part: Draw, floor: float, rank: int) -> SubsetSpectrum:
    unique = len(part.rows)
    limit = min(unique, rank)
    multiplicities = Multiplicities.of(part.copies)
    delta = ridges(measure, floor, drawn_n1(unique, limit))
    past = np.geomspace(delta[-1], min(floor, delta[-1]), PAST)
    return SubsetSpectrum(
        measure=measure,
        curve=capacity_curve(measure, multiplicities, delta),
        past=capacity_curve(measure, multiplicities, past) if limit < unique else None,
        multiplicities=multiplicities,
        limit=limit,
        unique=unique,
        rows=float(part.copies.sum()),
    )


def subsets_of(kernel: Kernel, sample: SampledRows, smallest: int, *, threads: int) -> Subsets:
    """Return what gives the spectra of subsets of at least `smallest` rows of a sample under a kernel."""
    if kernel.profile is None and sample.rows.shape[1] < smallest:
        return ColumnSubsets(rows=sample.rows, centered=kernel.centered)
    return MatrixSubsets(
        operator=dense_operator(kernel, sample.rows, threads=threads),
        rank=sample.rows.shape[1] if kernel.profile is None else None,
        centered=kernel.centered,
    )


def spectra(
    subsets: Subsets,
    tasks: Sequence[Task],
    *,
    steps: int,
    threads: int,
    progress: Callable[[float], None] = lambda fraction: None,
) -> list[SubsetSpectrum]:
    """Return the spectra of many subsets, one thread each."""
    done = []
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        for spectrum in pool.map(lambda task: subsets.spectrum(task[0], seed=task[1], steps=steps), tasks):
            done.append(spectrum)
            progress(len(done) / len(tasks))
    return done
