"""A partition of the rows into groups for the jackknife, split by how often a row occurs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from specaudit.kernels import FloatArray

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """A partition of the rows: groups for the jackknife, split by row weight.

    Attributes
    ----------
    label
        (n,) cell of each row.
    group
        (c,) jackknife group of each cell.
    size
        (c,) rows in each cell.
    weight
        (c,) multiplicity of the rows in each cell (the mean where a cell mixes several).
    """

    label: IntArray
    group: IntArray
    size: FloatArray
    weight: FloatArray

    @property
    def groups(self) -> int:
        """Number of jackknife groups."""
        return int(self.group.max()) + 1

    def members(self, cell: int) -> slice | IntArray:
        """Return the rows of a cell, as a slice where they follow one another, which saves a copy."""
        rows = np.flatnonzero(self.label == cell)
        first, last = int(rows[0]), int(rows[-1]) + 1
        return slice(first, last) if last - first == len(rows) else rows

    def scaled(self, total: float) -> Cells:
        """Return the cells of a data set of `total` rows of which these rows are a sample."""
        return replace(self, size=self.size * total / self.size.sum())

    def sums(self, values: FloatArray) -> FloatArray:
        """Return the sums of `values` (n, ...) over the rows of each cell, (c, ...)."""
        label = self.label
        if (label[:-1] > label[1:]).any():
            order = np.argsort(label, kind="stable")
            label, values = label[order], values[order]
        return np.add.reduceat(values, np.searchsorted(label, np.arange(len(self.size))), axis=0)


def make_cells(weights: IntArray, groups: int) -> Cells:
    """Return cells for rows in random order: `groups` equal groups, each split where `weights` (n,) differ.

    Weights are told apart by their power of two, so that a cell holds rows of like leverage.
    """
    group = np.arange(len(weights)) * groups // len(weights)
    band = np.floor(np.log2(weights)).astype(np.int64)
    keys, label = np.unique(group * (band.max() + 1) + band, return_inverse=True)
    size = np.bincount(label).astype(np.float64)
    return Cells(
        label=label.astype(np.int64),
        group=keys // (band.max() + 1),
        size=size,
        weight=np.bincount(label, weights=weights) / size,
    )
