"""What a run may use: memory and cores, read from the cgroup's limit, and what it will need."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from specaudit.calibration import EXTENDED_VECTORS
from specaudit.errors import BudgetError, ConfigError
from specaudit.graph import graph_bytes
from specaudit.graph.neighbours import ASKED, CANDIDATES
from specaudit.graph.search import BLOCK
from specaudit.learning.modes import EXACT_ROWS as EXACT_FRONTIER
from specaudit.machine import BASE, usable_memory
from specaudit.moments import moments_bytes
from specaudit.operators import dense_bytes
from specaudit.spectrum import CHECKS, EXACT_ROWS, MAX_STEPS, PROBES

WORKER = 256 << 20
"""A worker with the libraries and blocks of rows as float32 and float64, measured."""
FEWEST_ROWS = 128
"""Rows below which no budget is helped by taking fewer."""
SCANNED = 80
"""Bytes of a row at the peak of a scan: hashes, their order, keys, copies."""
NETWORKS = 3
"""Networks of a run in training at once, at most."""
GREEDY = 8192
"""Rows of which a pruning has all products in memory at once, with what is made of them."""
TOLD = 120
"""Bytes of a row of which it is told what it is."""
BESIDE = 60
"""Bytes of a row that is matched, counted or searched after the scan, beside what the scan leaves."""


def usable_threads(threads: int | None) -> int:
    """Return `threads`, or by default the cores this process may use."""
    if threads is not None and threads < 1:
        raise ConfigError(f"threads must be at least 1, got {threads}")
    return threads or len(os.sched_getaffinity(0))


def scan_memory(rows: int, *, others: int = 0) -> int:
    """Return the bytes that the scan of `rows` rows needs where `others` were scanned before."""
    return BASE + SCANNED * rows + BESIDE * others


def peak_memory(rows: int, unique: int, dimensions: int, *, covariance: bool, itemsize: int = 4) -> int:
    """Return the bytes that a fit of `rows` rows needs, `unique` of them in a kernel matrix of `itemsize` bytes."""
    scan = SCANNED * rows
    sample = 3 * 8 * unique * dimensions
    steps = min(MAX_STEPS, unique // PROBES)
    krylov = _krylov_bytes(unique, steps, itemsize)
    matrix = dense_bytes(unique, dimensions, itemsize) + (krylov if unique > EXACT_ROWS else 3 * 8 * unique**2)
    return BASE + scan + sample + max(matrix, moments_bytes(dimensions) if covariance else 0)


def neighbours_memory(rows: int, sampled: int, dimensions: int) -> int:
    """Return the bytes that the search for neighbours among `rows` rows needs beside an index of them."""
    asked = min(ASKED, rows * (8 * dimensions + CANDIDATES)) + 3 * BLOCK
    return BASE + (SCANNED + BESIDE) * rows + 8 * sampled * dimensions + asked


def graph_memory(
    rows: int, unique: int, dimensions: int, landmarks: int, neighbors: int, *, itemsize: int = 4
) -> int:
    """Return the bytes that a fit of `rows` rows needs for the kernel graph of `unique` of them."""
    sample = (8 + 8) * unique * dimensions
    graph = graph_bytes(unique, dimensions, landmarks, neighbors, itemsize)
    return BASE + (SCANNED + BESIDE) * rows + sample + graph + _krylov_bytes(unique, CHECKS[2], itemsize)


def extension_memory(rows: int, sampled: int, dimensions: int) -> int:
    """Return the bytes that the leading eigenvalues of `rows` rows need, from the eigenvectors of sampled ones."""
    return BASE + (SCANNED + BESIDE) * rows + 3 * 8 * sampled * dimensions + 4 * EXTENDED_VECTORS * rows


def scan_file_memory(rows: int, kept: int, dimensions: int, *, named: bool = False) -> int:
    """Return the bytes that a scan of `rows` rows needs with its file, which holds `kept` of them.

    Where rows are `named` by ids, as many more are kept for samples by id.
    """
    return scan_memory(rows) + 3 * 8 * min(rows, (1 + named) * kept) * dimensions


def worker_memory(dimensions: int, graphed: int, covariance: bool) -> int:
    """Return the bytes that a worker needs: buffers, moments, and the rows of a kernel graph with their index."""
    moments = 2 * 3 * 8 * dimensions**2 if covariance else 0
    return WORKER + max(moments, 16 * graphed * dimensions)


def comparison_memory(
    rows: tuple[int, int],
    unique: tuple[int, int],
    dimensions: int,
    threads: int,
    *,
    itemsize: int = 4,
    copies: bool = False,
) -> int:
    """Return the bytes that a comparison of sides of `rows` rows needs, `unique` of them in kernel matrices.

    One side's matrix is in memory at a time, with as many subsets of it as there are threads; where rows have
    copies, all of them weighted are a subset too.
    """
    large, small = max(unique), min(unique)
    sample = 8 * sum(unique) * dimensions
    subsets = threads * (itemsize * small**2 + _krylov_bytes(small, CHECKS[0], itemsize))
    whole = _krylov_bytes(large, CHECKS[1], itemsize) + (itemsize * large**2 if copies else 0)
    matrix = dense_bytes(large, dimensions, itemsize) + max(whole, subsets)
    return BASE + (SCANNED + BESIDE) * sum(rows) + sample + matrix


def span_memory(rows: Sequence[int], real: int, new: int, dimensions: int, *, each: int = 0) -> int:
    """Return the bytes that judging `new` rows at once against `real` ones needs, of sets of so many `rows`.

    Of `each` row at most, something is told.
    """
    matrices = 8 * real * (2 * real + 4 * new) + 4 * 8 * (real + new) * dimensions
    return scan_memory(max(rows), others=sum(rows) - max(rows)) + TOLD * each + matrices


def pruning_memory(rows: int, unique: int, dimensions: int) -> int:
    """Return the bytes that choosing among `unique` of `rows` rows needs: their copies, and products of a block."""
    return BASE + (SCANNED + BESIDE) * rows + 3 * 4 * unique * dimensions + 2 * 4 * min(unique, GREEDY) ** 2


def frontier_memory(rows: int, used: int, dimensions: int, modes: int, outputs: int, checkpoints: int) -> int:
    """Return the bytes that following the residuals of `used` rows in so many modes needs."""
    matrix = dense_bytes(used, dimensions, 8)
    whole = 3 * 8 * used**2 if used <= EXACT_FRONTIER else _krylov_bytes(used, CHECKS[1], 4)
    return (
        BASE
        + SCANNED * rows
        + 3 * 8 * used * (dimensions + 2 * outputs)
        + matrix
        + whole
        + 8 * modes * (2 * used + checkpoints)
    )


def headroom_memory(rows: int, used: int, dimensions: int) -> int:
    """Return the bytes that the headroom of `used` of `rows` rows needs: two kernel matrices in float64 at a time."""
    return BASE + SCANNED * rows + 3 * 8 * used * dimensions + 2 * 8 * used**2


def experiment_memory(rows: int, used: int, dimensions: int, threads: int, *, hidden: int = 0) -> int:
    """Return the bytes that training on `used` of `rows` rows needs: the kernel matrix, its modes, and solves.

    Or networks of `hidden` units, with the state of their optimiser.
    """
    networks = 8 * threads * NETWORKS * dimensions * (6 * hidden + 3 * used) if hidden else 0
    return BASE + 64 * rows + 3 * 8 * used * dimensions + (4 + 2 * threads) * 8 * used**2 + networks


def machines_memory(train: int, dimensions: int, threads: int) -> int:
    """Return the bytes that kernel machines and their unlike ones need on so many training rows, a run a thread."""
    return 8 * threads * train * (16 * train + 6 * dimensions)


def _krylov_bytes(unique: int, steps: int, itemsize: int) -> int:
    return itemsize * unique * steps * PROBES * 2 + 3 * 8 * (steps * PROBES) ** 2


def check_memory(
    need: Callable[[int], int],
    allowed: int | None,
    max_rows: int = 0,
    *,
    flags: str = "--max-rows",
    held: int = 0,
) -> None:
    """Raise BudgetError unless a run of `max_rows` rows fits what is allowed, by default what the machine has.

    Parameters
    ----------
    need
        The bytes that a run of at most so many rows needs.
    flags
        What sets the rows; the message says how few fit.
    held
        Bytes that are in memory already, such as ids, and stay there.
    """
    limit = usable_memory() if allowed is None else allowed
    wanted = held + need(max_rows)
    if wanted <= limit:
        return
    enough = f"raise --max-memory to {-(-wanted // 2**20)}M"
    if allowed is None:
        enough = "use a machine that has more"
    rows = fitting_rows(need, limit - held, max_rows)
    raise BudgetError(
        f"the run needs about {_size(wanted)}, {'this machine' if allowed is None else '--max-memory'} allows "
        f"{_size(limit)}",
        next_step=enough if rows is None else f"{enough}, or use {flags} {rows} (now {max_rows})",
    )


def fitting_rows(need: Callable[[int], int], limit: int, max_rows: int) -> int | None:
    """Return the most rows, at least `FEWEST_ROWS`, whose need is within the limit; None if there are none."""
    if max_rows <= FEWEST_ROWS or need(FEWEST_ROWS) > limit:
        return None
    low, high = FEWEST_ROWS, max_rows
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if need(middle) <= limit else (low, middle)
    return low


def _size(count: int) -> str:
    """Return a number of bytes in the unit in which it is no fraction."""
    if count >= 2**30:
        return f"{count / 2**30:.2f} GiB"
    return f"{count / 2**20:.0f} MiB" if count >= 2**20 else f"{count:,} byte{'s' * (count != 1)}"
