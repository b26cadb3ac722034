"""The group of each row, from every kind of source or a column of the data; one line says what cannot be used."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specaudit.embeddings import Embeddings, open_embeddings, read_groups
from specaudit.errors import InputError

IDS = ("apple", "banana", "cherry", "damson", "elder", "fig")
VALUES = np.arange(12, dtype=np.float32).reshape(6, 2)
GROUPS = ("web", "web", "code", "web", "book", "code")
ORDER = (3, 0, 5, 1, 4, 2)


def named() -> Embeddings:
    return open_embeddings(VALUES, ids=IDS)


def npy(values: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


def jsonl(*lines: Any) -> bytes:
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def lines(*texts: str) -> bytes:
    return "".join(f"{text}\n" for text in texts).encode()


SOURCES: dict[str, tuple[str, bytes]] = {
    "one a line": ("g.txt", lines(*GROUPS)),
    "a byte order mark, line ends of Windows, a blank end": (
        "g.txt",
        b"\xef\xbb\xbf" + "\r\n".join(GROUPS).encode() + b"\r\n\r\n",
    ),
    "an only column without a name": ("g.csv", lines(*GROUPS)),
    "a column": ("g.tsv", lines("n\tGroups", *(f"{k}\t{name}" for k, name in enumerate(GROUPS)))),
    "quotes": ("g.csv", lines("group", *(f'"{name}"' for name in GROUPS))),
    "by id, in any order": ("g.csv", lines("group,id", *(f"{GROUPS[k]},{IDS[k]}" for k in ORDER))),
    "by row, in any order": ("g.csv", lines("row,group", *(f"{k},{GROUPS[k]}" for k in ORDER))),
    "strings": ("g.jsonl", jsonl(*GROUPS)),
    "records": ("g.jsonl", jsonl(*({"x": None, "group": name} for name in GROUPS))),
    "records by id": ("g.jsonl", jsonl(*({"id": IDS[k], "group": GROUPS[k]} for k in ORDER))),
    "records by row": ("g.jsonl", jsonl(*({"row": k, "group": GROUPS[k]} for k in ORDER))),
    "an array of strings": ("g.npy", npy(np.array(GROUPS))),
    "an array of bytes": ("g.NPY", npy(np.array(GROUPS, "S4"))),
}


@pytest.mark.parametrize("case", SOURCES)
def test_a_file_names_the_group_of_every_row(folder: Path, case: str) -> None:
    name, data = SOURCES[case]
    Path(name).write_bytes(data)
    for source in (name, Path(name)):
        assert read_groups(source, named()) == GROUPS
        assert open_embeddings(VALUES, ids=IDS, groups=source).groups == GROUPS


@pytest.mark.parametrize("source", [list(GROUPS), GROUPS, np.array(GROUPS)])
def test_groups_in_memory(source: Any) -> None:
    assert open_embeddings(VALUES, groups=source).groups == GROUPS


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        (np.array([0, 1, 1, 0, -2, 300], np.int16), ("0", "1", "1", "0", "-2", "300")),
        (np.array([True, False, False, True, True, True]), ("True", "False", "False", "True", "True", "True")),
    ],
)
def test_numbers_and_bool_are_labels(folder: Path, values: Any, labels: tuple[str, ...]) -> None:
    np.save("g.npy", values)
    Path("g.jsonl").write_bytes(jsonl(*({"group": value} for value in values.tolist())))
    for source in ("g.npy", "g.jsonl", values, values.tolist()):
        assert read_groups(source, named()) == labels


def test_labels_are_taken_as_they_are_written(folder: Path) -> None:
    labels = (" web", "web", "WEB", "1", "1.0", "\x1b[31m\ue000")
    Path("g.jsonl").write_bytes(jsonl(*labels))
    assert read_groups("g.jsonl", named()) == labels


BAD: dict[str, tuple[str, bytes, str]] = {
    "too few": ("g.txt", lines("a", "b"), "g.txt: 2 labels for the 6 rows of array"),
    "a header that is not group": ("g.csv", lines("topic", *GROUPS), "g.csv: 7 labels for the 6 rows of array"),
    "several columns, none of them": ("g.csv", lines("a,b", "1,2"), "2 columns and none named 'group'"),
    "several fields, none of them": ("g.jsonl", jsonl({"a": 1, "b": 2}), "2 fields and none named 'group'"),
    "an empty cell": (
        "g.csv",
        lines("row,group", *(f"{k},{'' if k == 4 else 'a'}" for k in ORDER)),
        "g.csv line 6: '' as the label of array row 4 (id 'elder'), expected a label",
    ),
    "half a character": (
        "g.jsonl",
        jsonl("a", "b\ud800", "c", "d", "e", "f"),
        r"g.jsonl line 2: 'b\ud800' as the label of array row 1 (id 'banana'), expected a label",
    ),
    "blanks": ("g.npy", npy(np.array(["a", "b", " ", "c", "d", "e"])), "g.npy item 2: ' ' as the label of array"),
    "an empty line": ("g.txt", lines("a", "", "b", "c", "d", "e"), "line 2: blank line before another row"),
    "a row twice": ("g.csv", lines("row,group", "0,a", "1,a", "0,b"), "g.csv line 4: '0' names a row again"),
    "a row without": (
        "g.csv",
        lines("id,group", "apple,a", "fig,b"),
        "g.csv: no label for array row 1 (id 'banana') and 3 more",
    ),
    "an unknown id": ("g.csv", lines("id,group", "aple,a"), "'aple' is no id of array (nearest: 'apple')"),
    "null": ("g.jsonl", jsonl({"group": None}), "field 'group' is null, expected a string or a number"),
    "a list": ("g.jsonl", jsonl({"group": ["a"]}), "field 'group' is a list"),
    "fractions": ("g.npy", npy(np.ones(6)), "expected 1-D and strings, bool or whole numbers"),
    "a matrix": ("g.npy", npy(np.ones((6, 1), int)), "expected 1-D and strings, bool or whole numbers"),
    "bytes that are no text": ("g.npy", npy(np.array([b"\xff"] * 6)), "holds bytes that are not text"),
    "another suffix": ("g.parquet", b"PAR1", "labels cannot be read from suffix '.parquet'"),
    "nothing": ("g.txt", b"", "g.txt: the file is empty"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_used_is_told_in_one_line(folder: Path, case: str) -> None:
    name, data, part = BAD[case]
    Path(name).write_bytes(data)
    with pytest.raises(InputError) as error:
        open_embeddings(VALUES, ids=IDS, groups=name)
    assert part in str(error.value)
    assert "\n" not in str(error.value)
    assert error.value.next_step


@pytest.mark.parametrize(
    ("source", "part"),
    [
        ([1.5] * 6, "expected 1-D and strings, bool or whole numbers"),
        (["a", 1, "b", "c", "d", "e"], "mixes strings, bool and numbers"),
        ({"a": 1}, "labels of type dict"),
        (Path("none.txt"), "none.txt: no such file"),
    ],
)
def test_what_is_no_list_of_labels_is_refused(source: Any, part: str) -> None:
    with pytest.raises(InputError, match=part):
        open_embeddings(VALUES, groups=source)


# ---------------------------------------------------------------- a column of the data


def table(rows: range, mark: str = ",") -> bytes:
    """Return rows of VALUES with text and numbers that are none of the embedding's."""
    cells = ([f"{k}", GROUPS[k], *map(str, VALUES[k]), f"{k % 2}"] for k in rows)
    return lines(mark.join(["id", "topic", "e0", "e1", "label"]), *(mark.join(row) for row in cells))


def records(rows: range) -> bytes:
    return jsonl(
        *({"embedding": VALUES[k].tolist(), "topic": GROUPS[k], "label": k % 2, "odd": k % 2 == 1} for k in rows)
    )


NUMBERS = ("0", "1", "0", "1", "0", "1")


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".ndjson"])
def test_a_column_of_the_tables_names_the_groups_and_is_no_part_of_the_rows(folder: Path, suffix: str) -> None:
    Path("data").mkdir()
    for shard, rows in (("part-10", range(4, 6)), ("part-2", range(4))):
        made = table(rows, "\t" if suffix == ".tsv" else ",") if "sv" in suffix else records(rows)
        (Path("data") / f"{shard}{suffix}").write_bytes(made)
    for column, labels in (("topic", GROUPS), ("label", NUMBERS)):
        with open_embeddings("data", groups=column) as found:
            assert found.groups == labels
            if column == "label" or "sv" not in suffix:  # else the label is a number of the row, as without groups
                np.testing.assert_array_equal(found.take(range(6)), VALUES)
            assert found.ids == (tuple("012345") if "sv" in suffix else None)


def test_cells_in_quotes_and_a_table_without_a_header(folder: Path) -> None:
    Path("q.csv").write_bytes(b'topic,e0,e1\n"a, b",1,2\n"c""d",3,4\n')
    with open_embeddings("q.csv", groups="topic") as found:
        assert found.groups == ("a, b", 'c"d')
    Path("n.csv").write_bytes(b"1.5,2.5,7\n3.5,4.5,8\n")
    with open_embeddings("n.csv", groups="3") as found:
        assert found.groups == ("7", "8")
        assert found.dimensions == 2


def test_a_field_may_be_true_or_false(folder: Path) -> None:
    Path("r.jsonl").write_bytes(records(range(6)))
    with open_embeddings("r.jsonl", groups="odd") as found:
        assert found.groups == ("False", "True") * 3


def test_a_file_of_that_name_comes_first(folder: Path) -> None:
    Path("t.csv").write_bytes(table(range(6)))
    Path("topic.txt").write_bytes(lines(*"abcdef"))
    Path("g.csv").write_bytes(lines("id,group", *(f"{k},g{k}" for k in range(5, -1, -1))))
    with open_embeddings("t.csv", groups="topic.txt") as found:
        assert found.groups == tuple("abcdef")
    with open_embeddings("t.csv", groups="g.csv") as found:  # by the table's own column of ids
        assert found.groups == tuple(f"g{k}" for k in range(6))


def test_the_column_of_another_data_set_is_left_out_where_it_is(folder: Path) -> None:
    Path("t.csv").write_bytes(table(range(6)))
    Path("without.csv").write_bytes(lines("e0,e1", "1,2", "3,4"))
    Path("label.txt").write_bytes(b"a\n")
    for without, dimensions in (("label", 2), ("none", 3), ("label.txt", 3), (None, 3), (["label"], 3)):
        with open_embeddings("t.csv", without=without) as found:
            assert (found.dimensions, found.groups) == (dimensions, None)
    with open_embeddings("without.csv", without="label") as found:
        assert found.dimensions == 2


@pytest.mark.parametrize(
    ("source", "column", "part"),
    [
        ("t.csv", "tpoic", "t.csv: labels 'tpoic' is neither a file nor a column among 'id', 'topic', 'e0', 'e1'"),
        (
            "r.jsonl",
            "tpoic",
            "r.jsonl line 1: labels 'tpoic' is neither a file nor a field among 'embedding', 'topic'",
        ),
        ("l.jsonl", "topic", "l.jsonl line 1: labels 'topic' is neither a file nor a field"),
        ("x.npy", "topic", "labels 'topic': no such file, and x.npy has no columns"),
        ("@mixed", "topic", "labels 'topic': no such file, and x.npy has no columns"),
        ("x.npy", "g.txt", "labels 'g.txt': no such file, and x.npy has no columns"),
        ("e.csv", "topic", "e.csv row 1: the label 'topic' is empty"),
        ("e.jsonl", "topic", "e.jsonl row 1: the label 'topic' is empty"),
        ("m.jsonl", "topic", "m.jsonl line 2: field 'topic' is null, expected a label"),
    ],
)
def test_a_column_that_cannot_be_used(folder: Path, source: str, column: str, part: str) -> None:
    Path("t.csv").write_bytes(table(range(6)))
    Path("r.jsonl").write_bytes(records(range(6)))
    Path("l.jsonl").write_bytes(jsonl([1, 2], [3, 4]))
    np.save("x.npy", VALUES)
    Path("mixed").write_bytes(lines("e.csv", "x.npy"))
    Path("e.csv").write_bytes(lines("topic,e0,e1", "a,1,2", ",3,4"))
    Path("e.jsonl").write_bytes(jsonl({"vector": [1, 2], "topic": "a"}, {"vector": [3, 4], "topic": ""}))
    Path("m.jsonl").write_bytes(jsonl({"vector": [1, 2], "topic": "a"}, {"vector": [3, 4]}))
    with pytest.raises(InputError) as error:
        open_embeddings(source, groups=column)
    assert part in str(error.value)
    assert error.value.next_step


def test_embeddings_that_are_open_have_no_columns_and_stay_open(folder: Path) -> None:
    Path("t.csv").write_bytes(table(range(6)))
    with open_embeddings("t.csv", groups="topic") as found:
        assert open_embeddings(found).groups == GROUPS
        assert open_embeddings(found, groups=list(NUMBERS)).groups == NUMBERS
        with pytest.raises(InputError, match="label: no such file"):
            open_embeddings(found, groups="label")
        with pytest.raises(InputError, match="2 labels for the 6 rows"):
            open_embeddings(found, ids=list("abcdef"), groups=["a", "b"])
        assert len(found.take([0])) == 1
