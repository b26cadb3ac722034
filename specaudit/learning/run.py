"""A logged run, looked at once: energies in the modes, coherence with near rows, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from specaudit.dataset import IntArray
from specaudit.errors import InputError
from specaudit.graph import rows_around
from specaudit.kernels import FloatArray
from specaudit.learning.alignment import PERMUTATIONS, Alignment, alignment, same_rows
from specaudit.learning.collapse import NEAREST, Coherence, coherences
from specaudit.learning.frontier import LearningFrontier, learning_frontier
from specaudit.learning.log import ResidualLog
from specaudit.learning.modes import Modes
from specaudit.learning.noise import NoiseFloor, noise_floor
from specaudit.learning.proposal import Proposal, learned_modes, propose


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a log says of a run.

    Attributes
    ----------
    modes
        Of the rows that are looked at.
    squares
        (T,) mean squared residual of a row.
    alignment, noise
        Of the reference.
    frontier, coherence
        Over the checkpoints.
    learned
        Leading modes that are taken for learned at the last checkpoint.
    proposal
        Weights for what follows.
    """

    modes: Modes
    squares: FloatArray = field(repr=False)
    alignment: Alignment
    noise: NoiseFloor
    frontier: LearningFrontier
    coherence: Coherence
    learned: int
    proposal: Proposal


def follow(
    log: ResidualLog,
    used: IntArray,
    rows: FloatArray,
    modes: Modes,
    *,
    cap: float,
    partial: bool = False,
    idle: Callable[[int], str] = lambda learned: "",
    seed: int,
    threads: int = 1,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Run:
    """Return what a log says of its rows `used` (n,), of embeddings `rows` (n, d); `partial` where the run has more.

    `idle` says why no weights of rows could move what comes after so many learned modes; nothing where they may.

    Raises
    ------
    InputError
        The residuals are not those of the rows, have no sign, or are not finite.
    """
    centred = rows - rows.mean(axis=0)
    nearest = rows_around(centred / np.abs(centred).max(), neighbors=NEAREST, threads=threads).places
    energies, squares, coherent, aligned = [], [], [], []
    reference = residuals = np.empty((0, 0))
    fits: Alignment | None = None
    for number, block in enumerate(log.blocks()):
        residuals = block[used]
        if fits is None:
            reference = residuals
            fits = alignment(modes, reference, seed=seed)
        energies.append(modes.energies(residuals))
        squares.append(float((residuals**2).sum()) / len(used))
        coherent.append(coherences(residuals, nearest, cap))
        aligned.append(same_rows(reference, residuals))
        progress((number + 1) / log.checkpoints)
    assert fits is not None
    if not fits.aligned:  # after the signs, which say more
        raise InputError(
            f"{log.name}: {100 * fits.share:.1f} % of the reference is in the leading modes of its rows, and "
            f"{100 * fits.expected:.1f} % in random order (at most {100 * fits.largest:.1f} % of {PERMUTATIONS}): "
            "its rows are in another order, or the embeddings say nothing of the labels",
            next_step="log residuals in the order of the embeddings, or name their rows with --rows",
        )
    plain, weighted = np.array(coherent).T
    coherence = Coherence(plain=plain, weighted=weighted)
    frontier = learning_frontier(modes, np.array(energies), log.times, aligned, seed=seed, partial=partial)
    last = frontier.points[-1]
    learned = learned_modes(last, modes)
    return Run(
        modes=modes,
        squares=np.array(squares),
        alignment=fits,
        noise=noise_floor(energies[0], squares[0] * len(used), len(used)),
        frontier=frontier,
        coherence=coherence,
        learned=learned,
        proposal=propose(modes, last, coherence, residuals, nearest, cap, idle(learned)),
    )
