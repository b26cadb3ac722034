"""`compare`: what a pruning or an augmentation did to the spectral tail, and whether a pipeline may go on."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from specaudit.api.against import compare_with_baseline, find_baseline
from specaudit.api.beside import Judging, judging_memory
from specaudit.api.changes import consistency_of, kernel_changes, missing_ceiling
from specaudit.api.common import MAX_ROWS, check_arguments, environment
from specaudit.api.deepening import Deepening
from specaudit.api.graph_plan import GRAPH_ROWS, GraphPlan, Operator
from specaudit.api.planning import check_after
from specaudit.api.sides import Proposal, Reader, check_dimensions, check_models
from specaudit.budget import check_memory, comparison_memory, usable_threads
from specaudit.comparison import KernelChange
from specaudit.dataset import DataSet
from specaudit.distributed import engine_of
from specaudit.documents import Baseline, Comparison
from specaudit.embeddings import held_texts
from specaudit.errors import ConfigError, InputError
from specaudit.gates import judge
from specaudit.graph import NEIGHBORS
from specaudit.groups import kept_groups
from specaudit.kernels import BANDWIDTH_ROWS, DOUBLE, KERNELS, Normalize, choose_kernel, median_distance
from specaudit.policy import Policy
from specaudit.progress import Progress, SilentProgress
from specaudit.relation import TOLERANCE, Expectation, check_expectation, find_relation, relate
from specaudit.removal import CarriedTail, Flags, carried_tail, removed_rows
from specaudit.report.compare.assemble import (
    assemble_comparison,
    relation_document,
    rows_document,
    side,
    smallest_harms,
)
from specaudit.report.compare.groups import groups_document
from specaudit.sampling import SamplePair, Samples, read_samples, relative_scale

if TYPE_CHECKING:
    from specaudit.api.common import Source
    from specaudit.api.sides import Ids, Rule

FEWEST_ROWS = 4
"""Different rows of each side below which there is not even a curve."""


def compare(
    before: Source | Baseline,
    after: Source | None = None,
    *,
    kept: Rule | None = None,
    dropped: Rule | None = None,
    weights: Rule | None = None,
    added: Source | None = None,
    expect: Expectation = "any",
    ids: Ids | None = None,
    ids_after: Ids | None = None,
    groups: Rule | None = None,
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
    seed: int | None = None,
    threads: int | None = None,
    max_rows: int = MAX_ROWS,
    operator: Operator = "auto",
    landmarks: int | None = None,
    neighbors: int = NEIGHBORS,
    graph_rows: int = GRAPH_ROWS,
    index: str = "auto",
    max_memory: int | None = None,
    workers: int | None = None,
    dask: str | None = None,
    command: str = "",
    progress: Progress | None = None,
) -> Comparison:
    """Return how the spectral tail of a data set changed, and the verdict on it.

    Kernel and bandwidth are fixed on BEFORE. Inputs, kernels and limits are as in `fit`.

    Parameters
    ----------
    before, after
        The two data sets. BEFORE may be a saved baseline, whose kernels and seed are used then; AFTER is left out
        when a proposal is given.
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
    groups
        The label of each row of BEFORE, or the column of a table that holds it: the kept share of each group is
        reported in `rows.groups`.
    model, model_after
        Names of the embedding models, which must be the same.
    policy
        Margins, limits and waivers; the documented defaults without it.
    seed
        Keys the sample and the random subsets: by default 0, or that of the baseline, which no other may replace.
    operator
        "graph" adds the gain past the dense depth, from kernel graphs of both sides, as information; gates are always
        decided by dense matrices.
    landmarks, neighbors, graph_rows, index
        Of those graphs, as in `fit`.
    workers, dask
        Where rows are read, as in `fit`.
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
    check_after(after)
    graph = GraphPlan.of(
        operator, kernels, max_rows, landmarks=landmarks, neighbors=neighbors, rows=graph_rows, index=index
    )
    rules, report, cores = policy or Policy(), progress or SilentProgress(), usable_threads(threads)
    baseline = find_baseline(before)
    if baseline is not None:
        if after is None:
            raise ConfigError("a proposal needs BEFORE's embeddings", next_step="give them in place of the baseline")
        if groups is not None:
            raise ConfigError("groups need BEFORE's embeddings", next_step="give them in place of the baseline")
        if operator == "graph":
            raise ConfigError("a kernel graph needs BEFORE's rows", next_step="give them in place of the baseline")
        with engine_of(workers, dask) as engine:
            found = compare_with_baseline(
                baseline,
                after,
                seed=seed,
                expect=expect,
                kernels=kernels,
                given={"bandwidth": bandwidth, "normalize": normalize, "centered": centered},
                model=model,
                model_after=model_after,
                opening={"dtype": dtype, "shape": shape, "column": column, "engine": engine},
                drop_bad_rows=drop_bad_rows,
                threads=threads,
                max_rows=max_rows,
                max_memory=max_memory,
                command=command,
                progress=progress,
            )
        return judge(_calibrated(found, rules) if calibrate else found, rules)
    assert not isinstance(before, Baseline)
    seed = seed or 0
    check_models(model, model_after)
    with ExitStack() as stack:
        stack.enter_context(threadpool_limits(limits=cores))
        reader = Reader.of(
            stack,
            report,
            dtype=dtype,
            shape=shape,
            column=column,
            max_memory=max_memory,
            seed=seed,
            max_rows=max_rows,
            normalize=normalize,
            drop_bad_rows=drop_bad_rows,
            without=groups,
            engine=stack.enter_context(engine_of(workers, dask)),
        )
        first = reader.read(before, ids, groups)
        second = reader.read(after, ids_after) if after is not None else reader.propose(first, proposal, ids_after)
        check_dimensions(first, second)
        return compare_sets(
            first,
            second,
            proposed=after is None,
            expect=expect,
            kernels=kernels,
            bandwidth=bandwidth,
            normalize=normalize,
            centered=centered,
            model=model,
            model_after=model_after,
            policy=rules,
            calibrate=calibrate,
            seed=seed,
            cores=cores,
            max_rows=max_rows,
            graph=graph if operator == "graph" else None,
            max_memory=max_memory,
            command=command,
            report=report,
        )


def compare_sets(
    first: DataSet,
    second: DataSet,
    *,
    proposed: bool,
    expect: Expectation = "any",
    kernels: Sequence[str],
    bandwidth: float | None,
    normalize: Normalize,
    centered: bool,
    model: str | None,
    model_after: str | None = None,
    policy: Policy,
    calibrate: bool = False,
    seed: int,
    cores: int,
    max_rows: int,
    graph: GraphPlan | None = None,
    max_memory: int | None,
    command: str,
    report: Progress,
) -> Comparison:
    """Return what `compare` does, of two data sets that have been read; `graph` is that of the deep gain.

    Of a proposal (`proposed`) the rows of the second are those of the first, by their labels.
    """
    _check_budget(first, second, kernels, cores, max_rows, max_memory)
    deepening = None if graph is None else Deepening(before=first, after=second, plan=graph)
    if deepening is not None:
        deepening.check(kernels, max_memory)
    basis = first.read(first.keyed(seed)[1][: min(max_rows, BANDWIDTH_ROWS)], normalize)
    typical = median_distance(basis)
    chosen = [
        choose_kernel(name, basis, bandwidth=bandwidth, normalize=normalize, centered=centered and name == "linear")
        for name in kernels
    ]
    if proposed:
        relation = relate(first, second, near=0, tolerance=None, matched_by="selection")
    else:
        with report.stage("match rows") as stage:
            second, relation = find_relation(
                first,
                second,
                TOLERANCE * typical,
                normalize=normalize,
                threads=cores,
                progress=stage.update,
            )
    check_expectation(relation, expect, first, second)
    samples = Samples.of(first, second, seed=seed, max_rows=max_rows)
    _check_size(samples)
    pair = read_samples(first, second, samples, normalize)
    scale = relative_scale(typical, pair.after.rows) if expect == "fresh" else None
    no_ceiling = missing_ceiling(relation, pair)
    subset = relation.kind == "prune" and no_ceiling is None
    changes = kernel_changes(chosen, pair, samples, subset, policy, seed, cores, report)
    consistency = consistency_of(changes, pair)
    with report.stage("removed rows") as stage:
        gone = np.isin(samples.before, relation.gone)
        carried = None if relation.kind == "fresh" else _carried(changes, pair, gone, cores)
        removed = removed_rows(
            first,
            second,
            samples.before[gone],
            None if carried is None else carried.leverages[gone],
            normalize=normalize,
            threads=cores,
            progress=stage.update,
        )
    deep = {} if deepening is None else deepening.gains(chosen, normalize, seed=seed, threads=cores, report=report)
    judging = Judging(kernels=chosen, normalize=normalize, seed=seed, threads=cores, report=report)
    groups = kept_groups(first, second, proposed=proposed)
    name = f"{first.embeddings.name} as proposed" if proposed else second.embeddings.name
    found = assemble_comparison(
        side(first, name=first.embeddings.name, model=model, sampled=samples.sizes[0]),
        side(second, name=name, model=model_after or model, sampled=samples.sizes[1]),
        relation_document(relation, expect, samples.shared, scale),
        changes,
        samples.design,
        rows_document(
            first,
            second,
            removed,
            changes,
            carried,
            groups=None if groups is None else groups_document(groups),
            pruned=relation.kind == "prune",
        ),
        consistency,
        no_ceiling=no_ceiling,
        deep=deep,
        span=judging.added(first, second, relation),
        coverage=judging.removed(first, second, relation),
        command=command,
        seed=seed,
        environment=environment(cores),
    )
    return judge(_calibrated(found, policy) if calibrate else found, policy)


def _check_sides(after: Source | None, proposal: Proposal) -> None:
    if (after is None) == (not proposal.given):
        raise ConfigError(
            "give either AFTER or a proposal", next_step="a proposal is --kept, --dropped or --weights, and --added"
        )


def _check_size(samples: Samples) -> None:
    if samples.design.size < FEWEST_ROWS:
        raise InputError(
            f"{samples.sizes[0]} and {samples.sizes[1]} different rows can only be compared "
            f"{samples.design.size} by {samples.design.size}, which is no spectrum",
            next_step="give more rows",
        )


def _check_budget(
    before: DataSet, after: DataSet, kernels: Sequence[str], cores: int, max_rows: int, max_memory: int | None
) -> None:
    rows = before.embeddings.rows, after.embeddings.rows
    unique = len(before.copies), len(after.copies)
    judged = any(KERNELS[name] is not None for name in kernels)
    judging = judging_memory(sum(rows), max(unique), before.embeddings.dimensions) if judged else 0

    def need(most: int) -> int:
        dense = comparison_memory(
            rows,
            (min(unique[0], most), min(unique[1], most)),
            before.embeddings.dimensions,
            cores,
            itemsize=8 if set(kernels) & set(DOUBLE) else 4,
            copies=unique != (before.rows, after.rows),
        )
        return max(dense, judging)

    check_memory(need, max_memory, max_rows, held=held_texts(before.embeddings, after.embeddings))


def _carried(changes: dict[str, KernelChange], pair: SamplePair, gone: Flags, cores: int) -> CarriedTail | None:
    """Return what BEFORE's removed rows carried under the first kernel of the rows' distances."""
    change = next((c for c in changes.values() if c.kernel.profile is not None), None)
    if change is None or change.deepest is None or not gone.any():
        return None
    return carried_tail(change.kernel, pair.before, gone, change.deepest, threads=cores)


def _calibrated(comparison: Comparison, policy: Policy) -> Comparison:
    margins = {
        (statistic, kernel): policy.margin(statistic, kernel)
        for statistic in ("capacity", "tail")
        for kernel in comparison.spectra
    }
    return comparison.model_copy(update={"smallest_harm": smallest_harms(comparison, margins)})
