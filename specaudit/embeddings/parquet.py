"""Parquet: the columns of the embedding, decoded a few rows at a time."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, BinaryIO

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
from specaudit.embeddings.files import file_size, open_file, reopening, spooling, too_large, unpacked_budget
from specaudit.embeddings.matrices import Array, block_rows, check_matrix
from specaudit.embeddings.options import Options
from specaudit.embeddings.parquet_pages import Chunk, check_pages
from specaudit.embeddings.remote import RemoteFile
from specaudit.embeddings.sources import Part
from specaudit.embeddings.stored import FileMatrix, from_spool
from specaudit.embeddings.texts import TextMeter
from specaudit.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

BUFFER = 1 << 20  # bytes of a column that are read together
BATCH = 1 << 16  # rows of a column that are copied together


def read_parquet(part: Part, options: Options) -> BandMatrix | FileMatrix:
    """Return the columns of the embedding; of lists, opening reads the footer, the ids and the groups.

    Columns of numbers are copied to a nameless temporary file: each is in one piece, far from the others.

    Raises
    ------
    InputError
        The file is damaged or unpacks to far more than its size, pyarrow is missing, or as ``choose_columns``.
    """
    with needs("arrow", part.label):
        import pyarrow.parquet as pq  # noqa: F401
    with open_file(part.path, part.label) as file, arrow_errors(part.label, "Parquet"):
        again = reopening(file, part.path, part.label)
        table = _Table.open(file)
        columns = choose_columns(part.label, table.file.schema_arrow, options)
        table.check_footer(columns.read)
        counts = [table.file.metadata.row_group(k).num_rows for k in table.groups]
        groups = np.cumsum([0, *counts], dtype=np.int64)
        dimensions = columns.dimensions or 0
        if groups[-1] and columns.dimensions is None:
            first = next(table.batches(columns.names, table.groups, 1), None)
            if first is None:
                raise ValueError(f"no row where the footer says {groups[-1]:,}")
            dimensions = first_dimensions(first, columns, row_teller(part.label, 0))
        check_matrix(part.label, (int(groups[-1]), dimensions), columns.dtype)
        _check_packed(
            table, columns, int(groups[-1]) * dimensions * columns.dtype.itemsize, file_size(file), part.label
        )
        ids = _read_names(table, columns.id_name, TextMeter(part.label, "ids", options.max_memory))
        meter = TextMeter(part.label, "labels", options.max_memory, repeated=True)
        labels = _read_names(table, columns.group_name, meter)
        layout = _Layout(label=part.label, columns=columns, dimensions=dimensions, groups=groups, ids=ids)
        if not columns.listed:
            return _copied(table, layout, labels)

    @contextmanager
    def opened() -> Iterator[_Rows]:
        with again() as file, arrow_errors(part.label, "Parquet"):
            yield _Rows(_Table.open(file), layout)

    edges = split_edges(np.unique(groups), layout.row_bytes)
    return BandMatrix(dimensions=dimensions, dtype=columns.dtype, edges=edges, opener=opened, ids=ids, groups=labels)


def _check_packed(table: _Table, columns: Columns, decoded: int, size: int, label: str) -> None:
    """Raise an ``InputError`` where what is read unpacks to more than its budget, or is copied as more."""
    unpacked = sum(chunk.unpacked for group in table.groups for chunk in table.chunks(group, columns.read))
    if max(unpacked, 0 if columns.listed else decoded) > unpacked_budget(size):
        raise too_large(label, unpacked_budget(size))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """An open table; its column chunks are read piece by piece."""

    file: pq.ParquetFile
    source: BinaryIO
    leaves: dict[str, list[int]]  # numbers of what is stored, by the names that lead to it
    checked: bool  # whether pages are before they are decoded: of remote files each would be fetched twice

    @staticmethod
    def open(file: io.RawIOBase) -> _Table:
        """Return the table in an open file."""
        import pyarrow.parquet as pq

        source, leaves = io.BufferedReader(file), dict[str, list[int]]()
        table = pq.ParquetFile(source, buffer_size=BUFFER, pre_buffer=False, page_checksum_verification=True)
        for number in range(len(table.schema)):
            for name in accumulate(table.schema.column(number).path.split("."), "{}.{}".format):
                leaves.setdefault(name, []).append(number)
        return _Table(file=table, source=source, leaves=leaves, checked=not isinstance(file, RemoteFile))

    @property
    def groups(self) -> range:
        """The numbers of the groups of rows."""
        return range(self.file.num_row_groups)

    def numbers(self, names: Iterable[str]) -> list[int]:
        """Return the numbers of what is stored of columns."""
        return [number for name in names for number in self.leaves[name]]

    def check_footer(self, names: Iterable[str]) -> None:
        """Raise what pyarrow raises about columns that the footer describes badly, or hides by encryption."""
        # Asked for such a description, it ends the process. Of a batch of no rows nothing is decoded.
        for group in self.groups:
            next(self.file.reader.iter_batches(0, [group], self.numbers(names), use_threads=False), None)

    def chunks(self, group: int, names: Iterable[str]) -> Iterator[Chunk]:
        """Yield what the footer says of the columns in a group of rows, which was checked."""
        said = self.file.metadata.row_group(group)
        for chunk in map(said.column, self.numbers(names)):
            starts = [chunk.data_page_offset]
            if chunk.has_dictionary_page and chunk.dictionary_page_offset > 0:
                starts.append(chunk.dictionary_page_offset)
            yield Chunk(
                start=min(starts),
                stored=chunk.total_compressed_size,
                unpacked=chunk.total_uncompressed_size,
                values=chunk.num_values,
            )

    def batches(self, names: Sequence[str], groups: Iterable[int], rows: int = BATCH) -> Iterator[pa.RecordBatch]:
        """Yield columns in groups of rows, up to so many rows at a time."""
        for group in groups:
            for chunk in self.chunks(group, names) if self.checked else ():
                check_pages(self.source, chunk)
            yield from self.file.iter_batches(rows, [group], names, use_threads=False)


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

    def check_count(self, start: int, got: int, expected: int) -> None:
        """Raise an ``InputError`` unless there are as many rows from ``start`` on as the footer says."""
        if got != expected:
            raise InputError(
                f"{shown(self.label)} row {start}: {got:,} rows where the footer says {expected:,}",
                next_step="write or copy the file again",
            )


def _read_names(table: _Table, column: str | None, meter: TextMeter) -> tuple[str, ...] | None:
    if column is None:
        return None
    names: list[str] = []
    for batch in table.batches([column], table.groups):
        names += meter.taken(read_names(batch, column, row_teller(meter.label, len(names))) or ())
    return tuple(names)


def _copied(table: _Table, layout: _Layout, labels: tuple[str, ...] | None) -> FileMatrix:
    """Return columns of numbers in a temporary file, one after the other."""
    dtype, rows = layout.columns.dtype, int(layout.groups[-1])
    with spooling(layout.label, rows * layout.row_bytes) as spool:
        for group, (start, stop) in enumerate(pairwise(layout.groups.tolist())):
            for k, name in enumerate(layout.columns.names):
                only, row = replace(layout.columns, names=(name,)), start
                spool.seek((k * rows + start) * dtype.itemsize)
                for batch in table.batches([name], [group]):
                    spool.write(read_values(batch, only, 1, row_teller(layout.label, row, layout.ids)).data)
                    row += batch.num_rows
                layout.check_count(start, row - start, stop - start)
    shape = (rows, layout.dimensions)
    return from_spool(spool, layout.label, shape, dtype, fortran=True, ids=layout.ids, groups=labels)


class _Rows:
    """A position in an open table: reading on costs what lies between, going back decodes the row group again."""

    def __init__(self, table: _Table, layout: _Layout) -> None:
        self.table, self.layout = table, layout
        self.position = self.end = 0
        self.batches: Iterator[pa.RecordBatch] = iter(())

    def read(self, start: int, stop: int, room: Array) -> Array:
        """Return the rows of one band."""
        layout = self.layout
        if not self.position <= start < self.end:
            group = int(np.searchsorted(layout.groups, start, side="right")) - 1
            self.position, self.end = layout.groups[group : group + 2].tolist()
            step = block_rows(BAND, layout.row_bytes)
            self.batches = self.table.batches(layout.columns.names, [group], step)
        pieces = [np.empty((0, layout.dimensions), layout.columns.dtype)]
        while self.position < stop and (batch := next(self.batches, None)) is not None:
            low, self.position = self.position, self.position + batch.num_rows
            if self.position > start:
                told = row_teller(layout.label, low, layout.ids)
                pieces.append(read_values(batch, layout.columns, layout.dimensions, told))
        layout.check_count(start, sum(map(len, pieces)), stop - start)
        return pieces[1] if len(pieces) == 2 else np.concatenate(pieces)
