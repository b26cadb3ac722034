"""What texts of rows, such as ids and labels, take in memory, where they are to stay."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice

from specaudit.embeddings.display import shown
from specaudit.errors import BudgetError
from specaudit.machine import BASE, usable_memory

PLACES = 100
"""Bytes of a text beside itself: its places in lists, in a tuple and in a set."""
PLACE = 16
"""Bytes of a place in a list, and in the tuple that is made of it."""
TEXT = sys.getsizeof("") + PLACES
"""Bytes of a text beside its characters."""
STEP = 1 << 20
"""Bytes after which it is looked again whether there is room."""


def text_bytes(texts: Collection[str] | None) -> int:
    """Return the bytes that texts take."""
    return 0 if texts is None else sum(map(sys.getsizeof, texts)) + PLACES * len(texts)


def label_bytes(labels: Sequence[str] | None) -> int:
    """Return the bytes that texts take, each of which is in memory once."""
    return 0 if labels is None else PLACE * len(labels) + text_bytes(set(labels))


def check_room(label: str, what: str, size: int, max_memory: int | None, *, whole: bool = True) -> None:
    """Raise a ``BudgetError`` where what is to stay in memory, or a part of it, leaves nothing of it.

    Without ``max_memory``, of what the machine has.
    """
    allowed = usable_memory() if max_memory is None else max_memory
    if size > max(allowed - BASE, allowed // 4):
        raise BudgetError(
            f"{shown(label)}: its {what} take {size:,} bytes, too many of the {allowed:,} that may be used",
            next_step=f"raise --max-memory {f'to {-(-(size + BASE) // 2**20)}M' if whole else 'well beyond'}",
        )


class TextMeter:
    """Counts texts as they are read, so that they stop where they fill what may be used.

    Parameters
    ----------
    label, what
        How errors name the file, and its texts.
    max_memory
        Bytes that the run may use; None for what the machine has.
    repeated
        Whether a text is in memory once, however many rows have it.
    """

    def __init__(self, label: str, what: str, max_memory: int | None, *, repeated: bool = False) -> None:
        self.label, self.what = label, what
        self.max_memory = max_memory
        self.count = self.size = self._checked = 0
        self._known: dict[str, str] | None = {} if repeated else None

    def taken(self, texts: Sequence[str]) -> Sequence[str]:
        """Return the texts, which are counted.

        Raises
        ------
        BudgetError
            With those before they take more than may be used.
        """
        self.count += len(texts)
        if self._known is None:
            self.size += text_bytes(texts)
        else:
            before = len(self._known)
            texts = [self._known.setdefault(text, text) for text in texts]
            new = list(islice(reversed(self._known), len(self._known) - before))
            self.size += PLACE * len(texts) + text_bytes(new)
        if self.size - self._checked > STEP:
            check_room(self.label, f"first {self.count:,} {self.what}", self.size, self.max_memory, whole=False)
            self._checked = self.size
        return texts

    def each(self, texts: Iterable[str]) -> Iterator[str]:
        """Yield the texts, which are counted."""
        for text in texts:
            yield from self.taken((text,))
