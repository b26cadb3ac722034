"""What a fit of a fused kernel says of its sides, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specaudit.embeddings.display import shown
from specaudit.report.facts import number

if TYPE_CHECKING:
    from specaudit.documents import Exponent, FusedDifference, Fusion

TITLE = "Fused kernel"
MOVED = {
    "steeper": "steeper",
    "flatter": "flatter",
    "none seen": "no move is seen",
    "cannot tell": "cannot tell",
}
FORMULAS = {"product": "the product k₁ k₂", "sum": "the mean (k₁ + k₂) / 2"}


def fusion_facts(fusion: Fusion) -> list[tuple[str, str]]:
    """Return how the embeddings were fused, b of each alone, and whether the other moves it."""
    facts = [
        ("kernel", f"{FORMULAS[fusion.by]}, each with its own bandwidth"),
        ("rows matched", f"by {fusion.matched}"),
    ]
    for side in fusion.sides:
        told = f"{side.dimensions:,} dimensions, {side.unique_rows:,} different rows, digest {shown(side.digest)}"
        facts.append((shown(side.source, 40), told))
        for name, of in side.alone.items():
            facts.append(
                (f"- {shown(name)} alone", f"{_b(of.exponent)}, bandwidth {number(of.kernel.bandwidth or 0)}")
            )
            facts.append(("- fused less alone", _difference(of.from_alone)))
            if fusion.by == "product":
                facts.append(("- with itself", _b(of.itself)))
                facts.append(("- fused less that", f"{_difference(of.from_itself)}: by the other embedding"))
    return facts


def _b(exponent: Exponent) -> str:
    if exponent.value is None:
        return f"b {exponent.status}"
    return f"b {exponent.value:.3f} ({exponent.low:.3f} to {exponent.high:.3f}), {exponent.status}"


def _difference(of: FusedDifference) -> str:
    if of.value is None:
        return f"{MOVED[of.move]}: {of.reason}"
    return f"{of.value:+.3f} ({of.low:+.3f} to {of.high:+.3f}), {MOVED[of.move]}"
