"""Which rows of two data sets are compared: at most so many of each, chosen by the same keys."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from specaudit.dataset import DataSet, IntArray
from specaudit.draws import Design
from specaudit.kernels import BANDWIDTH_ROWS, FloatArray, Normalize, median_distance
from specaudit.relation import overlap
from specaudit.subsets import SampledRows


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """The different rows of each side that are compared: those of smallest key, in its order.

    Attributes
    ----------
    before, after
        Their numbers among each side's different rows.
    shared
        Rows in both.
    """

    before: IntArray
    after: IntArray
    shared: int

    @property
    def sizes(self) -> tuple[int, int]:
        """Rows of each side."""
        return len(self.before), len(self.after)

    @property
    def design(self) -> Design:
        """How they are brought to equal size."""
        return Design.of(*self.sizes, self.shared)

    @classmethod
    def of(cls, before: DataSet, after: DataSet, *, seed: int, max_rows: int) -> Samples:
        """Return samples of at most `max_rows` each.

        Where one side is sampled more densely than the other, its rows past the other's last key are left out unless
        that costs more than half of them: the sample is then contained in the other's as far as the data set is, and
        the comparison is as precise with half of the work.
        """
        (old, old_order), (new, new_order) = before.keyed(seed), after.keyed(seed)
        ends = [keys[max_rows - 1] if max_rows < len(keys) else None for keys in (old, new)]
        first = old_order[: _limit(old[:max_rows], *ends)]
        second = new_order[: _limit(new[:max_rows], *reversed(ends))]
        shared = np.isin(after.unique_labels[second], before.unique_labels[first]).sum()
        return cls(before=first, after=second, shared=int(shared))


def _limit(keys: np.ndarray, end: np.uint64 | None, other: np.uint64 | None) -> int:
    """Return how many of a side's `keys` to keep; `end` and `other` are the sides' last ones, None if all are in."""
    if other is None or (end is not None and end <= other):
        return len(keys)
    inside = int(np.searchsorted(keys, other, side="right"))
    return inside if 2 * inside >= len(keys) else len(keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplePair:
    """Both samples in memory.

    Attributes
    ----------
    nested
        All rows of AFTER's sample are in BEFORE's.
    places
        (u_after,) where AFTER's rows are among BEFORE's; None unless all are, with equal content.
    size_ratio
        Rows of BEFORE's sample over those of AFTER's, copies counted: the ceiling of a subset's eigenvalues of K/n.
    """

    before: SampledRows
    after: SampledRows
    nested: bool
    places: IntArray | None
    size_ratio: float


def read_samples(before: DataSet, after: DataSet, samples: Samples, normalize: Normalize) -> SamplePair:
    """Return the rows of both samples."""
    place = overlap(before.unique_labels[samples.before], after.unique_labels[samples.after])
    old, new = before.copies[samples.before], after.copies[samples.after]
    same = before.contents[before.places[samples.before[place]]] == after.contents[after.places[samples.after]]
    nested = bool((place >= 0).all())
    size_ratio = float(old.sum() / new.sum())
    if samples.design.drawn == "none":  # only proportions matter, and equal ones shall look equal
        old, new = old // np.gcd.reduce(old), new // np.gcd.reduce(new)
    return SamplePair(
        before=SampledRows(rows=before.read(samples.before, normalize), copies=old),
        after=SampledRows(rows=after.read(samples.after, normalize), copies=new),
        nested=nested,
        places=place if nested and same.all() else None,
        size_ratio=size_ratio,
    )


def relative_scale(before: float | None, after: FloatArray) -> float | None:
    """Return the median distance between AFTER's sampled rows over BEFORE's; None if that is 0 or not known."""
    return median_distance(after[:BANDWIDTH_ROWS]) / before if before else None
