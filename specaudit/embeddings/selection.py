"""Which rows of embeddings are kept, how often, and with what weight: from a file or an array."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from specaudit.embeddings.core import Embeddings
from specaudit.embeddings.delimited import is_number
from specaudit.embeddings.display import quoted, shown
from specaudit.embeddings.fields import SUFFIXES, UNNAMED, read_fields
from specaudit.embeddings.ids import decoded
from specaudit.embeddings.matrices import Array, Content, check_vector
from specaudit.embeddings.npy import read_vector
from specaudit.embeddings.sources import Part, single_file
from specaudit.errors import InputError

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
Source = str | os.PathLike[str] | Sequence[Any] | Array

NPY, ID, ROW, WEIGHT, SCORE = ".npy", "id", "row", "weight", "score"
ROWS = Content(
    kinds="biuUS",
    expected="whole numbers (row numbers), bool (a mask) or strings (ids)",
    next_step="convert it, for example with astype(int)",
)
WEIGHTS = Content(
    kinds="fiu", expected="real numbers of at most 64 bits", next_step="convert it, for example with astype(float)"
)
ROW_NUMBER = re.compile(r"\s*[+-]?[0-9]{1,400}\s*")
COMPARED = 20_000  # ids that an unknown one is compared with, at most: difflib takes about 10 µs each
LONGEST = 200  # characters of an id that is compared


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entries:
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


def read_selection(source: Source, embeddings: Embeddings, *, drop: bool = False) -> IntArray:
    """Return how often each row of ``embeddings`` is kept (rows,), from the rows to keep, or with ``drop`` to drop.

    A row that is to be kept twice has two copies.

    Parameters
    ----------
    source
        A .npy file, an array or a sequence of row numbers from 0, of ids, or of bool as a mask (rows,). Or a .txt,
        .csv, .tsv or .jsonl file: what is named ``id`` are ids, what is named ``row`` row numbers; without a name all
        entries are ids, or none is an id of the embeddings and all are row numbers.

    Raises
    ------
    InputError
        Names the line or item: not a row of the embeddings, or dropped twice. The source cannot be read, or no row
        is left.
    """
    entries, rows = _listed(source, embeddings)
    if drop:
        _check_once(entries, rows)
    times = np.bincount(rows, minlength=embeddings.rows)
    if drop:
        times = 1 - times
    if not times.any():
        what = f"drops all {embeddings.rows:,} rows" if drop else "keeps no row"
        raise InputError(f"{shown(entries.label)}: {what} of {embeddings.name}", next_step="name the rows to keep")
    return times.astype(np.int64, copy=False)


def read_rows(source: Source, embeddings: Embeddings) -> IntArray:
    """Return the row numbers (m,) that a source lists, in its order, each once.

    Parameters
    ----------
    source
        As a selection is given, see `read_selection`.

    Raises
    ------
    InputError
        As `read_selection`; a row is listed twice.
    """
    entries, rows = _listed(source, embeddings)
    _check_once(entries, rows)
    return rows


def _listed(source: Source, embeddings: Embeddings) -> tuple[_Entries, IntArray]:
    """Return what a source lists, and the row of each entry."""
    part = _part(source, "rows")
    if part is None or part.suffix == NPY:
        entries = _vector(part or source, "selection", ROWS)
        return entries, _rows_of_vector(entries, embeddings)
    fields = read_fields(part, (_keys(embeddings),))
    ((name, texts),) = fields.columns.items()
    entries = _Entries(label=part.label, values=texts, lines=fields.lines)
    return entries, _rows_of_texts(name, entries, embeddings)


def read_weights(source: Source, embeddings: Embeddings) -> FloatArray:
    """Return a weight per row of ``embeddings`` (rows,): finite, not negative, and one at least positive.

    Parameters
    ----------
    source
        A .npy file, an array or a sequence (rows,) of real numbers. Or a .txt, .csv, .tsv or .jsonl file with one
        number per row, in ``weight`` where there are names; with ``id`` or ``row`` the rows may be in any order.

    Raises
    ------
    InputError
        Names the row: no weight, two weights, or one that cannot be used. The source cannot be read.
    """
    entries, rows, weights = _row_values(source, embeddings, WEIGHT)
    _check_weights(entries, weights, rows, embeddings)
    return weights


def read_scores(source: Source, embeddings: Embeddings) -> FloatArray:
    """Return a score per row of ``embeddings`` (rows,): finite, of any sign.

    Parameters
    ----------
    source
        As weights are given, with the name ``score``.

    Raises
    ------
    InputError
        Names the row: no score, two scores, or one that is not finite. The source cannot be read.
    """
    entries, rows, scores = _row_values(source, embeddings, SCORE)
    bad = np.flatnonzero(~np.isfinite(scores[rows]))
    if bad.size:
        first = int(bad[0])
        raise InputError(
            f"{entries.told(first)} as the score of {embeddings.locate(int(rows[first]))}, expected a finite number",
            next_step="give the row another score, or leave it out of the embeddings",
        )
    return scores


def _row_values(source: Source, embeddings: Embeddings, name: str) -> tuple[_Entries, IntArray, FloatArray]:
    """Return what a source lists (rows,), the row of each entry (rows,), and the number of each row (rows,)."""
    part = _part(source, f"{name}s")
    if part is None or part.suffix == NPY:
        entries = _vector(part or source, f"{name}s", WEIGHTS)
        values, rows = np.asarray(entries.values, np.float64), np.arange(len(entries.values))
    else:
        entries, rows = _read_values(part, embeddings, name)
        values = _numbers(entries, name)
    if len(rows) != embeddings.rows:
        raise InputError(
            f"{shown(entries.label)}: {len(rows):,} {name}s for the {embeddings.rows:,} rows of {embeddings.name}",
            next_step=f"give exactly one {name} per row, in the same order",
        )
    found = np.empty(embeddings.rows)
    found[rows] = values
    return entries, rows, found


def _keys(embeddings: Embeddings) -> tuple[str, str]:
    """Return what may name the rows, the best first: a table of rows may hold both numbers and ids."""
    return (ROW, ID) if embeddings.ids is None else (ID, ROW)


def _part(source: Source, what: str) -> Part | None:
    """Return the file that a source names, if it is not in memory."""
    return single_file(source, (NPY, *SUFFIXES), what) if isinstance(source, (str, os.PathLike)) else None


def _vector(source: Source | Part, label: str, content: Content) -> _Entries:
    """Return the 1-D array of a .npy file, or what is in memory, as one."""
    if isinstance(source, Part):
        return _Entries(label=source.label, values=read_vector(source.path, source.label, content))
    values = _array(source, label)
    check_vector(label, values.shape, values.dtype, content)
    return _Entries(label=label, values=values)


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


def _rows_of_vector(entries: _Entries, embeddings: Embeddings) -> IntArray:
    """Return the row of every entry (m,), or those that a mask marks."""
    values = np.asarray(entries.values)
    if values.dtype.kind in "US":
        return _rows_by_id(replace(entries, values=decoded(values, entries.label)), embeddings)
    if values.dtype.kind != "b":
        return _rows_by_number(values, entries, embeddings)
    if len(values) != embeddings.rows:
        raise InputError(
            f"{shown(entries.label)}: a mask of {len(values):,} for {embeddings.rows:,} rows of {embeddings.name}",
            next_step="give exactly one bool per row",
        )
    return np.flatnonzero(values)


def _rows_of_texts(name: str, entries: _Entries, embeddings: Embeddings) -> IntArray:
    """Return the row of every entry (m,) of the column of this name."""
    if name == ID or (name == UNNAMED and _are_ids(entries, embeddings)):
        return _rows_by_id(entries, embeddings)
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
    values = np.array([max(-1, min(int(text), embeddings.rows)) for text in entries.values], np.int64)
    return _rows_by_number(values, entries, embeddings)


def _are_ids(entries: _Entries, embeddings: Embeddings) -> bool:
    """Return whether entries without a name are ids: one that is decides for all, lest numbers be taken for ids."""
    return embeddings.ids is not None and not set(embeddings.ids).isdisjoint(entries.values)


def _rows_by_id(entries: _Entries, embeddings: Embeddings) -> IntArray:
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


def _rows_by_number(values: Array, entries: _Entries, embeddings: Embeddings) -> IntArray:
    """Return the numbers (m,) of any type of whole numbers, all of them rows."""
    outside = np.flatnonzero((values < 0) | (values >= embeddings.rows))
    if outside.size:
        raise InputError(
            f"{entries.told(int(outside[0]))} is not a row of {embeddings.name}, expected 0 to {embeddings.rows - 1}",
            next_step="count its rows from 0",
        )
    return values.astype(np.int64)


def _nearest(entries: _Entries, entry: int, embeddings: Embeddings) -> str:
    """Return the id most like an entry, in words; nothing if none is."""
    text, ids = str(entries.values[entry]), embeddings.ids or ()
    if len(text) > LONGEST:
        return ""
    if len(ids) > COMPARED:  # one wrong character leaves the first or the second half as it is
        head, tail = text[: len(text) // 2], text[len(text) // 2 :]
        ids = tuple(islice((name for name in ids if name.startswith(head) or name.endswith(tail)), COMPARED))
    near = get_close_matches(text, ids, n=1)
    return f" (nearest: {quoted(near[0])})" if near else ""


def _check_once(entries: _Entries, rows: IntArray) -> None:
    """Raise an ``InputError`` if two entries name one row; ``rows`` (m,) is what they name."""
    _, firsts, which = np.unique(rows, return_index=True, return_inverse=True)
    if len(firsts) == len(rows):
        return
    again = int(np.flatnonzero(firsts[which] != np.arange(len(rows)))[0])
    raise InputError(
        f"{entries.told(again)} names a row again, first in {entries.place(int(firsts[which[again]]))}",
        next_step="name every row once",
    )


def _read_values(part: Part, embeddings: Embeddings, what: str) -> tuple[_Entries, IntArray]:
    """Return the weights or scores of a text file, not yet parsed (m,), and the row of each (m,)."""
    fields = read_fields(part, (_keys(embeddings), (what,)))
    name, texts = list(fields.columns.items())[-1]
    entries = _Entries(label=part.label, values=texts, lines=fields.lines)
    key = next((other for other in fields.columns if other != name), None)
    if key is None:
        return entries, np.arange(len(texts))
    named = _Entries(label=part.label, values=fields.columns[key], lines=fields.lines)
    rows = _rows_of_texts(key, named, embeddings)
    _check_once(named, rows)
    missing = np.setdiff1d(np.arange(embeddings.rows), rows)
    if missing.size:
        more = f" and {missing.size - 1:,} more" if missing.size > 1 else ""
        raise InputError(
            f"{shown(part.label)}: no {what} for {embeddings.locate(int(missing[0]))}{more}",
            next_step=f"give every row a {what}{', 0 to leave it out' * (what == WEIGHT)}",
        )
    return entries, rows


def _numbers(entries: _Entries, what: str) -> FloatArray:
    """Return entries that are texts as numbers (m,)."""
    for entry, text in enumerate(entries.values):
        if not is_number(text):
            raise InputError(f"{entries.told(entry)} is not a number", next_step=f"give every row a {what}")
    return np.array([float(text) for text in entries.values], np.float64)


def _check_weights(entries: _Entries, weights: FloatArray, rows: IntArray, embeddings: Embeddings) -> None:
    """Raise an ``InputError`` unless the weights (rows,) can be used; `rows` (rows,) are those of the entries."""
    listed = weights[rows]
    bad = np.flatnonzero(~(listed >= 0) | np.isinf(listed))
    if bad.size:
        first = int(bad[0])
        raise InputError(
            f"{entries.told(first)} as the weight of {embeddings.locate(int(rows[first]))}, expected a finite "
            "number that is not negative",
            next_step="give the row another weight, 0 to leave it out",
        )
    if not weights.any():
        raise InputError(f"{shown(entries.label)}: all weights are 0", next_step="check the step that wrote them")
