"""Chunks of HDF5 and zarr: those that were never written, and how many are in memory at a time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from specaudit.embeddings import open_embeddings
from specaudit.errors import InputError

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
