"""`FrontierTracker`: batches in any order, several ranks, and what it refuses."""

from __future__ import annotations

import importlib.util
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import specaudit
from specaudit.cli import main
from specaudit.dynamics import room
from specaudit.dynamics.headroom import homogeneous
from specaudit.errors import ConfigError, InputError, UnresolvedError

ROOT = Path(__file__).resolve().parent.parent
ROWS, OUTPUTS = 300, 2
Tracker = specaudit.FrontierTracker
Array = np.ndarray


def circle(power: float) -> Array:
    angle = 2 * np.pi * np.random.default_rng(0).uniform(0, 1, ROWS) ** power
    return np.c_[np.cos(angle), np.sin(angle)]


def waves_of(rows: Array) -> Array:
    """Return residuals whose slow waves are learned: at the reference, and at times 1 and 2."""
    angle = np.arctan2(rows[:, 1], rows[:, 0])
    waves = np.arange(1, 61)
    inside = np.random.default_rng(1).standard_normal((60, OUTPUTS)) * waves[:, None] ** -0.75
    left = [np.exp(-time / waves**2.0)[:, None] * inside for time in (0, 16, 100)]
    return np.array([np.cos(np.outer(angle, waves)) @ part for part in left]).astype(np.float32)


@pytest.fixture(scope="module")
def rows() -> Array:
    return circle(1.0)


@pytest.fixture(scope="module")
def log(rows: Array) -> Array:
    return waves_of(rows)


def record(tracker: Tracker, residuals: Array, order: Array, size: int = 64) -> None:
    for start in range(0, len(order), size):
        batch = order[start : start + size]
        tracker.record(batch, residuals[batch])


def filled(log: Array, seed: int = 0) -> Tracker:
    tracker, rng = Tracker(ROWS), np.random.default_rng(seed)
    for time, residuals in enumerate(log):
        record(tracker, residuals, rng.permutation(ROWS))
        tracker.checkpoint(time)
    return tracker


def test_batches_in_any_order_give_the_log(log: Array, rows: Array) -> None:
    tracker = filled(log)
    np.testing.assert_array_equal(tracker.residuals, log)
    assert tracker.times == (0, 1, 2)
    found = tracker.frontier(rows)
    assert found == specaudit.frontier(rows, log, times=[0, 1, 2], rows=np.arange(ROWS))
    ranks = [point.frontier for point in found.checkpoints[1:]]
    assert 4 < ranks[0] < ranks[1]  # waves come in pairs of modes, of which the log has the cosines


def test_next_weights_are_those_of_the_frontier() -> None:
    rows = circle(4.5)  # which is not the same everywhere, so that weights have headroom
    tracker = filled(waves_of(rows))
    weights = tracker.next_weights(rows, cap=4.0)
    assert weights.shape == (ROWS,)
    assert weights.mean() == pytest.approx(1.0)
    np.testing.assert_array_equal(weights, tracker.frontier(rows, cap=4.0).weights)


def test_weights_that_are_refused_are_an_error(log: Array, rows: Array) -> None:
    tracker = filled(log)
    with pytest.raises(UnresolvedError, match="no weights are proposed: all modes"):
        tracker.next_weights(rows, modes=8)
    with pytest.raises(
        UnresolvedError, match="no weights are proposed: sample weights cannot move this frontier, judged"
    ):
        tracker.next_weights(rows)


def test_headroom_is_worked_out_once_for_each_rank(log: Array, rows: Array, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def counted(*arguments: object, **options: object) -> object:
        asked.append(arguments)
        return homogeneous(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(room, "homogeneous", counted)
    tracker = filled(log)
    first = tracker.frontier(rows, cap=4.0)
    tracker.record(np.arange(ROWS), 0.9 * log[-1])
    tracker.checkpoint(3)
    again = tracker.frontier(rows, cap=4.0)
    assert (len(asked), first.headroom.verdict) == (1, "none")
    assert again.headroom.reason == first.headroom.reason
    assert tracker.frontier(rows, cap=3.0).headroom.gain != first.headroom.gain
    assert len(asked) == 2


def test_ranks_are_merged_whatever_each_saw(log: Array) -> None:
    ranks = [Tracker(ROWS) for _ in range(3)]
    for time, residuals in enumerate(log):
        order = np.random.default_rng(time).permutation(ROWS)
        for number, tracker in enumerate(ranks):
            record(tracker, residuals, order[number::3])
            tracker.record(order[:5], residuals[order[:5]])  # samplers repeat rows to even out the ranks
            tracker.checkpoint(time)
    first, second, third = (pickle.loads(pickle.dumps(tracker)) for tracker in ranks)  # from other processes
    np.testing.assert_array_equal(first.merged(second, third).residuals, log)
    np.testing.assert_array_equal(third.merged(first).merged(second).residuals, log)
    with pytest.raises(InputError, match=r"time 0 lacks \d+ of 300 rows; .*merge the other ranks"):
        first.complete()
    second.record([0], [[0.0, 0.0]])
    second.checkpoint(9)
    with pytest.raises(InputError, match="different rows or times"):
        first.merged(second)


def test_a_rank_that_saw_no_logged_row_changes_nothing(log: Array) -> None:
    idle = Tracker(ROWS)
    for time in range(3):
        idle.checkpoint(time)
    np.testing.assert_array_equal(idle.merged(filled(log)).residuals, log)


def test_rows_that_are_not_logged_are_left_out_and_counted(log: Array, rows: Array) -> None:
    chosen = specaudit.sample(rows, 150).kept
    tracker = Tracker(chosen)
    for time, residuals in enumerate(log):
        record(tracker, residuals, np.random.default_rng(time).permutation(ROWS))
        tracker.checkpoint(time)
    assert tracker.ignored == 3 * 150
    np.testing.assert_array_equal(tracker.residuals, log[:, list(chosen)])
    found = tracker.frontier(rows)
    assert (found.run.logged_rows, found.run.rows) == (150, ROWS)


def test_a_row_that_is_recorded_twice_keeps_the_last() -> None:
    tracker = Tracker([5, 7])
    tracker.record([5, 7, 5], [1.0, 2.0, 3.0])
    tracker.record(np.array([7]), np.array([[4.0]]))
    tracker.checkpoint(0)
    assert tracker.residuals.tolist() == [[[3.0], [4.0]]]


def test_incomplete_rows_are_dropped_only_on_demand(log: Array, rows: Array) -> None:
    tracker = Tracker(ROWS)
    for time, residuals in enumerate(log):
        record(tracker, residuals, np.arange(time, ROWS))
        tracker.checkpoint(time)
    with pytest.raises(InputError, match="the checkpoint at time 1 lacks 1 of 300 rows"):
        tracker.frontier(rows)
    kept, left = tracker.complete(drop_incomplete=True)
    np.testing.assert_array_equal(kept, np.arange(2, ROWS))
    np.testing.assert_array_equal(left, log[:, 2:])
    assert tracker.frontier(rows, drop_incomplete=True).run.used_rows == ROWS - 2


def test_a_saved_log_is_what_the_command_reads(
    log: Array, rows: Array, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("rows.npy", rows)
    tracker = filled(log)
    tracker.save("run")
    assert main(["frontier", "rows.npy", "run", "--rows", "run/rows.npy", "-o", "f.json", "-q"]) == 0
    found = specaudit.documents.read_document("f.json")
    again = specaudit.frontier("rows.npy", "run", rows="run/rows.npy")
    assert found.to_json() == again.model_copy(update={"reproduce": found.reproduce}).to_json()
    assert [point.time for point in again.checkpoints] == [0, 1, 2]
    with pytest.raises(InputError, match="run: File exists"):
        tracker.save("run")


def test_the_reference_comes_first() -> None:
    tracker = Tracker(3)
    tracker.record([0, 1, 2], [1.0, -1.0, 1.0])
    with pytest.raises(InputError, match=r"no reference: .* before the first step of training"):
        tracker.checkpoint(1)
    tracker.checkpoint(0)
    with pytest.raises(InputError, match="1 checkpoints are closed"):
        tracker.complete()
    with pytest.raises(InputError, match="times must rise"):
        tracker.checkpoint(0)


@pytest.mark.parametrize(
    ("ids", "residuals", "told"),
    [
        ([0, 1], [1.0], "row_ids of shape"),
        ([0.5], [1.0], "row_ids of shape"),
        ([0], [[[1.0]]], "row_ids of shape"),
        ([0, 1], [1.0, np.nan], "the residual of row 1 is not finite"),
        ([0], [[1.0, 2.0]], "residuals of 2 outputs, expected 1"),
    ],
)
def test_batches_that_cannot_be_are_refused(ids: list[float], residuals: object, told: str) -> None:
    tracker = Tracker(3)
    tracker.record([2], [1.0])
    with pytest.raises(InputError, match=told):
        tracker.record(ids, residuals)


@pytest.mark.parametrize("rows", [[], [1, 1], [-1], [0.5], 0, 2.5, np.zeros((2, 2), int)])
def test_rows_that_cannot_be_logged_are_refused(rows: object) -> None:
    with pytest.raises(ConfigError, match="rows"):
        Tracker(rows)  # type: ignore[arg-type]


def test_names_of_the_package_stay_what_they_are() -> None:
    """Importing the library makes modules of the same names attributes of the package."""
    code = "import specaudit; specaudit.residuals; print(*(callable(getattr(specaudit, n)) for n in ('span', 'fit')))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "True True\n"


def test_the_example_follows_a_real_network() -> None:
    spec = importlib.util.spec_from_file_location("frontier_mlp", ROOT / "examples" / "frontier_mlp.py")
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    found = example.train(epochs=(1, 10, 25)).frontier(example.ROWS, max_rows=1000)
    ranks = [point.frontier for point in found.checkpoints]
    assert [point.status for point in found.checkpoints[:2]] == ["below", "below"]
    assert 4 < ranks[2] < ranks[3] < 125
    assert found.noise.share is None
