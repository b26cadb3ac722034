"""BEFORE without its embeddings: the null at a ladder of sizes, and the smallest keys of its rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from specaudit.comparison import (
    ROUNDS,
    Errors,
    KernelChange,
    between_rows,
    change_between,
    critical_value,
    depth_of,
)
from specaudit.dataset import DataSet, Hashes
from specaudit.draws import Design, Drawn, draw
from specaudit.exponent import GRID
from specaudit.kernels import Kernel
from specaudit.profiles import FEWEST, Profile, Quantity, Targets, common_window, profile_of, targets_of, window_end
from specaudit.relation import Relation, kind_of
from specaudit.spectrum import CHECKS
from specaudit.subsets import SampledRows, SubsetSpectrum, spectra, subsets_of

KEYS = 1024
"""Smallest row keys that are kept: enough to tell a shared share of the rows to within 3 %."""
RATIO = 0.5
"""Size of a step of the ladder over that of the one above it."""
SMALLEST_STEP = 64
POINTS = 16
"""Of a step's curves: a baseline is kept beside the code."""
MUCH_EARLIER = 0.8
"""AFTER's window must end before this share of BEFORE's for the shorter one to be taken."""
DRAWS = ROUNDS[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The null at one size.

    Attributes
    ----------
    rows
        Unique rows of each subset.
    targets, profile
        Where the subsets were looked at, and what was found.
    """

    rows: int
    targets: Targets
    profile: Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """The null under one kernel, by falling size; the first step is all sampled rows, without a spread.

    Attributes
    ----------
    depth
        Deepest trusted N_2 with all sampled rows.
    """

    kernel: Kernel
    depth: float
    steps: tuple[Step, ...]


def ladder_sizes(unique: int) -> list[int]:
    """Return the sizes of the steps for a sample of `unique` rows, falling."""
    sizes = [unique]
    while round(sizes[-1] * RATIO) >= min(SMALLEST_STEP, unique // 2) >= FEWEST:
        sizes.append(round(sizes[-1] * RATIO))
    return sizes


def ladder_of(
    kernel: Kernel,
    sample: SampledRows,
    *,
    seed: int,
    threads: int,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Ladder:
    """Return the null at falling sizes of a sample under a kernel."""
    sizes = ladder_sizes(sample.unique)
    wide = [size for size in sizes if size > sample.rows.shape[1]]
    steps: list[Step] = []
    whole: SubsetSpectrum | None = None
    # The linear kernel takes the smaller side, rows or columns, as a comparison at that size does.
    for group in (wide, sizes[len(wide) :]) if kernel.profile is None else (sizes,):
        subsets = subsets_of(kernel, sample, group[-1], threads=threads) if group else None
        for size in group:
            assert subsets is not None
            parts = [sample.all]
            if whole is not None:
                sources = np.random.SeedSequence([seed, size]).spawn(DRAWS)
                parts = [draw(sample.copies, size, np.random.default_rng(source)) for source in sources]
            tasks = [(part, seed + number) for number, part in enumerate(parts)]
            found = spectra(subsets, tasks, steps=CHECKS[1], threads=threads)
            whole = whole or found[0]
            targets = targets_of(found, points=POINTS)
            steps.append(Step(rows=size, targets=targets, profile=profile_of(found, targets)))
            progress(len(steps) / len(sizes))
    assert whole is not None
    return Ladder(kernel=kernel, depth=depth_of(whole), steps=tuple(steps))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch:
    """What is known of BEFORE's rows: how many there are, and the smallest keys.

    Attributes
    ----------
    unique, sampled
        Different rows, and those of them in kernel matrices.
    keys
        The smallest keys, ascending.
    """

    unique: int
    sampled: int
    keys: Hashes

    @classmethod
    def of(cls, data: DataSet, *, seed: int, sampled: int) -> Sketch:
        """Return the sketch of a data set."""
        keys, _ = data.keyed(seed)
        return cls(unique=len(keys), sampled=sampled, keys=keys[:KEYS])

    def relation(self, after: DataSet, seed: int) -> Relation:
        """Return the relation of AFTER to BEFORE, its counts estimated from the keys up to the largest kept one."""
        keys, _ = after.keyed(seed)
        inside = keys if len(self.keys) == self.unique else keys[keys <= self.keys[-1]]
        common = int(np.isin(inside, self.keys).sum())
        lost, new = len(self.keys) - common, len(inside) - common
        if not new:
            estimate = min(len(keys), self.unique)
        elif not lost:
            estimate = self.unique
        else:
            estimate = min(round(common / len(self.keys) * self.unique), len(keys) - 1, self.unique - 1)
        removed, added = self.unique - estimate, len(keys) - estimate
        return Relation(
            kind=kind_of(estimate, removed, added, proportional=True),
            matched_by="sketch",
            shared=estimate,
            near=0,
            removed=removed,
            added=added,
            tolerance=None,
            subset=not new,
            gone=np.empty(0, np.int64),
        )


def compare_ladder(
    ladder: Ladder,
    after: SampledRows,
    *,
    before: int,
    shared: int,
    kernels: int,
    seed: int,
    threads: int,
    progress: Callable[[float], None] = lambda fraction: None,
) -> tuple[KernelChange, Design] | None:
    """Return what changed from a stored null to a sample, at the largest stored size that both reach.

    Parameters
    ----------
    before, shared
        Different rows in BEFORE's sample, and in both samples.

    Returns
    -------
    The change and the design, or None where AFTER has fewer rows than the smallest step.
    """
    step, design = _meet(ladder, before, after.unique, shared)
    if step is None or design is None:
        return None
    subsets = subsets_of(ladder.kernel, after, design.size, threads=threads)
    whole = subsets.spectrum(after.all, seed=seed, steps=CHECKS[1])
    values = [whole]
    if design.size < after.unique:
        sources = np.random.SeedSequence([seed, design.size, 1]).spawn(DRAWS)
        tasks = [(draw(after.copies, design.size, np.random.default_rng(s)), seed + k) for k, s in enumerate(sources)]
        values = spectra(subsets, tasks, steps=CHECKS[1], threads=threads, progress=progress)
    targets, stored = _within_reach(step, window_end(values))
    found = profile_of(values, targets)
    change = change_between(
        ladder.kernel,
        targets,
        stored,
        found,
        between_rows(design, stored, found),
        critical=critical_value(DRAWS, kernels),
        depth=(ladder.depth, depth_of(whole)),
    )
    return change, design


def unchanged(ladder: Ladder, kernels: int) -> KernelChange:
    """Return the change to data of equal content: zero everywhere."""
    step = ladder.steps[0]
    nothing = Errors(
        capacity=np.zeros_like(step.profile.capacity.mean),
        exponent=np.zeros_like(step.profile.exponent.mean),
        gain=np.zeros_like(step.profile.gain.mean),
    )
    change = change_between(
        ladder.kernel,
        step.targets,
        step.profile,
        step.profile,
        nothing,
        critical=critical_value(DRAWS, kernels),
        depth=(ladder.depth, ladder.depth),
    )
    return replace(change, draws=0)


def _meet(ladder: Ladder, before: int, after: int, shared: int) -> tuple[Step | None, Design | None]:
    """Return the step at which a sample of `after` rows meets the ladder, and the design there."""
    for step in ladder.steps:
        if step.rows > after:
            continue
        if step.rows == before:  # no subset of BEFORE tells its spread: those of AFTER must
            design = Design.of(before, after, shared)
            if design.drawn == "after":
                return step, design
            continue
        drawn: Drawn = "before" if step.rows == after else "both"
        return step, Design(size=step.rows, drawn=drawn, before=before, after=after, shared=shared)
    return None, None


def _within_reach(step: Step, end: float) -> tuple[Targets, Profile]:
    """Return the step's targets and profile with the window cut to where AFTER's ends, if that is much earlier.

    The slope of BEFORE over the shorter window is read off a spline through its stored curve.
    """
    from scipy.interpolate import CubicSpline

    targets, profile = step.targets, step.profile
    if targets.window is None or not end < MUCH_EARLIER * targets.window[1]:
        return targets, profile
    window = common_window(targets.window[1], end)
    if window is None:
        nothing = Quantity(mean=np.empty(0), sd=np.empty(0))
        return replace(targets, window=None), replace(profile, exponent=nothing)
    grid = np.linspace(np.log(window[0]), np.log(window[1]), GRID)
    x = grid - grid.mean()
    slope = -(CubicSpline(np.log(targets.n2), profile.log_kappa.mean)(grid) @ x) / (x @ x)
    exponent = Quantity(mean=np.array([slope]), sd=profile.exponent.sd)
    return replace(targets, window=window), replace(profile, exponent=exponent)
