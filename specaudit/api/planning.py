"""What a run would take, told before it starts from the shape of the data alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, TypeGuard

from threadpoolctl import threadpool_limits

from specaudit.api.beside import AGAINST, JUDGED, judging_memory
from specaudit.api.common import MAX_ROWS, check_arguments
from specaudit.api.graph_plan import GRAPH_ROWS, GraphPlan, Operator
from specaudit.api.pace import Pace
from specaudit.api.run_plan import Plan
from specaudit.budget import (
    check_memory,
    comparison_memory,
    extension_memory,
    graph_memory,
    neighbours_memory,
    peak_memory,
    scan_file_memory,
    usable_threads,
    worker_memory,
)
from specaudit.calibration import GraphSettings
from specaudit.comparison import ROUNDS
from specaudit.distributed import engine_of
from specaudit.documents import Baseline
from specaudit.documents.reading import read_document
from specaudit.embeddings import Embeddings, held_texts, open_embeddings
from specaudit.errors import InputError
from specaudit.graph import INDEXES, NEIGHBORS, choose_index, search_operations
from specaudit.kernels import DOUBLE, KERNELS
from specaudit.machine import usable_memory
from specaudit.spectrum import CHECKS, PROBES

if TYPE_CHECKING:
    from specaudit.api.common import Source
    from specaudit.api.sides import Rule

WIDEST_COVARIANCE = 4096
"""Columns up to which the linear kernel of all rows is worked out on the d x d side."""


def plan(
    source: Source,
    *,
    ids: str | os.PathLike[str] | Sequence[str] | None = None,
    dtype: str | None = None,
    shape: tuple[int, int] | None = None,
    column: str | None = None,
    kernels: Sequence[str] = ("laplace", "linear"),
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
    **_: object,
) -> Plan:
    """Return what `fit` with the same arguments would take, from the shape of the data and a probe."""
    check_arguments(kernels, max_rows)
    graph = GraphPlan.of(
        operator, kernels, max_rows, landmarks=landmarks, neighbors=neighbors, rows=graph_rows, index=index
    )
    cores = usable_threads(threads)
    with (
        threadpool_limits(limits=cores),
        engine_of(workers if dask else None, dask) as engine,
        open_embeddings(source, ids=ids, dtype=dtype, shape=shape, column=column, engine=engine) as embeddings,
    ):
        n, d = embeddings.rows, embeddings.dimensions
        pace = Pace.measured(embeddings, cores, workers or (engine.width if dask else None))
        graphed = min(n, graph.rows) if any(graph.wanted(name, n) for name in kernels) else 0
        return Plan(
            rows=n,
            dimensions=d,
            bytes=n * d * embeddings.dtype.itemsize,
            peak_memory=peak_of(embeddings, kernels, max_rows, graph, max_memory),
            stages=stages_of(embeddings, kernels, max_rows, graph, pace, max_memory),
            worker_memory=None
            if pace.workers is None
            else worker_memory(d, graphed, any(on_columns(name, n, d) for name in kernels)),
        )


def scan_plan(
    source: Source,
    *,
    ids: str | os.PathLike[str] | Sequence[str] | None = None,
    dtype: str | None = None,
    shape: tuple[int, int] | None = None,
    column: str | None = None,
    max_rows: int = MAX_ROWS,
    workers: int | None = None,
    dask: str | None = None,
    **_: object,
) -> Plan:
    """Return what `scan` with the same arguments would take."""
    with (
        engine_of(workers if dask else None, dask) as engine,
        open_embeddings(
            source, ids=ids, dtype=dtype, shape=shape, column=column, engine=engine, fewest=1
        ) as embeddings,
    ):
        n, d = embeddings.rows, embeddings.dimensions
        size = n * d * embeddings.dtype.itemsize
        pace = Pace.measured(embeddings, usable_threads(None), workers or (engine.width if dask else None))
        return Plan(
            rows=n,
            dimensions=d,
            bytes=size,
            peak_memory=scan_file_memory(n, min(n, max_rows), d, named=embeddings.ids is not None)
            + 2 * held_texts(embeddings),
            stages=(("start", 1.0 + pace.starting), ("scan", 0.0 if embeddings.findings else pace.scan(size))),
            worker_memory=None if pace.workers is None else worker_memory(d, 0, False),
        )


def stages_of(
    embeddings: Embeddings,
    kernels: Sequence[str],
    max_rows: int,
    graph: GraphPlan,
    pace: Pace,
    max_memory: int | None,
) -> tuple[tuple[str, float], ...]:
    """Return the stages of a fit with the seconds that each is expected to take."""
    n, d = embeddings.rows, embeddings.dimensions
    m = min(n, max_rows)
    speed = pace.operations
    searched = choose_index(graph.index, n, d, memory=index_room(embeddings, graph, max_memory))
    dense = [name for name in kernels if not on_columns(name, n, d)]
    stages = [
        ("start", 1.5 + pace.starting),
        ("scan", 0.0 if embeddings.findings else pace.scan(n * d * embeddings.dtype.itemsize)),
        ("neighbours", pace.rows(search_operations(searched, n, d))),
        *((f"{name} spectrum", (m * m * d + 4000.0 * m * m) / speed + 0.3) for name in dense),
        *(
            (f"{name} spectrum", pace.rows(2.0 * n * d * d) + 30.0 * d**3 / speed + 0.1)
            for name in kernels
            if name not in dense
        ),
    ]
    size = min(n, graph.rows)
    stages += [
        (f"{name} graph", _graph_operations(size, d, graph.settings(size)) / speed)
        for name in dense
        if graph.wanted(name, n)
    ]
    return tuple(stages)


def _graph_operations(rows: int, dimensions: int, settings: GraphSettings) -> float:
    """Return the operations of the graphs of the ladder, which halves: search, far field, regressions, products."""
    m, k = settings.landmarks, settings.neighbors
    products = CHECKS[1] * PROBES * (4.0 * m + 60.0 * k)  # sparse products run at a fraction of the dense rate
    search = float(dimensions * min(rows / 2, 100.0 * rows**0.5))
    return 2.0 * rows * (search + m * m + 2.0 * m * dimensions + 4.0 * k * k * (m + dimensions) + products)


def compare_plan(
    before: Source | Baseline,
    after: Source | None = None,
    *,
    added: Source | None = None,
    groups: Rule | None = None,
    dtype: str | None = None,
    shape: tuple[int, int] | None = None,
    column: str | None = None,
    kernels: Sequence[str] = ("laplace", "linear"),
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
    **_: object,
) -> Plan:
    """Return what `compare` with the same arguments would take, from the shape of the data and a probe.

    The smaller side is taken to be part of the larger, and some rows to have copies, which takes most memory.
    """
    check_arguments(kernels, max_rows)
    check_after(after)
    graph = GraphPlan.of(
        operator, kernels, max_rows, landmarks=landmarks, neighbors=neighbors, rows=graph_rows, index=index
    )
    cores = usable_threads(threads)
    with ExitStack() as stack:
        stack.enter_context(threadpool_limits(limits=cores))
        engine = stack.enter_context(engine_of(workers if dask else None, dask))
        opened = [
            stack.enter_context(
                open_embeddings(source, without=groups, dtype=dtype, shape=shape, column=column, engine=engine)
            )
            for source in (before, after, added)
            if not (source is None or isinstance(source, Baseline) or is_baseline(source))
        ]
        rows, held = [embeddings.rows for embeddings in opened], held_texts(*opened)
        d = opened[0].dimensions
        size = sum(e.rows * e.dimensions * e.dtype.itemsize for e in opened)
        pace = Pace.measured(opened[0], cores, workers or (engine.width if dask else None))
        unscanned = sum(e.rows * e.dimensions * e.dtype.itemsize for e in opened if e.findings is None)
    if is_baseline(before):
        document = before if isinstance(before, Baseline) else read_document(before)
        rows.insert(0, document.sampled_rows if isinstance(document, Baseline) else rows[0])
    large, small = (min(max_rows, pick(rows)) for pick in (max, min))
    speed = pace.operations
    stages = [("start", 2.0 + pace.starting), ("scan", pace.scan(unscanned))]
    for name in kernels:
        if on_columns(name, small, d):
            stages.append((f"{name} null", ROUNDS[0] * (2.0 * small * d * d + 30.0 * d**3) / speed))
        else:
            whole = (large * large * d + 6000.0 * large * large) / speed
            stages.append((f"{name} null", whole + ROUNDS[0] * 2000.0 * small * small / speed))
    itemsize = 8 if set(kernels) & set(DOUBLE) else 4
    peak = comparison_memory((rows[0], rows[-1]), (large, small), d, cores, itemsize=itemsize, copies=True)
    if any(KERNELS.get(name) is not None for name in kernels):
        judged = float(min(max(rows), AGAINST))
        stages.append(("rows judged", (8.0 * judged**3 + 8.0 * judged**2 * JUDGED) / speed + 2.0))
        peak = max(peak, judging_memory(rows[0] + rows[-1], max(rows), d))
    if operator == "graph":
        deep = min(*rows, graph.rows)
        settings = graph.settings(deep)
        peak = max(peak, graph_memory(sum(rows), deep, d, settings.landmarks, settings.neighbors, itemsize=itemsize))
        stages += [
            (f"{name} graph", _graph_operations(deep, d, settings) / speed)
            for name in kernels
            if graph.wanted(name, deep)
        ]
    return Plan(
        rows=sum(rows),
        dimensions=d,
        bytes=size,
        peak_memory=peak + held,
        held=held,
        stages=tuple(stages),
        worker_memory=None if pace.workers is None else worker_memory(d, 0, False),
    )


def is_baseline(source: object) -> TypeGuard[Baseline | str | os.PathLike[str]]:
    """Tell whether a source is a baseline or names a saved one."""
    return isinstance(source, Baseline) or (
        isinstance(source, str | os.PathLike) and os.fsdecode(source).lower().endswith(".json")
    )


def check_after(after: object) -> None:
    """Raise InputError where a baseline is given for AFTER."""
    if is_baseline(after):
        name = "AFTER" if isinstance(after, Baseline) else os.fsdecode(after)
        raise InputError(
            f"{name}: a .json file is read as a baseline, which can only stand for BEFORE",
            next_step="give AFTER's embeddings",
        )


def on_columns(name: str, rows: int, dimensions: int) -> bool:
    """Whether a kernel's spectrum is worked out on the d x d side over all rows."""
    return name == "linear" and rows > dimensions and dimensions <= WIDEST_COVARIANCE


def index_room(embeddings: Embeddings, graph: GraphPlan, max_memory: int | None) -> int:
    """Return the bytes that are left for an index of the rows."""
    limit = usable_memory() if max_memory is None else max_memory
    n, d = embeddings.rows, embeddings.dimensions
    return limit - held_texts(embeddings) - neighbours_memory(n, min(n, graph.sampled), d)


def peak_of(
    embeddings: Embeddings,
    kernels: Sequence[str],
    max_rows: int,
    graph: GraphPlan,
    max_memory: int | None,
) -> int:
    """Return the bytes that a fit needs."""
    n, d = embeddings.rows, embeddings.dimensions
    covariance = any(on_columns(name, n, d) for name in kernels)
    itemsize = 8 if set(kernels) & set(DOUBLE) else 4
    searched = choose_index(graph.index, n, d, memory=index_room(embeddings, graph, max_memory)).kind
    index = 0 if searched == "flat" else INDEXES[searched].bytes(n, d)
    peak = max(
        peak_memory(n, min(n, max_rows), d, covariance=covariance, itemsize=itemsize),
        neighbours_memory(n, min(n, graph.sampled), d) + index,
    )
    held = held_texts(embeddings)
    if not any(graph.wanted(name, n) for name in kernels if KERNELS.get(name) is not None):
        return held + peak
    size = min(n, graph.rows)
    settings = graph.settings(size)
    return held + max(
        peak,
        graph_memory(n, size, d, settings.landmarks, settings.neighbors, itemsize=itemsize),
        extension_memory(n, min(n, graph.sampled), d),
    )


def check_fit(
    embeddings: Embeddings,
    kernels: Sequence[str],
    max_rows: int,
    graph: GraphPlan,
    max_memory: int | None,
    *,
    beside: int = 0,
) -> None:
    """Raise BudgetError unless a fit, with bytes `beside` it, is within its memory.

    The message says how few rows of a dense matrix are.
    """

    def need(most: int) -> int:
        use = graph if most == max_rows else replace(graph, operator="dense", dense_rows=most, sampled=most)
        return peak_of(embeddings, kernels, most, use, max_memory)

    dense = "--max-rows" if graph.operator == "dense" else "--operator dense --max-rows"
    check_memory(need, max_memory, max_rows, flags=dense, held=beside)
