"""A network of one hidden layer, trained for an exact number of optimiser steps; imports scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from specaudit.dataset import IntArray
from specaudit.kernels import FloatArray

BATCH, RATE = 64, 1e-2
"""Rows of a step, and Adam's learning rate, which falls to 0 by a cosine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """What is trained, and for how long.

    Attributes
    ----------
    hidden
        Units of the hidden layer.
    steps
        Optimiser steps, the same for every number of rows.
    """

    hidden: int = 64
    steps: int = 500

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

        Each step is of `BATCH` rows, drawn with replacement in proportion to `weights` (m,). The loss is the squared
        error. `on_step` is called with the number of steps that the optimiser itself has counted.
        """
        model = _model(self.hidden, seed)
        rng = np.random.default_rng([seed, 1])
        mean = rows.mean(axis=0)
        scale = float(np.sqrt(((rows - mean) ** 2).mean())) or 1.0
        inputs = (rows - mean) / scale
        target = values[:, 0] if values.shape[1] == 1 else values
        ends = None if weights is None else np.cumsum(weights) / weights.sum()
        for step in range(self.steps):
            batch = _batch(rng, len(rows), ends)
            if step:
                model._optimizer.learning_rate_init = RATE * _cooled(step / self.steps)
            model.partial_fit(inputs[batch], target[batch])
            on_step(int(model._optimizer.t))
        return np.asarray(model.predict((test - mean) / scale), dtype=np.float64).reshape(len(test), -1)


def _model(hidden: int, seed: int):  # type: ignore[no-untyped-def]
    from sklearn.neural_network import MLPRegressor

    return MLPRegressor(
        hidden_layer_sizes=(hidden,),
        alpha=0.0,
        batch_size=BATCH,
        learning_rate_init=RATE,
        shuffle=False,
        random_state=seed % 2**32,
    )


def _batch(rng: np.random.Generator, rows: int, ends: FloatArray | None) -> IntArray:
    if ends is None:
        return rng.integers(0, rows, BATCH)
    return np.minimum(np.searchsorted(ends, rng.random(BATCH), side="right"), rows - 1)


def _cooled(done: float) -> float:
    return float(0.5 * (1 + np.cos(np.pi * done)))
