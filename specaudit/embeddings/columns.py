"""Columns of Arrow tables: which of them are the embedding, and their values straight from Arrow's buffers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from specaudit.embeddings.delimited import ID_NAMES, select_columns
from specaudit.embeddings.display import quoted, shown
from specaudit.embeddings.exact import beyond_error, first_beyond, rounds
from specaudit.embeddings.jsonl import FIELDS
from specaudit.embeddings.matrices import Array, DType
from specaudit.embeddings.options import Options
from specaudit.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

Told = Callable[[int], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """What is read of a table; nothing else is.

    Attributes
    ----------
    names
        One column of lists, or the columns of numbers that make up a row.
    listed
        Whether it is one column of lists.
    dimensions
        Length of the rows; None where only the first list tells.
    dtype
        Common type of the values.
    id_name, group_name
        The columns that name the rows, and their groups.
    """

    names: tuple[str, ...]
    listed: bool
    dimensions: int | None
    dtype: DType
    id_name: str | None
    group_name: str | None

    @property
    def read(self) -> list[str]:
        """All columns that are read, each once."""
        return list(dict.fromkeys(name for name in (*self.names, self.id_name, self.group_name) if name is not None))


@contextmanager
def arrow_errors(label: str, kind: str) -> Iterator[None]:
    """Turn what pyarrow raises about a damaged file into one clear line."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError, LookupError, OverflowError, TypeError) as error:
        raise InputError(
            f"{shown(label)}: not a readable {kind} file: {shown(error, 120)}",
            next_step="write or copy the file again",
        ) from None


def choose_columns(label: str, schema: pa.Schema, options: Options) -> Columns:
    """Return the columns that are asked for, or the first of embedding, embeddings and vector.

    Raises
    ------
    InputError
        There is no such column, or it holds no numbers.
    """
    column, id_column, group_column = options.column, options.id_column, options.group_column
    names = list(schema.names)
    listing = (", ".join(quoted(name) for name in names[:10]) or "none") + ", ..." * (len(names) > 10)
    if column is not None:
        chosen = [names[k] for k in select_columns(label, names, column)]
    else:
        chosen = [name for name in FIELDS if name in names][:1]
    if not chosen:
        raise InputError(
            f"{shown(label)}: no column {' or '.join(quoted(name) for name in FIELDS)} among {listing}",
            next_step="name the column of lists, or the columns of numbers, with --column",
        )
    for what, given in (("ids", id_column), ("labels", group_column)):
        if given is not None and given not in names:
            raise InputError(
                f"{shown(label)}: {what} {quoted(given)} is neither a file nor a column among {listing}",
                next_step=f"name a file of {what} or a column of the table",
            )
    chosen = [name for name in chosen if name != group_column] or chosen
    if id_column is None:
        id_column = next(
            (n for n in names if n.lower() in ID_NAMES and _can_name(schema.field(names.index(n)))), None
        )
    for name in filter(None, (*chosen, id_column, group_column)):
        if names.count(name) > 1:
            raise InputError(
                f"{shown(label)}: {names.count(name)} columns are named {quoted(name)}", next_step="rename them"
            )
    if id_column is not None and not _can_name(schema.field(id_column)):
        raise InputError(
            f"{shown(label)} column {quoted(id_column)}: {shown(schema.field(id_column).type, 60)}, expected ids",
            next_step="name a column of strings or whole numbers",
        )
    if group_column is not None and not _can_name(schema.field(group_column), truths=True):
        kind = shown(schema.field(group_column).type, 60)
        raise InputError(
            f"{shown(label)} column {quoted(group_column)}: {kind}, expected labels",
            next_step="name a column of strings, whole numbers or truth values",
        )
    for name in chosen:
        axes = getattr(schema.field(name).type, "shape", (0,))
        if len(axes) != 1:
            raise InputError(
                f"{shown(label)} column {quoted(name)}: tensors of shape {shown(tuple(axes), 60)}, expected one axis",
                next_step="write one list of numbers per row",
            )
    types = [_storage(schema.field(name).type) for name in chosen]
    found = Columns(
        names=tuple(chosen),
        listed=False,
        dimensions=len(chosen),
        dtype=np.dtype(np.bool_),
        id_name=id_column,
        group_name=group_column,
    )
    if len(chosen) == 1 and _is_list(types[0]):
        size = types[0].list_size if _is_fixed(types[0]) else None
        found = replace(found, listed=True, dimensions=size)
        types = [types[0].value_type]
    dtypes = [_dtype(label, name, kind) for name, kind in zip(chosen, types, strict=True)]
    return replace(found, dtype=np.result_type(*dtypes))


def first_dimensions(batch: pa.RecordBatch, columns: Columns, told: Told) -> int:
    """Return the length of the first row of a table."""
    if columns.dimensions is not None:
        return columns.dimensions
    lists = _storage_of(batch.column(columns.names[0]))
    _check_nulls(lists, columns.names[0], told, 1)
    return int(lists.offsets[1].as_py() - lists.offsets[0].as_py())


def read_values(batch: pa.RecordBatch, columns: Columns, dimensions: int, told: Told) -> Array:
    """Return the embedding in a batch, (rows, dimensions); ``told`` says where one of its rows is.

    Raises
    ------
    InputError
        Names row and column: a null, or a list of another length than the first.
    """
    if not columns.listed:
        out = np.empty((batch.num_rows, dimensions), columns.dtype)
        for k, name in enumerate(columns.names):
            values = batch.column(name)
            _check_nulls(values, name, told, 1)
            numbers = values.to_numpy(zero_copy_only=True)
            if rounds(numbers.dtype, columns.dtype) and (place := first_beyond(numbers)) is not None:
                raise beyond_error(f"{told(place[0])} column {quoted(name)}", int(numbers[place]))
            with np.errstate(invalid="ignore"):  # a nan may be a signalling one
                out[:, k] = numbers
        return out
    items: Array = list_items(batch, columns, dimensions, told).to_numpy(zero_copy_only=True)
    return items.reshape(batch.num_rows, dimensions)


def list_items(batch: pa.RecordBatch, columns: Columns, dimensions: int, told: Told) -> pa.Array:
    """Return the numbers of all lists of a batch, one after the other; raises as ``read_values``."""
    name, lists = columns.names[0], _storage_of(batch.column(columns.names[0]))
    _check_nulls(lists, name, told, 1)
    if _is_fixed(lists.type):
        items = lists.values.slice(lists.offset * dimensions, len(lists) * dimensions)
    else:
        offsets = lists.offsets.to_numpy(zero_copy_only=True)
        ragged = np.flatnonzero(np.diff(offsets) != dimensions)
        if ragged.size:
            row = int(ragged[0])
            raise InputError(
                f"{told(row)} column {quoted(name)}: {offsets[row + 1] - offsets[row]:,} numbers, expected "
                f"{dimensions:,} as in the first row",
                next_step="use rows of one embedding model",
            )
        items = lists.values.slice(int(offsets[0]), len(lists) * dimensions)
    _check_nulls(items, name, told, dimensions)
    return items


def read_names(batch: pa.RecordBatch, column: str | None, told: Told) -> list[str] | None:
    """Return the ids or the groups of the rows of a batch, if there is such a column."""
    if column is None:
        return None
    names = batch.column(column)
    _check_nulls(names, column, told, 1)
    return [str(name) for name in names.to_pylist()]


def row_teller(label: str, start: int, ids: list[str] | tuple[str, ...] | None = None) -> Told:
    """Return what says where a row of a batch is, whose first row is ``start``; ``ids`` are of the whole file."""

    def told(row: int) -> str:
        named = "" if ids is None or start + row >= len(ids) else f" (id {quoted(ids[start + row])})"
        return f"{shown(label)} row {start + row}{named}"

    return told


def _check_nulls(values: pa.Array, name: str, told: Told, width: int) -> None:
    """Raise an ``InputError`` that names the first null among values, ``width`` of which make up a row."""
    if not values.null_count:
        return
    first = int(np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False))[0])
    item = f" item {first % width}" if width > 1 else ""
    raise InputError(
        f"{told(first // width)} column {quoted(name)}{item}: null", next_step="give the row a value, or drop it"
    )


def _dtype(label: str, name: str, kind: pa.DataType) -> DType:
    import pyarrow as pa

    if not pa.types.is_integer(kind) and not pa.types.is_floating(kind):
        raise InputError(
            f"{shown(label)} column {quoted(name)}: {shown(kind, 60)}, expected one column of lists of numbers, or "
            "columns of numbers",
            next_step="name other columns, or convert it",
        )
    dtype: DType = np.dtype(kind.to_pandas_dtype())
    return dtype


def _can_name(field: pa.Field, *, truths: bool = False) -> bool:
    import pyarrow as pa

    kind: Any = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    texts = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    return bool(pa.types.is_integer(kind) or texts or (truths and pa.types.is_boolean(kind)))


def _is_fixed(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_fixed_size_list(kind))


def _is_list(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(_is_fixed(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _storage(kind: pa.DataType) -> pa.DataType:
    """Return how values of a type are stored: tensors of a fixed shape are lists."""
    import pyarrow as pa

    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind


def _storage_of(values: pa.Array) -> pa.Array:
    import pyarrow as pa

    return values.storage if isinstance(values, pa.ExtensionArray) else values
