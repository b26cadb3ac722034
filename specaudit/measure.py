"""A spectrum as a measure: nodes with weights, such that tr f(K) is the weighted sum of f(node)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from specaudit.kernels import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectralMeasure:
    """Nodes and weights with tr f(K) = sum_j weights_j f(nodes_j).

    Attributes
    ----------
    nodes
        (m,) eigenvalues and quadrature nodes, descending within the exact part; zero eigenvalues come out as
        plus or minus the operator's rounding, and clipping them would bias every trace.
    weights
        (m,) >= 0; they sum to the number of rows.
    exact
        How many leading nodes are eigenvalues, of weight 1.
    errors
        (exact,) bounds on the numerical error of those eigenvalues.
    cell_weights
        (c, m) the measure restricted to each cell of rows; columns sum to `weights`.
    probe_weights
        (p, m) what each random probe alone says of the weights, of the exact nodes too; p = 0 when all is exact.
    rounding
        Nodes smaller than this may be zero.
    steps
        Block Lanczos steps taken; 0 for an exact spectrum.
    converged, truncation
        Whether the error left by the probes and by ending the steps is as small as was asked, and how much the
        last steps moved the statistic with the same probes.
    """

    nodes: FloatArray
    weights: FloatArray
    exact: int
    errors: FloatArray
    cell_weights: FloatArray
    probe_weights: FloatArray = field(default_factory=lambda: np.empty((0, 0)))
    rounding: float = 0.0
    steps: int = 0
    converged: bool = True
    truncation: float = 0.0

    @property
    def size(self) -> float:
        """The number of rows, which is the total weight."""
        return float(self.weights.sum())

    @property
    def eigenvalues(self) -> FloatArray:
        """The converged leading eigenvalues, descending."""
        return self.nodes[: self.exact]

    def leave_one_probe_out(self) -> FloatArray:
        """Return (p, m) weights, each without one probe."""
        probes = len(self.probe_weights)
        weights: FloatArray = (self.probe_weights.sum(axis=0) - self.probe_weights) / (probes - 1)
        weights[:, : self.exact] = self.weights[: self.exact]
        return weights


class Statistic(Protocol):
    """What the spectrum is wanted for: a number that decides when it is known well enough."""

    def value(self, measure: SpectralMeasure) -> float:
        """Return the number."""

    def probe_error(self, measure: SpectralMeasure) -> float:
        """Return its standard error from the random probes."""

    def allowed(self, measure: SpectralMeasure) -> float:
        """Return the error that may be left."""
