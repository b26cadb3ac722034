"""The removed rows in words: which lay far from what was kept, which carried the tail, and how much of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from specaudit.embeddings.display import shown
from specaudit.report.facts import dimensions, number, percent

if TYPE_CHECKING:
    from specaudit.documents import Carried, Comparison, NamedRow

MOSTLY = 0.5  # of the lost capacity explained, below which a cause is named
NAMED = 5  # removed rows that a report for people names


def carried_sentence(carried: Carried) -> str:
    """Return what the removed rows carried, and how much of the lost capacity that explains."""
    text = (
        f"{percent(carried.rows)} of the rows, carried {percent(carried.capacity)} of {dimensions(carried.dimension)}"
        f" effective dimensions; the tenth with most leverage {percent(carried.first_tenth)} of that"
    )
    if carried.explained is not None:
        share = min(max(carried.explained, 0.0), 1.0)
        text += f"; one by one they explain about {100 * share:.0f} % of the lost capacity"
        text += ", the rest lies with rows that stand in for one another" * (share < MOSTLY)
    return text


def row_table(rows: Sequence[NamedRow]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the heads and cells of removed rows; ids have a column where there are any."""
    columns = {
        "row": [f"{row.row:,}" for row in rows],
        "distance": [number(row.distance, 3) for row in rows],
        "leverage": ["" if row.leverage is None else number(row.leverage, 3) for row in rows],
        "id": [shown(row.id or "") for row in rows],
    }
    known = {head: cells for head, cells in columns.items() if any(cells)}
    return tuple(known), list(zip(*known.values(), strict=True))


LOST_HEADS = ("rows", "kept", "rows nearest to its centre")


def lost_table(comparison: Comparison) -> list[tuple[str, ...]]:
    """Return the cells of the clusters of which hardly any row was kept; none where there are none."""
    found = comparison.coverage.lost if comparison.coverage is not None else ()
    return [
        (f"{cluster.rows:,}", percent(cluster.kept), ", ".join(_named(row) for row in cluster.medoids))
        for cluster in found
    ]


def _named(row: NamedRow) -> str:
    return f"{row.row:,}" if row.id is None else f"{row.row:,} ({shown(row.id, 40)})"


def named_rows(comparison: Comparison) -> Iterator[tuple[str, tuple[NamedRow, ...]]]:
    """Yield the lists of removed rows that there are, with what they are and in which unit their distance is."""
    scaled = any(change.kernel.bandwidth is not None for change in comparison.spectra.values())
    unit = "bandwidths" if scaled else "units of the rows"
    rows = comparison.rows
    if rows.removed_far:
        looked = f"{rows.searched:,} looked at; distance in {unit}"
        yield f"Removed rows farthest from any kept row ({looked})", rows.removed_far
    if rows.removed_tail:
        yield "Removed rows that carried most of the tail", rows.removed_tail
