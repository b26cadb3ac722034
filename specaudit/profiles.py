"""What is compared of one side at one size: means over its subsets, and the spread of a single subset."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from specaudit.capacity import CapacityCurve, rising
from specaudit.exponent import WINDOW_RATIO, slope_over, window_of
from specaudit.kernels import FloatArray
from specaudit.subsets import SubsetSpectrum

DIMENSIONS = (10.0, 30.0)
"""Effective dimensions N_1 of the capacity tests, beside the deepest."""
DEEPEST_TEST = 1 / 4
"""The deepest capacity test is at this share of the compared rows, or of the rank."""
FEWEST = 16
"""Compared rows below which there is no statistic."""
POINTS = 48
"""Of the gain curve and of the capacity curves."""
ROUNDING = 1e-9
"""Relative distance from the end of a curve at which a point is surely on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Where both sides are looked at.

    Attributes
    ----------
    dimensions
        (t,) N_1 of the capacity tests.
    window
        N_2 between which the exponent is read; None where there are too few rows.
    gain
        (k,) N_1 of the gain curve.
    n2
        (k,) N_2 of the capacity curves.
    """

    dimensions: FloatArray
    window: tuple[float, float] | None
    gain: FloatArray
    n2: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """The mean of something over subsets (k,), and the standard deviation of a single subset (k,)."""

    mean: FloatArray
    sd: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One side at the compared size.

    Attributes
    ----------
    draws
        Subsets; 1 where the side has no more rows than are compared, and no spread.
    capacity, exponent, gain
        ln kappa at the tests' N_1, b_2 over the window (one value, or none), ln kappa at the gain curve's N_1.
    log_kappa, log_n1, local_exponent
        On the curves' N_2.
    eigenvalues
        Mean leading eigenvalues of K/n.
    """

    draws: int
    capacity: Quantity
    exponent: Quantity
    gain: Quantity
    log_kappa: Quantity
    log_n1: FloatArray
    local_exponent: Quantity
    eigenvalues: FloatArray


def targets_of(
    before: Sequence[SubsetSpectrum], after: Sequence[SubsetSpectrum] = (), *, points: int = POINTS
) -> Targets:
    """Return where to look, as far as BEFORE reaches, the window and the curves no further than AFTER too."""
    size = before[0].unique
    both = (*before, *after)
    end = min(_median_end(before), size / 2)
    shared_end = min(end, _median_end(after)) if after else end
    low, high = max(reach_of(s)[0] for s in both), min(reach_of(s)[1] for s in both)
    few = size < FEWEST
    return Targets(
        dimensions=np.empty(0) if few else test_dimensions(size, min(s.limit for s in before), end),
        window=None if few else common_window(window_end(before), window_end(after) if after else np.inf),
        gain=np.geomspace(1.0, max(shared_end, 2.0), points),
        n2=np.geomspace(min(low, high), high, points),
    )


def test_dimensions(unique: int, limit: int, reach: float) -> FloatArray:
    """Return the N_1 of the capacity tests: 10 and 30 where they are below the deepest, and that one."""
    deepest = min(unique * DEEPEST_TEST, limit * DEEPEST_TEST, reach)
    return np.array([*(n1 for n1 in DIMENSIONS if n1 < deepest), deepest])


def window_end(side: Sequence[SubsetSpectrum]) -> float:
    """Return the N_2 at which the window of a side ends, reached by all its subsets; nan if one reaches none."""
    windows = [window_of(s.curve, s.deepest) for s in side]
    reach = min(reach_of(s)[1] for s in side)
    return float(np.minimum(np.mean([w[1] if w else np.nan for w in windows]), (1 - ROUNDING) * reach))


def reach_of(spectrum: SubsetSpectrum) -> tuple[float, float]:
    """Return the least and the largest N_2 of a curve."""
    with np.errstate(invalid="ignore", divide="ignore"):
        x, _ = rising(spectrum.curve.log_n2, np.log(spectrum.curve.kappa))
    return float(np.exp(x[0])), float(np.exp(x[-1]))


def common_window(before: float, after: float) -> tuple[float, float] | None:
    """Return the window that ends at the shallower of two N_2, or None where it has no depth."""
    high = float(np.minimum(before, after))  # nan where either is
    return (high / WINDOW_RATIO, high) if high > 1 else None


def _median_end(side: Sequence[SubsetSpectrum]) -> float:
    return float(np.median([s.curve.n1[-1] for s in side]))


def at_n1(curve: CapacityCurve, n1: FloatArray, past: CapacityCurve | None = None) -> FloatArray:
    """Return ln kappa (k,) at N_1 from a curve and, if given, what lies past its end.

    Beyond both it is the last value, which bounds it from above: past the rank of an operator there is no capacity.
    """
    parts = (curve,) if past is None else (curve, past)
    values = (np.concatenate([getattr(part, name) for part in parts]) for name in ("n1", "kappa"))
    with np.errstate(invalid="ignore", divide="ignore"):  # such points are left out
        x, y = rising(*(np.log(value) for value in values))
    return np.interp(np.log(n1), x, y)


def at_n2(curve: CapacityCurve, quantity: FloatArray, n2: FloatArray) -> FloatArray:
    """Return a quantity of a curve (k,) at N_2."""
    return np.interp(np.log(n2), *rising(curve.log_n2, quantity))


def slopes(curve: CapacityCurve, window: tuple[float, float] | None) -> FloatArray:
    """Return b_2 over the window as an array of one number, or of none where there is no window."""
    return np.empty(0) if window is None else np.atleast_1d(slope_over(curve, window))


def profile_of(side: Sequence[SubsetSpectrum], targets: Targets) -> Profile:
    """Return the profile of one side from the spectra of its subsets."""

    def over(statistic: Callable[[SubsetSpectrum], FloatArray]) -> Quantity:
        with np.errstate(invalid="ignore", divide="ignore"):  # points without a logarithm are left out
            values = np.array([statistic(s) for s in side])
        sd = values.std(axis=0, ddof=1) if len(side) > 1 else np.zeros(values.shape[1])
        return Quantity(mean=values.mean(axis=0), sd=sd)

    shown = min(len(s.eigenvalues) for s in side)
    return Profile(
        draws=len(side),
        capacity=over(lambda s: at_n1(s.curve, targets.dimensions, s.past)),
        exponent=over(lambda s: slopes(s.curve, targets.window)),
        gain=over(lambda s: at_n1(s.curve, targets.gain, s.past)),
        log_kappa=over(lambda s: at_n2(s.curve, np.log(s.curve.kappa), targets.n2)),
        log_n1=over(lambda s: at_n2(s.curve, np.log(s.curve.n1), targets.n2)).mean,
        local_exponent=over(lambda s: at_n2(s.curve, s.curve.b2, targets.n2)),
        eigenvalues=np.mean([s.eigenvalues[:shown] for s in side], axis=0),
    )
