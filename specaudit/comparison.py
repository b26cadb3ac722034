"""Two data sets under one kernel, brought to equal size and judged against random row subsets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from specaudit.capacity import CapacityCurve, probe_curves, rising
from specaudit.cells import IntArray
from specaudit.draws import Design, Draw, draw
from specaudit.exponent import WINDOW_RATIO, jackknife_error, slope_over, window_of
from specaudit.front import FrontAndTail, front_and_tail
from specaudit.kernels import FloatArray, Kernel
from specaudit.spectrum import CHECKS
from specaudit.subsets import SampledRows, Subsets, SubsetSpectrum, spectra, subsets_of

SideName = Literal["before", "after"]
Pair = tuple[FloatArray, FloatArray]

ROUNDS = (24, 48, 96)
"""Random subsets: the first count, and those it grows to while a gate is close to its limit."""
DIMENSIONS = (10.0, 30.0)
"""Effective dimensions N_1 of the capacity tests, beside the deepest."""
DEEPEST_TEST = 1 / 4
"""The deepest capacity test is at this share of the compared rows, or of the rank."""
TESTS = len(DIMENSIONS) + 2
"""Statistics per kernel."""
ALPHA = 0.01
"""Error rate, one-sided, over all statistics together."""
SETTLED = 5e-4
"""The quadrature has enough steps when the next ones move no tested statistic by more."""
POINTS = 48
"""Of the gain curve and of the two capacity curves."""
FEWEST = 16
"""Compared rows below which there is no statistic."""
CEILING_SLACK = 1e-3
"""Relative excess of an eigenvalue over its ceiling that rounding explains."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One statistic: its change with standard error and interval.

    Attributes
    ----------
    dimension
        N_1 of a capacity test (change of ln kappa); None for the tail.
    window
        N_2 of the tail test (change of b_2); None for capacity.
    """

    dimension: float | None
    window: tuple[float, float] | None
    change: float
    error: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SideCurve:
    """The mean curve of one side at the compared size, on the N_2 of the change (k,), with standard errors."""

    eigenvalues: FloatArray
    log_kappa: FloatArray
    log_kappa_error: FloatArray
    n1: FloatArray
    exponent: FloatArray
    exponent_error: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelChange:
    """What changed under one kernel.

    Attributes
    ----------
    outcomes
        The tested statistics: capacity by rising dimension, then the tail.
    draws, critical
        Random subsets drawn, and how many standard errors make an interval.
    dimension, gain, gain_error
        (k,) N_1, change of ln kappa there, its standard error.
    n2, before, after
        (k,) common N_2, and the two sides' curves on it.
    depth
        Deepest trusted N_2 of each side with all its rows.
    ceiling
        Largest ratio of eigenvalues of K/n after / before, and the ranks compared; None unless AFTER is a subset.
    """

    kernel: Kernel
    outcomes: tuple[Outcome, ...]
    draws: int
    critical: float
    dimension: FloatArray
    gain: FloatArray
    gain_error: FloatArray
    n2: FloatArray
    before: SideCurve
    after: SideCurve
    depth: tuple[float, float]
    ceiling: tuple[float, int] | None
    front: FrontAndTail | None


def critical_value(draws: int, kernels: int) -> float:
    """Return the Student quantile for `draws` subsets: one-sided `ALPHA` over all statistics of all kernels."""
    from scipy.special import stdtrit

    return float(stdtrit(draws - 1, 1 - ALPHA / (TESTS * kernels)))


def compare_kernel(
    kernel: Kernel,
    before: SampledRows,
    after: SampledRows,
    design: Design,
    *,
    places: IntArray | None = None,
    subset: bool = False,
    near: Callable[[Sequence[Outcome]], bool] = lambda outcomes: False,
    kernels: int = 1,
    seed: int = 0,
    threads: int = 1,
    progress: Callable[[float], None] = lambda fraction: None,
) -> KernelChange:
    """Return what changed between two samples under a kernel.

    Parameters
    ----------
    design
        How the samples are brought to equal size.
    places
        (u_after,) where AFTER's rows are among BEFORE's, if all are and with equal content: both sides then ride on
        one kernel matrix.
    subset
        Whether AFTER is a subset of BEFORE, copies counted, so that its eigenvalues have a ceiling.
    near
        Tells whether outcomes are so close to a limit that more subsets are worth their time.
    kernels
        Kernels compared together, for the critical value.
    """
    sides = _Sides(kernel, before, after, design, places, seed=seed, threads=threads)
    whole = {name: sides.whole(name) for name in _NAMES}
    ceiling = _ceiling(whole["before"], whole["after"]) if subset else None
    values = {name: [whole[name]] for name in _NAMES}
    change = None
    for count in ROUNDS:
        for name in sides.drawn:
            values[name] = sides.draw(name, values[name] if change else [], count, progress)
        change = _change(kernel, design, whole, values, critical_value(count, kernels), ceiling)
        if not sides.drawn or not near(change.outcomes):
            break
    assert change is not None
    return change


_NAMES: tuple[SideName, SideName] = ("before", "after")


class _Sides:
    """The two samples with what gives their subsets' spectra; one kernel matrix is in memory at a time."""

    def __init__(
        self,
        kernel: Kernel,
        before: SampledRows,
        after: SampledRows,
        design: Design,
        places: IntArray | None,
        *,
        seed: int,
        threads: int,
    ) -> None:
        self.kernel, self.design, self.seed, self.threads = kernel, design, seed, threads
        self.samples: dict[SideName, SampledRows] = {"before": before, "after": after}
        self.places = places
        self.steps = CHECKS[0]
        self.drawn = tuple(name for name in _NAMES if design.drawn in (name, "both"))
        self._held: tuple[SideName, Subsets] | None = None

    def subsets(self, name: SideName) -> Subsets:
        if self._held is None or self._held[0] != name:
            self._held = None  # frees the other side's matrix first
            built = subsets_of(self.kernel, self.samples[name], self.design.size, threads=self.threads)
            self._held = (name, built)
        return self._held[1]

    def whole(self, name: SideName) -> SubsetSpectrum:
        """Return the spectrum of all rows of a side, with as many steps as settle it."""
        part, host = self.samples[name].all, name
        if name == "after" and self.places is not None:
            order = np.argsort(self.places)
            part, host = Draw(rows=self.places[order], copies=part.copies[order]), "before"
        subsets = self.subsets(host)
        # The same probes on both sides: where all rows are shared their noise cancels.
        found = subsets.spectrum(part, seed=self.seed, steps=self.steps)
        for steps in CHECKS[CHECKS.index(self.steps) + 1 :]:
            further = subsets.spectrum(part, seed=self.seed, steps=steps)
            if _moved(found, further) <= SETTLED:
                break
            found, self.steps = further, steps
        return found

    def draw(
        self, name: SideName, known: list[SubsetSpectrum], count: int, progress: Callable[[float], None]
    ) -> list[SubsetSpectrum]:
        """Return the spectra of `count` random subsets of a side, of which some are known."""
        copies = self.samples[name].copies
        tasks = []
        for number in range(len(known), count):
            source = np.random.SeedSequence([self.seed, _NAMES.index(name), number])
            generator = np.random.default_rng(source)
            tasks.append((draw(copies, self.design.size, generator), int(generator.integers(2**31))))
        found = spectra(self.subsets(name), tasks, steps=self.steps, threads=self.threads, progress=progress)
        return [*known, *found]


def _moved(one: SubsetSpectrum, other: SubsetSpectrum) -> float:
    """Return the largest difference of any tested statistic of two estimates of one spectrum."""
    window = window_of(one.curve, one.deepest)
    dimensions = test_dimensions(one.unique, one.limit, float(one.curve.n1[-1]))
    moved = [abs(_at_n1(one.curve, dimensions) - _at_n1(other.curve, dimensions)).max(initial=0.0)]
    if window is not None:
        moved.append(abs(slope_over(one.curve, window) - slope_over(other.curve, window)))
    return float(np.nanmax(moved))


def test_dimensions(unique: int, limit: int, reach: float) -> FloatArray:
    """Return the N_1 of the capacity tests: 10 and 30 where they are below the deepest, and that one."""
    deepest = min(unique * DEEPEST_TEST, limit * DEEPEST_TEST, reach)
    return np.array([*(n1 for n1 in DIMENSIONS if n1 < deepest), deepest])


def _at_n1(curve: CapacityCurve, n1: FloatArray) -> FloatArray:
    """Return ln kappa (k,) at N_1; beyond the end of a curve the last value, which bounds it from above."""
    x, y = rising(np.log(curve.n1), np.log(curve.kappa))
    return np.interp(np.log(n1), x, y)


def _change(
    kernel: Kernel,
    design: Design,
    whole: dict[SideName, SubsetSpectrum],
    values: dict[SideName, list[SubsetSpectrum]],
    critical: float,
    ceiling: tuple[float, int] | None,
) -> KernelChange:
    before, after = values["before"], values["after"]
    end = min(float(np.median([s.curve.n1[-1] for s in before])), before[0].unique / 2)
    dimensions = test_dimensions(design.size, min(s.limit for s in before), end)
    if design.size < FEWEST:
        dimensions = dimensions[:0]
    window = _window(before, after) if design.size >= FEWEST else None
    judged = _Judge(design, before, after, critical)
    capacity = judged.change(lambda s: _at_n1(s.curve, dimensions))
    outcomes = [
        judged.outcome(change, error, dimension=float(n1))
        for n1, change, error in zip(dimensions, *capacity, strict=True)
    ]
    if window is not None:
        change, error = judged.change(lambda s: np.atleast_1d(slope_over(s.curve, window)))
        outcomes.append(judged.outcome(change[0], error[0], window=window))
    grid = np.geomspace(1.0, max(min(end, float(np.median([s.curve.n1[-1] for s in after]))), 2.0), POINTS)
    gain, gain_error = judged.change(lambda s: _at_n1(s.curve, grid))
    n2 = _common_n2(before, after)
    return KernelChange(
        kernel=kernel,
        outcomes=tuple(outcomes),
        draws=max(len(before), len(after)) if design.drawn != "none" else 0,
        critical=critical,
        dimension=grid,
        gain=gain,
        gain_error=gain_error,
        n2=n2,
        before=_side_curve(before, n2),
        after=_side_curve(after, n2),
        depth=(_depth(whole["before"]), _depth(whole["after"])),
        ceiling=ceiling,
        front=None
        if design.drawn == "none"
        else front_and_tail([s.eigenvalues for s in before], [s.eigenvalues for s in after], design),
    )


@dataclass(frozen=True, slots=True)
class _Judge:
    """What turns a statistic of spectra into a change with an error."""

    design: Design
    before: list[SubsetSpectrum]
    after: list[SubsetSpectrum]
    critical: float

    def change(self, statistic: Callable[[SubsetSpectrum], FloatArray]) -> Pair:
        """Return the change (k,) of a statistic and its standard error (k,)."""
        before, after = (np.array([statistic(s) for s in side]) for side in (self.before, self.after))
        change = after.mean(axis=0) - before.mean(axis=0)
        if self.design.drawn != "none":
            return change, self.design.error(before, after)
        return change, self._probe_error(statistic)

    def _probe_error(self, statistic: Callable[[SubsetSpectrum], FloatArray]) -> FloatArray:
        """Return the error of the change between spectra of the same rows, from the probes that both share."""
        (before,), (after,) = self.before, self.after
        if not (len(before.measure.probe_weights) and len(after.measure.probe_weights)):
            return np.zeros(len(statistic(before)))
        without = [np.array([statistic(s) for s in _without_probes(side)]) for side in (before, after)]
        return jackknife_error(without[1] - without[0])

    def outcome(
        self,
        change: float,
        error: float,
        *,
        dimension: float | None = None,
        window: tuple[float, float] | None = None,
    ) -> Outcome:
        """Return the outcome of a test."""
        half = self.critical * float(error)
        return Outcome(
            dimension=dimension,
            window=window,
            change=float(change),
            error=float(error),
            low=float(change) - half,
            high=float(change) + half,
        )


def _without_probes(spectrum: SubsetSpectrum) -> list[SubsetSpectrum]:
    """Return the spectrum without each of its probes."""
    batch = probe_curves(spectrum.measure, spectrum.multiplicities, spectrum.curve.delta)
    parts = zip(batch.kappa, batch.n1, batch.n2, batch.n3, strict=True)
    return [
        replace(spectrum, curve=CapacityCurve(delta=batch.delta, kappa=kappa, n1=n1, n2=n2, n3=n3))
        for kappa, n1, n2, n3 in parts
    ]


def _window(before: list[SubsetSpectrum], after: list[SubsetSpectrum]) -> tuple[float, float] | None:
    """Return the window of N_2 that both sides reach, [hi/4, hi]."""
    ends = []
    for side in (before, after):
        windows = [window_of(s.curve, s.deepest) for s in side]
        ends.append(np.mean([w[1] for w in windows if w is not None]) if all(windows) else np.nan)
    high = float(min(ends))
    return (high / WINDOW_RATIO, high) if high > 1 else None


def _depth(spectrum: SubsetSpectrum) -> float:
    window = window_of(spectrum.curve, spectrum.deepest)
    return window[1] if window else 0.0


def _common_n2(before: list[SubsetSpectrum], after: list[SubsetSpectrum]) -> FloatArray:
    """Return N_2 (k,) within the reach of all curves."""
    curves = [s.curve for s in (*before, *after)]
    reach = [rising(c.log_n2, np.log(c.kappa))[0] for c in curves]
    low, high = max(x[0] for x in reach), min(x[-1] for x in reach)
    return np.exp(np.linspace(min(low, high), high, POINTS))


def _side_curve(side: list[SubsetSpectrum], n2: FloatArray) -> SideCurve:
    def on_grid(quantity: Callable[[CapacityCurve], FloatArray]) -> FloatArray:
        return np.array([np.interp(np.log(n2), *rising(s.curve.log_n2, quantity(s.curve))) for s in side])

    log_kappa, exponent = on_grid(lambda c: np.log(c.kappa)), on_grid(lambda c: c.b2)
    log_n1 = on_grid(lambda c: np.log(c.n1))
    shown = min(len(s.eigenvalues) for s in side)
    several = len(side) > 1
    nothing = np.zeros(len(n2))
    return SideCurve(
        eigenvalues=np.mean([s.eigenvalues[:shown] for s in side], axis=0),
        log_kappa=log_kappa.mean(axis=0),
        log_kappa_error=log_kappa.std(axis=0, ddof=1) if several else nothing,
        n1=np.exp(log_n1.mean(axis=0)),
        exponent=exponent.mean(axis=0),
        exponent_error=exponent.std(axis=0, ddof=1) if several else nothing,
    )


def _ceiling(before: SubsetSpectrum, after: SubsetSpectrum) -> tuple[float, int]:
    ranks = min(len(before.eigenvalues), len(after.eigenvalues), before.measure.exact, after.measure.exact)
    floor = 1e-6 * before.eigenvalues[0]
    ranks = max(1, min(ranks, int((before.eigenvalues > floor).sum())))
    return float((after.eigenvalues[:ranks] / before.eigenvalues[:ranks]).max()), ranks
