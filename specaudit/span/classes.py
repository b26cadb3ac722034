"""What holds of a set of new rows, from what was measured of it: the rule that names it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from specaudit.kernels import FloatArray, Kernel

SpanClass = Literal["in-span", "copies", "collapsed", "new-modes", "noise", "unresolved"]

TAIL = 0.05
"""Share of real rows whose excess is high, and low."""
CERTAIN = 4.0
"""Standard errors beyond which a share differs from that of real rows."""
MANY = 0.10
"""Share of near copies or of repeats that names a set after them."""
LARGE = 0.25
"""Share of rows of high or low excess that names a set after them, and the excess of modes that are new, in standard
deviations of that of real rows."""
GREATER = 1.2
"""Factor by which the first residual mode must exceed that of real rows to be new."""
COHERENT, OUTSIDE, TOGETHER = 1.5, 2.0, 6.0
"""Standard errors of the leading eigenvalues, of the excess of the rows that carry them, and of both together, from
which modes are new."""
NOISY = 0.35
"""Share of rows of high excess without the leading modes that names a set noise: under every kernel, or under any
where none finds new modes."""
UNSEEN = 0.20
"""Share of rows of another text among real ones that was named in all of 48 sets of 1,000; a tenth was in 17 of 48
(benchmarks/span.py)."""
FEWEST_REAL, FEWEST_NEW = 200, 30
"""Different rows below which nothing is decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """A share of rows, that of real rows, and how many standard errors they are apart."""

    value: float
    expected: float
    z: float


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelSpan:
    """What one kernel says of new rows.

    Attributes
    ----------
    kernel
        With its bandwidth, and where it is centred.
    excess, expected
        (m,) of the new rows and (n,) of the real ones, in standard deviations of the real ones'.
    shift
        Mean excess of the new rows less that of the real ones.
    high, low
        Shares of rows whose excess is above, below that of 95 % of the real rows; low without near copies.
    rest
        Share of rows above that of 95 % of the real rows when the first five residual modes are taken from both.
    coherence
        Standard errors by which the leading residual eigenvalues exceed those of real rows; the lower of the first
        and of the first five.
    outside
        Mean excess of the rows that carry the first mode, and those that carry the first five, less that of real
        rows, in standard deviations.
    outside_z
        Standard errors of the second of these.
    modes, modes_low, modes_high
        (LEADING,) leading residual eigenvalues over those of held-out real rows around, as factors, and between what
        95 % of real sets have.
    held
        Rows of the sets of which these are.
    """

    kernel: Kernel
    excess: FloatArray = field(repr=False)
    expected: FloatArray = field(repr=False)
    shift: float
    high: Shares
    low: Shares
    rest: Shares
    coherence: float
    outside: tuple[float, float]
    outside_z: float
    modes: FloatArray
    modes_low: FloatArray
    modes_high: FloatArray
    held: int

    @property
    def common(self) -> bool:
        """Whether the leading residual modes exceed those of real rows."""
        return self.coherence >= COHERENT and float(self.modes[0]) >= GREATER

    @property
    def new(self) -> bool:
        """Whether the set has coherent modes that the real rows lack."""
        return (
            self.common
            and self.outside_z >= OUTSIDE
            and self.coherence + self.outside_z >= TOGETHER
            and self.outside[0] >= LARGE
        )


def classes_of(
    real: int,
    unique: int,
    near: Shares,
    repeats: Shares,
    kernels: Mapping[str, KernelSpan],
    unseen: float,
) -> tuple[tuple[SpanClass, ...], str]:
    """Return what holds of a set of `unique` different rows, judged against `real` ones, and why."""
    if real < FEWEST_REAL or unique < FEWEST_NEW:
        return ("unresolved",), (
            f"{real:,} different real rows and {unique:,} new ones; it takes {FEWEST_REAL} and {FEWEST_NEW} to tell"
        )
    found: dict[SpanClass, str] = {}
    distance = next(k for k in kernels.values() if k.kernel.profile is not None)
    fresh = [k for k in kernels.values() if k.new]
    beyond = [k for k in kernels.values() if k.high.z > CERTAIN]
    if near.value >= MANY and near.z > CERTAIN:
        found["copies"] = f"{100 * near.value:.0f} % are near copies of real rows"
    if distance.low.value >= LARGE and distance.low.z > CERTAIN and distance.shift < 0:
        found["collapsed"] = (
            f"{100 * distance.low.value:.0f} % are better explained by the real rows "
            f"than {100 * (1 - TAIL):.0f} % of these themselves"
        )
    elif not found and repeats.value - repeats.expected >= MANY and repeats.z > CERTAIN:
        found["collapsed"] = f"{100 * repeats.value:.0f} % repeat one another"
    loud = [k for k in kernels.values() if k.rest.value >= NOISY and k.rest.z > CERTAIN]
    if loud and (len(loud) == len(kernels) or not fresh):
        least = min(loud, key=lambda k: k.rest.value)
        found["noise"] = f"{_beyond(least, least.rest)} without the modes they have in common"
    elif fresh:
        most = max(fresh, key=lambda k: k.coherence + k.outside_z)
        found["new-modes"] = (
            f"the first residual mode is {most.modes[0]:.2f} times that of real rows ({most.kernel.name}), "
            "and the rows that carry it lie outside the real ones around them"
        )
    elif any(k.high.value >= 2 * TAIL for k in beyond):
        most = max(beyond, key=lambda k: k.high.value)
        found["unresolved"] = f"{_beyond(most, most.high)}, which tells neither new modes nor noise"
    if not found:
        return ("in-span",), (
            "the real rows explain them as they explain one another; "
            f"less than {100 * unseen:.0f} % of other rows among them may not show"
        )
    return tuple(found), "; ".join(found.values())


def _beyond(found: KernelSpan, share_beyond: Shares) -> str:
    """Return how many rows lie beyond the real ones, in words."""
    share = f"{100 * share_beyond.value:.0f} %"
    return f"{share} lie beyond {100 * (1 - TAIL):.0f} % of the real rows ({found.kernel.name})"
