"""Names of rows: read from a file, unique and one per row."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from specaudit.embeddings.display import quoted
from specaudit.errors import InputError

Ids = tuple[str, ...]


def read_ids(source: str | os.PathLike[str] | Sequence[str], rows: int) -> Ids:
    """Return the ids that a file or a sequence holds."""
    if isinstance(source, (str, os.PathLike)):
        raise InputError(f"{source}: files of ids come with the next version", next_step="pass a sequence")
    return tuple(str(name) for name in source)


def check_ids(ids: Ids, rows: int, locate: Callable[[int], str]) -> None:
    """Raise an ``InputError`` unless there is one non-empty id per row and none twice.

    ``locate`` tells where a row is.
    """
    if len(ids) != rows:
        raise InputError(
            f"{len(ids):,} ids for {rows:,} rows", next_step="give exactly one id per row, in the same order"
        )
    if len(set(ids)) == rows and "" not in ids:
        return
    seen: dict[str, int] = {}
    for row, name in enumerate(ids):
        if not name:
            raise InputError(f"{locate(row)}: the id is empty", next_step="give every row an id")
        if name in seen:
            raise InputError(
                f"id {quoted(name)} names two rows: {locate(seen[name])} and {locate(row)}",
                next_step="give every row an id of its own",
            )
        seen[name] = row
