"""Chunks of HDF5 and zarr: those that were never written, and how many are in memory at a time."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.feather
import pytest
import zarr

from specaudit.embeddings import bands, hdf5, open_embeddings, zarrays
from specaudit.embeddings.bands import BandMatrix
from specaudit.embeddings.options import Options
from specaudit.embeddings.sources import Part
from specaudit.embeddings.stored import FileMatrix
from specaudit.errors import BudgetError, InputError

Array = np.ndarray[Any, Any]
ROWS, DIMENSIONS = 211, 6


def numbers() -> Array:
    return (np.random.default_rng(0).standard_normal((ROWS, DIMENSIONS)) * 30).astype("f4")


def sharded(**options: Any) -> zarr.Array[Any]:
    given = {"chunks": (10, 6), "shards": (40, 6), "overwrite": True, **options}
    return zarr.create_array("emb.zarr", shape=(ROWS, DIMENSIONS), dtype="f4", **given)


def refusal(source: str) -> str:
    with pytest.raises(InputError) as caught, open_embeddings(source) as embeddings:
        list(embeddings.blocks())
    assert str(caught.value).isprintable()
    return str(caught.value)


@pytest.mark.parametrize("options", [{}, {"chunks": (10, 3), "compressors": None}, {"shards": (20, 12)}], ids=str)
def test_chunks_within_shards_that_were_never_written(
    folder: Path, read_all: Callable[..., Array], options: dict[str, Any]
) -> None:
    array = sharded(**options)
    across = DIMENSIONS // array.chunks[1]
    array[:100] = numbers()[:100]
    array[110:] = numbers()[110:]
    assert f"emb.zarr: {across} of its {22 * across} chunks are not there, and would" in refusal("emb.zarr")
    array[100:110] = numbers()[100:110]
    with open_embeddings("emb.zarr") as found:
        np.testing.assert_array_equal(read_all(found), zarr.open_array("emb.zarr", mode="r")[...])


def test_chunks_of_zeros_within_shards_need_to_be_written(folder: Path, read_all: Callable[..., Array]) -> None:
    values = numbers()
    values[10:20] = 0
    sharded()[...] = values
    assert "emb.zarr: 1 of its 22 chunks are not there" in refusal("emb.zarr")
    sharded(config={"write_empty_chunks": True})[...] = values
    with open_embeddings("emb.zarr") as found:
        np.testing.assert_array_equal(read_all(found), values)


@pytest.mark.parametrize("place", ["start", "end"])
@pytest.mark.parametrize("checked", [True, False])
def test_where_the_index_of_a_shard_is(
    folder: Path, read_all: Callable[..., Array], place: Any, checked: bool
) -> None:
    from zarr.codecs import BytesCodec, Crc32cCodec, ShardingCodec

    index: list[Any] = [BytesCodec(), *[Crc32cCodec()] * checked]
    codec = ShardingCodec(chunk_shape=(10, 6), codecs=[BytesCodec()], index_codecs=index, index_location=place)
    group = zarr.open_group("emb.zarr", mode="w")
    array = group.create_array(
        "x", shape=(ROWS, DIMENSIONS), dtype="f4", chunks=(40, 6), serializer=codec, compressors=None
    )
    array[:190] = numbers()[:190]
    array[200:] = numbers()[200:]
    assert "emb.zarr::x: 1 of its 22 chunks are not there" in refusal("emb.zarr")
    array[190:200] = numbers()[190:200]
    with open_embeddings("emb.zarr") as found:
        np.testing.assert_array_equal(read_all(found), numbers())


def test_shards_of_another_kind(folder: Path) -> None:
    sharded()[...] = numbers()
    path = Path("emb.zarr/zarr.json")
    said = json.loads(path.read_text())
    said["codecs"][0]["configuration"]["index_codecs"].append({"name": "gzip", "configuration": {"level": 1}})
    path.write_text(json.dumps(said))
    assert "emb.zarr: shards of a kind of which it is not known" in refusal("emb.zarr")
    sharded()[...] = numbers()
    Path("emb.zarr/c/2/0").write_bytes(b"short")
    assert "emb.zarr: not a readable zarr store: a shard is smaller than its index" in refusal("emb.zarr")


def part(name: str) -> Part:
    return Part(path=Path(name), label=name, suffix=Path(name).suffix)


def in_columns(name: str, values: Array, chunks: tuple[int, int], **options: Any) -> str:
    if name.endswith(".h5"):
        with h5py.File(name, "w") as file:
            file.create_dataset("x", data=values, chunks=chunks, **options)
    else:
        array = zarr.create_array(name, shape=values.shape, dtype=values.dtype, chunks=chunks, **options)
        array[...] = values
    return name


@pytest.mark.parametrize("dtype", ["f4", ">f8", "i2"])
@pytest.mark.parametrize("chunks", [(211, 1), (211, 4), (50, 4), (300, 5), (50, 6)])
@pytest.mark.parametrize(
    ("name", "options"), [("a.h5", {}), ("a.h5", {"compression": "lzf"}), ("a.zarr", {}), ("a.zarr", {"filled": 1})]
)
def test_chunks_side_by_side_that_are_large_are_copied_one_by_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch, read_all: Callable[..., Array],
    name: str, options: dict[str, Any], chunks: tuple[int, int], dtype: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(bands, "TOGETHER", 500)
    if name.endswith(".h5"):
        chunks = (min(chunks[0], ROWS), chunks[1])
    elif options:
        options = {"shards": (2 * chunks[0], 2 * chunks[1]), "config": {"write_empty_chunks": True}}
    values = numbers().astype(dtype)
    in_columns(name, values, chunks, **options)
    read = hdf5.read_hdf5 if name.endswith(".h5") else zarrays.read_zarr
    assert isinstance(read(part(name), Options()), FileMatrix if chunks[1] < DIMENSIONS else BandMatrix)
    with open_embeddings(name) as found:
        np.testing.assert_array_equal(read_all(found), values)
        np.testing.assert_array_equal(found.take([7, 210, 7]), values[[7, 210, 7]])


@pytest.mark.parametrize("together", [1, 1 << 30])
def test_chunks_of_columns_are_not_read_number_by_number(
    folder: Path, monkeypatch: pytest.MonkeyPatch, together: int
) -> None:
    reads = []

    class Counted(io.BufferedReader):
        def readinto(self, buffer: Any) -> int:
            reads.append(len(buffer))
            return super().readinto(buffer)

    monkeypatch.setattr(bands, "TOGETHER", together)
    monkeypatch.setattr(hdf5, "CACHED", 0)
    monkeypatch.setattr(hdf5, "io", SimpleNamespace(BufferedReader=Counted))
    in_columns("a.h5", np.tile(numbers(), (20, 1)), (1000, 4))
    with open_embeddings("a.h5") as found:
        np.testing.assert_array_equal(found.take(np.arange(found.rows)), np.tile(numbers(), (20, 1)))
    assert 0 < len(reads) < 200


LARGE = np.random.default_rng(0).standard_normal((64_000, 16)).astype("f4")


@pytest.mark.parametrize(
    "options",
    [
        {"chunks": (32_000, 16), "compressors": None},
        {"chunks": (32_000, 16)},
        {"chunks": (32_000, 16), "zarr_format": 2},
        {"chunks": (32_000, 4), "compressors": None},
        {"chunks": (4_000, 16), "shards": (32_000, 16)},
        {"chunks": (4_000, 4), "shards": (32_000, 16), "compressors": None},
    ],
    ids=str,
)
def test_what_is_held_of_zarr_is_told(folder: Path, options: dict[str, Any]) -> None:
    in_columns("a.zarr", LARGE, **options)
    matrix = zarrays.read_zarr(part("a.zarr"), Options())
    assert isinstance(matrix, BandMatrix)
    for _ in matrix.blocks(1 << 10):  # what is imported or remembered is not counted
        pass
    tracemalloc.start()
    try:
        for values in matrix.blocks(1 << 20):
            held = values  # as what reads on may
        del held, values
        for values in matrix.take(np.arange(0, len(LARGE), 1000), 8):
            held = values
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert held.any()
    assert peak < matrix.held + (1 << 19)
    open_embeddings("a.zarr", max_memory=4 * matrix.held).close()
    with pytest.raises(BudgetError, match=r"a\.zarr: .* decoded together"):
        open_embeddings("a.zarr", max_memory=4 * matrix.held - 1)


def test_what_is_held_of_packed_chunks_and_batches(folder: Path) -> None:
    in_columns("a.h5", LARGE, (32_000, 16), compression="lzf")
    chunk = LARGE.nbytes // 2
    open_embeddings("a.h5", max_memory=12 * chunk).close()
    with pytest.raises(BudgetError, match=r"a\.h5: .* decoded together"):
        open_embeddings("a.h5", max_memory=12 * chunk - 1)
    in_columns("plain.h5", LARGE, (32_000, 16))
    open_embeddings("plain.h5", max_memory=5 << 20).close()
    table = pa.table({"vector": pa.FixedSizeListArray.from_arrays(pa.array(LARGE.ravel()), 16)})
    pa.feather.write_feather(table, "a.arrow", compression="lz4", chunksize=32_000)
    open_embeddings("a.arrow", max_memory=9 * chunk).close()
    with pytest.raises(BudgetError, match=r"a\.arrow: .* decoded together"):
        open_embeddings("a.arrow", max_memory=7 * chunk)
