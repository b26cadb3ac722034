"""Names of rows: read from a file, unique and one per row."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from specaudit.embeddings.delimited import DELIMITERS, ID_NAMES
from specaudit.embeddings.display import quoted, shown
from specaudit.embeddings.files import file_size, open_file, read_at, text_lines
from specaudit.embeddings.jsonl import ID_FIELD, json_lines, read_id
from specaudit.embeddings.npy import expect_data, read_header
from specaudit.embeddings.sources import Part
from specaudit.errors import InputError

Ids = tuple[str, ...]


def read_ids(source: str | os.PathLike[str] | Sequence[str]) -> Ids:
    """Return the ids that a file or a sequence holds, as they are written there.

    Raises
    ------
    InputError
        The file cannot be read as ids.
    """
    if not isinstance(source, (str, os.PathLike)):
        return tuple(str(name) for name in source)
    path = Path(source)
    part = Part(path=path, label=os.fsdecode(source), suffix=path.suffix.lower())
    reader = READERS.get(part.suffix)
    if reader is not None:
        return reader(part)
    open_file(part.path, part.label).close()  # a missing file is the likelier mistake
    raise InputError(
        f"{shown(part.label)}: ids cannot be read from suffix {quoted(part.suffix)}",
        next_step=f"use one of {', '.join(READERS)}",
    )


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


def _read_text(part: Part) -> Ids:
    return tuple(line for _, line in text_lines(part.path, part.label))


def _read_npy(part: Part) -> Ids:
    with open_file(part.path, part.label) as file:
        header = read_header(file, part.label)
        shape, dtype = header.shape, header.dtype
        if dtype.kind not in "USiu" or dtype.itemsize == 0 or len(shape) != 1 or shape[0] < 0:
            raise InputError(
                f"{shown(part.label)}: shape {shown(shape, 60)} of {shown(dtype, 60)}, expected 1-D and "
                "strings or whole numbers",
                next_step="save it with numpy.save(FILE, numpy.array(ids, dtype=str))",
            )
        expect_data(part.label, header, file_size(file) - header.length)
        values = np.empty(shape, dtype)
        read_at(file, values.view(np.uint8).data if values.size else memoryview(b""), header.length, part.label)
    try:
        return tuple(v.decode() if isinstance(v, bytes) else str(v) for v in values.tolist())
    except (ValueError, SystemError):  # bytes that are no characters
        raise InputError(
            f"{shown(part.label)}: holds bytes that are not text", next_step="write the ids again"
        ) from None


def _read_table(part: Part) -> Ids:
    lines = (line for _, line in text_lines(part.path, part.label))
    reader = csv.reader(lines, delimiter=DELIMITERS[part.suffix], strict=True)
    ids: list[str] = []
    column, width = 0, 1
    try:
        for cells in reader:
            if reader.line_num == 1:
                width = len(cells)
                named = [k for k, cell in enumerate(cells) if cell.strip().lower() in ID_NAMES]
                if width > 1 and not named:
                    raise InputError(
                        f"{shown(part.label)} line 1: {width} columns and none named 'id'",
                        next_step="keep one column, or name it id",
                    )
                if named:
                    column = named[0]
                    continue
            if len(cells) != width and cells:
                raise InputError(
                    f"{shown(part.label)} line {reader.line_num}: {len(cells)} cells, expected {width}",
                    next_step="give all rows the same columns",
                )
            ids.append(cells[column] if cells else "")
    except csv.Error as error:
        raise InputError(
            f"{shown(part.label)} line {reader.line_num}: {shown(error, 100)}", next_step="check its quotes"
        ) from None
    return tuple(ids)


def _read_jsonl(part: Part) -> Ids:
    ids = []
    for number, value in json_lines(part):
        record = value if isinstance(value, dict) else {ID_FIELD: value}
        ids.append(read_id(f"{shown(part.label)} line {number}", record, ID_FIELD))
    return tuple(ids)


READERS: Mapping[str, Callable[[Part], Ids]] = {
    ".txt": _read_text,
    ".npy": _read_npy,
    ".csv": _read_table,
    ".tsv": _read_table,
    ".jsonl": _read_jsonl,
}
