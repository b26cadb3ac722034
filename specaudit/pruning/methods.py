"""The registry of pruning methods: each scores rows, and the highest scores are kept first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from specaudit.dataset import IntArray
from specaudit.errors import ConfigError
from specaudit.graph import TailLeverage, neighbour_distances
from specaudit.hashing import row_keys
from specaudit.kernels import FloatArray, Kernel, choose_kernel
from specaudit.pruning.coverage import centred_out, herded, in_blocks
from specaudit.pruning.pool import Pool
from specaudit.pruning.semantic import earlier_similarity
from specaudit.spectrum import CHECKS
from specaudit.subsets import SampledRows, subsets_of

NEIGHBOR = 10
"""The neighbour whose distance tells how sparse it is around a row."""
LEVERAGE_ROWS = 16_384
"""Rows against which leverages are worked out, at most."""
RIDGE_ROWS = 2048
"""Rows whose spectrum gives the ridge: where N_1 is an eighth of the rows it hardly depends on how many they are."""
LEVERAGE_BLOCK = 1 << 14
COPY = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A pruning method.

    Attributes
    ----------
    title
        What it keeps, in words.
    source
        Where it comes from.
    scores
        Returns the scores (n,) of a pool's rows; the highest are kept first, so that smaller shares are nested in
        larger ones.
    """

    title: str
    source: str
    scores: Callable[[Pool], FloatArray]


def kept_first(name: str, pool: Pool) -> IntArray:
    """Return the row numbers (n,) of a pool in the order in which a method of `METHODS` keeps them.

    Depends on the rows' contents and the pool's seed, but not on their order: rows of equal score are ordered by a
    hash of their content.
    """
    return pool.ranked(METHODS[name].scores(pool))


def _random(pool: Pool) -> FloatArray:
    with np.errstate(over="ignore"):
        mixed = pool.keys[pool.which] + pool.turn.astype(np.uint64) * COPY
    return row_keys(mixed, pool.seed) / 2.0**64


def _prototypes(pool: Pool) -> FloatArray:
    return pool.alike(-pool.clusters.distances)


def _outliers(pool: Pool) -> FloatArray:
    return pool.alike(pool.clusters.distances)


def _semdedup(pool: Pool) -> FloatArray:
    return pool.once(-earlier_similarity(pool.rows, pool.clusters, pool.keys))


def _density(pool: Pool) -> FloatArray:
    return pool.alike(neighbour_distances(pool.rows, NEIGHBOR, threads=pool.threads))


def _leverage(pool: Pool) -> FloatArray:
    rows, copies = pool.rows[:LEVERAGE_ROWS].astype(np.float64), pool.copies[:LEVERAGE_ROWS]
    bandwidth = None if pool.bandwidth is None else pool.bandwidth / pool.scale
    kernel = choose_kernel(pool.kernel, rows, bandwidth=bandwidth)
    known = TailLeverage.of(kernel, rows, copies, _ridge(kernel, rows, copies, pool))
    found = np.empty(pool.unique)
    for start in range(0, pool.unique, LEVERAGE_BLOCK):
        part = np.arange(start, min(start + LEVERAGE_BLOCK, pool.unique))
        own = np.where(part < len(rows), part, -1)
        found[part] = known.leverages(pool.rows[part].astype(np.float64), own, threads=pool.threads)
    return pool.alike(found)


def _ridge(kernel: Kernel, rows: FloatArray, copies: IntArray, pool: Pool) -> float:
    """Return the ridge at which N_1 is an eighth of the rows, or as near to it as it gets."""
    sample = SampledRows(rows=rows[:RIDGE_ROWS], copies=copies[:RIDGE_ROWS])
    subsets = subsets_of(kernel, sample, sample.unique, threads=pool.threads)
    return subsets.spectrum(sample.all, seed=pool.seed, steps=CHECKS[0]).deepest_ridge[1]


def _herding(pool: Pool) -> FloatArray:
    return pool.once(in_blocks(pool.rows, herded, pool.copies))


def _k_center(pool: Pool) -> FloatArray:
    return pool.once(in_blocks(pool.rows, centred_out, pool.copies))


def _scores(pool: Pool) -> FloatArray:
    if pool.given is None:
        raise ConfigError("the method scores needs scores", next_step="give one number per row with --scores FILE")
    return pool.given


METHODS: dict[str, Method] = {
    "random": Method(title="random rows, the reference", source="uniform, without replacement", scores=_random),
    "prototypes": Method(
        title="rows near to their cluster's centroid (k-means)",
        source="Sorscher et al. 2022, arXiv 2206.14486",
        scores=_prototypes,
    ),
    "outliers": Method(
        title="rows far from their cluster's centroid (k-means)",
        source="Sorscher et al. 2022, arXiv 2206.14486",
        scores=_outliers,
    ),
    "semdedup": Method(
        title="rows least similar to an earlier row of their cluster",
        source="SemDeDup, Abbas et al. 2023, arXiv 2303.09540",
        scores=_semdedup,
    ),
    "density": Method(
        title=f"rows where it is sparse: far from their {NEIGHBOR}th neighbour",
        source="density by the k-th neighbour, Loftsgaarden and Quesenberry 1965",
        scores=_density,
    ),
    "leverage": Method(
        title="rows that carry the tail: large ridge leverage",
        source="ridge leverage scores, Alaoui and Mahoney 2015, arXiv 1411.0306",
        scores=_leverage,
    ),
    "herding": Method(
        title="rows whose mean follows that of all",
        source="herding, Welling 2009, ICML",
        scores=_herding,
    ),
    "k-center": Method(
        title="rows that leave no row far from a kept one",
        source="greedy k-center, Sener and Savarese 2018, arXiv 1708.00489",
        scores=_k_center,
    ),
    "scores": Method(
        title="rows of the highest scores given",
        source="your own scores: loss, EL2N (Paul et al. 2021, arXiv 2107.07075), quality",
        scores=_scores,
    ),
}
"""Every method by name."""
