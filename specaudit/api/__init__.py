"""The library's verbs; the command line is a client of them."""

from __future__ import annotations

from specaudit.api.baselines import baseline
from specaudit.api.capping import headroom
from specaudit.api.carrying import leverage
from specaudit.api.common import MAX_ROWS
from specaudit.api.comparing import compare
from specaudit.api.experimenting import Task
from specaudit.api.fitting import fit
from specaudit.api.fusing import fused_fit
from specaudit.api.learning import FRONTIER_ROWS, RowSample, frontier, sample
from specaudit.api.oracles import oracle_experiment
from specaudit.api.planning import compare_plan, plan, scan_plan
from specaudit.api.pruning import prune, prune_plan
from specaudit.api.run_plan import Plan
from specaudit.api.scanning import ScanFile, scan
from specaudit.api.simulating import simulate
from specaudit.api.spanning import SPAN_ROWS, SpanRows, span, span_plan
from specaudit.api.static_limits import static_limit
from specaudit.api.teaching import distillation, synthetic_span
from specaudit.api.tracking import FrontierTracker
from specaudit.documents import Baseline, Comparison, Experiment, Fit, Frontier, Headroom, Pruning, Simulation, Span
from specaudit.dynamics.headroom import HEADROOM_ROWS
from specaudit.learning import residuals
from specaudit.policy import Policy, WaiverRule

__all__ = [
    "FRONTIER_ROWS",
    "HEADROOM_ROWS",
    "MAX_ROWS",
    "SPAN_ROWS",
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
    "RowSample",
    "ScanFile",
    "Simulation",
    "Span",
    "SpanRows",
    "Task",
    "WaiverRule",
    "baseline",
    "compare",
    "compare_plan",
    "distillation",
    "fit",
    "frontier",
    "fused_fit",
    "headroom",
    "leverage",
    "oracle_experiment",
    "plan",
    "prune",
    "prune_plan",
    "residuals",
    "sample",
    "scan",
    "scan_plan",
    "simulate",
    "span",
    "span_plan",
    "static_limit",
    "synthetic_span",
]
