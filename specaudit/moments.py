"""Second moments of all rows, read in blocks: the linear kernel's spectrum when there are more rows than columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from specaudit.embeddings import Embeddings
from specaudit.hashing import row_keys
from specaudit.kernels import FloatArray, Kernel, prepare_rows
from specaudit.scan import Scan

IntArray = npt.NDArray[np.int64]
NESTED = (0.25, 0.5, 1.0)
"""Shares of the unique rows, nested by key, whose moments are kept apart to tell drift with size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondMoments:
    """Sums over nested shares of the rows; index 0 is the smallest share and -1 all rows.

    Attributes
    ----------
    gram
        (3, d, d) sums of x x^T, float64.
    weights
        For each share the multiplicities (n,) of its unique rows.
    mean
        (d,) what was subtracted from each row: the mean row when the kernel is centred, else zero.
    weighted_fourth
        Sum over all unique rows of w^2 |x|^4, where a row occurs w times.
    """

    gram: FloatArray
    weights: tuple[IntArray, ...]
    mean: FloatArray
    weighted_fourth: float


def moments_bytes(dimensions: int) -> int:
    """Return the bytes that `second_moments` and the eigendecomposition of its result need at their peak."""
    return 8 * 6 * dimensions**2


def second_moments(
    embeddings: Embeddings,
    scan: Scan,
    kernel: Kernel,
    *,
    progress: Callable[[float], None] = lambda fraction: None,
) -> SecondMoments:
    """Return the second moments of all usable rows, one pass in blocks of float64."""
    d = embeddings.dimensions
    shares = _Shares.of(scan)
    mean = np.zeros(d)
    if kernel.centered:
        mean = scan.column_mean if kernel.normalize == "none" else _mean_direction(embeddings, scan)
    gram = np.zeros((len(NESTED), d, d))
    fourth = 0.0
    for block in embeddings.blocks():
        rows = slice(block.start, block.start + len(block.values))
        usable = scan.usable[rows]
        values = prepare_rows(block.values[usable], normalize=kernel.normalize) - mean
        level, weight = shares.look_up(scan.contents[rows][usable])
        fourth += float(weight @ np.einsum("ij,ij->i", values, values) ** 2)
        for share in range(len(NESTED)):
            part = values[level == share]
            gram[share] += part.T @ part
        progress(rows.stop / embeddings.rows)
    return SecondMoments(
        gram=np.cumsum(gram, axis=0),
        weights=tuple(shares.weight[shares.level <= share] for share in range(len(NESTED))),
        mean=mean,
        weighted_fourth=fourth,
    )


def _mean_direction(embeddings: Embeddings, scan: Scan) -> FloatArray:
    total = np.zeros(embeddings.dimensions)
    for block in embeddings.blocks():
        usable = scan.usable[block.start : block.start + len(block.values)]
        total += prepare_rows(block.values[usable], normalize="l2").sum(axis=0)
    return np.asarray(total / scan.usable.sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shares:
    """Which nested share each content belongs to, and how often it occurs."""

    contents: npt.NDArray[np.uint64]
    level: IntArray
    weight: IntArray

    @classmethod
    def of(cls, scan: Scan) -> _Shares:
        contents, weight = np.unique(scan.contents[scan.usable], return_counts=True)
        rank = np.empty(len(contents), dtype=np.int64)
        rank[np.argsort(row_keys(contents, scan.seed))] = np.arange(len(contents))
        level = np.searchsorted(np.array(NESTED) * len(contents), rank, side="right")
        return cls(contents=contents, level=level.astype(np.int64), weight=weight.astype(np.int64))

    def look_up(self, contents: npt.NDArray[np.uint64]) -> tuple[IntArray, IntArray]:
        place = np.searchsorted(self.contents, contents)
        return self.level[place], self.weight[place]
