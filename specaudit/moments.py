"""Second moments of all rows, read in blocks: the linear kernel's spectrum when there are more rows than columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from specaudit.embeddings import Band, Embeddings
from specaudit.hashing import row_keys
from specaudit.kernels import FloatArray, Kernel, Normalize, prepare_rows
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
    return 8 * 9 * dimensions**2


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
    # What a band gives is at most a sixteenth of what is read for it.
    bands = embeddings.bands(least=16 * len(NESTED) * 8 * d**2)
    mean = np.zeros(d)
    if kernel.centered:
        mean = scan.column_mean if kernel.normalize == "none" else _mean_direction(embeddings, scan, bands)

    def job(band: Band) -> _Job:
        usable = scan.usable[band.rows]
        level, weight = shares.look_up(scan.contents[band.rows][usable])
        return _Job(normalize=kernel.normalize, mean=mean, usable=usable, level=level, weight=weight)

    gram, fourth = np.zeros((len(NESTED), d, d)), 0.0
    found = embeddings.map(_sum_products, ((band, job(band)) for band in bands))
    for band, (part, fourths) in zip(bands, found, strict=True):
        gram += part
        fourth += fourths
        progress(band.stop / embeddings.rows)
    return SecondMoments(
        gram=np.cumsum(gram, axis=0),
        weights=tuple(shares.weight[shares.level <= share] for share in range(len(NESTED))),
        mean=mean,
        weighted_fourth=fourth,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """What is to be done with a band of k rows, u of them usable."""

    normalize: Normalize
    mean: FloatArray  # (d,)
    usable: npt.NDArray[np.bool_]  # (k,)
    level: npt.NDArray[np.int8]  # (u,) nested share of the row's content
    weight: IntArray  # (u,) how often it occurs in all rows


def _sum_products(part: Embeddings, job: _Job) -> tuple[FloatArray, float]:
    """Return the sums of x x^T of each share's own rows (3, d, d), and of w |x|^4."""
    gram, fourth, at = np.zeros((len(NESTED), part.dimensions, part.dimensions)), 0.0, 0
    for block in part.blocks():
        usable = job.usable[block.start : block.start + len(block.values)]
        values = prepare_rows(block.values[usable], normalize=job.normalize) - job.mean
        rows = slice(at, at + len(values))
        at = rows.stop
        fourth += float(job.weight[rows] @ np.einsum("ij,ij->i", values, values) ** 2)
        for share in range(len(NESTED)):
            own = values[job.level[rows] == share]
            gram[share] += own.T @ own
    return gram, fourth


def _mean_direction(embeddings: Embeddings, scan: Scan, bands: Sequence[Band]) -> FloatArray:
    jobs = ((band, scan.usable[band.rows]) for band in bands)
    return np.asarray(np.sum(list(embeddings.map(_sum_directions, jobs)), axis=0) / scan.usable.sum())


def _sum_directions(part: Embeddings, usable: npt.NDArray[np.bool_]) -> FloatArray:
    total = np.zeros(part.dimensions)
    for block in part.blocks():
        rows = usable[block.start : block.start + len(block.values)]
        total += prepare_rows(block.values[rows], normalize="l2").sum(axis=0)
    return total


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shares:
    """Which nested share each content belongs to, and how often it occurs."""

    contents: npt.NDArray[np.uint64]
    level: npt.NDArray[np.int8]
    weight: IntArray

    @classmethod
    def of(cls, scan: Scan) -> _Shares:
        contents, weight = np.unique(scan.contents[scan.usable], return_counts=True)
        rank = np.empty(len(contents), dtype=np.int64)
        rank[np.argsort(row_keys(contents, scan.seed))] = np.arange(len(contents))
        level = np.searchsorted(np.array(NESTED) * len(contents), rank, side="right")
        return cls(contents=contents, level=level.astype(np.int8), weight=weight.astype(np.int64))

    def look_up(self, contents: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.int8], IntArray]:
        order = np.argsort(contents)  # in order they are near to one another in memory
        place = np.empty(len(contents), np.int64)
        place[order] = np.searchsorted(self.contents, contents[order])
        return self.level[place], self.weight[place]
