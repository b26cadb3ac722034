"""What a pipeline demands: margins, limits and waivers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, get_args

from specaudit.documents.compare import GateId
from specaudit.errors import ConfigError
from specaudit.kernels import KERNELS

MARGINS = {"capacity": 0.02, "capacity.linear": 0.05, "tail": 0.03, "repeats": 0.8}
"""Default margins: fall of ln kappa (by kernel where named), rise of b_2, and the least share of BEFORE's
effective rows over unique rows."""


OPTIONAL = ("coverage",)
"""Gates that decide only when they are enabled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverRule:
    """A gate whose result shall not count.

    Attributes
    ----------
    gate
        A gate's id.
    reason
        Shown in every format.
    until
        Last day on which it holds; None for this run only.
    after
        First digits of AFTER's digest that it is about; None for any.
    """

    gate: str
    reason: str
    until: date | None = None
    after: str | None = None

    def __post_init__(self) -> None:
        """Refuse a waiver of nothing or without a reason."""
        if self.gate not in get_args(GateId):
            raise ConfigError(
                f"waiver of an unknown gate {self.gate!r}", next_step=f"known: {', '.join(get_args(GateId))}"
            )
        if not self.reason.strip():
            raise ConfigError(f"waiver of {self.gate}: has no reason", next_step="say why the gate does not count")
        if self.after is not None and not re.fullmatch(r"[0-9a-fA-F]+", self.after):
            raise ConfigError(
                f"waiver of {self.gate}: after: expected first digits of a digest, got {self.after!r}",
                next_step="copy them from after.digest of the comparison's document",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a pipeline demands of a comparison.

    Attributes
    ----------
    margins
        By the keys of `MARGINS`, or `capacity.KERNEL` and `tail.KERNEL`; what is not named keeps its default.
    max_drop
        Largest share of BEFORE's rows that AFTER may lack, in (0, 1); None for no such gate.
    min_rows
        Fewest unique rows of AFTER; None for no such gate.
    waivers
        Gates whose result does not count.
    enable
        Gates that decide only when asked for: "coverage".
    on_inconclusive
        Whether an inconclusive verdict exits with 3 ("fail") or 0 ("pass").
    today
        The day on which waivers are looked at.
    """

    margins: Mapping[str, float] = field(default_factory=dict)
    max_drop: float | None = None
    min_rows: int | None = None
    waivers: Sequence[WaiverRule] = ()
    enable: Sequence[str] = ()
    on_inconclusive: Literal["fail", "pass"] = "fail"
    today: date = field(default_factory=date.today)

    def __post_init__(self) -> None:
        """Refuse margins and limits that cannot be meant."""
        for name, value in self.margins.items():
            gate, dot, kernel = name.partition(".")
            if gate not in MARGINS or (dot and (gate == "repeats" or kernel not in KERNELS)):
                known = f"known: capacity, tail, repeats, and the first two with one of .{', .'.join(KERNELS)}"
                raise ConfigError(f"unknown margin {name!r}", next_step=known)
            if not 0 < value < (1 if name == "repeats" else 10):
                raise ConfigError(f"margin {name}: {value:g} is out of range", next_step="give a number above 0")
        if unknown := sorted(set(self.enable) - set(OPTIONAL)):
            raise ConfigError(f"enable: unknown gate {unknown[0]!r}", next_step=f"known: {', '.join(OPTIONAL)}")
        if self.max_drop is not None and not 0 < self.max_drop < 1:
            raise ConfigError(f"max-drop: expected a share between 0 and 1, got {self.max_drop:g}")
        if self.min_rows is not None and self.min_rows < 1:
            raise ConfigError(f"min-rows: expected at least 1, got {self.min_rows}")

    def margin(self, statistic: str, kernel: str) -> float:
        """Return the margin of a statistic under a kernel."""
        wanted = f"{statistic}.{kernel}"
        given = (self.margins.get(wanted), self.margins.get(statistic))
        defaults = (MARGINS.get(wanted), MARGINS[statistic])
        return next(value for value in (*given, *defaults) if value is not None)
