"""Packed files hold what the unpacked ones do, within a budget."""

from __future__ import annotations

import gzip
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specaudit.embeddings import files, open_embeddings
from specaudit.errors import InputError
from specaudit.scan import scan

Array = np.ndarray[Any, Any]
ROWS = np.random.default_rng(0).standard_normal((211, 5)).astype("f4")


def npy(values: Array) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


FILES: dict[str, tuple[bytes, dict[str, Any]]] = {
    "emb.npy.gz": (npy(ROWS), {}),
    "fortran.npy.gz": (npy(np.asfortranarray(ROWS)), {}),
    "emb.fbin.gz": (np.array(ROWS.shape, "<u4").tobytes() + ROWS.tobytes(), {}),
    "emb.fvecs.gz": (np.hstack([np.full((211, 1), 5, "<i4").view("<f4"), ROWS]).tobytes(), {}),
    "emb.csv.gz": ("".join(",".join(map(repr, row)) + "\n" for row in ROWS.tolist()).encode(), {}),
    "emb.JSONL.GZ": ("".join(f"{row}\n" for row in ROWS.tolist()).encode(), {}),
    "emb.f32.gz": (ROWS.tobytes(), {"dtype": "f4", "shape": (-1, 5)}),
}


@pytest.mark.parametrize("name", FILES)
def test_packed_files_hold_the_same_rows(folder: Path, read_all: Callable[..., Array], name: str) -> None:
    data, options = FILES[name]
    half = len(data) // 2
    Path(name).write_bytes(gzip.compress(data[:half]) + gzip.compress(data[half:]))  # members are joined
    with open_embeddings(name, **options) as found:
        for max_bytes in (57, 8 << 20):
            np.testing.assert_array_equal(read_all(found, max_bytes), ROWS)
        np.testing.assert_array_equal(found.take([200, 3, 3]), ROWS[[200, 3, 3]])
        assert scan(found).digest == scan(open_embeddings(ROWS)).digest


def test_packed_tables_have_columns_and_directories_of_them_an_order(
    folder: Path, read_all: Callable[..., Array]
) -> None:
    Path("data").mkdir()
    for number in (10, 2):
        Path(f"data/p{number}.csv.gz").write_bytes(gzip.compress(f"id,x,y\na{number},{number},1\n".encode()))
    with open_embeddings("data", column="x,y") as found:
        np.testing.assert_array_equal(read_all(found), [[2, 1], [10, 1]])
        assert found.ids == ("a2", "a10")


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("a.npy.gz", b"", "a.npy.gz: the file is empty"),
        ("a.npy.gz", gzip.compress(b"", mtime=0), "a.npy.gz: the file is empty"),
        ("a.npy.gz", npy(ROWS), "a.npy.gz: not a readable gzip file: Not a gzipped file"),
        (
            "a.npy.gz",
            gzip.compress(npy(ROWS), mtime=0)[:-9],
            "a.npy.gz: not a readable gzip file: Compressed file ended",
        ),
        (
            "a.npy.gz",
            gzip.compress(npy(ROWS), mtime=0)[:-8] + bytes(8),
            "a.npy.gz: not a readable gzip file: CRC check",
        ),
        ("a.npy.gz", gzip.compress(npy(ROWS), mtime=0) + b"more", "a.npy.gz: not a readable gzip file"),
        ("a.npy.gz", gzip.compress(npy(ROWS)[:-1], mtime=0), "a.npy.gz: truncated"),
        (
            "a.csv.gz",
            gzip.compress(b"x,y\n1,2\n3,four\n", mtime=0),
            "a.csv.gz line 3 column 2 ('y'): 'four' is not a number",
        ),
        ("a.bin.gz", gzip.compress(b"1234", mtime=0), "a.bin.gz: suffix '.bin' is read as raw numbers"),
        ("a.parquet.gz", b"x", "a.parquet.gz: is compressed"),
        ("a.npz.gz", b"x", "a.npz.gz: is compressed"),
        ("a.gz", b"x", "a.gz: is compressed"),
        ("a.npy.zst", b"x", "a.npy.zst: is compressed"),
        ("a.pkl.gz", b"x", "a.pkl.gz: may run code when it is loaded"),
    ],
)
def test_bad_packed_file(folder: Path, name: str, data: bytes, says: str) -> None:
    Path(name).write_bytes(data)
    with pytest.raises(InputError) as caught:
        open_embeddings(name)
    assert says in str(caught.value)
    assert caught.value.next_step


@pytest.mark.parametrize("name", ["bomb.npy.gz", "bomb.csv.gz"])
def test_a_bomb_stops_at_the_budget(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(files, "ALWAYS_ALLOWED", 1000)
    data = npy(np.zeros((500_000, 4))) if "npy" in name else b"0,0\n" * 4_000_000
    packed = gzip.compress(data, 9)
    assert len(data) > 200 * len(packed)
    Path(name).write_bytes(packed)
    with pytest.raises(
        InputError, match=f"unpacks to more than {100 * len(packed):,} bytes, and more than 100 times"
    ):
        open_embeddings(name)


@pytest.mark.parametrize("name", FILES)
def test_temporary_files_are_given_back(folder: Path, name: str) -> None:
    data, options = FILES[name]
    Path(name).write_bytes(gzip.compress(data))
    before = len(os.listdir("/dev/fd"))
    with open_embeddings(name, **options):
        assert len(os.listdir("/dev/fd")) == before + 1
    assert len(os.listdir("/dev/fd")) == before
