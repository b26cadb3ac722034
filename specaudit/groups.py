"""Groups of a data set's rows: the share of each that was kept."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from specaudit.dataset import DataSet, IntArray
from specaudit.kernels import FloatArray
from specaudit.lost import ERROR, HARDLY

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptGroups:
    """What was kept of each group that has rows which can be used, in the order in which the groups first occur.

    Attributes
    ----------
    names
        (g,) labels.
    rows, kept
        (g,) rows, copies counted, and those of them that were kept.
    chances
        (g,) bound of the chance that any group has so small a share where rows are removed at random, at most 1.
    lost
        (g,) whether the share is surely below the overall one, and by much.
    unused
        Groups without a row that can be used.
    """

    names: tuple[str, ...]
    rows: IntArray = field(repr=False)
    kept: IntArray = field(repr=False)
    chances: FloatArray = field(repr=False)
    lost: Flags = field(repr=False)
    unused: int

    @property
    def shares(self) -> FloatArray:
        """(g,) shares of the rows that were kept."""
        return self.kept / self.rows

    @property
    def share(self) -> float:
        """Share of all rows that was kept."""
        return float(self.kept.sum() / self.rows.sum())


def kept_groups(before: DataSet, after: DataSet, *, proposed: bool) -> KeptGroups | None:
    """Return what AFTER kept of the groups of BEFORE's embeddings; None where these have none.

    A row was kept where its content is in AFTER; in a proposal (`proposed`), whose first rows are those of BEFORE,
    where the row itself is. A group is lost where its share of kept rows is below `lost.HARDLY` of the overall one,
    and the chance of as few kept rows, times the number of groups, is below `lost.ERROR`. That is the error rate over
    all groups together, one-sided, both where rows are removed at random one by one and where all copies of a row go
    together: the chance is the larger of the two hypergeometric ones.
    """
    from scipy.stats import hypergeom

    labels = before.embeddings.groups
    if labels is None:
        return None
    numbers: dict[str, int] = {}
    codes = np.array([numbers.setdefault(label, len(numbers)) for label in labels], np.int64)
    used = before.times > 0
    inside = after.times[: len(codes)] > 0 if proposed else np.isin(before.labels, after.unique_labels)
    codes, inside = codes[used], inside[used]
    content = np.searchsorted(before.unique_labels, before.labels[used])
    rows, kept = _counts(codes, inside, len(numbers))
    found = np.flatnonzero(rows)
    # Copies of one row in several groups are a row of each.
    pairs, first = np.unique(codes * len(before.unique_labels) + content, return_inverse=True)
    of_pair = np.zeros(len(pairs), np.bool_)
    of_pair[first[inside]] = True
    different, left = _counts(pairs // len(before.unique_labels), of_pair, len(numbers))
    chances = np.maximum(
        hypergeom.cdf(kept, len(codes), inside.sum(), rows),
        hypergeom.cdf(left, len(before.unique_labels), len(np.unique(content[inside])), different),
    )[found]
    bound = np.minimum(chances * len(found), 1.0)
    small = kept[found] / rows[found] < HARDLY * inside.mean()
    names = tuple(numbers)
    return KeptGroups(
        names=tuple(names[at] for at in found),
        rows=rows[found],
        kept=kept[found],
        chances=bound,
        lost=small & (bound < ERROR),
        unused=len(numbers) - len(found),
    )


def _counts(groups: IntArray, marked: Flags, size: int) -> tuple[IntArray, IntArray]:
    """Return how many items (m,) each group (size,) has, and how many of them are marked."""
    return np.bincount(groups, minlength=size), np.bincount(groups[marked], minlength=size)
