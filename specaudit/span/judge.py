"""Whether rows lie in the span of real ones: copies, rows too well explained, new coherent modes, noise.

Every new row is judged against the real rows around it, so that a set that dwells on one region of the real data is
not taken for a new one. Its excess is ln of the variance that the real rows leave of it, less the mean of the same
over the nearest real rows, each given all others. What real rows show of it themselves is the null.

New modes are coherent: the leading eigenvalues of the residual kernel's correlations among new rows exceed those of
as many held-out real rows around them, each given the same real rows, and the rows that carry them have an excess.
Noise has an excess that no common mode carries: it stays when the leading modes are taken away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from specaudit.cells import IntArray
from specaudit.graph import RowsAround, rows_around
from specaudit.kernels import FloatArray, Kernel
from specaudit.residual_kernels import Unexplained
from specaudit.span.classes import CERTAIN, TAIL, UNSEEN, KernelSpan, Shares, SpanClass, classes_of
from specaudit.span.modes import Modes, matched
from specaudit.span.real import NEIGHBORS, Null, RealRows, each_split, quantile

RowClass = Literal["copy", "inside", "typical", "beyond"]
Flags = npt.NDArray[np.bool_]

HELD_SHARE = 1 / 8
MOST_HELD, FEWEST_HELD = 1024, 64
"""Rows of a held-out set."""
MATCHED = 0.9
"""Share of a set's rows that must find a real row of their own around them; smaller sets do."""
NEAR = 0.01
"""Share of real rows that are near copies of another, by which nearness is defined."""
CARRIED = 1 / 2
"""Of what the leading modes leave of real rows: they carry a row of which they leave less."""
REPEAT = 0.1
"""Distance, in bandwidths, within which rows of one set repeat one another."""
SMALLEST = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class EachRow:
    """What single rows are to the real ones, under the first kernel.

    Attributes
    ----------
    classes
        (m,) near copies, rows of low, of usual and of high excess.
    excess
        (m,) in standard deviations of the real rows'.
    distances
        (m,) to the nearest real row, in units of the rows.
    """

    classes: tuple[RowClass, ...]
    excess: FloatArray
    distances: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a set of new rows is to the real ones.

    Attributes
    ----------
    classes
        What holds of it; the first is the most important.
    reason
        In a sentence.
    rows, unique
        New rows, copies counted, and different ones.
    near, repeats
        Shares of near copies of real rows, and of rows that repeat another of the set.
    kernels
        By name; the first is of the rows' distances.
    each
        What each different row is.
    unseen
        Share of other rows below which a set may pass for one of real rows; of rows like these even a larger one may.
    """

    classes: tuple[SpanClass, ...]
    reason: str
    rows: int
    unique: int
    near: Shares
    repeats: Shares
    kernels: Mapping[str, KernelSpan]
    each: EachRow = field(repr=False)
    unseen: float


def judge_span(
    real: RealRows,
    rows: FloatArray,
    copies: IntArray,
    *,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Judgement:
    """Return what different new `rows` (m, d), normalised, of multiplicities `copies` (m,), are to the real ones."""
    points = real.placed(rows)
    around = rows_around(real.rows, points, neighbors=NEIGHBORS, threads=real.threads)
    effective = copies.sum() ** 2 / float((copies.astype(float) ** 2).sum())
    close, usual = _close(real, around)
    near = _share(close, copies, usual, real.copies, effective)
    kernels = {}
    for done, kernel in enumerate(real.kernels, 1):
        kernels[kernel.name] = _kernel_span(real, kernel, points, around, close, copies, effective)
        progress(done / len(real.kernels))
    repeats = _repeats(real, points, copies, effective)
    unseen = max(UNSEEN, CERTAIN * float(np.sqrt(TAIL * (1 - TAIL) * (1 / effective + 1 / real.size))))
    classes, reason = classes_of(real.size, len(rows), near, repeats, kernels, unseen)
    first = next(iter(kernels.values()))
    return Judgement(
        classes=classes,
        reason=reason,
        rows=int(copies.sum()),
        unique=len(rows),
        near=near,
        repeats=repeats,
        kernels=kernels,
        each=_each(real, around, close, first.excess, first.expected),
        unseen=unseen,
    )


def judge_rows(real: RealRows, rows: FloatArray) -> EachRow:
    """Return what each of `rows` (m, d), normalised, is to the real ones, without judging them together."""
    points, name = real.placed(rows), real.kernels[0].name
    around = rows_around(real.rows, points, neighbors=NEIGHBORS, threads=real.threads)
    expected = real.own_excess(name)
    mean, sd = _spread(expected, real.copies)
    excess = (real.excess(name, real.models[name].of(points).residual, around.places) - mean) / sd
    return _each(real, around, _close(real, around)[0], excess, (expected - mean) / sd)


def _close(real: RealRows, around: RowsAround) -> tuple[Flags, Flags]:
    """Return which new rows are near copies of real ones, and which real ones are of others."""
    nearness, expected = real.nearness(around.distances[:, 0], around.places), real.own_nearness()
    limit = quantile(expected, real.copies, NEAR)
    return nearness < limit, expected < limit


def _each(real: RealRows, around: RowsAround, close: Flags, excess: FloatArray, expected: FloatArray) -> EachRow:
    low, high = (quantile(expected, real.copies, share) for share in (TAIL, 1 - TAIL))
    classes: list[RowClass] = [
        "copy" if copy else "inside" if value < low else "beyond" if value > high else "typical"
        for copy, value in zip(close, excess, strict=True)
    ]
    return EachRow(classes=tuple(classes), excess=excess, distances=around.distances[:, 0] * real.scale)


def _spread(values: FloatArray, copies: IntArray) -> tuple[float, float]:
    """Return the mean and the standard deviation of the rows' values, copies counted."""
    mean = float(np.average(values, weights=copies))
    return mean, float(np.sqrt(np.average((values - mean) ** 2, weights=copies))) or 1.0


def _kernel_span(
    real: RealRows,
    kernel: Kernel,
    points: FloatArray,
    around: RowsAround,
    close: Flags,
    copies: IntArray,
    effective: float,
) -> KernelSpan:
    name = kernel.name
    new = real.models[name].of(points)
    excess, expected = real.excess(name, new.residual, around.places), real.own_excess(name)
    low, high = (quantile(expected, real.copies, q) for q in (TAIL, 1 - TAIL))
    mean, sd = _spread(expected, real.copies)
    apart = ~close
    found, null, held = _sets(real, name, new, around, excess, copies)
    difference = np.array([one.values - other.values for one, other in found])
    usual = null.differences()
    first, five = (
        _z(*([getattr(one, mode) - getattr(other, mode) for one, other in sets] for sets in (found, null.sets)))
        for mode in ("first", "five")
    )
    carried = [[one.excess[i] for one, _ in found] for i in range(2)]
    usually = [[one.excess[i] for one, _ in null.sets] for i in range(2)]
    middle, spread = usual.mean(axis=0), usual.std(axis=0, ddof=1)
    return KernelSpan(
        kernel=kernel,
        excess=(excess - mean) / sd,
        expected=(expected - mean) / sd,
        shift=float(np.average(excess, weights=copies) - mean) / sd,
        high=_share(excess > high, copies, expected > high, real.copies, effective),
        low=_share(excess[apart] < low, copies[apart], expected < low, real.copies, effective * float(apart.mean())),
        rest=_rest([one for one, _ in found], [one for one, _ in null.sets], effective),
        coherence=min(first, five),
        outside=tuple(float(np.mean(a) - np.mean(b)) / sd for a, b in zip(carried, usually, strict=True)),  # type: ignore[arg-type]
        outside_z=_z(carried[1], usually[1]),
        modes=np.exp(difference.mean(axis=0) - middle),
        modes_low=np.exp(-2 * spread),
        modes_high=np.exp(2 * spread),
        held=held,
    )


def _rest(found: Sequence[Modes], usual: Sequence[Modes], effective: float) -> Shares:
    """Return the share of rows beyond without the leading modes, but those that these carry."""
    least = CARRIED * float(np.median(np.concatenate([one.left for one in usual])))
    rest, own = (
        np.concatenate([np.where(one.left < least, -np.inf, one.rest) for one in sets]) for sets in (found, usual)
    )
    limit = np.quantile(own, 1 - TAIL)
    once = np.ones(len(rest), np.int64), np.ones(len(own), np.int64)
    return _share(rest > limit, once[0], own > limit, once[1], effective)


def _sets(
    real: RealRows, name: str, new: Unexplained, around: RowsAround, excess: FloatArray, copies: IntArray
) -> tuple[list[tuple[Modes, Modes]], Null, int]:
    """Return the modes of sets of new rows with those of held-out real rows around them, the null, and their size."""
    size = min(len(copies), int(HELD_SHARE * real.size), MOST_HELD)
    share = copies / copies.sum()

    def pairs(split: int) -> tuple[IntArray, IntArray]:
        generator = np.random.default_rng([real.seed, 2, split])
        chosen = generator.choice(len(copies), size, replace=False, p=share)
        return matched(chosen, around.places, np.empty(0, np.int64))

    while size > FEWEST_HELD and len(pairs(0)[0]) < MATCHED * size:
        size = max(size // 2, FEWEST_HELD)
    own = real.own_excess(name)

    def beside(split: int) -> tuple[Modes, Modes]:
        numbers, places = pairs(split)
        one, other = new.against(numbers, places)
        return real.modes(name, one, excess[numbers]), real.modes(name, other, own[places])

    return each_split(beside, real.threads), real.null(name, size), size


def _z(found: Sequence[float], usual: Sequence[float]) -> float:
    """Return how many standard deviations of a single set the mean of `found` is above that of `usual`."""
    spread = max(np.std(usual, ddof=1), np.std(found, ddof=1), SMALLEST)
    return float((np.mean(found) - np.mean(usual)) / (spread * np.sqrt(1 + 1 / len(usual))))


def _share(found: Flags, copies: IntArray, usual: Flags, real: IntArray, effective: float) -> Shares:
    value = float(np.average(found, weights=copies)) if len(found) else 0.0
    expected = float(np.average(usual, weights=real))
    sure = max(expected, 1 / len(usual))
    error = np.sqrt(sure * (1 - min(sure, 0.5)) * (1 / max(effective, 1.0) + 1 / len(usual)))
    return Shares(value=value, expected=expected, z=float((value - expected) / error))


def _repeats(real: RealRows, points: FloatArray, copies: IntArray, effective: float) -> Shares:
    """Return the share of new rows that repeat another new row."""
    again = copies > 1
    if len(points) > 1:
        again = again | (rows_around(points, neighbors=1, threads=real.threads).distances[:, 0] < REPEAT)
    usual = (real.copies > 1) | (real.around.distances[:, 0] < REPEAT)
    return _share(again, copies, usual, real.copies, effective)
