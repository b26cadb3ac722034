"""Audit the spectral tail of a data set's embeddings.

`fit`, `compare` and `prune` are the library's verbs; the command line is a client of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from specaudit.version import __version__

if TYPE_CHECKING:
    from specaudit.api import (
        Plan,
        Policy,
        WaiverRule,
        baseline,
        compare,
        compare_plan,
        fit,
        headroom,
        leverage,
        plan,
        prune,
        prune_plan,
        simulate,
        span,
    )
    from specaudit.documents import Baseline, Comparison, Fit, Headroom, Pruning, Simulation, Span

__all__ = [
    "Baseline",
    "Comparison",
    "Fit",
    "Headroom",
    "Plan",
    "Policy",
    "Pruning",
    "Simulation",
    "Span",
    "WaiverRule",
    "__version__",
    "baseline",
    "compare",
    "compare_plan",
    "fit",
    "headroom",
    "leverage",
    "plan",
    "prune",
    "prune_plan",
    "simulate",
    "span",
]


def __getattr__(name: str) -> Any:
    """Import the library when it is first used: `specaudit --help` needs none of it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from specaudit import api

    return getattr(api, name)
