"""Diversity indices at equal size, against the package that defined the first of them and against dense sums."""

from __future__ import annotations

import numpy as np
import pytest
from vendi_score import vendi

from specaudit.comparison import KernelChange, compare_kernel
from specaudit.draws import Design
from specaudit.equal_size import INDICES
from specaudit.kernels import Kernel, choose_kernel, kernel_values
from specaudit.operators import dense_operator
from specaudit.spectrum import EXACT_ROWS, plain_measures
from specaudit.subsets import SampledRows

KERNELS = ("laplace", "matern32", "rbf", "linear")
EXACT = 1e-6
pytestmark = pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")  # of the package


def rows_of(n: int, d: int = 12, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d)) * np.arange(1, d + 1) ** -0.7


def change(name: str, before: np.ndarray, kept: np.ndarray, copies: np.ndarray | None = None) -> KernelChange:
    kernel = choose_kernel(name, before)
    copies = np.ones(len(before), np.int64) if copies is None else copies
    sides = SampledRows(rows=before, copies=copies), SampledRows(rows=before[kept], copies=copies[kept])
    design = Design.of(len(before), len(kept), len(kept))
    return compare_kernel(kernel, *sides, design, places=kept, seed=0)


def matrix(kernel: Kernel, rows: np.ndarray) -> np.ndarray:
    values = rows @ rows.T if kernel.profile is None else kernel_values(kernel, rows, rows)
    return np.asarray(values, dtype=np.float64)


def dense(kernel: Kernel, rows: np.ndarray) -> dict[str, float]:
    """Return the indices of the kernel matrix by the package, and by their formulas where it has none."""
    K = matrix(kernel, rows)
    K /= np.trace(K)
    found = {"vendi_score": vendi.score_K(K * len(K)), "participation_ratio": 1 / (K**2).sum()}
    if kernel.profile is None:
        share = np.linalg.svd(rows, compute_uv=False)
        share /= share.sum()
        found["rankme"] = float(np.exp(-(share * np.log(share)).sum()))
    return found


@pytest.mark.parametrize("name", KERNELS)
def test_the_indices_of_a_side_are_those_of_the_package_on_its_rows(name):
    before = rows_of(700)
    kept = np.sort(np.random.default_rng(1).permutation(700)[:300])
    found = change(name, before, kept)
    wanted = dense(found.kernel, before[kept])
    assert found.diversity.keys() == wanted.keys()
    for index, value in wanted.items():
        assert found.diversity[index].after == pytest.approx(value, rel=EXACT)


def test_copies_count_as_rows():
    before, copies = rows_of(400), np.arange(400) % 3 + 1
    kept = np.arange(0, 400, 2)
    found = change("laplace", before, kept, copies)
    wanted = dense(found.kernel, np.repeat(before[kept], copies[kept], axis=0))
    for index, value in wanted.items():
        assert found.diversity[index].after == pytest.approx(value, rel=EXACT)


def test_past_the_exact_rows_the_quadrature_is_near():
    rows = rows_of(EXACT_ROWS + 64, 6)
    kernel = choose_kernel("laplace", rows)
    (measure,) = plain_measures(dense_operator(kernel, rows), seed=0, steps=(10,))
    assert measure.steps
    wanted = dense(kernel, rows)
    for index, formula in INDICES.items():
        assert formula(measure) == pytest.approx(wanted[index], rel=1e-4)


def test_the_other_side_is_the_mean_of_random_subsets_of_its_rows():
    before = rows_of(500)
    kept = np.flatnonzero(before[:, 0] > 0)
    found = change("laplace", before, kept)
    rng = np.random.default_rng(5)
    draws = [dense(found.kernel, before[rng.permutation(500)[: len(kept)]]) for _ in range(24)]
    for index, told in found.diversity.items():
        logs = np.log([one[index] for one in draws])
        error = logs.std(ddof=1) * np.hypot(1, 1) / np.sqrt(24)  # both means are of 24 subsets
        assert np.log(told.before) == pytest.approx(logs.mean(), abs=4 * error)
        assert told.low < told.ratio < told.high < 1  # half of the sphere is less diverse than random rows


def test_random_rows_are_within_the_interval_at_its_rate():
    """95 % intervals of 40 random halves: 33 or fewer hits have a chance below 1 %."""
    before = rows_of(240)
    found = [
        change("laplace", before, np.sort(np.random.default_rng([9, at]).permutation(240)[:120])).diversity
        for at in range(40)
    ]
    for index in found[0]:
        assert sum(one[index].low <= 1 <= one[index].high for one in found) > 33


def test_equal_rows_have_equal_indices():
    before = rows_of(200)
    found = change("linear", before, np.arange(200))
    for told in found.diversity.values():
        assert told.low == told.high == pytest.approx(1)
        assert told.ratio == pytest.approx(1)
