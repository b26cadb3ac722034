"""Whether rows lie in the span of real ones."""

from __future__ import annotations

from specaudit.span.judge import EachRow, Judgement, KernelSpan, RowClass, Shares, SpanClass, judge_rows, judge_span
from specaudit.span.real import RealRows

__all__ = [
    "EachRow",
    "Judgement",
    "KernelSpan",
    "RealRows",
    "RowClass",
    "Shares",
    "SpanClass",
    "judge_rows",
    "judge_span",
]
