"""Every format gives back the numbers that were written, by blocks and by row numbers."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specaudit.embeddings import FORMATS, SCHEMES, Embeddings, open_embeddings
from specaudit.embeddings.formats import READERS, REFUSED
from specaudit.errors import BudgetError, InputError

Array = np.ndarray[Any, Any]
ROWS, DIMENSIONS = 211, 5
DTYPES = [
    "f2",
    "f4",
    "f8",
    "i1",
    "i2",
    "i4",
    "i8",
    "u1",
    "u2",
    "u4",
    "u8",
    "?",
    ">f2",
    ">f4",
    ">f8",
    ">i4",
    ">u2",
]


def numbers(dtype: str = "f4", rows: int = ROWS, seed: int = 0) -> Array:
    values = np.random.default_rng(seed).standard_normal((rows, DIMENSIONS)) * 30
    return (np.abs(values) if np.dtype(dtype).kind == "u" else values).astype(dtype)


def vecs(values: Array) -> bytes:
    head = np.full((len(values), 1), values.shape[1], "<i4").view(np.uint8)
    return np.hstack([head, np.ascontiguousarray(values).view(np.uint8).reshape(len(values), -1)]).tobytes()


def check(embeddings: Embeddings, expected: Array, read_all: Callable[..., Array]) -> None:
    with embeddings:
        assert (embeddings.rows, embeddings.dimensions) == expected.shape
        assert embeddings.dtype == expected.dtype.newbyteorder("=")
        for max_bytes in (1, 57, 1000, 8 << 20):
            np.testing.assert_array_equal(read_all(embeddings, max_bytes), expected)
        some = np.random.default_rng(1).integers(0, len(expected), 50)
        for rows in (some, np.arange(len(expected))[::-1], np.array([], int), np.array([3, 3, 0])):
            got = embeddings.take(rows)
            assert got.dtype == embeddings.dtype
            np.testing.assert_array_equal(got, expected[rows])


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_npy_of_every_dtype_and_order(folder: Path, read_all: Callable[..., Array], dtype: str, order: Any) -> None:
    values = np.array(numbers(dtype), order=order)
    np.save("emb.npy", values)
    check(open_embeddings("emb.npy"), values, read_all)
    check(open_embeddings(values), values, read_all)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_npy_of_every_header_version(folder: Path, read_all: Callable[..., Array], version: tuple[int, int]) -> None:
    with open("emb.npy", "wb") as file:
        np.lib.format.write_array(file, numbers(), version=version)
    check(open_embeddings(Path("emb.npy")), numbers(), read_all)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("dtype", ["f2", ">f4", "i1"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npz_members_stored_and_compressed(
    folder: Path, read_all: Callable[..., Array], save: Any, dtype: str, order: Any
) -> None:
    values = np.array(numbers(dtype), order=order)
    save("one.npz", emb=values, labels=np.arange(ROWS))
    check(open_embeddings("one.npz"), values, read_all)
    save("two.npz", emb=values, other=numbers(seed=1))
    check(open_embeddings("two.npz::emb"), values, read_all)
    assert open_embeddings("two.npz::emb").name == "two.npz::emb"


@pytest.mark.parametrize("dtype", ["float32", ">f8", "uint8", "bool"])
def test_raw_numbers_need_dtype_and_shape(folder: Path, read_all: Callable[..., Array], dtype: str) -> None:
    Path("emb.bin").write_bytes(numbers(dtype).tobytes())
    check(open_embeddings("emb.bin", dtype=dtype, shape=(ROWS, DIMENSIONS)), numbers(dtype), read_all)
    check(open_embeddings("emb.bin", dtype=dtype, shape=(-1, DIMENSIONS)), numbers(dtype), read_all)


@pytest.mark.parametrize(("suffix", "dtype"), [(".fvecs", "<f4"), (".bvecs", "u1")])
def test_vecs(folder: Path, read_all: Callable[..., Array], suffix: str, dtype: str) -> None:
    Path("emb" + suffix).write_bytes(vecs(numbers(dtype)))
    check(open_embeddings("emb" + suffix), numbers(dtype), read_all)


@pytest.mark.parametrize(("suffix", "dtype"), [(".fbin", "<f4"), (".u8bin", "u1"), (".i8bin", "i1")])
def test_bin_with_header(folder: Path, read_all: Callable[..., Array], suffix: str, dtype: str) -> None:
    values = numbers(dtype)
    Path("emb" + suffix).write_bytes(np.array(values.shape, "<u4").tobytes() + values.tobytes())
    check(open_embeddings("emb" + suffix), values, read_all)


def write_csv(name: str, header: list[str] | None, rows: list[list[Any]], **options: Any) -> None:
    with open(name, "w", newline="") as file:
        writer = csv.writer(file, **options)
        writer.writerows([header] if header else [])
        writer.writerows(rows)


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("header", [[f"e{k}" for k in range(DIMENSIONS)], ["0", "1", "2", "3", "4"], None])
def test_csv_with_and_without_header(
    folder: Path, read_all: Callable[..., Array], header: list[str] | None, quoting: int
) -> None:
    write_csv("emb.csv", header, numbers("f8").tolist(), quoting=quoting)
    check(open_embeddings("emb.csv"), numbers("f8"), read_all)
    write_csv("emb.tsv", header, numbers("f8").tolist(), delimiter="\t", quoting=quoting)
    check(open_embeddings("emb.tsv"), numbers("f8"), read_all)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (None, [0, 1, 2, 3, 4]),
        ("e", [0, 1, 2, 3, 4]),
        ("e4,e0", [4, 0]),
        ("e1:e3", [1, 2, 3]),
        ("e0, e2:e3", [0, 2, 3]),
    ],
)
def test_csv_columns(folder: Path, read_all: Callable[..., Array], column: str | None, expected: list[int]) -> None:
    """The text column has quotes, delimiters and line breaks; the id names the rows."""
    values = numbers("f8")
    rows = [[f"doc{k}", f'say "{k}",\nthen go', *row] for k, row in enumerate(values.tolist())]
    write_csv("emb.csv", ["id", "text", "e0", "e1", "e2", "e3", "e4"], rows)
    with open_embeddings("emb.csv", column=column) as embeddings:
        assert embeddings.ids == tuple(f"doc{k}" for k in range(ROWS))
        np.testing.assert_array_equal(read_all(embeddings), values[:, expected])


def test_csv_index_of_pandas_is_not_a_dimension(folder: Path) -> None:
    write_csv("emb.csv", ["", "0", "1"], [[0, 0.5, 1.5], [1, 2.5, 3.5]])
    with open_embeddings("emb.csv") as embeddings:
        assert embeddings.ids == ("0", "1")
        np.testing.assert_array_equal(embeddings.take([0, 1]), [[0.5, 1.5], [2.5, 3.5]])


def test_csv_larger_than_one_parsed_block(folder: Path, read_all: Callable[..., Array]) -> None:
    values = numbers("f8", rows=20_000)
    np.savetxt("emb.csv", values, delimiter=",", fmt="%.17g")
    assert Path("emb.csv").stat().st_size > 1 << 20
    with open_embeddings("emb.csv") as embeddings:
        np.testing.assert_array_equal(read_all(embeddings), values)


def test_csv_not_a_number_is_left_to_the_scan(folder: Path) -> None:
    Path("emb.csv").write_text("\ufeffa,b\r\n1,nan\r\n-inf,1e999\r\n\r\n", encoding="utf-8")
    with open_embeddings("emb.csv") as embeddings:
        np.testing.assert_array_equal(embeddings.take([0, 1]), [[1, np.nan], [-np.inf, np.inf]])


@pytest.mark.parametrize("field", [None, "embedding", "embeddings", "vector", "mine"])
def test_jsonl(folder: Path, read_all: Callable[..., Array], field: str | None) -> None:
    values = numbers("f8")
    lines = [row if field is None else {"id": k, field: row} for k, row in enumerate(values.tolist())]
    Path("emb.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    column = "mine" if field == "mine" else None
    check(open_embeddings("emb.jsonl", column=column), values, read_all)
    expected = None if field is None else tuple(str(k) for k in range(ROWS))
    assert open_embeddings("emb.jsonl", column=column).ids == expected


@pytest.mark.parametrize("order", ["C", "F"])
def test_standard_input(
    folder: Path, read_all: Callable[..., Array], order: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.BytesIO()
    np.save(stream, np.array(numbers(), order=order))
    stream.seek(0)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stream))
    embeddings = open_embeddings("-")
    assert embeddings.name == "stdin"
    check(embeddings, numbers(), read_all)


@pytest.fixture
def shards(folder: Path) -> Array:
    """Ten shards with natural order 1..10, and files that are not shards."""
    Path("data").mkdir()
    values = numbers()
    for number, rows in enumerate(np.array_split(np.arange(ROWS), 10), start=1):
        np.save(f"data/part-{number}.npy", values[rows])
    Path("data/_SUCCESS").touch()
    Path("data/.part-0.npy").touch()
    Path("data/_old.npy").touch()
    Path("data/README.md").touch()
    Path("data/parts.txt").write_text("".join(f"part-{n}.npy\n" for n in range(1, 11)) + "\n")
    return values


@pytest.mark.parametrize("source", ["data", "data/", "data/*.npy", "d*/**/*.npy", "@data/parts.txt"])
def test_shards_come_in_natural_order(shards: Array, read_all: Callable[..., Array], source: str) -> None:
    embeddings = open_embeddings(source)
    assert embeddings.name == source
    assert [shard.name for shard in embeddings.shards] == [f"part-{n}.npy" for n in range(1, 11)]
    assert [shard.start for shard in embeddings.shards][:3] == [0, 22, 43]
    assert sum(shard.rows for shard in embeddings.shards) == ROWS
    check(embeddings, shards, read_all)
    assert embeddings.locate(0) == "part-1.npy row 0"
    assert embeddings.locate(22) == "part-2.npy row 0"
    assert embeddings.locate(ROWS - 1) == "part-10.npy row 20"


def test_shards_of_different_dtypes_have_their_common_dtype(folder: Path, read_all: Callable[..., Array]) -> None:
    np.save("a1.npy", numbers("f2"))
    np.save("a2.npy", numbers(">f4"))
    embeddings = open_embeddings("a*.npy")
    assert [str(shard.dtype) for shard in embeddings.shards] == ["float16", "float32"]
    check(embeddings, np.vstack([numbers("f2"), numbers("f4")]), read_all)


def test_shards_with_one_name_keep_their_folders(folder: Path) -> None:
    for name in ("a", "b"):
        Path(name).mkdir()
        np.save(f"{name}/emb.npy", numbers())
    assert [shard.name for shard in open_embeddings("*/emb.npy").shards] == ["a/emb.npy", "b/emb.npy"]


def test_file_with_glob_characters_or_colons_is_taken_as_it_is(folder: Path) -> None:
    for name in ("a[1].npy", "b::c.npy"):
        np.save(name, numbers())
        assert open_embeddings(name).name == name


@pytest.mark.parametrize("name", ["ids.txt", "ids.npy", "bytes.npy", "ids.csv", "column.csv", "ids.tsv", "ids.jsonl"])
def test_ids_files(folder: Path, name: str) -> None:
    ids = [f"r{k}" for k in range(ROWS)]
    np.save("emb.npy", numbers())
    Path("ids.txt").write_text("\n".join(ids) + "\n")
    np.save("ids.npy", np.array(ids))
    np.save("bytes.npy", np.array(ids, "S"))
    write_csv("ids.csv", None, [[name] for name in ids])
    write_csv("column.csv", ["n", "id"], [[k, name] for k, name in enumerate(ids)])
    write_csv("ids.tsv", ["ID"], [[name] for name in ids], delimiter="\t")
    Path("ids.jsonl").write_text("\n".join(json.dumps({"id": name}) for name in ids))
    for given in (name, Path(name)):
        embeddings = open_embeddings("emb.npy", ids=given)
        assert embeddings.ids == tuple(ids)
    assert embeddings.locate(17) == "emb.npy row 17 (id 'r17')"


def test_ids_as_a_sequence_or_whole_numbers(folder: Path) -> None:
    np.save("ids.npy", np.arange(ROWS))
    assert open_embeddings(numbers(), ids="ids.npy").ids == tuple(str(k) for k in range(ROWS))
    assert open_embeddings(numbers(), ids=[f"r{k}" for k in range(ROWS)]).locate(2) == "array row 2 (id 'r2')"


def test_ids_as_a_column_of_a_table(folder: Path) -> None:
    write_csv("emb.csv", ["key", "id", "a"], [["x", 1, 0.5], ["y", 2, 1.5]])
    assert open_embeddings("emb.csv", ids="key").ids == ("x", "y")
    Path("emb.jsonl").write_text('{"key": "x", "vector": [1]}\n{"key": "y", "vector": [2]}')
    assert open_embeddings("emb.jsonl", ids="key").ids == ("x", "y")


def test_embeddings_pass_through(folder: Path) -> None:
    embeddings = open_embeddings(numbers())
    assert open_embeddings(embeddings) is embeddings
    assert open_embeddings(embeddings, ids=[str(k) for k in range(ROWS)]).ids is not None


def test_embeddings_are_frozen_and_check_row_numbers(folder: Path) -> None:
    embeddings = open_embeddings(numbers())
    with pytest.raises(FrozenInstanceError):
        embeddings.rows = 3  # type: ignore[misc]
    for rows in ([-1], [ROWS]):
        with pytest.raises(IndexError):
            embeddings.take(rows)
        with pytest.raises(IndexError):
            embeddings.locate(rows[0])


def test_blocks_keep_to_a_quarter_of_the_memory(folder: Path) -> None:
    with open_embeddings(numbers(), max_memory=4 * 3 * DIMENSIONS * 4) as embeddings:
        assert [len(block.values) for block in embeddings.blocks()][:2] == [3, 3]
    with pytest.raises(BudgetError, match=r"a quarter of the 10 bytes that .*max-memory"):
        open_embeddings(numbers(), max_memory=10)


def test_an_array_of_the_user_is_neither_copied_nor_made_read_only() -> None:
    values = numbers()
    block = next(open_embeddings(values).blocks())
    assert np.shares_memory(block.values, values)
    assert values.flags.writeable


def test_two_passes_over_a_temporary_file_do_not_disturb_each_other(folder: Path) -> None:
    np.savez_compressed("emb.npz", numbers())
    with open_embeddings("emb.npz") as embeddings:
        for one, two in zip(embeddings.blocks(100), embeddings.blocks(100), strict=True):
            np.testing.assert_array_equal(one.values, two.values)


def test_file_that_shrinks_while_it_is_read(folder: Path) -> None:
    np.save("emb.npy", numbers())
    with open_embeddings("emb.npy") as embeddings:
        blocks = embeddings.blocks(100)
        next(blocks)
        os.truncate("emb.npy", 500)
        with pytest.raises(InputError, match=r"emb\.npy: ended early"):
            list(blocks)


def test_file_that_changes_between_two_passes(folder: Path) -> None:
    """Its size stays: the time of the change tells, or the new file under the old name."""
    np.save("emb.npy", numbers())
    with open_embeddings("emb.npy") as embeddings:
        embeddings.take([0])
        np.save("new.npy", numbers(seed=1))
        os.utime("new.npy", ns=(0, os.stat("emb.npy").st_mtime_ns))
        os.replace("new.npy", "emb.npy")
        for read in (lambda: list(embeddings.blocks()), lambda: embeddings.take([ROWS - 1])):
            with pytest.raises(InputError, match=r"emb\.npy: changed since it was first read"):
                read()


def test_the_page_on_inputs_names_every_format_and_what_is_refused() -> None:
    page = (Path(__file__).parents[2] / "docs" / "inputs.md").read_text(encoding="utf-8")
    for suffix in {*FORMATS, *REFUSED} - {".gz"}:
        assert f"`{suffix}`" in page
    assert all(f"`{scheme}://`" in page for scheme in SCHEMES)


def test_every_registered_suffix_is_lower_case() -> None:
    assert all(suffix == "-" or (suffix.startswith(".") and suffix.islower()) for suffix in READERS)
