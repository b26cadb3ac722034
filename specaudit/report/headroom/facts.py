"""The headroom in words: the same for every renderer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from specaudit.embeddings.display import shown
from specaudit.report.facts import number

if TYPE_CHECKING:
    from specaudit.documents import Headroom

SAID = {
    "headroom": "Some headroom",
    "none": "No headroom: no more than homogeneous data show",
    "unresolved": "Unresolved",
}
HEADS = ("mode k", "gain G", "oracle needs", "null", "null, 95 %", "null needs")


def headline(headroom: Headroom) -> str:
    """Return the finding in a sentence."""
    return f"{shown(headroom.data.source, 60)}: {SAID[headroom.verdict]}. {headroom.reason[:1].upper()}" + (
        f"{headroom.reason[1:]}."
    )


def data_facts(headroom: Headroom) -> Iterator[tuple[str, str]]:
    """Yield what was looked at."""
    side, kernel, null = headroom.data, headroom.kernel, headroom.null
    yield "rows", f"{side.rows:,}, {side.unique_rows:,} different, {side.sampled_rows:,} used"
    length = "" if kernel.bandwidth is None else f", bandwidth {number(kernel.bandwidth)}"
    yield "kernel", f"{shown(kernel.name)}{length}"
    yield "largest weight C", f"{headroom.cap:g}"
    limit = "" if null.limit is None else f"; up to {null.limit:.3f} may be chance"
    yield (
        "null",
        f"{null.draws} draws of {null.rows:,} uniform points on a sphere of dimension {null.dimension} "
        f"({null.kernel.name}){limit}",
    )


def cells(headroom: Headroom) -> list[tuple[str, ...]]:
    """Return gain, need and null at each rank."""
    of = headroom.curve
    columns = (of.rank, of.gain, of.need, of.null, of.null_low, of.null_high, of.null_need)
    return [
        (
            f"{rank:,}",
            f"{gain:.3f}",
            number(need, 3),
            f"{null:.3f}",
            f"{low:.3f} to {high:.3f}",
            number(null_need, 3),
        )
        for rank, gain, need, null, low, high, null_need in zip(*columns, strict=True)
    ]


def reproduce_facts(headroom: Headroom) -> Iterator[tuple[str, str]]:
    """Yield how to get the numbers again."""
    if headroom.reproduce.command:
        yield "command", shown(headroom.reproduce.command, 400)
    yield "seed", str(headroom.reproduce.seed)
    yield "data", headroom.data.digest
