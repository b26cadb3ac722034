"""What texts of rows, such as ids and labels, take in memory, where they are to stay."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property

from specaudit.embeddings.display import shown
from specaudit.errors import BudgetError
from specaudit.machine import BASE, usable_memory

PLACES = 100
"""Bytes of a text beside itself: its places in lists, in a tuple and in a set."""


def text_bytes(texts: Collection[str] | None) -> int:
    """Return the bytes that texts take."""
    return 0 if texts is None else sum(map(sys.getsizeof, texts)) + PLACES * len(texts)


class TextMeter:
    """Counts texts as they are read, so that they stop where they fill what may be used.

    Parameters
    ----------
    label, what
        How errors name the file, and its texts.
    max_memory
        Bytes that the run may use; None for what the machine has.
    """

    def __init__(self, label: str, what: str, max_memory: int | None) -> None:
        self.label, self.what = label, what
        self.max_memory = max_memory
        self.count = self.size = 0

    @cached_property
    def allowed(self) -> int:
        """Bytes that the run may use."""
        return usable_memory() if self.max_memory is None else self.max_memory

    def taken(self, texts: Sequence[str]) -> Sequence[str]:
        """Return the texts, which are counted.

        Raises
        ------
        BudgetError
            With those before they take more than may be used.
        """
        if not texts:
            return texts
        self.count += len(texts)
        self.size += text_bytes(texts)
        if self.size > max(self.allowed - BASE, self.allowed // 4):
            raise BudgetError(
                f"{shown(self.label)}: the first {self.count:,} {self.what} take {self.size:,} bytes, too many of "
                f"the {self.allowed:,} that may be used",
                next_step="raise --max-memory",
            )
        return texts

    def each(self, texts: Iterable[str]) -> Iterator[str]:
        """Yield the texts, which are counted."""
        for text in texts:
            yield from self.taken((text,))
