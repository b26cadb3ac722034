"""`static_limit`: does a static pruning change the slope of the learning curve, or only its level?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from specaudit import documents as doc
from specaudit.api.experimenting import Task, opened
from specaudit.api.prune_request import check_method, checked_share
from specaudit.embeddings import read_scores
from specaudit.errors import ConfigError, InputError
from specaudit.experiments.prunings import Pruning
from specaudit.experiments.slopes import FEWEST_ROWS
from specaudit.experiments.static_limit import pool_sizes
from specaudit.experiments.static_limit import static_limit as trained
from specaudit.experiments.tail import law_of
from specaudit.progress import Progress
from specaudit.report.experiment.static_limit import static_limit_parts

if TYPE_CHECKING:
    from specaudit.api.common import Source
    from specaudit.api.sides import Rule

METHODS = ("prototypes", "outliers")
"""Judged by default, beside random rows."""
KEEP = (0.5,)
RANDOM = "random"


def static_limit(
    task: Task | Source,
    *,
    methods: Sequence[str] = METHODS,
    keep: Sequence[float] = KEEP,
    soft: bool = True,
    sizes: Sequence[int] | None = None,
    scores: Rule | None = None,
    command: str = "",
    progress: Progress | None = None,
) -> doc.Experiment:
    """Return learning curves of the rows as they are and under static prunings, with a verdict on each.

    Parameters
    ----------
    task
        What is learned; a source alone for all defaults.
    methods
        Of `specaudit prune`; random rows are always among them.
    keep
        Shares of the rows, each between 0 and 1.
    soft
        Whether each method but random is tried with bounded weights too.
    sizes
        Pool sizes before pruning; by default the whole pool, its half, and so on to a sixteenth.
    scores
        A number for each row, for the method ``scores``.

    Raises
    ------
    InputError
        The data cannot be used.
    ConfigError
        An argument cannot be used.
    BudgetError
        The run needs more memory than it may use.
    """
    prunings = _prunings(methods, keep, soft=soft, scores=scores is not None)
    with opened(task, progress) as of:
        numbers = None if scores is None else read_scores(scores, of.data.embeddings)[of.places]
        pool = len(of.problem.split(0).pool)
        grid = pool_sizes(pool, prunings) if sizes is None else _checked_sizes(sizes, pool, min(keep))
        if len(grid) < 2:
            raise InputError(
                f"{of.data.embeddings.name}: {pool:,} rows to train on, of which a share of {min(keep):g} leaves too "
                "few",
                next_step="use more rows, or keep a larger share",
            )
        with of.report.stage("train") as stage:
            found = trained(
                of.problem,
                prunings,
                runs=of.task.seeds,
                sizes=grid,
                scores=numbers,
                threads=of.threads,
                progress=stage.update,
            )
        process = of.task.kind == "gp" and of.task.model == "krr"
        law = law_of(of.task.source_exponent, found.tail) if process else None
        parts = static_limit_parts(found, network=of.task.model == "mlp", law=law)
        return of.document("static-limit", parts, command=command)


def _prunings(methods: Sequence[str], keep: Sequence[float], *, soft: bool, scores: bool) -> list[Pruning]:
    for method in methods:
        check_method(method, scores=scores and method == "scores")
        if method == "all":
            raise ConfigError("--method all would take hours", next_step="name the methods to be tried")
    if scores and "scores" not in methods:
        raise ConfigError("--scores has no effect without the method scores", next_step="add --method scores")
    shares = sorted({checked_share(share) for share in keep}, reverse=True)
    if not shares:
        raise ConfigError("--keep: no share of the rows", next_step="for example --keep 0.5")
    named = dict.fromkeys([RANDOM, *methods])
    return [
        Pruning(method=method, keep=share, soft=kind)
        for method in named
        for share in shares
        for kind in ((False, True) if soft and method != RANDOM else (False,))
    ]


def _checked_sizes(sizes: Sequence[int], pool: int, keep: float) -> Sequence[int]:
    found = sorted(set(sizes))
    least = -(-FEWEST_ROWS // keep)
    if len(found) < 2:
        raise ConfigError(
            "--sizes: expected at least two pool sizes", next_step="for example --sizes 100,200,400,800"
        )
    if found[0] < least or found[-1] > pool:
        raise InputError(
            f"--sizes: expected {least:,.0f} to the {pool:,} rows that are not held out, got {found[0]:,} to "
            f"{found[-1]:,}",
            next_step="name other sizes, or raise --max-rows",
        )
    return found
