"""Rows to keep or drop, and weights, from every kind of source; what cannot be used is told in one line."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specaudit.embeddings import Embeddings, concatenated, open_embeddings, read_selection, read_weights
from specaudit.errors import InputError

IDS = ("apple", "banana", "cherry", "damson", "elder", "fig")
VALUES = np.arange(12, dtype=np.float32).reshape(6, 2)


def named(ids: Any = IDS) -> Embeddings:
    return open_embeddings(VALUES, ids=ids)


def plain() -> Embeddings:
    return open_embeddings(VALUES)


def npy(values: Any, **options: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values, **options)
    return stream.getvalue()


def jsonl(*lines: Any) -> bytes:
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


# Each names rows 1, 1 and 4 of the embeddings with ids.
NAMED: dict[str, tuple[str, bytes]] = {
    "ids, one a line": ("k.txt", b"banana\nbanana\nelder\n"),
    "no last line end": ("k.txt", b"banana\nbanana\nelder"),
    "a blank end": ("k.txt", b"banana\nbanana\nelder\n\n \n"),
    "line ends of Windows and a byte order mark": ("k.txt", b"\xef\xbb\xbfbanana\r\nbanana\r\nelder\r\n"),
    "row numbers": ("k.txt", b"1\n1\n4\n"),
    "row numbers with signs and blanks": ("k.txt", b" 1\n+1\n004 \n"),
    "a column": ("k.csv", b"banana\nbanana\nelder\n"),
    "a column of numbers": ("k.csv", b"1\n1\n4\n"),
    "quotes": ("k.csv", b'"banana"\n"banana"\nelder\n'),
    "ids among columns": ("k.csv", b"n,ID\n7,banana\n8,banana\n9,elder\n"),
    "column ids": ("k.tsv", b"n\tids\n7\tbanana\n8\tbanana\n9\telder\n"),
    "column row": ("k.tsv", b"Row\td\n1\t0.5\n1\t0.5\n4\t0.1\n"),
    "ids before numbers": ("k.csv", b"row,id,d\n,banana,1\n,banana,1\n,elder,2\n"),
    "strings": ("k.jsonl", jsonl("banana", "banana", "elder")),
    "numbers": ("k.jsonl", jsonl(1, 1, 4)),
    "records with id": ("k.jsonl", jsonl({"id": "banana"}, {"id": "banana"}, {"x": None, "id": "elder"})),
    "records with row": ("k.jsonl", jsonl({"row": 1}, {"row": 1}, {"row": "4"})),
    "array of ids": ("k.npy", npy(np.array(["banana", "banana", "elder"]))),
    "array of bytes": ("k.npy", npy(np.array([b"banana", b"banana", b"elder"]))),
    "array of int64": ("k.npy", npy(np.array([1, 1, 4]))),
    "array of uint8": ("k.npy", npy(np.array([1, 1, 4], np.uint8))),
    "big-endian": ("k.npy", npy(np.array([1, 1, 4], ">i4"))),
    "upper case suffix": ("K.NPY", npy(np.array([1, 1, 4]))),
}  # fmt: skip


@pytest.mark.parametrize("case", NAMED)
def test_a_file_names_rows_and_a_repeat_makes_a_copy(folder: Path, case: str) -> None:
    name, data = NAMED[case]
    Path(name).write_bytes(data)
    for source in (name, Path(name)):
        times = read_selection(source, named())
        assert times.dtype == np.int64
        assert times.tolist() == [0, 2, 0, 0, 1, 0]


@pytest.mark.parametrize(
    "source",
    [
        [1, 1, 4],
        (1, 1, 4),
        np.array([1, 1, 4]),
        np.array([1, 1, 4], np.uint64),
        [np.int32(1), 1, np.uint8(4)],
        ["banana", "banana", "elder"],
        np.array(["banana", "banana", "elder"]),
    ],
)
def test_an_array_or_sequence_names_rows(source: Any) -> None:
    assert read_selection(source, named()).tolist() == [0, 2, 0, 0, 1, 0]


@pytest.mark.parametrize("space", [" ", "\t", "\x1d", "\u00a0"])
def test_row_numbers_may_have_spaces_of_any_kind_around_them(folder: Path, space: str) -> None:
    Path("k.txt").write_text(f"1\n{space}4{space}\n", encoding="utf-8")
    assert read_selection("k.txt", plain()).tolist() == [0, 1, 0, 0, 1, 0]


def test_ranges_and_reversed_arrays_are_sequences_too() -> None:
    assert read_selection(range(1, 6, 2), plain()).tolist() == [0, 1, 0, 1, 0, 1]
    assert read_selection(np.arange(6)[::-2], plain()).tolist() == [0, 1, 0, 1, 0, 1]


@pytest.mark.parametrize("drop", [False, True])
def test_a_mask_marks_rows(folder: Path, drop: bool) -> None:
    mask = np.array([True, False, False, True, False, False])
    np.save("m.npy", mask)
    for source in ("m.npy", mask, mask.tolist(), list(mask)):
        assert read_selection(source, plain(), drop=drop).tolist() == (mask ^ drop).astype(int).tolist()


def test_dropped_rows_are_those_not_kept(folder: Path) -> None:
    Path("d.txt").write_text("banana\nfig\n")
    for source in ("d.txt", [5, 1], ["fig", "banana"]):
        assert read_selection(source, named(), drop=True).tolist() == [1, 0, 1, 1, 1, 0]


@pytest.mark.parametrize(("name", "data"), [("d.npy", npy(np.arange(0))), ("d.csv", b"id,n\n"), ("d.csv", b"\n")])
def test_an_explicitly_empty_list_drops_nothing_and_cannot_be_kept(folder: Path, name: str, data: bytes) -> None:
    Path(name).write_bytes(data)
    assert read_selection(name, named(), drop=True).tolist() == [1] * 6
    assert read_selection([], named(), drop=True).tolist() == [1] * 6
    assert f"{name}: keeps no row of array" in refusal(name, named())


def test_ids_that_are_whole_numbers_come_before_row_numbers(folder: Path) -> None:
    embeddings = named(("5", "4", "3", "2", "1", "0"))
    Path("k.txt").write_text("0\n1\n")
    assert read_selection("k.txt", embeddings).tolist() == [0, 0, 0, 0, 1, 1]
    Path("k.csv").write_text("row\n0\n1\n")
    assert read_selection("k.csv", embeddings).tolist() == [1, 1, 0, 0, 0, 0]
    assert read_selection([0, 1], embeddings).tolist() == [1, 1, 0, 0, 0, 0]


def test_whole_numbers_that_are_partly_ids_are_not_guessed(folder: Path) -> None:
    """Ids count from 1 here: rows 0 to 2 would be another selection than ids 1 to 2."""
    Path("k.txt").write_text("0\n1\n2\n")
    problem = refusal("k.txt", named(("1", "2", "3", "4", "5", "6")))
    assert problem.startswith("k.txt line 1: '0' is no id of array")
    assert "unlike other entries" in problem


def test_a_table_with_both_names_uses_numbers_where_there_are_no_ids(folder: Path) -> None:
    Path("removed.csv").write_text("row,id,distance\n1,,0.5\n4,,0.25\n")
    assert read_selection("removed.csv", plain(), drop=True).tolist() == [1, 0, 1, 1, 0, 1]
    Path("removed.jsonl").write_bytes(jsonl({"row": 1, "id": None}, {"row": 4, "id": None}))
    assert read_selection("removed.jsonl", plain(), drop=True).tolist() == [1, 0, 1, 1, 0, 1]


# Each gives the weights 0, 0.5, 1, 1.5, 2, 2.5.
WEIGHTS: dict[str, tuple[str, bytes]] = {
    "one a line": ("w.txt", b"0\n0.5\n1\n1.5\n2e0\n2.5\n"),
    "a column": ("w.csv", b"0\n0.5\n1\n1.5\n2\n2.5\n"),
    "a named column": ("w.csv", b"weight\n0\n0.5\n1\n1.5\n2\n2.5\n"),
    "among columns": ("w.csv", b"x,weights\na,0\nb,0.5\nc,1\nd,1.5\ne,2\nf,2.5\n"),
    "by id": ("w.csv", b"id,weight\nfig,2.5\nelder,2\ndamson,1.5\ncherry,1\nbanana,0.5\napple,0\n"),
    "by row": ("w.tsv", b"weight\trow\n2.5\t5\n2\t4\n1.5\t3\n1\t2\n0.5\t1\n0\t0\n"),
    "numbers": ("w.jsonl", jsonl(0, 0.5, 1, 1.5, 2, 2.5)),
    "field": ("w.jsonl", jsonl(*({"weight": k / 2} for k in range(6)))),
    "fields": ("w.jsonl", jsonl(*({"id": IDS[k], "weight": k / 2} for k in (3, 4, 5, 0, 1, 2)))),
    "float64": ("w.npy", npy(np.arange(6) / 2)),
    "float16": ("w.npy", npy((np.arange(6) / 2).astype("f2"))),
}  # fmt: skip


@pytest.mark.parametrize("case", WEIGHTS)
def test_a_file_gives_weights(folder: Path, case: str) -> None:
    name, data = WEIGHTS[case]
    Path(name).write_bytes(data)
    weights = read_weights(name, named())
    assert weights.dtype == np.float64
    assert weights.tolist() == [0, 0.5, 1, 1.5, 2, 2.5]


def test_an_array_or_sequence_gives_weights_and_stays_as_it_is() -> None:
    source = np.arange(6.0)
    weights = read_weights(source, plain())
    weights[:] = 9
    assert source.tolist() == [0, 1, 2, 3, 4, 5]
    assert read_weights([0, 1, 2.5, 3, 4, 5], plain()).tolist() == [0, 1, 2.5, 3, 4, 5]
    assert read_weights(np.arange(6, dtype=np.uint8), plain()).tolist() == [0, 1, 2, 3, 4, 5]


def refusal(source: Any, embeddings: Embeddings, read: Callable[..., Any] = read_selection, **options: Any) -> str:
    """What an error says is wrong, which must be one short printable line with a next step."""
    with pytest.raises(InputError) as caught:
        read(source, embeddings, **options)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300
    assert caught.value.next_step
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value.problem


# name of the test: (file, its bytes, what the message says)
BAD: dict[str, tuple[str, bytes, str]] = {
    "empty": ("k.txt", b"", "k.txt: the file is empty"),
    "blank": ("k.txt", b"\n\n", "k.txt: keeps no row of array"),
    "blank line": ("k.txt", b"apple\n\nfig\n", "k.txt line 2: blank line before another row"),
    "unknown id": ("k.txt", b"apple\nbananna\n", "k.txt line 2: 'bananna' is no id of array (nearest: 'banana')"),
    "neither": (
        "k.txt",
        b"1\n2\nchery\n",
        "k.txt line 3: 'chery' is neither an id of array (nearest: 'cherry') nor a row number from 0 to 5",
    ),
    "nothing like it": ("k.txt", b"???\n", "k.txt line 1: '???' is neither an id of array nor a row number"),
    "fraction": ("k.txt", b"1\n2.0\n", "k.txt line 2: '2.0' is neither"),
    "row and id": ("k.txt", b"1\napple\n", "k.txt line 1: '1' is no id of array, unlike other entries"),
    "beyond": ("k.txt", b"0\n6\n", "k.txt line 2: '6' is not a row of array, expected 0 to 5"),
    "beyond 64 bits": ("k.txt", b"9" * 300, "999' is not a row of array, expected 0 to 5"),
    "beyond any digits": ("k.txt", b"9" * 9000, "999' is neither"),
    "negative": ("k.txt", b"0\n-1\n", "k.txt line 2: '-1' is not a row of array, expected 0 to 5"),
    "escapes": ("k.txt", b"a\x1b[31m\n", r"k.txt line 1: 'a\x1b[31m'"),
    "latin-1": ("k.txt", "apple\né\n".encode("latin-1"), "k.txt line 2: not UTF-8 at byte 1"),
    "utf-16": ("k.csv", "id\nfig\n".encode("utf-16"), "k.csv line 1: not UTF-8"),
    "csv unknown": ("k.csv", b"n,id\n1,apple\n2,plum\n", "k.csv line 3: 'plum' is no id of array"),
    "csv empty cell": ("k.csv", b"n,id\n1,apple\n2,\n", "k.csv line 3: '' is no id of array"),
    "csv row": ("k.csv", b"row\n1\napple\n", "k.csv line 3: 'apple' is not a row number from 0 to 5"),
    "csv header": ("k.csv", b"fruit\napple\n", "k.csv line 1: 'fruit' is no id of array"),
    "csv columns": ("k.csv", b"a,b\n1,2\n", "k.csv line 1: 2 columns and none named 'id' or 'row'"),
    "csv ragged": ("k.csv", b"id,b\napple\n", "k.csv line 2: 1 cells, expected 2"),
    "csv quote": ("k.csv", b'id\n"apple\n', "k.csv line 2: unexpected end of data"),
    "jsonl syntax": ("k.jsonl", b'"apple"\nfig\n', "k.jsonl line 2: not JSON"),
    "jsonl null": ("k.jsonl", jsonl("apple", None), "k.jsonl line 2: null, expected a string or a number"),
    "jsonl true": ("k.jsonl", jsonl(True, False), "k.jsonl line 1: true or false, expected"),
    "jsonl list": ("k.jsonl", jsonl([1, 2]), "k.jsonl line 1: a list, expected"),
    "jsonl field": ("k.jsonl", jsonl({"x": 1}), "k.jsonl line 1: 1 field and none named 'id' or 'row'"),
    "jsonl no field": ("k.jsonl", jsonl({}), "k.jsonl line 1: 0 fields and none named 'id' or 'row'"),
    "jsonl lost": ("k.jsonl", jsonl({"id": "fig"}, {"row": 1}), "k.jsonl line 2: field 'id' is null"),
    "jsonl mixed": ("k.jsonl", jsonl("fig", {"id": "fig"}), "k.jsonl line 2: an object, unlike the first line"),
    "jsonl surrogate": ("k.jsonl", b'"\\ud800"\n', r"k.jsonl line 1: '\ud800' is neither"),
    "floats": ("k.npy", npy(np.array([1.0, 2.0])), "k.npy: shape (2,) of float64, expected 1-D and whole numbers"),
    "2-D": ("k.npy", npy(np.zeros((6, 1), bool)), "k.npy: shape (6, 1) of bool, expected 1-D"),
    "0-D": ("k.npy", npy(np.int64(3)), "k.npy: shape () of int64, expected 1-D"),
    "objects": ("k.npy", npy(np.array(["a", None]), allow_pickle=True), "k.npy: shape (2,) of object"),
    "short mask": ("k.npy", npy(np.ones(5, bool)), "k.npy: a mask of 5 for 6 rows of array"),
    "empty mask": ("k.npy", npy(np.zeros(6, bool)), "k.npy: keeps no row of array"),
    "number beyond": ("k.npy", npy(np.array([1, 9])), "k.npy item 1: '9' is not a row of array, expected 0 to 5"),
    "uint64 beyond": ("k.npy", npy(np.array([2**64 - 1], "u8")), "k.npy item 0: '18446744073709551615' is not"),
    "number negative": ("k.npy", npy(np.array([1, -1])), "k.npy item 1: '-1' is not a row of array"),
    "string unknown": ("k.npy", npy(np.array(["fig", "figs"])), "k.npy item 1: 'figs' is no id of array"),
    "bytes that are no text": ("k.npy", npy(np.array([b"\xff"])), "k.npy: holds bytes that are not text"),
    "truncated": ("k.npy", npy(np.arange(3))[:-1], "k.npy: truncated"),
    "rubbish": ("k.npy", b"rubbish", "k.npy: not a readable .npy file"),
    "pickled": ("k.pkl", b"cos\n", "k.pkl: rows cannot be read from suffix '.pkl'"),
    "no suffix": ("k", b"1\n", "k: rows cannot be read from suffix ''"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_selection(folder: Path, case: str) -> None:
    name, data, says = BAD[case]
    Path(name).write_bytes(data)
    assert says in refusal(name, named())


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ([], "selection: keeps no row of array"),
        ([1.0, 2.0], "selection: shape (2,) of float64"),
        ([[1], [2]], "selection: shape (2, 1) of int64, expected 1-D"),
        ([[1], [2, 3]], "selection: is not 1-D"),
        ([1, "apple"], "selection: mixes strings, bool and numbers"),
        ([True, 2], "selection: mixes strings, bool and numbers"),
        ([True, False], "selection: a mask of 2 for 6 rows"),
        ([6], "selection item 0: '6' is not a row of array"),
        ([2**70], "selection: shape (1,) of object"),
        ([None], "selection: shape (1,) of object"),
        (np.array(["fig"], object), "selection: shape (1,) of object"),
        (np.ma.masked_less(np.arange(6), 3), "selection: is masked"),
        (b"k.npy", "selection of type bytes"),
        ({1, 2}, "selection of type set"),
        (None, "selection of type NoneType"),
        ("missing.txt", "missing.txt: no such file"),
        ("missing", "missing: no such file"),
        ("folder.npy", "folder.npy: is a directory, expected a file"),
        ("folder", "folder: is a directory, expected a file"),
        ("zero\0.txt", r"zero\x00.txt: not a valid file name"),
    ],
)
def test_bad_selection_that_is_no_file(folder: Path, source: Any, says: str) -> None:
    for name in ("folder", "folder.npy"):
        Path(name).mkdir()
    assert says in refusal(source, named())


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("k.txt", b"1\napple\n", "k.txt line 2: 'apple' is not a row number from 0 to 5, and array has no ids"),
        ("k.csv", b"id\n1\n", "k.csv: holds ids, but array has none"),
        ("k.npy", npy(np.array(["1"])), "k.npy: holds ids, but array has none"),
    ],
)
def test_ids_for_embeddings_that_have_none(folder: Path, name: str, data: bytes, says: str) -> None:
    Path(name).write_bytes(data)
    assert says in refusal(name, plain())


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("d.txt", "d.txt line 3: 'fig' names a row again, first in line 1"),
        ([4, 0, 1, 0], "selection item 3: '0' names a row again, first in item 1"),
        (range(6), "selection: drops all 6 rows of array"),
        (np.ones(6, bool), "selection: drops all 6 rows of array"),
        ("empty.txt", "empty.txt: the file is empty"),
    ],
)
def test_bad_rows_to_drop(folder: Path, source: Any, says: str) -> None:
    Path("d.txt").write_text("fig\nelder\nfig\n")
    Path("empty.txt").touch()
    assert says in refusal(source, named(), drop=True)


def test_the_nearest_id_is_found_among_many() -> None:
    ids = [f"document-{k:06}" for k in range(30_000)]
    embeddings = open_embeddings(np.zeros((len(ids), 2), np.float32), ids=ids)
    assert "(nearest: 'document-029999')" in refusal(["documnet-029999"], embeddings)
    assert "nearest" not in refusal(["z" * 100_000], embeddings)


# name of the test: (file, its bytes, what the message says)
BAD_WEIGHTS: dict[str, tuple[str, bytes, str]] = {
    "nan": ("w.npy", npy([1, 1, np.nan, 1, 1, 1]), "w.npy item 2: 'nan' as the weight of array row 2 (id 'cherry')"),
    "inf": ("w.txt", b"1\n1\n1\n1\n1\ninf\n", "w.txt line 6: 'inf' as the weight of array row 5 (id 'fig')"),
    "negative": ("w.txt", b"1\n-1\n1\n1\n1\n1\n", "w.txt line 2: '-1' as the weight of array row 1 (id 'banana')"),
    "too large": ("w.jsonl", b"1e999\n1\n1\n1\n1\n1\n", "w.jsonl line 1: 'inf' as the weight of array row 0"),
    "negative by id": (
        "w.csv",
        b"id,weight\nfig,1\nelder,1\ndamson,-2\ncherry,1\nbanana,1\napple,1\n",
        "w.csv line 4: '-2' as the weight of array row 3 (id 'damson')",
    ),
    "all zero": ("w.npy", npy(np.zeros(6)), "w.npy: all weights are 0"),
    "short": ("w.npy", npy(np.ones(5)), "w.npy: 5 weights for the 6 rows of array"),
    "long": ("w.txt", b"1\n" * 7, "w.txt: 7 weights for the 6 rows of array"),
    "2-D": ("w.npy", npy(np.ones((6, 1))), "w.npy: shape (6, 1) of float64, expected 1-D and real numbers"),
    "bool": ("w.npy", npy(np.ones(6, bool)), "w.npy: shape (6,) of bool, expected 1-D and real numbers"),
    "complex": ("w.npy", npy(np.ones(6, complex)), "w.npy: shape (6,) of complex128"),
    "long double": ("w.npy", npy(np.ones(6, np.longdouble)), "expected 1-D and real numbers of at most 64 bits"),
    "objects": ("w.npy", npy(np.array([None] * 6), allow_pickle=True), "w.npy: shape (6,) of object"),
    "strings": ("w.npy", npy(np.array(["1"] * 6)), "w.npy: shape (6,) of <U1"),
    "text": ("w.txt", b"1\none\n", "w.txt line 2: 'one' is not a number"),
    "underscore": ("w.txt", b"1_0\n", "w.txt line 1: '1_0' is not a number"),
    "decimal comma": ("w.txt", b"0,5\n", "w.txt line 1: '0,5' is not a number"),
    "header": ("w.csv", b"mass\n1\n", "w.csv line 1: 'mass' is not a number"),
    "empty cell": ("w.csv", b"row,weight\n0,\n", "w.csv: no weight for array row 1 (id 'banana') and 4 more"),
    "empty cells": ("w.csv", b"x,weight\n0,\n", "w.csv line 2: '' is not a number"),
    "no weights": ("w.csv", b"id,mass\nfig,1\n", "w.csv line 1: 2 columns and none named 'weight'"),
    "ids alone": ("w.csv", b"id\nfig\n", "w.csv line 1: 1 column and none named 'weight'"),
    "unknown id": ("w.csv", b"id,weight\nfigs,1\n", "w.csv line 2: 'figs' is no id of array (nearest: 'fig')"),
    "missing": ("w.jsonl", jsonl({"id": "apple", "weight": 1}), "w.jsonl: no weight for array row 1 (id 'banana')"),
    "twice": ("w.csv", b"id,weight\nfig,1\nfig,1\n", "w.csv line 3: 'fig' names a row again, first in line 2"),
    "null": ("w.jsonl", jsonl({"id": "fig", "weight": None}), "w.jsonl line 1: field 'weight' is null"),
    "NaN in JSON": ("w.jsonl", b"NaN\n1\n1\n1\n1\n1\n", "w.jsonl line 1: 'nan' as the weight of array row 0"),
    "empty": ("w.csv", b"", "w.csv: the file is empty"),
    "none": ("w.csv", b"weight\n", "w.csv: 0 weights for the 6 rows of array"),
    "suffix": ("w.parquet", b"PAR1", "w.parquet: weights cannot be read from suffix '.parquet'"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_WEIGHTS)
def test_bad_weights(folder: Path, case: str) -> None:
    name, data, says = BAD_WEIGHTS[case]
    Path(name).write_bytes(data)
    assert says in refusal(name, named(), read_weights)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ([], "weights: 0 weights for the 6 rows"),
        ([1, 1, 1, -0.5, 1, 1], "weights item 3: '-0.5' as the weight of array row 3"),
        ([True] * 6, "weights: shape (6,) of bool"),
        ([True, 0.5, 1, 1, 1, 1], "weights: mixes strings, bool and numbers"),
        (np.ma.masked_less(np.arange(6.0), 3), "weights: is masked"),
        (1.5, "weights of type float"),
        ("missing.npy", "missing.npy: no such file"),
    ],
)
def test_bad_weights_that_are_no_file(folder: Path, source: Any, says: str) -> None:
    assert says in refusal(source, plain(), read_weights)


def test_concatenated_rows_are_numbered_on(read_all: Callable[..., Any]) -> None:
    first = open_embeddings(VALUES, ids=IDS, max_memory=1 << 20)
    second = open_embeddings(VALUES[:4].astype(np.float64) + 100, ids=["a", "b", "c", "d"], max_memory=1 << 12)
    both = concatenated(first, second)
    assert (both.name, both.rows, both.dimensions, both.dtype) == ("array + array", 10, 2, np.float64)
    assert both.ids == (*IDS, "a", "b", "c", "d")
    assert both.max_memory == 1 << 12
    expected = np.concatenate([VALUES, VALUES[:4] + 100])
    for max_bytes in (1, 100, 8 << 20):
        np.testing.assert_array_equal(read_all(both, max_bytes), expected)
    np.testing.assert_array_equal(both.take([9, 0, 6, 5, 9]), expected[[9, 0, 6, 5, 9]])
    assert both.locate(6) == "array row 0 (id 'a')"


def test_concatenated_files_of_one_name_stay_apart(folder: Path) -> None:
    for name in ("a", "b"):
        Path(name).mkdir()
        np.save(f"{name}/emb.npy", VALUES)
        np.save(f"{name}/more.npy", VALUES)
    both = concatenated(open_embeddings("a/emb.npy"), open_embeddings("b/emb.npy"))
    assert (both.locate(5), both.locate(6)) == ("a/emb.npy row 5", "b/emb.npy row 0")
    both = concatenated(open_embeddings("a"), open_embeddings("b/emb.npy"))
    assert (both.locate(6), both.locate(12)) == ("a more.npy row 0", "b/emb.npy row 0")
    both = concatenated(open_embeddings("a/emb.npy"), open_embeddings("b/more.npy"))
    assert (both.locate(5), both.locate(6)) == ("emb.npy row 5", "more.npy row 0")


def test_concatenated_again(read_all: Callable[..., Any]) -> None:
    three = concatenated(concatenated(plain(), plain()), plain())
    np.testing.assert_array_equal(read_all(three), np.tile(VALUES, (3, 1)))
    assert [shard.start for shard in three.shards] == [0, 6, 12]


def test_closing_the_concatenated_closes_both(folder: Path) -> None:
    for name in ("a.csv", "b.csv"):
        np.savetxt(name, VALUES, delimiter=",")
    first, second = open_embeddings("a.csv"), open_embeddings("b.csv")
    with concatenated(first, second) as both:
        assert both.take([11]).tolist() == [[10, 11]]
    for side in (first, second):
        with pytest.raises(ValueError, match="closed"):
            side.take([0])


def test_concatenated_has_ids_only_if_both_have() -> None:
    assert concatenated(named(), plain()).ids is None
    assert concatenated(plain(), named()).ids is None


def test_bad_concatenation(folder: Path) -> None:
    np.save("wide.npy", np.zeros((3, 5)))
    with pytest.raises(InputError) as caught:
        concatenated(plain(), open_embeddings("wide.npy"))
    assert caught.value.problem == "wide.npy: 5 dimensions, but array has 2"
    np.save("b.npy", VALUES)
    with pytest.raises(InputError) as caught:
        concatenated(named(), open_embeddings("b.npy", ids=["a", "b", "cherry", "d", "e", "f"]))
    assert caught.value.problem == "id 'cherry' names two rows: array row 2 and b.npy row 2"
