"""The groups of BEFORE's rows: as the document has them, and in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specaudit import documents as doc
from specaudit.embeddings.display import shown
from specaudit.report.facts import percent

if TYPE_CHECKING:
    from specaudit.groups import KeptGroups

MOST_GROUPS = 1000
"""Groups that the document names."""
NAMED = 20
"""Groups that a report for people names."""
LONGEST = 60
"""Characters of a name in a table."""
GROUP_HEADS = ("rows", "kept", "share", "finding", "group")


def groups_document(found: KeptGroups) -> doc.Groups:
    """Return the groups as the document has them: lost ones first, then by rising share."""
    order = sorted(
        range(len(found.names)),
        key=lambda at: (not found.lost[at], found.shares[at], -found.rows[at], found.names[at]),
    )
    return doc.Groups(
        count=len(found.names),
        unused=found.unused,
        lost=int(found.lost.sum()),
        share=found.share,
        groups=tuple(
            doc.Group(
                name=found.names[at].encode("utf-8", "backslashreplace").decode(),  # half a surrogate pair is no JSON
                rows=int(found.rows[at]),
                kept=int(found.kept[at]),
                share=float(found.shares[at]),
                chance=float(found.chances[at]),
                lost=bool(found.lost[at]),
            )
            for at in order[:MOST_GROUPS]
        ),
    )


def groups_title(groups: doc.Groups) -> str:
    """Return what the table of groups shows."""
    listed = f"first {NAMED} of {groups.count:,} by share" if groups.count > NAMED else f"{groups.count:,}"
    unused = f", {groups.unused:,} more without a usable row" if groups.unused else ""
    return f"Groups of BEFORE's rows ({listed}{unused}; of all rows {percent(groups.share)} were kept)"


def group_cells(groups: doc.Groups) -> list[tuple[str, ...]]:
    """Return the first groups as rows under ``GROUP_HEADS``; the name is last, where it has room."""
    return [
        (
            f"{group.rows:,}",
            f"{group.kept:,}",
            percent(group.share),
            "lost" if group.lost else "",
            shown(group.name, LONGEST),
        )
        for group in groups.groups[:NAMED]
    ]
