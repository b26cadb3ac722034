"""The curves of both sides of a comparison as one tidy table."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import TYPE_CHECKING

from specaudit.report.curves import cell

if TYPE_CHECKING:
    from specaudit.documents import Comparison, Curve, SpectrumChange

HEADER = ("kernel", "side", "quantity", "x", "y", "low", "high")
"""One row per kernel, side, quantity and point; `low` and `high` (95 % band) are empty where there is none.

Of the sides `before` and `after`: `eigenvalue` over rank, `kappa` over N_1 and `b2` over N_2. Of `after/before`:
`kappa_ratio` over N_1.
"""

Line = tuple[str, str, Sequence[float], Sequence[float], Sequence[float] | None, Sequence[float] | None]


def render(comparison: Comparison) -> str:
    """Return every curve of ``comparison``, at equal size, as CSV with the columns of ``HEADER``."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(HEADER)
    for name, spectrum in comparison.spectra.items():
        for side, quantity, x, y, low, high in _lines(spectrum):
            for point in zip(x, y, low or repeat(None), high or repeat(None), strict=False):
                writer.writerow([name, side, quantity, *map(cell, point)])
    return stream.getvalue()


def _lines(spectrum: SpectrumChange) -> Iterator[Line]:
    yield from _side("before", spectrum.before)
    yield from _side("after", spectrum.after)
    gain = spectrum.gain
    yield "after/before", "kappa_ratio", gain.dimension, gain.kappa_ratio, gain.low, gain.high


def _side(side: str, curve: Curve) -> Iterator[Line]:
    yield side, "eigenvalue", range(1, len(curve.eigenvalues) + 1), curve.eigenvalues, None, None
    yield side, "kappa", curve.n1, curve.kappa, curve.kappa_low, curve.kappa_high
    yield side, "b2", curve.n2, curve.exponent, curve.exponent_low, curve.exponent_high
