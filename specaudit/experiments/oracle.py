"""Samplers against each other on one task: the same rows, targets, times and amount of training for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from specaudit.dataset import IntArray
from specaudit.experiments.flow import Pathway
from specaudit.experiments.samplers import Moment, Sampler
from specaudit.experiments.tracks import Track, read_modes
from specaudit.kernels import FloatArray
from specaudit.learning.collapse import Coherence, coherences
from specaudit.learning.modes import Modes
from specaudit.learning.weights import CAP


class Machine(Protocol):
    """A model in training."""

    residuals: FloatArray
    """Prediction less target on the training rows (n, outputs)."""

    @property
    def held(self) -> FloatArray:
        """Prediction on the held-out rows (m, outputs)."""

    def advance(self, weights: FloatArray, durations: FloatArray) -> Pathway:
        """Train for the last of the ascending durations (s,), and tell what was seen after each."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """Rows to learn from, and what is to be learned.

    Attributes
    ----------
    modes
        All modes of the training rows.
    nearest, components
        Of the training rows: nearest rows (n, k), and principal components (n, c) of variance 1.
    targets
        (n, outputs), noise included.
    truth
        (m, outputs) of the held-out rows, without noise.
    wrong
        Training rows that have the target of another row.
    """

    modes: Modes
    nearest: IntArray = field(repr=False)
    components: FloatArray = field(repr=False)
    targets: FloatArray = field(repr=False)
    truth: FloatArray = field(repr=False)
    wrong: IntArray = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When weights are chosen, and when a run is looked at.

    Attributes
    ----------
    ends
        (R,) ascending end of each stretch in which the weights stay; the first begins at 0.
    looks
        Looks within each stretch, the last at its end.
    """

    ends: FloatArray
    looks: int

    @property
    def stretches(self) -> list[tuple[float, FloatArray]]:
        """The start of each stretch, and how long after it each look is."""
        starts = np.append(0.0, self.ends[:-1])
        return [
            (float(start), np.geomspace(max(start, end / 2), end, self.looks + 1)[1:] - start)
            for start, end in zip(starts, self.ends, strict=True)
        ]
