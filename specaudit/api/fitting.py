"""`fit`: what one data set's embeddings say of its spectral tail."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from specaudit.api.common import MAX_ROWS, check_arguments, check_scale, environment, fraction
from specaudit.api.graph_plan import GRAPH_ROWS, GraphPlan, Operator
from specaudit.api.pace import Pace
from specaudit.api.planning import check_fit, index_room, on_columns, stages_of
from specaudit.budget import usable_threads
from specaudit.calibration import GraphEstimate, check_graph, estimate_graph
from specaudit.distributed import engine_of
from specaudit.documents import Fit
from specaudit.embeddings import HERE, Embeddings, open_embeddings
from specaudit.estimate import LEADING, estimate_covariance, estimate_dense
from specaudit.extension import extended_eigenvalues
from specaudit.graph import NEIGHBORS, nearest_neighbours
from specaudit.kernels import FloatArray, Kernel, Normalize, choose_kernel, prepare_rows
from specaudit.moments import second_moments
from specaudit.operators import dense_operator
from specaudit.progress import Progress, SilentProgress
from specaudit.report.assemble import assemble_fit
from specaudit.scan import Scan, scan

if TYPE_CHECKING:
    from specaudit.api.common import Source


def fit(
    source: Source,
    *,
    ids: str | os.PathLike[str] | Sequence[str] | None = None,
    dtype: str | None = None,
    shape: tuple[int, int] | None = None,
    column: str | None = None,
    kernels: Sequence[str] = ("laplace", "linear"),
    bandwidth: float | None = None,
    normalize: Normalize = "none",
    centered: bool = False,
    model: str | None = None,
    drop_bad_rows: bool = False,
    seed: int = 0,
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
    progress: Progress | None = None,
) -> Fit:
    """Return what one data set's embeddings say of its spectral tail.

    Parameters
    ----------
    source
        A path, `FILE::member`, URL, directory, glob, `@list`, `-`, several of these, or an array (n, d). Files may be
        scans (`specaudit.scan`), whose shards are read where more is needed than they hold.
    ids
        Names of the rows, unique: a file or a sequence.
    dtype, shape
        Of a raw file.
    column
        Column of a table or field of JSON lines that holds the embedding.
    kernels
        Names of `specaudit.kernels.KERNELS`; the first is primary.
    bandwidth
        Length scale in the rows' units, > 0; by default the median distance of sampled rows.
    normalize
        "l2" divides rows by their norm first.
    centered
        Subtract the mean row under the linear kernel.
    model
        Name of the embedding model, recorded.
    drop_bad_rows
        Count and drop rows that cannot be used instead of stopping.
    seed
        Keys the row sample and the random probes.
    threads
        Cores to use; by default all that the process may use.
    max_rows
        Unique rows of the dense kernel matrix; more are sampled. Memory grows with its square.
    operator
        "dense"; "graph" for the calibrated kernel graph; or "auto", which is dense, checked by a graph, up to
        `max_rows` and the graph above. Kernels without a profile (linear) are always dense.
    landmarks, neighbors
        Of the graph: by default one landmark for 64 rows, at most 2,048; nearest previous rows of each row.
    graph_rows
        Unique rows of the graph; more are sampled.
    index
        "flat", "ivf", "hnsw" or "nndescent": how nearest rows are searched; or "auto", which is exact for all rows
        while that is affordable, then "ivf" if it fits, else exact for a sample of the rows.
    max_memory
        Bytes that the run may use; checked before the work starts.
    workers, dask
        Processes of this machine, or the address of a Dask scheduler, whose workers read the rows and search for
        neighbours. The document is that of one process.
    progress
        Told of stages and their progress.

    Raises
    ------
    InputError
        The data cannot be used; the message names file, row and column.
    ConfigError
        An argument cannot be used.
    BudgetError
        The run needs more memory than it may use.
    """
    check_arguments(kernels, max_rows)
    graph = GraphPlan.of(
        operator, kernels, max_rows, landmarks=landmarks, neighbors=neighbors, rows=graph_rows, index=index
    )
    report = progress or SilentProgress()
    cores = usable_threads(threads)
    with ExitStack() as stack:
        stack.enter_context(threadpool_limits(limits=cores))
        engine = stack.enter_context(engine_of(workers, dask))
        embeddings = stack.enter_context(
            open_embeddings(
                source, ids=ids, dtype=dtype, shape=shape, column=column, max_memory=max_memory, engine=engine
            )
        )
        check_fit(embeddings, kernels, max_rows, graph, max_memory)
        pace = Pace.assumed(cores, None if engine is HERE else engine.width)
        report.expect(stages_of(embeddings, kernels, max_rows, graph, pace, max_memory))
        with report.stage("scan") as stage:
            found = scan(
                embeddings,
                seed=seed,
                max_rows=graph.sampled,
                normalize=normalize,
                drop_bad_rows=drop_bad_rows,
                progress=fraction(stage.update),
            )
        check_scale(embeddings, found)
        embeddings = embeddings.held_to(found.contents, found.usable)
        stored = embeddings.take(found.sample.rows)
        with report.stage("neighbours") as stage:
            neighbours = nearest_neighbours(
                embeddings,
                found,
                sample=stored,
                normalize=normalize,
                index=index,
                max_memory=index_room(embeddings, graph, max_memory),
                threads=cores,
                progress=fraction(stage.update),
            )
        sample = prepare_rows(stored, normalize=normalize)
        estimates, calibrations = {}, {}
        for name in kernels:
            kernel = choose_kernel(
                name, sample, bandwidth=bandwidth, normalize=normalize, centered=centered and name == "linear"
            )
            with report.stage(f"{name} spectrum") as stage:
                found_ = _estimate(kernel, embeddings, found, sample, graph, max_rows, cores, stage.update)
            estimates[name] = found_.estimate
            if found_.calibration is not None:
                calibrations[name] = found_.calibration
        return assemble_fit(
            embeddings,
            found,
            neighbours,
            estimates,
            calibrations=calibrations,
            model=model,
            environment=environment(cores),
        )


def _estimate(
    kernel: Kernel,
    embeddings: Embeddings,
    found: Scan,
    sample: FloatArray,
    graph: GraphPlan,
    max_rows: int,
    threads: int,
    progress: Callable[[float], None],
) -> GraphEstimate:
    weights, seed = found.sample.weights, found.seed
    rows, copies = sample[:max_rows], weights[:max_rows]
    if on_columns(kernel.name, found.unique_rows, embeddings.dimensions):
        moments = second_moments(embeddings, found, kernel, progress=progress)
        return GraphEstimate(estimate=estimate_covariance(kernel, moments, rows - moments.mean, copies))
    calibration = None
    if graph.wanted(kernel.name, len(sample)):
        answer = estimate_graph(
            kernel,
            sample[: graph.rows],
            weights[: graph.rows],
            graph.settings(min(graph.rows, len(sample))),
            dense_rows=max_rows,
            seed=seed,
            threads=threads,
            engine=embeddings.engine,
            progress=progress,
        )
        if answer.pairs is not None and answer.estimate.operator == "graph":
            leading = extended_eigenvalues(
                kernel, partial(_unique, embeddings, found), sample, weights, answer.pairs, LEADING, threads=threads
            )
            return replace(answer, estimate=replace(answer.estimate, leading=leading))
        if answer.estimate.unique_rows == len(rows):
            return answer
        calibration = answer.calibration
    operator = dense_operator(kernel, rows, copies, threads=threads)
    estimate = estimate_dense(kernel, operator, copies, seed=seed, progress=progress)
    if graph.checks(kernel.name) and calibration is None:
        del operator
        estimate = replace(estimate, check=check_graph(estimate, rows, copies, seed=seed, threads=threads))
    return GraphEstimate(estimate=estimate, calibration=calibration)


def _unique(embeddings: Embeddings, found: Scan) -> Iterator[tuple[FloatArray, npt.NDArray[np.int64]]]:
    """Yield the first copies of all usable rows, normalised, with how often they occur; one pass in blocks."""
    usable = np.flatnonzero(found.usable)
    _, first, copies = np.unique(found.contents[usable], return_index=True, return_counts=True)
    weights = np.zeros(found.rows, dtype=np.int64)
    weights[usable[first]] = copies
    for block in embeddings.blocks():
        part = weights[block.start : block.start + len(block.values)]
        if part.any():
            yield prepare_rows(block.values[part > 0], normalize=found.normalize), part[part > 0]
