"""What holds several arrays: safetensors, HDF5 and zarr."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError
from safetensors.numpy import load, save, save_file

from specaudit.embeddings import open_embeddings
from specaudit.errors import InputError
from specaudit.scan import scan

Array = np.ndarray[Any, Any]
ROWS, DIMENSIONS = 211, 6


def numbers(dtype: str = "f4", seed: int = 0) -> Array:
    values = np.random.default_rng(seed).standard_normal((ROWS, DIMENSIONS)) * 30
    return values > 0 if dtype == "?" else values.astype(dtype)


def hdf5(name: str, values: Array | None = None, path: str = "embeddings", **options: Any) -> str:
    with h5py.File(name, "w") as file:
        file.create_dataset(path, data=numbers() if values is None else values, **options)
    return name


def store(name: str, values: Array | None = None, path: str = "embeddings", **options: Any) -> str:
    values = numbers() if values is None else values
    group = zarr.open_group(name, mode="w", zarr_format=options.pop("zarr_format", 3))
    array = group.create_array(path, shape=values.shape, dtype=values.dtype, **options)
    array[:] = values
    return name


def tensors(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def check(source: str, expected: Array, read_all: Callable[..., Array]) -> None:
    np.save("plain.npy", expected)
    with open_embeddings(source) as found, open_embeddings("plain.npy") as plain:
        assert (found.rows, found.dimensions, found.dtype) == (*expected.shape, expected.dtype.newbyteorder("="))
        for max_bytes in (1, 57, 1000, 8 << 20):
            np.testing.assert_array_equal(read_all(found, max_bytes), expected)
        for rows in (np.arange(ROWS)[::-1], np.array([], int), np.array([3, 3, 0, ROWS - 1])):
            np.testing.assert_array_equal(found.take(rows), expected[rows])
        assert scan(found).digest == scan(plain).digest


def refusal(source: str, **options: Any) -> str:
    with pytest.raises(InputError) as caught, open_embeddings(source, **options) as embeddings:
        list(embeddings.blocks())
    assert str(caught.value).isprintable()
    assert caught.value.next_step
    return str(caught.value)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "u2", "i8", "?"])
def test_safetensors(folder: Path, read_all: Callable[..., Array], dtype: str) -> None:
    save_file({"bias": np.ones(3), "embeddings": numbers(dtype)}, "emb.safetensors")
    check("emb.safetensors", numbers(dtype), read_all)
    save_file({"a": numbers(dtype), "b": numbers(dtype, 1)}, "two.safetensors")
    check("two.safetensors::b", numbers(dtype, 1), read_all)


def test_safetensors_of_bfloat16_are_the_float32_that_they_round_to(
    folder: Path, read_all: Callable[..., Array]
) -> None:
    halves = (numbers().view(np.uint32) >> 16).astype("<u2")
    header = {"emb": {"dtype": "BF16", "shape": halves.shape, "data_offsets": [0, halves.nbytes]}}
    Path("emb.safetensors").write_bytes(tensors(header, halves.tobytes()))
    check("emb.safetensors", (halves.astype(np.uint32) << 16).view(np.float32), read_all)


@pytest.mark.parametrize("dtype", ["f2", "f4", ">f8", "i2", "?"])
@pytest.mark.parametrize(
    "options",
    [{}, {"chunks": (40, 6)}, {"chunks": (1, 4)}, {"chunks": (64, 5), "compression": "gzip", "fletcher32": True}],
    ids=str,
)
def test_hdf5(folder: Path, read_all: Callable[..., Array], dtype: str, options: dict[str, Any]) -> None:
    check(hdf5("emb.h5", numbers(dtype), "group/emb", **options), numbers(dtype), read_all)
    check("emb.h5::group/emb", numbers(dtype), read_all)
    check("emb.h5::/group/emb", numbers(dtype), read_all)


def test_hdf5_that_is_small_enough_to_be_in_its_header(folder: Path, read_all: Callable[..., Array]) -> None:
    with h5py.File("emb.hdf5", "w") as file:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_layout(h5py.h5d.COMPACT)
        space = h5py.h5s.create_simple((ROWS, DIMENSIONS))
        data = h5py.h5d.create(file.id, b"emb", h5py.h5t.IEEE_F32LE, space, plist)
        data.write(h5py.h5s.ALL, h5py.h5s.ALL, numbers())
    check("emb.hdf5", numbers(), read_all)


def bare(name: str, kind: Any, values: Array, **options: Any) -> str:
    """A data set of a type of HDF5, with enough behind it that a wrong size would be read too."""
    with h5py.File(name, "w") as file:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        if options:
            plist.set_chunk(options["chunks"])
        data = h5py.h5d.create(file.id, b"emb", kind, h5py.h5s.create_simple(values.shape), plist)
        data.write(h5py.h5s.ALL, h5py.h5s.ALL, values)
        file["pad"] = np.zeros(100_000, np.uint8)
    return f"{name}::emb"


def floats(fields: tuple[int, ...], size: int, bias: int) -> Any:
    kind = h5py.h5t.IEEE_F64LE.copy()
    kind.set_fields(*fields)
    kind.set_precision(fields[0] + 1)
    kind.set_offset(0)
    kind.set_size(size)
    kind.set_ebias(bias)
    return kind


def whole_numbers(precision: int, offset: int) -> Any:
    kind = h5py.h5t.STD_I32LE.copy()
    kind.set_precision(precision)
    kind.set_offset(offset)
    return kind


@pytest.mark.parametrize("options", [{}, {"chunks": (40, 4)}], ids=str)
@pytest.mark.parametrize(
    "kind",
    [
        floats((15, 7, 8, 0, 7), 2, 127),
        floats((23, 16, 7, 0, 16), 3, 63),
        floats((31, 23, 8, 0, 23), 4, 100),
        floats((31, 23, 8, 0, 23), 8, 127),
        whole_numbers(12, 8),
        whole_numbers(20, 0),
    ],
    ids=["bfloat16", "24 bits", "bias", "padded", "offset", "precision"],
)
def test_hdf5_of_types_that_numpy_does_not_have(
    folder: Path, read_all: Callable[..., Array], kind: Any, options: dict[str, Any]
) -> None:
    source = bare("emb.h5", kind, numbers("f8" if isinstance(kind, h5py.h5t.TypeFloatID) else "i4"), **options)
    with h5py.File("emb.h5") as file:
        expected = file["emb"][...]
    assert expected.any()
    assert np.abs(expected - numbers("f8")).max() < 1
    check(source, expected, read_all)


def test_hdf5_of_types_that_cannot_be_converted(folder: Path) -> None:
    for kind in (floats((7, 3, 4, 0, 3), 1, 7), h5py.h5t.STD_B16LE):
        values = numbers("f8" if isinstance(kind, h5py.h5t.TypeFloatID) else "u2")
        with h5py.File("emb.h5", "w") as file:
            data = h5py.h5d.create(file.id, b"emb", kind, h5py.h5s.create_simple(values.shape))
            data.write(h5py.h5s.ALL, h5py.h5s.ALL, values, kind if values.dtype == "u2" else None)
        assert "emb.h5::emb: numbers of " in refusal("emb.h5::emb")
    wide = floats((63, 52, 11, 0, 52), 8, 1000)
    assert "emb.h5" in refusal(bare("emb.h5", wide, numbers("f8")))  # what numpy has beyond 64 bits differs


def test_members_that_could_not_be_meant(folder: Path) -> None:
    save_file({"a": numbers(), "b": numbers()}, "two.safetensors")
    assert "two.safetensors: 2 2-D arrays: 'a', 'b'; name one, such as" in refusal("two.safetensors")
    assert "two.safetensors::c: no such key; the file has 'a', 'b'" in refusal("two.safetensors::c")
    with h5py.File("two.h5", "w") as file:
        file["x/a"] = file["x/b"] = numbers()
        file["flat"] = np.arange(9.0)
        file["text"] = "words"
        file.create_group("hollow")
    assert "two.h5: 2 2-D arrays: 'x/a', 'x/b'; name one, such as two.h5::x/a" in refusal("two.h5")
    assert "no such key; the file has 'flat', 'text', 'x/a', 'x/b'" in refusal("two.h5::x")
    assert "two.h5::flat: 1-D array of shape (9,)" in refusal("two.h5::flat")
    assert "two.h5::text: holds pickled Python objects" in refusal("two.h5::text")
    with h5py.File("none.h5", "w") as file:
        file.create_group("hollow")
    assert "none.h5: no 2-D array among its keys: none" in refusal("none.h5")


def test_hdf5_whose_numbers_are_elsewhere_or_nowhere(folder: Path) -> None:
    hdf5("other.h5")
    with h5py.File("emb.h5", "w") as file:
        file["link"] = h5py.ExternalLink("other.h5", "embeddings")
        file.create_dataset("raw", (9, 4), "f4", external=[("raw.bin", 0, h5py.h5f.UNLIMITED)])
        layout = h5py.VirtualLayout((ROWS, DIMENSIONS), "f4")
        layout[:] = h5py.VirtualSource("other.h5", "embeddings", (ROWS, DIMENSIONS))
        file.create_virtual_dataset("virtual", layout)
        file.create_dataset("never", (9, 4), "f4")
        file.create_dataset("partly", (9, 4), "f4", chunks=(2, 4))[:6] = 1
    assert "emb.h5::link: no such key" in refusal("emb.h5::link")
    for name in ("raw", "virtual"):
        assert f"emb.h5::{name}: its numbers are in other files" in refusal(f"emb.h5::{name}")
    assert "emb.h5::never: 1 of its chunks were never written" in refusal("emb.h5::never")
    assert "emb.h5::partly: 2 of its chunks were never written" in refusal("emb.h5::partly")


@pytest.mark.parametrize("dtype", ["f2", "f4", ">f8", "i2", "?"])
@pytest.mark.parametrize(
    "options",
    [
        {"chunks": (211, 6)},
        {"chunks": (40, 4)},
        {"chunks": (10, 6), "shards": (40, 6)},
        {"chunks": (64, 5), "compressors": None, "zarr_format": 2},
    ],
    ids=str,
)
def test_zarr(folder: Path, read_all: Callable[..., Array], dtype: str, options: dict[str, Any]) -> None:
    values = np.ones((ROWS, DIMENSIONS), bool) if dtype == "?" else numbers(dtype)
    values[:, 0] = np.arange(ROWS) % 2 == 0
    check(store("emb.zarr", values, "group/emb", **options), values, read_all)
    check("emb.zarr/::group/emb", values, read_all)


def test_zarr_that_is_one_array(folder: Path, read_all: Callable[..., Array]) -> None:
    zarr.save_array("emb.zarr", numbers())
    check("emb.zarr", numbers(), read_all)
    assert "emb.zarr::x: no such key; the file has none" in refusal("emb.zarr::x")


def test_stores_of_zarr_are_shards(folder: Path, read_all: Callable[..., Array]) -> None:
    for number in (10, 2):
        store(f"data/part-{number}.zarr", numbers(seed=number), chunks=(40, 6))
    Path("list").write_text("data/part-2.zarr::embeddings\ndata/part-10.zarr\n")
    for source in ("data", "data/*.zarr", "@list"):
        check_rows = np.concatenate([numbers(seed=2), numbers(seed=10)])
        with open_embeddings(source) as found:
            np.testing.assert_array_equal(read_all(found), check_rows)


def test_bad_zarr(folder: Path) -> None:
    group = zarr.open_group("two.zarr", mode="w")
    for name in ("a", "b", "flat"):
        values = numbers() if name != "flat" else np.arange(9.0)
        group.create_array(name, shape=values.shape, dtype=values.dtype, chunks=(40, 6)[: values.ndim])[:] = values
    assert "two.zarr: 2 2-D arrays: 'a', 'b'; name one, such as two.zarr::a" in refusal("two.zarr")
    assert "two.zarr::c: no such key; the file has 'a', 'b', 'flat'" in refusal("two.zarr::c")
    assert "two.zarr::flat: 1-D array of shape (9,)" in refusal("two.zarr::flat")
    assert "none.zarr: no such directory" in refusal("none.zarr")
    Path("file.zarr").write_bytes(b"x")
    assert "file.zarr: is a file, expected a directory" in refusal("file.zarr")
    Path("hollow.zarr").mkdir()
    assert "hollow.zarr: not a readable zarr store: " in refusal("hollow.zarr")
    shutil.rmtree("two.zarr/a/c/3")
    assert "two.zarr::a: 1 of its 6 chunks are not there, and would read as 0.0" in refusal("two.zarr::a")
    chunk = Path("two.zarr/b/c/3/0")
    chunk.write_bytes(chunk.read_bytes()[:-9])
    assert "two.zarr::b: not a readable zarr store: " in refusal("two.zarr::b")
    chunk.write_bytes(b"rubbish")
    assert "two.zarr::b: not a readable zarr store: " in refusal("two.zarr::b")


def test_zarr_that_changes_between_two_passes(folder: Path) -> None:
    with open_embeddings(store("emb.zarr", chunks=(40, 6))) as found:
        list(found.blocks())
        os.utime("emb.zarr/embeddings/c/2/0", ns=(0, 0))
        with pytest.raises(InputError, match="changed since it was first read"):
            found.take([0])


TENSOR = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}
BAD_TENSORS: dict[str, tuple[bytes, str]] = {
    "short": (b"\1\0\0", "truncated: the length of the header"),
    "header cut": (tensors({"a": TENSOR})[:-9], "truncated: the header needs"),
    "header huge": (b"\xff" * 8, "a header of"),
    "no json": (tensors(b"{,}"), "the header is no JSON object"),
    "list": (tensors([1]), "the header is no JSON object"),
    "deep": (tensors(b"[" * 99_999), "the header is no JSON object"),
    "no tensor": (tensors({"a": 1}), "the header says of a 1"),
    "backwards": (tensors({"a": {**TENSOR, "data_offsets": [24, 0]}}), "the header says of a"),
    "negative": (tensors({"a": {**TENSOR, "shape": [-2, -3]}}), "the header says of a"),
    "nothing": (tensors({"__metadata__": {"format": "pt"}}), "no 2-D array among its keys: none"),
    "cut": (tensors({"a": TENSOR}, bytes(23)), "truncated: the header with its tensors"),
    "long": (tensors({"a": TENSOR}, bytes(25)), "trailing bytes"),
    "shape": (tensors({"a": {**TENSOR, "shape": [2, 4]}}, bytes(24)), "needs 32 bytes, got 24"),
    "dtype": (tensors({"a": {**TENSOR, "dtype": "F8_E4M3"}}, bytes(24)), "a.safetensors::a: dtype F8_E4M3"),
    "overlap": (tensors({"a": TENSOR, "b": {**TENSOR, "data_offsets": [12, 36]}}, bytes(36)), "b overlaps another"),
    "same": (tensors({"a": TENSOR, "b": TENSOR}, bytes(24)), "b overlaps another tensor"),
    "gap": (tensors({"a": TENSOR, "b": {**TENSOR, "data_offsets": [25, 49]}}, bytes(49)), "b begins after a gap"),
    "late": (tensors({"a": {**TENSOR, "data_offsets": [1, 25]}}, bytes(25)), "a begins after a gap"),
    "twice": (tensors(b'{"a": %s, "a": %s}' % ((json.dumps(TENSOR).encode(),) * 2), bytes(24)), "several fields 'a'"),
    "no rows": (tensors({"a": {**TENSOR, "shape": [0, 3], "data_offsets": [0, 0]}}), "0 rows"),
}


@pytest.mark.parametrize("case", BAD_TENSORS)
def test_bad_safetensors(folder: Path, case: str) -> None:
    data, says = BAD_TENSORS[case]
    Path("a.safetensors").write_bytes(data)
    if case in ("overlap", "same", "gap", "late"):
        with pytest.raises(SafetensorError):
            load(data)
    assert says in refusal("a.safetensors")


@pytest.mark.parametrize("options", [{}, {"chunks": (40, 6), "compression": "gzip", "fletcher32": True}], ids=str)
def test_damaged_hdf5(folder: Path, options: dict[str, Any]) -> None:
    data = Path(hdf5("emb.h5", **options)).read_bytes()
    for size in (len(data) - 1, len(data) // 2, 20, 3):
        Path("emb.h5").write_bytes(data[:size])
        assert "emb.h5: not a readable HDF5 file: " in refusal("emb.h5")
    if options:  # only a checksum can tell
        broken = bytearray(data)
        broken[-100] ^= 1
        Path("emb.h5").write_bytes(broken)
        assert "emb.h5::embeddings: not a readable HDF5 file: " in refusal("emb.h5")


@settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    changes=st.lists(st.tuples(st.integers(0, 6000), st.integers(0, 255)), max_size=6),
    cut=st.one_of(st.none(), st.integers(0, 6000)),
    name=st.sampled_from(["a.safetensors", "a.h5"]),
)
def test_damage_is_read_or_refused(folder: Path, changes: list[tuple[int, int]], cut: int | None, name: str) -> None:
    if name.endswith(".h5"):
        data = bytearray(Path(hdf5(name, numbers()[:9], chunks=(2, 6))).read_bytes())
    else:
        data = bytearray(save({"a": numbers()[:9], "b": np.ones(4)}))
    data = data[:cut]
    for position, value in changes:
        if data:
            data[position % len(data)] = value
    Path(name).write_bytes(data)
    try:
        with open_embeddings(name) as embeddings:
            assert sum(len(block.values) for block in embeddings.blocks(20)) == embeddings.rows
            embeddings.take([0, embeddings.rows - 1])
    except InputError as error:
        assert str(error).isprintable()  # noqa: PT017 - a file may also turn out readable


@pytest.mark.parametrize("chunks", [None, (40, 6)])
def test_hdf5_that_changes_between_two_passes(folder: Path, chunks: Any) -> None:
    with open_embeddings(hdf5("emb.h5", chunks=chunks)) as found:
        list(found.blocks())
        os.utime("emb.h5", ns=(0, 0))
        with pytest.raises(InputError, match="changed since it was first read"):
            found.take([0])


def test_missing_libraries_are_named_with_the_command_that_installs_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hdf5("emb.h5")
    monkeypatch.setitem(sys.modules, "h5py", None)
    assert "emb.h5: needs h5py, which is not installed; pip install 'specaudit[hdf5]'" in refusal("emb.h5")
    monkeypatch.setitem(sys.modules, "zarr", None)
    assert "emb.zarr: needs zarr, which is not installed; pip install 'specaudit[zarr]'" in refusal("emb.zarr")
