from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specaudit.embeddings import Embeddings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, so that names are given as a user types them."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def check_bands(embeddings: Embeddings, whole: np.ndarray[Any, Any], max_bytes: int) -> None:
    """Assert that bands are the rows, each once and in order, and are read as such."""
    bands = embeddings.bands(most=max(1, whole.nbytes // 3))
    assert [band.start for band in bands] == [0, *(band.stop for band in bands[:-1])]
    assert bands[-1].stop == embeddings.rows
    for band in bands:
        part = embeddings.band(band)
        pieces = [block.values.copy() for block in part.blocks(max_bytes)]
        np.testing.assert_array_equal(np.concatenate(pieces), whole[band.rows])
        np.testing.assert_array_equal(part.take([part.rows - 1, 0]), whole[band.rows][[-1, 0]])
        assert part.locate(part.rows - 1) == embeddings.locate(band.stop - 1).partition(" (id")[0]


@pytest.fixture
def read_all() -> Callable[..., np.ndarray[Any, Any]]:
    """All rows of embeddings, block by block, with the promises of ``blocks`` and ``bands`` checked on the way."""

    def read(embeddings: Embeddings, max_bytes: int = 8 << 20) -> np.ndarray[Any, Any]:
        pieces, expected_start = [], 0
        for block in embeddings.blocks(max_bytes):
            assert block.start == expected_start
            assert len(block.values) >= 1
            assert len(block.values) == 1 or block.values.nbytes <= max_bytes
            assert block.values.flags.c_contiguous
            assert not block.values.flags.writeable
            assert block.values.dtype == embeddings.dtype
            assert block.values.dtype.isnative
            expected_start += len(block.values)
            pieces.append(block.values.copy())
        assert expected_start == embeddings.rows
        whole = np.concatenate(pieces)
        check_bands(embeddings, whole, max_bytes)
        return whole

    return read
