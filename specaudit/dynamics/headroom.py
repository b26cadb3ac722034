r"""How much any bounded weights of rows could speed up the tail of given data, and how much chance alone shows.

With the leading k modes mu_j u_j of the kernel matrix, the residual leverage of row x is what they leave of its
diagonal entry, l_k(x) = K(x, x) - sum_{j <= k} mu_j u_j(x)^2. To first order, row weights w of mean 1 multiply the
trace of the tail by the mean of w l_k over that of l_k, which under w <= C is greatest for weights C on the share 1/C
of rows with the largest l_k: G_C(k). Where all eigenfunctions are spread evenly the population's G is 1, but a
sample's is more; a homogeneous null, the same kernel on uniform points of a sphere, says by how much. Modes of a
sphere come in shells, at whose edges sampling inflates less: the null at a rank is the most of the ranks around it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats
from scipy.sparse.linalg import ArpackNoConvergence, eigsh

from specaudit.cells import IntArray
from specaudit.kernels import FloatArray, Kernel, choose_kernel
from specaudit.krylov import eigh
from specaudit.operators import DenseOperator, dense_operator

DEPTH = 30
"""Rows for each mode down to the deepest rank: beyond it sampling inflates the headroom too much."""
HEADROOM_ROWS = 1500
"""Rows that are used, at most, by default."""
FEWEST_ROWS = 2 * DEPTH
"""Different rows below which nothing is worked out."""
RANKS = 10
"""Ranks at which it is worked out."""
FEWEST = 5
"""Modes that must be learned at a rank at which it is judged."""
DRAWS = 8
"""Of the null."""
CONFIDENCE = 0.95
DIMENSIONS = (1, 2, 3, 4, 5, 6, 8, 10, 13, 17, 22, 30, 45, 70, 120, 250)
"""Of the spheres of the null: the higher, the less an oracle needs."""
SMOOTHEST = ("rbf", "matern52", "matern32", "laplace")
"""Kernels by falling smoothness: on the circle, the smoother, the more an oracle needs."""
SHELL = 4.0
"""Factor of ranks over which the null is taken at its most."""
LEFT, ROUNDING = 1e-3, 1e-12
"""Share of the trace that must be left beyond a rank, of the data and of the null; less is rounding, or columns that
hardly vary."""
NEARLY, CLOSE = 0.9, 0.97
"""Share of the data's need above 1 that the null of the most and the chosen one must have: it varies from draw to
draw."""
MORE = 1.25
"""Factor of the null's inflation G - 1 that other homogeneous sets, such as tori, do not exceed."""
NULL_KERNEL = "laplace"
"""Of the null of a kernel without a profile."""


HeadroomVerdict = Literal["headroom", "none", "unresolved"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """Headroom of one data set.

    Attributes
    ----------
    ranks
        (r,) modes k that are learned.
    values
        (r,) G_C(k), between 1 and C.
    needs
        (r,) Tr / tail(k): the weight that an oracle puts on the tail.
    """

    ranks: IntArray
    values: FloatArray
    needs: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Null:
    """Headroom of homogeneous data of as many rows.

    Attributes
    ----------
    kernel, dimension
        The kernel, and the sphere's, at which an oracle needs as much as on the data and no more than it must.
    place
        Of the deepest of the ranks at which any sphere needs as much; -1 for none.
    middle, low, high
        (r,) mean of the draws, and between what a further draw is with 95 % probability.
    needs
        (r,) their mean.
    limit
        What may be chance: `MORE` times the inflation of the greatest `high` of the ranks around that of `place`.
    """

    kernel: Kernel
    dimension: int
    place: int
    draws: int
    middle: FloatArray
    low: FloatArray
    high: FloatArray
    needs: FloatArray
    limit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a headroom comes to beside its null.

    Attributes
    ----------
    verdict
        More than may be chance, no more, or nothing to hold it against.
    reason
        In a sentence.
    place
        Of the rank at which it is judged; None where it is unresolved.
    """

    verdict: HeadroomVerdict
    reason: str
    place: int | None


def equal_rows(copies: IntArray) -> int:
    """Return how many rows without copies tell as much as different rows of multiplicities `copies` (n,)."""
    return max(int(copies.sum() ** 2 / np.sum(copies.astype(float) ** 2)), FEWEST_ROWS)


def ranks_for(rows: float) -> IntArray:
    """Return ranks from 1 to rows / `DEPTH`, by equal factors."""
    return np.unique(np.rint(np.geomspace(1, max(rows // DEPTH, 1), RANKS)).astype(np.int64))


def headroom(kernel: Kernel, rows: FloatArray, copies: IntArray, cap: float, ranks: IntArray, *, seed: int) -> Gain:
    """Return the headroom of different `rows` (n, d), normalised, of multiplicities `copies` (n,).

    At those of the `ranks` (r,) beyond which enough of the trace is left to tell.
    """
    found = gain(dense_operator(kernel, rows, copies), copies, cap, ranks, seed=seed)
    kept = found.needs <= 1 / LEFT
    return Gain(ranks=ranks[kept], values=found.values[kept], needs=found.needs[kept])


def gain(operator: DenseOperator, copies: IntArray, cap: float, ranks: IntArray, *, seed: int) -> Gain:
    """Return the headroom under an operator W^1/2 K W^1/2, W = diag(copies), at all `ranks` (r,)."""
    start = np.random.default_rng(seed).standard_normal(operator.size).astype(operator.dtype)
    try:
        ascending, vectors = eigsh(operator.matrix, k=int(ranks[-1]), v0=start)
    except ArpackNoConvergence:
        ascending, vectors = (part[..., -int(ranks[-1]) :] for part in eigh(operator.matrix.astype(np.float64)))
    carried = (vectors.astype(np.float64) ** 2 * ascending)[:, ::-1]
    values, needs = [], []
    for rank in ranks:
        left = np.maximum(operator.diagonal - carried[:, :rank].sum(axis=1), ROUNDING * operator.diagonal)
        values.append(top_mean(left / copies, copies, 1 / cap) * copies.sum() / left.sum())
        needs.append(operator.trace / left.sum())
    return Gain(ranks=ranks, values=np.array(values), needs=np.array(needs))


def top_mean(values: FloatArray, copies: IntArray, share: float) -> float:
    """Return the mean of the largest `share` of values (n,), each of which counts `copies` (n,) times."""
    order = np.argsort(values)[::-1]
    whole = share * copies.sum()
    before = np.cumsum(copies[order]) - copies[order]
    taken = np.clip(whole - before, 0.0, copies[order])
    return float(values[order] @ taken / whole)


def homogeneous(
    kernel: Kernel,
    rows: int,
    cap: float,
    found: Gain,
    *,
    seed: int,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Null:
    """Return the headroom of uniform points on a sphere, as many as `rows`, under a kernel with its own bandwidth.

    An oracle needs as much there as `found` says at the deepest rank where that can be had, on the sphere of the
    highest dimension, or on the circle under a smoother kernel: inflation grows with the need, so that the null errs
    on the side of more.
    """
    seeds = np.random.SeedSequence(seed).spawn(DRAWS + 1)
    name = kernel.name if kernel.profile is not None else NULL_KERNEL
    smoother = SMOOTHEST[: SMOOTHEST.index(name)]
    ladder = [*((smooth, DIMENSIONS[0]) for smooth in smoother), *((name, dimension) for dimension in DIMENSIONS)]

    def drawn(step: tuple[str, int], source: np.random.SeedSequence) -> tuple[Kernel, Gain]:
        points = np.random.default_rng(source).standard_normal((rows, step[1] + 1))
        points /= np.linalg.norm(points, axis=1, keepdims=True)
        of, copies = choose_kernel(step[0], points), np.ones(rows, np.int64)
        return of, gain(dense_operator(of, points), copies, cap, found.ranks, seed=seed)

    most = drawn(ladder[0], seeds[-1])[1].needs
    place = int(np.max(np.flatnonzero(most - 1 >= NEARLY * (found.needs - 1)), initial=-1))

    def enough(step: tuple[str, int]) -> bool:
        return bool(drawn(step, seeds[-1])[1].needs[place] - 1 >= CLOSE * (found.needs[place] - 1))

    chosen = ladder[1 + _last(ladder[1:], enough)] if place >= 0 else ladder[0]
    draws = []
    for number, source in enumerate(seeds[:-1], 1):
        draws.append(drawn(chosen, source))
        progress(number / DRAWS)
    values = np.array([one.values for _, one in draws])
    spread = values.std(axis=0, ddof=1) * np.sqrt(1 + 1 / DRAWS)
    room = float(stats.t.ppf((1 + CONFIDENCE) / 2, DRAWS - 1)) * spread
    middle = values.mean(axis=0)
    around = (found.ranks >= found.ranks[place] / SHELL) & (found.ranks <= found.ranks[place])
    return Null(
        kernel=draws[0][0],
        dimension=chosen[1],
        place=place,
        draws=DRAWS,
        middle=middle,
        low=np.maximum(middle - room, 1.0),
        high=middle + room,
        needs=np.mean([one.needs for _, one in draws], axis=0),
        limit=1 + MORE * float((middle + room)[around].max() - 1) if place >= 0 else np.inf,
    )


def judged(found: Gain, null: Null, cap: float) -> Judged:
    """Return the verdict on a headroom, at the deepest rank where the null needs as much."""
    if null.place < 0 or found.ranks[null.place] < FEWEST:
        if found.ranks[-1] < FEWEST:
            reason = (
                f"the headroom can be told up to mode {found.ranks[-1]} only, and it takes {FEWEST} modes to judge: "
                f"each takes {DEPTH} rows, and something must be left past it"
            )
        else:
            reason = (
                f"past mode {FEWEST} an oracle needs more ({found.needs[-1]:.3g}) than on any homogeneous set, so "
                "that there is nothing to hold the gain against"
            )
        return Judged(verdict="unresolved", reason=reason, place=None)
    gain = float(found.values[null.place])
    reason = (
        f"weights of at most {cap:g} can speed up the tail past mode {found.ranks[null.place]} by a factor of "
        f"{gain:.2f} at most, where an oracle needs {found.needs[null.place]:.3g}; homogeneous data show up to "
        f"{null.limit:.2f} by chance"
    )
    return Judged(verdict="headroom" if gain > null.limit else "none", reason=reason, place=null.place)


def _last(items: Sequence[tuple[str, int]], holds: Callable[[tuple[str, int]], bool]) -> int:
    """Return the place of the last item for which `holds`, which is true up to it; -1 for none."""
    low, high = -1, len(items)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(items[middle]) else (low, middle)
    return low
