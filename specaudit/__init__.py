"""Audit the spectral tail of a data set's embeddings.

`fit`, `compare`, `prune`, `span` and `frontier` are the library's verbs; the command line is a client of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from specaudit.version import __version__

if TYPE_CHECKING:
    from specaudit.api import (
        FrontierTracker,
        Plan,
        Policy,
        Task,
        WaiverRule,
        baseline,
        compare,
        compare_plan,
        distillation,
        fit,
        frontier,
        headroom,
        leverage,
        oracle_experiment,
        plan,
        prune,
        prune_plan,
        residuals,
        sample,
        scan,
        simulate,
        span,
        static_limit,
        synthetic_span,
    )
    from specaudit.documents import (
        Baseline,
        Comparison,
        Experiment,
        Fit,
        Frontier,
        Headroom,
        Pruning,
        Simulation,
        Span,
    )

__all__ = [
    "Baseline",
    "Comparison",
    "Experiment",
    "Fit",
    "Frontier",
    "FrontierTracker",
    "Headroom",
    "Plan",
    "Policy",
    "Pruning",
    "Simulation",
    "Span",
    "Task",
    "WaiverRule",
    "__version__",
    "baseline",
    "compare",
    "compare_plan",
    "distillation",
    "fit",
    "frontier",
    "headroom",
    "leverage",
    "oracle_experiment",
    "plan",
    "prune",
    "prune_plan",
    "residuals",
    "sample",
    "scan",
    "simulate",
    "span",
    "static_limit",
    "synthetic_span",
]


def __getattr__(name: str) -> Any:
    """Import the library when it is first used: `specaudit --help` needs none of it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from specaudit import api

    # All at once: importing the API has made modules of these names attributes, `specaudit.span` for one.
    globals().update({known: getattr(api, known) for known in __all__ if known != "__version__"})
    return globals()[name]
