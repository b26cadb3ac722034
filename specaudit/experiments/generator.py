"""A generator of rows like given ones: a Gaussian mixture in their leading principal components; imports scikit-learn.

What the components leave is noise of the variances that it has in the rows, so that generated rows are as far from
real ones as these are from each other (Tipping and Bishop 1999, "Mixtures of probabilistic principal component
analysers", with one subspace for all components). Without that noise they lie in a flat subspace, to which kernels
of many columns hardly listen.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from specaudit.kernels import FloatArray, Normalize

LEADING = 16
"""Principal components in which the mixture is fitted, at most."""
ROWS_OF_COMPONENT, COMPONENTS = 20, 10
"""Rows for each Gaussian at least, and the most there are of them."""
SMALLEST = 1e-6
"""Added to the variances of the mixture, as a share of that of the first principal component."""


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
    normalize
        "l2" gives generated rows length 1.
    """

    mean: FloatArray = field(repr=False)
    directions: FloatArray = field(repr=False)
    spread: FloatArray = field(repr=False)
    weights: FloatArray = field(repr=False)
    centres: FloatArray = field(repr=False)
    deviations: FloatArray = field(repr=False)
    normalize: Normalize

    @classmethod
    def fitted(
        cls, rows: FloatArray, *, seed: int, normalize: Normalize = "none", leading: int = LEADING, noise: bool = True
    ) -> Generator:
        """Return the generator of rows like `rows` (n, d); without `noise` it leaves out what is not leading."""
        from sklearn.mixture import GaussianMixture

        mean = rows.mean(axis=0)
        values, directions = np.linalg.svd(rows - mean, full_matrices=False)[1:]
        rank = max(1, int((values > 1e-9 * values[0]).sum()))
        used = min(leading, rank)
        inside = (rows - mean) @ directions[:used].T
        mixture = GaussianMixture(
            max(1, min(COMPONENTS, len(rows) // ROWS_OF_COMPONENT)),
            covariance_type="diag",
            reg_covar=SMALLEST * float(inside[:, 0].var()),
            random_state=seed % 2**32,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # not converged after 100 rounds: a generator all the same
            mixture.fit(inside)
        last = rank if noise else used
        return cls(
            mean=mean,
            directions=directions[:last],
            spread=values[used:last] / np.sqrt(len(rows)),
            weights=mixture.weights_,
            centres=mixture.means_,
            deviations=np.sqrt(mixture.covariances_),
            normalize=normalize,
        )

    def draw(self, count: int, *, seed: int | Sequence[int]) -> FloatArray:
        """Return generated rows (count, d)."""
        rng = np.random.default_rng(seed)
        chosen = rng.choice(len(self.weights), count, p=self.weights / self.weights.sum())
        inside = self.centres[chosen] + self.deviations[chosen] * rng.standard_normal((count, self.centres.shape[1]))
        outside = self.spread * rng.standard_normal((count, len(self.spread)))
        rows = self.mean + np.hstack([inside, outside]) @ self.directions
        if self.normalize == "l2":
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(rows)
