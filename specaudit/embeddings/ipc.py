"""Arrow IPC files and streams: Feather, ``.arrow`` and the files of Hugging Face data sets."""

from __future__ import annotations

import io
import mmap
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from specaudit.embeddings.columns import (
    Columns,
    arrow_errors,
    choose_columns,
    first_dimensions,
    list_items,
    read_names,
    read_values,
    row_teller,
)
from specaudit.embeddings.display import shown
from specaudit.embeddings.extras import needs
from specaudit.embeddings.files import Ranged, file_size, open_file, reopening, too_large, unpacked_budget
from specaudit.embeddings.ipc_sizes import batch_sizes
from specaudit.embeddings.matrices import check_held, check_matrix
from specaudit.embeddings.options import Options
from specaudit.embeddings.sources import Part
from specaudit.embeddings.stored import FileMatrix, JoinedMatrix, ParsedRows, from_file, spool_rows
from specaudit.embeddings.texts import TextMeter
from specaudit.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

_Choice = tuple[str | None, str | None, str | None]
MAGIC = b"ARROW1"
FIRST = b"FEA1"  # of the first version of Feather
END = b"\xff\xff\xff\xff\0\0\0\0"  # of a stream
LEAD = 8  # bytes: the mark and its padding
KIND = "Arrow"


def read_ipc(part: Part, options: Options) -> FileMatrix | JoinedMatrix:
    """Return the columns of the embedding: in place if they are lists in a local file that is not compressed.

    Else they are copied to a nameless temporary file, a record batch at a time.

    Raises
    ------
    InputError
        The file is damaged, pyarrow is missing, as ``choose_columns``, or as ``read_values``; it unpacks to far more
        than its size.
    BudgetError
        A record batch is larger than ``max_memory`` lets it be, or the ids are.
    """
    with needs("arrow", part.label):
        import pyarrow  # noqa: F401
    with open_file(part.path, part.label) as file, arrow_errors(part.label, KIND):
        source = io.BufferedReader(file)
        _check_version(part.label, source.peek(len(FIRST)))
        sizes = list(batch_sizes(source, LEAD if source.read(len(MAGIC)) == MAGIC else 0))
        budget = unpacked_budget(file_size(file))
        if sum(size.unpacked for size in sizes) > budget:
            raise too_large(part.label, budget)
        packed = any(size.unpacked for size in sizes)
        if not packed and not isinstance(file, Ranged) and (found := _located(part, file, options)) is not None:
            return found
        check_held(part.label, max((size.stored + size.unpacked for size in sizes), default=0), options.max_memory)
        source.seek(0)
        return _copied(part, _Batches.of(part, source, options), options.max_memory)


def _check_version(label: str, start: bytes) -> None:
    if start.startswith(FIRST):
        raise InputError(
            f"{shown(label)}: a Feather file of version 1, which is no Arrow file",
            next_step="convert it with pyarrow.feather.write_feather(pyarrow.feather.read_table(old), new)",
        )


def _counted(stream: Iterator[pa.RecordBatch], count: int) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a stream that is in a file, which must be as many as the file says at its end."""
    found = 0
    for found, batch in enumerate(islice(stream, count), 1):  # noqa: B007 - told after the last
        yield batch
        del batch
    if found != count:
        raise ValueError(f"{found:,} record batches where its end says {count:,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batches:
    """The record batches of an open file or stream, of which only the wanted columns are read."""

    columns: Columns
    batches: Iterator[pa.RecordBatch]

    @staticmethod
    def of(part: Part, source: pa.NativeFile | io.BufferedReader, choice: Options) -> _Batches:
        """Return the batches of an open file or stream."""
        import pyarrow as pa
        from pyarrow import ipc

        filed = source.read(len(MAGIC)) == MAGIC
        source.seek(-len(END), os.SEEK_END)
        if not filed and source.read(len(END)) != END:
            raise InputError(
                f"{shown(part.label)}: truncated: a stream without its end mark, which may lack rows",
                next_step="write or copy the file again",
            )

        def opened(columns: list[int]) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
            options = ipc.IpcReadOptions(use_threads=False, included_fields=columns)
            source.seek(0)
            if filed:
                file = ipc.open_file(source, options=options)
                count = file.num_record_batches
                if not isinstance(source, pa.BufferReader):
                    return file.schema, (file.get_batch(k) for k in range(count))
                source.seek(LEAD)  # a file is a stream between marks, and of a stream in memory nothing is copied
            stream = ipc.open_stream(source, options=options)
            if not filed:
                return stream.schema, iter(stream)
            if stream.schema != file.schema:
                raise ValueError("its two descriptions of the columns differ")
            return stream.schema, _counted(stream, count)

        schema, _ = opened([])
        columns = choose_columns(part.label, schema, choice)
        wanted = [schema.names.index(name) for name in columns.read]
        return _Batches(columns=columns, batches=opened(wanted)[1])

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for batch in self.batches:
            batch.validate(full=True)  # a damaged offset would be a read anywhere in memory
            if batch.num_rows:
                yield batch
            del batch  # before the next one is decoded


def _located(part: Part, file: io.FileIO, options: Options) -> JoinedMatrix | None:
    """Return the lists where they are in the file, or None if they are not there as they are in memory."""
    import pyarrow as pa

    again = reopening(file, part.path, part.label)
    # Mapped only to learn where the lists are: a map is never read from, as FileMatrix says.
    mapped = pa.py_buffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    batches = _Batches.of(part, pa.BufferReader(mapped), options)
    columns, dtype = batches.columns, batches.columns.dtype
    if not columns.listed:
        return None
    matrices: list[FileMatrix] = []
    ids: list[str] = []
    groups: list[str] = []
    rows = dimensions = 0
    named = TextMeter(part.label, "ids", options.max_memory)
    labelled = TextMeter(part.label, "labels", options.max_memory, repeated=True)
    for batch in batches:
        names = read_names(batch, columns.id_name, row_teller(part.label, rows))
        groups += labelled.taken(read_names(batch, columns.group_name, row_teller(part.label, rows)) or ())
        ids += named.taken(names or ())
        told = row_teller(part.label, rows, ids if names else None)
        dimensions = dimensions or first_dimensions(batch, columns, told)
        items = list_items(batch, columns, dimensions, told)
        data = items.buffers()[1]
        place = data.address - mapped.address
        if not 0 <= place <= mapped.size - data.size:
            return None
        shape = (batch.num_rows, dimensions)
        check_matrix(part.label, shape, dtype)
        matrices.append(from_file(again, part.label, shape, dtype, place + items.offset * dtype.itemsize))
        rows += batch.num_rows
    check_matrix(part.label, (rows, dimensions), dtype)
    return JoinedMatrix(
        parts=tuple(matrices),
        ids=tuple(ids) if columns.id_name else None,
        groups=tuple(groups) if columns.group_name else None,
    )


def _copied(part: Part, batches: _Batches, max_memory: int | None) -> FileMatrix:
    """Return the columns of all batches in a nameless temporary file; one batch at a time is in memory."""
    columns, rest = batches.columns, iter(batches)
    waiting = list(islice(rest, 1))
    check_matrix(part.label, (len(waiting), columns.dimensions or 1), columns.dtype)
    dimensions = first_dimensions(waiting[0], columns, row_teller(part.label, 0))
    check_matrix(part.label, (1, dimensions), columns.dtype)

    def parsed() -> Iterator[ParsedRows]:
        rows = 0
        ids: list[str] = []
        while batch := waiting.pop() if waiting else next(rest, None):
            names, groups = (
                read_names(batch, name, row_teller(part.label, rows))
                for name in (columns.id_name, columns.group_name)
            )
            ids += names or ()
            told = row_teller(part.label, rows, ids if names else None)
            rows += batch.num_rows
            yield ParsedRows(values=read_values(batch, columns, dimensions, told), ids=names, groups=groups)
            del batch

    return spool_rows(part.label, dimensions, parsed(), columns.dtype, max_memory=max_memory)
