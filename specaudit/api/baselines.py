"""`baseline`: a fit with what a later comparison needs of BEFORE, so that CI keeps no old embeddings."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy.typing as npt
from threadpoolctl import threadpool_limits

from specaudit.api.common import MAX_ROWS, fraction
from specaudit.api.fitting import fit
from specaudit.budget import usable_threads
from specaudit.dataset import DataSet
from specaudit.distributed import engine_of
from specaudit.documents import Baseline
from specaudit.embeddings import open_embeddings
from specaudit.errors import ConfigError
from specaudit.kernels import BANDWIDTH_ROWS, Normalize, median_distance
from specaudit.ladder import Sketch, ladder_of
from specaudit.progress import Progress, SilentProgress
from specaudit.report.baseline import assemble_baseline, kernel_from
from specaudit.scan import scan
from specaudit.subsets import SampledRows

if TYPE_CHECKING:
    from specaudit.api.common import Source

READING = ("ids", "dtype", "shape", "column", "max_memory")


def baseline(
    source: Source,
    *,
    seed: int = 0,
    threads: int | None = None,
    max_rows: int = MAX_ROWS,
    normalize: Normalize = "none",
    drop_bad_rows: bool = False,
    on_sample: Callable[[npt.NDArray[Any]], None] | None = None,
    progress: Progress | None = None,
    **arguments: Any,
) -> Baseline:
    """Return a baseline; arguments and errors are those of `fit`, which is part of it.

    The source is read twice, so that it cannot be a stream. `on_sample` is called with the different rows that the
    null is drawn from (sampled_rows, d), as they are stored, in the order of their keys.
    """
    if "-" in (source if isinstance(source, list | tuple) else [source] if isinstance(source, str) else []):
        raise ConfigError("a baseline cannot be made of a stream", next_step="save the embeddings to a file first")
    report, cores = progress or SilentProgress(), usable_threads(threads)
    scanning: dict[str, Any] = {
        "seed": seed,
        "max_rows": max_rows,
        "normalize": normalize,
        "drop_bad_rows": drop_bad_rows,
    }
    found = fit(source, threads=threads, progress=progress, **scanning, **arguments)
    with ExitStack() as stack:
        stack.enter_context(threadpool_limits(limits=cores))
        reading = {name: value for name, value in arguments.items() if name in READING}
        engine = stack.enter_context(engine_of(arguments.get("workers"), arguments.get("dask")))
        embeddings = stack.enter_context(open_embeddings(source, **reading, engine=engine))
        with report.stage("scan again") as stage:
            data = DataSet.of(embeddings, scan(embeddings, progress=fraction(stage.update), **scanning))
        order = data.keyed(seed)[1][:max_rows]
        if on_sample is not None:
            on_sample(data.embeddings.take(data.places[order]))
        sample = SampledRows(rows=data.read(order, normalize), copies=data.copies[order])
        ladders = []
        for name, spectrum in found.spectra.items():
            with report.stage(f"{name} ladder") as stage:
                kernel = kernel_from(spectrum.kernel)
                ladders.append(ladder_of(kernel, sample, seed=seed, threads=cores, progress=stage.update))
    return assemble_baseline(
        found,
        Sketch.of(data, seed=seed, sampled=len(order)),
        ladders,
        seed=seed,
        sampled_copies=int(sample.copies.sum()),
        median_distance=median_distance(sample.rows[:BANDWIDTH_ROWS]),
    )
