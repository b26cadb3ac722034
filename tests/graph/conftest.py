from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture(params=["faiss", "matrix product"])
def rounding(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take candidates from faiss, or from float32 products as faiss uses them for large blocks only."""

    def multiply(queries: np.ndarray, base: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        with np.errstate(over="ignore", invalid="ignore"):
            squared = (queries**2).sum(axis=1)[:, None] + (base**2).sum(axis=1) - 2 * queries @ base.T
        lost = ~np.isfinite(squared)
        squared[lost] = np.finfo(np.float32).max
        places = np.argsort(squared, axis=1)[:, :k]
        return (
            np.take_along_axis(squared, places, axis=1).astype(np.float64),
            np.where(np.take_along_axis(lost, places, axis=1), -1, places),
        )

    if request.param == "matrix product":
        monkeypatch.setattr("specaudit.graph.search._faiss_knn", multiply)
