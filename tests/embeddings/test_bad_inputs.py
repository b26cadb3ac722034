"""What cannot be read is refused in one line that names the file and the next step, never by a traceback."""

from __future__ import annotations

import io
import json
import os
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.feather
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from specaudit.cli import main
from specaudit.embeddings import open_embeddings
from specaudit.errors import ExitCode, InputError

GOOD = np.arange(12, dtype=np.float32).reshape(4, 3)


def npy(array: Any, **options: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def header(shape: Any, descr: str = "<f4") -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": descr, "fortran_order": False, "shape": shape})
    return stream.getvalue()


def npz(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def jsonl(*lines: Any) -> bytes:
    return "\n".join(json.dumps(line) for line in lines).encode()


def vec(*dimensions: int) -> bytes:
    return b"".join(np.int32(d).tobytes() + bytes(12) for d in dimensions)


def arrow(write: Callable[..., None], **options: Any) -> bytes:
    sink = pyarrow.BufferOutputStream()
    write(pyarrow.table({"id": ["a", "b", "c", "d"], "embedding": GOOD.tolist()}), sink, **options)
    return sink.getvalue().to_pybytes()


def zipped(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return stream.getvalue()


# name of the test: (file, its bytes, what the message says besides the file, options)
FILES: dict[str, tuple[str, bytes, str, dict[str, Any]]] = {
    "empty": ("a.npy", b"", "empty", {}),
    "magic": ("a.npy", b"PK not a numpy file at all", "not a readable .npy", {}),
    "header cut": ("a.npy", npy(GOOD)[:40], "not a readable .npy", {}),
    "header rubbish": ("a.npy", npy(GOOD)[:10] + b"{'descr': ((" + npy(GOOD)[22:], "not a readable", {}),
    "version": ("a.npy", b"\x93NUMPY\x09\x00" + npy(GOOD)[8:], "not a readable .npy", {}),
    "truncated": ("a.npy", npy(GOOD)[:-5], "needs 48 bytes, got 43", {}),
    "no data": ("a.npy", header((4, 3)), "needs 48 bytes, got 0", {}),
    "trailing": ("a.npy", npy(GOOD) + b"1234", "needs 48 bytes, got 52", {}),
    "huge": ("a.npy", header((10**15, 10**6)) + bytes(48), "truncated", {}),
    "beyond int64": ("a.npy", header((10**30, 10**30)) + bytes(48), "truncated", {}),
    "negative": ("a.npy", header((-4, -3)) + bytes(48), "negative shape", {}),
    "pickled": ("a.npy", npy(np.array([[1], [{}]], object), allow_pickle=True), "pickled", {}),
    "complex": ("a.npy", npy(GOOD.astype("c8")), "dtype complex64", {}),
    "strings": ("a.npy", npy(np.array([["a"], ["b"]])), "dtype <U1", {}),
    "bytes": ("a.npy", npy(np.array([[b"a"], [b"b"]])), "dtype |S1", {}),
    "times": ("a.npy", npy(np.zeros((4, 3), "M8[s]")), "dtype datetime64", {}),
    "structured": ("a.npy", npy(np.zeros((4, 3), "f4,i4")), "dtype [(", {}),
    "long double": ("a.npy", npy(np.zeros((4, 3), np.longdouble)), "at most 64 bits", {}),
    "0-D": ("a.npy", npy(np.float32(1)), "0-D", {}),
    "1-D": ("a.npy", npy(np.arange(9.0)), "1-D", {}),
    "3-D": ("a.npy", npy(np.zeros((2, 3, 4))), "3-D", {}),
    "no rows": ("a.npy", npy(np.zeros((0, 4))), "0 rows", {}),
    "no columns": ("a.npy", npy(np.zeros((4, 0))), "0 columns", {}),
    "one row": ("a.npy", npy(GOOD[:1]), "at least 2 rows", {}),
    "member of npy": ("a.npy::emb", npy(GOOD), "only .npz", {}),
    "column of npy": ("a.npy", npy(GOOD), "needs a table", {"column": "e"}),
    "other dtype": ("a.npy", npy(GOOD), "holds float32", {"dtype": "float16"}),
    "other shape": ("a.npy", npy(GOOD), "(4, 3)", {"shape": (3, 4)}),
    "npz rubbish": ("a.npz", b"nothing", "not a readable .npz", {}),
    "npz cut": ("a.npz", npz(a=GOOD)[:-30], "not a readable .npz", {}),
    "npz key": ("a.npz::other", npz(a=GOOD, b=GOOD), "the file has 'a', 'b'", {}),
    "npz ambiguous": ("a.npz", npz(a=GOOD, b=GOOD), "2 2-D arrays: 'a', 'b'", {}),
    "npz flat": ("a.npz", npz(a=np.arange(3), b=np.arange(3)), "no 2-D array among its keys: 'a', 'b'", {}),
    "npz one flat": ("a.npz", npz(a=np.arange(3)), "1-D", {}),
    "npz nothing": ("a.npz", zipped(), "no 2-D array", {}),
    "npz member cut": ("a.npz", zipped(emb=npy(GOOD)[:-4]), "truncated", {}),
    "npz member empty": ("a.npz", zipped(emb=b""), "empty", {}),
    "npz member pickled": ("a.npz", npz(a=np.array([[{}]], object)), "pickled", {}),
    "npz lies": ("a.npz", zipped(emb=header((10**9, 10**9))), "truncated", {}),
    "raw without dtype": ("a.bin", bytes(48), "needs dtype and shape", {}),
    "raw without shape": ("a.bin", bytes(48), "needs shape", {"dtype": "f4"}),
    "raw short": ("a.bin", bytes(47), "needs 48 bytes, got 47", {"dtype": "f4", "shape": (4, 3)}),
    "raw long": ("a.bin", bytes(49), "needs 48 bytes, got 49", {"dtype": "f4", "shape": (4, 3)}),
    "raw odd": ("a.bin", bytes(50), "needs 48 bytes, got 50", {"dtype": "f4", "shape": (-1, 3)}),
    "raw shape": ("a.bin", bytes(48), "0 columns", {"dtype": "f4", "shape": (4, 0)}),
    "raw negative": ("a.bin", bytes(48), "negative", {"dtype": "f4", "shape": (-2, 3)}),
    "raw unknown dtype": ("a.bin", bytes(48), "'bfloat16'", {"dtype": "bfloat16", "shape": (4, 3)}),
    "raw objects": ("a.bin", bytes(48), "'O'", {"dtype": "O", "shape": (2, 3)}),
    "fvecs short": ("a.fvecs", b"\3\0", "truncated", {}),
    "fvecs header": ("a.fvecs", vec(3, 4, 3), "row 1: declares 4 dimensions, expected 3", {}),
    "fvecs negative": ("a.fvecs", vec(-3), "declares -3 dimensions", {}),
    "fvecs cut": ("a.fvecs", vec(3, 3)[:-1], "needs 16 bytes, got 31", {}),
    "fvecs huge": ("a.fvecs", vec(2**31 - 1), "truncated", {}),
    "fbin short": ("a.fbin", b"\1\0\0\0", "truncated", {}),
    "fbin size": ("a.fbin", np.array([4, 3], "<u4").tobytes() + bytes(40), "needs 56 bytes, got 48", {}),
    "fbin none": ("a.u8bin", bytes(8), "0 rows", {}),
    "csv cell": ("a.csv", b"x,y\n1,2\n3,four\n", "line 3 column 2 ('y'): 'four' is not a number", {}),
    "csv empty cell": ("a.csv", b"x,y\n1,2\n3,\n", "line 3 column 2 ('y'): empty cell", {}),
    "csv empty column": ("a.csv", b"x,y\n1,\n3,\n", "line 2 column 2 ('y'): empty cell", {}),
    "csv ragged": ("a.csv", b"1,2\n3,4,5\n", "line 2: 3 cells, expected 2", {}),
    "csv short": ("a.csv", b"1,2\n3\n", "line 2: 1 cells, expected 2", {}),
    "csv blank": ("a.csv", b"1,2\n\n3,4\n", "line 2: blank line", {}),
    "csv header only": ("a.csv", b"x,y\n", "a header and no rows", {}),
    "csv blanks": ("a.csv", b"\n\n", "no rows", {}),
    "csv text": ("a.csv", b"x,y\na,b\n", "no column of numbers", {}),
    "csv semicolons": ("a.csv", b"x;y\n1;2\n3;4\n", "no column of numbers", {}),
    "csv utf-16": ("a.csv", "x,y\n1,2\n".encode("utf-16"), "line 1: not UTF-8", {}),
    "csv latin-1": ("a.csv", "x,y\n1,2\né,3\n".encode("latin-1"), "line 3: not UTF-8 at byte 1", {}),
    "csv quote": ("a.csv", b'x,y\n1,2\n"3,4\n5,6\n', "line 3: a quote is not closed", {}),
    "csv number on two lines": ("a.csv", b'x,y\n1,2\n"3\n3",4\n', r"line 4 column 1 ('x'): '3\n3' is not", {}),
    "csv zero byte": ("a.csv", b"1,2\n3,\x004\n", "line 2", {}),
    "csv carriage returns": ("a.csv", b"x,y\r1,2\r3,4\r", "line 1", {}),
    "csv column": ("a.csv", b"x,y\n1,2\n3,4\n", "no column 'z' among 'x', 'y'", {"column": "x,z"}),
    "csv same id": ("a.csv", b"id,x\nq,2\nq,4\n", "id 'q' names two rows: a.csv row 0 and a.csv row 1", {}),
    "csv no id": ("a.csv", b"id,x\nq,2\n,4\n", "row 1: the id is empty", {}),
    "csv one row": ("a.csv", b"x,y\n1,2\n", "at least 2 rows", {}),
    "csv ids": ("a.csv", b"x,y\n1,2\n3,4\n", "'key' is neither a file nor a column", {"ids": "key"}),
    "jsonl syntax": ("a.jsonl", b"[1, 2]\n[1, 2\n", "line 2: not JSON", {}),
    "jsonl deep": ("a.jsonl", b"[" * 100_000, "line 1: not JSON", {}),
    "jsonl ragged": ("a.jsonl", jsonl([1, 2], [1]), "line 2: 1 numbers, expected 2", {}),
    "jsonl null": ("a.jsonl", jsonl([1, 2], [1, None]), "line 2 item 1: null", {}),
    "jsonl null row": ("a.jsonl", jsonl([1, 2], None), "line 2: null", {}),
    "jsonl string": ("a.jsonl", jsonl([1, 2], [1, "2"]), "line 2 item 1: a string", {}),
    "jsonl true": ("a.jsonl", jsonl([1, True], [1, 2]), "line 1 item 1: true or false", {}),
    "jsonl nested": ("a.jsonl", jsonl([[1, 2]], [[3, 4]]), "line 1 item 0: a list", {}),
    "jsonl empty list": ("a.jsonl", jsonl([], []), "line 1: an empty list", {}),
    "jsonl number": ("a.jsonl", b"1\n2\n", "line 1: a number", {}),
    "jsonl field": ("a.jsonl", jsonl({"x": [1]}), "no field 'embedding' or 'embeddings' or", {}),
    "jsonl column": ("a.jsonl", jsonl({"x": [1]}), "no field 'y' among 'x'", {"column": "y"}),
    "jsonl lost field": ("a.jsonl", jsonl({"vector": [1]}, {"x": [1]}), "line 2 field 'vector': null", {}),
    "jsonl bare": ("a.jsonl", jsonl({"vector": [1]}, [1]), "line 2 field 'vector': a list", {}),
    "jsonl huge": ("a.jsonl", f"[1]\n[{'9' * 400}]".encode(), "line 2 item 0: the integer 9999999999999999999…", {}),
    "jsonl digits": ("a.jsonl", f"[1]\n[{'9' * 9000}]".encode(), "line 2: not JSON", {}),
    "jsonl id": ("a.jsonl", jsonl({"vector": [1], "id": 1}, {"vector": [1]}), "field 'id' is null", {}),
    "jsonl twice": ("a.jsonl", b'{"vector": [1], "vector": [2]}\n', "line 1: not JSON: several fields 'vector'", {}),
    "jsonl id of half a character": (
        "a.jsonl",
        b'{"vector": [1], "id": "\\ud800"}\n{"vector": [2], "id": "b"}\n',
        r"row 0: the id '\ud800' is no text",
        {},
    ),
    "jsonl blank": ("a.jsonl", b"[1]\n\n[2]\n", "line 2: blank line", {}),
    "pickle": ("a.pkl", b"cos\nsystem\n", "never opened", {}),
    "joblib": ("a.joblib", b"x", "never opened", {}),
    "torch": ("a.PT", b"x", "never opened", {}),
    "parquet": ("a.parquet", b"PAR1", "not a readable Parquet file", {}),
    "arrow": ("a.arrow", b"ARROW1\0\0ARROW1", "not a readable Arrow file", {}),
    "hdf5": ("a.h5", b"x", "not a readable HDF5 file", {}),
    "gzip": ("a.csv.gz", b"x", "not a readable gzip file", {}),
    "no suffix": ("embeddings", b"x", "needs dtype and shape", {}),
    "line break in the name": ("a\nb\x1b[31m.npy", b"", r"a\nb\x1b[31m.npy: the file is empty", {}),
    "long name": ("a" * 200 + ".npy", b"", "aaa…aaa", {}),
    "empty list": ("@a.txt", b"\n\n", "names no file", {}),
    "list of missing": ("@a.txt", b"\nmissing.npy\n", "line 2: no such file: 'missing.npy'", {}),
    "list not text": ("@a.txt", b"\xff\xfe", "not UTF-8", {}),
}  # fmt: skip


def refusal(source: Any, **options: Any) -> InputError:
    """The error of opening and reading a source, which must be one printable line with a next step."""
    with pytest.raises(InputError) as caught, open_embeddings(source, **options) as embeddings:
        list(embeddings.blocks())
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500
    assert caught.value.next_step
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value


@pytest.mark.parametrize("case", FILES)
def test_bad_file(folder: Path, case: str) -> None:
    source, data, says, options = FILES[case]
    name = source.partition("::")[0].removeprefix("@")
    Path(name).write_bytes(data)
    problem = refusal(source, **options).problem
    assert says in problem
    if case not in ("long name", "line break in the name", "raw unknown dtype", "raw objects"):
        assert name in problem


def make_shards(*shapes: tuple[int, int]) -> None:
    Path("data").mkdir()
    for number, shape in enumerate(shapes):
        np.save(f"data/part-{number}.npy", np.zeros(shape, np.float32))


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("missing.npy", "missing.npy: no such file"),
        ("no/such/folder/a.npy", "no/such/folder/a.npy: no such file"),
        ("zero\0byte.npy", r"zero\x00byte.npy: not a valid file name"),
        ("a" * 300 + ".npy", "File name too long"),
        ("*.npy", "*.npy: no file matches"),
        ("@missing.txt", "@missing.txt: no such file"),
        ("", "the name of the embeddings is empty"),
        ("ftp://example.org/a.npy", "ftp://example.org/a.npy: URLs of this kind cannot be read"),
        ("empty", "empty: the directory holds no file ending in .arrow, .bvecs, .csv"),
        ("mixed", "mixed: the directory holds files of several formats (.csv, .npy)"),
        ("old.zarr", "old.zarr: not a readable zarr store"),
        ("packed", "packed/a.csv.zst: is compressed"),
        ("missing", "missing: no such file"),
        ("folder.npy::x", "folder.npy::x: "),
        ("/dev/null", "/dev/null: is not a regular file"),
    ],
)
def test_bad_source(folder: Path, source: str, says: str) -> None:
    for name in ("empty", "mixed", "packed", "folder.npy", "old.zarr"):
        Path(name).mkdir()
    Path("packed/a.csv.zst").write_bytes(b"x")
    Path("mixed/a.npy").write_bytes(npy(GOOD))
    Path("mixed/a.csv").write_bytes(b"1,2\n3,4\n")
    assert says in refusal(source).problem


def test_directory_in_a_list(folder: Path) -> None:
    Path("data").mkdir()
    Path("list.txt").write_text("data\n")
    assert "no such file: 'data'" in refusal("@list.txt").problem


def test_shards_that_disagree_are_both_named(folder: Path) -> None:
    make_shards((3, 4), (3, 5))
    assert refusal("data").problem == "data/part-1.npy: 5 dimensions, but data/part-0.npy has 4"


def test_shard_without_rows_is_named(folder: Path) -> None:
    make_shards((3, 4), (0, 4))
    assert "data/part-1.npy: 0 rows" in refusal("data").problem


def test_shards_with_and_without_ids(folder: Path) -> None:
    Path("a1.csv").write_text("id,x\na,1\nb,2\n")
    Path("a2.csv").write_text("x\n1\n2\n")
    assert refusal("a*.csv").problem == "a2.csv: no ids, unlike a1.csv"


@pytest.mark.parametrize("call", ["stat", "open"])
def test_permission_denied(folder: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """Simulated, because the superuser may read everything."""
    Path("a.npy").write_bytes(npy(GOOD))

    def deny(*_: Any, **__: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        if call == "stat":
            patch.setattr("specaudit.embeddings.files.os.stat", deny)
        else:
            patch.setattr("specaudit.embeddings.files.io.FileIO", deny)
        with pytest.raises(InputError, match=r"a\.npy: permission denied"):
            open_embeddings("a.npy")


def test_read_error_of_the_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("a.npy").write_bytes(npy(GOOD))

    def fail(*_: Any) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "preadv", fail)
    assert refusal("a.npy").problem == "a.npy: cannot be read: Input/output error"


def test_temporary_directory_without_room(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("a.npz").write_bytes(npz(emb=GOOD))
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr("specaudit.embeddings.files.shutil.disk_usage", lambda _: usage)
    assert "a.npz::emb: no room in the temporary directory" in refusal("a.npz").problem


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "it is empty"),
        (b"rubbish", "not a readable .npy"),
        (npy(GOOD)[:-1], "truncated"),
        (npy(GOOD) + b"1", "trailing"),
        (header((10**15, 10**6)), "no room"),
    ],
)
def test_bad_standard_input(monkeypatch: pytest.MonkeyPatch, data: bytes, says: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    problem = refusal("-").problem
    assert problem.startswith("stdin: ")
    assert says in problem


def test_terminal_as_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", type("Terminal", (), {"isatty": lambda self: True})())
    assert refusal("-").problem == "stdin: nothing is piped in"


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.zeros(4), "1-D"),
        (np.zeros((0, 4)), "0 rows"),
        (np.zeros((1, 4)), "at least 2 rows"),
        (np.zeros((4, 3), complex), "complex128"),
        (np.zeros((4, 3), object), "object"),
        (np.ma.masked_less(GOOD, 3), "masked"),
        ([[1, 2], [3, 4]], "embeddings of type list"),
        (None, "embeddings of type NoneType"),
    ],
)
def test_bad_array(array: Any, says: str) -> None:
    assert says in refusal(array).problem


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("ids.txt", b"a\nb\nc\n", "3 ids for 4 rows"),
        ("ids.txt", b"a\nb\nc\nb\n", "id 'b' names two rows: array row 1 and array row 3"),
        ("ids.txt", b"a\n\nc\nd\n", "array row 1: the id is empty"),
        ("ids.txt", b"", "ids.txt: the file is empty"),
        ("ids.txt", b"a\nb\n\xff\nd\n", "ids.txt line 3: not UTF-8"),
        (
            "ids.npy",
            npy(np.array(["a", {}, 1, 2], object), allow_pickle=True),
            "ids.npy: shape (4,) of object",
        ),
        ("ids.npy", npy(GOOD), "ids.npy: shape (4, 3) of float32"),
        ("ids.npy", header((10**12,), "<U0"), "ids.npy: shape"),
        ("ids.npy", header((1,), "<U1") + b"\xff\xff\xff\xff", "ids.npy: holds bytes that are not text"),
        ("ids.npy", npy(np.arange(4))[:-3], "ids.npy: truncated"),
        ("ids.npy", b"x", "ids.npy: not a readable .npy"),
        ("ids.csv", b"a,1\nb,2\n", "ids.csv line 1: 2 columns and none named 'id'"),
        ("ids.csv", b"id,n\na,1\nb\n", "ids.csv line 3: 1 cells, expected 2"),
        ("ids.csv", b'a\n"b\nc\n', "ids.csv line"),
        ("ids.jsonl", b'{"id": 1}\n{"id": null}\n', "ids.jsonl line 2: field 'id' is null"),
        ("ids.jsonl", b'"a"\nb\n', "ids.jsonl line 2: not JSON"),
        ("ids.bin", b"abcd", "ids.bin: ids cannot be read from suffix '.bin'"),
    ],
)
def test_bad_ids(folder: Path, name: str, data: bytes, says: str) -> None:
    Path(name).write_bytes(data)
    assert says in refusal(GOOD, ids=Path(name)).problem


def test_missing_file_of_ids() -> None:
    assert refusal(GOOD, ids="missing.txt").problem == "missing.txt: no such file"


SEEDS: dict[str, Callable[[], bytes]] = {
    "a.npy": lambda: npy(GOOD),
    "f.npy": lambda: npy(np.asfortranarray(GOOD)),
    "a.npz": lambda: npz(emb=GOOD, n=np.arange(3)),
    "s.npz": lambda: zipped(emb=npy(GOOD)),
    "a.fvecs": lambda: vec(3, 3, 3),
    "a.fbin": lambda: np.array([4, 3], "<u4").tobytes() + GOOD.tobytes(),
    "a.csv": lambda: b'id,"x",y\na,1,2\nb,"3",4\n',
    "a.jsonl": lambda: jsonl({"id": "a", "vector": [1, 2]}, {"id": "b", "vector": [3, 4]}),
    "a.parquet": lambda: arrow(pyarrow.parquet.write_table, row_group_size=3),
    "a.arrow": lambda: arrow(pyarrow.feather.write_feather, compression="uncompressed", chunksize=3),
    "a.feather": lambda: arrow(pyarrow.feather.write_feather, compression="lz4"),
}


@settings(
    max_examples=500,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    name=st.sampled_from(sorted(SEEDS)),
    changes=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=6),
    cut=st.one_of(st.none(), st.integers(0, 600)),
    tail=st.binary(max_size=3),
)
def test_damaged_file_is_read_or_refused(
    folder: Path, name: str, changes: list[tuple[int, int]], cut: int | None, tail: bytes
) -> None:
    data = bytearray(SEEDS[name]()[:cut] + tail)
    for position, value in changes:
        if data:
            data[position % len(data)] = value
    Path(name).write_bytes(data)
    try:
        with open_embeddings(name) as embeddings:
            rows = sum(len(block.values) for block in embeddings.blocks(20))
            assert rows == embeddings.rows
            assert embeddings.take([0, rows - 1]).shape == (2, embeddings.dimensions)
    except InputError as error:
        assert str(error).isprintable()  # noqa: PT017 - a file may also turn out readable


def rows_with(value: float, row: int = 7) -> bytes:
    rows = np.random.default_rng(0).standard_normal((20, 3))
    rows[row, 1] = value
    return npy(rows)


# Files that can be read and rows that cannot be used, with what the command says of them.
ROWS: dict[str, tuple[str, bytes, str, list[str]]] = {
    "nan": ("a.npy", rows_with(np.nan), "a.npy row 7", []),
    "infinity": ("a.npy", rows_with(-np.inf), "a.npy row 7", []),
    "overflow": ("a.npy", rows_with(1e200), "a.npy row 7", []),
    "json overflow": ("a.jsonl", b"[1, 2]\n[1e999, 2]\n[3, 4]\n", "a.jsonl row 1", []),
    "csv nan": ("a.csv", b"1,2\nnan,2\n3,4\n", "a.csv row 1", []),
    "all equal": ("a.npy", npy(np.ones((9, 3))), "a.npy", []),
    "zero row under l2": ("a.npy", npy(np.eye(4)[:, :3]), "a.npy row 3", ["--normalize", "l2"]),
    "all rows bad": ("a.npy", npy(np.full((4, 3), np.nan)), "a.npy", ["--drop-bad-rows"]),
    "whole numbers past 2^53": ("a.npy", npy(np.full((3, 2), 2**60 + 1)), "a.npy", []),
}


@pytest.mark.parametrize("case", ROWS)
def test_rows_that_cannot_be_used_end_the_command_with_exit_2(
    folder: Path, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name, data, says, options = ROWS[case]
    Path(name).write_bytes(data)
    assert main(["fit", name, *options]) == ExitCode.ERROR
    shown = capsys.readouterr()
    assert not shown.out
    assert says in shown.err
    assert "internal error" not in shown.err
    assert len(shown.err.splitlines()) <= 2


@pytest.mark.parametrize("case", FILES)
def test_bad_file_ends_the_command_with_exit_2(folder: Path, case: str, capsys: pytest.CaptureFixture[str]) -> None:
    source, data, _, options = FILES[case]
    Path(source.partition("::")[0].removeprefix("@")).write_bytes(data)
    flags = {key: ",".join(map(str, value)) if key == "shape" else value for key, value in options.items()}
    arguments = [f"--{key}={value}" for key, value in flags.items()]
    assert main(["fit", source, *arguments, "-o", "fit.json"]) == ExitCode.ERROR
    shown = capsys.readouterr()
    assert not shown.out
    assert shown.err.startswith("specaudit: error: ")
    assert "internal error" not in shown.err
    assert len(shown.err.splitlines()) <= 2
    assert not Path("fit.json").exists()
