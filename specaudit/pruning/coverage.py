"""Greedy orders in which every prefix covers the rows: by their mean, or by the largest distance to a kept row."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from specaudit.dataset import IntArray
from specaudit.kernels import FloatArray

Rows = npt.NDArray[np.float32]

BLOCK = 8192
"""Rows of a block, whose products are held in memory: 256 MiB."""


def in_blocks(rows: Rows, greedy: Callable[[Rows, IntArray], IntArray], copies: IntArray) -> FloatArray:
    """Return scores (u,) that fall in the order in which a greedy choice takes the rows (u, d), in random order.

    Up to `BLOCK` rows are one block. More are dealt into as few blocks of equal size as there must be, each a random
    sample of all, and every block gives its rows at the same pace.
    """
    scores = np.empty(len(rows))
    blocks = -(-len(rows) // BLOCK)
    for first in range(blocks):
        part = slice(first, None, blocks)
        taken = greedy(rows[part], copies[part])
        places = np.empty(len(taken))
        places[taken] = (np.arange(len(taken)) + 0.5) / len(taken)
        scores[part] = -places
    return scores


def herded(rows: Rows, copies: IntArray) -> IntArray:
    """Return the order (u,) of herding: w starts at the mean; take argmax <w, x>, then add mean - x to w.

    The features are the rows divided by their norm, and no row is taken twice.
    """
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = rows / np.where(norms > 0, norms, 1)
    products = unit @ unit.T
    towards_mean = unit.astype(np.float64) @ np.average(unit, axis=0, weights=copies)
    value, order = towards_mean.copy(), np.empty(len(rows), np.int64)
    for step in range(len(rows)):
        order[step] = taken = int(value.argmax())
        value += towards_mean - products[taken]
        value[taken] = -np.inf
    return order


def centred_out(rows: Rows, copies: IntArray) -> IntArray:
    """Return the order (u,) of k-center: first the row nearest to the mean, then the farthest from all taken."""
    points = rows - np.average(rows, axis=0, weights=copies).astype(np.float32)
    products, squares = points @ points.T, np.einsum("ij,ij->i", points, points)
    order = np.empty(len(rows), np.int64)
    order[0] = taken = int(squares.argmin())
    nearest = np.full(len(rows), np.inf, np.float32)
    for step in range(1, len(rows)):
        np.minimum(nearest, squares + squares[taken] - 2 * products[taken], out=nearest)
        nearest[taken] = -np.inf
        order[step] = taken = int(nearest.argmax())
    return order
