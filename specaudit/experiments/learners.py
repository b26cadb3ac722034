"""What is learned, and the two ways of learning it: from training rows to predictions for test rows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol

import numpy as np

from specaudit.dataset import IntArray
from specaudit.experiments.network import Network
from specaudit.experiments.ridge import predicted, predicted_by_modes
from specaudit.experiments.targets import Labels, ProcessTarget, Split, split
from specaudit.kernels import FloatArray, Kernel, RealArray
from specaudit.krylov import eigvalsh
from specaudit.operators import DenseOperator, dense_operator


class Learner(Protocol):
    """A way of learning; its rows are numbers among those of the problem."""

    def __call__(self, rows: IntArray, values: FloatArray, test: IntArray, seed: int) -> FloatArray:
        """Return predictions (t, J) for test rows (t,) from training rows (m,), with values of all rows (n, J)."""

    def by_size(
        self, rows: IntArray, values: FloatArray, test: IntArray, seed: int, sizes: tuple[int, ...]
    ) -> list[FloatArray]:
        """Return the predictions (t, J) of models of several sizes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RidgeLearner:
    """Kernel ridge regression among rows whose kernel matrix is in memory.

    Attributes
    ----------
    matrix
        (n, n) of all rows.
    ridge
        In units of the mean of the diagonal.
    """

    matrix: RealArray = field(repr=False)
    ridge: float

    def __call__(self, rows: IntArray, values: FloatArray, test: IntArray, seed: int) -> FloatArray:
        """Return the predictions; nothing about them is random."""
        return predicted(*self._parts(rows, test), values[rows], ridge=self.ridge)

    def by_size(
        self, rows: IntArray, values: FloatArray, test: IntArray, seed: int, sizes: tuple[int, ...]
    ) -> list[FloatArray]:
        """Return the predictions of so many leading modes of the training rows."""
        return predicted_by_modes(*self._parts(rows, test), values[rows], sizes, ridge=self.ridge)

    def _parts(self, rows: IntArray, test: IntArray) -> tuple[RealArray, RealArray]:
        return self.matrix[np.ix_(rows, rows)], self.matrix[np.ix_(test, rows)]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkLearner:
    """A network among rows in memory.

    Attributes
    ----------
    rows
        (n, d) all of them.
    network
        What is trained, and for how many steps.
    """

    rows: FloatArray = field(repr=False)
    network: Network

    def __call__(self, rows: IntArray, values: FloatArray, test: IntArray, seed: int) -> FloatArray:
        """Return the predictions of a network whose initial weights and batches depend on the seed."""
        return self.network.predicted(self.rows[rows], values[rows], self.rows[test], seed=seed)

    def by_size(
        self, rows: IntArray, values: FloatArray, test: IntArray, seed: int, sizes: tuple[int, ...]
    ) -> list[FloatArray]:
        """Return the predictions of networks of so many hidden units, after equal steps."""
        networks = [replace(self, network=replace(self.network, hidden=size)) for size in sizes]
        return [network(rows, values, test, seed) for network in networks]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is learned, from which rows, and how; each run has a split and, of a process, a draw of its own.

    Attributes
    ----------
    rows
        (n, d) different rows, centred near zero, in random order.
    matrix
        (n, n) kernel matrix.
    kernel
        That it is of.
    target
        Labels, or a process.
    outputs
        Functions that are drawn of a process.
    learner
        How it is learned.
    seed
        Of everything random.
    """

    rows: FloatArray = field(repr=False)
    matrix: RealArray = field(repr=False)
    kernel: Kernel
    target: Labels | ProcessTarget
    outputs: int
    learner: Learner
    seed: int

    def values(self, run: int) -> FloatArray:
        """Return what is learned in a run (n, J)."""
        if isinstance(self.target, Labels):
            return self.target.values
        return self.target.draw(self.outputs, seed=[self.seed, run, 1])

    def split(self, run: int) -> Split:
        """Return the rows of a run that may be trained on, and those held out."""
        return split(len(self.rows), seed=[self.seed, run, 0])

    @cached_property
    def eigenvalues(self) -> FloatArray:
        """(n,) of the kernel matrix, falling."""
        if isinstance(self.target, ProcessTarget):
            return self.target.eigenvalues
        return eigvalsh(self.matrix.astype(np.float64))[::-1]

    def loss(self, rows: IntArray, values: FloatArray, test: IntArray, run: int) -> float:
        """Return the relative error on test rows (t,) after training on `rows` (m,) with the values (n, J)."""
        return relative_error(self.learner(rows, values, test, self.seed + run), values[test])


def operator_of(kernel: Kernel, rows: FloatArray, *, threads: int = 1) -> DenseOperator:
    """Return the kernel matrix of rows (n, d); of the linear kernel in float64, as many of its eigenvalues are 0."""
    if kernel.profile is None:
        matrix = rows @ rows.T
        return DenseOperator(matrix=matrix, diagonal=np.diagonal(matrix))
    return dense_operator(kernel, rows, threads=threads)


def relative_error(predictions: FloatArray, truth: FloatArray) -> float:
    """Return the squared error over the squared truth (t, J); of C classes it is Brier's score over (1 - 1/C)."""
    return float(((predictions - truth) ** 2).sum() / (truth**2).sum())
