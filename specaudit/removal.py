"""The removed rows: which are farthest from any kept one, which carried the tail; where to look when a gate fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from specaudit.dataset import DataSet, IntArray
from specaudit.graph import TailLeverage, nearest_rows
from specaudit.kernels import FloatArray, Kernel, Normalize
from specaudit.subsets import SampledRows

Flags = npt.NDArray[np.bool_]
MOST_QUERIES = 16_384
"""Removed rows whose distance to the kept ones is looked at, at most."""
FEWEST_QUERIES = 256
WORK = 4e11
"""Floating-point operations that the search may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedRows:
    """Removed rows with the distance to the nearest row that was kept, farthest first.

    Attributes
    ----------
    rows
        (m,) row numbers in BEFORE, one copy of each.
    distances
        (m,) in units of the (normalised) rows.
    leverages
        (m,) in [0, 1], of one copy; None if they are not known.
    """

    rows: IntArray = field(repr=False)
    distances: FloatArray = field(repr=False)
    leverages: FloatArray | None = field(repr=False, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedTail:
    """How much of the tail of BEFORE's sample its removed rows carried.

    Attributes
    ----------
    kernel
        Its name.
    dimension
        N_1 of the sample.
    leverages
        (u,) ridge leverage of one copy of each row of the sample, from its nearest neighbours; nearly in proportion
        to what it is, and more surely in the right order.
    copies
        (u,) of each row.
    gone
        (u,) which were removed.
    """

    kernel: str
    dimension: float
    leverages: FloatArray = field(repr=False)
    copies: IntArray = field(repr=False)
    gone: Flags = field(repr=False)

    @property
    def rows(self) -> float:
        """Share of the rows that were removed."""
        return float(self.copies[self.gone].sum() / self.copies.sum())

    @property
    def capacity(self) -> float:
        """Share of the effective dimension N_1 that they carried; that of random rows is `rows`."""
        carried = self.leverages * self.copies
        return float(carried[self.gone].sum() / carried.sum())

    @property
    def first_tenth(self) -> float:
        """Share of this that the tenth of them with the largest leverage carried; at least a tenth."""
        carried = np.sort((self.leverages * self.copies)[self.gone])[::-1]
        return float(carried[: -(-len(carried) // 10)].sum() / carried.sum())


def carried_tail(
    kernel: Kernel, sample: SampledRows, gone: Flags, deepest: tuple[float, float], *, threads: int = 1
) -> CarriedTail:
    """Return what the rows `gone` (u,) of BEFORE's sample carried, under a kernel with k(x, x) = 1.

    `deepest` is N_1 of the sample and the ridge on its kernel matrix.
    """
    dimension, ridge = deepest
    known = TailLeverage.of(kernel, sample.rows, sample.copies, ridge)
    leverages = known.leverages(sample.rows, np.arange(sample.unique), threads=threads)
    return CarriedTail(kernel=kernel.name, dimension=dimension, leverages=leverages, copies=sample.copies, gone=gone)


def removed_rows(
    before: DataSet,
    after: DataSet,
    removed: IntArray,
    leverages: FloatArray | None = None,
    *,
    normalize: Normalize,
    threads: int,
    progress: Callable[[float], None] = lambda fraction: None,
) -> RemovedRows:
    """Return the distances of the first of BEFORE's `removed` different rows to the nearest that AFTER has.

    `removed` (k,) are numbers among BEFORE's different rows, in random order, and `leverages` (k,) theirs; where the
    search would take too long, only as many are looked at as it may take.
    """
    kept = np.isin(before.unique_labels, after.unique_labels)
    affordable = WORK / (2.0 * max(kept.sum(), 1) * before.embeddings.dimensions)
    asked = removed[: int(np.clip(affordable, FEWEST_QUERIES, MOST_QUERIES))]
    if not (len(asked) and kept.any()):
        return RemovedRows(rows=np.empty(0, np.int64), distances=np.empty(0))
    wanted = np.zeros(before.embeddings.rows, np.bool_)
    wanted[before.places[kept]] = True
    places = before.places[asked]
    queries = before.embeddings.take(places)
    found = nearest_rows(queries, before.embeddings, wanted, normalize=normalize, threads=threads, progress=progress)
    order = np.lexsort((places, -found.distances))
    known = None if leverages is None else leverages[: len(asked)][order]
    return RemovedRows(rows=places[order], distances=found.distances[order], leverages=known)
