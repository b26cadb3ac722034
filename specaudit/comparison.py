"""Two data sets under one kernel, brought to equal size and judged against random row subsets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Literal

import numpy as np

from specaudit.capacity import CapacityCurve, probe_curves
from specaudit.cells import IntArray
from specaudit.draws import Design, Draw, draw
from specaudit.equal_size import IndexChange, index_changes
from specaudit.exponent import jackknife_error, slope_over, window_of
from specaudit.front import FrontAndTail, front_and_tail
from specaudit.kernels import FloatArray, Kernel
from specaudit.profiles import (
    DIMENSIONS,
    Profile,
    Quantity,
    Targets,
    at_n1,
    profile_of,
    slopes,
    targets_of,
    test_dimensions,
)
from specaudit.spectrum import CHECKS
from specaudit.subsets import SampledRows, Subsets, SubsetSpectrum, spectra, subsets_of

SideName = Literal["before", "after"]

ROUNDS = (24, 48, 96)
"""Random subsets: the first count, and those it grows to while a gate is close to its limit."""
TESTS = len(DIMENSIONS) + 2
"""Statistics per kernel."""
ALPHA = 0.01
"""Error rate, one-sided, over all statistics together."""
SETTLED = 5e-4
"""The quadrature has enough steps when the next ones move no tested statistic by more."""
CEILING_SLACK = 1e-3
"""Relative excess of an eigenvalue over its ceiling that rounding explains."""
CEILING_DEPTH = 1e-6
"""Eigenvalues below this share of the largest are not held against the ceiling."""


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
class KernelChange:
    """What changed under one kernel.

    Attributes
    ----------
    outcomes
        The tested statistics: capacity by rising dimension, then the tail.
    draws, critical
        Random subsets drawn, and how many standard errors make an interval.
    targets, before, after
        Where both sides were looked at, and what was found there.
    gain_error
        (k,) standard error of the change of ln kappa at the gain curve's N_1.
    depth
        Deepest trusted N_2 of each side with all its rows.
    ceiling
        Largest ratio of eigenvalues of K/n after / before, and the ranks compared; None unless AFTER is a subset.
    deepest
        N_1 of BEFORE's whole sample at the end of the trusted depth, and the ridge on its kernel matrix there; None
        without its rows.
    diversity
        Diversity indices at equal size by name; none without BEFORE's rows.
    """

    kernel: Kernel
    outcomes: tuple[Outcome, ...]
    draws: int
    critical: float
    targets: Targets
    before: Profile
    after: Profile
    gain_error: FloatArray
    depth: tuple[float, float]
    ceiling: tuple[float, int] | None
    front: FrontAndTail | None
    deepest: tuple[float, float] | None = None
    diversity: Mapping[str, IndexChange] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedSpectra:
    """What comparisons of one BEFORE under one kernel have in common, filled as they need it.

    Each of them gives the same numbers as alone: spectra of BEFORE's rows and of its random subsets depend on the
    size of the subsets and on the steps of the quadrature, and on nothing of AFTER.

    Attributes
    ----------
    hosts
        What gives spectra of subsets, by whether the rows outnumber the columns.
    whole
        The spectra of all rows, by host and steps: after these and after the next ones.
    drawn
        Spectra of random subsets, by host, size and steps; more are appended to the first.
    """

    hosts: dict[bool, Subsets] = field(default_factory=dict)
    whole: dict[tuple[bool, int], list[SubsetSpectrum]] = field(default_factory=dict)
    drawn: dict[tuple[bool, int, int], list[SubsetSpectrum]] = field(default_factory=dict)


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
    shared: SharedSpectra | None = None,
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
    shared
        Kept between comparisons of the same BEFORE under the same kernel and seed.
    """
    sides = _Sides(kernel, before, after, design, places, shared, seed=seed, threads=threads)
    whole = {name: sides.whole(name) for name in _NAMES}
    values = {name: [whole[name]] for name in _NAMES}
    for count in ROUNDS:
        for name in sides.drawn:
            values[name] = sides.draw(name, values[name] if count > ROUNDS[0] else [], count, progress)
        targets = targets_of(values["before"], values["after"])
        one, other = (profile_of(values[name], targets) for name in _NAMES)
        change = change_between(
            kernel,
            targets,
            one,
            other,
            between_rows(design, one, other) if sides.drawn else _same_rows(targets, whole),
            critical=critical_value(count, kernels),
            depth=(depth_of(whole["before"]), depth_of(whole["after"])),
        )
        if not sides.drawn or not near(change.outcomes):
            break
    ceiling = _ceiling(whole["before"], whole["after"]) if subset else None
    diversity = index_changes(values["before"], values["after"], design, linear=kernel.profile is None)
    change = replace(change, deepest=whole["before"].deepest_ridge, diversity=diversity)
    if not sides.drawn:
        return replace(change, draws=0, ceiling=ceiling)
    before_values, after_values = ([s.eigenvalues for s in values[name]] for name in _NAMES)
    return replace(change, ceiling=ceiling, front=front_and_tail(before_values, after_values, design))


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """Standard errors of the changes of a profile's quantities."""

    capacity: FloatArray
    exponent: FloatArray
    gain: FloatArray


def change_between(
    kernel: Kernel,
    targets: Targets,
    before: Profile,
    after: Profile,
    errors: Errors,
    *,
    critical: float,
    depth: tuple[float, float],
) -> KernelChange:
    """Return the change from one profile to another."""

    def outcome(change: float, error: float, dimension: float | None, window: tuple[float, float] | None) -> Outcome:
        half = critical * float(error)
        return Outcome(
            dimension=dimension,
            window=window,
            change=float(change),
            error=float(error),
            low=float(change) - half,
            high=float(change) + half,
        )

    capacity = zip(after.capacity.mean - before.capacity.mean, errors.capacity, targets.dimensions, strict=True)
    tail = zip(after.exponent.mean - before.exponent.mean, errors.exponent, strict=True)
    return KernelChange(
        kernel=kernel,
        outcomes=(
            *(outcome(change, error, float(n1), None) for change, error, n1 in capacity),
            *(outcome(change, error, None, targets.window) for change, error in tail),
        ),
        draws=max(before.draws, after.draws),
        critical=critical,
        targets=targets,
        before=before,
        after=after,
        gain_error=errors.gain,
        depth=depth,
        ceiling=None,
        front=None,
    )


def between_rows(design: Design, before: Profile, after: Profile) -> Errors:
    """Return the errors that the choice of rows leaves, from the spread of the subsets."""

    def error(one: Quantity, other: Quantity) -> FloatArray:
        return design.combined(one.sd, before.draws, other.sd, after.draws)

    return Errors(
        capacity=error(before.capacity, after.capacity),
        exponent=error(before.exponent, after.exponent),
        gain=error(before.gain, after.gain),
    )


def _same_rows(targets: Targets, whole: dict[SideName, SubsetSpectrum]) -> Errors:
    """Return the errors of changes between two spectra of the same rows: those of the probes, which both share."""
    curves = [_without_probes(whole[name]) for name in _NAMES]

    def error(statistic: Callable[[CapacityCurve], FloatArray], size: int) -> FloatArray:
        if not all(curves):
            return np.zeros(size)
        before, after = (np.array([statistic(curve) for curve in side]) for side in curves)
        return jackknife_error(after - before)

    return Errors(
        capacity=error(lambda c: at_n1(c, targets.dimensions), len(targets.dimensions)),
        exponent=error(lambda c: slopes(c, targets.window), int(targets.window is not None)),
        gain=error(lambda c: at_n1(c, targets.gain), len(targets.gain)),
    )


def _without_probes(spectrum: SubsetSpectrum) -> list[CapacityCurve]:
    """Return the curve without each of its probes; none where the spectrum is exact."""
    if not len(spectrum.measure.probe_weights):
        return []
    return list(probe_curves(spectrum.measure, spectrum.multiplicities, spectrum.curve.delta).each())


def depth_of(spectrum: SubsetSpectrum) -> float:
    """Return the deepest trusted N_2."""
    window = window_of(spectrum.curve, spectrum.deepest)
    return window[1] if window else 0.0


def _ceiling(before: SubsetSpectrum, after: SubsetSpectrum) -> tuple[float, int]:
    """Return the largest ratio of eigenvalues of K/n after / before that is certain, and the ranks compared."""
    old, new = before.eigenvalues, after.eigenvalues
    ranks = max(1, min(len(old), len(new), int((old > CEILING_DEPTH * old[0]).sum())))
    low, high = (new - after.eigenvalue_errors)[:ranks], (old + before.eigenvalue_errors)[:ranks]
    return float((low / high).max()), ranks


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
        shared: SharedSpectra | None,
        *,
        seed: int,
        threads: int,
    ) -> None:
        self.kernel, self.design, self.seed, self.threads = kernel, design, seed, threads
        self.samples: dict[SideName, SampledRows] = {"before": before, "after": after}
        self.places = places
        self.steps = CHECKS[0]
        self.drawn = tuple(name for name in _NAMES if design.drawn in (name, "both"))
        self.shared = shared or SharedSpectra()
        self._keeps = shared is not None
        self._columns = kernel.profile is None and before.rows.shape[1] < design.size
        self._after: Subsets | None = None

    def subsets(self, name: SideName) -> Subsets:
        held = self.shared.hosts.get(self._columns) if name == "before" else self._after
        if held is not None:
            return held
        if not self._keeps:  # frees the other side's matrix first
            self.shared.hosts.clear()
        self._after = None
        built = subsets_of(self.kernel, self.samples[name], self.design.size, threads=self.threads)
        if name == "before":
            self.shared.hosts[self._columns] = built
        else:
            self._after = built
        return built

    def whole(self, name: SideName) -> SubsetSpectrum:
        """Return the spectrum of all rows of a side, with as many steps as settle it."""
        for steps, more in pairwise((*CHECKS[CHECKS.index(self.steps) :], CHECKS[-1])):
            found, further = self._whole(name, (steps, more))
            self.steps = steps
            if not found.measure.steps or _moved(found, further) <= SETTLED:
                break
        return found

    def _whole(self, name: SideName, steps: tuple[int, int]) -> list[SubsetSpectrum]:
        """Return the spectra of all rows of a side; the same probes on both let the noise of shared rows cancel."""
        if name == "before":
            key = (self._columns, steps[0])
            if key not in self.shared.whole:
                part = self.samples[name].all
                self.shared.whole[key] = self.subsets(name).growing(part, seed=self.seed, steps=steps)
            return self.shared.whole[key]
        part = self.samples[name].all
        if self.places is None:
            return self.subsets(name).growing(part, seed=self.seed, steps=steps)
        order = np.argsort(self.places)
        part = Draw(rows=self.places[order], copies=part.copies[order])
        return self.subsets("before").growing(part, seed=self.seed, steps=steps)

    def draw(
        self, name: SideName, known: list[SubsetSpectrum], count: int, progress: Callable[[float], None]
    ) -> list[SubsetSpectrum]:
        """Return the spectra of `count` random subsets of a side, of which some are known."""
        copies = self.samples[name].copies
        if name == "before":
            known = self.shared.drawn.setdefault((self._columns, self.design.size, self.steps), [])
        tasks = []
        for number in range(len(known), count):
            source = np.random.SeedSequence([self.seed, _NAMES.index(name), number])
            generator = np.random.default_rng(source)
            tasks.append((draw(copies, self.design.size, generator), int(generator.integers(2**31))))
        if tasks:
            found = spectra(self.subsets(name), tasks, steps=self.steps, threads=self.threads, progress=progress)
            known = [*known, *found]
        if name == "before":
            self.shared.drawn[self._columns, self.design.size, self.steps] = known
        return known[:count]


def _moved(one: SubsetSpectrum, other: SubsetSpectrum) -> float:
    """Return the largest difference of any tested statistic of two estimates of one spectrum."""
    window = window_of(one.curve, one.deepest)
    dimensions = test_dimensions(one.unique, one.limit, float(one.curve.n1[-1]))
    moved = [abs(at_n1(one.curve, dimensions) - at_n1(other.curve, dimensions)).max(initial=0.0)]
    if window is not None:
        moved.append(abs(slope_over(one.curve, window) - slope_over(other.curve, window)))
    return float(np.nanmax(moved))
