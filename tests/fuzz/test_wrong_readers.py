"""The fuzzing finds readers that are wrong: each is made wrong here, and some cases must say so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import fuzz_cases
import numpy as np
import pytest

from specaudit.embeddings import core, delimited

Wrong = Callable[[Any], Any]
CASES = 60


def without_last_row(times: Any) -> Any:
    """Return a selection without the last row that it keeps."""
    kept = np.array(times)
    kept[np.flatnonzero(kept)[-1:]] = 0
    return kept


def without_column(table: Any) -> Any:
    """Return a table whose first column of numbers is left out, where there are others."""
    return replace(table, columns=table.columns[1:] or table.columns)


def renamed(opened: Any) -> Any:
    """Return embeddings with the ids of other rows."""
    return replace(opened, ids=opened.ids and opened.ids[::-1])


def unnamed(opened: Any) -> Any:
    """Return embeddings without their ids."""
    return replace(opened, ids=None)


def rounded(values: Any) -> Any:
    """Return whole numbers as float64 rounds them."""
    return values.astype(np.float64)


def reversed_(found: Any) -> Any:
    """Return what a reader found, backwards."""
    return found[::-1]


TABLES = ("csv", "jsonl", "parquet", "arrow", "huggingface", "scan")
READERS: dict[str, tuple[Any, str, Wrong, tuple[str, ...]]] = {
    "weights reversed": (fuzz_cases, "read_weights", reversed_, ("weights",)),
    "weights sorted": (fuzz_cases, "read_weights", np.sort, ("weights",)),
    "groups reversed": (fuzz_cases, "read_groups", reversed_, ("groups",)),
    "last selected row dropped": (fuzz_cases, "read_selection", without_last_row, ("rows",)),
    "selection reversed": (fuzz_cases, "read_selection", reversed_, ("rows",)),
    "every second id dropped": (fuzz_cases, "read_ids", lambda ids: ids[::2], ("ids",)),
    "last id dropped": (fuzz_cases, "read_ids", lambda ids: ids[:-1], ("ids",)),
    "first column dropped": (delimited, "_layout", without_column, ("csv", "gzip")),
    "first row swallowed": (delimited, "_is_header", lambda said: True, ("csv",)),
    "ids of other rows": (fuzz_cases, "open_embeddings", renamed, TABLES),
    "ids dropped": (fuzz_cases, "open_embeddings", unnamed, TABLES),
    "whole numbers rounded": (core.Embeddings, "_given", rounded, ("larger",)),
    "rows of later blocks reversed": (core.Embeddings, "_given", reversed_, ("larger", "npy", "hdf5")),
}


@pytest.mark.parametrize("kind", sorted({kind for *_, kinds in READERS.values() for kind in kinds}))
def test_readers_as_they_are_pass(tmp_path: Path, kind: str) -> None:
    with fuzz_cases.working_in(tmp_path):
        assert {fuzz_cases.run(kind, k, tmp_path).outcome for k in range(CASES)} <= set(fuzz_cases.SOUND)


@pytest.mark.parametrize("fault", READERS)
def test_a_wrong_reader_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    owner, name, wrong, kinds = READERS[fault]
    right = getattr(owner, name)
    fuzz_cases.formats()  # seeds are made by sound readers
    monkeypatch.setattr(owner, name, lambda *given, **options: wrong(right(*given, **options)))
    with fuzz_cases.working_in(tmp_path):
        for kind in kinds:
            assert "wrong" in {fuzz_cases.run(kind, k, tmp_path).outcome for k in range(CASES)}, kind
