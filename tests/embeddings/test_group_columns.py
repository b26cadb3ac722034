"""Groups that are a column of Arrow's tables, as they are of text tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from specaudit.embeddings import open_embeddings
from specaudit.errors import InputError

ROWS = np.arange(24, dtype=np.float32).reshape(8, 3)
LABELS = ["cat", "dog"] * 4


def table(**more: object) -> pa.Table:
    lists = pa.FixedSizeListArray.from_arrays(pa.array(ROWS.ravel()), 3)
    return pa.table({"embedding": lists, "kind": LABELS, "truth": [True, False] * 4, "number": range(8), **more})


def written(path: Path, suffix: str) -> str:
    name = str(path / f"rows{suffix}")
    if suffix == ".parquet":
        pa.parquet.write_table(table(), name, row_group_size=3)
    else:
        pa.feather.write_feather(table(), name, compression="lz4" if suffix == ".feather" else "uncompressed")
    return name


@pytest.mark.parametrize("suffix", [".parquet", ".feather", ".arrow"])
@pytest.mark.parametrize(("column", "labels"), [("kind", LABELS), ("number", list("01234567"))])
def test_a_column_names_the_groups(tmp_path, suffix, column, labels):
    with open_embeddings(written(tmp_path, suffix), groups=column) as found:
        assert list(found.groups) == labels
        np.testing.assert_array_equal(found.take(np.arange(8)), ROWS)


def test_columns_of_numbers_may_have_groups_and_ids(tmp_path):
    name = str(tmp_path / "wide.parquet")
    pa.parquet.write_table(
        pa.table({"id": list("abcdefgh"), "x": ROWS[:, 0], "y": ROWS[:, 1], "kind": range(8)}), name
    )
    with open_embeddings(name, column="x,y", groups="kind") as found:
        assert list(found.groups) == list("01234567")
        assert found.ids == tuple("abcdefgh")
        np.testing.assert_array_equal(found.take(np.arange(8)), ROWS[:, :2])


@pytest.mark.parametrize(
    ("column", "words"),
    [("other", "labels 'other' is neither a file nor a column"), ("embedding", "expected labels")],
)
def test_what_is_no_column_of_groups_is_refused(tmp_path, column, words):
    with pytest.raises(InputError, match=words):
        open_embeddings(written(tmp_path, ".parquet"), groups=column)
