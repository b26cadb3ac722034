"""Names of rows: read from a file, unique and one per row."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from specaudit.embeddings.display import quoted, shown
from specaudit.embeddings.fields import read_table
from specaudit.embeddings.files import text_lines
from specaudit.embeddings.jsonl import ID_FIELD, json_lines, read_id
from specaudit.embeddings.matrices import Array, Content
from specaudit.embeddings.npy import read_vector
from specaudit.embeddings.sources import Part, single_file
from specaudit.embeddings.texts import TextMeter
from specaudit.errors import InputError

Ids = tuple[str, ...]
NPY = ".npy"
SURROGATE = re.compile("[\ud800-\udfff]")
IDS = Content(
    kinds="USiu",
    expected="strings or whole numbers",
    next_step="save it with numpy.save(FILE, numpy.array(ids, dtype=str))",
)


def read_ids(source: str | os.PathLike[str] | Sequence[str], max_memory: int | None = None) -> Ids:
    """Return the ids that a file or a sequence holds, as they are written there.

    Raises
    ------
    InputError
        The file cannot be read as ids.
    BudgetError
        They take more than ``max_memory``, in bytes.
    """
    if not isinstance(source, (str, os.PathLike)):
        return tuple(str(name) for name in source)
    part = single_file(source, (NPY, *READERS), "ids")
    meter = TextMeter(part.label, "ids", max_memory)
    if part.suffix == NPY:
        return tuple(meter.taken(decoded(read_vector(part.path, part.label, IDS, max_memory), part.label)))
    return tuple(READERS[part.suffix](part, meter))


def is_text(name: str) -> bool:
    """Return whether a name can be written as UTF-8, which one half of a pair of surrogates cannot."""
    return name.isascii() or not SURROGATE.search(name)


def check_ids(ids: Ids, rows: int, locate: Callable[[int], str]) -> None:
    """Raise an ``InputError`` unless there is one non-empty id per row and none twice.

    ``locate`` tells where a row is.
    """
    if len(ids) != rows:
        raise InputError(
            f"{len(ids):,} ids for {rows:,} rows", next_step="give exactly one id per row, in the same order"
        )
    if len(set(ids)) == rows and "" not in ids and all(map(is_text, ids)):
        return
    seen: dict[str, int] = {}
    for row, name in enumerate(ids):
        if not name:
            raise InputError(f"{locate(row)}: the id is empty", next_step="give every row an id")
        if not is_text(name):
            raise InputError(
                f"{locate(row)}: the id {quoted(name)} is no text: it has half a pair of surrogates",
                next_step="write the id as UTF-8",
            )
        if name in seen:
            raise InputError(
                f"id {quoted(name)} names two rows: {locate(seen[name])} and {locate(row)}",
                next_step="give every row an id of its own",
            )
        seen[name] = row


def decoded(values: Array, label: str) -> Ids:
    """Return the strings of an array of strings, bytes or whole numbers (n,).

    Raises
    ------
    InputError
        Bytes that are not text.
    """
    try:
        return tuple(v.decode() if isinstance(v, bytes) else str(v) for v in values.tolist())
    except (ValueError, SystemError):  # bytes that are no characters
        raise InputError(f"{shown(label)}: holds bytes that are not text", next_step="write them again") from None


def _read_text(part: Part, meter: TextMeter) -> Iterator[str]:
    return meter.each(line for _, line in text_lines(part.path, part.label))


def _read_table(part: Part, meter: TextMeter) -> Sequence[str]:
    lines = meter.each(line for _, line in text_lines(part.path, part.label))
    return next(iter(read_table(part, ((ID_FIELD,),), lines).columns.values()))


def _read_jsonl(part: Part, meter: TextMeter) -> Iterator[str]:
    for number, value in json_lines(part):
        record = value if isinstance(value, dict) else {ID_FIELD: value}
        yield from meter.taken((read_id(f"{shown(part.label)} line {number}", record, ID_FIELD),))


READERS: Mapping[str, Callable[[Part, TextMeter], Iterable[str]]] = {
    ".txt": _read_text,
    ".csv": _read_table,
    ".tsv": _read_table,
    ".jsonl": _read_jsonl,
}
