"""A second reading of tables, and of files that say something of rows, after docs/inputs.md alone.

Every function raises, in any way, where a file cannot be read after that page.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

NUMBER = re.compile(
    r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|inf|infinity|nan)", re.ASCII | re.IGNORECASE
)
WHOLE = re.compile(r"[+-]?[0-9]+", re.ASCII)
MISSING = ("", "na", "n/a", "null", "none")
DELIMITERS = {"csv": ",", "tsv": "\t"}
LISTS = ("embedding", "embeddings", "vector")
FIRST = 64
"""Rows whose cells tell whether a column is text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What is in a source of embeddings: rows (n, d), of objects where they are exact, and the ids (n,) if any."""

    rows: Any
    ids: Sequence[str] | None = None


def lines_of(data: bytes) -> list[str]:
    """Return the lines of a text file without their ends, also those in quotes: nothing follows the last end."""
    lines = data.decode("utf-8-sig").split("\n")
    return [line.removesuffix("\r") for line in (lines[:-1] if lines[-1] == "" else lines)]


def filled(lines: list[str]) -> list[str]:
    """Return lines without blank ones at the end; there are no others."""
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    if not all(line.strip() for line in lines):
        raise ValueError("a blank line")
    return lines


def cells_of(lines: list[str], suffix: str) -> list[list[str]]:
    """Return the rows of a table, all of one width; a blank line is an empty cell."""
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=DELIMITERS[suffix], strict=True)
    rows = [cells or [""] for cells in reader]
    if len({len(cells) for cells in rows}) > 1:
        raise ValueError("several widths")
    return rows


def number(text: str) -> int | float:
    """Return the number that a text is, a whole one exactly."""
    text = text.strip()
    if WHOLE.fullmatch(text):
        return int(text)
    if not NUMBER.fullmatch(text):
        raise ValueError(f"no number: {text[:60]}")
    return float(text)


def is_number(text: str) -> bool:
    """Return whether a text is a number."""
    return NUMBER.fullmatch(text.strip()) is not None


def is_header(cells: Sequence[str]) -> bool:
    """Return whether a first row has names: no number, or a count from 0 or 1, of three or beside other names."""
    numbers = [cell.strip() for cell in cells if is_number(cell)]
    counts = [[str(k) for k in range(start, start + len(numbers))] for start in (0, 1)]
    return not numbers or (numbers in counts and (len(numbers) > 2 or len(numbers) < len(cells)))


def of_table(data: bytes, suffix: str) -> Reading:
    """Return the columns of numbers of a CSV or TSV, and its ids."""
    lines = lines_of(data)
    while lines and not lines[-1].strip():
        lines.pop()
    rows = cells_of(lines, suffix)
    if any(cells == [""] for cells in rows):
        raise ValueError("a blank line, or an empty cell")
    named = is_header(rows[0])
    names = [cell.strip().lower() for cell in rows[0]] if named else [None] * len(rows[0])
    rows = rows[named:]
    ids = [k for k, name in enumerate(names) if name in ("id", "ids")] + [0] * (names[0] == "")
    columns = []
    for k in range(len(names)):
        told = [row[k].strip() for row in rows[:FIRST] if row[k].strip().lower() not in MISSING]
        text = named and told and not any(map(is_number, told))
        if k not in ids and not text:
            columns.append([number(row[k]) for row in rows])
    return Reading(rows=of_objects(columns).T, ids=[row[ids[0]] for row in rows] if ids else None)


def of_objects(rows: Sequence[Sequence[int | float]]) -> Any:
    """Return a matrix of Python's numbers, which are compared exactly."""
    (width,) = {len(row) for row in rows}
    if not width or not all(type(value) in (int, float) for row in rows for value in row):
        raise ValueError("no numbers")
    out = np.empty((len(rows), width), object)
    for k, row in enumerate(rows):
        out[k] = row
    return out


def of_lines(data: bytes) -> Reading:
    """Return the lists of JSON lines, and the ids beside them."""
    values = [json.loads(line) for line in filled(lines_of(data))]
    if isinstance(values[0], list):
        return Reading(rows=of_objects(values))
    name = next(name for name in LISTS if name in values[0])
    ids = [plain(value["id"]) for value in values] if "id" in values[0] else None
    return Reading(rows=of_objects([value[name] for value in values]), ids=ids)


def plain(value: Any, kinds: tuple[type, ...] = (str, int)) -> str:
    """Return a JSON value of some types as text."""
    if type(value) not in kinds:
        raise TypeError(f"of {type(value)}")
    return str(value)


def of_vector(values: Any) -> list[str]:
    """Return the items of a .npy file that says something of rows, as text."""
    if values.ndim != 1 or values.dtype.kind not in "biufUS":
        raise ValueError(f"{values.ndim}-D of {values.dtype}")
    return [v.decode() if isinstance(v, bytes) else str(v) for v in values.tolist()]


def folded(name: str) -> str:
    """Return the name of a column, one of several things by the name of one."""
    return name.strip().lower().removesuffix("s")


def fields_of(suffix: str, data: bytes, wanted: Sequence[str], kinds: tuple[type, ...]) -> dict[str, list[str]]:
    """Return the wanted columns or fields that are there, or all entries of a file without names under no name."""
    lines = filled(lines_of(data))
    if suffix == "txt":
        return {"": lines}
    if suffix == "jsonl":
        values = [json.loads(line) for line in lines]
        if not values or not isinstance(values[0], dict):
            return {"": [plain(value, kinds) for value in values]}
        names, there = list(values[0]), [folded(name) for name in values[0]]
        fields = {name: names[there.index(name)] for name in wanted if name in there}
        return {name: [plain(value[field], kinds) for value in values] for name, field in fields.items()}
    return columns_of(lines, suffix, wanted)


def columns_of(lines: list[str], suffix: str, wanted: Sequence[str]) -> dict[str, list[str]]:
    """Return the wanted columns of a table that are there, or an only one without a header."""
    rows = cells_of(lines, suffix)
    there = [folded(cell) for cell in rows[0]] if rows else []
    if len(there) < 2 and not set(wanted) & set(there):
        return {"": [cell for (cell,) in rows]}
    return {name: [row[there.index(name)] for row in rows[1:]] for name in wanted if name in there}


def ids_of(suffix: str, data: bytes) -> list[str]:
    """Return the names in a file of ids; in .txt and tables blank lines are empty names."""
    if suffix == "txt":
        return lines_of(data)
    if suffix == "jsonl":
        values = [json.loads(line) for line in filled(lines_of(data))]
        return [plain(value["id"] if isinstance(value, dict) else value) for value in values]
    (found,) = columns_of(lines_of(data), suffix, ("id",)).values()
    return found


def row(text: str) -> int:
    """Return the row that a number names."""
    if not WHOLE.fullmatch(text.strip()) or int(text) < 0:
        raise ValueError(f"no row: {text[:60]}")
    return int(text)


def selected(suffix: str, data: bytes, ids: Sequence[str]) -> list[int]:
    """Return the rows, of these ids, that a file of text selects."""
    found = fields_of(suffix, data, ("id", "row"), (str, int, float))
    name = next(name for name in ("id", "row", "") if name in found)
    texts = found[name]
    named = name == "id" or (not name and not set(ids).isdisjoint(texts))
    return [ids.index(text) if named else row(text) for text in texts]


def in_order_of_rows(
    suffix: str, data: bytes, what: str, ids: Sequence[str] | None, kinds: tuple[type, ...]
) -> list[str]:
    """Return what a file of text says of every row, in the order of the rows; ids may name them, if there are any."""
    keys = ("row",) if ids is None else ("id", "row")
    found = fields_of(suffix, data, (*keys, what), kinds)
    texts = found.get(what) or found[""]
    key = next((key for key in keys if key in found), None)
    if key is None:
        return texts
    rows = [row(text) if key == "row" or ids is None else ids.index(text) for text in found[key]]
    if sorted(rows) != list(range(len(texts))):
        raise ValueError("not every row once")
    return [text for _, text in sorted(zip(rows, texts, strict=True))]
