"""Two embeddings of the same rows as one matrix, the columns of the second beside those of the first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from specaudit.embeddings.core import Embeddings, Shard
from specaudit.embeddings.display import quoted
from specaudit.embeddings.matrices import Array, DType, block_rows
from specaudit.embeddings.passes import Band
from specaudit.errors import InputError

Rows = npt.NDArray[np.int64]
Prepare = Callable[[Array], Array]


def _as_stored(values: Array) -> Array:
    return values


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedMatrix:
    """Rows of two embeddings side by side.

    Attributes
    ----------
    first, second
        The sides.
    order
        (n,) the row of the second that belongs to each row of the first.
    prepare
        What becomes of the rows (k, d) of each side.
    dtype
        Number type in which they are then side by side.
    """

    first: Embeddings
    second: Embeddings
    order: Rows
    prepare: tuple[Prepare, Prepare]
    dtype: DType
    ids: tuple[str, ...] | None = None
    groups: tuple[str, ...] | None = None

    @property
    def rows(self) -> int:
        """Rows of each side."""
        return self.first.rows

    @property
    def dimensions(self) -> int:
        """Columns of both."""
        return self.first.dimensions + self.second.dimensions

    def blocks(self, max_bytes: int, start: int = 0, stop: int | None = None) -> Iterator[Array]:
        """Yield the rows from ``start`` to ``stop`` in the order of the first side."""
        step = block_rows(max_bytes, self.dimensions * self.dtype.itemsize)
        part = self.first.band(Band(start=start, stop=self.rows if stop is None else stop))
        for block in part.blocks(step * self.first.dimensions * self.first.dtype.itemsize):
            at = start + block.start
            yield self._beside(block.values, self.order[at : at + len(block.values)])

    def take(self, rows: Rows, step: int) -> Iterator[Array]:
        """Yield these rows, ``step`` at a time."""
        for at in range(0, len(rows), step):
            part = rows[at : at + step]
            yield self._beside(self.first.take(part), self.order[part])

    def close(self) -> None:
        """Close both sides."""
        self.first.close()
        self.second.close()

    def _beside(self, values: Array, others: Rows) -> Array:
        left, right = self.prepare
        return np.hstack([left(values), right(self.second.take(others))]).astype(self.dtype, copy=False)


def paired(
    first: Embeddings,
    second: Embeddings,
    *,
    name: str,
    prepare: tuple[Prepare, Prepare] = (_as_stored, _as_stored),
    dtype: DType | None = None,
) -> Embeddings:
    """Return the rows of both side by side: matched by id where both have ids, else in order.

    Raises
    ------
    InputError
        The sides have different numbers of rows, or other ids.
    """
    if first.rows != second.rows:
        raise InputError(
            f"{second.name}: {second.rows:,} rows, but {first.name} has {first.rows:,}",
            next_step="give two embeddings of the same rows",
        )
    matrix = PairedMatrix(
        first=first,
        second=second,
        order=_order(first, second),
        prepare=prepare,
        dtype=dtype or np.result_type(first.dtype, second.dtype),
    )
    limits = [side.max_memory for side in (first, second) if side.max_memory is not None]
    versions = (first.version, second.version)
    return Embeddings(
        name=name,
        rows=matrix.rows,
        dimensions=matrix.dimensions,
        dtype=matrix.dtype,
        shards=(Shard(name=name, rows=matrix.rows, start=0, dtype=matrix.dtype),),
        version=" + ".join(version or "local" for version in versions) if any(versions) else None,
        ids=first.ids,
        matrices=(matrix,),
        max_memory=min(limits, default=None),
    )


def _order(first: Embeddings, second: Embeddings) -> Rows:
    if first.ids is None or second.ids is None:
        return np.arange(first.rows)
    places = {name: row for row, name in enumerate(second.ids)}
    missing = next((name for name in first.ids if name not in places), None)
    if missing is not None:
        raise InputError(
            f"{second.name}: has no row with the id {quoted(missing)} of {first.name}",
            next_step="give two embeddings of the same rows, or ids of neither",
        )
    return np.array([places[name] for name in first.ids], np.int64)
