"""The rows that a pruning chooses among: different rows in memory, and which rows are copies of which."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from specaudit.dataset import DataSet, Hashes, IntArray
from specaudit.hashing import row_keys
from specaudit.kernels import FloatArray, Normalize
from specaudit.pruning.clusters import Clusters, clusters_of

Rows = npt.NDArray[np.float32]

BLOCK = 1 << 14
"""Rows read at once."""
SALT = 0x5EED
"""Keeps the keys of a pruning apart from those that sample rows, lest a sample be what is kept."""


@dataclass(frozen=True, kw_only=True)
class Pool:
    """The usable rows of a data set; nothing but row numbers depends on their order in the file.

    Attributes
    ----------
    numbers
        (n,) row numbers, ascending.
    rows
        (u, d) the different rows, normalised and divided by `scale`, in random order.
    scale
        A bound of the rows' norms.
    copies
        (u,) how often each occurs.
    keys
        (u,) random numbers by content.
    which, turn
        (n,) place of each row among the different rows, and how many copies of it come before.
    seed
        Keys the order of the rows and all that is random.
    kernel, bandwidth
        Of the leverages; None for the median distance.
    given
        (n,) the user's own scores; None without any.
    threads
        That may be used.
    """

    numbers: IntArray = field(repr=False)
    rows: Rows = field(repr=False)
    scale: float
    copies: IntArray = field(repr=False)
    keys: Hashes = field(repr=False)
    which: IntArray = field(repr=False)
    turn: IntArray = field(repr=False)
    seed: int = 0
    kernel: str = "laplace"
    bandwidth: float | None = None
    given: FloatArray | None = field(repr=False, default=None)
    threads: int = 1

    @classmethod
    def of(
        cls,
        data: DataSet,
        *,
        seed: int = 0,
        normalize: Normalize = "none",
        kernel: str = "laplace",
        bandwidth: float | None = None,
        given: FloatArray | None = None,
        threads: int = 1,
    ) -> Pool:
        """Return the rows of a data set that occur in it; `given` (rows,) are scores of all rows of the file."""
        order = data.keyed(seed)[1]
        rows, scale = _read(data, order, normalize)
        numbers = np.flatnonzero(data.times)
        places = np.empty(len(order), np.int64)
        places[order] = np.arange(len(order))
        which = places[np.searchsorted(data.unique_labels, data.labels[numbers])]
        return cls(
            numbers=numbers,
            rows=rows,
            scale=scale,
            copies=data.copies[order],
            keys=row_keys(data.unique_labels[order], seed + SALT),
            which=which,
            turn=_turns(which),
            seed=seed,
            kernel=kernel,
            bandwidth=bandwidth,
            given=None if given is None else given[numbers],
            threads=threads,
        )

    @property
    def unique(self) -> int:
        """Different rows."""
        return len(self.rows)

    @cached_property
    def clusters(self) -> Clusters:
        """The clusters of k-means."""
        return clusters_of(self.rows, self.copies, seed=self.seed)

    def alike(self, scores: FloatArray) -> FloatArray:
        """Return scores (n,) of rows whose copies have one score, from those of the different rows (u,)."""
        return scores[self.which]

    def once(self, scores: FloatArray) -> FloatArray:
        """Return scores (n,) by which further copies of a row come after all different rows (u,)."""
        return np.where(self.turn == 0, scores[self.which], -np.inf)

    def ranked(self, scores: FloatArray) -> IntArray:
        """Return the row numbers (n,) by falling score (n,); equal ones by key, and copies by row number."""
        return self.numbers[np.lexsort((self.turn, self.keys[self.which], -scores))]


def _read(data: DataSet, order: IntArray, normalize: Normalize) -> tuple[Rows, float]:
    """Return the different rows (u, d) in this order, divided by a bound of their norms, and that bound."""
    rows = np.empty((len(order), data.embeddings.dimensions), np.float32)
    scale = 1.0 if normalize == "l2" else data.largest
    for start in range(0, len(order), BLOCK):
        block = slice(start, start + BLOCK)
        rows[block] = data.read(order[block], normalize) / scale
    return rows, scale


def _turns(which: IntArray) -> IntArray:
    """Return how many equal entries (n,) come before each."""
    order = np.argsort(which, kind="stable")
    ordered = which[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    turns = np.empty(len(which), np.int64)
    turns[order] = np.arange(len(which)) - np.repeat(starts, np.diff(np.r_[starts, len(which)]))
    return turns
