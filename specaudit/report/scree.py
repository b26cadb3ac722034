"""A scree plot in braille characters: eigenvalue against rank, both on a logarithmic scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from specaudit.report.facts import number

if TYPE_CHECKING:
    from specaudit.documents import Spectrum

COLUMNS, ROWS = 60, 12
FAINTEST = 1e-9  # share of the largest eigenvalue under which one is rounding, and would set the scale
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # [row][column] of a braille cell
_EMPTY = 0x2800


def above_rounding(spectrum: Spectrum) -> NDArray[np.float64]:
    """Return the leading eigenvalues that are more than rounding, largest first."""
    values = np.asarray(spectrum.eigenvalues)
    floor = np.maximum(np.asarray(spectrum.eigenvalue_errors), FAINTEST * values.max(initial=0.0))
    found: NDArray[np.float64] = values[values > floor]
    return found


def scree(eigenvalues: Sequence[float] | NDArray[np.float64], columns: int = COLUMNS, rows: int = ROWS) -> str:
    """Return the plot of the positive ``eigenvalues``, in lines of a little over ``columns`` characters.

    Empty where fewer than two differ, so that there is no scale.
    """
    values = np.asarray([value for value in eigenvalues if value > 0])
    if len(np.unique(values)) < 2:
        return ""
    across = _scaled(np.log(np.arange(1, len(values) + 1)), 2 * columns - 1)
    down = _scaled(-np.log(values), 4 * rows - 1)
    cells = np.zeros((rows, columns), dtype=int)
    for x, y in zip(across, down, strict=True):
        cells[y // 4, x // 2] |= _DOTS[y % 4][x % 2]
    labels = [""] * rows
    labels[0], labels[-1] = number(float(values.max()), 3), number(float(values.min()), 3)
    margin = max(map(len, labels))
    lines = [
        f"{label:>{margin}} │{''.join(chr(_EMPTY + cell) if cell else ' ' for cell in row)}".rstrip()
        for label, row in zip(labels, cells, strict=True)
    ]
    last = f"{len(values):,}"
    return "\n".join(
        [
            *lines,
            f"{'':{margin}} └{'─' * columns}",
            f"{'':{margin}}  1{'rank':^{columns - 1 - len(last)}}{last}",
        ]
    )


def _scaled(values: NDArray[np.float64], size: int) -> NDArray[np.int_]:
    """Return ``values`` mapped to whole dots from 0 to ``size``."""
    span = values.max() - values.min()
    dots: NDArray[np.int_] = np.rint((values - values.min()) / span * size).astype(int)
    return dots
