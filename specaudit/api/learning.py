"""`frontier` and `sample`: what a run has learned from residuals that were logged, and which rows to log."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from specaudit.api.common import check_arguments, environment
from specaudit.api.sides import Reader
from specaudit.budget import check_memory, frontier_memory, usable_threads
from specaudit.dataset import DataSet, IntArray
from specaudit.documents import Frontier
from specaudit.dynamics.room import LoggedRows, Rooms
from specaudit.embeddings import held_texts, read_rows
from specaudit.errors import ConfigError, InputError
from specaudit.hashing import row_keys
from specaudit.kernels import FloatArray, Kernel, Normalize, choose_kernel, prepare_rows
from specaudit.learning import CAP, ResidualLog, follow, modes_depth, modes_of, open_log
from specaudit.learning.modes import EXACT_ROWS, MOST
from specaudit.progress import Progress, SilentProgress
from specaudit.report.frontier.assemble import frontier_document

if TYPE_CHECKING:
    from specaudit.api.common import Source
    from specaudit.api.sides import Ids, Rule
    from specaudit.learning.log import Array, Times

FRONTIER_ROWS = 8192
"""Logged rows that are looked at, at most, by default."""
FEWEST_ROWS = 100
"""Logged rows below which nothing is worked out."""
FEWEST_MODES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSample:
    """Rows of a data set, drawn by a key of their content: a sample of fewer rows is a part of one of more.

    Attributes
    ----------
    kept
        Row numbers, ascending, each a first copy.
    kept_ids
        Their ids; None where the data set has none.
    unique_rows
        Different rows that they were drawn from.
    """

    kept: tuple[int, ...] = field(repr=False)
    kept_ids: tuple[str, ...] | None = field(repr=False)
    unique_rows: int


def sample(
    source: Source,
    count: int,
    *,
    ids: Ids | None = None,
    dtype: str | None = None,
    shape: tuple[int, int] | None = None,
    column: str | None = None,
    drop_bad_rows: bool = False,
    seed: int = 0,
    max_memory: int | None = None,
    progress: Progress | None = None,
) -> RowSample:
    """Return `count` rows whose residuals are to be logged; the same of any order of the rows.

    Raises
    ------
    InputError
        The data cannot be used, or has fewer different rows.
    """
    with ExitStack() as stack:
        reader = _reader(
            stack,
            progress or SilentProgress(),
            dtype=dtype,
            shape=shape,
            column=column,
            drop_bad_rows=drop_bad_rows,
            seed=seed,
            max_memory=max_memory,
        )
        data = reader.read(source, ids)
        unique = len(data.copies)
        if not 1 <= count <= unique:
            raise InputError(
                f"{data.embeddings.name}: a sample of {count:,} rows, expected 1 to its {unique:,} different rows",
                next_step="ask for fewer rows, or log all of them",
            )
        rows = np.sort(data.places[data.keyed(seed)[1][:count]]).tolist()
        names = data.embeddings.ids
        return RowSample(
            kept=tuple(rows),
            kept_ids=None if names is None else tuple(names[row] for row in rows),
            unique_rows=unique,
        )


def frontier(
    source: Source,
    residuals: str | os.PathLike[str] | Array,
    *,
    times: Times | None = None,
    reference: Times | None = None,
    rows: Rule | None = None,
    modes: int | None = None,
    cap: float = CAP,
    ids: Ids | None = None,
    dtype: str | None = None,
    shape: tuple[int, int] | None = None,
    column: str | None = None,
    kernels: Sequence[str] = ("laplace",),
    bandwidth: float | None = None,
    normalize: Normalize = "none",
    centered: bool = False,
    drop_bad_rows: bool = False,
    seed: int = 0,
    threads: int | None = None,
    max_rows: int = FRONTIER_ROWS,
    max_memory: int | None = None,
    command: str = "",
    progress: Progress | None = None,
    rooms: Rooms | None = None,
) -> Frontier:
    """Return what a run has learned, mode by mode, from signed residuals that it logged.

    Parameters
    ----------
    source
        The embeddings of the training rows.
    residuals, times, reference
        The log, see `specaudit.learning.log.open_log`.
    rows
        Row numbers or ids of the logged rows, in the order of the log; by default all rows.
    modes
        Modes that are looked at: by default a quarter of the rows, an eighth where not all are logged, and 512 at
        most above 2,500 rows.
    cap
        Largest of the next weights, whose mean is 1.
    kernels
        The first one is used.
    rooms
        Headroom that earlier calls worked out, kept for later ones.

    Raises
    ------
    InputError
        The data or the log cannot be used.
    ConfigError
        An argument cannot be used.
    BudgetError
        The run needs more memory than it may use.
    """
    check_arguments(kernels, max_rows)
    if not 1 < cap < float("inf"):
        raise ConfigError(f"cap: expected a number above 1, got {cap:g}")
    report, cores = progress or SilentProgress(), usable_threads(threads)
    with ExitStack() as stack:
        stack.enter_context(threadpool_limits(limits=cores))
        reader = _reader(
            stack,
            report,
            dtype=dtype,
            shape=shape,
            column=column,
            drop_bad_rows=drop_bad_rows,
            seed=seed,
            max_memory=max_memory,
            normalize=normalize,
        )
        data = reader.read(source, ids)
        log = open_log(residuals, times, reference)
        logged = _logged(data, log, rows)
        used = _used(data, logged, seed, max_rows)
        partial = len(used) < data.rows
        depth = _depth(modes, len(used), partial=partial)
        check_memory(
            lambda most: frontier_memory(
                data.embeddings.rows,
                min(len(used), most),
                data.embeddings.dimensions,
                depth,
                log.outputs,
                log.checkpoints,
            ),
            max_memory,
            max_rows,
            held=held_texts(data.embeddings),
        )
        points = prepare_rows(data.embeddings.take(logged[used]), normalize=normalize)
        kernel = _kernel(kernels[0], data, logged[used], points, bandwidth, normalize, centered, seed)
        with report.stage("modes"):
            found = modes_of(kernel, points, depth=depth, seed=seed, threads=cores)
        if found.count < FEWEST_MODES:
            raise InputError(
                f"{data.embeddings.name}: {found.count} modes under the {kernel.name} kernel, "
                f"expected at least {FEWEST_MODES}",
                next_step="use a kernel of distances, such as laplace",
            )
        contents = data.contents[logged[used]]
        logged_rows = LoggedRows.of(kernel, points, contents, cap, seed=seed, known=rooms)

        def idle(learned: int) -> str:
            with report.stage("headroom") as stage:
                return logged_rows.past(learned, stage.update).idle(learned)

        with report.stage("residuals") as stage:
            run = follow(
                log,
                used,
                points,
                found,
                cap=cap,
                partial=partial,
                idle=idle,
                seed=seed,
                threads=cores,
                progress=stage.update,
            )
        return frontier_document(
            run,
            data=data,
            log=log,
            used=logged[used],
            kernel=kernel,
            cap=cap,
            room=logged_rows.past(run.learned),
            command=command,
            seed=seed,
            environment=environment(cores),
        )


def _reader(stack: ExitStack, report: Progress, *, normalize: Normalize = "none", **options: Any) -> Reader:
    return Reader.of(stack, report, normalize=normalize, max_rows=2, **options)


def _logged(data: DataSet, log: ResidualLog, rows: Rule | None) -> IntArray:
    """Return the row of each logged residual."""
    embeddings = data.embeddings
    logged = np.arange(embeddings.rows) if rows is None else read_rows(rows, embeddings)
    if log.rows == len(logged):
        return logged
    expected = f"{embeddings.rows:,} rows of {embeddings.name}" if rows is None else f"{len(logged):,} rows named"
    transposed = log.checkpoints == len(logged)
    raise InputError(
        f"{log.name}: residuals of {log.rows:,} rows, expected the {expected}",
        next_step="checkpoints come first, then rows: stack the checkpoints, or transpose them"
        if transposed
        else "name the logged rows, in their order, with --rows",
    )


def _used(data: DataSet, logged: IntArray, seed: int, max_rows: int) -> IntArray:
    """Return the places in the log of the rows that are looked at, ascending."""
    usable = np.flatnonzero(data.times[logged])
    if len(usable) < FEWEST_ROWS:
        raise InputError(
            f"{data.embeddings.name}: {len(usable)} usable rows are logged, expected at least {FEWEST_ROWS}",
            next_step="log more: specaudit sample EMB -n 1000 --save-rows rows.npy picks them",
        )
    order = np.argsort(row_keys(data.contents[logged[usable]], seed), kind="stable")
    return np.sort(usable[order[:max_rows]])


def _depth(modes: int | None, rows: int, *, partial: bool) -> int:
    if modes is None:
        return modes_depth(rows, partial=partial)
    most = rows if rows <= EXACT_ROWS else min(MOST, rows)
    if not FEWEST_MODES <= modes <= most:
        raise ConfigError(
            f"modes: expected {FEWEST_MODES} to {most:,} for {rows:,} rows, got {modes}",
            next_step="leave it out: a quarter of the rows is as deep as most logs tell",
        )
    return modes


def _kernel(
    name: str,
    data: DataSet,
    rows: IntArray,
    points: FloatArray,
    bandwidth: float | None,
    normalize: Normalize,
    centered: bool,
    seed: int,
) -> Kernel:
    """Return the kernel, its bandwidth of rows in the order of their keys: a file may be sorted."""
    order = np.argsort(row_keys(data.contents[rows], seed), kind="stable")
    return choose_kernel(name, points[order], bandwidth=bandwidth, normalize=normalize, centered=centered)
