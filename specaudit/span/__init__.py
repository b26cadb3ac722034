"""Whether rows lie in the span of real ones."""

from __future__ import annotations

from specaudit.span.judge import KernelSpan, RowClass, Shares, Span, SpanClass, judge_span
from specaudit.span.real import RealRows

__all__ = ["KernelSpan", "RealRows", "RowClass", "Shares", "Span", "SpanClass", "judge_span"]
