"""`prune`: which rows a static pruning keeps, and what that does to the spectral tail."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from specaudit.api.common import MAX_ROWS, check_arguments, environment
from specaudit.api.comparing import compare_sets
from specaudit.api.planning import compare_plan
from specaudit.api.prune_request import ALL, Request
from specaudit.api.run_plan import Plan
from specaudit.api.searching import Half, first_rows, search, times_of
from specaudit.api.sides import Proposal, Reader
from specaudit.api.trials import Trials
from specaudit.budget import check_memory, comparison_memory, pruning_memory, usable_threads
from specaudit.dataset import DataSet, IntArray
from specaudit.documents import Comparison, Pruned, Pruning, Reference, Trial
from specaudit.embeddings import held_texts, read_scores
from specaudit.errors import ConfigError, ExitCode
from specaudit.kernels import BANDWIDTH_ROWS, DOUBLE, KERNELS, FloatArray, Kernel, Normalize, choose_kernel
from specaudit.operators import dense_bytes
from specaudit.policy import Policy
from specaudit.progress import Progress, SilentProgress
from specaudit.pruning import Pool, bounded_weights, kept_first
from specaudit.report.prune.assemble import bound, method_document, trial
from specaudit.version import ESTIMATOR_VERSION

if TYPE_CHECKING:
    from specaudit.api.common import Source
    from specaudit.api.prune_request import Keep
    from specaudit.api.sides import Ids, Rule

TRIED = 8
"""Audits of half of the rows that a search takes, and of all of them at its end."""
ORDERING = 1e-6
"""Seconds of a method per number of the data."""


def prune(
    source: Source,
    method: str,
    keep: Keep | None = None,
    *,
    soft: bool = False,
    cap: float | None = None,
    scores: Rule | None = None,
    ids: Ids | None = None,
    groups: Rule | None = None,
    dtype: str | None = None,
    shape: tuple[int, int] | None = None,
    column: str | None = None,
    kernels: Sequence[str] = ("laplace", "linear"),
    bandwidth: float | None = None,
    normalize: Normalize = "none",
    centered: bool = False,
    model: str | None = None,
    policy: Policy | None = None,
    drop_bad_rows: bool = False,
    seed: int = 0,
    threads: int | None = None,
    max_rows: int = MAX_ROWS,
    max_memory: int | None = None,
    command: str = "",
    progress: Progress | None = None,
) -> Pruning:
    """Return which rows a pruning keeps, or their weights, with the audit of what is left.

    Inputs, kernels and limits are as in `compare`. What is kept is in `kept` (and `kept_ids`) or in `weights`.

    Parameters
    ----------
    method
        A name of `specaudit.pruning.METHODS`, or "all" for a table of every method, which is not gated.
    keep
        Share of the usable rows to keep, in (0, 1); several for all methods; or "auto" for the smallest that passes.
    soft, cap
        Weights of mean 1 that are at most `cap` in the place of a cut, see `specaudit.pruning.bounded_weights`.
    scores
        One number per row for the method "scores", as weights are given; the highest are kept.
    groups
        As in `compare`, for the audit of a single pruning.

    Raises
    ------
    InputError
        The data or the scores cannot be used.
    ConfigError
        An argument cannot be used.
    BudgetError
        The run needs more memory than it may use.
    """
    check_arguments(kernels, max_rows)
    request = Request.of(method, keep, soft=soft, cap=cap, scores=scores is not None)
    if groups is not None and request.method == ALL:
        raise ConfigError("--groups takes one method", next_step="name it in the place of all")
    rules, report, cores = policy or Policy(), progress or SilentProgress(), usable_threads(threads)
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
        )
        data = reader.read(source, ids, groups)
        _check_budget(data, kernels, cores, max_rows, max_memory, shared=request.method == ALL)
        given = None if scores is None else read_scores(scores, data.embeddings)
        work = _Work(
            data=data,
            request=request,
            given=given,
            names=tuple(kernels),
            options={"bandwidth": bandwidth, "normalize": normalize, "centered": centered},
            policy=rules,
            seed=seed,
            threads=cores,
            max_rows=max_rows,
            report=report,
        )
        if request.method == ALL:
            return work.document(command, trials=work.table())
        found = None
        share = request.shares[0] if request.shares else None
        if request.cap is None and share is None:
            found = search(request.method, work.half, data, seed)
            share = found.bracket[0]
        chosen = work.choose(share)
        audit = None
        if share != 1:
            proposal = Proposal(kept=chosen.rows) if chosen.weights is None else Proposal(weights=chosen.weights)
            audit = compare_sets(
                data,
                reader.propose(data, proposal, None),
                proposed=True,
                kernels=kernels,
                bandwidth=bandwidth,
                normalize=normalize,
                centered=centered,
                model=model,
                policy=rules,
                seed=seed,
                cores=cores,
                max_rows=max_rows,
                max_memory=max_memory,
                command=command,
                report=report,
            )
        return work.document(command, chosen=chosen, audit=audit, search=found)


def prune_plan(
    source: Source,
    method: str,
    keep: Keep | None = None,
    *,
    soft: bool = False,
    cap: float | None = None,
    scores: Rule | None = None,
    **options: Any,
) -> Plan:
    """Return what `prune` with the same arguments would take, from the shape of the data alone."""
    request = Request.of(method, keep, soft=soft, cap=cap, scores=scores is not None)
    audit = compare_plan(source, **options)
    names = request.names(scores=scores is not None)
    rounds = max(len(request.shares), 1) if method == ALL else TRIED if keep == "auto" else 1
    start, scan, *nulls = audit.stages
    ordering = [(name, audit.rows * audit.dimensions * ORDERING) for name in names]
    return replace(
        audit,
        peak_memory=max(audit.peak_memory, audit.held + pruning_memory(audit.rows, audit.rows, audit.dimensions)),
        stages=(start, scan, *ordering, *((name, rounds * seconds) for name, seconds in nulls)),
    )


def _check_budget(
    data: DataSet, kernels: Sequence[str], cores: int, max_rows: int, max_memory: int | None, *, shared: bool
) -> None:
    rows, unique, d = data.embeddings.rows, len(data.copies), data.embeddings.dimensions
    itemsize = 8 if set(kernels) & set(DOUBLE) else 4
    others = max(sum(KERNELS[name] is not None for name in kernels) - 1, 0) if shared else 0  # their matrices stay

    def need(most: int) -> int:
        size = min(unique, most)
        audit = comparison_memory((rows, rows), (size, size), d, cores, itemsize=itemsize, copies=True)
        return max(audit + others * dense_bytes(size, d, itemsize), pruning_memory(rows, unique, d))

    check_memory(need, max_memory, max_rows, held=held_texts(data.embeddings))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chosen:
    """Rows (m,) that are kept, ascending, and the weights (rows,) where they are not all equal."""

    rows: IntArray
    weights: FloatArray | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """A data set, what is asked about it, and how it is audited."""

    data: DataSet
    request: Request
    given: FloatArray | None
    names: tuple[str, ...]
    options: dict[str, Any]
    policy: Policy
    seed: int
    threads: int
    max_rows: int
    report: Progress

    def pool(self, data: DataSet) -> Pool:
        """Return the rows of a data set for the methods."""
        return Pool.of(
            data,
            seed=self.seed,
            normalize=self.options["normalize"],
            kernel=next((name for name in self.names if KERNELS[name] is not None), "laplace"),
            bandwidth=self.options["bandwidth"],
            given=self.given,
            threads=self.threads,
        )

    def kernels(self) -> list[Kernel]:
        """Return the kernels, their bandwidths fixed on the whole data set."""
        rows = min(self.max_rows, BANDWIDTH_ROWS)
        basis = self.data.read(self.data.keyed(self.seed)[1][:rows], self.options["normalize"])
        return [
            choose_kernel(name, basis, **{**self.options, "centered": self.options["centered"] and name == "linear"})
            for name in self.names
        ]

    def trials(self, data: DataSet) -> Trials:
        """Return the audits of prunings of a part of the data set."""
        return Trials(
            before=data,
            kernels=self.kernels(),
            normalize=self.options["normalize"],
            policy=self.policy,
            seed=self.seed,
            max_rows=self.max_rows,
            threads=self.threads,
            report=self.report,
        )

    def half(self, data: DataSet) -> Half:
        """Return a half on which shares are tried."""
        return Half(pool=self.pool(data), trials=self.trials(data))

    def choose(self, share: float | None) -> _Chosen:
        """Return the rows of a share, or the weights where there is none."""
        with self.report.stage(self.request.method):
            order = kept_first(self.request.method, self.pool(self.data))
        if share is not None:
            return _Chosen(rows=np.sort(order if share == 1 else first_rows(order, share)), weights=None)
        assert self.request.cap is not None
        weights = bounded_weights(order, self.request.cap, self.data.embeddings.rows)
        return _Chosen(rows=np.flatnonzero(weights), weights=weights)

    def table(self) -> tuple[Trial, ...]:
        """Return the audits of all methods at all shares, by method and share."""
        names, pool = self.request.names(scores=self.given is not None), self.pool(self.data)
        orders = {}
        for name in names:
            with self.report.stage(name):
                orders[name] = kept_first(name, pool)
        trials, found = self.trials(self.data), {}
        for share in self.request.shares:
            prunings = [times_of(first_rows(orders[name], share), self.data) for name in names]
            for name, audit in zip(names, trials.audits(prunings), strict=True):
                found[name, share] = trial(name, share, audit)
        return tuple(found[name, share] for name in names for share in self.request.shares)

    def document(
        self,
        command: str,
        *,
        chosen: _Chosen | None = None,
        audit: Comparison | None = None,
        search: Any = None,
        trials: tuple[Trial, ...] = (),
    ) -> Pruning:
        """Return the document; a search that found nothing is inconclusive."""
        request, data, ids = self.request, self.data, self.data.embeddings.ids
        open_ = ExitCode.PASS if self.policy.on_inconclusive == "pass" else ExitCode.INCONCLUSIVE
        rows = () if chosen is None or chosen.weights is not None else tuple(chosen.rows.tolist())
        lost = search is not None and audit is None
        return Pruning(
            method=request.method,
            methods=tuple(method_document(name) for name in request.names(scores=self.given is not None)),
            keep=request.shares if search is None else (search.bracket[0],),
            cap=request.cap,
            verdict=audit.verdict if audit is not None else "inconclusive" if lost else None,
            exit_code=audit.exit_code if audit is not None else int(open_) if lost else 0,
            primary=self.names[0],
            rows=Pruned(
                source=data.embeddings.name,
                source_version=data.embeddings.version,
                digest=data.digest,
                before=data.rows,
                after=audit.rows.after if audit is not None else len(rows) if chosen is not None else None,
            ),
            audit=audit,
            bound=None if audit is None else bound(audit, request.cap),
            trials=trials,
            search=search,
            reproduce=Reference(command=command, seed=self.seed, estimator=ESTIMATOR_VERSION),
            environment=environment(self.threads),
            warnings=() if audit is None else audit.warnings,
            kept=rows,
            kept_ids=None if ids is None or not rows else tuple(ids[row] for row in rows),
            weights=() if chosen is None or chosen.weights is None else tuple(chosen.weights.tolist()),
        )
