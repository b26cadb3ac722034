"""Diversity indices at equal size as rows of cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from specaudit.embeddings.display import shown
from specaudit.report.compare.facts import kernels
from specaudit.report.facts import number

if TYPE_CHECKING:
    from specaudit.documents import Comparison, DiversityChange

DIVERSITY = "Diversity at equal size: information, no gate counts it"
DIVERSITY_HEADS = ("index", "kernel", "before", "after", "after / before [95 %]")
INDICES = {"vendi_score": "Vendi score", "participation_ratio": "participation ratio", "rankme": "RankMe"}


def diversity_table(comparison: Comparison) -> list[tuple[str, ...]]:
    """Return the indices under every kernel as rows under ``DIVERSITY_HEADS``; none where none was worked out."""
    return [
        (index_title(name), title, number(change.before), number(change.after), ratio(change))
        for kernel, title in kernels(comparison).items()
        for name, change in _ordered(comparison.spectra[kernel].diversity).items()
    ]


def index_title(name: str) -> str:
    """Return how an index is called in words."""
    return INDICES.get(name, shown(name))


def ratio(change: DiversityChange) -> str:
    """Return after / before with its interval."""
    return f"× {change.ratio:.3f} [{change.low:.3f}, {change.high:.3f}]"


def _ordered(found: Mapping[str, DiversityChange]) -> dict[str, DiversityChange]:
    """Return the indices in one order: a saved document has them by the alphabet."""
    return {
        name: found[name] for name in (*(n for n in INDICES if n in found), *(n for n in found if n not in INDICES))
    }
