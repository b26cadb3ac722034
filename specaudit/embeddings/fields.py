"""Text files that say something about rows: a list, or the columns of a table or of JSON lines that matter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from specaudit.embeddings.delimited import DELIMITERS, records
from specaudit.embeddings.display import quoted, shown
from specaudit.embeddings.files import filled_lines
from specaudit.embeddings.jsonl import json_lines, kind
from specaudit.embeddings.sources import Part
from specaudit.embeddings.texts import TextMeter
from specaudit.errors import InputError

Wanted = Sequence[Sequence[str]]
"""Per item of interest the names of its column, the best first; the last item must be there, or be all there is."""
UNNAMED = ""
SUFFIXES = (".txt", ".csv", ".tsv", ".jsonl")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """What a file says, entry by entry, as it is written there.

    Attributes
    ----------
    lines
        Number of the line of each entry, from 1.
    columns
        The entries by the name of their column, "id" for "ids"; ``UNNAMED`` where it has none.
    """

    lines: Sequence[int]
    columns: Mapping[str, Sequence[str]]


def read_fields(part: Part, wanted: Wanted, *, truths: bool = False, max_memory: int | None = None) -> Fields:
    """Return the wanted columns of a file with one of ``SUFFIXES``; only with ``truths`` may JSON say true or false.

    Raises
    ------
    InputError
        Names the line: a missing column, a row of another length, not JSON, not UTF-8, blank before another row.
    BudgetError
        The lines take more than ``max_memory``, in bytes.
    """
    meter = TextMeter(part.label, "lines", max_memory)
    if part.suffix == ".jsonl":
        return _read_jsonl(part, wanted, truths, meter)
    numbered = filled_lines(part.path, part.label)
    if part.suffix in DELIMITERS:
        return read_table(part, wanted, meter.each(line for _, line in numbered))
    lines = {number: meter.taken((line,))[0] for number, line in numbered}
    return Fields(lines=tuple(lines), columns={UNNAMED: tuple(lines.values())})


def read_table(part: Part, wanted: Wanted, lines: Iterable[str]) -> Fields:
    """Return the wanted columns of a table; an only column needs no header, and a blank line is an empty cell.

    Raises
    ------
    InputError
        As ``read_fields``.
    """
    rows = records(part.label, DELIMITERS[part.suffix], 1, lines)
    number, first = next(rows, (0, [""]))
    width = len(first)
    positions = _positions(f"{shown(part.label)} line {number}", "column", first or [""], wanted)
    bare = UNNAMED in positions and number > 0
    at = [number] if bare else []
    columns = {name: ["".join(first)] if bare else [] for name in positions}
    for number, cells in rows:
        if len(cells) != width and cells:
            raise InputError(
                f"{shown(part.label)} line {number}: {len(cells)} cells, expected {width}",
                next_step="give all rows the same columns",
            )
        at.append(number)
        for name, position in positions.items():
            columns[name].append(cells[position] if cells else "")
    return Fields(lines=at, columns=columns)


def _positions(where: str, what: str, names: Sequence[str], wanted: Wanted) -> dict[str, int]:
    """Return where the wanted columns are: the best name of each, or the only one without a name."""
    known = [name.strip().lower().removesuffix("s") for name in names]
    found = [next((name for name in choices if name in known), None) for choices in wanted]
    if found[-1] is not None:
        return {name: known.index(name) for name in found if name is not None}
    if what == "column" and len(names) == 1 and not any(found):
        return {UNNAMED: 0}
    missing = " or ".join(quoted(name) for name in wanted[-1])
    raise InputError(
        f"{where}: {len(names)} {what}{'s' * (len(names) != 1)} and none named {missing}",
        next_step=f"keep one {what}, or name it {wanted[-1][0]}",
    )


def _read_jsonl(part: Part, wanted: Wanted, truths: bool, meter: TextMeter) -> Fields:
    lines: list[int] = []
    columns: dict[str, list[str]] = {}
    fields: dict[str, str] | None = None
    for number, value in json_lines(part):
        where = f"{shown(part.label)} line {number}"
        if fields is None:
            names = list(value) if isinstance(value, dict) else []
            found = _positions(where, "field", names, wanted) if isinstance(value, dict) else {}
            fields = {name: names[position] for name, position in found.items()} or {UNNAMED: UNNAMED}
            columns = {name: [] for name in fields}
        if isinstance(value, dict) != (UNNAMED not in fields):
            raise InputError(f"{where}: {kind(value)}, unlike the first line", next_step="write all lines alike")
        lines.append(number)
        for name, text in _texts(where, value, fields, truths):
            columns[name] += meter.taken((text,))
    return Fields(lines=lines, columns=columns or {UNNAMED: []})


def _texts(where: str, value: object, fields: Mapping[str, str], truths: bool) -> Iterator[tuple[str, str]]:
    for name, field in fields.items():
        item = value.get(field) if isinstance(value, dict) else value
        if (isinstance(item, bool) and not truths) or not isinstance(item, (str, int, float)):
            place = f"field {quoted(field)} is " if field else ""
            raise InputError(
                f"{where}: {place}{kind(item)}, expected a string or a number", next_step="correct or drop the line"
            )
        yield name, str(item)
