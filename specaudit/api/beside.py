"""In a comparison: added rows judged against BEFORE's, and removed rows against those that were kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from specaudit import documents as doc
from specaudit.api.spanning import FEWEST, judged_set, span_kernels
from specaudit.budget import span_memory
from specaudit.dataset import DataSet
from specaudit.kernels import FloatArray, Kernel, Normalize
from specaudit.lost import lost_clusters
from specaudit.progress import Progress
from specaudit.relation import Relation
from specaudit.report.span.assemble import lost_document
from specaudit.span import RealRows

AGAINST, JUDGED = 4096, 2048
"""Rows that others are judged against, and rows that are judged together, at most."""


def judging_memory(rows: int, unique: int, dimensions: int) -> int:
    """Return the bytes that judging takes where both sides have `rows` rows and one `unique` different ones."""
    return span_memory((rows,), min(unique, AGAINST), min(unique, JUDGED), dimensions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """How rows of one side are judged against rows of the other."""

    kernels: Sequence[Kernel]
    normalize: Normalize
    seed: int
    threads: int
    report: Progress

    def added(self, before: DataSet, after: DataSet, relation: Relation) -> doc.SpanSet | None:
        """Return what the rows that AFTER adds are to BEFORE's.

        None where there are too few of either, data that do not share rows, or no kernel of distances.
        """
        if relation.kind not in ("augment", "replace"):
            return None
        new = after.selected((~np.isin(after.labels, before.unique_labels)).astype(np.int64))
        if not self._possible(before, new):
            return None
        return self._judged(before, self._rows(before, AGAINST), new, "added rows")

    def removed(self, before: DataSet, after: DataSet, relation: Relation) -> doc.Coverage | None:
        """Return what BEFORE's removed rows are to the kept ones; None as above."""
        if relation.kind not in ("prune", "replace"):
            return None
        inside = np.isin(before.labels, after.unique_labels)
        kept, gone = before.selected(inside.astype(np.int64)), before.selected((~inside).astype(np.int64))
        if not self._possible(kept, gone):
            return None
        known = self._rows(kept, AGAINST)
        found = self._judged(kept, known, gone, "removed rows judged")
        order = gone.keyed(self.seed)[1][:JUDGED]
        lost = lost_clusters(
            known,
            gone.read(order, self.normalize),
            totals=(len(kept.copies), len(gone.copies)),
            seed=self.seed,
        )
        unit = next(kernel.bandwidth for kernel in self.kernels if kernel.bandwidth is not None)
        return doc.Coverage(removed=found, lost=lost_document(lost, gone.places[order], before.embeddings.ids, unit))

    def _possible(self, real: DataSet, new: DataSet) -> bool:
        distances = any(kernel.profile is not None for kernel in self.kernels)
        return distances and min(len(real.copies), len(new.copies)) >= FEWEST

    def _rows(self, data: DataSet, most: int) -> FloatArray:
        return data.read(data.keyed(self.seed)[1][:most], self.normalize)

    def _judged(self, real: DataSet, rows: FloatArray, new: DataSet, name: str) -> doc.SpanSet:
        copies = real.copies[real.keyed(self.seed)[1][: len(rows)]]
        with self.report.stage(name) as stage:
            basis = RealRows(span_kernels(self.kernels), rows, copies, seed=self.seed, threads=self.threads)
            return judged_set(basis, new, self.normalize, most=JUDGED, progress=stage.update)[0]
