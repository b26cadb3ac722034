"""In a comparison: added rows judged against BEFORE's, and removed rows against those that were kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from specaudit import documents as doc
from specaudit.api.spanning import FEWEST, judged_set
from specaudit.dataset import DataSet, IntArray
from specaudit.kernels import Kernel, Normalize
from specaudit.lost import lost_clusters
from specaudit.progress import Progress
from specaudit.relation import Relation
from specaudit.report.span.assemble import lost_document
from specaudit.span import RealRows

AGAINST, JUDGED = 4096, 2048
"""Rows that others are judged against, and rows that are judged together, at most."""


def judge_added(
    before: DataSet,
    after: DataSet,
    relation: Relation,
    kernels: Sequence[Kernel],
    normalize: Normalize,
    *,
    seed: int,
    threads: int,
    report: Progress,
) -> doc.SpanSet | None:
    """Return what the rows that AFTER adds are to BEFORE's; None where too few, or without a kernel of distances."""
    if relation.kind not in ("augment", "replace") or not _usable(kernels):
        return None
    added = after.selected((~np.isin(after.labels, before.unique_labels)).astype(np.int64))
    return _judged(before, added, kernels, normalize, "added rows", seed=seed, threads=threads, report=report)


def judge_removed(
    before: DataSet,
    after: DataSet,
    relation: Relation,
    kernels: Sequence[Kernel],
    normalize: Normalize,
    *,
    seed: int,
    threads: int,
    report: Progress,
) -> doc.Coverage | None:
    """Return what BEFORE's removed rows are to the kept ones; None where there are too few of either."""
    if relation.kind not in ("prune", "replace") or not _usable(kernels):
        return None
    inside = np.isin(before.labels, after.unique_labels)
    kept, gone = before.selected(inside.astype(np.int64)), before.selected((~inside).astype(np.int64))
    found = _judged(kept, gone, kernels, normalize, "lost rows", seed=seed, threads=threads, report=report)
    if found is None:
        return None
    parts = [data.keyed(seed)[1][:most] for data, most in ((kept, AGAINST), (gone, JUDGED))]
    samples = [data.read(order, normalize) for data, order in zip((kept, gone), parts, strict=True)]
    lost = lost_clusters(*samples, totals=(len(kept.copies), len(gone.copies)), seed=seed)
    unit = next(kernel.bandwidth for kernel in kernels if kernel.bandwidth is not None)
    return doc.Coverage(removed=found, lost=lost_document(lost, gone.places[parts[1]], before.embeddings.ids, unit))


def _usable(kernels: Sequence[Kernel]) -> bool:
    return any(kernel.profile is not None for kernel in kernels)


def _judged(
    real: DataSet,
    new: DataSet,
    kernels: Sequence[Kernel],
    normalize: Normalize,
    name: str,
    *,
    seed: int,
    threads: int,
    report: Progress,
) -> doc.SpanSet | None:
    if min(len(real.copies), len(new.copies)) < FEWEST:
        return None
    order: IntArray = real.keyed(seed)[1][:AGAINST]
    # Kernels of distances first; their rows decide what single rows are called.
    ordered = sorted(kernels, key=lambda kernel: kernel.profile is None)
    with report.stage(name) as stage:
        rows = real.read(order, normalize)
        basis = RealRows(ordered, rows, real.copies[order], seed=seed, threads=threads)
        return judged_set(basis, new, normalize, most=JUDGED, each=False, progress=stage.update)[0]
