"""One side of a comparison: different rows with their copies, wherever they are stored."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from specaudit.embeddings import Embeddings
from specaudit.hashing import digest_of, row_keys
from specaudit.kernels import FloatArray, Normalize, prepare_rows
from specaudit.scan import Scan

IntArray = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """Rows of embeddings, each with a label that says which rows are the same.

    Attributes
    ----------
    embeddings
        Where the rows are read.
    labels
        (rows,) hash of each row's content, or of the row of the other side that it is matched to.
    contents
        (rows,) hash of each row's content.
    times
        (rows,) how often each row occurs in the data set; 0 for rows that are not in it.
    dropped
        Rows that could not be used.
    largest
        A bound of the rows' norms: the largest of the usable rows of the file.
    """

    embeddings: Embeddings
    labels: Hashes = field(repr=False)
    contents: Hashes = field(repr=False)
    times: IntArray = field(repr=False)
    dropped: int
    largest: float

    @classmethod
    def of(cls, embeddings: Embeddings, scan: Scan) -> DataSet:
        """Return all usable rows of scanned embeddings, held to what was found in them."""
        return cls(
            embeddings=embeddings.held_to(scan.contents, scan.usable),
            labels=scan.contents,
            contents=scan.contents,
            times=scan.usable.astype(np.int64),
            dropped=scan.dropped_rows,
            largest=scan.norm_max,
        )

    def selected(self, times: IntArray) -> DataSet:
        """Return the data set in which each row occurs `times` (rows,) as often."""
        return replace(self, times=self.times * times)

    def joined(self, other: DataSet, embeddings: Embeddings) -> DataSet:
        """Return both data sets as one whose `embeddings` are those of both, one after the other."""
        return DataSet(
            embeddings=embeddings,
            labels=np.concatenate([self.labels, other.labels]),
            contents=np.concatenate([self.contents, other.contents]),
            times=np.concatenate([self.times, other.times]),
            dropped=self.dropped + other.dropped,
            largest=max(self.largest, other.largest),
        )

    def relabelled(self, labels: Hashes) -> DataSet:
        """Return the data set with other labels (rows,)."""
        return replace(self, labels=labels)

    @property
    def rows(self) -> int:
        """Rows, copies counted."""
        return int(self.times.sum())

    @cached_property
    def _unique(self) -> tuple[Hashes, IntArray, IntArray]:
        """Labels that occur, ascending; the first row of each; how often it occurs."""
        used = np.flatnonzero(self.times)
        labels, first, inverse = np.unique(self.labels[used], return_index=True, return_inverse=True)
        copies = np.bincount(inverse, weights=self.times[used]).astype(np.int64)
        return labels, used[first], copies

    @property
    def unique_labels(self) -> Hashes:
        """(u,) different labels, ascending."""
        return self._unique[0]

    @property
    def places(self) -> IntArray:
        """(u,) row number of one copy of each."""
        return self._unique[1]

    @property
    def copies(self) -> IntArray:
        """(u,) how often each occurs."""
        return self._unique[2]

    @property
    def effective_rows(self) -> float:
        """(sum w)^2 / sum w^2 over different rows of multiplicity w."""
        return float(self.copies.sum() ** 2 / (self.copies.astype(float) ** 2).sum())

    @cached_property
    def digest(self) -> str:
        """Digest of the multiset of contents."""
        return digest_of(self.embeddings.dimensions, np.sort(np.repeat(self.contents, self.times)))

    def keyed(self, seed: int) -> tuple[Hashes, IntArray]:
        """Return the keys of the different rows (u,), ascending, and their order (u,)."""
        keys = row_keys(self.unique_labels, seed)
        order = np.argsort(keys)
        return keys[order], order

    def read(self, order: IntArray, normalize: Normalize) -> FloatArray:
        """Return different rows (m, d), by their number among the different rows, as float64, normalised."""
        return prepare_rows(self.embeddings.take(self.places[order]), normalize=normalize)
