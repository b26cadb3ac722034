"""`headroom`: how much weights of rows that are capped could speed up the tail of given data, at most."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from threadpoolctl import threadpool_limits

from specaudit import documents as doc
from specaudit.api.common import check_arguments, environment
from specaudit.api.sides import Reader
from specaudit.budget import check_memory, headroom_memory, usable_threads
from specaudit.dynamics.headroom import FEWEST_ROWS, HEADROOM_ROWS, LEFT, equal_rows, homogeneous, ranks_for
from specaudit.dynamics.headroom import headroom as gain_of
from specaudit.embeddings import held_texts
from specaudit.errors import ConfigError, InputError
from specaudit.kernels import Normalize, choose_kernel
from specaudit.progress import Progress, SilentProgress
from specaudit.report.headroom.assemble import headroom_document
from specaudit.report.span.assemble import span_side

if TYPE_CHECKING:
    from specaudit.api.common import Source

LARGEST_CAP = 1e6


def headroom(
    source: Source,
    cap: float,
    *,
    dtype: str | None = None,
    shape: tuple[int, int] | None = None,
    column: str | None = None,
    kernel: str = "laplace",
    bandwidth: float | None = None,
    normalize: Normalize = "none",
    centered: bool = False,
    drop_bad_rows: bool = False,
    seed: int = 0,
    threads: int | None = None,
    max_rows: int = HEADROOM_ROWS,
    max_memory: int | None = None,
    command: str = "",
    progress: Progress | None = None,
) -> doc.Headroom:
    """Return by how much weights of rows could speed up the tail, beside what an oracle needs and what chance shows.

    Parameters
    ----------
    cap
        The largest weight C, > 1, of weights whose mean is 1.
    max_rows
        Rows that are used; more are sampled. The deepest mode is a thirtieth of them.

    Raises
    ------
    InputError
        The data cannot be used.
    ConfigError
        An argument cannot be used.
    BudgetError
        The run needs more memory than it may use.
    """
    check_arguments([kernel], max_rows)
    if not 1 < cap <= LARGEST_CAP:
        raise ConfigError(f"--cap: expected a number above 1, at most {LARGEST_CAP:g}, got {cap!r}")
    report, cores = progress or SilentProgress(), usable_threads(threads)
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
        data = reader.read(source, None)
        name, size = data.embeddings.name, min(len(data.copies), max_rows)
        if size < FEWEST_ROWS:
            raise InputError(
                f"{name}: {size} different rows are used, which tell nothing",
                next_step=f"use at least {FEWEST_ROWS}, better {HEADROOM_ROWS:,}",
            )
        check_memory(
            lambda most: headroom_memory(data.embeddings.rows, min(size, most), data.embeddings.dimensions),
            max_memory,
            max_rows,
            held=held_texts(data.embeddings),
        )
        order = data.keyed(seed)[1][:size]
        rows, copies = data.read(order, normalize), data.copies[order]
        chosen = choose_kernel(kernel, rows, bandwidth=bandwidth, normalize=normalize, centered=centered)
        like = equal_rows(copies)
        with report.stage("headroom"):
            found = gain_of(chosen, rows, copies, cap, ranks_for(like), seed=seed)
        if not len(found.ranks):
            raise InputError(
                f"{name}: the first mode leaves less than {100 * LEFT:g} % of the trace under the {kernel} kernel",
                next_step="add --centered, or use --kernel laplace",
            )
        with report.stage("null") as stage:
            null = homogeneous(chosen, like, cap, found, seed=seed, progress=stage.update)
        return headroom_document(
            span_side(data, sampled=size),
            chosen,
            cap,
            found,
            null,
            rows=like,
            command=command,
            seed=seed,
            environment=environment(cores),
            warnings=_warnings(name, data.dropped),
        )


def _warnings(name: str, dropped: int) -> list[doc.Warning_]:
    if not dropped:
        return []
    return [
        doc.Warning_(
            id="SPA003",
            message=f"{name}: {dropped:,} bad rows were dropped",
            next_step="find out why their embedding failed",
        )
    ]
