"""`specaudit prune` as a pipeline runs it: exit codes by real audits of small data, files, and mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import jsonschema
import numpy as np
import pytest
from cli_fixtures import clean, refused

from specaudit import comparison, config
from specaudit.cli import main
from specaudit.cli.rows import KEPT_FORMATS
from specaudit.documents import json_schema
from specaudit.embeddings import open_embeddings, read_selection
from specaudit.errors import InputError
from specaudit.pruning import METHODS
from specaudit.writing import write_files

N, D = 300, 12
QUICK = ("--kernel", "laplace")
WIDE = ("--margin", "capacity=1", "--margin", "tail=1")


@pytest.fixture(autouse=True)
def here(monkeypatch, tmp_path):
    clean(monkeypatch, tmp_path)
    monkeypatch.setattr(comparison, "ROUNDS", comparison.ROUNDS[:1])
    rng = np.random.default_rng(0)
    rows = (rng.standard_normal((N, D)) * np.arange(1, D + 1) ** -0.4).astype(np.float32)
    np.save("rows.npy", rows)
    np.save("scores.npy", rows[:, 0])
    Path("ids.txt").write_text("".join(f"r{row}\n" for row in range(N)))


def prune(*arguments):
    return main(["prune", "rows.npy", *QUICK, *arguments])


def compare(*arguments):
    return main(["compare", "rows.npy", *QUICK, *arguments])


# ---------------------------------------------------------------- exit codes


def test_a_pruning_that_passes_exits_0(capsys):
    assert prune("--method", "random", "--keep", "0.5", *WIDE) == 0
    out, err = capsys.readouterr()
    assert out.startswith("Pass: ")
    assert "random: 150 of 300 rows" in out
    assert err == ""


def test_a_pruning_that_fails_exits_1_and_its_file_is_written(capsys):
    assert prune("--method", "prototypes", "--keep", "0.5", "--save-rows", "kept.npy", "-q") == 1
    assert capsys.readouterr().out.startswith("Fail: ")
    assert compare("--kept", "kept.npy", "-q") == 1
    assert capsys.readouterr().out.startswith("Fail: ")


def test_a_pruning_that_cannot_be_told_exits_3_unless_that_is_allowed(capsys):
    assert prune("--method", "random", "--keep", "0.2") == 3
    assert prune("--method", "random", "--keep", "0.2", "--on-inconclusive", "pass") == 0
    assert prune("--method", "random", "--keep", "0.2", "--exit-zero") == 0
    assert "exit code 0 instead of 3" in capsys.readouterr().err


def test_all_methods_are_a_table_and_not_gated(capsys):
    assert prune("--method", "all", "--keep", ".4,.8", "-o", "all.json", "--plot", "all.svg") == 0
    out = capsys.readouterr().out
    assert out.startswith("8 methods at 2 shares of 300 rows")
    for name in set(METHODS) - {"scores"}:
        assert f"\n  {name} " in out
    document = json.loads(Path("all.json").read_text())
    jsonschema.validate(document, json.loads(json_schema("prune")))
    assert len(document["trials"]) == 16
    assert document["verdict"] is None
    assert "rows kept" in Path("all.svg").read_text()
    assert main(["show", "all.json"]) == 0
    assert capsys.readouterr().out == out


def test_the_smallest_share_is_told_with_its_bracket(capsys):
    assert prune("--method", "herding", "--keep", "auto", "--save-rows", "k.npy", "-o", "p.json", *WIDE) == 0
    out = capsys.readouterr().out
    assert "smallest share" in out
    assert "the reference, no recommendation" in out
    low, high = json.loads(Path("p.json").read_text())["search"]["bracket"]
    assert low > high
    assert len(np.load("k.npy")) == round(low * N)


def test_where_no_share_passes_all_rows_are_kept_and_the_exit_code_is_3(capsys):
    tight = ("--margin", "capacity=0.00001", "--margin", "tail=0.00001")
    assert prune("--method", "outliers", "--keep", "auto", "--save-rows", "k.txt", *tight, "-q") == 3
    out, err = capsys.readouterr()
    assert out.startswith("Inconclusive: no share of the rows")
    assert "k.txt holds all rows" in err
    assert len(Path("k.txt").read_text().split()) == N


# ---------------------------------------------------------------- files


@pytest.mark.parametrize("suffix", [".npy", ".csv", ".txt", ".jsonl"])
@pytest.mark.parametrize("named", [False, True])
def test_kept_rows_are_what_compare_reads(capsys, suffix, named):
    ids = ("--ids", "ids.txt") if named else ()
    assert (
        prune("--method", "leverage", "--keep", "0.6", *ids, *WIDE, "--save-rows", f"k{suffix}", "-o", "p.json") == 0
    )
    assert compare("--kept", f"k{suffix}", *ids, *WIDE, "-o", "c.json") == 0
    audit = json.loads(Path("p.json").read_text())["audit"]
    direct = json.loads(Path("c.json").read_text())
    assert audit["after"]["digest"] == direct["after"]["digest"]
    assert audit["spectra"] == direct["spectra"]
    if named and suffix in (".txt", ".jsonl"):
        assert "r" in Path(f"k{suffix}").read_text()


@pytest.mark.parametrize("suffix", [".npy", ".csv", ".jsonl"])
def test_weights_are_what_compare_reads(suffix):
    soft = ("--soft", "--cap", "2", "--save-weights", f"w{suffix}")
    assert prune("--method", "density", *soft, *WIDE, "-o", "p.json") == 0
    assert compare("--weights", f"w{suffix}", *WIDE, "-o", "c.json") == 0
    one, other = (json.loads(Path(name).read_text()) for name in ("p.json", "c.json"))
    assert one["audit"]["spectra"] == other["spectra"]
    assert (one["cap"], one["keep"]) == (2, [])


def test_scores_may_be_negative_and_come_from_a_table(capsys):
    scores = np.load("scores.npy")
    Path("s.csv").write_text("row,score\n" + "".join(f"{row},{float(scores[row])!r}\n" for row in reversed(range(N))))
    for number, name in enumerate(("scores.npy", "s.csv")):
        flags = ("--method", "scores", "--keep", "0.5", "--scores", name, "--save-rows", f"{number}.npy")
        assert prune(*flags, "--exit-zero") == 0
        assert set(np.load(f"{number}.npy")) == set(np.argsort(-scores, kind="stable")[:150])


def test_the_same_run_gives_the_same_bytes(capsys):
    for name in ("a.json", "b.json"):
        assert prune("--method", "semdedup", "--keep", "0.8", *WIDE, "-o", name) == 0
    assert Path("a.json").read_bytes() == Path("b.json").read_bytes()
    command = json.loads(Path("a.json").read_text())["reproduce"]["command"]
    assert command.startswith("specaudit prune rows.npy --method semdedup --keep 0.8 --kernel laplace")


def test_formats_of_one_pruning(capsys):
    flags = ("--method", "random", "--keep", "0.5", *WIDE)
    assert prune(*flags, "--format", "json") == 0
    jsonschema.validate(json.loads(capsys.readouterr().out), json.loads(json_schema("prune")))
    assert prune(*flags, "--format", "markdown", "-o", "p.txt", "--plot", "p.png") == 0
    assert capsys.readouterr().out.startswith("| pruning |  |")
    assert Path("p.txt").read_text().startswith("Pass: ")
    assert Path("p.png").read_bytes().startswith(b"\x89PNG")


def test_the_table_as_markdown(capsys):
    assert prune("--method", "all", "--keep", "0.5", "--format", "markdown") == 0
    out = capsys.readouterr().out
    assert out.startswith("**8 methods at a share")
    assert out.count("\n| ") > 16


# ---------------------------------------------------------------- mistakes

NO = ("--method", "outliers", "--keep", "0.5")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ((), "Missing option '--method'"),
        (("--method", "outlier", "--keep", "0.5"), "did you mean outliers?"),
        (("--method", "outliers"), "no share of the rows to keep"),
        (("--method", "outliers", "--keep", "1"), "--keep: expected auto or a share between 0 and 1, got '1'"),
        (("--method", "outliers", "--keep", "half"), "got 'half'"),
        (("--method", "outliers", "--keep", ".2,.3"), "--keep takes one share, got 2"),
        (("--method", "all", "--keep", "auto"), "--keep auto takes one method"),
        (("--method", "random", "--keep", "auto"), "random rows are only its reference"),
        (("--method", "all", "--save-rows", "k.npy"), "--save-rows takes one method"),
        (("--method", "all", "--groups", "ids.txt"), "--groups takes one method"),
        (("--method", "outliers", "--soft"), "--soft needs a bound of the weights"),
        (("--method", "outliers", "--soft", "--cap", "1"), "--cap: expected a number above 1"),
        (("--method", "outliers", "--soft", "--cap", "400"), "below the 300 rows"),
        (("--method", "outliers", "--soft", "--cap", "2", "--save-rows", "k.npy"), "use --save-weights"),
        ((*NO, "--soft", "--cap", "2"), "--soft and --keep exclude each other"),
        ((*NO, "--cap", "2"), "--cap bounds the weights of --soft"),
        ((*NO, "--save-weights", "w.npy"), "--save-weights needs --soft"),
        ((*NO, "--save-rows", "k.json"), "--save-rows k.json: not a list of rows"),
        ((*NO, "--save-rows", "rows.npy"), "also an input"),
        ((*NO, "--scores", "scores.npy"), "--scores has no effect on the method outliers"),
        (("--method", "scores", "--keep", "0.5"), "the method scores needs scores"),
        (("--method", "scores", "--keep", "0.5", "--scores", "ids.txt"), "'r0' is not a number"),
        (("--method", "scores", "--keep", "0.5", "--scores", "none.npy"), "none.npy"),
        ((*NO, "--format", "junit"), "unknown format 'junit'"),
        ((*NO, "--format", "html"), "only a file can be html"),
        ((*NO, "--dry-run", "--format", "markdown"), "--dry-run says its plan as text"),
        ((*NO, "-o", "p.xml"), "p.xml"),
    ],
)
def test_a_mistake_exits_2_with_one_line(capsys, arguments, part):
    assert part in refused(capsys, "prune", "rows.npy", *arguments)


def test_a_missing_file_and_bad_rows_exit_2(capsys):
    assert "no.npy" in refused(capsys, "prune", "no.npy", *NO)
    rows = np.load("rows.npy")
    rows[3, 2] = np.nan
    np.save("bad.npy", rows)
    assert "bad.npy" in refused(capsys, "prune", "bad.npy", *NO)
    flags = (*NO, *QUICK, *WIDE, "--drop-bad-rows", "--save-rows", "k.npy")
    assert main(["prune", "bad.npy", *flags]) == 0
    assert 3 not in np.load("k.npy")
    assert len(np.load("k.npy")) == round(0.5 * (N - 1))


def test_a_dry_run_says_the_plan_and_writes_nothing(capsys):
    assert prune("--method", "all", "--dry-run", "-o", "p.json") == 0
    out = capsys.readouterr().out
    assert out.startswith("rows ")
    assert "k-center" in out
    assert not Path("p.json").exists()


def test_settings_of_a_file_are_used(capsys):
    Path("specaudit.toml").write_text('method = "herding"\ncap = 2.0\nkernel = ["linear"]\n')
    assert main(["prune", "rows.npy", "--soft", *WIDE, "-q"]) == 0
    assert config.KEYS["method"].choices == (*METHODS, "all")


HOSTILE = (
    "p0\np1", "a\rb", "\r", "\n", " x ", 'say "hi", twice', "\ufeffbom", "1", "=1+1", "\u2028", "::error::x", "p0",
)  # fmt: skip
LINES = (" x ", 'say "hi", twice', "1", "=1+1", "::error::x", "p0")


class Named(NamedTuple):
    """Rows that are kept."""

    kept: tuple[int, ...]
    kept_ids: tuple[str, ...] | None


def kept_of(ids):
    """Return some rows, and the embeddings that they are of."""
    values = np.random.default_rng(0).standard_normal((len(HOSTILE) + 1, 2))
    embeddings = open_embeddings(values, ids=["p1", *HOSTILE])
    rows = tuple(sorted(1 + HOSTILE.index(name) for name in ids))
    return Named(rows, tuple(embeddings.ids[row] for row in rows)), embeddings


@pytest.mark.parametrize(
    ("suffix", "ids"),
    [
        *((suffix, [name]) for suffix in (".csv", ".jsonl", ".npy") for name in HOSTILE),
        *((suffix, HOSTILE) for suffix in (".csv", ".jsonl", ".npy")),
        *((".txt", [name]) for name in LINES),
        (".txt", LINES),
        (".txt", ["p0", "\ufeffbom"][::-1]),
    ],
)
def test_a_file_of_kept_rows_names_them_whatever_their_ids(tmp_path, suffix, ids):
    kept, embeddings = kept_of(ids)
    if kept.kept_ids[0] == "\ufeffbom":
        kept = Named(kept.kept[::-1], kept.kept_ids[::-1])
    write_files([(tmp_path / f"kept{suffix}", KEPT_FORMATS[suffix](kept))])
    found = np.flatnonzero(read_selection(tmp_path / f"kept{suffix}", embeddings))
    np.testing.assert_array_equal(found, sorted(kept.kept))


@pytest.mark.parametrize("name", ["p0\np1", "a\rb", "\r", "\n", "\ufeffbom", "\u2028"])
def test_ids_that_are_no_lines_are_not_written_as_such(tmp_path, name):
    with pytest.raises(InputError, match="is no line of a"):
        write_files([(tmp_path / "kept.txt", KEPT_FORMATS[".txt"](kept_of([name])[0]))])
    assert not [path for path in tmp_path.iterdir() if "kept" in path.name or path.name.startswith(".specaudit")]
