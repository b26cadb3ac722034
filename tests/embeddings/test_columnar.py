"""Parquet, Arrow files and streams, and Feather: only the embedding is read, and what is wrong is named."""

from __future__ import annotations

import io
import json
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
from pyarrow import ipc

from specaudit.embeddings import open_embeddings
from specaudit.errors import InputError
from specaudit.scan import scan

Array = np.ndarray[Any, Any]
ROWS, DIMENSIONS, TOGETHER = 211, 6, 40
NAMES = [f"r{k}" for k in range(ROWS)]


def write_parquet(table: pa.Table, name: str) -> None:
    pa.parquet.write_table(table, name, row_group_size=TOGETHER, write_page_checksum=True)


def write_file(table: pa.Table, name: str) -> None:
    with ipc.new_file(name, table.schema) as writer:
        writer.write_table(table, max_chunksize=TOGETHER)


def write_stream(table: pa.Table, name: str) -> None:
    with ipc.new_stream(name, table.schema) as writer:
        writer.write_table(table, max_chunksize=TOGETHER)


def write_packed(table: pa.Table, name: str) -> None:
    pa.feather.write_feather(table, name, compression="zstd", chunksize=TOGETHER)


FORMATS: dict[str, tuple[str, Callable[[pa.Table, str], None]]] = {
    "parquet": ("emb.parquet", write_parquet),
    "file": ("emb.arrow", write_file),
    "stream": ("emb.ipc", write_stream),
    "compressed": ("emb.feather", write_packed),
}


def numbers(dtype: str = "f4", seed: int = 0) -> Array:
    return (np.random.default_rng(seed).standard_normal((ROWS, DIMENSIONS)) * 30).astype(dtype)


def fixed(values: Array) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(values).reshape(-1)), values.shape[1])


def variable(values: Array) -> pa.Array:
    return fixed(values).cast(pa.list_(fixed(values).type.value_type))


def tensors(values: Array) -> pa.Array:
    return pa.FixedShapeTensorArray.from_numpy_ndarray(values)


def large(values: Array) -> pa.Array:
    return fixed(values).cast(pa.large_list(fixed(values).type.value_type))


def write(kind: str, **columns: Any) -> str:
    name, writer = FORMATS[kind]
    writer(pa.table(columns), name)
    return name


def refusal(source: str, **options: Any) -> str:
    """What opening and reading says, in one printable line."""
    with pytest.raises(InputError) as caught, open_embeddings(source, **options) as embeddings:
        list(embeddings.blocks())
    assert str(caught.value).isprintable()
    assert caught.value.next_step
    return str(caught.value)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("lists", [fixed, variable, large, tensors])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "u8"])
def test_a_column_of_lists_is_the_matrix_of_the_npy(
    folder: Path, read_all: Callable[..., Array], kind: str, lists: Callable[[Array], pa.Array], dtype: str
) -> None:
    expected = np.abs(numbers()).astype(dtype)
    np.save("emb.npy", expected)
    name = write(kind, id=NAMES, text=["…"] * ROWS, embedding=lists(expected))
    with open_embeddings(name) as found, open_embeddings("emb.npy") as plain:
        assert (found.rows, found.dimensions, found.dtype) == (*expected.shape, expected.dtype)
        assert found.ids == tuple(NAMES)
        for max_bytes in (1, 57, 1000, 8 << 20):
            np.testing.assert_array_equal(read_all(found, max_bytes), expected)
        for rows in (np.arange(ROWS)[::-1], np.array([], int), np.array([3, 3, 0, ROWS - 1, TOGETHER])):
            np.testing.assert_array_equal(found.take(rows), expected[rows])
        assert scan(found).digest == scan(plain).digest


@pytest.mark.parametrize("kind", FORMATS)
def test_columns_of_numbers_are_named_as_in_a_csv(folder: Path, read_all: Callable[..., Array], kind: str) -> None:
    expected = numbers()
    columns = {f"e{k}": expected[:, k] for k in range(DIMENSIONS)}
    name = write(kind, key=np.arange(ROWS), label=np.arange(ROWS), **columns)
    with open_embeddings(name, column="e", ids="key") as found:
        np.testing.assert_array_equal(read_all(found), expected)
        np.testing.assert_array_equal(found.take([9, 7, 9]), expected[[9, 7, 9]])
        assert found.ids == tuple(map(str, range(ROWS)))
    with open_embeddings(name, column="e4,e1:e2") as found:
        np.testing.assert_array_equal(read_all(found), expected[:, [4, 1, 2]])


@pytest.mark.parametrize("field", ["embeddings", "vector"])
def test_default_columns(folder: Path, field: str) -> None:
    name = write("parquet", **{field: fixed(numbers()), "ids": pa.array(NAMES).dictionary_encode()})
    with open_embeddings(name) as found:
        assert found.ids == tuple(NAMES)


@pytest.mark.parametrize("kind", FORMATS)
def test_tensors_of_several_axes(folder: Path, kind: str) -> None:
    several = pa.FixedShapeTensorArray.from_numpy_ndarray(numbers().reshape(ROWS, 2, 3))
    name = write(kind, embedding=several)
    assert f"{name} column 'embedding': tensors of shape (2, 3), expected one axis" in refusal(name)


def test_the_first_version_of_feather(folder: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is old
        pa.feather.write_feather(pa.table({"x": numbers()[:, 0]}), "old.feather", version=1)
    assert "old.feather: a Feather file of version 1, which is no Arrow file; convert it with" in refusal(
        "old.feather"
    )


@pytest.fixture
def read_bytes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How much each read of a file found."""
    found: list[int] = []

    class Counted(io.FileIO):
        def readinto(self, buffer: Any) -> int:
            found.append(super().readinto(buffer))
            return found[-1]

    def preadv(*arguments: Any) -> int:
        found.append(original(*arguments))
        return found[-1]

    original = os.preadv
    monkeypatch.setattr(os, "preadv", preadv)
    monkeypatch.setattr(io, "FileIO", Counted)
    return found


@pytest.mark.parametrize("kind", FORMATS)
def test_other_columns_are_never_read(folder: Path, read_bytes: list[int], kind: str) -> None:
    """The other columns are hundreds of times as long; none of them may pass through a read."""
    noise = [os.urandom(10_000) for _ in range(ROWS)]
    name = write(kind, text=noise, embedding=fixed(numbers()), more=noise)
    with open_embeddings(name) as found:
        list(found.blocks())
        found.take([0, ROWS - 1])
    assert os.path.getsize(name) > 4 << 20
    # Footers are looked for in the last 64 KiB, and buffered columns read a little on.
    assert sum(read_bytes) < 1 << 20


def test_rows_are_taken_from_their_row_groups_alone(folder: Path, read_bytes: list[int]) -> None:
    rows = np.random.default_rng(0).standard_normal((4_000, 256), np.float32)  # 10 groups of 400 KB
    table = pa.table({"embedding": fixed(rows)})
    pa.parquet.write_table(table, "emb.parquet", row_group_size=400, use_dictionary=False)
    with open_embeddings("emb.parquet") as found:
        read_bytes.clear()
        np.testing.assert_array_equal(found.take([3_999, 1_234, 1_235]), rows[[3_999, 1_234, 1_235]])
    assert 800_000 < sum(read_bytes) < 1_200_000


def test_a_large_row_group_is_read_piece_by_piece(folder: Path) -> None:
    """One row group of 32 MB: neither its bytes nor its rows are ever held at once."""
    rows = np.random.default_rng(0).standard_normal((1 << 14, 512), np.float32)
    pa.parquet.write_table(pa.table({"embedding": fixed(rows)}), "emb.parquet", use_dictionary=False)
    assert pa.parquet.ParquetFile("emb.parquet").num_row_groups == 1
    with open_embeddings("emb.parquet") as found:
        before = pa.total_allocated_bytes()
        peak = max(pa.total_allocated_bytes() - before for _ in found.blocks())
        np.testing.assert_array_equal(found.take([5, 15_000]), rows[[5, 15_000]])
    assert peak < 8 << 20


@pytest.mark.parametrize("kind", FORMATS)
def test_lists_of_another_length_and_nulls_are_named(folder: Path, kind: str) -> None:
    rows: list[Any] = numbers("f8").tolist()
    for change, says in (
        (rows[90][:-1], "row 90 (id 'r90') column 'embedding': 5 numbers, expected 6 as in the first row"),
        ([*rows[90], 0.0], "row 90 (id 'r90') column 'embedding': 7 numbers, expected 6"),
        (None, "row 90 (id 'r90') column 'embedding': null"),
        ([1.0, 2.0, None, 4.0, 5.0, 6.0], "row 90 (id 'r90') column 'embedding' item 2: null"),
    ):
        name = write(kind, id=NAMES, embedding=[*rows[:90], change, *rows[91:]])
        assert f"{name} {says}" in refusal(name)
    name = write(kind, a=[1.0] * ROWS, b=[1.0] * 77 + [None] * (ROWS - 77))
    assert f"{name} row 77 column 'b': null" in refusal(name, column="a,b")
    name = write(kind, id=[*NAMES[:8], None, *NAMES[9:]], embedding=rows)
    assert f"{name} row 8 column 'id': null" in refusal(name)
    name = write(kind, id=[*NAMES[:8], NAMES[0], *NAMES[9:]], embedding=rows)
    assert f"id 'r0' names two rows: {name} row 0 and {name} row 8" in refusal(name)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "no column 'embedding' or 'embeddings' or 'vector' among 'x', 'text', 'deep', 'id'"),
        ({"column": "y"}, "no column 'y' among 'x', 'text', 'deep'"),
        ({"column": "text"}, "column 'text': string, expected one column of lists of numbers, or columns"),
        ({"column": "deep"}, "column 'deep': list<"),
        ({"column": "x,text"}, "column 'text': string"),
        ({"column": "x", "ids": "key"}, "ids 'key' is neither a file nor a column among 'x'"),
        ({"column": "x", "ids": "deep"}, "column 'deep': list<"),
    ],
)
def test_wrong_columns(folder: Path, kind: str, options: dict[str, str], says: str) -> None:
    name = write(kind, x=[1.0, 2.0], text=["a", "b"], deep=[[[1.0]], [[2.0]]], id=[1, 2])
    assert f"{name}" in refusal(name, **options)
    assert says in refusal(name, **options)


def test_two_columns_of_one_name(folder: Path) -> None:
    table = pa.Table.from_arrays([fixed(numbers()), fixed(numbers())], names=["embedding", "embedding"])
    write_file(table, "emb.arrow")
    assert "emb.arrow: 2 columns are named 'embedding'" in refusal("emb.arrow")


@pytest.mark.parametrize("kind", FORMATS)
def test_truncated_and_empty_tables(folder: Path, kind: str) -> None:
    name = write(kind, embedding=fixed(numbers()))
    data = Path(name).read_bytes()
    for size in (len(data) - 1, len(data) // 2, 20, 3):
        Path(name).write_bytes(data[:size])
        assert f"{name}: " in refusal(name)
    Path(name).write_bytes(data + b"1")
    assert f"{name}: " in refusal(name)
    FORMATS[kind][1](pa.table({"embedding": fixed(numbers())}).slice(0, 0), name)
    assert f"{name}: 0 rows" in refusal(name)
    write(kind, embedding=pa.array([[], []], pa.list_(pa.float32())))
    assert f"{name}: 0 columns" in refusal(name)


def test_a_stream_cut_between_two_batches_is_not_a_shorter_one(folder: Path) -> None:
    table = pa.table({"embedding": fixed(numbers())})
    sink = pa.BufferOutputStream()
    with ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.slice(0, TOGETHER))
        cut = sink.tell()
        writer.write_table(table.slice(TOGETHER))
    Path("emb.arrow").write_bytes(sink.getvalue().to_pybytes()[:cut])
    assert "emb.arrow: truncated: a stream without its end mark" in refusal("emb.arrow")


def test_damage_in_the_pages_is_found_by_their_checksum(folder: Path) -> None:
    name = write("parquet", embedding=fixed(numbers()))
    data = bytearray(Path(name).read_bytes())
    data[200] ^= 1
    Path(name).write_bytes(data)
    assert "emb.parquet: not a readable Parquet file: could not verify page integrity" in refusal(name)


@pytest.mark.parametrize("kind", FORMATS)
def test_shards_come_in_natural_order(folder: Path, read_all: Callable[..., Array], kind: str) -> None:
    expected = [numbers(seed=seed) for seed in range(3)]
    Path("data").mkdir()
    name, writer = FORMATS[kind]
    for number, values in zip((1, 2, 10), expected, strict=True):
        writer(pa.table({"embedding": fixed(values)}), f"data/part-{number}{Path(name).suffix}")
    Path("data/_SUCCESS").touch()
    Path("data/.part-1.crc").write_bytes(b"x")
    with open_embeddings("data") as found:
        np.testing.assert_array_equal(read_all(found), np.concatenate(expected))


@pytest.mark.parametrize("kind", ["parquet", "file", "stream"])
def test_a_table_that_changes_between_two_passes(folder: Path, kind: str) -> None:
    name = write(kind, embedding=fixed(numbers()))
    with open_embeddings(name) as found:
        list(found.blocks())
        os.utime(name, ns=(0, 0))
        with pytest.raises(InputError, match=f"{name}: changed since it was first read"):
            found.take([0])


def test_partitions_are_shards_and_their_keys_no_columns(folder: Path, read_all: Callable[..., Array]) -> None:
    expected = [numbers(seed=seed) for seed in range(4)]
    folders = ("day=2/part=a", "day=10/part=a", "day=10/part=b")
    for place, values in zip(folders, expected, strict=False):
        Path("data", place).mkdir(parents=True)
        write_parquet(pa.table({"embedding": fixed(values)}), f"data/{place}/0.parquet")
    write_parquet(pa.table({"embedding": fixed(expected[3])}), "data/part-0.parquet")
    for other in ("data/_temporary/day=3", "data/notes", "data/_day=4"):
        Path(other).mkdir(parents=True)
        Path(other, "0.parquet").write_bytes(b"x")
    Path("data/day=2/_SUCCESS").touch()
    with open_embeddings("data") as found:
        np.testing.assert_array_equal(read_all(found), np.concatenate(expected))
        assert [shard.name for shard in found.shards][:2] == [
            "data/day=2/part=a/0.parquet",
            "data/day=10/part=a/0.parquet",
        ]
    assert "no column 'day'" in refusal("data", column="day")


def saved(place: str, *files: str, **state: Any) -> None:
    """What ``Dataset.save_to_disk`` writes."""
    Path(place).mkdir(parents=True)
    entries = [{"filename": name} for name in files]
    Path(place, "state.json").write_text(json.dumps({"_data_files": entries, "_fingerprint": "f", **state}))
    Path(place, "dataset_info.json").write_text('{"features": {}}')
    for seed, name in enumerate(files):
        write_stream(pa.table({"embedding": variable(numbers(seed=seed))}), f"{place}/{name}")


def test_a_saved_data_set_of_hugging_face(folder: Path, read_all: Callable[..., Array]) -> None:
    saved("set/train", "data-00000-of-00002.arrow", "data-00001-of-00002.arrow")
    Path("set/train/cache-7f.arrow").write_bytes(b"no part of it")
    Path("set/dataset_dict.json").write_text('{"splits": ["train"]}')
    for source in ("set", "set/train", "set/train/"):
        with open_embeddings(source) as found:
            np.testing.assert_array_equal(read_all(found), np.concatenate([numbers(), numbers(seed=1)]))
    Path("set/dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    assert "set: a data set of 2 splits: 'train', 'test'; name one, such as set/train" in refusal("set")
    Path("set/dataset_dict.json").write_text("{")
    assert "set: dataset_dict.json: not JSON" in refusal("set")
    Path("set/train/data-00001-of-00002.arrow").unlink()
    assert "set/train: state.json names 'data-00001-of-00002.arrow', which is not there" in refusal("set/train")
    saved("chosen", "data.arrow", _indices_files=[{"filename": "indices.arrow"}])
    assert "chosen: its rows are a selection, kept apart from them" in refusal("chosen")


def test_a_directory_of_the_cache_of_hugging_face(folder: Path, read_all: Callable[..., Array]) -> None:
    Path("cache").mkdir()
    for number in (10, 2):
        table = pa.table({"embedding": variable(numbers(seed=number))})
        write_stream(table, f"cache/set-train-{number}.arrow")
    Path("cache/cache-7f.arrow").write_bytes(b"no part of it")
    Path("cache/dataset_info.json").write_text('{"splits": {"train": {}}}')
    with open_embeddings("cache") as found:
        np.testing.assert_array_equal(read_all(found), np.concatenate([numbers(seed=2), numbers(seed=10)]))
    Path("cache/dataset_info.json").write_text('{"splits": {"train": {}, "test": {}}}')
    assert "cache: a data set of 2 splits: 'train', 'test'; name the files of one by a glob" in refusal("cache")


@pytest.mark.parametrize("name", [".", "..", "../set/train", "", "a/b", "a\\b", "a\0", "\ud800", 7, None])
def test_names_that_lead_out_of_a_saved_data_set(folder: Path, name: Any) -> None:
    saved("set/train", "data.arrow")
    Path("set/dataset_dict.json").write_text(json.dumps({"splits": [name]}))
    assert "set: dataset_dict.json names " in refusal("set")
    Path("set/train/state.json").write_text(json.dumps({"_data_files": [{"filename": name}]}))
    assert "set/train: state.json names " in refusal("set/train")


def test_a_saved_data_set_that_names_something_twice_or_itself(folder: Path) -> None:
    saved("twice", "data.arrow", "data.arrow")
    assert "twice: state.json names 'data.arrow' twice" in refusal("twice")
    for state in ({}, {"_data_files": []}, {"_data_files": [{"file": "data.arrow"}]}, {"_data_files": 7}):
        Path("twice/state.json").write_text(json.dumps(state))
        assert "twice: state.json does not name the files of the data set" in refusal("twice")
    saved("loop", "data.arrow")
    Path("loop/dataset_dict.json").write_text('{"splits": ["again"]}')
    Path("loop/again").symlink_to(".", target_is_directory=True)
    assert "loop/again: a split with splits of its own" in refusal("loop")


def test_splits_beside_one_another_in_a_cache(folder: Path, read_all: Callable[..., Array]) -> None:
    Path("cache").mkdir()
    Path("cache/dataset_info.json").write_text('{"splits": null}')
    for seed in (0, 1):
        table = pa.table({"embedding": variable(numbers(seed=seed))})
        write_stream(table, f"cache/foo-train-0000{seed}-of-00002.arrow")
    with open_embeddings("cache") as found:
        np.testing.assert_array_equal(read_all(found), np.concatenate([numbers(), numbers(seed=1)]))
    write_stream(table, "cache/foo-test.arrow")
    says = "cache: files of 2 splits or data sets: 'foo-test', 'foo-train'; name the files of one by a glob such as "
    assert says in refusal("cache")


def test_a_missing_library_is_named_with_the_command_that_installs_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = write("parquet", embedding=fixed(numbers()))
    for module in [module for module in sys.modules if module.startswith("pyarrow")]:
        monkeypatch.setitem(sys.modules, module, None)
    assert "emb.parquet: needs pyarrow" in refusal(name)
    assert "pip install 'specaudit[arrow]'" in refusal(name)
