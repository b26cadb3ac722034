"""Signed residuals of a classifier, small enough to be logged."""

from __future__ import annotations

from typing import Any

import numpy as np

from specaudit.errors import ConfigError, InputError
from specaudit.kernels import FloatArray


def residuals(logits: Any, labels: Any, sketch: int = 16, *, seed: int = 0) -> FloatArray:
    """Return softmax(logits) less the labels' one-hot vectors, (rows, outputs), float64.

    With more classes than `sketch` they are multiplied with a fixed random matrix (classes, sketch) of variance
    1/sketch, which keeps inner products in the mean. Every call with the same seed and number of classes uses the
    same matrix, as a log needs.

    Parameters
    ----------
    logits
        (rows, classes): an array, or anything with `__array__`; tensors are detached and brought to the CPU.
    labels
        (rows,) whole numbers from 0, or (rows, classes) probabilities.
    sketch
        Outputs at most.
    seed
        Of the random matrix.

    Raises
    ------
    InputError
        Shapes do not fit, a label is no class, or a logit is not finite.
    """
    scores, wanted = plain(logits, "logits"), plain(labels, "labels")
    if scores.ndim != 2 or min(scores.shape) < 1 or scores.dtype.kind not in "fiu":
        raise InputError(
            f"logits of shape {scores.shape} and type {scores.dtype}, expected numbers (rows, classes)",
            next_step="of a regression, log prediction less target itself",
        )
    if sketch < 1:
        raise ConfigError(f"sketch: expected at least 1, got {sketch}")
    scores = scores.astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(scores).all(axis=1))
    if bad.size:
        raise InputError(f"logits: row {bad[0]} is not finite", next_step="look at the run: it may have diverged")
    # the largest logit is taken off, so that no exponential overflows
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    signed = shares / shares.sum(axis=1, keepdims=True)
    classes = scores.shape[1]
    if wanted.shape == scores.shape and classes > 1 and wanted.dtype.kind in "fiub":
        signed -= wanted
    else:
        signed[np.arange(len(scores)), _classes(wanted, len(scores), classes)] -= 1.0
    if classes <= sketch:
        return np.asarray(signed)
    projection = np.random.default_rng([seed, classes]).standard_normal((classes, sketch)) / np.sqrt(sketch)
    return np.asarray(signed @ projection)


def plain(values: Any, what: str) -> np.ndarray[Any, Any]:
    """Return an array of anything that can be one, such as a tensor on any device, which is not imported for it.

    Raises
    ------
    InputError
        It cannot be an array.
    """
    for step in ("detach", "cpu"):
        values = getattr(values, step, lambda values=values: values)()
    try:
        return np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{what} of type {type(values).__name__} cannot be made an array: {str(error).splitlines()[0]:.99}",
            next_step="convert them first, for example with .float().numpy()",
        ) from None


def _classes(labels: np.ndarray[Any, Any], rows: int, classes: int) -> np.ndarray[Any, Any]:
    if labels.shape != (rows,) or labels.dtype.kind not in "iu":
        raise InputError(
            f"labels of shape {labels.shape} and type {labels.dtype} for {rows} rows of {classes} classes, expected "
            "(rows,) whole numbers or (rows, classes) probabilities",
            next_step="give one class per row",
        )
    outside = np.flatnonzero((labels < 0) | (labels >= classes))
    if outside.size:
        raise InputError(
            f"labels: row {outside[0]} has class {labels[outside[0]]}, expected 0 to {classes - 1}",
            next_step="count classes from 0, or leave rows without a class out",
        )
    return labels
