"""`leverage`: how much of the tail every row carries."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from specaudit.api.common import fraction
from specaudit.budget import usable_threads
from specaudit.documents import Fit, Spectrum
from specaudit.embeddings import open_embeddings
from specaudit.errors import ConfigError, InputError
from specaudit.estimate import DEEPEST_SHARE
from specaudit.graph import TailLeverage
from specaudit.kernels import KERNELS, FloatArray, prepare_rows
from specaudit.progress import Progress, SilentProgress
from specaudit.report.baseline import kernel_from
from specaudit.scan import scan

if TYPE_CHECKING:
    from specaudit.api.common import Source


def leverage(
    source: Source,
    fit: Fit,
    *,
    ids: str | os.PathLike[str] | Sequence[str] | None = None,
    dtype: str | None = None,
    shape: tuple[int, int] | None = None,
    column: str | None = None,
    threads: int | None = None,
    max_memory: int | None = None,
    progress: Progress | None = None,
    **_: object,
) -> FloatArray:
    """Return the ridge leverage (rows,) of every row of the data set that `fit` is of; nan for dropped rows.

    It is in [0, 1], says how much of the effective dimension N_1 at the end of the exponent's window the row carries
    within the fit's sample of rows, and is an approximation from nearest neighbours: its ranking is closer than its
    size. Copies share what their row carries.

    Raises
    ------
    ConfigError
        The fit has no kernel of a distance, or no curve as deep as its window would be.
    InputError
        The rows are not those of the fit, or cannot be read.
    """
    spectrum = next((s for s in fit.spectra.values() if KERNELS[s.kernel.name] is not None), None)
    if spectrum is None:
        raise ConfigError("leverage needs a kernel of the rows' distances", next_step="add --kernel laplace")
    kernel, cores = kernel_from(spectrum.kernel), usable_threads(threads)
    report = progress or SilentProgress()
    with ExitStack() as stack:
        stack.enter_context(threadpool_limits(limits=cores))
        embeddings = stack.enter_context(
            open_embeddings(source, ids=ids, dtype=dtype, shape=shape, column=column, max_memory=max_memory)
        )
        with report.stage("scan again") as stage:
            found = scan(
                embeddings,
                seed=spectrum.estimator.seed,
                max_rows=spectrum.estimator.unique_rows,
                normalize=kernel.normalize,
                drop_bad_rows=True,
                progress=fraction(stage.update),
            )
        if found.digest != fit.dataset.digest:
            raise InputError(f"{embeddings.name}: these are not the rows of the fit", next_step="fit them first")
        embeddings = embeddings.held_to(found.contents, found.usable)
        sample, weights = found.sample.rows, found.sample.weights
        carried = TailLeverage.of(
            kernel, prepare_rows(embeddings.take(sample), normalize=kernel.normalize), weights, _ridge(spectrum)
        )
        place = np.full(found.rows, -1)
        order = np.argsort(found.contents[sample])
        known = found.contents[sample][order]
        at = np.minimum(np.searchsorted(known, found.contents), len(known) - 1)
        same = known[at] == found.contents
        place[same] = order[at[same]]
        values = np.full(found.rows, np.nan)
        with report.stage("leverage") as stage:
            for block in embeddings.blocks():
                rows = block.start + np.flatnonzero(found.usable[block.start : block.start + len(block.values)])
                if len(rows):
                    queries = prepare_rows(block.values[rows - block.start], normalize=kernel.normalize)
                    values[rows] = carried.leverages(queries, place[rows], threads=cores)
                stage.update((block.start + len(block.values)) / embeddings.rows)
    return values


def _ridge(spectrum: Spectrum) -> float:
    """Return the ridge on the sample's kernel matrix at which N_1 is an eighth of its rows, or what is known."""
    curve, rows = spectrum.capacity, spectrum.estimator.unique_rows
    if not curve.n1:
        raise ConfigError("leverage needs a capacity curve, and there are too few rows for one")
    n1 = min(DEEPEST_SHARE * rows, curve.n1[-1])
    kappa = float(np.exp(np.interp(np.log(n1), np.log(curve.n1), np.log(curve.kappa))))
    return kappa * spectrum.estimator.rows * (1 - n1 / rows)
