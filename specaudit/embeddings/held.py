"""A matrix in a file whose rows are held to what was found in them when they were first read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from specaudit.embeddings.display import shown
from specaudit.embeddings.matrices import Around, Array
from specaudit.errors import InputError
from specaudit.hashing import hash_contents

Rows = npt.NDArray[np.int64] | slice


@dataclass(frozen=True, slots=True, kw_only=True)
class Held(Around):
    """A matrix that raises an ``InputError`` where a usable row is not the one that was scanned.

    A file is known by its time, size and inode, or by what its store calls its content, each time it is opened. That
    tells nothing of a server that sends no version, nor of a change during a pass.
    """

    label: str
    contents: npt.NDArray[np.uint64] = field(repr=False)  # (rows,)
    usable: npt.NDArray[np.bool_] = field(repr=False)  # (rows,)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.matrix.rows

    @property
    def ids(self) -> tuple[str, ...] | None:
        """Ids of the rows."""
        return self.matrix.ids

    @property
    def groups(self) -> tuple[str, ...] | None:
        """Groups of the rows."""
        return self.matrix.groups

    def blocks(self, max_bytes: int, start: int = 0, stop: int | None = None) -> Iterator[Array]:
        """Yield the rows from ``start`` to ``stop`` in order."""
        for values in self.matrix.blocks(max_bytes, start, stop):
            self._check(values, slice(start, start + len(values)))
            start += len(values)
            yield values

    def take(self, rows: npt.NDArray[np.int64], step: int) -> Iterator[Array]:
        """Yield these rows, ``step`` at a time."""
        at = 0
        for values in self.matrix.take(rows, step):
            self._check(values, rows[at : at + len(values)])
            at += len(values)
            yield values

    def close(self) -> None:
        """Give temporary files back."""
        self.matrix.close()

    def _check(self, values: Array, rows: Rows) -> None:
        if not same_rows(values, self.contents[rows], self.usable[rows]):
            raise InputError(
                f"{shown(self.label)}: changed since it was first read",
                next_step="run again when nothing writes to it",
            )


def same_rows(values: Array, contents: npt.NDArray[np.uint64], usable: npt.NDArray[np.bool_]) -> bool:
    """Return whether the usable ones among rows (k, d) have these contents (k,)."""
    return bool(((hash_contents(values) == contents) | ~usable).all())
