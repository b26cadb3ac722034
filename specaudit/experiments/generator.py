"""A generator of rows like given ones: a Gaussian mixture in their leading principal components.

What the components leave is noise of the variances that it has in the rows, so that generated rows are as far from
real ones as these are from each other (Tipping and Bishop 1999, "Mixtures of probabilistic principal component
analysers", with one subspace for all components). Without that noise they lie in a flat subspace, to which kernels
of many columns hardly listen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from specaudit.kernels import FloatArray

LEADING = 16
"""Principal components in which the mixture is fitted, at most."""
ROWS_OF_COMPONENT, COMPONENTS = 20, 10
"""Rows for each Gaussian at least, and the most there are of them."""
SMALLEST = 1e-6
"""Added to the variances of the mixture, as a share of that of the first principal component."""
ROUNDS = 50
"""Of expectation maximisation."""
RANK = 1e-9
"""Singular values below this share of the largest are rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generator:
    """A fitted generator.

    Attributes
    ----------
    mean
        (d,) of the rows it was fitted to.
    directions
        (q, d) principal directions, those of the mixture first.
    spread
        (q - c,) standard deviations along the others.
    weights, centres, deviations
        (g,), (g, c) and (g, c) of the Gaussians, whose axes are the directions.
    """

    mean: FloatArray = field(repr=False)
    directions: FloatArray = field(repr=False)
    spread: FloatArray = field(repr=False)
    weights: FloatArray = field(repr=False)
    centres: FloatArray = field(repr=False)
    deviations: FloatArray = field(repr=False)

    @classmethod
    def fitted(cls, rows: FloatArray, *, seed: int, leading: int = LEADING, noise: bool = True) -> Generator:
        """Return the generator of rows like `rows` (n, d); without `noise` it leaves out what is not leading."""
        mean = rows.mean(axis=0)
        values, directions = np.linalg.svd(rows - mean, full_matrices=False)[1:]
        rank = max(1, int((values > RANK * values[0]).sum()))
        used = min(leading, rank)
        inside = (rows - mean) @ directions[:used].T
        weights, centres, variances = mixture(inside, min(COMPONENTS, len(rows) // ROWS_OF_COMPONENT), seed=seed)
        last = rank if noise else used
        return cls(
            mean=mean,
            directions=directions[:last],
            spread=values[used:last] / np.sqrt(len(rows)),
            weights=weights,
            centres=centres,
            deviations=np.sqrt(variances),
        )

    def draw(self, count: int, *, seed: int | Sequence[int]) -> FloatArray:
        """Return generated rows (count, d)."""
        rng = np.random.default_rng(seed)
        chosen = rng.choice(len(self.weights), count, p=self.weights)
        inside = self.centres[chosen] + self.deviations[chosen] * rng.standard_normal((count, self.centres.shape[1]))
        outside = self.spread * rng.standard_normal((count, len(self.spread)))
        return np.asarray(self.mean + np.hstack([inside, outside]) @ self.directions)


def mixture(rows: FloatArray, count: int, *, seed: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return weights (g,), centres and variances (g, c) of Gaussians with diagonal covariance, fitted to rows (n, c).

    By expectation maximisation from `count` of the rows as centres, at least one.
    """
    start = np.random.default_rng(seed).permutation(len(rows))[: max(count, 1)]
    least = SMALLEST * float(rows.var(axis=0).max())
    weights, centres = np.full(len(start), 1 / len(start)), rows[start]
    variances = np.tile(rows.var(axis=0) + least, (len(start), 1))
    for _ in range(ROUNDS):
        scaled = (rows[:, None] - centres) ** 2 / variances
        logs = np.log(weights) - (scaled + np.log(variances)).sum(axis=2) / 2
        shares = np.exp(logs - logs.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        counts = shares.sum(axis=0) + np.finfo(float).tiny
        centres = shares.T @ rows / counts[:, None]
        variances = np.maximum(shares.T @ rows**2 / counts[:, None] - centres**2, 0.0) + least
        weights = counts / counts.sum()
    return weights, centres, variances
