r"""Capacity curves: the population's effective dimensions N_p(kappa) from the spectrum of a sample.

For the kernel matrix of n rows and a ridge delta, let nu_p = sum_i (mu_i / (mu_i + delta))^p. Then
kappa = delta / (n - nu_1) is the ridge of the *population* operator at which its effective dimension
N_1(kappa) = sum_k lambda_k / (lambda_k + kappa) equals nu_1 (Silverstein 1995; Jacot et al. 2020, "Kernel
alignment risk estimator"; Wei, Hu, Steinhardt 2022, "More than a toy"). Differentiating along the curve gives
N_2 and N_3, with d N_p / d ln kappa = -p (N_p - N_(p+1)).

Rows that occur several times enter as one row of weight w: with N = nu_1 of W^1/2 K W^1/2, tau solves
sum_i w_i tau / (1 + w_i tau) = N and kappa = delta tau / N.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from specaudit.cells import Cells
from specaudit.kernels import FloatArray
from specaudit.measure import SpectralMeasure

SEARCHED = 200
POINTS = 400
"""Ridges of the curve; a slope read between them changes by less than 1e-5 when they are doubled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Multiplicities:
    """How many rows occur how often.

    Attributes
    ----------
    values
        (v,) multiplicities, > 0.
    counts
        (..., v) unique rows of each multiplicity, for a batch of data sets.
    """

    values: FloatArray
    counts: FloatArray

    @classmethod
    def of(cls, weights: npt.NDArray[np.int64]) -> Multiplicities:
        """Return the multiplicities of unique rows that occur `weights` (n,) times.

        Above 16 they are put together in seven bands an octave and count as their band's mean, which moves no
        point of a curve by more than 1e-4.
        """
        coarse = 16 + np.floor(7 * np.log2(np.maximum(weights, 16) / 16))
        _, band = np.unique(np.where(weights <= 16, weights, coarse), return_inverse=True)
        counts = np.bincount(band).astype(np.float64)
        return cls(values=np.bincount(band, weights=weights) / counts, counts=counts)

    @property
    def unique(self) -> FloatArray:
        """Unique rows."""
        return np.asarray(self.counts.sum(axis=-1))


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityCurve:
    """Points of the population's capacity curve, by falling ridge.

    Attributes
    ----------
    delta
        (D,) ridge added to the kernel matrix.
    kappa, n1, n2, n3
        (..., D) population ridge and effective dimensions; the leading axes are a batch.
    """

    delta: FloatArray
    kappa: FloatArray
    n1: FloatArray
    n2: FloatArray
    n3: FloatArray

    @property
    def log_n2(self) -> FloatArray:
        """ln N_2, nan or minus infinity where rounding leaves no positive value."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.log(self.n2)

    @property
    def b1(self) -> FloatArray:
        """Local exponent - d ln kappa / d ln N_1."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.n1 / (self.n1 - self.n2)

    @property
    def b2(self) -> FloatArray:
        """Local exponent - d ln kappa / d ln N_2."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.n2 / (2 * (self.n2 - self.n3))

    @property
    def b3(self) -> FloatArray:
        """Local exponent - d ln kappa / d ln N_3, the last by central differences along the curve."""
        with np.errstate(invalid="ignore", divide="ignore"):
            log_n3 = np.log(self.n3)
            return np.asarray(-np.gradient(np.log(self.kappa), axis=-1) / np.gradient(log_n3, axis=-1))

    def log_kappa(self, log_n2: FloatArray) -> FloatArray:
        """Return ln kappa (..., k) at the given ln N_2 (k,), interpolated; nan outside the curve."""
        if self.n2.ndim == 1:
            x, y = rising(self.log_n2, np.log(self.kappa))
            return np.interp(log_n2, x, y, left=np.nan, right=np.nan)
        return np.array([curve.log_kappa(log_n2) for curve in self.each()])

    def each(self) -> Iterator[CapacityCurve]:
        """Yield the curves of a batch."""
        for kappa, n1, n2, n3 in zip(self.kappa, self.n1, self.n2, self.n3, strict=True):
            yield CapacityCurve(delta=self.delta, kappa=kappa, n1=n1, n2=n2, n3=n3)


def rising(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the points of a curve at which x is finite and has risen, as interpolation wants them."""
    usable = np.isfinite(x) & np.isfinite(y)
    x, y = x[usable], y[usable]
    rises = np.diff(np.maximum.accumulate(x), prepend=-np.inf) > 0
    return x[rises], y[rises]


def ridges(measure: SpectralMeasure, floor: float, depth: float) -> FloatArray:
    """Return the ridges (D,) of a curve from N_1 of about a half down to N_1 = `depth` or the ridge `floor`."""
    top = 2.0 * float(measure.weights @ measure.nodes)
    low = max(floor, 1e-14 * top)
    grid = np.log(np.geomspace(top, low, SEARCHED))
    n1 = _leverage(measure.nodes, np.exp(grid)) @ measure.weights
    with np.errstate(invalid="ignore"):  # rows too close to tell apart leave eigenvalues below minus the ridge
        end = np.interp(np.log(depth), *rising(np.log(n1), grid))
    return np.geomspace(top, np.exp(end), POINTS)


def capacity_curve(measure: SpectralMeasure, rows: Multiplicities, delta: FloatArray) -> CapacityCurve:
    """Return the capacity curve of a spectral measure at the ridges `delta` (D,)."""
    return _population(_moments(measure.nodes, measure.weights, delta), rows, delta)


def probe_curves(measure: SpectralMeasure, rows: Multiplicities, delta: FloatArray) -> CapacityCurve:
    """Return a batch of curves (p, D), each without one random probe; their jackknife is the probe error."""
    return _population(_moments(measure.nodes, measure.leave_one_probe_out(), delta), rows, delta)


def jackknife_curves(
    measure: SpectralMeasure, cells: Cells, rows: Multiplicities, delta: FloatArray
) -> CapacityCurve:
    r"""Return a batch of curves (g, D), each without one group of rows.

    Deleting row i takes (A^2)_ii / A_ii from tr A, A = (K + delta)^-1, exactly; its derivatives in delta give
    the effect on tr A^2 and tr A^3. Diagonal entries are averaged over the cell of the row, and the effects of
    a group's rows are added. `benchmarks/jackknife.py` compares this with deleting the groups for real.
    """
    leverage = _leverage(measure.nodes, delta)
    size = cells.size[:, None]
    e1, e2, e3, e4 = (measure.cell_weights @ ((1 - leverage) ** p).T / size for p in range(1, 5))
    u, v, w = e2 / e1, e3 / e1, e4 / e1
    change = size * np.array(
        [1 - u, 1 - 2 * u + 2 * v - u**2, 1 - 3 * u + 6 * v - 3 * u**2 - 3 * w + 3 * u * v - u**3]
    )
    by_group = np.zeros((3, cells.groups, len(delta)))
    for cell, group in enumerate(cells.group):
        by_group[:, group] += change[:, cell]
    moments = _moments(measure.nodes, measure.weights, delta)[:, None] - by_group
    return _population(moments, _without_groups(rows, cells), delta)


def _without_groups(rows: Multiplicities, cells: Cells) -> Multiplicities:
    """Return the multiplicities (g, v) left when each group is deleted, its share taken by weight class."""
    counts = np.repeat(rows.counts[None].astype(np.float64), cells.groups, axis=0)
    band = np.floor(np.log2(rows.values))
    for size, weight, group in zip(cells.size, cells.weight, cells.group, strict=True):
        same = band == np.floor(np.log2(weight))
        counts[group] -= size * np.where(same, rows.counts, 0.0) / rows.counts[same].sum()
    return Multiplicities(values=rows.values, counts=counts)


def _leverage(nodes: FloatArray, delta: FloatArray) -> FloatArray:
    """Return mu / (mu + delta), (D, m)."""
    return np.asarray(nodes / (nodes + delta[:, None]))


def _moments(nodes: FloatArray, weights: FloatArray, delta: FloatArray) -> FloatArray:
    """Return nu_1, nu_2, nu_3 as (3, ..., D) for weights (..., m)."""
    leverage = _leverage(nodes, delta)
    return np.array([weights @ (leverage**p).T for p in (1, 2, 3)])


def _population(moments: FloatArray, rows: Multiplicities, delta: FloatArray) -> CapacityCurve:
    """Return the population's curve from nu_1, nu_2, nu_3 (3, ..., D).

    Everything follows from N(delta) = nu_1 and ln kappa = ln delta + ln tau - ln N by differentiation in
    s = ln delta: N_2 = N + N' / k', N_3 = N_2 + N_2' / (2 k') with k = ln kappa.
    """
    with np.errstate(all="ignore"):  # where deleting a group leaves no spectrum the points are nan
        return _population_curve(moments, rows, delta)


def _population_curve(moments: FloatArray, rows: Multiplicities, delta: FloatArray) -> CapacityCurve:
    nu1, nu2, nu3 = moments
    n_s = nu2 - nu1
    n_ss = nu1 - 3 * nu2 + 2 * nu3
    log_tau, t_s, t_ss = _log_tau(nu1, n_s, n_ss, rows)
    k_s = 1 + t_s - n_s / nu1
    k_ss = t_ss - n_ss / nu1 + (n_s / nu1) ** 2
    n2 = nu1 + n_s / k_s
    n2_s = n_s + n_ss / k_s - n_s * k_ss / k_s**2
    n3 = n2 + n2_s / (2 * k_s)
    return CapacityCurve(delta=delta, kappa=delta * np.exp(log_tau) / nu1, n1=nu1, n2=n2, n3=n3)


def _log_tau(
    n: FloatArray, n_s: FloatArray, n_ss: FloatArray, rows: Multiplicities
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return ln tau and its first two derivatives in ln delta, where sum_i w_i tau / (1 + w_i tau) = N."""
    values = rows.values
    counts = rows.counts[..., None, :]
    log_tau = np.log(n / np.maximum((counts * values).sum(-1) * (1 - n / counts.sum(-1)), 1e-300))
    for _ in range(60):
        share = 1 / (1 + np.exp(-log_tau)[..., None] / values)
        filled = (counts * share).sum(-1)
        slope = (counts * share * (1 - share)).sum(-1)
        step = (np.log(n) - np.log(filled)) * filled / slope
        log_tau = log_tau + np.clip(step, -2, 2)
        if np.nanmax(np.abs(step)) < 1e-13:
            break
    curvature = (counts * share * (1 - share) * (1 - 2 * share)).sum(-1)
    t_s = n_s / slope
    return log_tau, t_s, (n_ss - curvature * t_s**2) / slope
