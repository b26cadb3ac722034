"""Parquet: the columns of the embedding, decoded a few rows at a time."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from specaudit.embeddings.bands import BAND, BandMatrix, split_edges
from specaudit.embeddings.columns import (
    Columns,
    arrow_errors,
    choose_columns,
    first_dimensions,
    read_names,
    read_values,
    row_teller,
)
from specaudit.embeddings.display import shown
from specaudit.embeddings.extras import needs
from specaudit.embeddings.files import open_file, reopening
from specaudit.embeddings.matrices import Array, block_rows, check_matrix
from specaudit.embeddings.sources import Part
from specaudit.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

BUFFERS = 8 << 20  # bytes of all read-ahead buffers together, one per column
LEAST_BUFFER = 16 << 10


def read_parquet(part: Part, column: str | None, id_column: str | None) -> BandMatrix:
    """Return the columns of the embedding; opening reads the footer and the ids.

    Raises
    ------
    InputError
        The file is damaged, pyarrow is missing, or as ``choose_columns``.
    """
    with needs("arrow", part.label):
        import pyarrow.parquet as pq  # noqa: F401
    with open_file(part.path, part.label) as file, arrow_errors(part.label, "Parquet"):
        again = reopening(file, part.path, part.label)
        table = _open(file, 1)
        columns = choose_columns(part.label, table.schema_arrow, column, id_column)
        counts = [table.metadata.row_group(k).num_rows for k in range(table.num_row_groups)]
        groups = np.cumsum([0, *counts], dtype=np.int64)
        dimensions = columns.dimensions or 0
        if groups[-1] and columns.dimensions is None:
            first = next(table.iter_batches(1, columns=columns.names, use_threads=False))
            dimensions = first_dimensions(first, columns, row_teller(part.label, 0))
        check_matrix(part.label, (int(groups[-1]), dimensions), columns.dtype)
        ids = _read_ids(table, columns, part.label)

    layout = _Layout(label=part.label, columns=columns, dimensions=dimensions, groups=groups, ids=ids)

    @contextmanager
    def opened() -> Iterator[_Rows]:
        with again() as file, arrow_errors(part.label, "Parquet"):
            yield _Rows(_open(file, len(columns.names)), layout)

    edges = split_edges(np.unique(groups), layout.row_bytes)
    return BandMatrix(dimensions=dimensions, dtype=columns.dtype, edges=edges, opener=opened, ids=ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """What is known of a table once it was opened."""

    label: str
    columns: Columns
    dimensions: int
    groups: npt.NDArray[np.int64]  # (g + 1,) first row of each row group, then the number of rows
    ids: tuple[str, ...] | None

    @property
    def row_bytes(self) -> int:
        return self.dimensions * self.columns.dtype.itemsize


def _open(file: io.RawIOBase, columns: int) -> pq.ParquetFile:
    """Return the table in an open file; its column chunks are read piece by piece."""
    import pyarrow.parquet as pq

    size = max(LEAST_BUFFER, min(1 << 20, BUFFERS // columns))
    return pq.ParquetFile(
        io.BufferedReader(file),
        buffer_size=size,
        pre_buffer=False,
        page_checksum_verification=True,
    )


def _read_ids(table: pq.ParquetFile, columns: Columns, label: str) -> tuple[str, ...] | None:
    if columns.id_name is None:
        return None
    ids: list[str] = []
    for batch in table.iter_batches(columns=[columns.id_name], use_threads=False):
        ids += read_names(batch, columns, row_teller(label, len(ids))) or ()
    return tuple(ids)


class _Rows:
    """A position in an open table: reading on costs what lies between, going back decodes the row group again."""

    def __init__(self, table: pq.ParquetFile, layout: _Layout) -> None:
        self.table, self.layout = table, layout
        self.position = self.end = 0
        self.batches: Iterator[pa.RecordBatch] = iter(())

    def read(self, start: int, stop: int) -> Array:
        """Return the rows of one band."""
        layout, pieces = self.layout, []
        if not self.position <= start < self.end:
            group = int(np.searchsorted(layout.groups, start, side="right")) - 1
            self.position, self.end = layout.groups[group : group + 2].tolist()
            self.batches = self.table.iter_batches(
                block_rows(BAND, layout.row_bytes), [group], layout.columns.names, use_threads=False
            )
        while self.position < stop and (batch := next(self.batches, None)) is not None:
            low, self.position = self.position, self.position + batch.num_rows
            if self.position > start:
                told = row_teller(layout.label, low, layout.ids)
                pieces.append(read_values(batch, layout.columns, layout.dimensions, told))
        values = (
            pieces[0]
            if len(pieces) == 1
            else np.concatenate([np.empty((0, layout.dimensions), layout.columns.dtype), *pieces])
        )
        if len(values) != stop - start:
            raise InputError(
                f"{shown(layout.label)} row {start}: the row group has {len(values):,} rows where its footer says "
                f"{stop - start:,}",
                next_step="write or copy the file again",
            )
        return values
