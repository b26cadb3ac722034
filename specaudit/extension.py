"""Leading eigenvalues of many rows, from the eigenvectors of some of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np
from scipy.linalg import eigvals
from threadpoolctl import threadpool_limits

from specaudit.cells import IntArray
from specaudit.kernels import FloatArray, Kernel, RealArray, kernel_values
from specaudit.krylov import eigh
from specaudit.spectrum import Eigenpairs

TESTED_ROWS = 4096
"""Rows on which the kernel of all rows is multiplied out."""
BLOCK = 1 << 23
"""Kernel values of a block and thread."""

Blocks = Callable[[], Iterable[tuple[FloatArray, IntArray]]]
"""Reads different rows (b, d), normalised, with their multiplicities (b,), in blocks, each time in the same order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Some rows (b, d) with their multiplicities (b,), and the number of the piece."""

    number: int
    rows: FloatArray
    weights: IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Leading:
    """Leading eigenvalues (k,), descending, and bounds (k,) of their errors; of so many rows, copies counted."""

    values: FloatArray
    errors: FloatArray
    rows: int


def extended_eigenvalues(
    kernel: Kernel,
    blocks: Blocks,
    sample: FloatArray,
    weights: IntArray,
    pairs: Eigenpairs,
    count: int,
    *,
    threads: int = 1,
) -> Leading:
    """Return the `count` leading eigenvalues of W^1/2 K W^1/2 for all rows.

    The `pairs` of the first rows of a random `sample` (m, d), of multiplicity `weights` (m,), are extended to all
    rows (Nystrom), which spans nearly the leading eigenspace, and the operator is projected on it (Rayleigh and Ritz)
    with products worked out on some rows of the sample: for exact eigenvectors any rows give the exact eigenvalues.
    The error is taken as the distance from the extension's own eigenvalues, which are lower bounds.
    """
    centre = sample.mean(axis=0)
    tested = slice(0, len(sample), max(1, len(sample) // TESTED_ROWS))
    points, root = sample - centre, np.sqrt(weights)
    known = len(pairs.vectors)
    scaled = (pairs.vectors * root[:known, None] / pairs.values).astype(kernel.dtype)

    def extend(piece: Piece) -> RealArray:
        found: RealArray = kernel_values(kernel, piece.rows - centre, points[:known]) @ scaled
        found *= np.sqrt(piece.weights)[:, None]
        return found

    pieces = partial(_pieces, blocks, max(1, BLOCK // known))
    extended: list[RealArray] = []
    total = 0
    for piece, part in _mapped(extend, pieces(), threads):
        extended.append(part)
        total += int(piece.weights.sum())
    scale = np.sqrt(pairs.values)
    gram = np.sum([(part.T @ part).astype(np.float64) for part in extended], axis=0)
    bounds, turn = eigh(scale[:, None] * gram * scale)
    keep = bounds > 0
    basis = (scale[:, None] * turn[:, keep] / np.sqrt(bounds[keep])).astype(kernel.dtype)

    def multiply(piece: Piece) -> FloatArray:
        values = kernel_values(kernel, points[tested], piece.rows - centre)
        root = np.sqrt(piece.weights).astype(kernel.dtype)[:, None]
        return (values @ (root * (extended[piece.number] @ basis))).astype(np.float64)

    image = np.zeros((len(points[tested]), basis.shape[1]))
    for _, product in _mapped(multiply, pieces(), threads):
        image += product
    image *= root[tested, None]
    own = (extend(Piece(number=0, rows=sample[tested], weights=weights[tested])) @ basis).astype(np.float64)
    values = np.sort(eigvals(own.T @ image, own.T @ own).real)[::-1][:count]
    return Leading(values=values, errors=np.abs(values - bounds[::-1][: len(values)]), rows=total)


def _pieces(blocks: Blocks, most: int) -> Iterator[Piece]:
    """Yield the blocks in pieces of at most so many rows."""
    number = 0
    for rows, weights in blocks():
        for start in range(0, len(rows), most):
            part = slice(start, start + most)
            yield Piece(number=number, rows=rows[part], weights=weights[part])
            number += 1


def _mapped(
    work: Callable[[Piece], RealArray], pieces: Iterator[Piece], threads: int
) -> Iterator[tuple[Piece, RealArray]]:
    """Yield each piece with what became of it, in order, with few of them in memory."""
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        while group := list(islice(pieces, threads)):
            yield from zip(group, pool.map(work, group), strict=True)
