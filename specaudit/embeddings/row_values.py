"""What is said about every row of embeddings: its weight, its score, the group that it belongs to."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from specaudit.embeddings.core import Embeddings
from specaudit.embeddings.delimited import is_number
from specaudit.embeddings.display import shown
from specaudit.embeddings.entries import (
    NPY,
    Entries,
    IntArray,
    Source,
    check_once,
    named_file,
    row_keys,
    rows_of_texts,
    vector_entries,
)
from specaudit.embeddings.fields import read_fields
from specaudit.embeddings.ids import decoded, is_text
from specaudit.embeddings.matrices import Content
from specaudit.embeddings.sources import Part
from specaudit.errors import InputError

FloatArray = npt.NDArray[np.float64]

WEIGHT, SCORE, GROUP = "weight", "score", "group"
WORDS = {WEIGHT: WEIGHT, SCORE: SCORE, GROUP: "label"}
"""What each is called in errors: labels are also given as such, and not of groups."""
NUMBERS = Content(
    kinds="fiu", expected="real numbers of at most 64 bits", next_step="convert it, for example with astype(float)"
)
LABELS = Content(
    kinds="biuUS", expected="strings, bool or whole numbers", next_step="convert it, for example with astype(str)"
)


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
    entries, rows, weights = _row_numbers(source, embeddings, WEIGHT)
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
    entries, rows, scores = _row_numbers(source, embeddings, SCORE)
    bad = np.flatnonzero(~np.isfinite(scores[rows]))
    if bad.size:
        first = int(bad[0])
        raise InputError(
            f"{entries.told(first)} as the score of {embeddings.locate(int(rows[first]))}, expected a finite number",
            next_step="give the row another score, or leave it out of the embeddings",
        )
    return scores


def read_groups(source: Source, embeddings: Embeddings) -> tuple[str, ...]:
    """Return the label of each row's group (rows,), as it is written: not empty.

    Parameters
    ----------
    source
        A .npy file, an array or a sequence (rows,) of strings, bool or whole numbers. Or a file as weights are given,
        with the name ``group``.

    Raises
    ------
    InputError
        Names the row: no label, two labels, or an empty one. The source cannot be read.
    """
    entries, rows = _row_values(source, embeddings, GROUP, LABELS)
    _check_count(entries, embeddings, GROUP)
    values = entries.values
    labels = decoded(values, entries.label) if isinstance(values, np.ndarray) else tuple(values)
    bad = next((entry for entry, label in enumerate(labels) if not (label.strip() and is_text(label))), None)
    if bad is not None:
        raise InputError(
            f"{entries.told(bad)} as the label of {embeddings.locate(int(rows[bad]))}, expected a label",
            next_step="give every row a label",
        )
    known: dict[str, str] = {}  # a label is in memory once
    return tuple(known.setdefault(labels[entry], labels[entry]) for entry in np.argsort(rows).tolist())


def _row_numbers(source: Source, embeddings: Embeddings, name: str) -> tuple[Entries, IntArray, FloatArray]:
    """Return what a source lists (rows,), the row of each entry (rows,), and the number of each row (rows,)."""
    entries, rows = _row_values(source, embeddings, name, NUMBERS)
    values = entries.values if isinstance(entries.values, np.ndarray) else _numbers(entries, name)
    _check_count(entries, embeddings, name)
    found = np.empty(embeddings.rows)
    with np.errstate(invalid="ignore"):  # a nan may be a signalling one
        found[rows] = values
    return entries, rows, found


def _row_values(source: Source, embeddings: Embeddings, name: str, content: Content) -> tuple[Entries, IntArray]:
    """Return what a source lists (m,), and the row of each entry (m,); without keys their number is not checked."""
    what = f"{WORDS[name]}s"
    part = named_file(source, what)
    if part is not None and part.suffix != NPY:
        return _read_values(part, embeddings, name)
    entries = vector_entries(part or source, what, content, embeddings.room)
    return entries, np.arange(len(entries.values))


def _check_count(entries: Entries, embeddings: Embeddings, name: str) -> None:
    count, word = len(entries.values), WORDS[name]
    if count != embeddings.rows:
        raise InputError(
            f"{shown(entries.label)}: {count:,} {word}s for the {embeddings.rows:,} rows of {embeddings.name}",
            next_step=f"give exactly one {word} per row, in the same order",
        )


def _read_values(part: Part, embeddings: Embeddings, what: str) -> tuple[Entries, IntArray]:
    """Return what a text file says, as it is written there (m,), and the row of each entry (m,)."""
    wanted = row_keys(embeddings), (what,)
    fields = read_fields(part, wanted, truths=what == GROUP, max_memory=embeddings.room)
    name, texts = list(fields.columns.items())[-1]
    entries = Entries(label=part.label, values=texts, lines=fields.lines)
    key = next((other for other in fields.columns if other != name), None)
    if key is None:
        return entries, np.arange(len(texts))
    named = Entries(label=part.label, values=fields.columns[key], lines=fields.lines)
    rows = rows_of_texts(key, named, embeddings)
    check_once(named, rows)
    missing = np.setdiff1d(np.arange(embeddings.rows), rows)
    if missing.size:
        more = f" and {missing.size - 1:,} more" if missing.size > 1 else ""
        raise InputError(
            f"{shown(part.label)}: no {WORDS[what]} for {embeddings.locate(int(missing[0]))}{more}",
            next_step=f"give every row a {WORDS[what]}{', 0 to leave it out' * (what == WEIGHT)}",
        )
    return entries, rows


def _numbers(entries: Entries, what: str) -> FloatArray:
    """Return entries that are texts as numbers (m,)."""
    for entry, text in enumerate(entries.values):
        if not is_number(text):
            raise InputError(f"{entries.told(entry)} is not a number", next_step=f"give every row a {what}")
    return np.array([float(text) for text in entries.values], np.float64)


def _check_weights(entries: Entries, weights: FloatArray, rows: IntArray, embeddings: Embeddings) -> None:
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
