"""Files of named rows, for the program that goes on with them; of text, part after part, as there may be millions."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice, repeat
from typing import TYPE_CHECKING, Any, Protocol

from specaudit.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from specaudit.api import SpanRows
    from specaudit.documents import NamedRow
    from specaudit.kernels import FloatArray
    from specaudit.writing import Content

LINES = 1 << 14
"""Lines written at once."""


class Kept(Protocol):
    """What keeps rows: a pruning or a sample."""

    @property
    def kept(self) -> tuple[int, ...]:
        """Row numbers, ascending."""

    @property
    def kept_ids(self) -> tuple[str, ...] | None:
        """Their ids, if the data set has any."""


class Weighted(Protocol):
    """What weighs rows: a pruning or a frontier."""

    @property
    def weights(self) -> tuple[float, ...]:
        """Of all rows."""


class _Echo:
    """What a writer of a table writes to, to have its lines back."""

    def write(self, line: str) -> str:
        """Return the line."""
        return line


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    """Yield a table as comma-separated text."""
    writer = csv.writer(_Echo(), lineterminator="\r\n")  # both of which are quoted in a cell
    return _text(f"{writer.writerow(row)[:-2]}\n" for row in chain((head,), rows))


def _one_each(names: Iterable[object]) -> Iterator[str]:
    """Yield names as lines, of which each will be read as one again."""
    for number, name in enumerate(map(str, names)):
        if "\n" in name or "\r" in name or not name.strip() or (number == 0 and name.startswith("\ufeff")):
            raise InputError(f"the id {name!r} is no line of a .txt file", next_step="write the rows as .csv")
        yield f"{name}\n"


def _text(lines: Iterable[str]) -> Iterator[bytes]:
    """Yield whole lines as UTF-8."""
    lines = iter(lines)
    while part := "".join(islice(lines, LINES)):
        yield part.encode("utf-8", "backslashreplace")


def _csv(rows: Sequence[NamedRow]) -> Content:
    """Return a table of row number, id, distance and leverage, empty where there is none."""
    return _table(
        ("row", "id", "distance", "leverage"),
        (
            (row.row, row.id or "", f"{row.distance:.6g}", "" if row.leverage is None else f"{row.leverage:.6g}")
            for row in rows
        ),
    )


def _txt(rows: Sequence[NamedRow]) -> Content:
    """Return one id a line, or row number without ids."""
    return _text(_one_each(row.row if row.id is None else row.id for row in rows))


def _npy(rows: Sequence[NamedRow]) -> bytes:
    """Return the row numbers as a .npy file of int64."""
    import numpy as np

    return npy(np.array([row.row for row in rows], dtype=np.int64))


def npy(values: NDArray[Any]) -> bytes:
    """Return an array as a .npy file."""
    import numpy as np

    stream = io.BytesIO()
    np.save(stream, values, allow_pickle=False)
    return stream.getvalue()


ROW_FORMATS: dict[str, Callable[[Sequence[NamedRow]], Content]] = {".csv": _csv, ".txt": _txt, ".npy": _npy}
"""Suffix -> what a file of rows holds."""


def _leverage_csv(values: FloatArray) -> Content:
    """Return a table of row number and leverage, empty for rows that were dropped."""
    shown = (f"{value:.6g}" if value == value else "" for value in values)
    return _table(("row", "leverage"), enumerate(shown))


LEVERAGE_FORMATS: dict[str, Callable[[FloatArray], Content]] = {".npy": npy, ".csv": _leverage_csv}
"""Suffix -> what a file of leverages holds."""


def _kept_npy(rows: Kept) -> bytes:
    """Return the row numbers that are kept as a .npy file of int64."""
    import numpy as np

    return npy(np.array(rows.kept, dtype=np.int64))


def _kept_csv(rows: Kept) -> Content:
    """Return a table of row number and, where there are ids, id."""
    ids = rows.kept_ids
    if ids is None:
        return _table(("row",), ((row,) for row in rows.kept))
    return _table(("row", "id"), zip(rows.kept, ids, strict=True))


def _kept_txt(rows: Kept) -> Content:
    """Return one id a line, or row number without ids."""
    return _text(_one_each(rows.kept if rows.kept_ids is None else rows.kept_ids))


def _kept_jsonl(rows: Kept) -> Content:
    """Return an object a line: the id, or the row number without ids."""
    key, names = ("row", rows.kept) if rows.kept_ids is None else ("id", rows.kept_ids)
    return _text(f"{json.dumps({key: name})}\n" for name in names)


KEPT_FORMATS: dict[str, Callable[[Kept], Content]] = {
    ".npy": _kept_npy,
    ".csv": _kept_csv,
    ".txt": _kept_txt,
    ".jsonl": _kept_jsonl,
}
"""Suffix -> what a file of kept rows holds; `compare --kept` reads them all."""


def _weights_npy(rows: Weighted) -> bytes:
    """Return the weights of all rows as a .npy file of float64."""
    import numpy as np

    return npy(np.array(rows.weights, dtype=np.float64))


def _weights_csv(rows: Weighted) -> Content:
    """Return a table of row number and weight."""
    return _table(("row", "weight"), enumerate(rows.weights))


def _weights_jsonl(rows: Weighted) -> Content:
    """Return an object a line: row number and weight."""
    return _text(f"{json.dumps({'row': row, 'weight': weight})}\n" for row, weight in enumerate(rows.weights))


WEIGHT_FORMATS: dict[str, Callable[[Weighted], Content]] = {
    ".npy": _weights_npy,
    ".csv": _weights_csv,
    ".jsonl": _weights_jsonl,
}
"""Suffix -> what a file of weights holds; `compare --weights` reads them all."""


def _span_csv(sets: Sequence[SpanRows]) -> Content:
    """Return a table of every different row of all sets: set, row number, id, class, excess, distance."""
    return _table(
        ("set", "row", "id", "class", "excess", "distance"),
        (
            (found.source, row, name, kind, f"{excess:.6g}", f"{distance:.6g}")
            for found in sets
            for ids in [found.ids or repeat("", len(found.rows))]
            for row, name, kind, excess, distance in zip(
                found.rows, ids, found.classes, found.excess, found.distance, strict=True
            )
        ),
    )


SPAN_ROW_FORMATS: dict[str, Callable[[Sequence[SpanRows]], Content]] = {".csv": _span_csv}
"""Suffix -> what a file of judged rows holds."""
