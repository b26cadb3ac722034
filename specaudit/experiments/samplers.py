"""Samplers: how rows are weighed for the next stretch of training, one literal registry.

A sampler sees what a training run can see: residuals on the training rows and what is known of the rows beforehand.
All weights have mean 1 and are at most the cap.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from specaudit.dataset import IntArray
from specaudit.kernels import FloatArray
from specaudit.learning.collapse import agreement
from specaudit.learning.modes import Modes
from specaudit.learning.weights import band_weights, bounded, guarded_weights

PROBED = 0.25
"""Share of the rows of which a probe knows the loss."""
RIDGE = 1e-2
"""Of the probe, as a share of its features' mean variance."""
SMALLEST = 1e-12
"""Squared residual that is told from 0, as a share of the largest."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a sampler may look at.

    Attributes
    ----------
    residuals
        (n, outputs) prediction less target on the training rows.
    spread
        (n,) variance of the predictions of unlike models that were trained under the same weights; empty unless the
        sampler asks for them.
    modes, rank
        Of the training rows, and the frontier that is read off the residuals; 0 before the first mode.
    nearest
        (n, k) places of the nearest rows.
    components
        (n, c) leading principal components of the rows, each of variance 1.
    power, cap
        Exponent of the loss sampler, and the largest weight.
    generator
        For what is drawn.
    """

    residuals: FloatArray = field(repr=False)
    spread: FloatArray = field(repr=False)
    modes: Modes = field(repr=False)
    rank: float
    nearest: IntArray = field(repr=False)
    components: FloatArray = field(repr=False)
    power: float
    cap: float
    generator: np.random.Generator

    @property
    def squares(self) -> FloatArray:
        """Squared residual of each row (n,)."""
        return np.asarray(np.einsum("ij,ij->i", self.residuals, self.residuals))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampler:
    """A sampler.

    Attributes
    ----------
    title
        How it weighs, in words.
    weigh
        Returns the weights (n,) of what is seen.
    by_residual
        Whether weights are a power of the row's own residual; the second is what the coherence ratio D judges.
    unlike
        Whether it needs the predictions of unlike models.
    """

    title: str
    weigh: Callable[[Seen], FloatArray]
    by_residual: bool = False
    unlike: bool = False


def fixed(weights: FloatArray) -> Sampler:
    """Return what weighs rows by the same weights (n,) all the time."""
    return Sampler(title="static weights", weigh=lambda seen: weights)


def probe(components: FloatArray, squares: FloatArray, known: IntArray) -> Callable[[FloatArray], FloatArray]:
    """Return what predicts ln |r|^2 from components (., c): ridge regression on `known` rows of squares (n,)."""
    logs = np.log(np.maximum(squares[known], SMALLEST * (squares.max() or 1.0)))
    features = components[known]
    centre, mean = features.mean(axis=0), logs.mean()
    features = features - centre
    gram = features.T @ features
    gram[np.diag_indices_from(gram)] += RIDGE * np.trace(gram) / len(gram) or 1.0
    slopes = np.linalg.solve(gram, features.T @ (logs - mean))
    return lambda rows: np.asarray(mean + (rows - centre) @ slopes)


def _uniform(seen: Seen) -> FloatArray:
    return np.ones(len(seen.residuals))


def _loss(seen: Seen) -> FloatArray:
    return bounded(seen.squares ** (seen.power / 2), seen.cap)


def _probe(seen: Seen) -> FloatArray:
    n = len(seen.residuals)
    known = np.sort(seen.generator.permutation(n)[: max(int(PROBED * n), 2)])
    predicted = probe(seen.components, seen.squares, known)(seen.components)
    return bounded(np.exp(predicted - predicted.max()), seen.cap)


def _ensemble(seen: Seen) -> FloatArray:
    return bounded(seen.spread, seen.cap)


def _frontier(seen: Seen) -> FloatArray:
    return band_weights(seen.modes, seen.residuals, seen.rank, seen.cap)


def _guarded(seen: Seen) -> FloatArray:
    return guarded_weights(agreement(seen.residuals, seen.nearest), seen.cap)


SAMPLERS: dict[str, Sampler] = {
    "uniform": Sampler(title="every row alike, the reference", weigh=_uniform),
    "loss": Sampler(title="by the residual: |r|^p", weigh=_loss, by_residual=True),
    "probe": Sampler(
        title=f"by |r|^2 as a linear probe predicts it, that saw {PROBED:.0%} of the rows' losses", weigh=_probe
    ),
    "ensemble": Sampler(title="by how far unlike models disagree on the row", weigh=_ensemble, unlike=True),
    "frontier": Sampler(title="by the residual past the frontier k*", weigh=_frontier),
    "guarded": Sampler(title="by what the residual shares with those of the nearest rows", weigh=_guarded),
}
"""Every sampler by name."""
