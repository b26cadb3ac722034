"""`prune --keep auto`: the smallest share of the rows that passes, found on one half and confirmed on the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from specaudit.api.trials import Trials
from specaudit.dataset import DataSet, IntArray
from specaudit.documents import Search, Trial
from specaudit.hashing import row_keys
from specaudit.pruning import Pool, kept_first
from specaudit.report.prune.assemble import trial

SHARES = tuple(round(0.9 - step / 10, 1) for step in range(9))
"""Tried on the way down, until one does not pass."""
HALVINGS = 2
"""Of the bracket that is then left."""
SALT = 0x4A1F
"""Keeps the halves apart from samples and from random orders."""


@dataclass(frozen=True, kw_only=True)
class Half:
    """One half of a data set, on which shares are tried; the audits are kept.

    Attributes
    ----------
    pool
        Its rows, for the methods.
    trials
        Their audits.
    made
        What was tried, in that order.
    orders
        Of the rows, by method.
    """

    pool: Pool
    trials: Trials
    made: list[Trial] = field(default_factory=list, repr=False)
    orders: dict[str, IntArray] = field(default_factory=dict, repr=False)

    def passes(self, method: str, share: float) -> bool:
        """Tell whether a method passes at a share."""
        self.made.append(self.tried(method, share))
        return self.made[-1].verdict == "pass"

    def tried(self, method: str, share: float) -> Trial:
        """Return the audit of a method at a share."""
        if method not in self.orders:
            self.orders[method] = kept_first(method, self.pool)
        times = times_of(first_rows(self.orders[method], share), self.trials.before)
        return trial(method, share, self.trials.audit(times))


def first_rows(order: IntArray, share: float) -> IntArray:
    """Return the first rows of an order (n,), as many as a share of them comes to, at least 1 and less than all."""
    return order[: int(np.clip(round(share * len(order)), 1, len(order) - 1))]


def times_of(rows: IntArray, data: DataSet) -> IntArray:
    """Return how often each row of the file is kept (rows,), from those that are."""
    return np.bincount(rows, minlength=data.embeddings.rows).astype(np.int64)


def halves(data: DataSet, seed: int) -> tuple[DataSet, DataSet]:
    """Return two parts of a data set, by a hash of the rows: copies of a row are in one."""
    first = row_keys(data.labels, seed + SALT) < np.uint64(2**63)
    return data.selected(first.astype(np.int64)), data.selected((~first).astype(np.int64))


def search(method: str, make: Callable[[DataSet], Half], data: DataSet, seed: int) -> Search:
    """Return the smallest share at which a method passes on both halves of a data set."""
    one, other = (make(part) for part in halves(data, seed))
    passed, missed = _down(method, one)
    found = 1.0
    for share in sorted(passed):
        if other.passes(method, share):
            found = share
            break
        missed.append(share)
    return Search(
        bracket=(found, max((share for share in missed if share < found), default=0.0)),
        confirmed=found < 1,
        rows=(one.trials.before.rows, other.trials.before.rows),
        searched=tuple(one.made),
        confirmations=tuple(other.made),
        reference=one.tried("random", found) if found < 1 else None,
    )


def _down(method: str, half: Half) -> tuple[list[float], list[float]]:
    """Return the shares that pass from the top down, and those that do not."""
    last, first_miss = 1.0, 0.0
    passed, missed = [], []
    for share in SHARES:
        if not half.passes(method, share):
            first_miss = share
            missed.append(share)
            break
        last = share
        passed.append(share)
    for _ in range(HALVINGS):
        middle = round((last + first_miss) / 2, 3)
        if half.passes(method, middle):
            last = middle
            passed.append(middle)
        else:
            first_miss = middle
            missed.append(middle)
    return passed, missed
