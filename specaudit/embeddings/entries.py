"""What a file or an array lists about rows, and which row of the embeddings each entry is."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from specaudit.embeddings.core import Embeddings
from specaudit.embeddings.display import quoted, shown
from specaudit.embeddings.fields import SUFFIXES, UNNAMED
from specaudit.embeddings.matrices import Array, Content, check_vector
from specaudit.embeddings.npy import read_vector
from specaudit.embeddings.sources import Part, single_file
from specaudit.errors import InputError

IntArray = npt.NDArray[np.int64]
Source = str | os.PathLike[str] | Sequence[Any] | Array

NPY, ID, ROW = ".npy", "id", "row"
ROW_NUMBER = re.compile(r"\s*[+-]?[0-9]{1,400}\s*")
COMPARED = 20_000  # ids that an unknown one is compared with, at most: difflib takes about 10 µs each
LONGEST = 200  # characters of an id that is compared


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """What a source lists.

    Attributes
    ----------
    label
        How errors name the source.
    values
        (m,) texts or numbers.
    lines
        (m,) number of the line of each, from 1; None for an array, whose items count from 0.
    """

    label: str
    values: Sequence[str] | Array
    lines: Sequence[int] | None = None

    def place(self, entry: int) -> str:
        """Return where in the source an entry is."""
        return f"item {entry}" if self.lines is None else f"line {self.lines[entry]}"

    def told(self, entry: int) -> str:
        """Return an entry and where it is."""
        return f"{shown(self.label)} {self.place(entry)}: {quoted(self.values[entry])}"


def named_file(source: Source, what: str) -> Part | None:
    """Return the file that a source names, if it is not in memory."""
    return single_file(source, (NPY, *SUFFIXES), what) if isinstance(source, (str, os.PathLike)) else None


def row_keys(embeddings: Embeddings) -> tuple[str, str]:
    """Return what may name the rows, the best first: a table of rows may hold both numbers and ids."""
    return (ROW, ID) if embeddings.ids is None else (ID, ROW)


def vector_entries(source: Source | Part, label: str, content: Content, max_memory: int | None = None) -> Entries:
    """Return the 1-D array of a .npy file, or what is in memory, as one."""
    if isinstance(source, Part):
        return Entries(label=source.label, values=read_vector(source.path, source.label, content, max_memory))
    values = _array(source, label)
    check_vector(label, values.shape, values.dtype, content)
    return Entries(label=label, values=values)


def _array(source: Source, label: str) -> Array:
    if isinstance(source, np.ma.MaskedArray):
        raise InputError(f"{label}: is masked, expected plain values", next_step="fill or drop the masked items")
    if isinstance(source, np.ndarray):
        return source
    if not isinstance(source, Sequence) or isinstance(source, (bytes, bytearray, memoryview)):
        raise InputError(
            f"{label} of type {type(source).__name__}, expected a path, a list or a 1-D numpy array",
            next_step="convert it with numpy.asarray",
        )
    if any(len({isinstance(item, kind) for item in source}) > 1 for kind in ((bool, np.bool_), str)):
        raise InputError(f"{label}: mixes strings, bool and numbers", next_step="give items of one kind")
    try:
        return np.asarray(source, dtype=None if len(source) else np.int64)
    except (ValueError, TypeError, OverflowError):  # lists of several lengths
        raise InputError(f"{label}: is not 1-D", next_step="give one item per row") from None


def rows_of_texts(name: str, entries: Entries, embeddings: Embeddings) -> IntArray:
    """Return the row of every entry (m,) of the column of this name."""
    if name == ID or (name == UNNAMED and _are_ids(entries, embeddings)):
        return rows_by_id(entries, embeddings)
    numbers = [ROW_NUMBER.fullmatch(text) is not None for text in entries.values]
    if not all(numbers):
        told = entries.told(numbers.index(False))
        if name == UNNAMED and embeddings.ids is not None:
            raise InputError(
                f"{told} is neither an id of {embeddings.name}{_nearest(entries, numbers.index(False), embeddings)} "
                f"nor a row number from 0 to {embeddings.rows - 1}",
                next_step="name rows by their ids or by their numbers",
            )
        lacking = f", and {embeddings.name} has no ids" if embeddings.ids is None else ""
        raise InputError(
            f"{told} is not a row number from 0 to {embeddings.rows - 1}{lacking}",
            next_step="name rows by their numbers, or give their ids with --ids",
        )
    # Anything beyond the rows is as wrong as the next number, and may not fit into 64 bits.
    values = np.array([max(-1, min(int(text.strip()), embeddings.rows)) for text in entries.values], np.int64)
    return rows_by_number(values, entries, embeddings)


def _are_ids(entries: Entries, embeddings: Embeddings) -> bool:
    """Return whether entries without a name are ids: one that is decides for all, lest numbers be taken for ids."""
    return embeddings.ids is not None and not set(embeddings.ids).isdisjoint(entries.values)


def rows_by_id(entries: Entries, embeddings: Embeddings) -> IntArray:
    """Return the rows (m,) that have the ids."""
    if embeddings.ids is None:
        raise InputError(
            f"{shown(entries.label)}: holds ids, but {embeddings.name} has none",
            next_step="give its ids with --ids, or name rows by their numbers",
        )
    numbers = {name: row for row, name in enumerate(embeddings.ids)}
    rows = np.array([numbers.get(text, -1) for text in entries.values], np.int64)
    unknown = np.flatnonzero(rows < 0)
    if unknown.size:
        first = int(unknown[0])
        others = ", unlike other entries" if unknown.size < len(rows) else ""
        raise InputError(
            f"{entries.told(first)} is no id of {embeddings.name}{_nearest(entries, first, embeddings)}{others}",
            next_step="correct the id, or name rows by numbers in a column 'row'",
        )
    return rows


def rows_by_number(values: Array, entries: Entries, embeddings: Embeddings) -> IntArray:
    """Return the numbers (m,) of any type of whole numbers, all of them rows."""
    outside = np.flatnonzero((values < 0) | (values >= embeddings.rows))
    if outside.size:
        raise InputError(
            f"{entries.told(int(outside[0]))} is not a row of {embeddings.name}, expected 0 to {embeddings.rows - 1}",
            next_step="count its rows from 0",
        )
    return values.astype(np.int64)


def _nearest(entries: Entries, entry: int, embeddings: Embeddings) -> str:
    """Return the id most like an entry, in words; nothing if none is."""
    text, ids = str(entries.values[entry]), embeddings.ids or ()
    if len(text) > LONGEST:
        return ""
    if len(ids) > COMPARED:  # one wrong character leaves the first or the second half as it is
        head, tail = text[: len(text) // 2], text[len(text) // 2 :]
        ids = tuple(islice((name for name in ids if name.startswith(head) or name.endswith(tail)), COMPARED))
    near = get_close_matches(text, ids, n=1)
    return f" (nearest: {quoted(near[0])})" if near else ""


def check_once(entries: Entries, rows: IntArray) -> None:
    """Raise an ``InputError`` if two entries name one row; ``rows`` (m,) is what they name."""
    _, firsts, which = np.unique(rows, return_index=True, return_inverse=True)
    if len(firsts) == len(rows):
        return
    again = int(np.flatnonzero(firsts[which] != np.arange(len(rows)))[0])
    raise InputError(
        f"{entries.told(again)} names a row again, first in {entries.place(int(firsts[which[again]]))}",
        next_step="name every row once",
    )
