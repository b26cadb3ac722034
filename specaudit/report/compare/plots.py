"""The figure of a comparison: scree, capacity curves, gain and local exponents."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from specaudit.documents import Comparison


def save_comparison(comparison: Comparison, path: str | Path) -> None:
    """Write the figure of `comparison` to a .svg, .pdf or .png file."""
    raise NotImplementedError(path)
