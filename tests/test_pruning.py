"""Each pruning method against a plain computation of what it says, and what holds for all of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.spatial.distance import cdist
from scipy.stats import spearmanr

from specaudit.api.searching import halves
from specaudit.dataset import DataSet
from specaudit.embeddings import open_embeddings
from specaudit.errors import ConfigError
from specaudit.graph import neighbour_distances
from specaudit.kernels import median_distance
from specaudit.pruning import METHODS, Pool, bounded_weights, coverage, kept_first, semantic
from specaudit.pruning.clusters import Clusters, clusters_of
from specaudit.pruning.semantic import earlier_similarity
from specaudit.scan import scan

N, D = 240, 6
NAMES = list(METHODS)
AT_ONCE = ("semdedup", "herding", "k-center")
"""Methods that take a further copy of a row only after all different rows."""


def rows_of(n: int = N, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.asarray(rng.standard_normal((n, D)) * np.arange(1, D + 1) ** -0.4, np.float32)


def data_of(rows: np.ndarray, **options: object) -> DataSet:
    embeddings = open_embeddings(rows)
    return DataSet.of(embeddings, scan(embeddings, **options))  # type: ignore[arg-type]


def pool_of(rows: np.ndarray, seed: int = 0, **options: object) -> Pool:
    return Pool.of(data_of(rows, drop_bad_rows=True), seed=seed, given=rows[:, 0].astype(float), **options)  # type: ignore[arg-type]


def ordered(name: str, rows: np.ndarray, **options: object) -> np.ndarray:
    return kept_first(name, pool_of(rows, **options))


X = rows_of()


@pytest.mark.parametrize("name", NAMES)
def test_an_order_holds_every_row_once_and_is_the_same_again(name: str) -> None:
    order = ordered(name, X)
    assert sorted(order) == list(range(N))
    assert (ordered(name, X) == order).all()


@pytest.mark.parametrize("name", NAMES)
def test_an_order_does_not_depend_on_the_order_of_the_file(name: str) -> None:
    shuffle = np.random.default_rng(5).permutation(N)
    np.testing.assert_array_equal(X[shuffle][ordered(name, X[shuffle])], X[ordered(name, X)])


@pytest.mark.parametrize("name", ["density", "leverage"])
@pytest.mark.parametrize("power", [-100, 80])
def test_the_unit_of_the_rows_does_not_matter(name: str, power: int) -> None:
    places = (np.argsort(ordered(name, rows)) for rows in (X, X.astype(float) * 2.0**power))
    assert spearmanr(*places).statistic > 0.9999


@pytest.mark.parametrize("name", NAMES)
def test_bad_rows_are_left_out(name: str) -> None:
    rows = np.vstack([X[:100], np.full((1, D), np.nan, np.float32), X[100:]])
    order = ordered(name, rows)
    assert 100 not in order
    np.testing.assert_array_equal(rows[order], X[ordered(name, X)])


@pytest.mark.parametrize("name", NAMES)
def test_copies_have_one_place_or_come_last(name: str) -> None:
    rows = np.vstack([X, X[:40], X[:10]])
    order = ordered(name, rows)
    assert sorted(order) == list(range(N + 50))
    different = np.unique(rows[order[:N]], axis=0)
    if name in AT_ONCE:
        assert len(different) == N
    elif name != "random":
        first = np.flatnonzero(np.isin(order, (0, N, N + 40)))
        assert first[2] - first[0] == 2


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n", [4, 7, 20])
def test_a_few_rows_are_enough(name: str, n: int) -> None:
    assert sorted(ordered(name, X[:n])) == list(range(n))


def test_normalised_rows_have_length_one() -> None:
    pool = Pool.of(data_of(X), normalize="l2")
    np.testing.assert_allclose(np.linalg.norm(pool.rows, axis=1), 1, rtol=1e-6)


def test_random_rows_are_uniform_and_change_with_the_seed() -> None:
    places = np.array([np.argsort(ordered("random", X, seed=seed)) for seed in range(60)])
    mean = places.mean(axis=0)  # of uniform places, with a standard error of N / sqrt(12 * 60)
    assert abs(mean - (N - 1) / 2).max() < 4.5 * N / np.sqrt(12 * 60)
    assert len({tuple(row) for row in places}) == 60


def test_random_copies_are_drawn_one_by_one() -> None:
    rows = np.vstack([X, np.repeat(X[:1], 400, axis=0)])
    kept = ordered("random", rows)[: len(rows) // 2]
    copies = np.isin(kept, [0, *range(N, N + 400)]).sum()
    assert abs(copies - 200) < 50


def test_prototypes_are_near_to_their_centroid_and_outliers_far_from_it() -> None:
    pool = pool_of(X)
    found = pool.clusters
    for label in np.unique(found.labels):
        members = pool.rows[found.labels == label].astype(float)
        np.testing.assert_allclose(
            found.distances[found.labels == label], np.linalg.norm(members - members.mean(axis=0), axis=1), atol=0.02
        )
    assert len(np.unique(found.labels)) == round(N**0.5)
    near, far = (METHODS[name].scores(pool) for name in ("prototypes", "outliers"))
    np.testing.assert_array_equal(near, -far)
    assert (np.diff(found.distances[pool.which][np.argsort(-far)]) <= 0).all()


def test_a_halo_around_groups_is_kept_by_outliers_and_dropped_by_prototypes() -> None:
    rng = np.random.default_rng(3)
    centres = 10 * rng.standard_normal((N, D))[rng.integers(0, 8, N)]
    width = np.where(np.arange(N) < 60, 1.0, 0.1)[:, None]  # the first rows are the halo
    rows = (centres + width * rng.standard_normal((N, D))).astype(np.float32)
    far, near = (ordered(name, rows)[:60] < 60 for name in ("outliers", "prototypes"))
    assert far.mean() > 0.6
    assert near.mean() < 0.2


def test_semantic_duplicates_are_dropped_first() -> None:
    rng = np.random.default_rng(4)
    twins = X[:30] * (1 + 1e-4 * rng.standard_normal((30, D)))
    order = ordered("semdedup", np.vstack([X, twins.astype(np.float32)]))
    dropped = order[-30:]
    pairs = set(range(30)) | set(range(N, N + 30))
    assert np.isin(dropped, list(pairs)).mean() > 0.9
    assert len({row % N for row in dropped}) > 27  # one of each pair


def test_the_similarity_is_the_largest_cosine_to_an_earlier_row_of_the_cluster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(semantic, "BLOCK", 16)
    clusters = clusters_of(X, np.ones(N, np.int64), seed=0)
    keys = np.arange(N, dtype=np.uint64)
    found = earlier_similarity(X, clusters, keys)
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    for row in range(N):
        earlier = (clusters.labels == clusters.labels[row]) & (clusters.distances > clusters.distances[row])
        expected = (unit[earlier] @ unit[row]).max(initial=-1.0)
        assert found[row] == pytest.approx(expected, abs=1e-5)


def test_a_row_of_norm_zero_is_similar_to_none() -> None:
    rows = np.vstack([np.zeros((1, D), np.float32), X[:9]])
    one = Clusters(labels=np.zeros(10, np.int64), distances=np.arange(10.0))
    assert earlier_similarity(rows, one, np.arange(10, dtype=np.uint64))[0] == 0


@pytest.mark.parametrize("k", [1, 10, 1000])
def test_density_is_the_distance_to_the_kth_neighbour(k: int) -> None:
    expected = np.sort(cdist(X, X), axis=1)[:, min(k, N - 1)]
    np.testing.assert_allclose(neighbour_distances(X, k), expected, rtol=1e-4)
    if k == 10:
        kept = ordered("density", X)
        np.testing.assert_array_equal(kept[:50], np.argsort(-expected)[:50])


def test_leverage_is_the_diagonal_of_the_ridge_projection() -> None:
    matrix = np.exp(-cdist(X, X) / median_distance(X.astype(float)))
    values = np.linalg.eigvalsh(matrix)
    ridge = brentq(lambda delta: (values / (values + delta)).sum() - N / 8, 1e-6, N)
    exact = np.diag(matrix @ np.linalg.inv(matrix + ridge * np.eye(N)))
    pool = pool_of(X)
    found = METHODS["leverage"].scores(pool)
    assert spearmanr(found, exact).statistic > 0.95
    assert found.sum() == pytest.approx(N / 8, rel=0.15)


def test_herding_follows_the_mean() -> None:
    pool = pool_of(X)
    unit = pool.rows / np.linalg.norm(pool.rows, axis=1, keepdims=True)
    mean, w, left, taken = unit.mean(axis=0), unit.mean(axis=0), list(range(N)), []
    for _ in range(40):
        best = max(left, key=lambda row: float(unit[row] @ w))
        left.remove(best)
        taken.append(best)
        w = w + mean - unit[best]
    np.testing.assert_array_equal(coverage.herded(pool.rows, pool.copies)[:40], taken)
    errors = [
        np.linalg.norm(unit[rows].mean(axis=0) - mean)
        for rows in (taken, np.random.default_rng(0).permutation(N)[:40])
    ]
    assert errors[0] < errors[1] / 3


def test_k_center_always_takes_the_farthest_row() -> None:
    pool = pool_of(X)
    order = coverage.centred_out(pool.rows, pool.copies)
    distances = cdist(pool.rows, pool.rows)
    assert order[0] == np.linalg.norm(pool.rows - pool.rows.mean(axis=0), axis=1).argmin()
    for step in range(1, 60):
        nearest = distances[:, order[:step]].min(axis=1)
        assert nearest[order[step]] == pytest.approx(nearest.max(), rel=1e-4)


@pytest.mark.parametrize("name", ["herding", "k-center"])
def test_many_rows_are_covered_block_by_block(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage, "BLOCK", 100)
    order = ordered(name, X)
    assert sorted(order) == list(range(N))
    pool = pool_of(X)
    block = np.empty(N, np.int64)
    block[pool.numbers[np.argsort(pool.which)]] = np.arange(N) % 3
    shares = np.bincount(block[order[:60]])
    assert shares.max() - shares.min() <= 1


def test_given_scores_keep_the_highest_whatever_their_sign() -> None:
    np.testing.assert_array_equal(ordered("scores", X - 10), np.argsort(-X[:, 0], kind="stable"))
    with pytest.raises(ConfigError, match="needs scores"):
        kept_first("scores", Pool.of(data_of(X)))


@pytest.mark.parametrize("cap", [1.5, 2, 7.25])
def test_bounded_weights_have_mean_one_a_bound_and_the_order(cap: float) -> None:
    order = np.random.default_rng(0).permutation(N)
    weights = bounded_weights(order, cap, N + 3)
    assert weights[order].mean() == pytest.approx(1, abs=1e-9)
    assert (weights[N:] == 0).all()
    assert weights.max() <= cap
    assert weights.min() >= 0
    assert (np.diff(weights[order]) <= 1e-12).all()
    assert weights[order[0]] == pytest.approx(cap, rel=cap / N)


@pytest.mark.parametrize("cap", [1.0, 0.5, N, np.nan])
def test_a_cap_that_bounds_nothing_is_refused(cap: float) -> None:
    with pytest.raises(ConfigError, match="cap: expected a number above 1"):
        bounded_weights(np.arange(N), cap, N)


def test_halves_are_disjoint_hold_copies_together_and_do_not_depend_on_the_order() -> None:
    rows = np.vstack([X, X])
    one, other = halves(data_of(rows), seed=0)
    assert (one.times + other.times == 1).all()
    np.testing.assert_array_equal(one.times[:N], one.times[N:])
    assert abs(int(one.times[:N].sum()) - N / 2) < 40
    turned, _ = halves(data_of(rows[::-1].copy()), seed=0)
    np.testing.assert_array_equal(turned.times[::-1], one.times)
