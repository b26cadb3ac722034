"""Which sample weights are proposed for what follows, and when none are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from specaudit.dataset import IntArray
from specaudit.kernels import FloatArray
from specaudit.learning.collapse import SAFE, Coherence, agreement
from specaudit.learning.frontier import Point
from specaudit.learning.modes import Modes
from specaudit.learning.weights import band_start, band_weights, guarded_weights

ProposalKind = Literal["band", "guard", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """The next weights.

    Attributes
    ----------
    kind
        By the residual past the frontier (band); by what of it neighbours share (guard), where weights by residuals
        gather on noise; or refused.
    reason
        In a sentence.
    learned
        Leading modes that are taken for learned; None unless the kind is band.
    weights
        (n,) of mean 1; None where they are refused.
    """

    kind: ProposalKind
    reason: str
    learned: int | None
    weights: FloatArray | None = field(repr=False)


def propose(
    modes: Modes,
    last: Point,
    coherence: Coherence,
    residuals: FloatArray,
    nearest: IntArray,
    cap: float,
    idle: str = "",
) -> Proposal:
    """Return the weights after the `last` checkpoint, of `residuals` (n, outputs) with `nearest` rows (n, k).

    `idle` says why no weights of rows could move what follows; it is empty where they may.
    """
    if reason := refusal(last, coherence, idle):
        return Proposal(kind="refused", reason=reason, learned=None, weights=None)
    assert coherence.lowest is not None
    ratio = coherence.ratio[coherence.lowest]
    if ratio < SAFE:
        return Proposal(
            kind="guard",
            reason=f"weights by residuals may gather on noise (D {ratio:.2f}, below {SAFE:.2f}): by what a residual "
            "shares with those of the nearest rows instead",
            learned=None,
            weights=guarded_weights(agreement(residuals, nearest), cap),
        )
    rank = last.rank or 0.0
    return Proposal(
        kind="band",
        reason=f"by the energy of the residual past mode {band_start(rank)}",
        learned=band_start(rank),
        weights=band_weights(modes, residuals, rank, cap),
    )


def learned_modes(last: Point, modes: Modes) -> int:
    """Return how many leading modes are taken for learned at the `last` checkpoint."""
    return modes.count if last.status == "beyond" else band_start(last.rank or 0.0)


def refusal(last: Point, coherence: Coherence, idle: str) -> str:
    """Return why no weights are proposed; nothing where they are. Every reason against them has its place here."""
    if last.status == "refused":
        return "the rows of the last checkpoint are not those of the reference"
    if last.status == "beyond":
        return "all modes that can be told apart are learned: there is no band left to weigh rows by"
    if coherence.lowest is None:
        return "residuals of near rows have too little in common for noise to be told from signal"
    return idle
