from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from specaudit import relation
from specaudit.dataset import DataSet
from specaudit.embeddings import open_embeddings
from specaudit.errors import InputError
from specaudit.graph import NearestRows
from specaudit.hashing import row_keys
from specaudit.relation import (
    Relation,
    check_expectation,
    find_relation,
    kind_of,
    match_by_distance,
    match_by_ids,
    overlap,
    relate,
)
from specaudit.removal import removed_rows
from specaudit.sampling import Samples, read_samples
from specaudit.scan import scan


def rows_of(n: int, d: int = 12, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d))


def data_of(rows: np.ndarray, ids: Sequence[str] | None = None) -> DataSet:
    embeddings = open_embeddings(rows, ids=ids)
    return DataSet.of(embeddings, scan(embeddings, drop_bad_rows=True))


def find(before: DataSet, after: DataSet, tolerance: float = 1e-3) -> tuple[DataSet, Relation]:
    return find_relation(before, after, tolerance, normalize="none", threads=1)


def related(before: np.ndarray, after: np.ndarray, tolerance: float = 1e-3) -> Relation:
    return find(data_of(before), data_of(after), tolerance)[1]


X = rows_of(60)
OTHER = rows_of(60, seed=1)


@pytest.mark.parametrize(
    ("after", "kind"),
    [
        (X[::-1], "identical"),
        (np.vstack([X, X]), "identical"),
        (X.astype(np.float32).astype(np.float64), "identical"),
        (np.vstack([X, X[:3]]), "reweighted"),
        (X[:30], "prune"),
        (np.vstack([X[:30], X[:5]]), "prune"),
        (np.vstack([X, OTHER[:5]]), "augment"),
        (np.vstack([X[:50], OTHER[:10]]), "replace"),
        (np.vstack([X[:20], OTHER[:40]]), "fresh"),
        (OTHER, "fresh"),
    ],
    ids=["same", "twice", "rounded", "few twice", "part", "part, few twice", "more", "most", "few", "none"],
)
def test_the_rows_tell_what_was_done(after: np.ndarray, kind: str) -> None:
    assert related(X, after).kind == kind


def test_equal_proportions_are_identical_whatever_the_numbers() -> None:
    once = np.repeat(X, np.resize([1, 2, 5], 60), axis=0)
    assert related(once, np.vstack([once] * 3)).kind == "identical"
    assert related(np.vstack([once] * 3), once).kind == "identical"
    assert related(once, X).kind == "reweighted"


@pytest.mark.parametrize("seed", range(12))
def test_counts_are_those_of_sets_and_multisets(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pool = np.vstack([X, OTHER])
    chosen = [rng.integers(0, high, rng.integers(10, 90)) for high in (60, 90 if seed % 3 else 60)]
    before, after = (Counter(rows.tolist()) for rows in chosen)
    found = related(*(pool[rows] for rows in chosen))
    assert found.shared == len(before.keys() & after.keys())
    assert found.removed == len(before.keys() - after.keys())
    assert found.added == len(after.keys() - before.keys())
    assert found.subset == (after <= before)
    assert len(found.gone) == found.removed
    assert (found.near, found.tolerance, found.matched_by) == (0, None, "content")


def test_gone_are_the_removed_rows() -> None:
    before, after = data_of(np.vstack([X, X[:7]])), data_of(X[20:])
    gone = relate(before, after, near=0, tolerance=None, matched_by="content").gone
    assert sorted(before.places[gone]) == list(range(20))


@pytest.mark.parametrize(
    ("shared", "removed", "added", "kind"),
    [
        (10, 0, 0, "identical"),
        (10, 5, 0, "prune"),
        (10, 0, 5, "augment"),
        (10, 10, 10, "replace"),
        (10, 11, 11, "fresh"),
        (10, 10, 10**6, "replace"),
        (0, 10, 10, "fresh"),
    ],
)
def test_half_of_the_smaller_side_must_be_shared(shared: int, removed: int, added: int, kind: str) -> None:
    assert kind_of(shared, removed, added, proportional=True) == kind


def test_negative_zero_and_stored_type_make_no_difference() -> None:
    rows = np.round(X * 8) / 8
    after = np.where(rows == 0, -0.0, rows).astype(np.float16)
    assert related(rows, after).kind == "identical"


COPIES = {
    "rounded to float16": lambda rows: rows.astype(np.float16),
    "normalised again": lambda rows: rows / np.linalg.norm(rows.astype(np.float32), axis=1, keepdims=True),
    "jittered": lambda rows: rows * (1 + 1e-6 * np.random.default_rng(4).standard_normal((len(rows), 1))),
}


@pytest.mark.parametrize("change", COPIES)
def test_rows_written_with_less_care_are_still_the_same(change: str) -> None:
    unit = rows_of(300)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    kept = np.random.default_rng(2).permutation(300)[:120]
    # The copies of a row are rounded alike; what is jittered differs from copy to copy, so those have none.
    repeated = kept if change == "jittered" else np.concatenate([kept, kept[:30]])
    before, after = np.vstack([unit, unit[:50]]), COPIES[change](unit[repeated])
    matched, found = find(data_of(before), data_of(after))
    assert (found.kind, found.shared, found.removed, found.added) == ("prune", 120, 180, 0)
    exact = {tuple(row) for row in unit} & {tuple(row) for row in after.astype(np.float64)}
    assert found.near == 120 - len(exact)
    assert found.near > 20
    assert found.tolerance == 1e-3
    old = data_of(before)
    np.testing.assert_array_equal(np.sort(matched.unique_labels), np.sort(old.labels[np.sort(kept)]))
    # Each row is matched to the row it was made of, and its contents stay its own.
    np.testing.assert_array_equal(matched.labels, old.labels[repeated])
    np.testing.assert_array_equal(matched.contents, data_of(after).contents)


def test_a_further_row_near_one_of_before_is_a_copy_of_it() -> None:
    new = related(X[1:], np.vstack([X[:10], X[:1] + 1e-5, X[:1] + 2e-5]))
    assert (new.near, new.shared, new.added) == (0, 9, 3), "rows of AFTER alone are not merged"
    matched, one = find(data_of(X), data_of(np.vstack([X[1:], X[:1] + 2e-5, X[:1] + 1e-5])))
    assert (one.kind, one.near, one.shared, one.added) == ("reweighted", 1, 60, 0)
    assert sorted(matched.copies) == [1] * 59 + [2]


@pytest.mark.parametrize("times", [2, 7, 20])
def test_copies_that_before_lacks_are_copies_with_jitter_too(times: int) -> None:
    repeated = np.repeat(X, times, axis=0)
    jittered = repeated + 1e-6 * rows_of(len(repeated), seed=8)
    matched, found = find(data_of(X), data_of(np.random.default_rng(0).permutation(jittered)))
    assert (found.kind, found.shared, found.near, found.added) == ("identical", 60, 60, 0)
    assert (matched.copies == times).all()
    kept = find(data_of(X), data_of(jittered[: 20 * times + 1]))[1]
    assert (kept.kind, kept.shared, kept.removed, kept.added) == ("prune", 21, 39, 0)


def test_rows_of_after_within_the_tolerance_have_a_row_each_where_before_has() -> None:
    """Two rows of BEFORE near one another, jittered: neither becomes a copy of the other."""
    before = np.vstack([X, X[:20] + 2e-4 / 12**0.5])
    jittered = before + 1e-6 * rows_of(80, seed=8)
    for order in (np.arange(80), np.arange(80)[::-1]):
        data = data_of(before)
        matched, found = find(data, data_of(jittered[order]))
        assert (found.kind, found.shared, found.near) == ("identical", 80, 80)
        np.testing.assert_array_equal(matched.labels, data.labels[order])


def test_copies_embedded_again_with_noise_of_their_own_are_copies_still() -> None:
    before = np.vstack([X, X[:20], X[:5]])
    noise = 1e-6 * rows_of(len(before), seed=8)
    after = np.random.default_rng(0).permutation(before + noise)
    matched, found = find(data_of(before), data_of(after))
    assert (found.kind, found.shared, found.near, found.added) == ("identical", 60, 60, 0)
    np.testing.assert_array_equal(matched.copies, data_of(before).copies)
    more = related(before, np.vstack([after, after[:30] + 1e-7]))
    assert (more.kind, more.shared, more.added) == ("reweighted", 60, 0)


def test_rows_near_one_another_are_matched_all_the_same() -> None:
    """Texts that were repeated, embedded twice: the nearest row may be taken, and another copy of it is free."""
    clusters = np.repeat(X[:12], 10, axis=0)
    before, after = (clusters + 1e-6 * rows_of(120, seed=seed) for seed in (1, 2))
    found = related(np.vstack([before, X[12:]]), after)
    assert (found.kind, found.shared, found.added) == ("prune", 120, 0)


def test_rows_with_equal_content_in_both_are_not_taken_by_near_ones() -> None:
    matched, found = find(data_of(X), data_of(np.vstack([X, X[:5] + 1e-6])))
    assert (found.kind, found.shared, found.near, found.added) == ("reweighted", 60, 5, 0)
    assert sorted(matched.copies) == [1] * 55 + [2] * 5


def test_rows_further_than_the_tolerance_are_new() -> None:
    shift = np.zeros(12)
    shift[0] = 1e-3
    assert related(X, X + 0.99 * shift).near == 60
    assert related(X, X + 1.01 * shift).near == 0


@pytest.mark.parametrize("batch", [7, 1 << 16])
def test_batches_do_not_show(batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relation, "BATCH", batch)
    monkeypatch.setattr(relation, "PILOT", 5)
    order = np.random.default_rng(0).permutation(60)
    before = data_of(X)
    matched, near = match_by_distance(
        before, data_of(X[order][:40].astype(np.float16)), 0.01, normalize="none", threads=1
    )
    assert near == 40
    np.testing.assert_array_equal(matched.labels, before.labels[order[:40]])


def test_a_pilot_without_a_match_ends_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    found = relation.nearest_rows

    def nearest_rows(queries: np.ndarray, *rest: Any, **options: Any) -> NearestRows:
        asked.append(len(queries))
        return found(queries, *rest, **options)

    monkeypatch.setattr(relation, "nearest_rows", nearest_rows)
    monkeypatch.setattr(relation, "PILOT", 10)
    assert related(X, OTHER).near == 0
    assert asked == [10]
    assert related(X, X + 1e-6).near == 60
    assert asked == [10, 10, 60]


def test_a_pilot_looks_all_over_the_rows() -> None:
    """Sorted data whose first rows are new ones: the pilot must not stop at them."""
    before = rows_of(3000, 4)
    after = np.vstack([rows_of(2000, 4, seed=5), before[:1000] + 1e-6])
    assert related(before, after).near == 1000


def names(prefix: str, rows: Sequence[int]) -> list[str]:
    return [f"{prefix}{row}" for row in rows]


def test_ids_match_rows_whose_numbers_changed_a_little() -> None:
    order = np.random.default_rng(0).permutation(60)[:40]
    before, after = data_of(X, names("r", range(60))), data_of(X[order] + 1e-5, names("r", order))
    matched, found = find(before, after)
    assert (found.matched_by, found.kind, found.shared, found.near) == ("ids", "prune", 40, 0)
    assert found.tolerance == 1e-3
    np.testing.assert_array_equal(matched.labels, before.labels[order])


def test_ids_that_are_new_are_new_rows_unless_their_content_is_known() -> None:
    after = data_of(np.vstack([X[:50], OTHER[:5], X[50:53]]), names("r", [*range(50), *range(90, 98)]))
    _, found = find(data_of(X, names("r", range(60))), after)
    assert (found.shared, found.added, found.removed) == (53, 5, 7)


def test_one_id_with_other_numbers_is_refused_with_both_places_and_the_distance() -> None:
    changed = X.copy()
    changed[10] += 1e-6
    changed[17, 0] += 0.25
    changed[40, 0] += 7
    with pytest.raises(InputError) as caught:
        match_by_ids(data_of(X, names("r", range(60))), data_of(changed, names("r", range(60))), 1e-3, "none")
    assert "row 17 (id 'r17')" in caught.value.problem
    assert "by 0.25" in caught.value.problem
    assert "model" in caught.value.next_step


def test_ids_of_one_side_alone_are_not_used() -> None:
    _, found = find(data_of(X, names("r", range(60))), data_of(X[:30]))
    assert (found.matched_by, found.kind, found.shared) == ("content", "prune", 30)


def test_distances_under_l2_are_between_directions() -> None:
    lengths = np.random.default_rng(0).uniform(0.5, 2, (60, 1))
    before, after = data_of(X), data_of(X * lengths)
    _, none = find_relation(before, after, 1e-6, normalize="none", threads=1)
    _, near = find_relation(before, after, 1e-6, normalize="l2", threads=1)
    assert (none.near, near.near) == (0, 60)


def expect(expected: str, before: np.ndarray, after: np.ndarray) -> None:
    one, (other, found) = data_of(before), find(data_of(before), data_of(after))
    check_expectation(found, expected, one, other)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("expected", "after"),
    [
        ("prune", X[:20]),
        ("prune", X),
        ("augment", np.vstack([X, OTHER])),
        ("augment", X),
        ("fresh", OTHER),
        ("any", OTHER),
        ("any", X),
    ],
)
def test_what_was_expected_is_accepted(expected: str, after: np.ndarray) -> None:
    expect(expected, X, after)


def test_rows_that_a_pruning_cannot_have_are_named() -> None:
    with pytest.raises(InputError, match=r"2 of AFTER's 32 different rows .* row 7\b") as caught:
        expect("prune", X, np.vstack([X[:7], OTHER[:2], X[7:30]]))
    assert "--expect augment" in caught.value.next_step


def test_rows_that_an_augmentation_cannot_lack_are_named() -> None:
    with pytest.raises(InputError, match=r"3 of BEFORE's 60 different rows .* row 20\b") as caught:
        expect("augment", X, np.vstack([X[:20], X[23:], OTHER]))
    assert "--expect prune" in caught.value.next_step


@pytest.mark.parametrize("sizes", [(0, 5), (5, 0), (40, 30), (1, 1)])
def test_overlap_is_the_place_of_each_label(sizes: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    before, after = (rng.permutation(60)[:size].astype(np.uint64) for size in sizes)
    where = {label: place for place, label in enumerate(before.tolist())}
    np.testing.assert_array_equal(overlap(before, after), [where.get(label, -1) for label in after.tolist()])


def test_digests_are_those_of_the_contents() -> None:
    rows = np.vstack([X, X[:9]])
    data = data_of(rows)
    assert data.digest == scan(open_embeddings(rows)).digest
    assert data.digest == data_of(rows[::-1]).digest
    assert data.digest != data_of(X).digest
    times = np.r_[np.ones(30), np.zeros(39)].astype(np.int64)
    assert data.selected(times).digest == data_of(X[:30]).digest
    assert data.selected(2 * times).digest == data_of(np.vstack([X[:30], X[:30]])).digest


def test_a_near_copy_keeps_its_own_digest() -> None:
    after = data_of(X.astype(np.float16))
    assert find(data_of(X), after, 0.01)[0].digest == after.digest != data_of(X).digest


def test_a_data_set_counts_its_rows() -> None:
    rows = np.vstack([X, X[:10], X[:10], np.full((2, 12), np.nan)])
    data = data_of(rows)
    assert (data.rows, len(data.copies), data.dropped) == (80, 60, 2)
    assert data.effective_rows == pytest.approx(80**2 / (50 + 10 * 9))
    first = dict(zip(data.places.tolist(), data.copies.tolist(), strict=True))
    assert first == {row: 3 if row < 10 else 1 for row in range(60)}
    assert data.selected((np.arange(82) >= 70).astype(np.int64)).rows == 10


def test_keys_order_the_rows_whatever_their_place() -> None:
    one, two = data_of(X), data_of(X[::-1])
    (keys, order), (again, other) = one.keyed(3), two.keyed(3)
    np.testing.assert_array_equal(keys, again)
    np.testing.assert_array_equal(keys, np.sort(row_keys(one.contents, 3)))
    np.testing.assert_array_equal(one.read(order, "none"), two.read(other, "none"))
    assert one.keyed(4)[1].tolist() != order.tolist()


def samples_of(before: DataSet, after: DataSet, max_rows: int) -> Samples:
    return Samples.of(before, after, seed=0, max_rows=max_rows)


def test_all_rows_are_compared_where_they_may_be() -> None:
    found = samples_of(data_of(X), data_of(np.vstack([X[:20], OTHER[:5]])), 60)
    assert (found.sizes, found.shared) == ((60, 25), 20)
    assert (found.design.size, found.design.drawn) == (25, "before")


@pytest.mark.parametrize(("kept", "max_rows"), [(900, 300), (400, 300), (200, 300), (999, 1000), (700, 999)])
def test_a_pruned_sample_is_contained_in_the_whole_one_s(kept: int, max_rows: int) -> None:
    rows = rows_of(1000, 3)
    before, after = data_of(rows), data_of(rows[np.random.default_rng(1).permutation(1000)[:kept]])
    found = samples_of(before, after, max_rows)
    assert found.sizes[0] <= max_rows
    assert found.sizes[1] <= max_rows
    chosen = set(before.unique_labels[found.before].tolist()), set(after.unique_labels[found.after].tolist())
    assert found.shared == len(chosen[0] & chosen[1])
    if kept / 1000 * min(max_rows, 1000) >= 0.6 * min(kept, max_rows):
        assert chosen[1] <= chosen[0]
    else:  # it would cost too many rows
        assert found.sizes[1] == min(kept, max_rows)


def test_a_sample_is_that_of_smallest_key() -> None:
    rows = rows_of(500, 3)
    data = data_of(rows)
    found = samples_of(data, data, 100)
    expected = np.sort(row_keys(data.contents, 0))[:100]
    np.testing.assert_array_equal(row_keys(data.unique_labels[found.before], 0), expected)
    assert found.design.drawn == "none"


def test_rows_of_samples_are_read_with_their_places_and_ratio() -> None:
    before, after = data_of(np.vstack([X, X])), data_of(X[:25])
    samples = samples_of(before, after, 60)
    pair = read_samples(before, after, samples, "none")
    assert pair.places is not None
    np.testing.assert_array_equal(pair.before.rows[pair.places], pair.after.rows)
    assert (pair.before.copies == 2).all()
    assert pair.size_ratio == 120 / 25
    assert read_samples(before, data_of(OTHER), samples_of(before, data_of(OTHER), 60), "none").places is None


def test_rows_matched_but_changed_have_no_place_in_the_matrix() -> None:
    before = data_of(X)
    after, _ = find(before, data_of(X[:30] + 1e-6))
    assert read_samples(before, after, samples_of(before, after, 60), "none").places is None


def test_proportions_alone_count_between_equal_rows() -> None:
    before, after = data_of(np.vstack([X, X])), data_of(np.vstack([X, X, X[:9], X[:9]]))
    pair = read_samples(before, after, samples_of(before, after, 60), "none")
    assert set(pair.before.copies) == {1}
    assert sorted(pair.after.copies) == [1] * 51 + [2] * 9
    assert pair.size_ratio == 120 / 138


def test_removed_rows_are_named_by_their_distance_to_what_is_left() -> None:
    before, after = data_of(np.vstack([X, X[:3]])), data_of(X[15:])
    gone = relate(before, after, near=0, tolerance=None, matched_by="content").gone
    found = removed_rows(before, after, gone, normalize="none", threads=1)
    distances = cdist(X[:15], X[15:]).min(axis=1)
    np.testing.assert_array_equal(found.rows, np.argsort(-distances))
    np.testing.assert_allclose(found.distances, np.sort(distances)[::-1], rtol=1e-12)


def test_nothing_removed_or_nothing_kept_names_no_row() -> None:
    before = data_of(X)
    for after in (before, data_of(OTHER)):
        gone = relate(before, after, near=0, tolerance=None, matched_by="content").gone
        assert len(removed_rows(before, after, gone, normalize="none", threads=1).rows) == 0
