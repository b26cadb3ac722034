"""Whole numbers that float64 cannot hold: they would be rounded to others."""

from __future__ import annotations

import re

import numpy as np

from specaudit.embeddings.display import shown
from specaudit.embeddings.matrices import Array, DType
from specaudit.errors import InputError

EXACT_INTEGER = 1 << 53  # float64 holds every integer up to here
WHOLE = re.compile(r"[+-]?[0-9]+")


def first_beyond(values: Array) -> tuple[int, ...] | None:
    """Return the place of the first integer beyond 2^53, if there is one."""
    if values.dtype.kind not in "iu" or values.dtype.itemsize < 8:
        return None
    beyond = values > EXACT_INTEGER
    if values.dtype.kind == "i":
        beyond |= values < -EXACT_INTEGER
    return tuple(int(k) for k in np.argwhere(beyond)[0]) if beyond.any() else None


def rounds(stored: DType, given: DType) -> bool:
    """Return whether numbers of one type may be rounded where they are given as another."""
    return stored.kind in "iu" and stored.itemsize == 8 and given.kind == "f"


def is_beyond(text: str) -> bool:
    """Return whether a text is a whole number, without a point or an exponent, beyond 2^53."""
    if not WHOLE.fullmatch(text):
        return False
    digits = text.lstrip("+-0")
    return len(digits) > len(str(EXACT_INTEGER)) or int(digits or 0) > EXACT_INTEGER


def beyond_error(where: str, value: int | str) -> InputError:
    """Return the error about an integer beyond 2^53."""
    return InputError(
        f"{where}: the integer {shown(value, 40)} is beyond 2^53, which float64 cannot hold exactly",
        next_step="store embeddings as floating-point numbers",
    )
