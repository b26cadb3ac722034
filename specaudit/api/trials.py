"""Audits of many prunings of one data set, which share its sample, kernel matrices and random subsets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from specaudit.api.changes import consistency_of, kernel_changes, missing_ceiling
from specaudit.api.common import environment
from specaudit.comparison import SharedSpectra
from specaudit.dataset import DataSet, IntArray
from specaudit.documents import Comparison
from specaudit.gates import judge
from specaudit.kernels import Kernel, Normalize
from specaudit.policy import Policy
from specaudit.progress import Progress
from specaudit.relation import relate
from specaudit.removal import RemovedRows
from specaudit.report.compare.assemble import assemble_comparison, relation_document, rows_document, side
from specaudit.sampling import SamplePair, Samples
from specaudit.subsets import SampledRows

SHORTEST = 0.9
"""Share of the largest sample that the smallest has where all are cut to its size, to share random subsets."""


@dataclass(frozen=True, kw_only=True)
class Trials:
    """Audits of prunings of `before`.

    Each compares the same samples as `compare`, and finds the same, wherever `before` is not sampled; of a larger one
    the sample of a pruning is what it leaves of the sample of `before`.
    """

    before: DataSet
    kernels: Sequence[Kernel]
    normalize: Normalize
    policy: Policy
    seed: int
    max_rows: int
    threads: int
    report: Progress

    @cached_property
    def shared(self) -> dict[str, SharedSpectra]:
        """What the audits have in common, by kernel."""
        return {kernel.name: SharedSpectra() for kernel in self.kernels}

    @cached_property
    def sampled(self) -> IntArray:
        """Numbers of the sampled rows among the different rows, by key."""
        return self.before.keyed(self.seed)[1][: self.max_rows]

    @cached_property
    def sample(self) -> SampledRows:
        """The sampled rows."""
        return SampledRows(
            rows=self.before.read(self.sampled, self.normalize), copies=self.before.copies[self.sampled]
        )

    def audits(self, prunings: Sequence[IntArray]) -> list[Comparison]:
        """Return the audits of prunings that keep each row so often (rows,), of about equal size."""
        afters = [self.before.selected(times) for times in prunings]
        kept = [self._kept(after) for after in afters]
        least = min(map(len, kept))
        cut = [places[:least] if SHORTEST * len(places) <= least else places for places in kept]
        return [self._audit(after, places) for after, places in zip(afters, cut, strict=True)]

    def audit(self, times: IntArray) -> Comparison:
        """Return the audit of a pruning that keeps each row so often (rows,)."""
        return self.audits([times])[0]

    def _kept(self, after: DataSet) -> IntArray:
        """Return the places in the sample that a pruning leaves, in the order of the keys."""
        return np.flatnonzero(np.isin(self.before.unique_labels[self.sampled], after.unique_labels))

    def _audit(self, after: DataSet, kept: IntArray) -> Comparison:
        before = self.before
        relation = relate(before, after, near=0, tolerance=None, matched_by="selection")
        numbers = np.searchsorted(after.unique_labels, before.unique_labels[self.sampled[kept]])
        samples = Samples(before=self.sampled, after=numbers, shared=len(kept))
        pair = self._pair(after.copies[numbers], kept)
        no_ceiling = missing_ceiling(relation, pair)
        subset = relation.kind == "prune" and no_ceiling is None
        own = pair.before.copies is not self.sample.copies
        shared = {kernel.name: SharedSpectra() for kernel in self.kernels} if own else self.shared
        changes = kernel_changes(
            self.kernels, pair, samples, subset, self.policy, self.seed, self.threads, self.report, shared
        )
        nowhere = RemovedRows(rows=np.empty(0, np.int64), distances=np.empty(0))
        found = assemble_comparison(
            side(before, name=before.embeddings.name, model=None, sampled=samples.sizes[0]),
            side(after, name=f"{before.embeddings.name} as proposed", model=None, sampled=samples.sizes[1]),
            relation_document(relation, "any", samples.shared),
            changes,
            samples.design,
            rows_document(before, after, nowhere, changes),
            consistency_of(changes, pair),
            no_ceiling=no_ceiling,
            command="",
            seed=self.seed,
            environment=environment(self.threads),
        )
        return judge(found, self.policy)

    def _pair(self, copies: IntArray, kept: IntArray) -> SamplePair:
        old, new = self.sample.copies, copies
        if len(kept) == self.sample.unique and self.before.rows > len(self.before.copies):
            # only proportions matter, and equal ones shall look equal
            old, new = old // np.gcd.reduce(old), new // np.gcd.reduce(new)
        return SamplePair(
            before=SampledRows(rows=self.sample.rows, copies=old),
            after=SampledRows(rows=self.sample.rows[kept], copies=new),
            nested=True,
            places=kept,
            size_ratio=float(self.sample.copies.sum() / copies.sum()),
        )
