"""A network of one hidden layer, trained for an exact number of optimiser steps; imports scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from specaudit.dataset import IntArray
from specaudit.kernels import FloatArray

BATCH, RATE = 64, 1e-2
"""Rows of a step, and Adam's learning rate, which falls to 0 by a cosine."""
STILL = 1e-300
"""A rate at which a step moves nothing: the library has no weights before its first step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """What is trained, and for how long.

    Attributes
    ----------
    hidden
        Units of the hidden layer.
    steps
        Optimiser steps, the same for every number of rows.
    activation
        Of the hidden units: relu, tanh or logistic.
    """

    hidden: int = 64
    steps: int = 500
    activation: str = "relu"

    def predicted(
        self,
        rows: FloatArray,
        values: FloatArray,
        test: FloatArray,
        *,
        seed: int,
        weights: FloatArray | None = None,
        on_step: Callable[[int], None] = lambda step: None,
    ) -> FloatArray:
        """Return the predictions (t, J) for `test` (t, d) after training on `rows` (m, d) with `values` (m, J).

        The arguments are those of `Training`.
        """
        training = Training(self, rows, values, seed=seed)
        training.advance(self.steps, weights, on_step)
        return training.predict(test)


class Training:
    """A network in training: the weights of rows may change on the way.

    Parameters
    ----------
    rows, values
        (m, d) and (m, J).
    seed
        Of the initial weights and of the batches.
    """

    def __init__(self, network: Network, rows: FloatArray, values: FloatArray, *, seed: int) -> None:
        self.network, self.seed = network, seed
        self.mean = rows.mean(axis=0)
        self.scale = float(np.sqrt(((rows - self.mean) ** 2).mean())) or 1.0
        self.inputs = self._scaled(rows)
        self.target = values[:, 0] if values.shape[1] == 1 else values
        self.model = _model(network, seed)
        self.rng = np.random.default_rng([seed, 1])
        self.done = 0

    def advance(
        self, steps: int, weights: FloatArray | None = None, on_step: Callable[[int], None] = lambda step: None
    ) -> None:
        """Take so many steps, each of `BATCH` rows drawn with replacement in proportion to `weights` (m,).

        The loss is the squared error. `on_step` is called with the number of steps that the optimiser itself has
        counted.
        """
        ends = None if weights is None else np.cumsum(weights) / weights.sum()
        for step in range(self.done, self.done + steps):
            batch = _batch(self.rng, len(self.inputs), ends)
            if step:
                self.model._optimizer.learning_rate_init = RATE * _cooled(step / self.network.steps)
            self.model.partial_fit(self.inputs[batch], self.target[batch])
            on_step(int(self.model._optimizer.t))
        self.done += steps

    def predict(self, rows: FloatArray) -> FloatArray:
        """Return the predictions (t, J) for rows (t, d), before the first step those of the initial weights."""
        model = self.model
        if not self.done:
            model = _model(self.network, self.seed, STILL)
            model.partial_fit(self.inputs[:BATCH], self.target[:BATCH])
        return np.asarray(model.predict(self._scaled(rows)), dtype=np.float64).reshape(len(rows), -1)

    def _scaled(self, rows: FloatArray) -> FloatArray:
        return np.asarray((rows - self.mean) / self.scale)


def _model(network: Network, seed: int, rate: float = RATE):  # type: ignore[no-untyped-def]
    from sklearn.neural_network import MLPRegressor

    return MLPRegressor(
        hidden_layer_sizes=(network.hidden,),
        activation=network.activation,
        alpha=0.0,
        batch_size=BATCH,
        learning_rate_init=rate,
        shuffle=False,
        random_state=seed % 2**32,
    )


def _batch(rng: np.random.Generator, rows: int, ends: FloatArray | None) -> IntArray:
    if ends is None:
        return rng.integers(0, rows, BATCH)
    return np.minimum(np.searchsorted(ends, rng.random(BATCH), side="right"), rows - 1)


def _cooled(done: float) -> float:
    return float(0.5 * (1 + np.cos(np.pi * done)))
