"""How much capped weights of a run's rows could still speed up, past the modes that the run has learned."""

from __future__ import annotations

from collections.abc import Callable, Hashable, MutableMapping
from dataclasses import dataclass, field

import numpy as np
from threadpoolctl import threadpool_limits

from specaudit.dataset import Hashes, IntArray
from specaudit.dynamics.headroom import (
    FEWEST,
    FEWEST_ROWS,
    HEADROOM_ROWS,
    LEFT,
    Gain,
    Judged,
    Null,
    equal_rows,
    headroom,
    homogeneous,
    judged,
    ranks_for,
)
from specaudit.hashing import row_keys
from specaudit.kernels import FloatArray, Kernel


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """The headroom past the learned modes; gain and null are None where nothing could be worked out."""

    judged: Judged
    rows: int
    gain: Gain | None = None
    null: Null | None = None

    def idle(self, learned: int) -> str:
        """Return why no weights of rows could move what follows `learned` modes, and by which mode it is judged.

        Empty where they may, or where that cannot be told.
        """
        if self.judged.verdict != "none" or self.gain is None or self.judged.place is None:
            return ""
        rank = int(self.gain.ranks[self.judged.place])
        judged = "" if rank >= learned else f", judged past mode {rank:,} where {learned:,} are learned"
        return f"sample weights cannot move this frontier{judged}: {self.judged.reason}"


Rooms = MutableMapping[Hashable, Room]
"""What was worked out, by the rows and the rank at which it is judged."""


@dataclass(frozen=True, kw_only=True)
class LoggedRows:
    """Different rows of a log, at most as many as `specaudit headroom` uses, and what is known of their headroom.

    Attributes
    ----------
    kernel, rows, copies
        The kernel, rows (n, d) prepared for it, and how often each is logged (n,).
    cap
        The largest weight.
    known
        Filled on the way: a training loop asks at every step, and hardly ever at another rank.
    name
        That tells these rows from others.
    """

    kernel: Kernel
    rows: FloatArray = field(repr=False)
    copies: IntArray = field(repr=False)
    cap: float
    seed: int
    name: bytes = field(repr=False)
    known: Rooms = field(repr=False)

    @classmethod
    def of(
        cls, kernel: Kernel, rows: FloatArray, contents: Hashes, cap: float, *, seed: int, known: Rooms | None
    ) -> LoggedRows:
        """Return the different ones of rows (n, d) with hashes `contents` (n,), sampled by their keys."""
        unique, first, copies = np.unique(contents, return_index=True, return_counts=True)
        order = np.argsort(row_keys(unique, seed))[:HEADROOM_ROWS]
        return cls(
            kernel=kernel,
            rows=rows[first[order]],
            copies=copies[order],
            cap=cap,
            seed=seed,
            name=unique[order].tobytes() + copies[order].tobytes(),
            known={} if known is None else known,
        )

    def ranks(self, learned: int) -> IntArray:
        """Return ranks up to that at which headroom past `learned` modes is judged: one that the rows tell."""
        ranks = ranks_for(equal_rows(self.copies))
        deepest = max(np.searchsorted(ranks, learned, side="right"), np.searchsorted(ranks, FEWEST) + 1)
        return ranks[:deepest]

    def past(self, learned: int, progress: Callable[[float], None] = lambda fraction: None) -> Room:
        """Return the headroom past `learned` modes."""
        ranks = self.ranks(learned)
        key = (self.name, self.kernel, self.cap, self.seed, int(ranks[-1]))
        if key not in self.known:
            with threadpool_limits(limits=1, user_api="blas"):  # small products: a second thread only waits
                self.known[key] = self._past(ranks, progress)
        return self.known[key]

    def _past(self, ranks: IntArray, progress: Callable[[float], None]) -> Room:
        rows = equal_rows(self.copies)
        if len(self.rows) < FEWEST_ROWS:
            reason = f"{len(self.rows)} different rows tell nothing of headroom, it takes {FEWEST_ROWS}"
            return Room(judged=Judged(verdict="unresolved", reason=reason, place=None), rows=rows)
        found = headroom(self.kernel, self.rows, self.copies, self.cap, ranks, seed=self.seed)
        if not len(found.ranks):
            reason = f"the first mode leaves less than {100 * LEFT:g} % of the trace"
            return Room(judged=Judged(verdict="unresolved", reason=reason, place=None), rows=rows)
        null = homogeneous(self.kernel, rows, self.cap, found, seed=self.seed, progress=progress)
        return Room(judged=judged(found, null, self.cap), rows=rows, gain=found, null=null)
