"""What the user says about files, where they do not say it themselves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user says about the files, where they do not say it themselves."""

    dtype: str | None = None
    shape: tuple[int, int] | None = None  # of each file; -1 rows: as many as there are
    column: str | None = None
    id_column: str | None = None
    group_column: str | None = None
    without: str | None = None  # a column that is no part of the rows, where there is one
    max_memory: int | None = None  # bytes
