"""CSV and TSV tables: which columns are the embedding, and their rows as float64."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np

from specaudit.embeddings.display import quoted, shown
from specaudit.embeddings.exact import EXACT_INTEGER, beyond_error, is_beyond
from specaudit.embeddings.files import LONGEST_LINE, text_lines
from specaudit.embeddings.matrices import Array, check_held
from specaudit.embeddings.options import Options
from specaudit.embeddings.sources import Part
from specaudit.embeddings.stored import FileMatrix, ParsedRows, spool_rows
from specaudit.errors import InputError

DELIMITERS = {".csv": ",", ".tsv": "\t"}
ID_NAMES = ("id", "ids")
BLOCK = 1 << 20  # characters parsed at a time
SAMPLE = 64  # rows that decide which columns are text
MISSING = ("", "na", "n/a", "null", "none")  # what writers put in place of a number
OTHERWISE = re.compile(r"[+-]?\d+(,\d+)*([eE][+-]?\d+)?|[+-]?\d*\.\d+([eE][+-]?\d+)?")
"""Numbers with a decimal comma or commas between thousands, or with digits of other scripts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """How the rows of one table are read."""

    label: str
    delimiter: str
    names: tuple[str, ...]  # counted from 1 where there is no header
    header: int  # lines that it takes, none where there is no header
    columns: tuple[int, ...]  # positions of the embedding
    id_column: int | None
    group_column: int | None


def read_delimited(part: Part, options: Options) -> FileMatrix:
    """Return the embedding columns of a table, copied to a nameless temporary file as float64.

    Where no column is asked for these are all but columns of text (no number in the first 64 rows), one named id or
    ids, the column of the groups, the one that it shall be ``without``, and an unnamed first one (the index that
    pandas writes). A first row without numbers, or just 0, 1, 2... in order, is a header.

    Raises
    ------
    InputError
        Names line and column: a cell that is not a number, a row of another length, a blank line, a column
        that is not there.
    BudgetError
        The rows that tell which columns are text take more than a quarter of the memory that may be used.
    """
    rows = _rows(part)
    head = list(islice(rows, SAMPLE + 1))
    size = sum(len(line) for _, lines in head for line in lines)
    if size > BLOCK + LONGEST_LINE:  # less is in memory of any table
        check_held(part.label, size, options.max_memory)
    table = _layout(part, (line for _, lines in head for line in lines), options)
    blocks = _blocks(chain(head, rows))
    del head

    def parsed() -> Iterator[ParsedRows]:
        skip = table.header
        for first, lines in blocks:
            if skip < len(lines):
                yield _parse(table, first + skip, lines[skip:])
            skip = max(0, skip - len(lines))

    return spool_rows(part.label, len(table.columns), parsed(), max_memory=options.max_memory)


def _rows(part: Part) -> Iterator[tuple[int, list[str]]]:
    """Yield ``(number of the first line, lines)`` of each row: several lines where a line ends in quotes."""
    lines: list[str] = []
    size, quote, blank = 0, 0, 0  # quote: the line of a quote that is open
    for number, line in text_lines(part.path, part.label):
        if not quote and not line.strip():
            blank = blank or number
            continue
        if blank:
            raise InputError(
                f"{shown(part.label)} line {blank}: blank line before another row", next_step="remove it"
            )
        lines.append(line)
        size += len(line)
        if line.count('"') % 2:
            quote = 0 if quote else number
        if not quote:
            yield number - len(lines) + 1, lines
            lines, size = [], 0
        elif size > BLOCK + LONGEST_LINE:
            break
    if quote:
        raise InputError(f"{shown(part.label)} line {quote}: a quote is not closed", next_step="close it")


def _blocks(rows: Iterable[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    """Yield ``(number of the first line, lines)`` of rows together."""
    together: list[str] = []
    start = size = 0
    for number, lines in rows:
        start = start if together else number
        together += lines
        size += sum(map(len, lines))
        if size >= BLOCK:
            yield start, together
            together, size = [], 0
    if together:
        yield start, together


def _layout(part: Part, lines: Iterable[str], options: Options) -> _Table:
    column, id_column, group_column = options.column, options.id_column, options.group_column
    delimiter = DELIMITERS[part.suffix]
    sample = records(part.label, delimiter, 1, lines)
    end, first = next(sample, (0, [""]))
    if not end:
        raise InputError(f"{shown(part.label)}: the table has no rows", next_step="write it again")
    header = end if _is_header(first) else 0
    names = tuple(cell.strip() for cell in first) if header else tuple(str(k + 1) for k in range(len(first)))
    below = next(sample, None)
    if header and below is None:
        raise InputError(f"{shown(part.label)}: a header and no rows", next_step="write the table again")
    taken = [k for k, name in enumerate(names) if header and name.lower() in ID_NAMES]
    if header and names[0] == "":
        taken.append(0)
    if id_column is not None:
        if id_column not in names:
            raise InputError(
                f"{shown(part.label)}: ids {quoted(id_column)} is neither a file nor a column",
                next_step="name a file of ids or a column of the table",
            )
        taken.insert(0, names.index(id_column))
    if group_column is not None and group_column not in names:
        what = f"labels {quoted(group_column)} is neither a file nor a column"
        raise InputError(
            f"{shown(part.label)}: {what} among {_listed(names)}",
            next_step="name a file of labels or a column of the table",
        )
    apart = {*taken, *(k for k, name in enumerate(names) if name in (group_column, options.without))}
    if column is not None:
        columns = select_columns(part.label, names, column)
    elif header:
        rows = (cells for _, cells in chain([below] if below else [], sample))
        text = _texts(part.label, names, [k for k in range(len(names)) if k not in apart], rows)
        columns = [k for k in range(len(names)) if k not in apart and k not in text]
    else:
        columns = [k for k in range(len(names)) if k not in apart]
    if not columns:
        raise InputError(
            f"{shown(part.label)}: no column of numbers among {_listed(names)}",
            next_step="check the delimiter, or name the columns",
        )
    return _Table(
        label=part.label,
        delimiter=delimiter,
        names=names,
        header=header,
        columns=tuple(columns),
        id_column=taken[0] if taken else None,
        group_column=None if group_column is None else names.index(group_column),
    )


def _texts(label: str, names: Sequence[str], columns: Iterable[int], rows: Iterable[Sequence[str]]) -> frozenset[int]:
    """Return the columns that have text and no number; an empty one may have numbers further down.

    Raises
    ------
    InputError
        All cells of one are numbers in a notation that is not read: left out, they would be missed by nobody.
    """
    open_: dict[int, str | None] = dict.fromkeys(columns)  # those without a number so far, and what they begin with
    other: set[int] = set()  # those with text that is no number in another notation
    for row in rows:
        for column in [k for k in open_ if k < len(row)]:
            cell = row[column].strip()
            if cell.lower() in MISSING:
                continue
            if is_number(cell):
                del open_[column]
                continue
            open_[column] = open_[column] or cell
            if not OTHERWISE.fullmatch(cell):
                other.add(column)
    text = {column: cell for column, cell in open_.items() if cell is not None}
    for column, cell in text.items():
        if column not in other:
            where = f"{shown(label)} column {column + 1} ({quoted(names[column])})"
            raise InputError(
                f"{where}: {quoted(cell)} and the like, expected numbers as in 1234.5",
                next_step="write them with a point and the digits 0 to 9, or name the columns of the embedding",
            )
    return frozenset(text)


def _is_header(cells: Sequence[str]) -> bool:
    """Return whether a first row names columns: no numbers in it, or just 0, 1, 2... or 1, 2, 3..."""
    numbers = [cell.strip() for cell in cells if is_number(cell)]
    counted = any(numbers == [str(k + start) for k in range(len(numbers))] for start in (0, 1))
    return not numbers or (counted and (len(numbers) > 2 or len(numbers) < len(cells)))


def select_columns(label: str, names: Sequence[str], wanted: str) -> list[int]:
    """Return the positions that names, prefixes and ranges ``first:last`` select, in the order given."""
    chosen: list[int] = []
    for item in (piece.strip() for piece in wanted.split(",")):
        first, colon, last = item.partition(":")
        if item in names:
            found = [k for k, name in enumerate(names) if name == item]
        elif colon and first in names and last in names:
            found = list(range(names.index(first), names.index(last) + 1))
        else:
            found = [k for k, name in enumerate(names) if item and name.startswith(item)]
        if not found:
            raise InputError(
                f"{shown(label)}: no column {quoted(item)} among {_listed(names)}",
                next_step="name columns, a prefix of them, or a range first:last",
            )
        chosen += [k for k in found if k not in chosen]
    return chosen


def _listed(names: Sequence[str]) -> str:
    return ", ".join(quoted(name) for name in names[:10]) + (", ..." if len(names) > 10 else "")


def records(label: str, delimiter: str, first: int, lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield ``(line where the row ends, cells)``; ``first`` is the number of the first line."""
    # With the line ends that the lines are given without: in quotes they are part of a cell, and no number goes on.
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            yield first + reader.line_num - 1, cells
    except csv.Error as error:
        raise InputError(
            f"{shown(label)} line {first + reader.line_num - 1}: {shown(error, 100)}",
            next_step="check the quotes and line ends of the table",
        ) from None


def _parse(table: _Table, first: int, lines: list[str]) -> ParsedRows:
    mark, width = table.delimiter, len(table.names)
    plain = all(line.count(mark) == width - 1 and '"' not in line for line in lines)
    if plain:
        try:
            values = np.loadtxt(
                lines, delimiter=mark, usecols=table.columns, comments=None, ndmin=2, dtype=np.float64
            )
        except ValueError:  # the slower parser below finds the cell
            plain = False
        else:
            _check_exact(table, first, lines, values)
            ids, groups = (
                None if at is None else [line.split(mark, at + 1)[at] for line in lines]
                for at in (table.id_column, table.group_column)
            )
            return ParsedRows(values=values, ids=ids, groups=groups)
    rows, kept = [], []
    for number, cells in records(table.label, mark, first, lines):
        if len(cells) != width:
            raise InputError(
                f"{shown(table.label)} line {number}: {len(cells)} cells, expected {width} as in line 1",
                next_step="give all rows the same columns",
            )
        rows.append([_number(table, number, k, cells[k]) for k in table.columns])
        kept.append(cells)
    ids, groups = (
        None if at is None else [cells[at] for cells in kept] for at in (table.id_column, table.group_column)
    )
    return ParsedRows(values=np.array(rows, np.float64), ids=ids, groups=groups)


def _check_exact(table: _Table, first: int, lines: Sequence[str], values: Array) -> None:
    """Raise an ``InputError`` that names the first whole number among ``values`` (k, d) that was rounded."""
    for row, k in np.argwhere(np.abs(values) >= EXACT_INTEGER).tolist():
        column = table.columns[k]
        _number(table, first + row, column, lines[row].split(table.delimiter, column + 1)[column])


def is_number(cell: str) -> bool:
    """Return whether a cell is a number: nan and infinity are; 1_000 is not, and digits of other scripts are not."""
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell and cell.strip().isascii()


def _number(table: _Table, line: int, column: int, cell: str) -> float:
    named = f" ({quoted(table.names[column])})" if table.header else ""
    where = f"{shown(table.label)} line {line} column {column + 1}{named}"
    if is_number(cell):
        number = float(cell)
        if abs(number) >= EXACT_INTEGER and is_beyond(cell.strip()):
            raise beyond_error(where, cell.strip())
        return number
    what = f"{quoted(cell)} is not a number" if cell.strip() else "empty cell, expected a number"
    raise InputError(f"{where}: {what}", next_step="correct the cell, or name the columns of the embedding")
