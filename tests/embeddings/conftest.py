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


@pytest.fixture
def read_all() -> Callable[..., np.ndarray[Any, Any]]:
    """All rows of embeddings, block by block, with the promises of ``blocks`` checked on the way."""

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
        return np.concatenate(pieces)

    return read
