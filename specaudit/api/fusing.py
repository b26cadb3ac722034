"""`fit --fuse`: the spectral tail of one kernel of two embeddings of the same rows. Exploratory."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from specaudit.api.common import MAX_ROWS, check_arguments, check_scale, environment, fraction
from specaudit.api.graph_plan import GraphPlan
from specaudit.api.planning import check_fit, index_room
from specaudit.budget import usable_threads
from specaudit.cells import IntArray
from specaudit.documents import Fit, Fusion
from specaudit.embeddings import Embeddings, held_texts, open_embeddings, paired
from specaudit.errors import ConfigError
from specaudit.estimate import Estimate, estimate_dense
from specaudit.graph import nearest_neighbours
from specaudit.hashing import hash_rows, row_keys
from specaudit.kernels import (
    FUSINGS,
    KERNELS,
    FloatArray,
    FusedKernel,
    Fusing,
    Kernel,
    Normalize,
    choose_kernel,
    prepare_rows,
)
from specaudit.operators import dense_operator
from specaudit.paired import Alone, Difference, paired_difference
from specaudit.progress import Progress, SilentProgress
from specaudit.report.assemble import NEAR, assemble_fit, fused_side
from specaudit.scan import Scan, scan

if TYPE_CHECKING:
    from specaudit.api.common import Source
    from specaudit.api.sides import Ids

KERNELS_OF_PAIRS = ("laplace",)
SIGNS = {"product": " × ", "sum": " + "}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """One of the embeddings, scanned, with its sampled rows (m, d) in the order of the pairs."""

    embeddings: Embeddings
    scan: Scan
    rows: FloatArray

    def alone(
        self, kernel: Kernel, copies: IntArray, fused: Estimate, by: Fusing, *, seed: int, threads: int
    ) -> Alone:
        """Return what the rows say without the other side, and what the fused estimate differs by."""
        _, first, place = np.unique(hash_rows(self.rows)[0], return_index=True, return_inverse=True)
        order = np.argsort(first)  # rows as they first occur, in the order of the pairs' keys
        weights = np.bincount(place, weights=copies)[order].astype(np.int64)
        rows = self.rows[first[order]]
        found = estimate_dense(kernel, dense_operator(kernel, rows, weights, threads=threads), weights, seed=seed)
        itself = found
        if by == "product":  # that of a kernel with itself is sharper, which moves b on a window with no other side
            twice = FusedKernel(sides=(kernel, kernel), columns=None, by=by)
            operator = dense_operator(twice, rows, weights, threads=threads)
            itself = estimate_dense(twice, operator, weights, seed=seed)
        if len(rows) < len(self.rows):
            reason = "rows of this side repeat where the other's differ, so that groups of rows do not pair"
            untold = Difference(move="cannot tell", reason=reason)
            return Alone(found=found, itself=itself, from_alone=untold, from_itself=untold)
        return Alone(
            found=found,
            itself=itself,
            from_alone=paired_difference(fused, found),
            from_itself=paired_difference(fused, itself),
        )


def fused_fit(
    source: Source,
    other: Source,
    *,
    by: Fusing = "product",
    ids: Ids | None = None,
    other_ids: Ids | None = None,
    dtype: str | None = None,
    shape: tuple[int, int] | None = None,
    column: str | None = None,
    kernels: Sequence[str] = KERNELS_OF_PAIRS,
    normalize: Normalize = "none",
    model: str | None = None,
    seed: int = 0,
    threads: int | None = None,
    max_rows: int = MAX_ROWS,
    index: str = "auto",
    max_memory: int | None = None,
    progress: Progress | None = None,
) -> Fit:
    """Return what the product or the mean of two embeddings' kernels says of the tail, beside each alone.

    Exploratory: no theory here says what b of a fused kernel means for learning.

    Parameters
    ----------
    source, other
        Embeddings of the same rows: matched by id where both have ids, else in order. `dtype`, `shape` and `column`
        are of the first.
    by
        "product", k1 k2, or "sum", (k1 + k2) / 2.
    ids, other_ids
        Names of the rows of each.
    kernels
        Of distances, each side's with its own median distance as bandwidth; the first is primary.
    normalize
        "l2" divides the rows of each side by their norms.
    max_rows
        Different pairs of the dense kernel matrices; more are sampled, by the content of both sides.

    Other parameters are those of `specaudit.fit`.

    Raises
    ------
    InputError
        The data cannot be used: other rows, or bad ones.
    ConfigError
        An argument cannot be used, such as a kernel without distances.
    BudgetError
        The run needs more memory than it may use.
    """
    check_arguments(kernels, max_rows)
    check_fused(kernels, by)
    report, cores = progress or SilentProgress(), usable_threads(threads)
    dense = GraphPlan.of("dense", kernels, max_rows, landmarks=None, neighbors=32, rows=max_rows, index=index)
    with ExitStack() as stack:
        stack.enter_context(threadpool_limits(limits=cores))
        one = stack.enter_context(
            open_embeddings(source, ids=ids, dtype=dtype, shape=shape, column=column, max_memory=max_memory)
        )
        two = stack.enter_context(open_embeddings(other, ids=other_ids, max_memory=max_memory))
        name = f"{one.name}{SIGNS[by]}{two.name}"
        pair = paired(one, two, name=name)
        check_fit(pair, kernels, max_rows, dense, max_memory, beside=held_texts(two))
        scans = [_scanned(embeddings, report, seed, 2, normalize) for embeddings in (one, two)]
        one, two = (side.held_to(of.contents, of.usable) for side, of in zip((one, two), scans, strict=True))
        pair = paired(one, two, name=name)
        found = _scanned(pair, report, seed, max_rows, "none")
        sampled = pair.take(found.sample.rows)
        sides = [
            _Side(embeddings=embeddings, scan=of, rows=prepare_rows(values, normalize=normalize))
            for embeddings, of, values in zip(
                (one, two), scans, np.split(sampled, [one.dimensions], axis=1), strict=True
            )
        ]
        del sampled
        chosen = [[choose_kernel(kernel, side.rows, normalize=normalize) for side in sides] for kernel in kernels]
        scaled = paired(
            one,
            two,
            name=name,
            prepare=(partial(_scaled, chosen[0][0]), partial(_scaled, chosen[0][1])),
            dtype=np.dtype(np.float64),
        )
        with report.stage("neighbours") as stage:
            neighbours = nearest_neighbours(
                scaled,
                found,
                sample=scaled.take(found.sample.rows),
                index=index,
                max_memory=index_room(scaled, dense, max_memory),
                threads=cores,
                progress=fraction(stage.update),
            )
        order = pairs_together([side.rows for side in sides], seed)
        sides = [replace(side, rows=side.rows[order]) for side in sides]
        copies = found.sample.weights[order]
        fused: dict[str, Estimate] = {}
        alone: tuple[dict[str, Alone], dict[str, Alone]] = ({}, {})
        for kernel, (left, right) in zip(kernels, chosen, strict=True):
            both = FusedKernel(sides=(left, right), columns=one.dimensions, by=by)
            with report.stage(f"{kernel} fused") as stage:
                rows = np.hstack([side.rows for side in sides])
                operator = dense_operator(both, rows, copies, threads=cores)
                fused[kernel] = estimate_dense(both, operator, copies, seed=seed, progress=stage.update)
                del operator, rows
            for side, single, told in zip(sides, (left, right), alone, strict=True):
                with report.stage(f"{kernel} of {side.embeddings.name}"):
                    told[kernel] = side.alone(single, copies, fused[kernel], by, seed=seed, threads=cores)
        return assemble_fit(
            pair,
            found,
            neighbours,
            fused,
            model=model,
            environment=environment(cores),
            radius=NEAR * float(np.sqrt(2.0)),
            fusion=Fusion(
                by=by,
                matched="order" if one.ids is None or two.ids is None else "id",
                sides=(
                    fused_side(one, sides[0].scan, alone[0]),
                    fused_side(two, sides[1].scan, alone[1]),
                ),
            ),
        )


def check_fused(kernels: Sequence[str], by: str) -> None:
    """Raise ConfigError for what cannot be fused."""
    if by not in FUSINGS:
        raise ConfigError(f"--fuse-by: expected {' or '.join(FUSINGS)}, got {by!r}")
    if any(name in KERNELS and KERNELS[name] is None for name in kernels):
        raise ConfigError(
            "--fuse: the linear kernel's second moments cannot be fused, only dense kernels of distances can",
            next_step="use --kernel laplace",
        )


def pairs_together(sides: Sequence[FloatArray], seed: int) -> IntArray:
    """Return an order of pairs (m,) in which those of one row are together; as they are where no row repeats.

    A row is one of the side (m, d) with fewer different ones. Its pairs are not drawn each by itself: unless the
    jackknife's groups and the nested half hold all of them or none, they do not show by how much other draws differ.
    """
    hashes = min((hash_rows(rows)[0] for rows in sides), key=lambda of: len(np.unique(of)))
    if len(np.unique(hashes)) == len(hashes):
        return np.arange(len(hashes))
    return np.argsort(row_keys(hashes, seed), kind="stable")


def _scanned(embeddings: Embeddings, report: Progress, seed: int, max_rows: int, normalize: Normalize) -> Scan:
    with report.stage(f"scan {embeddings.name}") as stage:
        found = scan(embeddings, seed=seed, max_rows=max_rows, normalize=normalize, progress=fraction(stage.update))
    check_scale(embeddings, found)
    return found


def _scaled(kernel: Kernel, values: FloatArray) -> FloatArray:
    """Return rows in units of the kernel's bandwidth, so that both sides count alike in the distance of pairs."""
    assert kernel.bandwidth is not None
    return prepare_rows(values, normalize=kernel.normalize) / kernel.bandwidth
