"""A nan that signals is a nan: it is refused or dropped as others are, and no library's warning is shown."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from specaudit.embeddings import open_embeddings, read_weights
from specaudit.errors import InputError
from specaudit.learning import open_log

SIGNALLING = np.array([0x7F800001, 0x3F800000, 0xBF800000], "<u4").view("<f4")


@pytest.fixture(autouse=True)
def strict():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_in_columns_of_several_types(folder: Path) -> None:
    pa.parquet.write_table(pa.table({"x0": SIGNALLING, "x1": np.array([1.0, 2.0, 3.0])}), "t.parquet")
    with open_embeddings("t.parquet", column="x") as found:
        np.testing.assert_array_equal(found.take([0, 1]), [[np.nan, 1], [1, 2]])


def test_in_shards_of_several_types(folder: Path) -> None:
    np.save("a.npy", SIGNALLING[:, None])
    np.save("b.npy", np.ones((2, 1)))
    with open_embeddings(["a.npy", "b.npy"]) as found:
        rows = np.concatenate([block.values.copy() for block in found.blocks()])
    np.testing.assert_array_equal(rows[:, 0], [np.nan, 1, -1, 1, 1])


def test_in_weights_and_logs() -> None:
    with pytest.raises(InputError, match="expected a finite number"):
        read_weights(SIGNALLING, open_embeddings(np.eye(3)))
    with pytest.raises(InputError, match="not finite"):
        list(open_log(np.stack([SIGNALLING[::-1], SIGNALLING])).blocks())
