"""JSON lines: one list of numbers per line, bare or in a field of an object."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from specaudit.embeddings.display import quoted, shown
from specaudit.embeddings.exact import EXACT_INTEGER, beyond_error
from specaudit.embeddings.files import filled_lines
from specaudit.embeddings.matrices import Array
from specaudit.embeddings.options import Options
from specaudit.embeddings.sources import Part
from specaudit.embeddings.stored import FileMatrix, ParsedRows, spool_rows
from specaudit.errors import InputError

FIELDS = ("embedding", "embeddings", "vector")  # looked for in this order
ID_FIELD = "id"


def read_jsonl(part: Part, options: Options) -> FileMatrix:
    """Return the lists of a JSONL file, copied to a nameless temporary file as float64.

    Raises
    ------
    InputError
        Names the line: not JSON, no such field, a list of another length, an item that is not a number.
    """
    id_column, group_column = options.id_column, options.group_column
    lines = json_lines(part)
    start = next(lines, None)
    if start is None:
        raise InputError(f"{shown(part.label)}: no rows", next_step="write one JSON list or object per line")
    where, first = f"{shown(part.label)} line {start[0]}", start[1]
    field = _field(where, first, options.column)
    named = isinstance(first, dict) and (ID_FIELD if id_column is None else id_column) in first
    if id_column is not None and not named:
        raise InputError(
            f"{where}: ids {quoted(id_column)} is neither a file nor a field",
            next_step="name a file of ids or a field of the objects",
        )
    id_field = (id_column or ID_FIELD) if named else None
    if group_column is not None and not (isinstance(first, dict) and group_column in first):
        among = f" among {_listed(first)}" if isinstance(first, dict) else ""
        raise InputError(
            f"{where}: labels {quoted(group_column)} is neither a file nor a field{among}",
            next_step="name a file of labels or a field of the objects",
        )
    dimensions = len(_row(where, first, field, None))

    def parsed() -> Iterator[ParsedRows]:
        where, record = f"{shown(part.label)} line {start[0]}", first
        while True:
            row = _row(where, record, field, dimensions)
            yield ParsedRows(
                values=row[None],
                ids=None if id_field is None else [read_id(where, record, id_field)],
                groups=None if group_column is None else [_read_group(where, record, group_column)],
            )
            number, record = next(lines, (0, None))
            if number == 0:
                return
            where = f"{shown(part.label)} line {number}"

    return spool_rows(part.label, dimensions, parsed(), max_memory=options.max_memory)


def json_lines(part: Part) -> Iterator[tuple[int, Any]]:
    """Yield ``(line, value)``; only the end of the file may be blank."""
    for number, line in filled_lines(part.path, part.label):
        try:
            yield number, json.loads(line, object_pairs_hook=once)
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"{shown(part.label)} line {number}: not JSON: {shown(error, 100)}",
                next_step="write one JSON value per line",
            ) from None


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object; a name that occurs twice is a ValueError, because readers differ in which they take."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"several fields {quoted(twice)}")
    return found


def read_id(where: str, record: Any, field: str) -> str:
    """Return the id in a field: a string or a whole number."""
    value = record.get(field) if isinstance(record, dict) else None
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise InputError(
            f"{where}: field {quoted(field)} is {kind(value)}, expected an id",
            next_step="give every row a string or a whole number as its id",
        )
    return str(value)


def _read_group(where: str, record: Any, field: str) -> str:
    """Return the label in a field: a string, a number, or true or false as Python writes them."""
    value = record.get(field) if isinstance(record, dict) else None
    if not isinstance(value, (bool, str, int, float)):
        raise InputError(
            f"{where}: field {quoted(field)} is {kind(value)}, expected a label",
            next_step="give every row a string or a number as its label",
        )
    return str(value)


def _listed(record: dict[str, Any]) -> str:
    return ", ".join(quoted(name) for name in list(record)[:10]) or "none"


def _field(where: str, first: Any, column: str | None) -> str | None:
    """Return the field that holds the list, or None for bare lists."""
    if isinstance(first, list) and column is None:
        return None
    if not isinstance(first, dict):
        what = "an object" if column is not None else "a list or an object"
        raise InputError(f"{where}: {kind(first)}, expected {what}", next_step="write one row per line")
    field = column or next((name for name in FIELDS if name in first), None)
    if field is None or field not in first:
        wanted = quoted(column) if column else " or ".join(quoted(name) for name in FIELDS)
        raise InputError(
            f"{where}: no field {wanted} among {_listed(first)}",
            next_step="name the field that holds the list as the column",
        )
    return field


def _row(where: str, record: Any, field: str | None, dimensions: int | None) -> Array:
    values = record.get(field) if field is not None and isinstance(record, dict) else record
    if field is not None:
        where = f"{where} field {quoted(field)}"
    if not isinstance(values, list) or (field is not None and not isinstance(record, dict)):
        raise InputError(f"{where}: {kind(values)}, expected a list of numbers", next_step="write one list per line")
    if not values:
        raise InputError(f"{where}: an empty list", next_step="give every row its numbers")
    if dimensions is not None and len(values) != dimensions:
        raise InputError(
            f"{where}: {len(values):,} numbers, expected {dimensions:,} as in the first row",
            next_step="use rows of one embedding model",
        )
    if not set(map(type, values)) <= {int, float}:
        k = next(k for k, value in enumerate(values) if type(value) not in (int, float))
        raise InputError(
            f"{where} item {k}: {kind(values[k])}, expected a number", next_step="correct or drop the row"
        )
    try:
        found = np.array(values, np.float64)
    except OverflowError:
        found = np.array([np.inf])
    if (np.abs(found) >= EXACT_INTEGER).any():
        for k, value in enumerate(values):
            if isinstance(value, int) and abs(value) > EXACT_INTEGER:
                raise beyond_error(f"{where} item {k}", value)
    return found


def kind(value: Any) -> str:
    """Return what a JSON value is, in words."""
    names = {type(None): "null", bool: "true or false", str: "a string", list: "a list", dict: "an object"}
    return names.get(type(value), "a number")
