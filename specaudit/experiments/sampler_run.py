"""A run of one sampler on a task: weights are chosen at the start of each stretch, and looks are taken on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from specaudit.experiments.sampler_task import SamplerTask
from specaudit.experiments.samplers import Sampler, Seen
from specaudit.experiments.tracks import Track, read_modes
from specaudit.kernels import FloatArray
from specaudit.learning.collapse import Coherence, coherences
from specaudit.learning.modes import DEPTH, Modes

STRETCHES, LOOKS = 24, 4
"""In which the weights stay as they are, and looks within each."""
SQUARED = 2.0
"""Power of the residual in the weights that D judges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When weights are chosen, and when a run is looked at: the same for every sampler.

    Attributes
    ----------
    starts
        (R,) of the stretches, the first 0.
    looks
        Of each stretch when the run is looked at, ascending, the last at its end.
    """

    starts: FloatArray = field(repr=False)
    looks: tuple[FloatArray, ...] = field(repr=False)

    @classmethod
    def of(cls, times: FloatArray) -> Schedule:
        """Return the schedule that looks at all times, ascending, and chooses weights at every `LOOKS`-th."""
        parts = [times[start : start + LOOKS] for start in range(0, len(times), LOOKS)]
        return cls(starts=np.array([0.0, *(part[-1] for part in parts[:-1])]), looks=tuple(parts))

    @classmethod
    def of_flow(cls, modes: Modes) -> Schedule:
        """Return that of gradient flow: from four learned modes, at the most, to a quarter of the rows."""
        last = min(int(DEPTH * len(modes.vectors)), modes.count) - 1
        return cls.of(np.geomspace(2 / modes.values.sum(), 1 / modes.values[last], STRETCHES * LOOKS))

    @classmethod
    def of_steps(cls, steps: int) -> Schedule:
        """Return that of so many optimiser steps."""
        return cls.of(np.unique(np.rint(np.geomspace(1, steps, STRETCHES * LOOKS))))

    @property
    def times(self) -> FloatArray:
        """(T,) all looks."""
        return np.concatenate(self.looks)


def sampled_run(
    task: SamplerTask,
    sampler: Sampler,
    schedule: Schedule,
    *,
    power: float,
    cap: float,
    seed: int | Sequence[int],
) -> Track:
    """Return what was seen of a sampler's run; `power` and `cap` are those of `Seen`.

    Frontier and capacity are those of a machine that starts at zero, as a network does not: it has learned of a mode
    what its residual lacks of the target.
    """
    machine, *unlike = task.machines(task.targets, sampler.unlike)
    generator = np.random.default_rng(seed)
    reference = task.modes.energies(task.targets)
    energies, loss = [reference], []
    on_noise, coherent = [], []
    total = float((task.truth**2).sum())
    for start, looks in zip(schedule.starts, schedule.looks, strict=True):
        residuals = machine.residuals
        rank = float(read_modes(task.modes, np.array([reference, task.modes.energies(residuals)]))[0][0])
        weights = sampler.weigh(
            Seen(
                residuals=residuals,
                spread=spread([residuals, *(other.residuals for other in unlike)]),
                modes=task.modes,
                rank=rank,
                nearest=task.nearest,
                components=task.components,
                power=power,
                cap=cap,
                generator=generator,
            )
        )
        on_noise.append(float(weights[task.wrong].sum()) / len(weights))
        coherent.append(coherences(residuals, task.nearest, cap))
        path = machine.advance(weights, looks - start)
        for other in unlike:
            other.advance(weights, looks[-1:] - start)
        energies += [task.modes.energies(residuals) for residuals in path.residuals]
        loss += [float(((held - task.truth) ** 2).sum()) / total for held in path.held]
    frontier, capacity = read_modes(task.modes, np.array(energies))
    plain, weighted = np.array(coherent).T
    return Track(
        times=schedule.times,
        frontier=frontier,
        capacity=capacity,
        loss=np.array(loss),
        starts=schedule.starts,
        on_noise=np.array(on_noise),
        coherence=Coherence(plain=plain, weighted=weighted) if sampler.by_residual and power == SQUARED else None,
    )


def spread(residuals: list[FloatArray]) -> FloatArray:
    """Return the variance (n,) of what models predict, of their residuals (n, outputs) to the same targets."""
    return np.asarray(np.var(residuals, axis=0).sum(axis=-1))
