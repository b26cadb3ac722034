"""Leading eigenvalues of many rows, from the eigenvectors of some of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigvals

from specaudit.cells import IntArray
from specaudit.kernels import FloatArray, Kernel, RealArray, kernel_values
from specaudit.spectrum import Eigenpairs, eigh

TESTED_ROWS = 2048
"""Rows on which the kernel of all rows is multiplied out."""
BLOCK = 1 << 24
"""Kernel values in memory at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leading:
    """Leading eigenvalues (k,), descending, and bounds (k,) of their errors."""

    values: FloatArray
    errors: FloatArray


def extended_eigenvalues(
    kernel: Kernel, rows: FloatArray, weights: IntArray, pairs: Eigenpairs, count: int
) -> Leading:
    """Return the `count` leading eigenvalues of W^1/2 K W^1/2 for all `rows` (n, d), in random order.

    The `pairs` of the first rows are extended to all (Nystrom), which spans nearly the leading eigenspace, and the
    operator is projected on it (Rayleigh and Ritz) with products worked out on evenly spaced rows: for exact
    eigenvectors any rows give the exact eigenvalues. The error is taken as the distance from the extension's own
    eigenvalues, which are lower bounds.
    """
    rows = rows - rows.mean(axis=0)
    root = np.sqrt(weights)
    sampled = len(pairs.vectors)
    scaled = (pairs.vectors * root[:sampled, None] / pairs.values).astype(kernel.dtype)
    extended: RealArray = np.empty((len(rows), len(pairs.values)), dtype=kernel.dtype)
    step = max(1, BLOCK // sampled)
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        extended[part] = root[part, None] * (kernel_values(kernel, rows[part], rows[:sampled]) @ scaled)
    scale = np.sqrt(pairs.values)
    bounds, turn = eigh(scale[:, None] * (extended.T @ extended).astype(np.float64) * scale)
    keep = bounds > 0
    basis = extended @ (scale[:, None] * turn[:, keep] / np.sqrt(bounds[keep])).astype(kernel.dtype)

    tested = np.arange(0, len(rows), max(1, len(rows) // TESTED_ROWS))
    image = np.zeros((len(tested), basis.shape[1]))
    step = max(1, BLOCK // len(tested))
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        values = kernel_values(kernel, rows[tested], rows[part])
        image += values @ (root[part, None] * basis[part]).astype(kernel.dtype)
    image *= root[tested, None]
    own = basis[tested].astype(np.float64)
    found = np.sort(eigvals(own.T @ image, own.T @ own).real)[::-1][:count]
    return Leading(values=found, errors=np.abs(found - bounds[::-1][: len(found)]))
