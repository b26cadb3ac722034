"""A baseline stands in for BEFORE: it gives what the embeddings themselves give at the same size."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from specaudit import Baseline, Comparison, baseline, compare
from specaudit.api import compare_plan
from specaudit.dataset import DataSet
from specaudit.documents.reading import read_document
from specaudit.embeddings import open_embeddings
from specaudit.errors import ConfigError, InputError
from specaudit.ladder import KEYS, RATIO, Sketch, ladder_sizes
from specaudit.scan import scan

N, D = 600, 16


def rows_of(n: int = N, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.asarray(rng.standard_normal((n, D)) * np.arange(1, D + 1) ** -0.4)


X = rows_of()
ORDER = np.random.default_rng(1).permutation(N)
HALF = X[np.sort(ORDER[: N // 2])]
CORE = X[np.sort(np.argsort(np.linalg.norm(X - X.mean(axis=0), axis=1))[: N // 2])]


@pytest.fixture(scope="module")
def saved() -> Baseline:
    return baseline(X)


def figures(found: Comparison) -> dict[tuple[str, str, float | None], tuple[float, float]]:
    return {
        (name, test.statistic, test.dimension): (test.change, test.error)
        for name, spectrum in found.spectra.items()
        for test in spectrum.tests
    }


@pytest.mark.parametrize("unique", [1, 7, 40, 600, 4000, 16_384])
def test_the_ladder_halves_down_to_few_rows(unique: int) -> None:
    sizes = ladder_sizes(unique)
    assert sizes[0] == unique
    assert all(small == round(large * RATIO) for large, small in pairwise(sizes))
    assert sizes[-1] >= min(16, unique)


@pytest.mark.parametrize(("after", "fails"), [(HALF, False), (CORE, True)])
def test_at_a_stored_size_a_baseline_says_what_the_embeddings_say(
    saved: Baseline, after: np.ndarray, fails: bool
) -> None:
    found, live = compare(saved, after), compare(X, after)
    assert (found.null.rows, found.null.drawn_from) == (live.null.rows, live.null.drawn_from) == (N // 2, "before")
    assert found.relation.kind == live.relation.kind == "prune"
    assert found.relation.shared == N // 2
    ours, theirs = figures(found), figures(live)
    assert ours.keys() == theirs.keys()
    for name, (change, error) in ours.items():
        # Other subsets on both routes: their means differ by about a quarter of an error.
        assert abs(change - theirs[name][0]) < 1.5 * (error + theirs[name][1]), name
        assert 0.4 < error / theirs[name][1] < 2.5, name
    assert (found.verdict == "fail", live.verdict == "fail") == (fails, fails)


def test_between_stored_sizes_both_sides_are_thinned(saved: Baseline) -> None:
    found = compare(saved, X[np.sort(ORDER[:400])])
    assert (found.null.rows, found.null.drawn_from) == (N // 2, "both")
    assert found.relation.kind == "prune"
    assert found.verdict != "fail"


def test_equal_content_is_an_exact_zero(saved: Baseline) -> None:
    found = compare(saved, X[::-1].copy())
    assert found.relation.kind == "identical"
    assert all(figure == (0.0, 0.0) for figure in figures(found).values())
    assert found.verdict == "pass"


def test_added_rows_are_thinned_to_all_rows_of_the_baseline(saved: Baseline) -> None:
    found = compare(saved, np.concatenate([X, rows_of(300, seed=5)]))
    assert (found.relation.kind, found.relation.added, found.relation.removed) == ("augment", 300, 0)
    assert (found.null.rows, found.null.drawn_from) == (N, "after")
    assert found.verdict != "fail"


def test_other_rows_are_not_judged_unless_that_was_expected(saved: Baseline) -> None:
    other = rows_of(500, seed=9)
    assert compare(saved, other).exit_code == 3
    assert compare(saved, other, expect="fresh").verdict != "fail"


def test_other_rows_of_another_scale_are_not_judged(saved: Baseline) -> None:
    found = compare(saved, 2 * rows_of(seed=7), expect="fresh")
    assert found.verdict == "inconclusive"
    assert found.relation.scale == pytest.approx(2, abs=0.1)
    assert compare(saved, rows_of(seed=7), expect="fresh").relation.scale == pytest.approx(1, abs=0.1)


def test_a_lower_rank_fails_although_its_window_is_shorter(saved: Baseline) -> None:
    flat = X.copy()
    flat[:, 4:] = 0.0
    flat *= np.linalg.norm(X) / np.linalg.norm(flat)  # of another scale they would not be judged
    found = compare(saved, flat, expect="fresh")
    assert found.exit_code == 1
    assert found.tail == "steeper"


def test_what_was_expected_of_the_rows_is_held_against_the_keys(saved: Baseline) -> None:
    with pytest.raises(InputError, match="missing in AFTER"):
        compare(saved, HALF, expect="augment")
    with pytest.raises(InputError, match="are not rows of the baseline's data"):
        compare(saved, np.concatenate([HALF, rows_of(100, seed=3)]), expect="prune")


def test_a_baseline_is_small_and_comes_back_from_a_file(saved: Baseline, tmp_path: Path) -> None:
    path = tmp_path / "main.json"
    text = saved.to_json()
    path.write_text(text)
    assert len(text) < 64 * 1024
    assert read_document(path).to_json() == text
    one, other = (list(figures(compare(before, HALF)).values()) for before in (path, saved))
    np.testing.assert_allclose(one, other, atol=2e-4)


def test_a_baseline_of_more_rows_than_keys_estimates_what_is_shared() -> None:
    rows = rows_of(4000, seed=2)
    with open_embeddings(rows) as embeddings:
        sketch = Sketch.of(DataSet.of(embeddings, scan(embeddings)), seed=0, sampled=4000)
    assert len(sketch.keys) == KEYS
    kept = np.random.default_rng(0).permutation(4000)[:3000]
    parts = {"prune": rows[kept], "replace": np.concatenate([rows[kept], rows_of(1000, seed=3)])}
    for kind, part in parts.items():
        with open_embeddings(part) as embeddings:
            relation = sketch.relation(DataSet.of(embeddings, scan(embeddings)), 0)
        assert relation.kind == kind
        assert relation.shared == pytest.approx(3000, abs=4 * 4000 * np.sqrt(0.75 * 0.25 / KEYS))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"kernels": ["rbf"]}, ConfigError, "no kernel rbf"),
        ({"bandwidth": 3.0}, ConfigError, "bandwidth 3.0 was asked for"),
        ({"normalize": "l2"}, ConfigError, "normalize l2 was asked for"),
        ({"centered": True}, ConfigError, "centered True was asked for"),
        ({"seed": 3}, ConfigError, "seed 3 was asked for, but the baseline has 0"),
        ({"kept": [1, 2, 3]}, ConfigError, "a proposal needs BEFORE's embeddings"),
    ],
)
def test_a_call_may_not_contradict_its_baseline(
    saved: Baseline, arguments: dict[str, object], error: type[Exception], message: str
) -> None:
    after = None if "kept" in arguments else HALF
    with pytest.raises(error, match=message):
        compare(saved, after, **arguments)  # type: ignore[arg-type]


def test_a_baseline_of_another_model_estimator_or_width_is_refused(saved: Baseline) -> None:
    with pytest.raises(InputError, match="6 dimensions"):
        compare(saved, HALF[:, :6])
    named = saved.model_copy(
        update={"fit": saved.fit.model_copy(update={"dataset": saved.fit.dataset.model_copy(update={"model": "a"})})}
    )
    for models in ({"model": "b"}, {"model_after": "b"}, {"model": "b", "model_after": "a"}):
        with pytest.raises(InputError, match="of model a, AFTER of b"):
            compare(named, HALF, **models)  # type: ignore[arg-type]
    assert compare(named, HALF, model="a").after.model == compare(named, HALF).after.model == "a"
    spectra = {
        name: s.model_copy(update={"estimator": s.estimator.model_copy(update={"version": "0"})})
        for name, s in saved.fit.spectra.items()
    }
    with pytest.raises(InputError, match="made by estimator 0"):
        compare(saved.model_copy(update={"fit": saved.fit.model_copy(update={"spectra": spectra})}), HALF)


def test_too_few_rows_for_the_smallest_step_and_streams_are_refused(saved: Baseline) -> None:
    with pytest.raises(InputError, match="smallest step"):
        compare(saved, X[:20])
    with pytest.raises(ConfigError, match="stream"):
        baseline("-")


def test_a_seed_that_is_the_baselines_is_accepted(saved: Baseline) -> None:
    assert compare(saved, HALF, seed=0).reproduce.seed == compare(saved, HALF).reproduce.seed == 0


def test_a_baseline_can_only_stand_for_before(saved: Baseline, tmp_path: Path) -> None:
    path = tmp_path / "base.json"
    path.write_text(saved.to_json())
    for verb in (compare, compare_plan):
        for after in (saved, path, str(path)):
            with pytest.raises(InputError, match="can only stand for BEFORE"):
                verb(X, after)  # type: ignore[arg-type]


def test_other_documents_are_no_baselines(saved: Baseline, tmp_path: Path) -> None:
    path = tmp_path / "fit.json"
    path.write_text(saved.fit.to_json())
    with pytest.raises(InputError, match="is no baseline"):
        compare(path, HALF)
