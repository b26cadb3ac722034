"""The curves of a fit as one tidy table."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from itertools import repeat
from typing import TYPE_CHECKING

from specaudit.documents import SIGNIFICANT_DIGITS

if TYPE_CHECKING:
    from specaudit.documents import Fit

HEADER = ("kernel", "quantity", "n2", "value", "low", "high", "trusted")
"""One row per kernel, quantity and point; `low` and `high` (95 % band) are empty where there is none.

Quantities: `kappa` and `n1` of the capacity curve; the local exponents `b1`, `b2` and `b3`. `trusted` is
false past the depth that the exponent uses.
"""


def render(fit: Fit) -> str:
    """Return every capacity curve and local exponent of ``fit`` as CSV with the columns of ``HEADER``."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(HEADER)
    for name, spectrum in fit.spectra.items():
        capacity, local = spectrum.capacity, spectrum.local_exponent
        curves: tuple[
            tuple[str, Sequence[float], Sequence[float], Sequence[float] | None, Sequence[float] | None], ...
        ]
        curves = (
            ("kappa", capacity.n2, capacity.kappa, capacity.kappa_low, capacity.kappa_high),
            ("n1", capacity.n2, capacity.n1, None, None),
            ("b1", local.n2, local.b1, None, None),
            ("b2", local.n2, local.value, local.low, local.high),
            ("b3", local.n2, local.b3, None, None),
        )
        for quantity, n2, values, low, high in curves:
            for x, value, lowest, highest in zip(n2, values, low or repeat(None), high or repeat(None), strict=False):
                trusted = "true" if x <= capacity.trusted_n2 else "false"
                writer.writerow([name, quantity, *map(cell, (x, value, lowest, highest)), trusted])
    return stream.getvalue()


def cell(value: float | None) -> str:
    """Return a value to six significant digits; nothing for none."""
    return "" if value is None else f"{value:.{SIGNIFICANT_DIGITS}g}"
