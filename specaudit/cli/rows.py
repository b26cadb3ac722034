"""Files of named rows, for the program that goes on with them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from specaudit.api import SpanRows
    from specaudit.documents import NamedRow
    from specaudit.kernels import FloatArray


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


def _csv(rows: Sequence[NamedRow]) -> bytes:
    """Return a table of row number, id, distance and leverage, empty where there is none."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(("row", "id", "distance", "leverage"))
    writer.writerows(
        (row.row, row.id or "", f"{row.distance:.6g}", "" if row.leverage is None else f"{row.leverage:.6g}")
        for row in rows
    )
    return stream.getvalue().encode("utf-8", "backslashreplace")


def _txt(rows: Sequence[NamedRow]) -> bytes:
    """Return one id a line, or row number without ids."""
    return "".join(f"{row.row if row.id is None else row.id}\n" for row in rows).encode("utf-8", "backslashreplace")


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


ROW_FORMATS: dict[str, Callable[[Sequence[NamedRow]], bytes]] = {".csv": _csv, ".txt": _txt, ".npy": _npy}
"""Suffix -> what a file of rows holds."""


def _leverage_csv(values: FloatArray) -> bytes:
    """Return a table of row number and leverage, empty for rows that were dropped."""
    lines = (f"{row},{value:.6g}" if value == value else f"{row}," for row, value in enumerate(values.tolist()))
    return "\n".join(("row,leverage", *lines, "")).encode()


LEVERAGE_FORMATS: dict[str, Callable[[FloatArray], bytes]] = {".npy": npy, ".csv": _leverage_csv}
"""Suffix -> what a file of leverages holds."""


def _kept_npy(rows: Kept) -> bytes:
    """Return the row numbers that are kept as a .npy file of int64."""
    import numpy as np

    return npy(np.array(rows.kept, dtype=np.int64))


def _kept_csv(rows: Kept) -> bytes:
    """Return a table of row number and, where there are ids, id."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(("row",) if rows.kept_ids is None else ("row", "id"))
    writer.writerows(zip(rows.kept, *([rows.kept_ids] if rows.kept_ids else []), strict=True))
    return stream.getvalue().encode("utf-8", "backslashreplace")


def _kept_txt(rows: Kept) -> bytes:
    """Return one id a line, or row number without ids."""
    names = rows.kept if rows.kept_ids is None else rows.kept_ids
    return "".join(f"{name}\n" for name in names).encode("utf-8", "backslashreplace")


def _kept_jsonl(rows: Kept) -> bytes:
    """Return an object a line: the id, or the row number without ids."""
    key, names = ("row", rows.kept) if rows.kept_ids is None else ("id", rows.kept_ids)
    return "".join(f"{json.dumps({key: name})}\n" for name in names).encode()


KEPT_FORMATS: dict[str, Callable[[Kept], bytes]] = {
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


def _weights_csv(rows: Weighted) -> bytes:
    """Return a table of row number and weight."""
    lines = (f"{row},{weight!r}" for row, weight in enumerate(rows.weights))
    return "\n".join(("row,weight", *lines, "")).encode()


def _weights_jsonl(rows: Weighted) -> bytes:
    """Return an object a line: row number and weight."""
    lines = (json.dumps({"row": row, "weight": weight}) for row, weight in enumerate(rows.weights))
    return "".join(f"{line}\n" for line in lines).encode()


WEIGHT_FORMATS: dict[str, Callable[[Weighted], bytes]] = {
    ".npy": _weights_npy,
    ".csv": _weights_csv,
    ".jsonl": _weights_jsonl,
}
"""Suffix -> what a file of weights holds; `compare --weights` reads them all."""


def _span_csv(sets: Sequence[SpanRows]) -> bytes:
    """Return a table of every different row of all sets: set, row number, id, class, excess, distance."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(("set", "row", "id", "class", "excess", "distance"))
    for found in sets:
        ids = found.ids or [""] * len(found.rows)
        for row, name, kind, excess, distance in zip(
            found.rows.tolist(), ids, found.classes, found.excess, found.distance, strict=True
        ):
            writer.writerow((found.source, row, name, kind, f"{excess:.6g}", f"{distance:.6g}"))
    return stream.getvalue().encode("utf-8", "backslashreplace")


SPAN_ROW_FORMATS: dict[str, Callable[[Sequence[SpanRows]], bytes]] = {".csv": _span_csv}
"""Suffix -> what a file of judged rows holds."""
