"""Files of named rows, for the program that goes on with them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from specaudit.documents import NamedRow
    from specaudit.kernels import FloatArray


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
