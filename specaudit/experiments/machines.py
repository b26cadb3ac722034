"""Models in training under weights of rows that change on the way: kernel machines by gradient flow, and networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import numpy as np

from specaudit.dataset import IntArray
from specaudit.experiments.flow import KernelFlow, Pathway
from specaudit.experiments.network import Network, Training
from specaudit.kernels import FloatArray, Kernel, RealArray, choose_kernel
from specaudit.operators import dense_operator

UNLIKE = ("laplace", "rbf", "matern32", "matern52")
"""Kernels of which the first two other than the judged machine's are those of the unlike ones."""
ACTIVATIONS = ("relu", "tanh", "logistic")
"""Of a network, and of the two unlike it."""


class Machine(Protocol):
    """A model in training."""

    @property
    def residuals(self) -> FloatArray:
        """Prediction less target on the training rows (n, outputs)."""

    def advance(self, weights: FloatArray, durations: FloatArray) -> Pathway:
        """Train for the last of the ascending `durations` (s,), and return what was seen after each."""


Machines = Callable[[FloatArray, bool], list[Machine]]


def kernel_machines(kernel: Kernel, rows: FloatArray, matrix: FloatArray, across: FloatArray) -> Machines:
    """Return what makes kernel machines; the unlike ones have other kernels, of the same trace.

    Parameters
    ----------
    rows
        (n + m, d) the training rows before the held-out ones.
    matrix, across
        (n, n) and (m, n) kernel values, divided by n.
    """
    others: list[tuple[FloatArray, FloatArray]] = []

    def made(targets: FloatArray, unlike: bool) -> list[Machine]:
        if unlike and not others:
            everything = np.arange(len(rows))
            for name in [name for name in UNLIKE if name != kernel.name][:2]:
                whole = dense_operator(choose_kernel(name, rows), rows).matrix
                own, held = halves(whole, everything, len(matrix))
                scale = np.trace(matrix) / np.trace(own)
                others.append((scale * own, scale * held))
        used = [(matrix, across), *(others if unlike else [])]
        return [KernelFlow(own, held, targets) for own, held in used]

    return made


def network_machines(network: Network, train: FloatArray, held: FloatArray, *, seed: int) -> Machines:
    """Return what makes networks; the unlike ones have other activations and initial weights."""

    def made(targets: FloatArray, unlike: bool) -> list[Machine]:
        names = ACTIVATIONS if unlike else ACTIVATIONS[:1]
        return [
            NetworkMachine(replace(network, activation=name), train, held, targets, seed=seed + 1000 * place)
            for place, name in enumerate(names)
        ]

    return made


class NetworkMachine:
    """A network whose time is counted in optimiser steps."""

    def __init__(
        self, network: Network, train: FloatArray, held: FloatArray, targets: FloatArray, *, seed: int
    ) -> None:
        self.training = Training(network, train, targets, seed=seed)
        self.train, self.out, self.targets = train, held, targets

    @property
    def residuals(self) -> FloatArray:
        """Prediction less target on the training rows (n, outputs)."""
        return self.training.predict(self.train) - self.targets

    def advance(self, weights: FloatArray, durations: FloatArray) -> Pathway:
        """Take as many steps as the last of the durations says, and return what was seen after each."""
        residuals, held = [], []
        for steps in np.diff(durations, prepend=0.0):
            self.training.advance(round(float(steps)), weights)
            residuals.append(self.residuals)
            held.append(self.training.predict(self.out))
        return Pathway(residuals=np.array(residuals), held=np.array(held))


def halves(matrix: RealArray, used: IntArray, count: int) -> tuple[FloatArray, FloatArray]:
    """Return K/n of the first n = `count` of the used rows, and the values of the others with them, divided by n."""
    whole = matrix[:, used[:count]].astype(np.float64) / count
    return whole[:count], whole[count:]
