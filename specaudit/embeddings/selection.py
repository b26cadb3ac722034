"""Which rows of embeddings are kept, and how often: from a file or an array."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from specaudit.embeddings.core import Embeddings
from specaudit.embeddings.display import shown
from specaudit.embeddings.entries import (
    NPY,
    Entries,
    IntArray,
    Source,
    check_once,
    named_file,
    row_keys,
    rows_by_id,
    rows_by_number,
    rows_of_texts,
    vector_entries,
)
from specaudit.embeddings.fields import read_fields
from specaudit.embeddings.ids import decoded
from specaudit.embeddings.matrices import Content
from specaudit.errors import InputError

ROWS = Content(
    kinds="biuUS",
    expected="whole numbers (row numbers), bool (a mask) or strings (ids)",
    next_step="convert it, for example with astype(int)",
)


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
        check_once(entries, rows)
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
    check_once(entries, rows)
    return rows


def _listed(source: Source, embeddings: Embeddings) -> tuple[Entries, IntArray]:
    """Return what a source lists, and the row of each entry."""
    part = named_file(source, "rows")
    if part is None or part.suffix == NPY:
        entries = vector_entries(part or source, "selection", ROWS, embeddings.room)
        return entries, _rows_of_vector(entries, embeddings)
    fields = read_fields(part, (row_keys(embeddings),), max_memory=embeddings.room)
    ((name, texts),) = fields.columns.items()
    entries = Entries(label=part.label, values=texts, lines=fields.lines)
    return entries, rows_of_texts(name, entries, embeddings)


def _rows_of_vector(entries: Entries, embeddings: Embeddings) -> IntArray:
    """Return the row of every entry (m,), or those that a mask marks."""
    values = np.asarray(entries.values)
    if values.dtype.kind in "US":
        return rows_by_id(replace(entries, values=decoded(values, entries.label)), embeddings)
    if values.dtype.kind != "b":
        return rows_by_number(values, entries, embeddings)
    if len(values) != embeddings.rows:
        raise InputError(
            f"{shown(entries.label)}: a mask of {len(values):,} for {embeddings.rows:,} rows of {embeddings.name}",
            next_step="give exactly one bool per row",
        )
    return np.flatnonzero(values)
