"""`compare`: what a pruning or an augmentation did to the spectral tail, and whether a pipeline may go on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from specaudit import gates
from specaudit.api.common import MAX_ROWS, check_arguments, check_scale, environment, fraction
from specaudit.budget import check_memory, comparison_memory, usable_threads
from specaudit.comparison import CEILING_SLACK, KernelChange, Outcome, compare_kernel
from specaudit.dataset import DataSet, IntArray
from specaudit.documents import Comparison, Consistency, NamedRow, Rows
from specaudit.draws import Design
from specaudit.embeddings import Embeddings, open_embeddings
from specaudit.errors import ConfigError, InputError
from specaudit.gates import Policy, judge
from specaudit.graph import nearest_rows
from specaudit.hashing import row_keys
from specaudit.kernels import (
    BANDWIDTH_ROWS,
    DOUBLE,
    Kernel,
    Normalize,
    choose_kernel,
    median_distance,
)
from specaudit.progress import Progress, SilentProgress
from specaudit.relation import (
    TOLERANCE,
    Expectation,
    Relation,
    check_expectation,
    match_by_distance,
    match_by_ids,
    overlap,
    relate,
)
from specaudit.report.compare.assemble import assemble_comparison, relation_document, side, smallest_harms
from specaudit.scan import scan
from specaudit.subsets import SampledRows

if TYPE_CHECKING:
    from specaudit.api.common import Source

    Rule = str | os.PathLike[str] | Sequence[Any] | np.ndarray[Any, Any]

FARTHEST_QUERIES = 16_384
"""Removed rows whose distance to the kept ones is looked at, at most."""
FARTHEST_WORK = 4e11
NAMED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What is proposed to do to BEFORE: which rows stay, with what weight, and what is added."""

    kept: Rule | None = None
    dropped: Rule | None = None
    weights: Rule | None = None
    added: Source | None = None

    @property
    def given(self) -> bool:
        """Whether anything is proposed."""
        return any(rule is not None for rule in (self.kept, self.dropped, self.weights, self.added))

    def times(self, embeddings: Embeddings, seed: int) -> IntArray:
        """Return how often each row of BEFORE is kept (rows,)."""
        from specaudit.embeddings import read_selection, read_weights

        if self.weights is not None:
            return _thinned(read_weights(self.weights, embeddings), seed)
        rule = self.kept if self.kept is not None else self.dropped
        if rule is None:
            return np.ones(embeddings.rows, np.int64)
        return read_selection(rule, embeddings, drop=self.kept is None)


def _thinned(weights: np.ndarray[Any, Any], seed: int) -> IntArray:
    """Return which rows are kept with probability weight / largest weight, by a hash of their number.

    Bounded weights w change the operator to M_sqrt(w) T M_sqrt(w); rows thinned in proportion to them have, with unit
    weights, the same operator up to a constant.
    """
    keys = row_keys(np.arange(len(weights), dtype=np.uint64), seed + 1)
    kept: IntArray = (keys < weights / weights.max() * 2.0**64).astype(np.int64)
    return kept


def compare(
    before: Source,
    after: Source | None = None,
    *,
    kept: Rule | None = None,
    dropped: Rule | None = None,
    weights: Rule | None = None,
    added: Source | None = None,
    expect: Expectation = "any",
    ids: str | os.PathLike[str] | Sequence[str] | None = None,
    ids_after: str | os.PathLike[str] | Sequence[str] | None = None,
    dtype: str | None = None,
    shape: tuple[int, int] | None = None,
    column: str | None = None,
    kernels: Sequence[str] = ("laplace", "linear"),
    bandwidth: float | None = None,
    normalize: Normalize = "none",
    centered: bool = False,
    model: str | None = None,
    model_after: str | None = None,
    policy: Policy | None = None,
    calibrate: bool = False,
    drop_bad_rows: bool = False,
    seed: int = 0,
    threads: int | None = None,
    max_rows: int = MAX_ROWS,
    max_memory: int | None = None,
    command: str = "",
    progress: Progress | None = None,
) -> Comparison:
    """Return how the spectral tail of a data set changed, and the verdict on it.

    Kernel and bandwidth are fixed on BEFORE. Inputs, kernels and limits are as in `fit`.

    Parameters
    ----------
    before, after
        The two data sets; AFTER is left out when a proposal is given.
    kept, dropped, weights
        Rows of BEFORE that a proposal keeps or drops (numbers, mask or ids), or bounded weights of all rows, which
        are audited on rows thinned in proportion; at most one of the three.
    added
        Rows that a proposal adds.
    expect
        What was done: rows of AFTER that BEFORE lacks are an error under "prune", rows of BEFORE that AFTER lacks
        under "augment"; "fresh" is for independent data of one model.
    ids, ids_after
        Names of the rows of each side.
    model, model_after
        Names of the embedding models, which must be the same.
    policy
        Margins, limits and waivers; the documented defaults without it.
    calibrate
        Also work out the smallest harm that would be found with 80 % power.
    command
        The shell line to be recorded.

    Raises
    ------
    InputError
        The data cannot be used or cannot be compared.
    ConfigError
        An argument cannot be used.
    BudgetError
        The run needs more memory than it may use.
    """
    check_arguments(kernels, max_rows)
    proposal = Proposal(kept=kept, dropped=dropped, weights=weights, added=added)
    _check_sides(after, proposal)
    if model and model_after and model != model_after:
        raise InputError(
            f"BEFORE is of model {model}, AFTER of {model_after}", next_step="embed both sides with one model"
        )
    rules, report, cores = policy or Policy(), progress or SilentProgress(), usable_threads(threads)
    with ExitStack() as stack:
        stack.enter_context(threadpool_limits(limits=cores))
        reader = _Reader(
            stack,
            report,
            options={"dtype": dtype, "shape": shape, "column": column, "max_memory": max_memory},
            seed=seed,
            max_rows=max_rows,
            normalize=normalize,
            drop_bad_rows=drop_bad_rows,
        )
        first = reader.read(before, ids)
        second = reader.read(after, ids_after) if after is not None else reader.propose(first, proposal, ids_after)
        _check_dimensions(first, second)
        samples = _Samples.of(first, second, seed=seed, max_rows=max_rows)
        itemsize = 8 if set(kernels) & set(DOUBLE) else 4
        need = comparison_memory(
            (first.embeddings.rows, second.embeddings.rows),
            samples.sizes,
            first.embeddings.dimensions,
            cores,
            itemsize,
        )
        check_memory(need, max_memory, max_rows)
        basis = first.read(samples.before, normalize)
        tolerance = TOLERANCE * median_distance(basis[:BANDWIDTH_ROWS])
        by_ids = first.embeddings.ids is not None and second.embeddings.ids is not None
        near = 0
        if not proposal.given:
            if by_ids:
                second = match_by_ids(first, second, tolerance, normalize)
            with report.stage("match rows") as stage:
                second, near = match_by_distance(
                    first, second, tolerance, normalize=normalize, threads=cores, progress=stage.update
                )
        relation = relate(
            first,
            second,
            near=near,
            tolerance=tolerance if near or by_ids else None,
            matched_by="selection" if proposal.given else "ids" if by_ids else "content",
        )
        check_expectation(relation, expect, first, second)
        samples = _Samples.of(first, second, seed=seed, max_rows=max_rows)
        design = Design.of(*samples.sizes, samples.shared)
        chosen = [
            choose_kernel(
                name, basis, bandwidth=bandwidth, normalize=normalize, centered=centered and name == "linear"
            )
            for name in kernels
        ]
        ordered = _Ordered.of(first, second, samples, relation, design, normalize)
        changes: dict[str, KernelChange] = {}
        for kernel in chosen:
            with report.stage(f"{kernel.name} null") as stage:
                changes[kernel.name] = compare_kernel(
                    kernel,
                    ordered.before,
                    ordered.after,
                    design,
                    places=ordered.places,
                    subset=relation.subset and relation.kind == "prune" and ordered.places is not None,
                    near=_nearness(rules, kernel.name),
                    kernels=len(chosen),
                    seed=seed,
                    threads=cores,
                    progress=stage.update,
                )
        consistency = _consistency(changes, ordered)
        with report.stage("removed rows") as stage:
            rows = _rows(first, second, relation, samples, chosen, normalize, cores, stage.update)
        name = second.embeddings.name if after is not None else f"{first.embeddings.name} as proposed"
        found = assemble_comparison(
            side(first, name=first.embeddings.name, model=model, sampled=samples.sizes[0]),
            side(second, name=name, model=model_after or model, sampled=samples.sizes[1]),
            relation_document(relation, expect, samples.shared),
            changes,
            design,
            rows,
            consistency,
            command=command,
            seed=seed,
            environment=environment(cores),
        )
    if calibrate:
        margins = {
            (statistic, kernel): rules.margin(statistic, kernel)
            for statistic in ("capacity", "tail")
            for kernel in changes
        }
        found = found.model_copy(update={"smallest_harm": smallest_harms(found, margins)})
    return judge(found, rules)


def _check_sides(after: Source | None, proposal: Proposal) -> None:
    if (after is None) == (not proposal.given):
        raise ConfigError(
            "give either AFTER or a proposal", next_step="a proposal is --kept, --dropped or --weights, and --added"
        )
    if sum(rule is not None for rule in (proposal.kept, proposal.dropped, proposal.weights)) > 1:
        raise ConfigError("--kept, --dropped and --weights exclude one another", next_step="give one of them")


def _check_dimensions(before: DataSet, after: DataSet) -> None:
    one, other = before.embeddings, after.embeddings
    if one.dimensions != other.dimensions:
        raise InputError(
            f"{other.name}: {other.dimensions:,} dimensions, but {one.name} has {one.dimensions:,}",
            next_step="compare embeddings of one model",
        )


class _Reader:
    """Opens and scans the sides of a comparison."""

    def __init__(
        self,
        stack: ExitStack,
        report: Progress,
        *,
        options: dict[str, Any],
        seed: int,
        max_rows: int,
        normalize: Normalize,
        drop_bad_rows: bool,
    ) -> None:
        self.stack, self.report, self.options = stack, report, options
        self.scanning: dict[str, Any] = {
            "seed": seed,
            "max_rows": max_rows,
            "normalize": normalize,
            "drop_bad_rows": drop_bad_rows,
        }

    def read(self, source: Source, ids: Any) -> DataSet:
        """Return all rows of a source."""
        embeddings = self.stack.enter_context(open_embeddings(source, ids=ids, **self.options))
        with self.report.stage(f"scan {embeddings.name}") as stage:
            found = scan(embeddings, progress=fraction(stage.update), **self.scanning)
        check_scale(embeddings, found)
        return DataSet.of(embeddings, found)

    def propose(self, before: DataSet, proposal: Proposal, ids_added: Any) -> DataSet:
        """Return what a proposal makes of BEFORE."""
        kept = before.selected(proposal.times(before.embeddings, self.scanning["seed"]))
        if proposal.added is not None:
            extra = self.read(proposal.added, ids_added)
            _check_dimensions(before, extra)
            from specaudit.embeddings import concatenated

            kept = kept.joined(extra, concatenated(before.embeddings, extra.embeddings))
        if len(kept.copies) < 2:
            raise InputError(
                f"the proposal leaves {len(kept.copies)} different rows", next_step="a comparison needs at least 2"
            )
        return kept


@dataclass(frozen=True, slots=True, kw_only=True)
class _Samples:
    """Which different rows of each side are compared: those of smallest key, in its order."""

    before: IntArray
    after: IntArray
    shared: int

    @property
    def sizes(self) -> tuple[int, int]:
        return len(self.before), len(self.after)

    @classmethod
    def of(cls, before: DataSet, after: DataSet, *, seed: int, max_rows: int) -> _Samples:
        """Return samples of at most `max_rows` each.

        Where one side is sampled more densely than the other, its rows past the other's last key are left out unless
        that costs more than half of them: the sample is then contained in the other's as far as the data set is, and
        the comparison is as precise with half of the work.
        """
        (old, old_order), (new, new_order) = before.keyed(seed), after.keyed(seed)
        limits = [len(keys) if len(keys) <= max_rows else max_rows for keys in (old, new)]
        ends = [
            keys[limit - 1] if limit < len(keys) else None for keys, limit in zip((old, new), limits, strict=True)
        ]
        for mine, theirs, keys in ((0, 1, old), (1, 0, new)):
            end = ends[theirs]
            if end is not None and (ends[mine] is None or ends[mine] > end):
                inside = int(np.searchsorted(keys[: limits[mine]], end, side="right"))
                limits[mine] = inside if 2 * inside >= limits[mine] else limits[mine]
        old_order, new_order = old_order[: limits[0]], new_order[: limits[1]]
        shared = np.isin(after.unique_labels[new_order], before.unique_labels[old_order]).sum()
        return cls(before=old_order, after=new_order, shared=int(shared))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ordered:
    """The rows of both samples in memory, and where AFTER's are among BEFORE's."""

    before: SampledRows
    after: SampledRows
    places: IntArray | None

    @classmethod
    def of(
        cls,
        before: DataSet,
        after: DataSet,
        samples: _Samples,
        relation: Relation,
        design: Design,
        normalize: Normalize,
    ) -> _Ordered:
        old, new = before.unique_labels[samples.before], after.unique_labels[samples.after]
        place = overlap(old, new)
        same = before.contents[before.places[samples.before[place]]] == after.contents[after.places[samples.after]]
        copies = [before.copies[samples.before], after.copies[samples.after]]
        if design.drawn == "none":  # only proportions matter, and equal ones shall look equal
            copies = [values // np.gcd.reduce(values) for values in copies]
        return cls(
            before=SampledRows(rows=before.read(samples.before, normalize), copies=copies[0]),
            after=SampledRows(rows=after.read(samples.after, normalize), copies=copies[1]),
            places=place if bool(((place >= 0) & same).all()) else None,
        )


def _nearness(policy: Policy, kernel: str) -> Any:
    def near(outcomes: Sequence[Outcome]) -> bool:
        return any(
            gates.near_limit(
                outcome.change if outcome.window else -outcome.change,
                (outcome.high - outcome.low) / 2,
                policy.margin("tail" if outcome.window else "capacity", kernel),
            )
            for outcome in outcomes
        )

    return near


def _consistency(changes: dict[str, KernelChange], ordered: _Ordered) -> Consistency | None:
    found = [change.ceiling for change in changes.values() if change.ceiling is not None]
    if not found:
        return None
    observed, ranks = max(found)
    limit = float(ordered.before.copies.sum() / ordered.after.copies.sum())
    holds = observed <= limit * (1 + CEILING_SLACK)
    if not holds:
        raise InputError(
            f"an eigenvalue of AFTER is {observed:.3g} times that of BEFORE; a subset can have {limit:.3g} at most",
            next_step="check that both sides come from one embedding model",
        )
    return Consistency(limit=limit, observed=observed, ranks=ranks, holds=holds)


def _rows(
    before: DataSet,
    after: DataSet,
    relation: Relation,
    samples: _Samples,
    kernels: Sequence[Kernel],
    normalize: Normalize,
    threads: int,
    update: Any,
) -> Rows:
    """Return the amounts, and the removed rows with their distance to the nearest kept row, farthest first."""
    kept = np.isin(before.unique_labels, after.unique_labels)
    work = FARTHEST_WORK / (2.0 * max(kept.sum(), 1) * before.embeddings.dimensions)
    asked = samples.before[np.isin(samples.before, relation.gone)][: int(np.clip(work, 256, FARTHEST_QUERIES))]
    named: tuple[NamedRow, ...] = ()
    if len(asked) and kept.any():
        wanted = np.zeros(before.embeddings.rows, np.bool_)
        wanted[before.places[kept]] = True
        places = before.places[asked]
        found = nearest_rows(
            before.embeddings.take(places),
            before.embeddings,
            wanted,
            normalize=normalize,
            threads=threads,
            progress=update,
        )
        unit = next((kernel.bandwidth for kernel in kernels if kernel.bandwidth), 1.0)
        names = before.embeddings.ids
        named = tuple(
            NamedRow(
                row=int(places[i]),
                id=None if names is None else names[places[i]],
                distance=float(found.distances[i] / unit),
            )
            for i in np.lexsort((places, -found.distances))
        )
    return Rows(
        before=before.rows,
        after=after.rows,
        unique_before=len(before.copies),
        unique_after=len(after.copies),
        removed_far=named[:NAMED],
        searched=len(named),
        removed_all=named,
    )
