"""The documents: frozen models of the JSON that specaudit writes and reads."""

from __future__ import annotations

import json

from specaudit.documents.base import (
    SIGNIFICANT_DIGITS,
    Document,
    Environment,
    ErrorDocument,
    Kernel,
    Warning_,
    to_json,
)
from specaudit.documents.baseline import Baseline, Ladder, Step
from specaudit.documents.compare import (
    Carried,
    Change,
    Comparison,
    Consistency,
    Coverage,
    Curve,
    DeepGain,
    FiniteRegion,
    Gain,
    Gate,
    LostCluster,
    NamedRow,
    Null,
    Relation,
    Reproduce,
    Rows,
    Side,
    SpectrumChange,
    Test,
    Waiver,
)
from specaudit.documents.fit import (
    Capacity,
    Counting,
    Dataset,
    Diversity,
    Estimator,
    Exponent,
    Fit,
    Graph,
    GraphCheck,
    Interval,
    LocalExponent,
    Neighbours,
    Norms,
    Rung,
    Spectrum,
    Status,
)
from specaudit.documents.frontier import (
    Checkpoint,
    Collapse,
    Frontier,
    FrontierGrowth,
    FrontierReproduce,
    LoggedRun,
    ModesFound,
    NextWeights,
    NoiseBegin,
)
from specaudit.documents.prune import Method, Pruned, Pruning, Reference, Search, Trial, TrialSpectrum
from specaudit.documents.reading import Saved, read_document
from specaudit.documents.span import Span, SpanKernel, SpanReproduce, SpanSet, SpanShare, SpanSide

SCHEMAS: dict[str, type[Document]] = {
    "fit": Fit,
    "baseline": Baseline,
    "compare": Comparison,
    "prune": Pruning,
    "span": Span,
    "frontier": Frontier,
    "error": ErrorDocument,
}
"""Every document that the program writes, by the name that `specaudit schema` takes."""


def json_schema(name: str) -> str:
    """Return the JSON schema of the document called `name` (a key of `SCHEMAS`)."""
    schema = SCHEMAS[name].model_json_schema(by_alias=True, mode="serialization")
    return json.dumps(schema, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


__all__ = [
    "SCHEMAS",
    "SIGNIFICANT_DIGITS",
    "Baseline",
    "Capacity",
    "Carried",
    "Change",
    "Checkpoint",
    "Collapse",
    "Comparison",
    "Consistency",
    "Counting",
    "Coverage",
    "Curve",
    "Dataset",
    "DeepGain",
    "Diversity",
    "Document",
    "Environment",
    "ErrorDocument",
    "Estimator",
    "Exponent",
    "FiniteRegion",
    "Fit",
    "Frontier",
    "FrontierGrowth",
    "FrontierReproduce",
    "Gain",
    "Gate",
    "Graph",
    "GraphCheck",
    "Interval",
    "Kernel",
    "Ladder",
    "LocalExponent",
    "LoggedRun",
    "LostCluster",
    "Method",
    "ModesFound",
    "NamedRow",
    "Neighbours",
    "NextWeights",
    "NoiseBegin",
    "Norms",
    "Null",
    "Pruned",
    "Pruning",
    "Reference",
    "Relation",
    "Reproduce",
    "Rows",
    "Rung",
    "Saved",
    "Search",
    "Side",
    "Span",
    "SpanKernel",
    "SpanReproduce",
    "SpanSet",
    "SpanShare",
    "SpanSide",
    "Spectrum",
    "SpectrumChange",
    "Status",
    "Step",
    "Test",
    "Trial",
    "TrialSpectrum",
    "Waiver",
    "Warning_",
    "json_schema",
    "read_document",
    "to_json",
]
