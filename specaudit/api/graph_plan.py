"""Which rows a kernel graph is of, and when there is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from specaudit.calibration import FEWEST_ROWS, GraphSettings
from specaudit.errors import ConfigError, InputError
from specaudit.graph import NEIGHBORS, default_landmarks
from specaudit.kernels import KERNELS

Operator = Literal["auto", "dense", "graph"]
GRAPH_ROWS = 131_072


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphPlan:
    """Which rows the kernel graph is of, and when it is made.

    Attributes
    ----------
    operator
        What was asked for.
    rows
        Unique rows of the graph, at most.
    dense_rows
        Unique rows of the dense kernel matrix, at most.
    landmarks
        None for the default.
    neighbors
        Nearest previous rows of each row.
    sampled
        Unique rows to sample for all kernels.
    index
        In which neighbours are searched.
    """

    operator: Operator
    rows: int
    dense_rows: int
    landmarks: int | None
    neighbors: int
    sampled: int
    index: str

    @classmethod
    def of(
        cls,
        operator: Operator,
        kernels: Sequence[str],
        dense_rows: int,
        *,
        landmarks: int | None = None,
        neighbors: int = NEIGHBORS,
        rows: int = GRAPH_ROWS,
        index: str = "auto",
    ) -> GraphPlan:
        """Return the plan, or raise ConfigError for settings that cannot be meant."""
        if operator not in get_args(Operator):
            raise ConfigError(f"operator must be one of {', '.join(get_args(Operator))}, got {operator!r}")
        for name, value, least in (
            ("landmarks", landmarks, 16),
            ("neighbors", neighbors, 1),
            ("graph-rows", rows, 2),
        ):
            if value is not None and value < least:
                raise ConfigError(f"{name} must be at least {least}, got {value}")
        graphs = operator != "dense" and any(KERNELS.get(name) is not None for name in kernels)
        return cls(
            operator=operator,
            rows=rows,
            dense_rows=dense_rows,
            landmarks=landmarks,
            neighbors=neighbors,
            sampled=max(dense_rows, rows) if graphs else dense_rows,
            index=index,
        )

    def wanted(self, kernel: str, unique: int) -> bool:
        """Tell whether the graph of so many different rows is the estimator, or raise where it cannot be."""
        if KERNELS.get(kernel) is None or self.operator == "dense":
            return False
        size = min(unique, self.rows)
        if self.operator == "auto":
            return size > self.dense_rows and size >= FEWEST_ROWS
        if size < FEWEST_ROWS:
            raise InputError(
                f"the kernel graph needs at least {FEWEST_ROWS:,} different rows, there are {size:,}",
                next_step="use --operator dense",
            )
        return True

    def checks(self, kernel: str) -> bool:
        """Tell whether a graph checks the dense answer."""
        return self.operator != "dense" and KERNELS.get(kernel) is not None

    def settings(self, rows: int) -> GraphSettings:
        """Return how the graph of so many rows is built."""
        return GraphSettings(
            landmarks=self.landmarks or default_landmarks(rows), neighbors=self.neighbors, index=self.index
        )
