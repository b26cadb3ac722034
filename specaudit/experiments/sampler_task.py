"""One task for all samplers: rows to learn from, what is to be learned of them, and models that learn it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from specaudit.dataset import IntArray
from specaudit.errors import InputError
from specaudit.experiments.learners import Problem
from specaudit.experiments.machines import Machines, halves, kernel_machines, network_machines
from specaudit.experiments.network import Network
from specaudit.graph import rows_around
from specaudit.kernels import FloatArray, RealArray
from specaudit.krylov import eigh
from specaudit.learning.collapse import NEAREST
from specaudit.learning.modes import FLOOR, Modes
from specaudit.operators import DenseOperator

HELD = 0.3
"""Held-out rows for each training row, at most."""
WIDE = 4
"""Columns for each row from which principal components are worked out on the rows' side."""
COMPONENTS = 32
"""Principal components that a probe sees."""
FEWEST_MODES = 32
"""Modes below which no frontier can be followed."""


@dataclass(frozen=True, kw_only=True)
class SamplerTask:
    """Rows to learn from, and what is to be learned.

    Attributes
    ----------
    modes
        All modes of the training rows, of K/n.
    across
        (m, n) kernel values of held-out with training rows, divided by n.
    nearest, components
        Of the training rows: nearest rows (n, k), and principal components (n, c) of variance 1.
    held_components
        (m, c) of the held-out rows, on the same axes.
    targets, truth
        (n, outputs) of the training rows, noise included; (m, outputs) of the held-out rows, without noise.
    wrong
        Training rows that have the target of another row.
    machines
        Returns new models of targets (n, outputs): the one that is judged and, where asked for, two unlike it.
    """

    modes: Modes = field(repr=False)
    across: FloatArray = field(repr=False)
    nearest: IntArray = field(repr=False)
    components: FloatArray = field(repr=False)
    held_components: FloatArray = field(repr=False)
    targets: FloatArray = field(repr=False)
    truth: FloatArray = field(repr=False)
    wrong: IntArray = field(repr=False)
    machines: Machines = field(repr=False)

    @property
    def rows(self) -> int:
        """Training rows n."""
        return len(self.targets)

    def with_noise(self, share: float, *, seed: int | Sequence[int]) -> SamplerTask:
        """Return the task in which a share of the training rows has the target of another row."""
        targets, wrong = noisy(self.targets, share, seed=seed)
        return replace(self, targets=targets, wrong=wrong)


def sampler_task(problem: Problem, run: int, rows: int, network: Network | None = None) -> SamplerTask:
    """Return the task of a run, without noise, on at most so many training rows.

    Parameters
    ----------
    network
        What is trained; None for a kernel machine, by gradient flow.

    Raises
    ------
    InputError
        All rows have one label, or the kernel has too few modes on them.
    """
    split, values = problem.split(run), problem.values(run)
    train = split.pool[:rows]
    held = split.test[: round(HELD * len(train))]
    n, used = len(train), np.concatenate([train, held])
    if (values[train] == values[train[0]]).all():
        raise InputError(
            f"all {n:,} training rows of a run have one label",
            next_step="give labels of which none is so rare, or more rows with --train-rows",
        )
    matrix, across = halves(problem.matrix[used], used, n)
    modes = _modes(problem.matrix[np.ix_(train, train)])
    if modes.count < FEWEST_MODES:
        raise InputError(
            f"{modes.count} modes of {n:,} rows under the {problem.kernel.name} kernel, "
            f"expected at least {FEWEST_MODES}",
            next_step="use a kernel of distances, such as laplace, or more rows",
        )
    machines = (
        kernel_machines(problem.kernel, problem.rows[used], matrix, across)
        if network is None
        else network_machines(network, problem.rows[train], problem.rows[held], seed=problem.seed + run)
    )
    centred = problem.rows[train]
    mean = centred.mean(axis=0)
    centred -= mean
    axes, spread = components(centred)
    return SamplerTask(
        modes=modes,
        across=across,
        nearest=rows_around(centred / max(centred.max(), -centred.min()), neighbors=NEAREST, threads=1).places,
        components=centred @ axes / spread,
        held_components=(problem.rows[held] - mean) @ axes / spread,
        targets=values[train],
        truth=values[held],
        wrong=np.empty(0, np.int64),
        machines=machines,
    )


def _modes(matrix: RealArray) -> Modes:
    """Return the eigenpairs of K/n above rounding."""
    operator = DenseOperator(matrix=matrix, diagonal=np.diagonal(matrix).astype(np.float64))
    ascending, columns = eigh(matrix.astype(np.float64))
    count = int((ascending > FLOOR * operator.rounding).sum())
    vectors = np.ascontiguousarray(columns[:, ::-1][:, :count])
    return Modes(values=ascending[::-1][:count] / len(matrix), vectors=vectors, exact=True)


def noisy(targets: FloatArray, share: float, *, seed: int | Sequence[int]) -> tuple[FloatArray, IntArray]:
    """Return targets (n, outputs) of which a share is that of a row with another one, and the rows that have it.

    Where all targets are the same, they stay.
    """
    rng = np.random.default_rng(seed)
    wrong = np.sort(rng.permutation(len(targets))[: round(share * len(targets))])
    changed = targets.copy()
    for row in wrong.tolist():
        others = np.flatnonzero((targets != targets[row]).any(axis=1))
        if len(others):
            changed[row] = targets[rng.choice(others)]
    return changed, wrong


def components(centred: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return principal axes (d, c) of rows (n, d), and the standard deviation along each."""
    if centred.shape[1] > WIDE * len(centred):  # to decompose the rows themselves takes their memory several times
        squares, vectors = eigh(centred @ centred.T)
        kept = min(COMPONENTS, int((squares > 1e-12 * squares[-1]).sum()))
        singular = np.sqrt(squares[::-1][:kept])
        return centred.T @ vectors[:, ::-1][:, :kept] / singular, singular / np.sqrt(len(centred))
    _, singular, axes = np.linalg.svd(centred, full_matrices=False)
    kept = min(COMPONENTS, int((singular > 1e-9 * singular[0]).sum()))
    return axes[:kept].T, singular[:kept] / np.sqrt(len(centred))
