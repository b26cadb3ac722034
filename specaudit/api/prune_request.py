"""What is to be pruned, and how: the arguments of `prune`, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from math import inf
from typing import TYPE_CHECKING, Literal

from specaudit.errors import ConfigError
from specaudit.pruning import METHODS

if TYPE_CHECKING:
    Keep = float | Sequence[float] | Literal["auto"]

ALL = "all"
SHARES = (0.25, 0.5, 0.75, 0.9)
"""Of the rows, at which all methods are compared by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is to be pruned, and how.

    Attributes
    ----------
    method
        A name of `METHODS`, or "all".
    shares
        Of the usable rows, rising; empty for "auto" and for weights.
    cap
        Largest weight; None where rows are kept or dropped.
    """

    method: str
    shares: tuple[float, ...]
    cap: float | None

    @classmethod
    def of(cls, method: str, keep: Keep | None, *, soft: bool, cap: float | None, scores: bool) -> Request:
        """Return the request, or raise ConfigError for what cannot be meant."""
        check_method(method, scores=scores)
        if cap is not None and not soft:
            raise ConfigError("--cap bounds the weights of --soft", next_step="add --soft, or give --keep")
        if soft:
            _check_soft(method, keep, cap)
            return cls(method=method, shares=(), cap=cap)
        if keep == "auto":
            if method in (ALL, "random"):
                why = "takes one method" if method == ALL else "needs a method: random rows are only its reference"
                raise ConfigError(f"--keep auto {why}", next_step=f"name one of {', '.join(_proposals())}")
            return cls(method=method, shares=(), cap=None)
        if keep is None and method != ALL:
            raise ConfigError(
                "no share of the rows to keep", next_step="give --keep, for example --keep 0.5, or auto"
            )
        given = SHARES if keep is None else (keep,) if isinstance(keep, (int, float)) else tuple(keep)
        shares = tuple(sorted({checked_share(share) for share in given}))
        if len(shares) > 1 and method != ALL:
            raise ConfigError(f"--keep takes one share, got {len(shares)}", next_step="several are for --method all")
        return cls(method=method, shares=shares, cap=None)

    def names(self, *, scores: bool) -> list[str]:
        """Return the methods, random first where there are several."""
        return [self.method] if self.method != ALL else [name for name in METHODS if scores or name != "scores"]


def check_method(method: str, *, scores: bool) -> None:
    """Raise ConfigError for a method that is unknown, or lacks what it needs."""
    known = (*METHODS, ALL)
    if method not in known:
        close = get_close_matches(method, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"
        raise ConfigError(f"unknown method {method!r}", next_step=hint)
    if method == "scores" and not scores:
        raise ConfigError("the method scores needs scores", next_step="give one number per row with --scores FILE")
    if scores and method not in ("scores", ALL):
        raise ConfigError(f"--scores has no effect on the method {method}", next_step="use --method scores, or all")


def checked_share(share: float) -> float:
    """Return a share of the rows, or raise ConfigError unless it is between 0 and 1."""
    if not 0 < share < 1:
        raise ConfigError(f"--keep: expected a share between 0 and 1, got {share:g}", next_step="for example 0.5")
    return float(share)


def _check_soft(method: str, keep: Keep | None, cap: float | None) -> None:
    if method == ALL:
        raise ConfigError("--soft takes one method", next_step=f"name one of {', '.join(METHODS)}")
    if keep is not None:
        raise ConfigError("--soft and --keep exclude each other", next_step="--cap C leaves one in C rows")
    if cap is None:
        raise ConfigError("--soft needs a bound of the weights", next_step="give --cap, for example --cap 2")
    if not 1 < cap < inf:
        raise ConfigError(f"--cap: expected a number above 1, got {cap:g}", next_step="for example --cap 2")


def _proposals() -> list[str]:
    return [name for name in METHODS if name != "random"]
