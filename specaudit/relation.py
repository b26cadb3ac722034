"""Which rows of two data sets are the same: by ids, by content, and by nearest neighbour for what is left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from specaudit.dataset import DataSet, Hashes, IntArray
from specaudit.embeddings import Embeddings
from specaudit.errors import InputError
from specaudit.graph import NearestRows, nearest_rows, one_to_one
from specaudit.kernels import Normalize, prepare_rows

Flags = npt.NDArray[np.bool_]
Kind = Literal["identical", "reweighted", "prune", "augment", "replace", "fresh"]
Expectation = Literal["prune", "augment", "fresh", "any"]
MatchedBy = Literal["ids", "content", "selection", "sketch"]

TOLERANCE = 1e-3
"""Rows are the same when they are closer than this share of BEFORE's median distance."""
PROVEN = 0.5
"""Share of the smaller side's different rows that must be shared for two data sets to be one that was changed."""
PILOT = 512
"""Unmatched rows that are looked at before all are."""
BATCH = 1 << 16
PASSES = 8
"""Rows that are near to a row which a nearer one got look for another of their own this often, less one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """How two data sets relate; counts are of different rows.

    Attributes
    ----------
    kind
        What was done to BEFORE.
    shared, near, removed, added
        Rows in both, those of them matched by nearest neighbour, rows only in BEFORE, rows only in AFTER.
    tolerance
        Distance within which rows were matched; None if none had to be.
    subset
        No row occurs more often in AFTER than in BEFORE.
    gone
        (removed,) places among BEFORE's different rows.
    """

    kind: Kind
    matched_by: MatchedBy
    shared: int
    near: int
    removed: int
    added: int
    tolerance: float | None
    subset: bool
    gone: IntArray = field(repr=False)


def find_relation(
    before: DataSet,
    after: DataSet,
    tolerance: float,
    *,
    normalize: Normalize,
    threads: int,
    progress: Callable[[float], None] = lambda fraction: None,
) -> tuple[DataSet, Relation]:
    """Return AFTER with the labels of the rows of BEFORE that its rows are, and the relation of the two.

    Rows are the same that have one id, where both sides have ids, or equal content, or else that are nearest to one
    another within `tolerance`; rows of AFTER left over that are as near to a row of BEFORE are its copies.
    """
    by_ids = before.embeddings.ids is not None and after.embeddings.ids is not None
    if by_ids:
        after = match_by_ids(before, after, tolerance, normalize)
    after, near = match_by_distance(before, after, tolerance, normalize=normalize, threads=threads, progress=progress)
    relation = relate(
        before,
        after,
        near=near,
        tolerance=tolerance if near or by_ids else None,
        matched_by="ids" if by_ids else "content",
    )
    return after, relation


def match_by_ids(before: DataSet, after: DataSet, tolerance: float, normalize: Normalize) -> DataSet:
    """Return AFTER with the labels of BEFORE's rows of the same ids.

    Raises
    ------
    InputError
        Rows of one id differ by more than `tolerance`.
    """
    ids = before.embeddings.ids or ()
    known = {name: row for row, name in enumerate(ids) if before.times[row]}
    pairs = [
        (known[name], row)
        for row, name in enumerate(after.embeddings.ids or ())
        if after.times[row] and name in known
    ]
    if not pairs:
        return after
    old, new = np.array(pairs, dtype=np.int64).T
    changed = np.flatnonzero(before.contents[old] != after.contents[new])
    for start in range(0, len(changed), BATCH):
        part = changed[start : start + BATCH]
        distance = _paired_distances(before.embeddings, old[part], after.embeddings, new[part], normalize)
        far = np.flatnonzero(distance > tolerance)
        if len(far):
            first = part[far[0]]
            raise InputError(
                f"{after.embeddings.locate(int(new[first]))}: differs from the row of the same id, "
                f"{before.embeddings.locate(int(old[first]))}, by {distance[far[0]]:.3g}",
                next_step="compare embeddings of one model, or drop the ids to match rows by content",
            )
    labels = after.labels.copy()
    labels[new] = before.labels[old]
    return after.relabelled(labels)


def _paired_distances(
    one: Embeddings, rows: IntArray, other: Embeddings, others: IntArray, normalize: Normalize
) -> np.ndarray:
    difference = prepare_rows(one.take(rows), normalize=normalize) - prepare_rows(
        other.take(others), normalize=normalize
    )
    return np.asarray(np.linalg.norm(difference, axis=1))


def match_by_distance(
    before: DataSet,
    after: DataSet,
    tolerance: float,
    *,
    normalize: Normalize,
    threads: int,
    progress: Callable[[float], None] = lambda fraction: None,
) -> tuple[DataSet, int]:
    """Return AFTER with rows that have no label in BEFORE matched to the nearest such row, and how many got a match.

    A row of BEFORE is matched as often as it occurs there, so that copies that were embedded again, each with its own
    rounding, are copies still, and rows of BEFORE that are near one another each find their own. What is then left
    within the tolerance is a further copy of its nearest row. A pilot of the rows comes first: where none of it is
    near any row of BEFORE, the data sets are taken to share no more rows.
    """
    lone = np.flatnonzero(~np.isin(after.unique_labels, before.unique_labels))
    if not (len(before.places) and len(lone)):
        return after, 0
    free = ~np.isin(before.unique_labels, after.unique_labels)
    room, known = np.zeros(before.embeddings.rows, np.int64), np.zeros(before.embeddings.rows, np.bool_)
    room[before.places[free]] = before.copies[free]
    known[before.places] = True

    def nearest(numbers: IntArray, wanted: Flags) -> NearestRows:
        return nearest_rows(
            after.embeddings.take(after.places[numbers]),
            before.embeddings,
            wanted,
            normalize=normalize,
            threads=threads,
            progress=progress,
        )

    pilot = nearest(lone[:: max(1, len(lone) // PILOT)][:PILOT], known)
    if (pilot.distances > tolerance).all():
        return after, 0
    found = np.full(len(after.unique_labels), -1)
    for start in range(0, len(lone), BATCH):
        left, wanted = lone[start : start + BATCH], known
        for turn in range(PASSES):
            near = nearest(left, wanted)
            rows = one_to_one(near, tolerance)
            hit = (rows >= 0) & (room[rows] > 0)
            close = near.distances <= tolerance
            if turn == 0:
                found[left[close]] = near.rows[close]
            found[left[hit]] = rows[hit]
            room[rows[hit]] -= after.copies[left[hit]]
            left, wanted = left[close & ~hit], room > 0
            if not (len(left) and wanted.any() and (hit.any() or turn == 0)):
                break
    matched = found >= 0
    labels = np.where(matched, before.labels[found], after.unique_labels)
    old = np.searchsorted(after.unique_labels, after.labels).clip(max=len(labels) - 1)
    same = after.unique_labels[old] == after.labels
    return after.relabelled(np.where(same, labels[old], after.labels)), len(np.unique(found[matched]))


def relate(before: DataSet, after: DataSet, *, near: int, tolerance: float | None, matched_by: MatchedBy) -> Relation:
    """Return the relation of two data sets whose labels say which rows are the same."""
    shared, old, new = np.intersect1d(
        before.unique_labels, after.unique_labels, assume_unique=True, return_indices=True
    )
    removed, added = len(before.copies) - len(shared), len(after.copies) - len(shared)
    gone = np.setdiff1d(np.arange(len(before.copies)), old, assume_unique=True)
    return Relation(
        kind=kind_of(len(shared), removed, added, proportional=_proportional(before.copies[old], after.copies[new])),
        matched_by=matched_by,
        shared=len(shared),
        near=near,
        removed=removed,
        added=added,
        tolerance=tolerance,
        subset=not added and bool((after.copies[new] <= before.copies[old]).all()),
        gone=gone,
    )


def kind_of(shared: int, removed: int, added: int, *, proportional: bool) -> Kind:
    """Return what was done; `proportional` tells whether every shared row has equally more or fewer copies."""
    if not removed and not added:
        return "identical" if proportional else "reweighted"
    if not added:
        return "prune"
    if not removed:
        return "augment"
    return "replace" if shared >= PROVEN * (shared + min(removed, added)) else "fresh"


def _proportional(old: IntArray, new: IntArray) -> bool:
    return bool((old * new[:1] == new * old[:1]).all())


def check_expectation(relation: Relation, expected: Expectation, before: DataSet, after: DataSet) -> None:
    """Raise InputError where the relation is not the one that was expected."""
    if expected == "prune" and relation.added:
        lone = after.places[np.flatnonzero(~np.isin(after.unique_labels, before.unique_labels))]
        raise InputError(
            f"{relation.added:,} of AFTER's {len(after.copies):,} different rows are not rows of BEFORE, "
            f"first {after.embeddings.locate(int(lone.min()))}",
            next_step="--expect augment or any if rows were added; else check that one model made both files",
        )
    if expected == "augment" and relation.removed:
        raise InputError(
            f"{relation.removed:,} of BEFORE's {len(before.copies):,} different rows are missing in AFTER, "
            f"first {before.embeddings.locate(int(before.places[relation.gone].min()))}",
            next_step="--expect prune or any if rows were removed; else check that one model made both files",
        )


def overlap(before: Hashes, after: Hashes) -> IntArray:
    """Return where each of AFTER's labels (m,) is among BEFORE's (n,), both without repeats; -1 where it is not."""
    if not len(before):
        return np.full(len(after), -1)
    order = np.argsort(before)
    place = order[np.searchsorted(before[order], after).clip(max=len(before) - 1)]
    return np.where(before[place] == after, place, -1)
