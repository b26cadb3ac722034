"""The span document in words: the same for every renderer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from specaudit.embeddings.display import shown
from specaudit.report.facts import percent

if TYPE_CHECKING:
    from specaudit.documents import Span, SpanKernel, SpanSet, SpanShare
    from specaudit.documents.span import RowClass

MEANING = {
    "in-span": "in the span of the real rows: they add volume, not capability",
    "copies": "copies",
    "collapsed": "collapsed: deeper in the span than real rows are",
    "new-modes": "new coherent modes that the real rows lack",
    "noise": "noise: beyond the real rows, and no common mode explains it",
    "unresolved": "unresolved",
}
ROWS: tuple[RowClass, ...] = ("copy", "inside", "typical", "beyond")
SET_HEADS = ("set", "rows", "class", "near copies", "inside", "beyond", "excess", "first mode")


def headline(span: Span) -> str:
    """Return the finding in a sentence."""
    last = span.sets[-1]
    named = ", and ".join(MEANING[name] for name in last.classes)
    subject = shown(last.side.source, 60)
    ending = f" (last of {len(span.sets)} sets)" if len(span.sets) > 1 else ""
    return f"{subject}: {named}{ending}. {last.reason[:1].upper()}{last.reason[1:]}."


def set_cells(span: Span, found: SpanSet) -> tuple[str, ...]:
    """Return the row of a set in the table of all."""
    primary = found.spectra[span.primary]
    return (
        shown(found.side.source, 40),
        f"{found.side.rows:,}",
        " + ".join(found.classes),
        percent(found.near.value),
        percent(primary.low.value),
        percent(primary.high.value),
        f"{primary.shift:+.2f}",
        f"{primary.modes[0]:.2f}",
    )


def set_facts(found: SpanSet) -> Iterator[tuple[str, str]]:
    """Yield what is said of a set."""
    counts = found.row_classes
    yield (
        "rows",
        f"{found.side.rows:,}, {found.side.unique_rows:,} different, {found.side.sampled_rows:,} judged together",
    )
    yield "near copies of real rows", _against(found.near)
    yield "repeat one another", _against(found.repeats)
    yield "each of these", ", ".join(f"{counts[name]:,} {name}" for name in ROWS if name in counts)
    yield (
        "may go unseen",
        f"less than {100 * found.unseen:.0f} % of other rows; more where they are like real ones",
    )


def kernel_facts(found: SpanKernel) -> Iterator[tuple[str, str]]:
    """Yield what is said of a set under one kernel."""
    yield "excess over the real rows around", f"{found.shift:+.2f} standard deviations"
    yield "beyond 95 % of real rows", _against(found.high)
    yield "the same without common modes", _against(found.rest)
    yield "better explained than 95 %", _against(found.low)
    yield (
        "first residual mode",
        f"{found.modes[0]:.2f} times that of real rows, "
        f"of which 95 % have {found.modes_low[0]:.2f} to {found.modes_high[0]:.2f}",
    )
    yield "coherence", f"{found.coherence:+.1f} standard errors, in sets of {found.held_rows:,} rows"
    yield (
        "excess of the rows that carry it",
        f"{found.outside[0]:+.2f}; of the first five {found.outside[1]:+.2f}, z {found.outside_z:+.1f}",
    )


def real_facts(span: Span) -> Iterator[tuple[str, str]]:
    """Yield what is said of the real rows."""
    side = span.real
    yield "source", shown(side.source)
    yield "rows", f"{side.rows:,}, {side.unique_rows:,} different, {side.sampled_rows:,} judged against"
    yield "dimensions", f"{side.dimensions:,}"


def reproduce_facts(span: Span) -> Iterator[tuple[str, str]]:
    """Yield how to get the numbers again."""
    if span.reproduce.command:
        yield "command", shown(span.reproduce.command, 400)
    yield "seed", str(span.reproduce.seed)
    yield "real", span.real.digest
    for found in span.sets:
        yield shown(found.side.source, 40), found.side.digest


def _against(share: SpanShare) -> str:
    return f"{percent(share.value)}, of real rows {percent(share.expected)} (z {share.z:+.1f})"
