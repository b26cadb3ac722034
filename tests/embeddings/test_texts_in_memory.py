"""Ids and labels are held in memory: no more of them than may be used."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from specaudit import api
from specaudit.embeddings import Embeddings, held_texts, open_embeddings, read_groups, read_selection
from specaudit.embeddings.texts import PLACES, text_bytes
from specaudit.errors import BudgetError

ROWS = 30_000
NAMES = [f"{k:060d}" for k in range(ROWS)]
VALUES = np.random.default_rng(0).standard_normal((ROWS, 2)).astype(np.float32)
LITTLE = 2 << 20
"""Bytes that are less than the names take."""


def table() -> pa.Table:
    rows = pa.FixedSizeListArray.from_arrays(pa.array(VALUES.ravel()), 2)
    return pa.table({"id": NAMES, "label": NAMES, "embedding": rows})


def columns() -> str:
    return "id,x,y\n" + "".join(f"{name},{x},{y}\n" for name, (x, y) in zip(NAMES, VALUES, strict=True))


def records() -> str:
    pairs = zip(NAMES, VALUES.tolist(), strict=True)
    return "".join(json.dumps({"id": name, "embedding": row}) + "\n" for name, row in pairs)


SOURCES: dict[str, Callable[[str], Any]] = {
    "a.parquet": lambda name: pa.parquet.write_table(table(), name, row_group_size=2000),
    "a.arrow": lambda name: pa.feather.write_feather(table(), name, compression="uncompressed", chunksize=2000),
    "a.feather": lambda name: pa.feather.write_feather(table(), name, compression="lz4", chunksize=2000),
    "a.csv": lambda name: Path(name).write_text(columns()),
    "a.jsonl": lambda name: Path(name).write_text(records()),
}
LISTS: dict[str, Callable[[str], Any]] = {
    "i.txt": lambda name: Path(name).write_text("".join(f"{one}\n" for one in NAMES)),
    "i.csv": lambda name: Path(name).write_text("id\n" + "".join(f"{one}\n" for one in NAMES)),
    "i.jsonl": lambda name: Path(name).write_text("".join(json.dumps(one) + "\n" for one in NAMES)),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def early(error: pytest.ExceptionInfo[BudgetError], name: str) -> bool:
    """Tell whether a file was not read to its end."""
    said = error.value.problem
    return said.startswith(f"{name}: its first ") and int(said.split()[3].replace(",", "")) < ROWS


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", SOURCES)
def test_ids_of_a_table_stop_where_they_fill_the_memory(name: str) -> None:
    SOURCES[name](name)
    with pytest.raises(BudgetError) as error:
        open_embeddings(name, max_memory=LITTLE)
    assert early(error, name)
    with open_embeddings(name, max_memory=1 << 30) as found:
        assert found.ids == tuple(NAMES)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", LISTS)
def test_a_file_of_names_stops_where_it_fills_the_memory(name: str) -> None:
    LISTS[name](name)
    with pytest.raises(BudgetError) as error:
        open_embeddings(VALUES, ids=name, max_memory=LITTLE)
    assert early(error, name)
    found = open_embeddings(VALUES, ids=name, max_memory=1 << 30)
    for read in (read_groups, read_selection) if name == "i.txt" else (read_selection,):
        with pytest.raises(BudgetError) as error:
            read(name, replaced(found, LITTLE))
        assert early(error, name)


def replaced(embeddings: Embeddings, max_memory: int) -> Embeddings:
    return open_embeddings(embeddings, max_memory=max_memory)


@pytest.mark.usefixtures("folder")
def test_an_array_of_names_may_take_a_quarter_of_the_memory() -> None:
    np.save("i.npy", np.array(NAMES))
    with pytest.raises(BudgetError, match="decoded together"):
        open_embeddings(VALUES, ids="i.npy", max_memory=LITTLE)


@pytest.mark.usefixtures("folder")
def test_labels_in_a_column_count_too() -> None:
    pa.parquet.write_table(table().drop_columns("id"), "l.parquet", row_group_size=2000)
    with pytest.raises(BudgetError) as error:
        open_embeddings("l.parquet", groups="label", max_memory=LITTLE)
    assert early(error, "l.parquet")


@pytest.mark.usefixtures("folder")
def test_shards_fill_the_memory_together() -> None:
    part = ROWS // 10
    for k in range(10):
        pa.parquet.write_table(table().slice(k * part, part), f"s{k}.parquet")
    with pytest.raises(BudgetError, match="10 shards: its first"):
        open_embeddings("s*.parquet", max_memory=LITTLE)
    with open_embeddings("s*.parquet", max_memory=1 << 30) as found:
        assert found.ids == tuple(NAMES)


@pytest.mark.usefixtures("folder")
def test_scans_stop_before_they_are_read() -> None:
    pa.parquet.write_table(table(), "a.parquet")
    Path("a.scan").write_bytes(api.scan("a.parquet", max_rows=100).content)
    with pytest.raises(BudgetError, match=r"a\.scan: its 30,000 rows take") as error:
        open_embeddings("a.scan", max_memory=LITTLE)
    assert "raise --max-memory to 4" in error.value.next_step  # of MiB, hundreds of them the program's own
    with open_embeddings("a.scan", max_memory=1 << 30) as found:
        assert found.ids == tuple(NAMES)


def test_names_count_in_every_budget() -> None:
    named = open_embeddings(VALUES, ids=NAMES)
    size = sum(49 + len(name) + PLACES for name in NAMES)
    assert held_texts(named) == text_bytes(NAMES) == size
    assert held_texts(named, named) == size
    assert held_texts(open_embeddings(VALUES)) == 0
    least = [
        smallest(
            lambda budget, ids=ids: api.headroom(
                VALUES if ids is None else named, cap=10, max_rows=300, max_memory=budget
            )
        )
        for ids in (None, NAMES)
    ]
    assert least[1] - least[0] == pytest.approx(size, rel=0.3)


def smallest(work: Callable[[int], object]) -> int:
    """Return the smallest budget, in bytes, that is named as enough."""
    with pytest.raises(BudgetError) as error:
        work(300 << 20)
    return int(error.value.next_step.split(" to ")[1].split("M")[0]) << 20
