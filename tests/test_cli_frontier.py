"""`specaudit frontier` and `sample` end to end: every exit code, every format, files, and what they refuse."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from cli_fixtures import clean, refused

import specaudit
from specaudit import documents
from specaudit.cli import main
from specaudit.documents import read_document
from specaudit.embeddings import open_embeddings, read_weights
from specaudit.report.frontier.facts import MOST_LINES, headline, left_out, lines

ROWS, OUTPUTS, CHECKPOINTS = 400, 3, 18


def flow(rows: np.ndarray, noise: float = 0.0, deepest: int = 65) -> tuple[np.ndarray, np.ndarray]:
    """Return the residuals of gradient flow (T, n, outputs), and their times (T,)."""
    rng = np.random.default_rng(1)
    distance = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    values, vectors = np.linalg.eigh(np.exp(-distance / np.median(distance)) / len(rows))
    values, vectors = values[::-1], vectors[:, ::-1]
    start = vectors @ (np.arange(1, len(rows) + 1)[:, None] ** -0.75 * rng.standard_normal((len(rows), OUTPUTS)))
    wrong = rng.permutation(len(rows))[: int(noise * len(rows))]
    start[wrong] = start[rng.permutation(len(rows))[: len(wrong)]]
    times = np.r_[0.0, np.geomspace(1 / values[1], 1 / values[deepest], CHECKPOINTS - 1)]
    inside = vectors.T @ start
    return np.array([vectors @ (np.exp(-values * t)[:, None] * inside) for t in times]).astype(np.float32), times


def on_circle(power: float) -> np.ndarray:
    """Return rows that are as dense everywhere (power 1), or the less so: only there weights of rows pick modes."""
    angle = 2 * np.pi * np.random.default_rng(0).uniform(0, 1, ROWS) ** power
    return np.c_[np.cos(angle), np.sin(angle)]


@pytest.fixture(scope="module")
def flows():
    rows = on_circle(4.5)
    return rows, flow(rows), flow(rows, noise=0.2)


@pytest.fixture
def folder(monkeypatch, tmp_path, flows):
    clean(monkeypatch, tmp_path)
    rows, (log, times), (noisy, _) = flows
    np.save("rows.npy", rows)
    np.save("log.npy", log)
    np.save("noisy.npy", noisy)
    np.save("times.npy", times)
    return tmp_path


def run(*arguments):
    return main(["frontier", "rows.npy", *arguments])


def test_what_is_found_is_told_and_exits_0(folder, capsys):
    assert run("log.npy", "--times", "times.npy") == 0
    out = " ".join(capsys.readouterr().out.split())
    assert out.startswith("Modes up to ")
    assert "the frontier grows as t^0." in out
    assert "Weights by residuals do not gather on noise (D 0." in out
    assert "specaudit frontier rows.npy log.npy --times times.npy" in out


def test_documents_weights_and_pictures_are_written(folder, capsys):
    files = ["-o", "f.json", "-o", "f.md", "--plot", "f.svg", "--plot", "f.png", "--save-weights", "w.npy"]
    files += ["--save-weights", "w.csv", "--save-weights", "w.jsonl"]
    assert run("log.npy", "--times", "times.npy", *files, "--seed", "3", "--cap", "5", "-q") == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    found = read_document("f.json")
    assert isinstance(found, documents.Frontier)
    assert Path("f.json").read_text() == found.to_json()
    assert (found.growth.status, found.collapse.status, found.proposal.kind) == ("measured", "none", "band")
    assert found.reproduce.command == "specaudit frontier rows.npy log.npy --times times.npy --cap 5.0 --seed 3"
    assert len(found.checkpoints) == CHECKPOINTS
    weights = np.load("w.npy")
    assert weights.shape == (ROWS,)
    assert weights.mean() == pytest.approx(1.0)
    assert weights.max() <= 5.0
    assert sum(found.proposal.counts) == ROWS
    with open("w.csv") as file:
        np.testing.assert_array_equal([float(line["weight"]) for line in csv.DictReader(file)], weights)
    assert len(Path("w.jsonl").read_text().splitlines()) == ROWS
    assert Path("f.svg").read_text().startswith("<?xml")
    assert main(["show", "f.json", "--format", "markdown"]) == 0
    assert capsys.readouterr().out == Path("f.md").read_text()
    with open_embeddings("rows.npy") as embeddings:  # as `compare --weights` does
        for name in ("w.npy", "w.csv", "w.jsonl"):
            np.testing.assert_array_equal(read_weights(name, embeddings), weights)


def test_a_long_run_is_shown_in_part(folder):
    found = specaudit.frontier("rows.npy", "log.npy")
    long = found.model_copy(update={"checkpoints": found.checkpoints * 3})
    shown = [line[0] for line in lines(long)]
    assert (len(shown), shown[0], shown[-1]) == (MOST_LINES, "#0", f"#{3 * CHECKPOINTS - 1}")
    assert left_out(long).startswith(f"{3 * CHECKPOINTS - MOST_LINES} checkpoints between these are left out")
    assert (len(lines(found)), left_out(found)) == (CHECKPOINTS, "")


def test_the_same_run_gives_the_same_bytes(folder, capsys):
    outputs = []
    for _ in range(2):
        assert run("log.npy", "--times", "times.npy", "--format", "json") == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]
    assert json.loads(outputs[0])["schema"] == "specaudit.frontier/1"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["log.npy"], 0), (["log.npy", "--gate"], 0), (["noisy.npy"], 0), (["noisy.npy", "--gate"], 1)],
)
def test_the_gate_is_collapse(folder, capsys, arguments, code):
    assert run(*arguments, "-q") == code
    capsys.readouterr()


def test_an_undecided_collapse_exits_3_under_the_gate(folder, capsys):
    """What is left after memorising, alone: residuals of near rows have nothing in common."""
    rng = np.random.default_rng(0)
    rows = np.random.default_rng(5).standard_normal((ROWS, 12))
    np.save("scattered.npy", rows)
    start = (rows[:, :4] > 0) - 0.5 + rng.standard_normal((ROWS, 4))
    np.save("late.npy", np.array([start, 0.9 * start]))
    arguments = ["frontier", "scattered.npy", "late.npy", "-q"]
    assert main(arguments) == 0
    assert main([*arguments, "--gate", "--save-weights", "w.npy"]) == 3
    assert main([*arguments, "--save-weights", "w.npy"]) == 3
    assert "w.npy was not written" in capsys.readouterr().err
    assert not Path("w.npy").exists()


@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_weights_that_could_not_move_the_frontier_are_refused(folder, capsys, noise):
    """A circle is the same everywhere: weights of rows change no mode's rate, guarded or not."""
    np.save("rows.npy", on_circle(1.0))
    np.save("circle.npy", flow(np.load("rows.npy"), noise=noise)[0])
    assert run("circle.npy", "-o", "f.json", "--plot", "f.svg", "--save-weights", "w.npy") == 3
    told = capsys.readouterr()
    found = read_document("f.json")
    room = found.headroom
    assert (room.verdict, room.rank, found.proposal.kind, found.weights) == ("none", ROWS // 30, "refused", ())
    assert 1 < room.gain < room.null.limit < room.need
    assert room.gain == room.curve.gain[-1]
    assert "w.npy was not written: sample weights cannot move this frontier, judged past mode 13 where 4" in told.err
    assert f"{room.learned} are learned: weights of at most 10" in told.err
    assert "Weights have no headroom (a factor of 1." in " ".join(told.out.split())
    assert f"{room.learned} modes are learned" in " ".join(told.out.split())


def test_headroom_of_few_different_rows_is_unresolved_and_weights_are_proposed(folder):
    rows = np.repeat(on_circle(4.5)[:50], 8, axis=0)
    log, _ = flow(rows, deepest=20)
    found = specaudit.frontier(rows, log)
    assert (found.headroom.verdict, found.headroom.curve, found.headroom.null) == ("unresolved", None, None)
    assert "50 different rows tell nothing" in found.headroom.reason
    assert "headroom is unresolved" in headline(found)
    assert found.proposal.kind != "refused"
    found.plot("f.svg")


def test_weights_under_label_noise_are_guarded(folder, capsys):
    assert run("noisy.npy", "--times", "times.npy", "--save-weights", "w.npy") == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "next weights guard" in out
    assert "SPA033" in out
    assert (np.load("w.npy") > 0).all()


def test_a_directory_of_steps_is_read_in_the_order_of_its_numbers(folder, capsys, flows):
    _, (log, times), _ = flows
    Path("run").mkdir()
    for step in (0, 2, 10):
        np.save(f"run/step_{step}.npy", log[min(step, CHECKPOINTS - 1)])
    Path("run/notes.txt").write_text("not a checkpoint")
    assert run("run", "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [point["time"] for point in found["checkpoints"]] == [0, 2, 10]
    np.save("steps.npy", times[[0, 2, 10]])
    assert run("run", "--times", "steps.npy", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["checkpoints"][2]["time"] == pytest.approx(times[10], rel=1e-5)


def test_a_reference_may_be_a_file_of_its_own(folder, capsys, flows):
    _, (log, _), _ = flows
    np.save("first.npy", log[0])
    np.save("rest.npy", log[1:])
    assert run("log.npy", "--times", "times.npy", "--format", "json") == 0
    whole = json.loads(capsys.readouterr().out)
    assert run("rest.npy", "--reference", "first.npy", "--times", "times.npy", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["checkpoints"] == whole["checkpoints"]
    Path("run").mkdir()
    np.save("run/step_5.npy", log[5])
    assert run("run", "--reference", "first.npy", "--format", "json") == 0
    assert [point["time"] for point in json.loads(capsys.readouterr().out)["checkpoints"]] == [0, 5]


def test_a_log_in_fortran_order_says_the_same(folder, capsys, flows):
    _, (log, _), _ = flows
    np.save("fortran.npy", np.asfortranarray(log))
    assert run("log.npy", "--format", "json") == 0
    one = json.loads(capsys.readouterr().out)
    assert run("fortran.npy", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["checkpoints"] == one["checkpoints"]


def test_sampled_rows_are_logged_and_followed(folder, capsys, flows):
    _, (log, _), _ = flows
    assert main(["sample", "rows.npy", "-n", "300", "--save-rows", "logged.npy"]) == 0
    assert capsys.readouterr().out == "300 of 400 different rows (seed 0) written to logged.npy\n"
    logged = np.load("logged.npy")
    np.save("part.npy", log[:12, logged])
    np.save("times.npy", np.load("times.npy")[:12])
    files = ["--save-weights", "w.npy", "--cap", "4"]
    assert run("part.npy", "--rows", "logged.npy", "--times", "times.npy", "--format", "json", *files) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["run"]["logged_rows"], found["modes"]["count"]) == (300, 37)
    weights = np.load("w.npy")
    assert weights.shape == (ROWS,)
    assert (np.delete(weights, logged) == 1).all()
    order = np.random.default_rng(0).permutation(300)
    np.save("part.npy", log[:12, logged[order]])
    np.save("logged.npy", logged[order])
    assert run("part.npy", "--rows", "logged.npy", "--times", "times.npy", "--format", "json") == 0
    again = json.loads(capsys.readouterr().out)["checkpoints"]
    assert [p["status"] for p in again] == [p["status"] for p in found["checkpoints"]]
    assert [p["frontier"] for p in again if p["frontier"]] == pytest.approx(
        [p["frontier"] for p in found["checkpoints"] if p["frontier"]], rel=0.01
    )


def test_more_rows_than_may_be_used_are_sampled_and_warned_about(folder, capsys):
    assert run("log.npy", "--max-rows", "150", "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["run"]["used_rows"] == 150
    assert "SPA005" in [warning["id"] for warning in found["warnings"]]


def test_bad_rows_are_dropped_with_their_residuals(folder, capsys, flows):
    rows = flows[0].copy()
    rows[7, 0] = np.nan
    np.save("bad.npy", rows)
    assert "bad.npy" in refused(capsys, "frontier", "bad.npy", "log.npy")
    assert main(["frontier", "bad.npy", "log.npy", "--drop-bad-rows", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["run"]["used_rows"] == ROWS - 1
    assert [warning["id"] for warning in found["warnings"]] == ["SPA003"]


def test_of_several_kernels_in_a_configuration_the_first_is_used(folder, capsys):
    Path("specaudit.toml").write_text('kernel = ["matern32", "linear"]\n')
    assert run("log.npy", "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["kernel"]["name"] == "matern32"
    assert found["reproduce"]["command"].endswith("--kernel matern32")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["absent.npy"], "absent.npy: no such file"),
        (["losses.npy"], "one number per checkpoint or row tells no modes"),
        (["squares.npy"], "have one sign at every checkpoint, as losses and magnitudes have; log signed residuals"),
        (["shuffled.npy"], "its rows are in another order, or the embeddings say nothing of the labels"),
        (["short.npy"], "residuals of 300 rows, expected the 400 rows of rows.npy"),
        (["turned.npy"], "checkpoints come first, then rows"),
        (["one.npy"], "1 checkpoint, expected the reference and at least one more"),
        (["nan.npy"], "nan.npy checkpoint 3: the residual of logged row 17 is not finite"),
        (["words.npy"], "dtype <U1, expected real numbers"),
        (["cut.npy"], "truncated"),
        (["deep.npy"], "shape (2, 2, 2, 2), expected (checkpoints, rows)"),
        (["log.csv"], "residuals cannot be read from suffix '.csv'"),
        (["empty"], "holds no step_NUMBER.npy"),
        (["late"], "late/step_5.npy is of time 5, expected residuals before the first step"),
        (["uneven"], "uneven/step_0.npy: residuals of (400, 2) rows and outputs, but uneven/step_1.npy has (400, 3)"),
        (["log.npy", "--times", "late_times.npy"], "no reference: log.npy checkpoint 0 is of time 1"),
        (["log.npy", "--times", "falling.npy"], "the time of checkpoint 2 is 1, expected rising numbers"),
        (["log.npy", "--times", "rows.npy"], "rows.npy"),
        (["log.npy", "--times", "few_times.npy"], "times of shape (2,) for the 18 checkpoints"),
        (["log.npy", "--rows", "few.txt"], "residuals of 400 rows, expected the 3 rows named"),
        (["part.npy", "--rows", "few.txt"], "3 usable rows are logged, expected at least 100"),
        (["part.npy", "--rows", "twice.txt"], "names a row again"),
        (["log.npy", "--modes", "500"], "modes: expected 8 to 400"),
        (["log.npy", "--cap", "1"], "--cap: expected a number above 1"),
        (["log.npy", "--kernel", "linear"], "2 modes under the linear kernel, expected at least 8"),
        (["log.npy", "--kernel", "rbf", "--kernel", "linear"], "the frontier is of one kernel"),
        (["log.npy", "--save-weights", "w.txt"], "not a list"),
        (["log.npy", "-o", "f.csv"], "unknown format 'csv'"),
        (["log.npy", "-o", "json=log.npy"], "is also an input"),
        (["log.npy", "--max-memory", "1M"], "the run needs about"),
    ],
)
def test_what_cannot_be_used_is_refused(folder, capsys, flows, arguments, told):
    _, (log, times), _ = flows
    np.save("losses.npy", (log**2).mean(axis=(1, 2)))
    np.save("squares.npy", (log**2).sum(axis=2))
    np.save("shuffled.npy", log[:, np.random.default_rng(0).permutation(ROWS)])
    np.save("short.npy", log[:, :300])
    np.save("turned.npy", log.swapaxes(0, 1))
    np.save("one.npy", log[:1])
    bad = log.copy()
    bad[3, 17, 1] = np.inf
    np.save("nan.npy", bad)
    np.save("words.npy", np.full((2, ROWS), "a"))
    np.save("deep.npy", np.zeros((2, 2, 2, 2)))
    Path("cut.npy").write_bytes(Path("log.npy").read_bytes()[:-9])
    Path("log.csv").write_text("1,2\n")
    for name, steps in (("empty", ()), ("late", (5, 9)), ("uneven", (0, 1))):
        Path(name).mkdir()
        for step in steps:
            np.save(f"{name}/step_{step}.npy", log[step][:, : 2 if (name, step) == ("uneven", 0) else 3])
    np.save("late_times.npy", times + 1)
    np.save("falling.npy", np.r_[0.0, 2.0, 1.0, times[3:] + 5])
    np.save("few_times.npy", times[:2])
    np.save("part.npy", log[:, :3])
    Path("few.txt").write_text("5\n1\n2\n")
    Path("twice.txt").write_text("5\n1\n5\n")
    err = refused(capsys, "frontier", "rows.npy", *arguments).replace("\n  next: ", "; ")
    assert told in err
    assert not Path("w.txt").exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda data: data["checkpoints"][1]["share"].pop(), "expected a share for each of"),
        (lambda data: data["checkpoints"].clear(), "has fewer than two"),
        (lambda data: data["checkpoints"][1].update(time=3.0), "expected a time for each, or for none"),
        (lambda data: data["proposal"]["counts"].pop(), "edges and counts do not belong together"),
        (lambda data: data["growth"].update(status="pass"), "growth.status: input should be"),
    ],
)
def test_a_spoilt_document_is_refused(folder, capsys, change, told):
    assert run("log.npy", "-o", "f.json", "-q") == 0
    capsys.readouterr()
    data = json.loads(Path("f.json").read_text())
    change(data)
    Path("f.json").write_text(json.dumps(data))
    assert told in refused(capsys, "show", "f.json")


def test_samples_are_nested_and_do_not_depend_on_the_order(folder):
    rows = np.load("rows.npy")
    large, small = specaudit.sample(rows, 200).kept, specaudit.sample(rows, 50).kept
    assert set(small) < set(large)
    order = np.random.default_rng(0).permutation(ROWS)
    turned = specaudit.sample(rows[order], 50).kept
    assert sorted(order[list(turned)]) == list(small)
    assert set(specaudit.sample(rows, 50, seed=1).kept) != set(small)


def test_a_sample_has_every_format_and_ids(folder, capsys):
    Path("ids.txt").write_text("".join(f"a{row}\n" for row in range(ROWS)))
    files = ["--save-rows", "s.npy", "--save-rows", "s.csv", "--save-rows", "s.txt", "--save-rows", "s.jsonl"]
    assert main(["sample", "rows.npy", "-n", "5", "--ids", "ids.txt", *files, "-q"]) == 0
    assert capsys.readouterr().out == ""
    rows = np.load("s.npy").tolist()
    assert rows == sorted(rows)
    assert Path("s.txt").read_text().split() == [f"a{row}" for row in rows]
    assert Path("s.csv").read_text().splitlines()[1] == f"{rows[0]},a{rows[0]}"
    assert json.loads(Path("s.jsonl").read_text().splitlines()[0]) == {"id": f"a{rows[0]}"}


def test_equal_rows_are_picked_once(folder):
    doubled = np.repeat(np.load("rows.npy"), 2, axis=0)
    found = specaudit.sample(doubled, ROWS)
    assert found.kept == tuple(range(0, 2 * ROWS, 2))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["-n", "5"], "no file for the rows; add --save-rows rows.npy"),
        (["-n", "401", "--save-rows", "s.npy"], "a sample of 401 rows, expected 1 to its 400 different rows"),
        (["-n", "0", "--save-rows", "s.npy"], "a sample of 0 rows"),
        (["-n", "5", "--save-rows", "rows.npy"], "is also an input"),
        (["-n", "5", "--save-rows", "s.parquet"], "not a list of rows"),
        (["-n", "5", "--save-rows", "s.npy", "--seed", "-1"], "--seed: expected a whole number"),
    ],
)
def test_a_sample_that_cannot_be_is_refused(folder, capsys, arguments, told):
    assert told in refused(capsys, "sample", "rows.npy", *arguments).replace("\n  next: ", "; ")
    assert not Path("s.npy").exists()
