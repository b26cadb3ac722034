"""Gradient flow of a kernel machine under weights of rows, exact between changes of the weights.

The function f = sum_i a_i k(x_i, .) moves by a' = -(1/n) W r with the residuals r = f(X) - y of the n training rows,
so that r' = -(1/n) K W r. While W stays, W^1/2 r decays in the eigenvectors of (1/n) W^1/2 K W^1/2, and a is its
integral.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from specaudit.kernels import FloatArray
from specaudit.krylov import eigh


@dataclass(frozen=True, slots=True, kw_only=True)
class Pathway:
    """Where a flow was at s times.

    Attributes
    ----------
    residuals
        (s, n, outputs) prediction less target on the training rows.
    held
        (s, m, outputs) prediction on the held-out rows.
    """

    residuals: FloatArray = field(repr=False)
    held: FloatArray = field(repr=False)


class KernelFlow:
    """A kernel machine that starts at zero and is trained by gradient flow.

    Parameters
    ----------
    matrix
        (n, n) kernel matrix of the training rows, divided by n.
    across
        (m, n) kernel values of held-out rows with them, divided by n.
    targets
        (n, outputs).
    """

    def __init__(self, matrix: FloatArray, across: FloatArray, targets: FloatArray) -> None:
        self.matrix, self.across = matrix, across
        self.start = -targets
        self.residuals: FloatArray = self.start
        self.coefficients = np.zeros_like(targets)
        self._weights = self._rates = self._basis = np.empty(0)

    def advance(self, weights: FloatArray, durations: FloatArray) -> Pathway:
        """Return where the flow is after each of the ascending `durations` (s,) from now, and go to the last.

        Parameters
        ----------
        weights
            (n,) at least 0. Rows of weight 0 teach nothing; their residuals move with the function all the same.
        """
        root = np.sqrt(weights)[:, None]
        if not np.array_equal(weights, self._weights):
            rates, self._basis = eigh(root * self.matrix * root[:, 0])
            self._weights, self._rates = weights, np.maximum(rates, 0.0)
        inside = self._basis.T @ (root * self.residuals)
        spent = np.array([integrals(self._rates, duration) for duration in durations])
        moved = root * (self._basis @ (spent[:, :, None] * inside))
        path = self.coefficients - moved
        self.coefficients, residuals = path[-1], self.start + self.matrix @ path
        self.residuals = residuals[-1]
        return Pathway(residuals=residuals, held=self.across @ path)


def integrals(rates: FloatArray, duration: float) -> FloatArray:
    """Return the integral of exp(-rate s) over 0 <= s <= duration, for rates (n,) of at least 0."""
    slow = np.full(len(rates), float(duration))
    return np.asarray(np.divide(-np.expm1(-rates * duration), rates, out=slow, where=rates * duration > 1e-12))
