from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from specaudit.draws import Design
from specaudit.front import BINS, DEEPEST_RANK, FEWEST_RANKS, TAIL_BINS, VISIBLE, FrontAndTail, front_and_tail

SIZE, RANKS = 2000, 200
DESIGN = Design.of(2 * SIZE, SIZE, SIZE)


def found(
    factor: np.ndarray, *, noise: float = 0.01, seed: int = 0, design: Design = DESIGN, ranks: int = 400
) -> FrontAndTail | None:
    """Return what is found where AFTER's eigenvalues are BEFORE's times `factor` (ranks,), with noise in each."""
    rng = np.random.default_rng(seed)
    law = np.arange(1, ranks + 1) ** -1.3
    before = [law * np.exp(noise * rng.standard_normal(ranks)) for _ in range(24)]
    after = [law * factor * np.exp(noise * rng.standard_normal(ranks))]
    return front_and_tail(before, after, design)


def step(cutoff: int, gain: float, tail: float = 1.0, ranks: int = 400) -> np.ndarray:
    return np.where(np.arange(1, ranks + 1) <= cutoff, gain, tail)


@pytest.mark.parametrize(("cutoff", "gain"), [(5, 3.0), (10, 2.0), (30, 2.0), (30, 1.4), (60, 1.2)])
def test_a_gain_up_to_a_rank_is_found_with_its_rank(cutoff: int, gain: float) -> None:
    front = found(step(cutoff, gain))
    assert front is not None
    assert front.tail_flat
    assert front.cutoff is not None
    # A bin is a factor of 1.4 wide: the one that holds the rank may still differ, the next may not.
    assert cutoff * 0.7 <= front.cutoff <= cutoff * 1.45
    assert 0.9 * gain < front.peak_gain <= gain * 1.01
    assert front.tail_ratio == pytest.approx(1, abs=0.01)


def test_a_lost_front_is_a_front_without_gain() -> None:
    front = found(step(20, 0.5))
    assert front is not None
    assert front.cutoff is not None
    assert 14 <= front.cutoff <= 29
    assert front.peak_gain < 1.02
    assert front.tail_ratio == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("noise", [1e-3, 0.02, 0.2])
def test_the_same_law_has_no_front(noise: float, seed: int) -> None:
    front = found(np.ones(400), noise=noise, seed=seed)
    assert front is not None
    assert front.cutoff is None
    assert front.tail_flat
    assert front.peak_gain < 1.05


def test_a_tail_that_tilts_has_no_cutoff() -> None:
    front = found(np.arange(1, 401) ** -0.4)
    assert front is not None
    assert not front.tail_flat
    assert front.cutoff is None


def test_a_tail_that_is_lower_by_a_factor_is_flat_and_says_so() -> None:
    front = found(step(10, 1.5, 0.8))
    assert front is not None
    assert front.tail_flat
    assert front.tail_ratio == pytest.approx(0.8, rel=0.01)
    assert front.cutoff is not None
    assert 7 <= front.cutoff <= 15


def test_a_difference_too_small_to_matter_is_none_however_sure() -> None:
    front = found(step(20, float(np.exp(0.8 * VISIBLE))), noise=1e-4)
    assert front is not None
    assert front.cutoff is None


def test_a_difference_that_is_not_sure_is_none_however_large() -> None:
    front = found(step(3, 1.5), noise=0.5)
    assert front is not None
    assert front.cutoff is None
    assert front.peak_gain < 1.2


def test_bins_hold_all_ranks_once_and_their_means() -> None:
    rng = np.random.default_rng(0)
    before = [np.sort(rng.uniform(1, 2, 400))[::-1] for _ in range(4)]
    after = [np.sort(rng.uniform(1, 2, 400))[::-1] for _ in range(3)]
    front = front_and_tail(before, after, Design.of(3000, 3000, 0))
    assert front is not None
    ranks = int(1500 * DEEPEST_RANK)
    edges = np.unique(np.round(np.geomspace(1, ranks + 1, BINS + 1)).astype(int))
    assert len(front.rank) == len(edges) - 1
    difference = np.log(after).mean(axis=0) - np.log(before).mean(axis=0)
    expected = [difference[low - 1 : high - 1].mean() for low, high in pairwise(edges)]
    np.testing.assert_allclose(front.log_ratio, expected, atol=1e-12)
    assert front.tail_ratio == pytest.approx(np.exp(np.mean(expected[-TAIL_BINS:])))
    assert (np.diff(front.rank) > 0).all()
    assert front.rank[0] == 1
    assert front.rank[-1] < ranks


def test_the_error_is_that_of_the_design() -> None:
    """Bins of independent eigenvalues: a subset's spread sd / root of the bin's ranks, twice for its own error."""
    fronts = [found(np.ones(400), noise=0.05, seed=seed) for seed in range(12)]
    errors = np.sqrt(np.mean([front.error**2 for front in fronts if front is not None], axis=0))
    edges = np.unique(np.round(np.geomspace(1, RANKS + 1, BINS + 1)).astype(int))
    np.testing.assert_allclose(errors, 0.05 / np.sqrt(np.diff(edges)) * np.sqrt(1 + 1 / 24), rtol=0.2)


def test_few_ranks_have_no_front() -> None:
    enough = int(FEWEST_RANKS / DEEPEST_RANK)
    assert found(np.ones(400), design=Design.of(2 * enough, enough, enough)) is not None
    few = enough - 10
    assert found(np.ones(400), design=Design.of(2 * few, few, few)) is None
    assert found(np.ones(FEWEST_RANKS), ranks=FEWEST_RANKS) is not None
    assert found(np.ones(FEWEST_RANKS - 1), ranks=FEWEST_RANKS - 1) is None


def test_eigenvalues_that_are_zero_are_not_compared() -> None:
    front = found(np.where(np.arange(400) < 60, 1.0, 0.0))
    assert front is not None
    assert np.isfinite(front.log_ratio).all()
    assert front.rank[-1] < 60
    assert found(np.where(np.arange(400) < FEWEST_RANKS - 1, 1.0, 0.0)) is None
