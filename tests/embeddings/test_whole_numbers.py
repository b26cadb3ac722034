"""Whole numbers beyond 2^53 would be rounded to others, and are refused wherever they are among floats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from specaudit.embeddings import open_embeddings
from specaudit.errors import InputError
from specaudit.scan import scan

ROWS = 50
LIMIT = 1 << 53
REST = "is beyond 2^53, which float64 cannot hold exactly"


def refusal(source: Any, **options: Any) -> str:
    with pytest.raises(InputError) as caught, open_embeddings(source, **options) as found:
        scan(found)
    assert str(caught.value).isprintable()
    return str(caught.value)


def table(whole: Any, other: Any) -> pa.Table:
    return pa.table({"a": whole, "b": other})


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow"])
@pytest.mark.parametrize("sign", [1, -1])
def test_columns_of_different_types(folder: Path, name: str, sign: int) -> None:
    write = pa.parquet.write_table if name.endswith("parquet") else pa.feather.write_feather
    whole = np.arange(ROWS, dtype="i8") * sign
    whole[40] = sign * (LIMIT + 1)
    singles = np.random.default_rng(0).standard_normal(ROWS).astype("f4")
    write(table(whole, singles), name)
    assert f"{name} row 40 column 'a': the integer {whole[40]} {REST}" in refusal(name, column="a,b")
    whole[40] = sign * LIMIT
    write(table(whole, singles), name)
    with open_embeddings(name, column="a,b") as found:
        np.testing.assert_array_equal(found.take(np.arange(ROWS)), np.stack([whole, singles], 1, dtype="f8"))
    unsigned = np.arange(ROWS, dtype="u8")
    unsigned[7] = 2**63 + 7
    write(table(whole, unsigned), name)
    assert f"{name} row 7 column 'b': the integer {2**63 + 7} {REST}" in refusal(name, column="a,b")


def test_shards_of_different_types(folder: Path) -> None:
    whole = np.arange(2 * ROWS, dtype="i8").reshape(ROWS, 2)
    whole[40, 1] = LIMIT + 1
    np.save("p-1.npy", np.random.default_rng(0).standard_normal((ROWS, 2)).astype("f4"))
    np.save("p-2.npy", whole)
    says = f"p-2.npy row 40 column 1: the integer {LIMIT + 1} {REST}"
    assert says in refusal("p-*.npy")
    with open_embeddings("p-*.npy") as found:
        with pytest.raises(InputError) as caught:
            found.take([3, ROWS + 40])
        assert says in str(caught.value)
        np.testing.assert_array_equal(found.take([ROWS + 39]), whole[[39]])


@pytest.mark.parametrize("cell", [f"{LIMIT + 1}", f"-{LIMIT + 1}", f"+0{LIMIT + 1}", "9" * 400, '"9007199254740993"'])
@pytest.mark.parametrize("header", ["a,b\n", ""])
def test_cells_of_a_table(folder: Path, cell: str, header: str) -> None:
    lines = [f"{k},{k * k % 7}" for k in range(ROWS)]
    lines[40] = f"40,{cell}"
    Path("t.csv").write_text(header + "\n".join(lines))
    said = refusal("t.csv")
    assert f"t.csv line {42 if header else 41} column 2" in said
    assert REST in said


@pytest.mark.parametrize("cell", [f"{LIMIT}", f"-{LIMIT}", f"{LIMIT + 1}.0", "1e300", "9e15"])
def test_numbers_that_are_read(folder: Path, cell: str) -> None:
    rows = [[float(k), float(k * k % 7)] for k in range(ROWS)]
    rows[40][1] = float(cell)
    for name, text in (
        ("t.csv", "\n".join(f"{a!r},{cell if k == 40 else b}" for k, (a, b) in enumerate(rows))),
        ("t.jsonl", "\n".join(f"[{a!r},{cell if k == 40 else b}]" for k, (a, b) in enumerate(rows))),
    ):
        Path(name).write_text(text)
        with open_embeddings(name) as found:
            np.testing.assert_array_equal(found.take(np.arange(ROWS)), rows)


@pytest.mark.parametrize("item", [f"{LIMIT + 1}", f"-{LIMIT + 1}", "9" * 400])
@pytest.mark.parametrize("other", ["0.5", "NaN", "3"])
def test_items_of_json(folder: Path, item: str, other: str) -> None:
    lines = [f'{{"vector": [{k}, {k * k % 7}]}}' for k in range(ROWS)]
    lines[40] = f'{{"vector": [{other}, {item}]}}'
    Path("t.jsonl").write_text("\n".join(lines))
    said = refusal("t.jsonl")
    assert "t.jsonl line 41 field 'vector' item 1: the integer " in said
    assert REST in said
