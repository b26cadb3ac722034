"""One task for all samplers: rows to learn from, what is to be learned of them, and models that learn it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from specaudit.dataset import IntArray
from specaudit.errors import InputError
from specaudit.experiments.flow import KernelFlow, Pathway
from specaudit.graph import rows_around
from specaudit.kernels import FloatArray, Kernel, choose_kernel
from specaudit.krylov import eigh
from specaudit.learning.collapse import NEAREST
from specaudit.learning.modes import FLOOR, Modes
from specaudit.operators import DenseOperator, dense_operator

UNLIKE = ("laplace", "rbf", "matern32", "matern52")
"""Kernels of which the first two other than the task's are the unlike models."""
COMPONENTS = 32
"""Principal components that a probe sees."""
FEWEST_MODES = 32
"""Modes below which no frontier can be followed."""


class Machine(Protocol):
    """A model in training."""

    residuals: FloatArray
    """Prediction less target on the training rows (n, outputs)."""

    @property
    def held(self) -> FloatArray:
        """Prediction on the held-out rows (m, outputs)."""

    def advance(self, weights: FloatArray, durations: FloatArray) -> Pathway:
        """Train for the last of the ascending `durations` (s,), and return what was seen after each."""


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
    machines: Callable[[FloatArray, bool], list[Machine]] = field(repr=False)

    @property
    def rows(self) -> int:
        """Training rows n."""
        return len(self.targets)

    def with_noise(self, share: float, *, seed: int | Sequence[int]) -> SamplerTask:
        """Return the task in which a share of the training rows has the target of another row."""
        targets, wrong = noisy(self.targets, share, seed=seed)
        return replace(self, targets=targets, wrong=wrong)


def sampler_task(
    train: FloatArray,
    held: FloatArray,
    kernel: Kernel,
    targets: FloatArray,
    truth: FloatArray,
    machines: Callable[[FloatArray, bool], list[Machine]] | None = None,
) -> SamplerTask:
    """Return the task without noise on `train` (n, d) and `held` (m, d) rows, normalised.

    Parameters
    ----------
    machines
        By default kernel machines, trained by gradient flow.

    Raises
    ------
    InputError
        The kernel has too few modes on the rows.
    """
    n = len(train)
    rows = np.concatenate([train, held])
    operator = dense_operator(kernel, rows)
    matrix, across = halves(operator, n)
    values, vectors = eigh(matrix)
    count = int((values > FLOOR * operator.principal(n).rounding / n).sum())
    modes = Modes(values=values[::-1][:count], vectors=np.ascontiguousarray(vectors[:, ::-1][:, :count]), exact=True)
    if modes.count < FEWEST_MODES:
        raise InputError(
            f"{modes.count} modes of {n:,} rows under the {kernel.name} kernel, expected at least {FEWEST_MODES}",
            next_step="use a kernel of distances, such as laplace, or more rows",
        )
    mean = train.mean(axis=0)
    centred = train - mean
    axes, spread = _components(centred)
    return SamplerTask(
        modes=modes,
        across=across,
        nearest=rows_around(centred / np.abs(centred).max(), neighbors=NEAREST).places,
        components=centred @ axes / spread,
        held_components=(held - mean) @ axes / spread,
        targets=targets,
        truth=truth,
        wrong=np.empty(0, np.int64),
        machines=machines or kernel_machines(kernel, rows, matrix, across),
    )


def kernel_machines(
    kernel: Kernel, rows: FloatArray, matrix: FloatArray, across: FloatArray
) -> Callable[[FloatArray, bool], list[Machine]]:
    """Return what makes kernel machines; the unlike ones have other kernels, of the same trace."""
    others: list[tuple[FloatArray, FloatArray]] = []

    def made(targets: FloatArray, unlike: bool) -> list[Machine]:
        if unlike and not others:
            for name in [name for name in UNLIKE if name != kernel.name][:2]:
                pair = halves(dense_operator(choose_kernel(name, rows), rows), len(matrix))
                scale = np.trace(matrix) / np.trace(pair[0])
                others.append((scale * pair[0], scale * pair[1]))
        used = [(matrix, across), *(others if unlike else [])]
        return [KernelFlow(own, held, targets) for own, held in used]

    return made


def halves(operator: DenseOperator, count: int) -> tuple[FloatArray, FloatArray]:
    """Return K/n of the first n = `count` rows, and the values of the others with them, divided by n."""
    whole = operator.matrix.astype(np.float64)
    return whole[:count, :count] / count, whole[count:, :count] / count


def noisy(targets: FloatArray, share: float, *, seed: int | Sequence[int]) -> tuple[FloatArray, IntArray]:
    """Return targets (n, outputs) of which a share is that of a row with another one, and the rows that have it."""
    rng = np.random.default_rng(seed)
    wrong = np.sort(rng.permutation(len(targets))[: round(share * len(targets))])
    changed = targets.copy()
    for row in wrong.tolist():
        changed[row] = targets[rng.choice(np.flatnonzero((targets != targets[row]).any(axis=1)))]
    return changed, wrong


def _components(centred: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return principal axes (d, c) of rows (n, d), and the standard deviation along each."""
    _, singular, axes = np.linalg.svd(centred, full_matrices=False)
    kept = min(COMPONENTS, int((singular > 1e-9 * singular[0]).sum()))
    return axes[:kept].T, singular[:kept] / np.sqrt(len(centred))
