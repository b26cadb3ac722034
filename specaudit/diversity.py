"""Diversity indices of a spectrum, corrected for the number of rows where a correction exists.

Nested shares of the rows (a quarter, a half, all) show how an index still grows. The participation ratio has an
unbiased form; the others are rarefied: increments that shrink geometrically from size to size are summed to
their limit, and where they do not shrink there is no corrected value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from specaudit.kernels import FloatArray
from specaudit.measure import SpectralMeasure

LARGEST_RATIO = 0.8
"""Ratio of successive increments up to which their geometric series is trusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """One diversity index.

    Attributes
    ----------
    value
        Corrected for the number of rows; None where no correction holds.
    sample
        The plain value on the rows used.
    formula, source, correction
        What was computed, who defined it, and how it was corrected.
    """

    value: float | None
    sample: float
    formula: str
    source: str
    correction: str


def vendi_score(measure: SpectralMeasure) -> float:
    """Return exp of the entropy of the eigenvalues of K / tr K, order q = 1."""
    return _entropy_number(_certain(measure), measure.weights)


def rankme(measure: SpectralMeasure) -> float:
    """Return exp of the entropy of the singular values of the rows, the square roots of linear eigenvalues."""
    return _entropy_number(np.sqrt(_certain(measure)), measure.weights)


def participation_ratio(trace: float, squared_norm: float) -> float:
    """Return (sum of eigenvalues)^2 / (sum of their squares)."""
    return trace**2 / squared_norm


def unbiased_participation_ratio(
    trace: float, squared_norm: float, diagonal_squares: float, rows: float, squared_weights: float
) -> float | None:
    """Return the participation ratio with the sum of squares taken over different rows only.

    The mean of K_ij^2 over i != j is unbiased for the population's sum of squared eigenvalues; the diagonal,
    which a finite sample adds, is left out. Rows of weight w count w times but never against themselves.

    Parameters
    ----------
    trace, squared_norm
        Of W^1/2 K W^1/2.
    diagonal_squares
        Sum of (w_i K_ii)^2.
    rows, squared_weights
        Sum of w_i and of w_i^2.
    """
    pairs = (squared_norm - diagonal_squares) / (rows**2 - squared_weights)
    # Differences at rounding level say that different rows are orthogonal: the ratio has no finite estimate.
    if not pairs > 1e-6 * diagonal_squares / squared_weights:
        return None
    return (trace / rows) ** 2 / pairs


def diversity_indices(
    nested: Sequence[SpectralMeasure], *, linear: bool, participation: tuple[float | None, float]
) -> dict[str, Index]:
    """Return the indices of the last of `nested` measures (a quarter, a half and all of the rows).

    `participation` holds the corrected and the plain participation ratio.
    """
    indices = {
        "vendi_score": _rarefied(
            [vendi_score(measure) for measure in nested],
            formula="exp(-sum p ln p), p = eigenvalues of K / tr K",
            source="Friedman and Dieng 2023, The Vendi Score, order q = 1",
        ),
        "participation_ratio": Index(
            value=participation[0],
            sample=participation[1],
            formula="(sum of eigenvalues)^2 / sum of squared eigenvalues",
            source="Gao et al. 2017, A theory of multineuronal dimensionality",
            correction="sum of squares over different rows only: unbiased",
        ),
    }
    if linear:
        indices["rankme"] = _rarefied(
            [rankme(measure) for measure in nested],
            formula="exp(-sum p ln p), p = singular values / their sum",
            source="Garrido et al. 2023, RankMe",
        )
    return indices


def _certain(measure: SpectralMeasure) -> FloatArray:
    """Return the nodes (m,) with those that rounding alone may have made set to zero."""
    return np.where(measure.nodes > measure.rounding, measure.nodes, 0.0)


def _entropy_number(values: np.ndarray, weights: np.ndarray) -> float:
    present = values > 0
    share = values[present] / (values[present] * weights[present]).sum()
    return float(np.exp(-(weights[present] * share * np.log(share)).sum()))


def _rarefied(values: list[float], *, formula: str, source: str) -> Index:
    sample = values[-1]
    if len(values) < 3:
        return Index(value=None, sample=sample, formula=formula, source=source, correction="none: too few rows")
    first, second = values[1] - values[0], values[2] - values[1]
    ratio = second / first if first else 0.0
    if abs(ratio) > LARGEST_RATIO:
        correction = "none: still growing with the rows, no limit can be read off"
        return Index(value=None, sample=sample, formula=formula, source=source, correction=correction)
    limit = sample + second * ratio / (1 - ratio)
    correction = "rarefaction: limit over a quarter, a half and all of the rows"
    return Index(value=limit, sample=sample, formula=formula, source=source, correction=correction)
