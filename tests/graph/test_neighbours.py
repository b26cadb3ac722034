from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from specaudit.embeddings import open_embeddings
from specaudit.errors import InputError
from specaudit.graph import Neighbours, nearest_neighbours
from specaudit.scan import scan

ROWS = 400
TWINS = 60
QUERIES = 100


def rows_of(seed: int = 0, n: int = ROWS, d: int = 24) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d))


def unit(values: np.ndarray) -> np.ndarray:
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def neighbours(values: np.ndarray, *, max_rows: int = 16_384, **options: object) -> Neighbours:
    embeddings = open_embeddings(values)
    normalize = options.get("normalize", "none")
    found = scan(embeddings, max_rows=max_rows, normalize=normalize, drop_bad_rows=True)  # type: ignore[arg-type]
    sample = embeddings.take(found.sample.rows)
    return nearest_neighbours(embeddings, found, sample=sample, **options)  # type: ignore[arg-type]


def brute_force(values: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    """Return the distances (q, k) to the nearest different rows, each counted once."""
    double = values.astype(np.float64)
    unique = np.unique(double[np.isfinite(double).all(axis=1)], axis=0)
    return np.stack([distances_from(double[query], unique)[:k] for query in queries])


def distances_from(row: np.ndarray, unique: np.ndarray) -> np.ndarray:
    others = unique[(unique != row).any(axis=1)]
    return np.sort(np.linalg.norm(others - row, axis=1))


def with_near_duplicates(offset: float, gap: float) -> np.ndarray:
    """Return 340 unit rows and for 60 of them another one at distance ``gap``, all moved by ``offset``."""
    rows = unit(rows_of(n=ROWS - TWINS))
    step = unit(rows_of(1, n=TWINS))
    return np.vstack([rows, rows[:TWINS] + gap * step]) + offset


@pytest.fixture(params=["sample", "blocks"])
def max_rows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Search within the sample, or all rows in blocks of about 64 rows."""
    if request.param == "sample":
        return 16_384
    monkeypatch.setattr("specaudit.graph.search.BLOCK", 64 * 24 * 8)
    return QUERIES


rounded = pytest.mark.usefixtures("rounding")


@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_neighbours_equal_brute_force(max_rows: int, k: int, dtype: str) -> None:
    values = rows_of().astype(dtype)
    found = neighbours(values, max_rows=max_rows, k=k)
    assert found.distances.shape == found.rows.shape == (ROWS, k)
    np.testing.assert_allclose(found.distances, brute_force(values, found.queries, k), rtol=1e-14)
    double = values.astype(np.float64)
    recomputed = np.linalg.norm(double[found.rows] - double[found.queries][:, None], axis=2)
    np.testing.assert_allclose(found.distances, recomputed, rtol=1e-14)
    assert (found.index, found.recall, found.candidates) == ("exact", 1.0, ROWS)


@rounded
@pytest.mark.parametrize("offset", [0.0, 1000.0])
@pytest.mark.parametrize("gap", [1e-3, 1e-6])
def test_near_duplicates_are_found_at_their_distance(max_rows: int, offset: float, gap: float) -> None:
    values = with_near_duplicates(offset, gap)
    found = neighbours(values, max_rows=max_rows)
    np.testing.assert_allclose(found.distances, brute_force(values, found.queries, 2), rtol=1e-12)
    close = (found.queries < TWINS) | (found.queries >= ROWS - TWINS)
    rounding = 1000 * np.finfo(np.float64).eps * 4
    np.testing.assert_allclose(found.nearest[close], gap, rtol=1e-6, atol=rounding)
    assert np.array_equal(found.rows[close, 0] % (ROWS - TWINS), found.queries[close] % (ROWS - TWINS))
    assert found.near_duplicate_fraction(2 * gap).value == np.mean(close)


@rounded
def test_more_near_duplicates_than_candidates_are_ordered_in_float64(max_rows: int) -> None:
    """Clusters of 40 rows within 1e-5: float32 cannot tell their distances apart."""
    values = np.repeat(unit(rows_of(n=10)), 40, axis=0) + 1e-5 * rows_of(1)
    found = neighbours(values, max_rows=max_rows, k=3)
    np.testing.assert_allclose(found.distances, brute_force(values, found.queries, 3), rtol=1e-9)


@rounded
def test_more_near_duplicates_than_float64_products_tell_apart_are_ordered_by_subtraction(max_rows: int) -> None:
    """Clusters of 40 rows within 1e-10: squared distances of 1e-20 are lost beside squared norms of 1."""
    values = np.repeat(unit(rows_of(n=10)), 40, axis=0) + 1e-10 * rows_of(1)
    found = neighbours(values, max_rows=max_rows, k=3)
    np.testing.assert_allclose(found.distances, brute_force(values, found.queries, 3), rtol=1e-9)


@rounded
def test_points_on_a_line_are_exact(max_rows: int) -> None:
    """Neighbours are 1e-8 of the norm away in squared distance, below what float32 resolves."""
    values = np.zeros((ROWS, 24))
    values[:, 3] = np.random.default_rng(0).permutation(ROWS) ** 1.5
    found = neighbours(values, max_rows=max_rows)
    np.testing.assert_allclose(found.distances, brute_force(values, found.queries, 2), rtol=1e-12)


def test_a_huge_row_does_not_blind_the_others(max_rows: int) -> None:
    values = rows_of()
    values[17] = 1e30
    values[18] = 1e150
    found = neighbours(values, max_rows=max_rows)
    np.testing.assert_allclose(found.distances, brute_force(values, found.queries, 2), rtol=1e-12)


@rounded
@pytest.mark.parametrize("size", [1e20, 1e30, 1e150])
def test_huge_rows_find_each_other(max_rows: int, size: float) -> None:
    """Their squares are beyond float32; the last block of those of 64 rows holds nothing else."""
    values = rows_of(n=388)
    values[384:] = size * rows_of(1, n=4)
    values[:40] = size * (1 + 1e-5 * rows_of(2, n=40))
    found = neighbours(values, max_rows=max_rows)
    np.testing.assert_allclose(found.distances, brute_force(values, found.queries, 2), rtol=1e-9)


@rounded
def test_rows_too_close_to_the_centre_for_float32_are_exact(max_rows: int) -> None:
    """Their squares, 1e-44, are below what float32 holds in full."""
    values = np.vstack([rows_of(n=ROWS // 2), np.zeros((ROWS // 2, 24))])
    values[ROWS // 2 :, 0] = 1e-22 * np.random.default_rng(1).permutation(ROWS // 2)
    found = neighbours(values, max_rows=max_rows)
    np.testing.assert_allclose(found.distances, brute_force(values, found.queries, 2), rtol=1e-9)


def test_copies_of_a_row_are_not_its_neighbours(max_rows: int) -> None:
    values = rows_of()
    values = np.vstack([values, np.repeat(values[:1], 50, axis=0), values[100:150]])
    found = neighbours(values, max_rows=max_rows)
    assert found.candidates == ROWS
    assert found.nearest_min > 0
    np.testing.assert_allclose(found.distances, brute_force(values, found.queries, 2), rtol=1e-14)
    assert len(np.unique(values[found.queries], axis=0)) == len(found.queries)
    assert np.all((values[found.rows[:, 0]] != values[found.rows[:, 1]]).any(axis=1))


def test_bad_rows_are_neither_queries_nor_neighbours(max_rows: int) -> None:
    values = rows_of()
    values[:200:2, 0] = np.nan
    found = neighbours(values, max_rows=max_rows)
    assert np.isfinite(values[found.rows]).all()
    np.testing.assert_allclose(found.distances, brute_force(values, found.queries, 2), rtol=1e-14)


def test_normalized_distances_are_between_directions(max_rows: int) -> None:
    values = rows_of() * np.geomspace(1e-3, 1e3, ROWS)[:, None]
    found = neighbours(values, max_rows=max_rows, normalize="l2")
    np.testing.assert_allclose(found.distances, brute_force(unit(values), found.queries, 2), rtol=1e-12)


@rounded
def test_blocks_and_sample_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    values = with_near_duplicates(0.0, 1e-6)
    whole = neighbours(values)
    monkeypatch.setattr("specaudit.graph.search.BLOCK", 37 * 24 * 8)
    part = neighbours(values, max_rows=QUERIES)
    order = np.argsort(whole.queries)
    assert np.array_equal(part.queries, whole.queries[order])
    assert np.array_equal(part.rows, whole.rows[order])
    assert np.array_equal(part.distances, whole.distances[order])


def test_threads_change_nothing_and_are_restored(max_rows: int) -> None:
    import faiss

    before = faiss.omp_get_max_threads()
    one, two = (neighbours(rows_of(), max_rows=max_rows, threads=threads) for threads in (1, 2))
    assert np.array_equal(one.rows, two.rows)
    assert np.array_equal(one.distances, two.distances)
    assert faiss.omp_get_max_threads() == before


def test_queries_keep_to_the_work_that_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    values = rows_of(n=1000)
    monkeypatch.setattr("specaudit.graph.index.CROSSING", 300 * 1000 * 24)
    assert len(neighbours(values, max_rows=500).queries) == 300
    assert len(neighbours(values, max_rows=500, max_queries=40).queries) == 40
    assert len(neighbours(values, max_rows=100).queries) == 100
    monkeypatch.setattr("specaudit.graph.index.CROSSING", 1)
    assert len(neighbours(values, max_rows=500).queries) == 256


def test_no_more_neighbours_than_different_rows() -> None:
    values = np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0]])
    found = neighbours(values, k=5)
    assert found.distances.tolist() == [[5.0], [5.0]]


def test_share_of_near_duplicates_has_the_error_of_a_sample_without_replacement() -> None:
    values = with_near_duplicates(0.0, 1e-6)
    whole = neighbours(values).near_duplicate_fraction(1e-3)
    assert (whole.value, whole.error) == (2 * TWINS / ROWS, 0.0)
    part = neighbours(values, max_queries=QUERIES).near_duplicate_fraction(1e-3)
    p = part.value
    assert part.error == pytest.approx(np.sqrt(p * (1 - p) / QUERIES * (ROWS - QUERIES) / (ROWS - 1)))
    assert abs(p - whole.value) < 4 * part.error


def test_quantiles_are_those_of_the_nearest_distance() -> None:
    found = neighbours(rows_of())
    expected = np.quantile(found.distances[:, 0], [0, 0.05, 0.5])
    assert (found.nearest_min, found.nearest_low, found.nearest_median) == pytest.approx(expected)


def test_another_sample_than_the_scans_is_refused() -> None:
    embeddings = open_embeddings(rows_of())
    with pytest.raises(InputError, match="expected"):
        nearest_neighbours(embeddings, scan(embeddings), sample=rows_of(n=7))


def test_progress_ends_at_one(max_rows: int) -> None:
    seen: list[tuple[str, float]] = []
    neighbours(rows_of(), max_rows=max_rows, progress=lambda stage, done: seen.append((stage, done)))
    assert seen[-1] == ("neighbours", 1.0)


def test_importing_the_module_does_not_import_faiss() -> None:
    code = "import sys, specaudit.graph; sys.exit('faiss' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
