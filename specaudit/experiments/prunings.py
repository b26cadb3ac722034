"""Static prunings of a pool of rows: one rule for all sizes, so that a row x has the same weight w(x) at each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from specaudit.dataset import IntArray
from specaudit.kernels import FloatArray, Kernel
from specaudit.pruning import Pool, bounded_weights, kept_first


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruning:
    """A method of `specaudit.pruning.METHODS`, the share that it keeps, and how.

    Attributes
    ----------
    keep
        Share of the rows, between 0 and 1.
    soft
        Whether rows are kept at random, in proportion to weights of at most 1/keep, in the place of the first ones.
    """

    method: str
    keep: float
    soft: bool = False

    @property
    def id(self) -> str:
        """Such as ``prototypes-50-soft``."""
        return f"{self.method}-{100 * self.keep:g}" + "-soft" * self.soft

    @property
    def label(self) -> str:
        """Such as ``prototypes 50 % soft``."""
        return f"{self.method} {100 * self.keep:g} %" + " soft" * self.soft


def kept_rows(pruning: Pruning, order: IntArray, *, seed: int) -> IntArray:
    """Return which of p rows are kept, ascending, by the order (p,) in which a method keeps them.

    Without `soft` the first ones. With it each with probability w/cap, w being `bounded_weights`: by systematic
    sampling along the order, which keeps as many as the weights say.
    """
    rows = len(order)
    if not pruning.soft:
        return np.sort(order[: round(pruning.keep * rows)])
    cap = 1 / pruning.keep
    ends = np.cumsum(bounded_weights(order, cap, rows)[order]) / cap
    start = np.random.default_rng([seed, 2]).random()
    counted = np.floor(np.concatenate([[0.0], ends]) + start)
    return np.sort(order[np.diff(counted) > 0])


def pool_of(
    rows: FloatArray, kernel: Kernel, *, seed: int, scores: FloatArray | None = None, threads: int = 1
) -> Pool:
    """Return different rows (p, d), in random order, as what pruning methods choose among."""
    count = len(rows)
    scale = float(np.linalg.norm(rows, axis=1).max()) or 1.0
    keys = np.random.default_rng([seed, 3]).integers(0, 2**63, count).astype(np.uint64)
    return Pool(
        numbers=np.arange(count),
        rows=(rows / scale).astype(np.float32),
        scale=scale,
        copies=np.ones(count, np.int64),
        keys=keys,
        which=np.arange(count),
        turn=np.zeros(count, np.int64),
        seed=seed,
        kernel=kernel.name,
        bandwidth=kernel.bandwidth,
        given=scores,
        threads=threads,
    )


def keep_orders(methods: tuple[str, ...], pool: Pool) -> dict[str, IntArray]:
    """Return the order (p,) in which each method keeps the rows of a pool."""
    return {method: kept_first(method, pool) for method in methods}
