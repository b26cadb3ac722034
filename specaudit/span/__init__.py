"""Whether rows lie in the span of real ones."""

from __future__ import annotations

from specaudit.span.classes import KernelSpan, Shares, SpanClass
from specaudit.span.judge import EachRow, Judgement, RowClass, judge_rows, judge_span
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
