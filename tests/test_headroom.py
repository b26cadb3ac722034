"""The headroom of weights of rows against dense and brute-force computations, and its null."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cli_fixtures import clean, refused
from scipy.optimize import linprog
from scipy.sparse.linalg import ArpackNoConvergence

from specaudit import api, documents
from specaudit.cli import main
from specaudit.documents import read_document
from specaudit.dynamics.headroom import Gain, Judged, gain, headroom, homogeneous, ranks_for, top_mean
from specaudit.dynamics.room import LoggedRows, Room
from specaudit.kernels import choose_kernel
from specaudit.operators import dense_operator

ROWS = 240
CAP = 5.0


def sphere(count: int, dimension: int, seed: int) -> np.ndarray:
    points = np.random.default_rng(seed).standard_normal((count, dimension + 1))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def atoms(count: int, seed: int) -> np.ndarray:
    """Return rows of which most sit in a few dense clusters, the others alone far from all."""
    rng = np.random.default_rng(seed)
    crowd = 0.02 * rng.standard_normal((9 * count // 10, 6)) + np.eye(6)[rng.integers(0, 3, 9 * count // 10)]
    return np.concatenate([crowd, 4 * rng.standard_normal((count - len(crowd), 6))])


@pytest.mark.parametrize("name", ["laplace", "linear", "rbf"])
def test_the_gain_is_the_best_of_all_weights(exact_kernel, name):
    """To first order: the best tail trace of weights 0 <= w <= C of mean 1 is a linear program."""
    rows = np.random.default_rng(0).standard_normal((60, 30)) * np.arange(1, 31) ** -0.5
    kernel = choose_kernel(name, rows)
    found = headroom(kernel, rows, np.ones(60, np.int64), CAP, np.array([1, 4]), seed=0)
    matrix = exact_kernel(name, rows, kernel.bandwidth or 1.0)
    values, vectors = np.linalg.eigh(matrix)
    for at, rank in enumerate((1, 4)):
        left = np.diag(matrix) - (vectors[:, -rank:] ** 2) @ values[-rank:]
        best = linprog(-left, A_eq=np.ones((1, 60)), b_eq=[60.0], bounds=(0, CAP))
        assert found.values[at] == pytest.approx(-best.fun / left.sum(), rel=1e-4)
        assert found.needs[at] == pytest.approx(np.trace(matrix) / values[:-rank].sum(), rel=1e-4)


def test_eigenvalues_that_do_not_converge_are_worked_out_densely(monkeypatch):
    rows, ranks = sphere(70, 2, 0), np.array([1, 3])
    kernel, ones = choose_kernel("laplace", rows), np.ones(70, np.int64)
    iterated = headroom(kernel, rows, ones, CAP, ranks, seed=0)

    def fail(*_: object, **__: object) -> None:
        raise ArpackNoConvergence("no", np.empty(0), np.empty((0, 0)))

    monkeypatch.setattr("specaudit.dynamics.headroom.eigsh", fail)
    dense = headroom(kernel, rows, ones, CAP, ranks, seed=0)
    np.testing.assert_allclose(dense.values, iterated.values, rtol=1e-5)


def test_copies_count_as_rows():
    rows, copies = sphere(80, 3, 0), np.random.default_rng(1).integers(1, 4, 80)
    kernel = choose_kernel("laplace", rows)
    ranks = np.array([1, 3, 6])
    merged = headroom(kernel, rows, copies, CAP, ranks, seed=0)
    apart = headroom(kernel, np.repeat(rows, copies, axis=0), np.ones(copies.sum(), np.int64), CAP, ranks, seed=0)
    np.testing.assert_allclose(merged.values, apart.values, rtol=1e-5)
    np.testing.assert_allclose(merged.needs, apart.needs, rtol=1e-5)


def test_the_mean_of_the_largest_share_splits_the_last_row():
    values, copies = np.array([1.0, 5.0, 3.0]), np.array([2, 1, 2])
    assert top_mean(values, copies, 0.4) == pytest.approx((5 + 3) / 2)
    assert top_mean(values, copies, 0.5) == pytest.approx((5 + 1.5 * 3) / 2.5)
    assert top_mean(values, copies, 1.0) == pytest.approx((5 + 6 + 2) / 5)


def test_ranks_end_at_a_thirtieth_of_the_rows():
    assert ranks_for(1500).tolist() == [1, 2, 4, 6, 9, 13, 20, 32, 50] or ranks_for(1500)[-1] == 50
    assert ranks_for(59).tolist() == [1]


@pytest.mark.parametrize("dimension", [1, 2, 6])
def test_homogeneous_rows_have_no_headroom(dimension):
    rows = sphere(ROWS, dimension, seed=7)
    found = api.headroom(rows, 10.0)
    assert found.verdict == "none"
    assert found.gain is not None
    assert found.gain <= found.null.limit
    assert found.curve.null[-1] > 1.05, "sampling inflates the gain, which the null must know"


def test_rows_that_carry_the_tail_alone_have_headroom():
    found = api.headroom(atoms(ROWS, 3), 10.0)
    assert found.verdict == "headroom"
    assert found.gain > 1.5 * found.null.limit
    assert max(found.curve.gain) <= 10


def test_the_null_is_matched_by_what_an_oracle_needs():
    kernel = choose_kernel("laplace", sphere(ROWS, 1, 0))
    ranks = ranks_for(ROWS)
    wanted = Gain(ranks=ranks, values=np.ones(len(ranks)), needs=np.full(len(ranks), 2.5))
    null = homogeneous(kernel, ROWS, 10.0, wanted, seed=0)
    assert null.dimension > 2
    assert null.needs[null.place] == pytest.approx(2.5, rel=0.25)
    beyond = Gain(ranks=ranks, values=np.ones(len(ranks)), needs=np.full(len(ranks), 1e9))
    assert homogeneous(kernel, ROWS, 10.0, beyond, seed=0).place == -1


@pytest.fixture
def folder(monkeypatch, tmp_path):
    clean(monkeypatch, tmp_path)
    np.save("even.npy", sphere(ROWS, 2, seed=4))
    np.save("atoms.npy", atoms(ROWS, seed=3))
    np.save("flat.npy", np.random.default_rng(0).standard_normal((ROWS, 2)))
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["atoms.npy"], 0, "Some headroom"),
        (["even.npy"], 1, "No headroom: no more than homogeneous data show"),
        (["flat.npy", "--kernel", "linear"], 3, "Unresolved. The headroom can be told up to mode 1 only"),
    ],
)
def test_the_gate_decides_the_exit_code(folder, capsys, arguments, code, said):
    assert main(["headroom", *arguments, "--cap", "10", "--gate", "--max-rows", "200"]) == code
    out = " ".join(capsys.readouterr().out.split())
    assert said in out
    assert "no promise that a sampler reaches it" in out


def test_the_first_kernel_of_the_settings_is_used(folder, capsys):
    Path("specaudit.toml").write_text('kernel = ["matern32", "linear"]\ncap = 4\n')
    assert main(["headroom", "atoms.npy", "--max-rows", "150", "-o", "h.json", "-q"]) == 0
    found = read_document("h.json")
    assert isinstance(found, documents.Headroom)
    assert (found.kernel.name, found.cap) == ("matern32", 4)


def test_documents_and_pictures_are_written(folder, capsys):
    files = ["-o", "h.json", "-o", "h.md", "--plot", "h.svg"]
    assert main(["headroom", "even.npy", "--cap", "10", "--seed", "2", "-q", *files]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    found = read_document("h.json")
    assert isinstance(found, documents.Headroom)
    assert Path("h.json").read_text() == found.to_json()
    assert (found.reproduce.seed, found.reproduce.command) == (2, "specaudit headroom even.npy --cap 10.0 --seed 2")
    assert Path("h.svg").read_text().startswith("<?xml")
    assert main(["show", "h.json", "--format", "markdown"]) == 0
    assert capsys.readouterr().out == Path("h.md").read_text()
    data = json.loads(Path("h.json").read_text())
    data["curve"]["null"].pop()
    Path("h.json").write_text(json.dumps(data))
    assert "curve: columns of unequal length" in refused(capsys, "show", "h.json")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["even.npy"], "Missing option '--cap'"),
        (["even.npy", "--cap", "1"], "--cap: expected a number above 1"),
        (["even.npy", "--cap", "nan"], "--cap: expected a number"),
        (["even.npy", "--cap", "1e9"], "--cap: expected a number above 1, at most 1e+06"),
        (["even.npy", "--cap", "5", "--kernel", "cosine"], "unknown name 'cosine'"),
        (["even.npy", "--cap", "5", "--kernel", "laplace,rbf"], "--kernel takes one kernel here"),
        (["even.npy", "--cap", "5", "--max-rows", "20"], "20 different rows are used"),
        (["even.npy", "--cap", "5", "--max-memory", "1M"], "the run needs about"),
        (["absent.npy", "--cap", "5"], "absent.npy"),
        (["one.npy", "--cap", "5", "--kernel", "linear"], "the first mode leaves less than 0.1 % of the trace"),
        (["even.npy", "--cap", "5", "-o", "h.csv"], "unknown format 'csv'"),
    ],
)
def test_what_cannot_be_used_is_refused(folder, capsys, arguments, told):
    np.save("one.npy", np.random.default_rng(0).standard_normal((80, 1)))
    assert told in refused(capsys, "headroom", *arguments)


# what is left past learned modes


def logged(copies: np.ndarray, known: dict | None = None) -> LoggedRows:
    rows = np.random.default_rng(3).standard_normal((len(copies), 3))
    contents = np.repeat(np.arange(1, len(copies) + 1, dtype=np.uint64), copies)
    repeated = np.repeat(rows, copies, axis=0)
    kernel = choose_kernel("laplace", rows)
    return LoggedRows.of(kernel, repeated, contents, 5.0, seed=0, known=known)


def test_it_is_judged_at_the_rank_nearest_to_the_learned_modes_that_the_rows_tell():
    rows = logged(np.ones(300, np.int64))
    assert [int(rows.ranks(learned)[-1]) for learned in (0, 5, 7, 100)] == [5, 5, 6, 10]


@pytest.mark.parametrize(
    ("learned", "told"),
    [
        (12, "cannot move this frontier: weights of"),
        (40, "cannot move this frontier, judged past mode 12 where 40 are learned: weights of"),
    ],
)
def test_why_weights_are_idle_names_the_mode_by_which_it_is_judged(learned, told):
    of = Judged(verdict="none", reason="weights of at most 10", place=1)
    room = Room(judged=of, rows=400, gain=Gain(ranks=np.array([5, 12]), values=np.ones(2), needs=np.ones(2)))
    assert told in room.idle(learned)
    assert replace(room, judged=replace(of, verdict="unresolved")).idle(learned) == ""


def test_copies_of_rows_count_as_headroom_counts_them():
    """A log that has each row as often as its copies say, in any order, has the headroom of weighted rows."""
    copies = np.random.default_rng(4).integers(1, 4, 150)
    rows = logged(copies)
    found = rows.past(100).gain
    np.testing.assert_array_equal(np.sort(rows.copies), np.sort(copies))
    plain = dense_operator(rows.kernel, np.repeat(rows.rows, rows.copies, axis=0))
    expected = gain(plain, np.ones(copies.sum(), np.int64), 5.0, found.ranks, seed=0)
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-4)
