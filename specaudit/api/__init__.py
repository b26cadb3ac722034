"""The library's verbs; the command line is a client of them."""

from __future__ import annotations

from specaudit.api.baselines import baseline
from specaudit.api.capping import HEADROOM_ROWS, headroom
from specaudit.api.carrying import leverage
from specaudit.api.common import MAX_ROWS
from specaudit.api.comparing import compare
from specaudit.api.fitting import fit
from specaudit.api.planning import Plan, compare_plan, plan
from specaudit.api.pruning import prune, prune_plan
from specaudit.api.simulating import simulate
from specaudit.api.spanning import SPAN_ROWS, SpanRows, span
from specaudit.documents import Baseline, Comparison, Fit, Headroom, Pruning, Simulation, Span
from specaudit.policy import Policy, WaiverRule

__all__ = [
    "HEADROOM_ROWS",
    "MAX_ROWS",
    "SPAN_ROWS",
    "Baseline",
    "Comparison",
    "Fit",
    "Headroom",
    "Plan",
    "Policy",
    "Pruning",
    "Simulation",
    "Span",
    "SpanRows",
    "WaiverRule",
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
