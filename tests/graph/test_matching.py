from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from specaudit.embeddings import open_embeddings
from specaudit.errors import InputError
from specaudit.graph import NearestRows, nearest_rows, one_to_one

ROWS = 300
QUERIES = 90
WIDTH = 24

rounded = pytest.mark.usefixtures("rounding")


def rows_of(seed: int = 0, n: int = ROWS) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, WIDTH))


def unit(values: np.ndarray) -> np.ndarray:
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def every(values: np.ndarray) -> np.ndarray:
    return np.ones(len(values), np.bool_)


def nearest(
    queries: np.ndarray, values: np.ndarray, wanted: np.ndarray | None = None, **options: object
) -> NearestRows:
    wanted = every(values) if wanted is None else wanted
    return nearest_rows(queries, open_embeddings(values), wanted, **options)  # type: ignore[arg-type]


def match(queries: np.ndarray, values: np.ndarray, *, tolerance: float, **options: object) -> np.ndarray:
    return one_to_one(nearest(queries, values, **options), tolerance)  # type: ignore[arg-type]


def brute_force(
    queries: np.ndarray, values: np.ndarray, wanted: np.ndarray | None = None, normalize: str = "none"
) -> tuple[np.ndarray, np.ndarray]:
    """Return the first of the nearest wanted rows (q,) and its distance (q,), by subtraction from all rows."""
    queries, values = queries.astype(np.float64), values.astype(np.float64)
    if normalize == "l2":
        queries, values = unit(queries), unit(values)
    distances = np.stack([np.linalg.norm(values - query, axis=1) for query in queries])
    if wanted is not None:
        distances[:, ~wanted] = np.inf
    rows = distances.argmin(axis=1)
    return rows, distances[np.arange(len(queries)), rows]


def assert_equals_brute_force(
    found: NearestRows, queries: np.ndarray, values: np.ndarray, *rest: object, **options: object
) -> None:
    rows, distances = brute_force(queries, values, *rest, **options)  # type: ignore[arg-type]
    assert np.array_equal(found.rows, rows)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-14)


@pytest.fixture(params=["one block", "blocks"], autouse=True)
def _blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Search all rows at once, or in blocks of about 64 rows."""
    if request.param == "blocks":
        monkeypatch.setattr("specaudit.graph.search.BLOCK", 64 * WIDTH * 8)


@rounded
@pytest.mark.parametrize("normalize", ["none", "l2"])
@pytest.mark.parametrize("stored", ["float16", "float32", "float64"])
@pytest.mark.parametrize("asked", ["float16", "float64"])
def test_nearest_rows_equal_brute_force(asked: str, stored: str, normalize: str) -> None:
    queries, values = rows_of(1, QUERIES).astype(asked), rows_of().astype(stored)
    values *= np.geomspace(0.1, 10, ROWS, dtype=stored)[:, None]
    found = nearest(queries, values, normalize=normalize)
    assert found.rows.shape == found.distances.shape == (QUERIES,)
    assert_equals_brute_force(found, queries, values, normalize=normalize)


@rounded
@pytest.mark.parametrize("normalize", ["none", "l2"])
def test_far_from_the_origin_they_are_exact(normalize: str) -> None:
    queries, values = rows_of(1, QUERIES) + 1000, rows_of() + 1000
    found = nearest(queries, values, normalize=normalize)
    assert_equals_brute_force(found, queries, values, normalize=normalize)


@rounded
def test_queries_far_from_all_rows_are_exact() -> None:
    """Distances differ by less than float32 resolves beside the squared norms."""
    queries, values = 1e4 * unit(rows_of(1, QUERIES)), rows_of()
    assert_equals_brute_force(nearest(queries, values), queries, values)


@rounded
@pytest.mark.parametrize("gap", [1e-5, 1e-10])
def test_clusters_closer_than_products_resolve_are_exact(gap: float) -> None:
    """With 1e-5 products in float32 cannot tell 30 rows apart, with 1e-10 those in float64 cannot either."""
    values = np.repeat(unit(rows_of(n=10)), 30, axis=0) + gap * rows_of(1)
    queries = values[:QUERIES] + gap * rows_of(2, QUERIES)
    assert_equals_brute_force(nearest(queries, values), queries, values)
    assert np.array_equal(nearest(values, values).rows, np.arange(ROWS))


@rounded
@pytest.mark.parametrize("size", [1e-30, 1e20, 1e150])
def test_scales_of_queries_and_rows_may_differ(size: float) -> None:
    queries = np.vstack([rows_of(1, 30), size * rows_of(2, 30)])
    values = np.vstack([size * rows_of(2, 30) * (1 + 1e-6), rows_of(1), size * rows_of(3)])
    found = nearest(queries, values)
    np.testing.assert_allclose(found.distances, brute_force(queries, values)[1], rtol=1e-9)


@rounded
@pytest.mark.parametrize("rows", [6, 10])
def test_a_nearest_row_whose_square_overflows_is_found(rows: int) -> None:
    """Its square is just beyond float32, those of the query and of the other rows are not."""
    values = np.zeros((rows, WIDTH))
    values[:, 0] = 1.8e19 * np.append(1.03, 1 - 0.1 * np.arange(1, rows))
    queries = np.zeros((3, WIDTH))
    queries[0, 0] = 1.8e19
    assert_equals_brute_force(nearest(queries, values), queries, values)


@rounded
def test_distances_whose_squares_vanish_are_exact() -> None:
    """They lie between half and one and a half times the smallest number of float32, which they round to."""
    step = np.sqrt(float(np.finfo(np.float32).smallest_subnormal))
    radii = step * np.random.default_rng(0).permutation(np.linspace(0.75, 1.2, 2 * WIDTH))
    values = radii[:, None] * np.vstack([np.eye(WIDTH), -np.eye(WIDTH)])
    queries = np.zeros((1, WIDTH))
    assert_equals_brute_force(nearest(queries, values), queries, values)


@pytest.mark.parametrize("asked", [1, 2, 3])
@pytest.mark.parametrize("size", [1e-25, 1.0, 1e25])
def test_few_queries_are_exact(asked: int, size: float) -> None:
    queries, values = size * rows_of(1, asked), size * rows_of()
    assert_equals_brute_force(nearest(queries, values), queries, values)


@pytest.mark.parametrize("rows", [1, 2, 7, 8])
def test_few_rows_are_exact(rows: int) -> None:
    queries, values = rows_of(1, QUERIES), rows_of()
    wanted = np.arange(ROWS) < rows
    assert_equals_brute_force(nearest(queries, values, wanted), queries, values, wanted)


@rounded
@pytest.mark.parametrize("normalize", ["none", "l2"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_exact_copies_are_at_distance_zero(dtype: str, normalize: str) -> None:
    values = (rows_of() + 3).astype(dtype)
    queries = np.asfortranarray(values[::-1].astype(np.float64))
    found = nearest(queries, values, normalize=normalize)
    assert np.all(found.distances == 0)
    assert np.array_equal(found.rows, np.arange(ROWS)[::-1])


def test_the_first_of_equally_near_rows_is_taken() -> None:
    values = np.repeat(rows_of(n=5), 60, axis=0)
    assert nearest(values, values).rows.tolist() == np.repeat(np.arange(0, 300, 60), 60).tolist()


@pytest.mark.parametrize("share", [0.02, 0.5])
def test_only_wanted_rows_are_found(share: float) -> None:
    queries, values = rows_of(1, QUERIES), rows_of()
    wanted = np.random.default_rng(3).random(ROWS) < share
    found = nearest(queries, values, wanted)
    assert wanted[found.rows].all()
    assert_equals_brute_force(found, queries, values, wanted)


def test_unwanted_rows_may_be_bad() -> None:
    queries, values = rows_of(1, QUERIES), rows_of()
    wanted = np.arange(ROWS) % 3 > 0
    values[~wanted] = np.nan
    assert_equals_brute_force(nearest(queries, values, wanted), queries, np.nan_to_num(values), wanted)


def test_where_no_row_is_wanted_none_is_found() -> None:
    found = nearest(rows_of(1, QUERIES), rows_of(), np.zeros(ROWS, np.bool_))
    assert np.all(found.rows == -1)
    assert np.all(found.distances == np.inf)
    assert np.all(one_to_one(found, np.inf) == -1)


def test_no_queries_have_no_nearest_rows() -> None:
    found = nearest(rows_of(n=0), rows_of())
    assert found.rows.shape == found.distances.shape == (0,)
    assert (found.rows.dtype, found.distances.dtype) == (np.int64, np.float64)
    assert match(rows_of(n=0), rows_of(), tolerance=1.0).shape == (0,)


def test_rows_are_numbered_through_all_shards(tmp_path: Path) -> None:
    values, queries = rows_of().astype(np.float32), rows_of(1, QUERIES)
    for number, part in enumerate(np.split(values, [1, 70, 71, 250])):
        np.save(tmp_path / f"part-{number}.npy", part)
    wanted = np.random.default_rng(3).random(ROWS) < 0.7
    with open_embeddings(str(tmp_path / "part-*.npy")) as embeddings:
        assert len(embeddings.shards) == 5
        found = nearest_rows(queries, embeddings, wanted)
    assert_equals_brute_force(found, queries, values, wanted)


def test_arrays_are_read_only() -> None:
    found = nearest(rows_of(1, 3), rows_of())
    matched = match(rows_of(1, 3), rows_of(), tolerance=1.0)
    assert not any(array.flags.writeable for array in (found.rows, found.distances, matched))


@pytest.mark.parametrize("queries", [np.zeros((3, WIDTH + 1)), np.zeros(WIDTH), np.zeros((0, 1))])
def test_queries_of_other_dimensions_are_refused(queries: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"queries of shape .*, expected \(any, 24\)"):
        nearest(queries, rows_of())


def test_flags_of_another_data_set_are_refused() -> None:
    with pytest.raises(InputError, match=r"flags of shape \(7,\), expected \(300,\)"):
        nearest(rows_of(), rows_of(), np.ones(7, np.bool_))


@pytest.mark.parametrize(("value", "normalize"), [(np.nan, "none"), (np.inf, "none"), (1e200, "none"), (0.0, "l2")])
def test_queries_without_a_usable_norm_are_refused(value: float, normalize: str) -> None:
    queries = rows_of(1, QUERIES)
    queries[17] = value
    with pytest.raises(InputError, match=r"1 of 90 queries .*first: query 17"):
        nearest(queries, rows_of(), normalize=normalize)


def test_progress_grows_to_one() -> None:
    for queries in (rows_of(1, QUERIES), rows_of(n=0)):
        seen: list[float] = []
        nearest(queries, rows_of(), np.arange(ROWS) < 200, progress=seen.append)
        assert seen == sorted(seen)
        assert seen[-1] == 1.0


def test_threads_change_nothing_and_are_restored() -> None:
    import faiss

    before = faiss.omp_get_max_threads()
    one, two = (nearest(rows_of(1, QUERIES), rows_of(), threads=threads) for threads in (1, 2))
    assert np.array_equal(one.rows, two.rows)
    assert np.array_equal(one.distances, two.distances)
    assert faiss.omp_get_max_threads() == before


@pytest.mark.parametrize("normalize", ["none", "l2"])
def test_rows_stored_in_half_precision_match_their_originals(normalize: str) -> None:
    values = unit(rows_of())
    order = np.random.default_rng(3).permutation(ROWS)
    assert np.array_equal(match(values[order].astype(np.float16), values, tolerance=1e-3, normalize=normalize), order)
    stored = values[order].astype(np.float16)
    assert np.array_equal(order[match(values, stored, tolerance=1e-3, normalize=normalize)], np.arange(ROWS))


@rounded
def test_rows_with_jitter_match_their_originals_and_others_none() -> None:
    values = rows_of()
    order = np.random.default_rng(3).permutation(ROWS)[:QUERIES]
    queries = np.vstack([values[order] + 1e-6 * unit(rows_of(1, QUERIES)), rows_of(2, QUERIES)])
    expected = np.concatenate([order, np.full(QUERIES, -1)])
    assert np.array_equal(match(queries, values, tolerance=1.1e-6), expected)
    assert np.all(match(queries, values, tolerance=0.9e-6) == -1)


def test_tolerance_zero_matches_copies_alone() -> None:
    values = rows_of()
    queries = np.vstack([values[7:9], np.nextafter(values[9:11], np.inf)])
    assert match(queries, values, tolerance=0.0).tolist() == [7, 8, -1, -1]


def test_a_row_is_matched_with_the_nearest_of_its_queries_only() -> None:
    values = np.zeros((3, WIDTH))
    values[:, 0] = [0.0, 10.0, 11.0]
    queries = np.zeros((6, WIDTH))
    queries[:, 0] = [0.3, -0.1, 0.2, 10.25, 9.75, 10.4]
    # Those at 9.75 and 10.25 are equally near; the one at 10.4 has a second row in reach, but stays unmatched.
    assert match(queries, values, tolerance=1.0).tolist() == [-1, 0, -1, 1, -1, -1]


def test_of_equally_near_queries_the_first_is_matched() -> None:
    values = rows_of()
    queries = np.repeat(values[:5], 50, axis=0)
    queries[::3] += 1e-3
    assert np.flatnonzero(match(queries, values, tolerance=1.0) >= 0).tolist() == [1, 50, 100, 151, 200]


def test_matches_are_one_to_one() -> None:
    values, queries = rows_of(n=40), rows_of(1, ROWS)
    matched = match(queries, values, tolerance=np.inf)
    rows, distances = brute_force(queries, values)
    taken = matched[matched >= 0]
    assert len(np.unique(taken)) == len(taken)
    assert sorted(taken) == sorted(np.unique(rows))
    for row in taken:
        mine = rows == row
        assert distances[matched == row] == distances[mine].min()
