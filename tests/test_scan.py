from __future__ import annotations

import sys
from dataclasses import fields

import numpy as np
import pytest

from specaudit.embeddings import open_embeddings
from specaudit.errors import InputError
from specaudit.scan import Scan, scan


def rows_of(seed: int = 0, n: int = 500, d: int = 12, dtype: str = "float32") -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d)).astype(dtype)


def scanned(values: np.ndarray, *, ids: list[str] | None = None, **options: object) -> Scan:
    return scan(open_embeddings(values, ids=ids), **options)  # type: ignore[arg-type]


def content(values: np.ndarray, result: Scan) -> list[tuple[bytes, int]]:
    """Return what the sample holds, in its order: rows as numbers and their weights."""
    rows = values[result.sample.rows].astype(np.float64) + 0.0
    return [(row.tobytes(), int(weight)) for row, weight in zip(rows, result.sample.weights, strict=True)]


def dirty(dtype: str = "float64") -> np.ndarray:
    values = rows_of(n=400, dtype=dtype)
    values[[3, 7]] = np.nan
    values[11, 4] = np.inf
    values[[20, 21, 22]] = 0.0
    values[50:60] = values[49]
    values[70] = values[71]
    values[:, 5] = 0.25
    values[[3, 20, 21, 22], 5] = [np.nan, 0, 0, 0]
    return values


@pytest.mark.parametrize("normalize", ["none", "l2"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_counts_equal_brute_force_on_dirty_data(normalize: str, dtype: str) -> None:
    values = dirty(dtype)
    result = scanned(values, normalize=normalize, drop_bad_rows=True)

    finite = np.isfinite(values).all(axis=1)
    norms = np.linalg.norm(values.astype(np.float64), axis=1)
    usable = finite & ((norms > 0) | (normalize == "none"))
    good = values[usable].astype(np.float64)
    unique, copies = np.unique(good, axis=0, return_counts=True)
    assert np.array_equal(result.usable, usable)
    assert result.rows == 400
    assert result.dimensions == 12
    assert result.dtype == dtype
    assert (result.nonfinite_rows, result.overflow_rows, result.zero_rows) == (3, 0, 3)
    assert result.dropped_rows == 400 - len(good)
    assert result.unique_rows == len(unique)
    assert result.duplicate_fraction == 1 - len(unique) / len(good)
    values_, counts = np.unique(copies, return_counts=True)
    assert result.multiplicities.values.tolist() == values_.tolist()
    assert result.multiplicities.counts.tolist() == counts.tolist()
    assert result.constant_columns == ((5,) if normalize == "l2" else ())
    kept = norms[usable]
    assert (result.norm_min, result.norm_max) == pytest.approx((kept.min(), kept.max()), rel=1e-14)
    assert result.norm_mean == pytest.approx(kept.mean(), rel=1e-13)
    np.testing.assert_allclose(result.column_mean, good.mean(axis=0), rtol=1e-11, atol=1e-14)


def test_the_sample_holds_each_unique_row_once_with_its_multiplicity() -> None:
    values = dirty()
    result = scanned(values, drop_bad_rows=True)
    good = values[result.usable]
    unique, copies = np.unique(good, axis=0, return_counts=True)
    expected = {row.tobytes(): int(count) for row, count in zip(unique + 0.0, copies, strict=True)}
    assert dict(content(values, result)) == expected
    assert len(result.sample.rows) == len(expected)
    assert np.all(np.diff(result.sample.keys.astype(object)) > 0)


def test_a_smaller_sample_is_a_prefix_of_a_larger_one() -> None:
    values = rows_of()
    large, small = scanned(values, max_rows=200).sample, scanned(values, max_rows=50).sample
    for name in ("rows", "weights", "keys"):
        assert np.array_equal(getattr(large, name)[:50], getattr(small, name))
    assert len(large.rows) == 200


def test_a_subset_keeps_its_rows_of_the_sample() -> None:
    values = rows_of()
    whole, half = scanned(values, max_rows=100), scanned(values[:250], max_rows=500)
    of_half = {row for row, _ in content(values, half)}
    kept = [entry for entry in content(values, whole) if entry[0] in of_half]
    assert kept == content(values, half)[: len(kept)]


@pytest.mark.parametrize("seed", [0, 1])
def test_order_of_rows_changes_neither_digest_nor_sample(seed: int) -> None:
    values = dirty()
    shuffled = np.random.default_rng(seed).permutation(values)
    one, other = (scanned(v, max_rows=100, drop_bad_rows=True) for v in (values, shuffled))
    assert one.digest == other.digest
    assert content(values, one) == content(shuffled, other)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "int16", "int64", "float16"])
def test_how_the_same_numbers_are_stored_changes_nothing(dtype: str) -> None:
    values = np.random.default_rng(0).integers(-100, 100, (300, 9)).astype(np.float16)
    values[7, 0] = -0.0
    one, other = scanned(values, max_rows=80), scanned(values.astype(dtype), max_rows=80)
    assert one.digest == other.digest
    assert np.array_equal(one.hashes, other.hashes)
    assert np.array_equal(one.sample.rows, other.sample.rows)


def test_rows_that_need_float64_are_told_apart() -> None:
    values = np.ones((4, 3)) + np.arange(4)[:, None] * 2.0**-50
    assert scanned(values).unique_rows == 4
    assert scanned(np.vstack([values, values.astype(np.float32)])).unique_rows == 4


def test_negative_zero_equals_zero() -> None:
    result = scanned(np.array([[0.0, 1.0], [-0.0, 1.0], [0.0, 2.0]]))
    assert result.unique_rows == 2
    assert result.constant_columns == (0,)


def test_the_digest_sees_every_row_and_every_repetition() -> None:
    values = rows_of(n=50)
    changed = values.copy()
    changed[17, 3] = np.nextafter(changed[17, 3], np.float32(9))
    swapped = values.copy()
    swapped[:, [0, 1]] = swapped[:, [1, 0]]
    repeated = np.vstack([values, values[:1]])
    other_repeated = np.vstack([values, values[1:2]])
    cut = values[:-1]
    padded = np.hstack([values, np.zeros((50, 1), np.float32)])
    all_digests = [scanned(v).digest for v in (values, changed, swapped, repeated, other_repeated, cut, padded)]
    assert len(set(all_digests)) == len(all_digests)


def test_another_seed_draws_another_sample() -> None:
    values = rows_of()
    samples = [scanned(values, max_rows=100, seed=seed) for seed in (0, 1, 2**64 - 1)]
    assert len({tuple(s.sample.rows.tolist()) for s in samples}) == 3
    overlap = len(set(samples[0].sample.rows) & set(samples[1].sample.rows))
    assert 5 < overlap < 40  # hypergeometric: 20 expected, standard deviation 3.6
    assert len({s.digest for s in samples}) == 1


def test_doubled_data_have_the_same_sample_with_doubled_weights() -> None:
    values = rows_of()
    one, two = scanned(values, max_rows=64), scanned(np.vstack([values, values[::-1]]), max_rows=64)
    assert np.array_equal(one.sample.rows, two.sample.rows)
    assert np.array_equal(one.sample.keys, two.sample.keys)
    assert two.sample.weights.tolist() == [2] * 64
    assert two.duplicate_fraction == 0.5
    np.testing.assert_allclose(one.column_mean, two.column_mean, rtol=1e-12, atol=1e-15)


def test_the_sample_is_uniform_over_rows() -> None:
    """The mean row number of 2,000 rows out of 20,000 is off by less than 4 standard errors."""
    chosen = scanned(rows_of(n=20_000, d=4), max_rows=2_000).sample.rows
    error = 20_000 / np.sqrt(12 * 2_000) * np.sqrt(0.9)
    assert abs(chosen.mean() - 9_999.5) < 4 * error


def structured() -> dict[str, np.ndarray]:
    bits = (np.arange(1 << 16)[:, None] >> np.arange(16)) & 1
    one_bit = np.full((32 * 64, 64), 1.5, np.float32)
    one_bit.view(np.uint32)[np.arange(32 * 64), np.repeat(np.arange(64), 32)] ^= np.tile(
        np.uint32(1) << np.arange(32, dtype=np.uint32), 64
    )
    permuted = np.random.default_rng(0).permuted(np.tile(np.arange(24.0), (50_000, 1)), axis=1)
    small = np.indices((4,) * 8).reshape(8, -1).T
    return {
        "signs": (1 - 2 * bits).astype(np.float32),
        "one bit": one_bit[np.isfinite(one_bit).all(axis=1)],
        "permuted columns": permuted,
        "small integers": small.astype(np.int8),
    }


@pytest.mark.parametrize("name", structured())
def test_structured_rows_do_not_collide(name: str) -> None:
    values = structured()[name]
    result = scanned(values, drop_bad_rows=True)
    assert result.unique_rows == len(np.unique(values, axis=0))


def pieces(values: np.ndarray, cuts: list[int], **options: object) -> list[Scan]:
    return [scanned(part, **options) for part in np.split(values, cuts)]


def same(a: Scan, b: Scan) -> None:
    for name in (f.name for f in fields(Scan)):
        one, other = getattr(a, name), getattr(b, name)
        if name in ("sample", "multiplicities"):
            for part in fields(one):
                assert np.array_equal(getattr(one, part.name), getattr(other, part.name)), part.name
        elif name in ("norm_mean", "column_mean"):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-16)
        elif name in ("hashes", "contents", "usable"):
            assert np.array_equal(one, other), name
        elif name != "moments":
            assert one == other, name


@pytest.mark.parametrize("named", [False, True])
def test_merging_is_associative_and_equals_one_scan(named: bool) -> None:
    values = dirty()
    names = [f"row-{i}" for i in range(len(values))]
    cuts = [130, 131 + 22, 300]

    def part(low: int, high: int) -> Scan:
        ids = names[low:high] if named else None
        return scanned(values[low:high], ids=ids, max_rows=90, drop_bad_rows=True)

    a, b, c, d = (part(low, high) for low, high in zip([0, *cuts], [*cuts, 400], strict=True))
    whole = part(0, 400)
    same(a.merge(b).merge(c).merge(d), whole)
    same(a.merge(b.merge(c.merge(d))), whole)


def test_merging_in_another_order_changes_row_numbers_only() -> None:
    values = dirty()
    a, b, c = pieces(values, [150, 200], max_rows=90, drop_bad_rows=True)
    one, other = a.merge(b).merge(c), c.merge(a).merge(b)
    assert one.digest == other.digest
    assert one.constant_columns == other.constant_columns
    assert np.array_equal(one.sample.keys, other.sample.keys)
    assert content(values, one) == content(np.vstack([values[200:], values[:200]]), other)
    assert f"{one.norm_mean:.12g}" == f"{other.norm_mean:.12g}"


def test_columns_constant_in_each_shard_but_different_are_not_constant() -> None:
    values = rows_of(n=40)
    values[:, 2] = 1
    values[:20, 3], values[20:, 3] = 1, 2
    a, b = pieces(values, [20])
    assert a.constant_columns == b.constant_columns == (2, 3)
    assert a.merge(b).constant_columns == (2,)


def test_sums_survive_cancellation() -> None:
    values = np.array([[1e15], [1.0], [-1e15], [2.0]] * 50)
    parts = [scanned(values[i : i + 2]) for i in range(0, 200, 2)]
    merged = parts[0]
    for part in parts[1:]:
        merged = merged.merge(part)
    assert merged.column_mean[0] == pytest.approx(0.75, rel=1e-12)


@pytest.mark.parametrize(
    ("options", "named"),
    [({"seed": 1}, "seed"), ({"max_rows": 5}, "max_rows"), ({"normalize": "l2"}, "normalize")],
)
def test_scans_of_different_settings_do_not_merge(options: dict[str, object], named: str) -> None:
    values = rows_of(n=20)
    with pytest.raises(InputError, match=named):
        scanned(values).merge(scanned(values, **options))


def test_how_rows_are_split_does_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    values = dirty()
    one = scanned(values, drop_bad_rows=True)
    monkeypatch.setattr(sys.modules["specaudit.scan"], "CACHED", 12 * 7)  # whose name the verb has
    same(one, scanned(values, drop_bad_rows=True))


def test_ids_key_the_sample_and_content_counts_the_copies() -> None:
    values = rows_of(n=100)
    values[90:] = values[:10]
    ids = [f"id-{i}" for i in range(100)]
    named, plain = scanned(values, ids=ids, max_rows=30), scanned(values, max_rows=30)
    assert named.digest == plain.digest
    assert named.unique_rows == plain.unique_rows == 90
    assert not np.array_equal(named.sample.keys, plain.sample.keys)
    assert len(np.unique(values[named.sample.rows], axis=0)) == 30
    copied = {i % 90 for i in range(90, 100)}
    assert [w == 2 for w in named.sample.weights] == [row % 90 in copied for row in named.sample.rows]


def test_new_content_under_the_same_ids_draws_the_same_ids() -> None:
    ids = [f"id-{i}" for i in range(100)]
    one = scanned(rows_of(0, n=100), ids=ids, max_rows=30)
    other = scanned(rows_of(1, n=100), ids=ids, max_rows=30)
    assert np.array_equal(one.sample.rows, other.sample.rows)
    assert np.array_equal(one.hashes, other.hashes)
    assert one.digest != other.digest


@pytest.mark.parametrize("order", ["as it is", "reversed"])
def test_with_ids_the_key_of_a_row_is_the_smallest_of_its_copies(order: str) -> None:
    values = np.repeat(rows_of(n=30), 3, axis=0)
    ids = [f"id-{i}" for i in range(90)]
    distinct = scanned(rows_of(n=90), ids=ids)
    key = dict(zip(distinct.sample.rows.tolist(), distinct.sample.keys.tolist(), strict=True))
    if order == "reversed":
        result = scanned(values[::-1].copy(), ids=ids[::-1])
        rows = 89 - result.sample.rows
    else:
        result = scanned(values, ids=ids)
        rows = result.sample.rows
    for row, got in zip(rows.tolist(), result.sample.keys.tolist(), strict=True):
        copies = range(row // 3 * 3, row // 3 * 3 + 3)
        assert got == key[row] == min(key[copy] for copy in copies)


def test_bad_rows_stop_with_counts_place_and_next_step() -> None:
    values = dirty()
    values[30] = 1e200
    with pytest.raises(InputError) as caught:
        scanned(values, normalize="l2")
    message = str(caught.value)
    assert "7 of 400 rows" in message
    assert "3 with NaN or infinite values (first: array row 3)" in message
    assert "1 with a squared norm beyond float64 (first: array row 30)" in message
    assert "3 with zero norm (first: array row 20)" in message
    assert "--drop-bad-rows" in message


def test_bad_rows_carry_their_id() -> None:
    values = rows_of(n=3)
    values[1, 1] = np.nan
    with pytest.raises(InputError, match=r"row 1 \(id 'b'\)"):
        scanned(values, ids=["a", "b", "c"])


def test_zero_rows_are_usable_without_normalization() -> None:
    values = rows_of(n=10)
    values[4] = 0
    result = scanned(values)
    assert (result.zero_rows, result.dropped_rows, result.norm_min) == (1, 0, 0.0)


def test_norms_of_large_float32_values_do_not_overflow() -> None:
    values = rows_of(n=10) * np.float32(1e30)
    result = scanned(values)
    assert result.overflow_rows == 0
    assert result.norm_max == pytest.approx(np.linalg.norm(values.astype(np.float64), axis=1).max())


@pytest.mark.parametrize(("value", "dtype"), [(2**53 + 1, "int64"), (-(2**53) - 1, "int64"), (2**63, "uint64")])
def test_integers_beyond_float64_are_refused_with_their_place(value: int, dtype: str) -> None:
    values = np.arange(12).reshape(4, 3).astype(dtype)
    values[2, 1] = value
    with pytest.raises(InputError, match=r"array row 2 column 1: the integer -?9"):
        scanned(values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.ones((5, 2)), "all 5 usable rows are identical"),
        (np.full((5, 2), np.nan), "0 usable rows"),
        (np.array([[np.nan], [1.0]]), "1 usable rows"),
    ],
)
def test_fewer_than_two_different_rows_are_refused(values: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        scanned(values, drop_bad_rows=True)


def test_progress_ends_at_one_and_arrays_are_read_only() -> None:
    seen: list[tuple[str, float]] = []
    result = scanned(rows_of(), progress=lambda stage, fraction: seen.append((stage, fraction)))
    assert seen[-1] == ("scan", 1.0)
    arrays = [
        result.hashes,
        result.usable,
        result.column_mean,
        result.sample.rows,
        result.multiplicities.values,
    ]
    assert not any(array.flags.writeable for array in arrays)
