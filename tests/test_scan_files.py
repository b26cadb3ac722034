"""Scans as files: what is fitted or compared from them is what is fitted or compared from the shards."""

from __future__ import annotations

import functools
import io
import json
import os
import pickle
import threading
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cli_fixtures import clean, refused
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from specaudit import api
from specaudit.budget import BASE, scan_file_memory
from specaudit.cli import main
from specaudit.embeddings import core, open_embeddings, unopened
from specaudit.embeddings.texts import text_bytes
from specaudit.errors import InputError
from specaudit.kernels import choose_kernel
from specaudit.moments import second_moments
from specaudit.scan import Scan, scan

COUNT = 240
CUTS = [1, 90, 150]


def rows_of(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = (rng.standard_normal((COUNT, 6)) * np.arange(1, 7) ** -0.8).astype(np.float32)
    values[100:110] = values[:10]
    return values


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Go to a folder with four shards, one of a single row, and a scan of each."""
    clean(monkeypatch, tmp_path)
    Path("rows").mkdir()
    for number, part in enumerate(np.split(rows_of(), CUTS)):
        np.save(f"rows/part-{number}.npy", part)
    scan_all("scans")
    return tmp_path


def scan_all(target: str, *options: str) -> None:
    Path(target).mkdir()
    for number in range(len(CUTS) + 1):
        made = main(["scan", f"rows/part-{number}.npy", "-o", f"{target}/{number}.scan", "-q", *options])
        assert made == 0


def unnamed(found: object) -> object:
    """Return a document without what names its sources."""
    if isinstance(found, dict):
        return {key: unnamed(value) for key, value in found.items() if key not in ("source", "reproduce")}
    return [unnamed(value) for value in found] if isinstance(found, list) else found


def document(*arguments: str) -> object:
    Path("out.json").unlink(missing_ok=True)
    assert main([*arguments, "-o", "out.json", "-q", "--threads", "1"]) in (0, 3)
    return unnamed(json.loads(Path("out.json").read_text()))


# ---------------------------------------------------------------- the same document


@pytest.mark.parametrize(
    "sources", [["scans/*.scan"], ["scans"], ["@list"], ["pair.scan", "scans/2.scan", "scans/3.scan"]]
)
def test_a_fit_of_scans_is_that_of_their_shards(folder, sources):
    Path("list").write_text("".join(f"scans/{number}.scan\n" for number in (3, 1, 0, 2)))
    assert main(["scan", "scans/1.scan", "scans/0.scan", "-o", "pair.scan", "-q"]) == 0
    os.rename("rows", "elsewhere")
    one = document("fit", *sources, "--max-rows", "100")
    os.rename("elsewhere", "rows")
    assert one == document("fit", "rows", "--max-rows", "100")


@pytest.mark.parametrize("options", [["--normalize", "l2", "--centered"], ["--seed", "7"], ["--max-rows", "120"]])
def test_rows_that_no_scan_keeps_are_read_from_the_shards(folder, options):
    scan_all("few", "--max-rows", "20")
    assert document("fit", "few/*.scan", *options) == document("fit", "rows", *options)


def test_where_shards_are_needed_and_gone_it_says_so(folder, capsys):
    scan_all("few", "--max-rows", "20")
    os.rename("rows", "elsewhere")
    message = refused(capsys, "fit", "few/*.scan")
    assert "few/1.scan: keeps 20 rows, and others are needed, but rows/part-1.npy: no such file" in message
    os.rename("elsewhere", "rows")
    changed = np.load("rows/part-1.npy")
    changed[3] += 1
    np.save("rows/part-1.npy", changed)
    assert "rows/part-1.npy: changed since it was scanned" in refused(capsys, "fit", "few/*.scan")


def test_a_sample_needs_no_shard(folder):
    scan_all("few", "--max-rows", "30")
    os.rename("rows", "elsewhere")
    with open_embeddings("few") as embeddings:
        found = scan(embeddings, max_rows=30)
        sample = embeddings.take(found.sample.rows)
    expected = scan(open_embeddings(rows_of()), max_rows=30)
    assert np.array_equal(sample, rows_of()[expected.sample.rows])


def test_either_side_of_a_comparison_may_be_scans(folder):
    np.save("kept.npy", rows_of()[::2])
    assert main(["scan", "kept.npy", "-o", "kept.scan", "-q"]) == 0
    expected = document("compare", "rows", "kept.npy")
    for sides in (("scans/*.scan", "kept.npy"), ("rows", "kept.scan"), ("scans", "kept.scan")):
        assert document("compare", *sides) == expected
    np.save("numbers.npy", np.arange(0, COUNT, 2))
    proposed = document("compare", "rows", "--kept", "numbers.npy")
    assert document("compare", "scans", "--kept", "numbers.npy") == proposed


def test_ids_are_kept(folder):
    Path("ids.txt").write_text("".join(f"item {row} é\n" for row in range(COUNT)))
    shards = [f"rows/part-{number}.npy" for number in range(len(CUTS) + 1)]
    assert main(["scan", *shards, "--ids", "ids.txt", "-o", "all.scan", "-q", "--max-rows", "30"]) == 0
    os.rename("rows", "elsewhere")
    with open_embeddings("all.scan") as embeddings:
        assert embeddings.locate(95) == "part-2.npy row 5 (id 'item 95 é')"
        found = scan(embeddings, max_rows=30)
        sample = embeddings.take(found.sample.rows)
    os.rename("elsewhere", "rows")
    expected = scan(open_embeddings("rows", ids="ids.txt"), max_rows=30)
    assert np.array_equal(sample, rows_of()[expected.sample.rows])


def test_a_table_is_read_again_as_it_was_scanned(folder):
    lines = ["name,a,b"] + [f"item {row},{x:.9g},{y:.9g}" for row, (x, y) in enumerate(rows_of()[:, :2].tolist())]
    Path("table.csv").write_text("\n".join(lines) + "\n")
    assert main(["scan", "table.csv", "--ids", "name", "-o", "table.scan", "--max-rows", "9", "-q"]) == 0
    assert document("fit", "table.scan") == document("fit", "table.csv", "--ids", "name")


def test_bad_rows_are_told_as_they_are_without_a_scan(folder, capsys):
    values = rows_of()
    values[5, 2], values[9] = np.nan, 0
    np.save("bad.npy", values)
    assert "bad.npy row 5" in refused(capsys, "scan", "bad.npy", "-o", "bad.scan")
    assert main(["scan", "bad.npy", "-o", "bad.scan", "--drop-bad-rows", "-q"]) == 0
    assert "bad.npy row 5" in refused(capsys, "fit", "bad.scan")
    assert document("fit", "bad.scan", "--drop-bad-rows") == document("fit", "bad.npy", "--drop-bad-rows")
    capsys.readouterr()
    message = refused(capsys, "fit", "bad.scan", "--drop-bad-rows", "--normalize", "l2")
    assert "scanned with --normalize none, under which its 1 rows of zero norm count otherwise" in message


# ---------------------------------------------------------------- what cannot be together


def test_one_shard_in_two_scans_is_told(folder, capsys):
    assert main(["scan", "rows/part-1.npy", "rows/part-2.npy", "-o", "pair.scan", "-q"]) == 0
    message = refused(capsys, "fit", "scans/0.scan", "scans/2.scan", "pair.scan")
    assert "pair.scan: part-2.npy holds the rows of part-2.npy in scans/2.scan, which would count twice" in message
    assert main(["scan", "rows/part-1.npy", "rows/part-1.npy", "-o", "twice.scan", "-q"]) == 0
    with open_embeddings("twice.scan") as embeddings:
        assert scan(embeddings).multiplicities.values.tolist() == [2]


def test_a_scan_and_a_shard_are_not_mixed(folder, capsys):
    assert "rows/part-0.npy is none" in refused(capsys, "fit", "scans/1.scan", "rows/part-0.npy")
    assert main(["scan", "rows/part-0.npy", "-o", "l2.scan", "--normalize", "l2", "-q"]) == 0
    assert "the scans differ in --normalize" in refused(capsys, "fit", "scans/1.scan", "l2.scan")


def test_shards_without_usable_rows_are_no_copies(folder):
    for name in ("one", "two"):
        np.save(f"{name}.npy", np.full((3, 6), np.nan, np.float32))
        assert main(["scan", f"{name}.npy", "-o", f"{name}.scan", "--drop-bad-rows", "-q"]) == 0
    found = document("fit", "one.scan", "two.scan", "scans/3.scan", "--drop-bad-rows")
    assert found == document("fit", "one.npy", "two.npy", "rows/part-3.npy", "--drop-bad-rows")


@pytest.mark.parametrize(
    ("option", "told"),
    [
        (["--column", "a"], "column 'a', but a scan is of the columns it was made of"),
        (["--dtype", "float64"], "holds float32, but dtype 'float64' was given"),
        (["--shape", "5,6"], "shape (89, 6), but (5, 6) was given"),
    ],
)
def test_options_of_shards_are_not_for_scans(folder, capsys, option, told):
    assert told in refused(capsys, "fit", "scans/1.scan", *option)


def test_shards_are_found_where_links_lead_to_their_folder(folder, capsys):
    Path("deep/below").mkdir(parents=True)
    Path("link").symlink_to("deep/below")
    assert main(["scan", "rows/part-1.npy", "-o", "link/few.scan", "--max-rows", "9", "-q"]) == 0
    Path("deep/others").symlink_to("../rows")
    assert main(["scan", "deep/others/part-1.npy", "-o", "more.scan", "--max-rows", "9", "-q"]) == 0
    expected = document("fit", "rows/part-1.npy")
    for scanned in ("link/few.scan", "deep/below/few.scan", "more.scan"):
        assert document("fit", scanned) == expected


def test_a_scan_at_a_url_has_no_shards_beside_it(folder, capsys):
    assert main(["scan", "rows/part-1.npy", "-o", "few.scan", "--max-rows", "9", "-q"]) == 0
    with ThreadingHTTPServer(("127.0.0.1", 0), _Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        message = refused(capsys, "fit", f"{url}/few.scan")
        assert document("fit", f"{url}/scans/1.scan") == document("fit", "rows/part-1.npy")
        server.shutdown()
    assert "does not keep all rows of part-1.npy, which it names relative to itself" in message


@pytest.mark.parametrize("centered", [[], ["--centered"]])
def test_a_table_read_in_groups_of_rows_gives_the_sums_of_its_scan(folder, monkeypatch, centered):
    monkeypatch.setattr(core.Embeddings, "_bounded", lambda self, size: min(size, 40 * 6 * 8))
    values = np.random.default_rng(0).standard_normal((COUNT, 6))
    pq.write_table(pa.table({"embedding": list(values)}), "rows.parquet", row_group_size=33)
    assert main(["scan", "rows.parquet", "-o", "table.scan", "-q"]) == 0
    found = []
    for source in ("rows.parquet", "table.scan", values):
        with open_embeddings(source) as embeddings:
            scanned = scan(embeddings)
            sample = embeddings.take(scanned.sample.rows)
            kernel = choose_kernel("linear", sample, bandwidth=None, normalize="none", centered=bool(centered))
            found.append((second_moments(embeddings, scanned, kernel).gram, scanned.column_mean))
    for other in found[1:]:
        assert all(np.array_equal(one, two) for one, two in zip(found[0], other, strict=True))


# ---------------------------------------------------------------- files that are no scans


def rewritten(change: Callable[[dict[str, bytes]], None], **options: int) -> bytes:
    """Return the scan of a shard with changed members."""
    with zipfile.ZipFile("scans/1.scan") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", **options) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def array(values: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, values)
    return out.getvalue()


def header(**changes: object) -> Callable[[dict[str, bytes]], None]:
    def change(members: dict[str, bytes]) -> None:
        members["header.json"] = json.dumps(json.loads(members["header.json"]) | changes).encode()

    return change


def empty_text(rows: int) -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": "<U0", "fortran_order": False, "shape": (rows,)})
    return out.getvalue()


def in_shard(**changes: object) -> Callable[[dict[str, bytes]], None]:
    def change(members: dict[str, bytes]) -> None:
        entry = json.loads(members["header.json"])["shards"][0]
        header(shards=[entry | changes])(members)

    return change


BAD: dict[str, tuple[Callable[[dict[str, bytes]], None], str]] = {
    "no header": (lambda m: m.pop("header.json"), "it has no header"),
    "another version": (header(schema="specaudit.scan/2"), "its header is not specaudit.scan/1"),
    "other counts": (header(rows=88), "contents has shape"),
    "no shards": (header(shards=[]), "its shards have 0 rows"),
    "other hashes": (
        lambda m: m.update({"contents.npy": array(np.arange(89, dtype=np.uint64))}),
        "contents is not what",
    ),
    "huge": (
        lambda m: m.update({"usable.npy": m["usable.npy"].replace(b"(89,)", b"(9" + b"9" * 15 + b",)")}),
        "usable",
    ),
    "objects": (lambda m: m.update({"kept.npy": pickle.dumps([1])}), "kept"),
    "fewer rows": (
        lambda m: m.update({"kept.npy": array(np.zeros((3, 6), np.float32))}),
        "not as many as their hashes",
    ),
    "no array": (lambda m: m.pop("first.npy"), "first.npy"),
    "no rows": (header(rows=0, shards=[]), "no rows"),
    "no columns": (header(dimensions=0), "no columns"),
    "text for a number": (header(rows="89"), "has rows 89"),
    "another normalisation": (header(normalize="foo"), "normalize is foo"),
    "normalisation of a list": (header(normalize=["l2"]), "has normalize"),
    "a number for a version": (in_shard(version=7), "a shard has version 7"),
    "no options": (in_shard(options=None), "has options None"),
    "options of a list": (in_shard(options=["a"]), "has options"),
    "an unknown option": (in_shard(options={"shape": None, "more": "1"}), "more"),
    "no path": (in_shard(path="a\0b"), "a shard is no file"),
    "standard input": (in_shard(suffix="-"), "a shard is no file"),
    "no dtype": (in_shard(dtype="c8"), "no matrix of numbers"),
    "a list for a shard": (header(shards=[[1]]), "a shard is no object"),
    "empty text": (lambda m: m.update({"norms.npy": empty_text(10**13)}), "norms is no plain array"),
    "kept text": (lambda m: m.update({"kept.npy": array(np.full((89, 6), "1"))}), "kept is no plain array"),
    "kept complex": (lambda m: m.update({"kept.npy": array(np.ones((89, 6), "c8"))}), "kept is no plain array"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_was_altered_is_refused(folder, capsys, name):
    change, told = BAD[name]
    Path("bad.scan").write_bytes(rewritten(change))
    assert told in refused(capsys, "fit", "bad.scan")


def test_kept_rows_that_were_altered_are_found_when_they_are_read(folder, capsys):
    Path("bad.scan").write_bytes(rewritten(lambda m: m.update({"kept.npy": array(np.ones((89, 6), np.float32))})))
    assert "bad.scan: damaged: a row that it keeps is not the one that was scanned" in refused(
        capsys, "fit", "bad.scan"
    )


def test_compressed_or_truncated_files_are_refused(folder, capsys):
    Path("bomb.scan").write_bytes(rewritten(lambda m: None, compression=zipfile.ZIP_DEFLATED))
    assert "a member is compressed" in refused(capsys, "fit", "bomb.scan")
    whole = Path("scans/1.scan").read_bytes()
    for size in (0, 1, len(whole) // 2, len(whole) - 1):
        Path("cut.scan").write_bytes(whole[:size])
        refused(capsys, "fit", "cut.scan")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255))
def test_no_changed_byte_is_more_than_an_input_error(folder, place, value):
    data = bytearray(Path("scans/1.scan").read_bytes())
    data[int(place * len(data))] = value
    Path("changed.scan").write_bytes(data)
    try:
        with open_embeddings("changed.scan") as embeddings:
            found = scan(embeddings)
            sample = embeddings.take(found.sample.rows)
    except InputError:
        return
    expected = scan(open_embeddings("rows/part-1.npy"))
    assert found.digest == expected.digest
    assert np.array_equal(sample, np.load("rows/part-1.npy")[expected.sample.rows])


# ---------------------------------------------------------------- merging


def content(result: Scan, values: np.ndarray) -> list[object]:
    """Return what does not depend on the numbers of the rows."""
    sample = values[result.sample.rows].tolist()
    multiplicities = (result.multiplicities.values.tolist(), result.multiplicities.counts.tolist())
    counts = (result.rows, result.unique_rows, result.dropped_rows, result.zero_rows, result.constant_columns)
    norms = (result.norm_min, result.norm_mean, result.norm_max, result.column_mean.tolist())
    return [result.digest, sample, result.sample.weights.tolist(), multiplicities, counts, norms]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    cuts=st.lists(st.integers(1, 59), min_size=1, max_size=6, unique=True).map(sorted),
    order=st.randoms(use_true_random=False),
    normalize=st.sampled_from(["none", "l2"]),
)
def test_scans_merge_in_any_order_and_grouping(seed, cuts, order, normalize):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((60, 4)) * 10.0 ** rng.integers(-8, 9, (60, 1))
    values[rng.integers(0, 60, 15)] = values[rng.integers(0, 60, 15)]
    values[:, 2] = values[0, 2] if seed % 2 else values[:, 2]
    options = {"max_rows": 20, "normalize": normalize, "drop_bad_rows": True}
    parts = [part for part in np.split(values, cuts) if len(np.unique(part, axis=0)) > 1]
    groups = [(scan(open_embeddings(part), **options), part) for part in parts]
    whole = functools.reduce(Scan.merge, (found for found, _ in groups))
    expected = content(whole, np.concatenate(parts))
    assert expected[:5] == content(scan(open_embeddings(np.concatenate(parts)), **options), np.concatenate(parts))[:5]
    order.shuffle(groups)
    while len(groups) > 1:
        at = order.randrange(len(groups) - 1)
        (one, first), (other, second) = groups[at : at + 2]
        groups[at : at + 2] = [(one.merge(other), np.concatenate([first, second]))]
    assert content(*groups[0])[:5] == expected[:5]
    np.testing.assert_allclose(content(*groups[0])[5][3], expected[5][3], rtol=1e-14, atol=0)


def test_a_dry_run_tells_what_a_scan_would_take_and_writes_nothing(folder, capsys):
    assert main(["scan", "rows", "-o", "all.scan", "--dry-run", "--workers", "3"]) == 0
    told = dict(line.split("  ", 1) for line in capsys.readouterr().out.splitlines() if not line.startswith(" "))
    assert {name: value.strip() for name, value in told.items()}["rows"] == "240"
    low, high = (float(text) for text in told["time"].strip().removesuffix(" s").split(" to "))
    assert 0 < low < high
    assert "MiB" in told["per worker"]
    assert not Path("all.scan").exists()


def test_the_api_returns_the_file(folder):
    found = api.scan(["rows/part-0.npy", "rows/part-1.npy"], folder="scans", max_rows=10)
    assert (found.rows, found.shards, found.kept) == (90, 2, 10)
    again = api.scan(["rows/part-0.npy", "rows/part-1.npy"], folder="scans", max_rows=10)
    assert found.content == again.content


def test_ids_count_in_the_memory_of_a_scan(folder):
    names = [str(row) for row in range(COUNT)]
    Path("ids.txt").write_text("\n".join(names))
    named, without = (api.scan_plan("rows", ids=ids).peak_memory for ids in ("ids.txt", None))
    assert named - without == 2 * text_bytes(names)  # in memory, and in the file
    assert scan_file_memory(1000, 10, 6, named=True) - scan_file_memory(1000, 10, 6) == 3 * 8 * 10 * 6


def test_a_scan_holds_the_rows_that_it_keeps_three_times_at_most():
    values = np.random.default_rng(0).standard_normal((50_000, 64))
    api.scan(values[:100])
    tracemalloc.start()
    try:
        api.scan(values, max_rows=50_000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < scan_file_memory(50_000, 50_000, 64) - BASE


def test_a_matrix_that_is_read_stays_open_when_others_take_its_place(folder, monkeypatch):
    monkeypatch.setattr(unopened, "MOST_OPEN", 2)
    for number in range(4):
        np.savetxt(f"{number}.csv", rows_of(number), delimiter=",")
        assert main(["scan", f"{number}.csv", "-o", f"{number}.scan", "--max-rows", "2", "-q"]) == 0
    with open_embeddings([f"{number}.scan" for number in range(4)]) as embeddings:
        first, *others = embeddings.matrices
        reading = first.blocks(6 * 8)
        next(reading)
        for other in others:
            next(other.blocks(6 * 8))
        assert len(list(reading)) == COUNT - 1


def test_two_threads_open_a_file_once(folder, monkeypatch):
    opened = []
    read = unopened.open_part
    monkeypatch.setattr(
        unopened, "open_part", lambda *given: (opened.append(given), time.sleep(0.05), read(*given))[2]
    )
    assert main(["scan", "rows/part-1.npy", "-o", "few.scan", "--max-rows", "9", "-q"]) == 0
    with open_embeddings("few.scan") as embeddings, ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: sum(map(len, embeddings.matrices[0].blocks(64))), range(2)))
    assert len(opened) == 1
