"""Diversity indices of two samples at equal size: no correction for the number of rows is needed there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from specaudit.diversity import participation_ratio, rankme, vendi_score
from specaudit.draws import Design
from specaudit.exponent import CONFIDENCE, jackknife_error
from specaudit.kernels import FloatArray
from specaudit.measure import SpectralMeasure
from specaudit.subsets import SubsetSpectrum


def _participation(measure: SpectralMeasure) -> float:
    return participation_ratio(float(measure.weights @ measure.nodes), float(measure.weights @ measure.nodes**2))


INDICES: Mapping[str, Callable[[SpectralMeasure], float]] = MappingProxyType(
    {"vendi_score": vendi_score, "participation_ratio": _participation}
)
LINEAR: Mapping[str, Callable[[SpectralMeasure], float]] = MappingProxyType({**INDICES, "rankme": rankme})
"""Under the linear kernel, whose eigenvalues are the squares of the rows' singular values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexChange:
    """One diversity index of both sides, each at the compared size.

    Attributes
    ----------
    before, after
        Geometric means over the subsets of a side; the plain index where it has no more rows than are compared.
    low, high
        95 % interval of after / before.
    """

    before: float
    after: float
    low: float
    high: float

    @property
    def ratio(self) -> float:
        """After / before."""
        return self.after / self.before


def index_changes(
    before: Sequence[SubsetSpectrum], after: Sequence[SubsetSpectrum], design: Design, *, linear: bool
) -> dict[str, IndexChange]:
    """Return the change of every diversity index between two sides, from the spectra of their subsets.

    The interval is of the choice of rows, from the spread of the subsets, and of the random probes, which each
    subset has of its own. Where no subsets are drawn both sides share their probes, and the interval is of these.
    """
    from scipy.special import stdtrit

    changes = {}
    for name, index in (LINEAR if linear else INDICES).items():
        one, other = (np.log([[index(s.measure)] for s in side]) for side in (before, after))
        if design.drawn == "none":
            replicates = [_without_probes(side[0].measure, index) for side in (before, after)]
            paired = len(replicates[0]) == len(replicates[1]) > 0
            error = float(jackknife_error(replicates[1] - replicates[0])) if paired else 0.0
            freedom = max(len(replicates[0]) - 1, 1)
        else:
            error, freedom = float(design.error(one, other)[0]), max(len(one), len(other)) - 1
        half = float(stdtrit(freedom, 0.5 + CONFIDENCE / 2)) * error
        first, last = float(one.mean()), float(other.mean())
        changes[name] = IndexChange(
            before=float(np.exp(first)),
            after=float(np.exp(last)),
            low=float(np.exp(last - first - half)),
            high=float(np.exp(last - first + half)),
        )
    return changes


def _without_probes(measure: SpectralMeasure, index: Callable[[SpectralMeasure], float]) -> FloatArray:
    """Return ln of the index without each of the probes (p,); none where the spectrum is exact."""
    if not len(measure.probe_weights):
        return np.empty(0)
    return np.log([index(replace(measure, weights=weights)) for weights in measure.leave_one_probe_out()])
