"""Embeddings ``(n, d)`` from any source, read in blocks of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from specaudit.embeddings.display import quoted
from specaudit.embeddings.exact import beyond_error, first_beyond, rounds
from specaudit.embeddings.findings import Findings
from specaudit.embeddings.held import Held
from specaudit.embeddings.ids import check_ids
from specaudit.embeddings.matrices import Array, Clipped, DType, Matrix, MemoryMatrix, block_rows, regrouped
from specaudit.embeddings.options import Options
from specaudit.embeddings.passes import HERE, A, Band, Engine, R
from specaudit.embeddings.sources import Part
from specaudit.embeddings.texts import label_bytes, text_bytes
from specaudit.embeddings.unopened import Unopened
from specaudit.errors import InputError

BLOCK_BYTES = 8 << 20
BAND_BYTES = 64 << 20
MATCHED = 200
"""Bytes of a row while what is said about it is found by its id, beside its texts and what a scan leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Consecutive rows."""

    start: int  # global number of the first row
    values: Array  # (k, d), k >= 1, C-contiguous, native byte order, read-only


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """One of the files that the rows come from."""

    name: str
    rows: int
    start: int  # global number of its first row
    dtype: DType
    first: int = 0  # number of its first row in the file
    part: Part | None = None  # the file, and what the user said about it
    options: Options | None = None
    version: str | None = None  # what the store of a remote file calls its content


@dataclass(frozen=True, slots=True, kw_only=True)
class Embeddings:
    """A matrix ``(rows, dimensions)`` of real numbers that is read piece by piece.

    Close it, or use it as a context manager, to give temporary files back early; they have no name on disk
    and vanish with the object at the latest.
    """

    name: str  # as the user gave it, safe to print
    rows: int
    dimensions: int
    dtype: DType  # stored type; the common type where shards differ
    shards: tuple[Shard, ...]
    version: str | None = None  # what the stores of remote files call their content
    ids: tuple[str, ...] | None = field(default=None, repr=False)
    groups: tuple[str, ...] | None = field(default=None, repr=False)  # the label of each row's group
    matrices: tuple[Matrix, ...] = field(repr=False)  # one per shard
    max_memory: int | None = None  # bytes
    engine: Engine = field(default=HERE, repr=False)  # what passes over the rows
    findings: Findings | None = field(default=None, repr=False)  # where the source is a scan

    @property
    def room(self) -> int | None:
        """Bytes that what is said about the rows may take; None where there is no limit."""
        if self.max_memory is None:
            return None
        return max(self.max_memory - held_texts(self) - MATCHED * self.rows, self.max_memory // 4)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give temporary files back."""
        self.close()

    def close(self) -> None:
        """Give temporary files back; the embeddings cannot be read any more if there were some."""
        for matrix in self.matrices:
            matrix.close()

    def blocks(self, max_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
        """Yield all rows in order, in blocks of at most ``max_bytes``, or one row where that is larger.

        Where blocks end depends on the shape of the shards alone, and not on what their formats read together, so
        that sums over blocks are the same in all formats, of a scan in place of a shard, and on workers.

        The values of a block are a read-only view of a buffer that the next block reuses: copy what you keep.
        With ``max_memory`` a block is at most a quarter of it.

        Raises
        ------
        InputError
            A file ends early, cannot be read, or has a row of another length than its first.
        """
        step = block_rows(self._bounded(max_bytes), self.dimensions * self.dtype.itemsize)
        if self._distant:
            bands = [
                Band(start=low, stop=min(low + step, shard.start + shard.rows))
                for shard in self.shards
                for low in range(shard.start, shard.start + shard.rows, step)
            ]
            for band, values in zip(bands, self.each(_values, bands), strict=True):
                values.flags.writeable = False
                yield Block(start=band.start, values=values)
            return
        for shard, matrix in zip(self.shards, self.matrices, strict=True):
            start = shard.start
            for values in regrouped(matrix, step):
                # The view keeps the write flag of the buffer, or of the user's array, as it is.
                view = self._given(values, range(start, start + len(values))).view()
                view.flags.writeable = False
                yield Block(start=start, values=view)
                start += len(values)

    def take(self, rows: npt.ArrayLike) -> Array:
        """Return the rows ``(m, d)`` of these global numbers, in the order given; a number may repeat.

        Only these rows and what lies close to them are read.

        Raises
        ------
        IndexError
            A number is not in ``[0, rows)``.
        InputError
            As in ``blocks``.
        """
        wanted = np.asarray(rows, dtype=np.int64).reshape(-1)
        if wanted.size and not 0 <= wanted.min() <= wanted.max() < self.rows:
            raise IndexError(f"row numbers must be in [0, {self.rows}), got {wanted.min()}..{wanted.max()}")
        order = np.argsort(wanted, kind="stable")
        ascending = wanted[order]
        out = np.empty((len(wanted), self.dimensions), self.dtype)
        step = block_rows(BLOCK_BYTES, self.dimensions * self.dtype.itemsize)
        jobs, places = [], []
        for shard, matrix in zip(self.shards, self.matrices, strict=True):
            at, high = np.searchsorted(ascending, [shard.start, shard.start + shard.rows])
            if at == high:
                continue
            rows = ascending[at:high]
            if self._distant and not (isinstance(matrix, Unopened) and matrix.keeps(rows - shard.start)):
                for low in range(0, len(rows), step):
                    part = rows[low : low + step]
                    jobs.append((Band(start=int(part[0]), stop=int(part[-1]) + 1), part - part[0]))
                    places.append(order[at + low : at + low + len(part)])
                continue
            # Piece by piece, so that the rows are not in memory twice.
            for values in matrix.take(rows - shard.start, step):
                piece = slice(at, at + len(values))
                out[order[piece]] = self._given(values, ascending[piece])
                at += len(values)
        for place, values in zip(places, self.map(Embeddings.take, jobs), strict=True):
            out[place] = values
        return out

    def bands(self, *, least: int = 0, most: int | None = None) -> tuple[Band, ...]:
        """Return the rows cut into bands of 64 MiB or at ``least`` so many bytes, or of ``most``, at ends of blocks.

        They depend on the shape of the shards and on ``max_memory``, and on nothing else, such as who works on them.
        """
        size = max(BAND_BYTES, least) if most is None else most
        block = min(self._bounded(BLOCK_BYTES), size)
        step = block_rows(block, self.dimensions * self.dtype.itemsize)
        rows = step * max(1, size // block)
        ends, last = [], 0
        for shard in self.shards:
            for end in (*range(shard.start + rows, shard.start + shard.rows, rows), shard.start + shard.rows):
                if end - last >= rows:
                    ends.append(end)
                    last = end
        if last < self.rows:
            ends.append(self.rows)
        return tuple(Band(start=low, stop=high) for low, high in pairwise([0, *ends]))

    def band(self, band: Band) -> Embeddings:
        """Return the rows of a band, numbered from 0, to be read in this process; it has no ids."""
        shards: list[Shard] = []
        matrices: list[Matrix] = []
        for shard, matrix in zip(self.shards, self.matrices, strict=True):
            low, high = (min(max(end - shard.start, 0), shard.rows) for end in (band.start, band.stop))
            if low == high:
                continue
            start = shard.start + low - band.start
            shards.append(replace(shard, rows=high - low, start=start, first=shard.first + low))
            if isinstance(matrix, Unopened):
                matrices.append(matrix.clipped(low, high))
            else:
                matrices.append(Clipped(matrix=matrix, start=low, stop=high))
        return replace(
            self, rows=band.stop - band.start, shards=tuple(shards), matrices=tuple(matrices),
            ids=None, groups=None, engine=HERE, findings=None,
        )  # fmt: skip

    def held_to(self, contents: npt.NDArray[np.uint64], usable: npt.NDArray[np.bool_]) -> Embeddings:
        """Return the rows, whose usable ones must hash to these contents (rows,) wherever they are read again.

        Rows in memory and those of a .scan, which are held to that, stay as they are.
        """
        matrices: list[Matrix] = []
        for shard, matrix in zip(self.shards, self.matrices, strict=True):
            own = slice(shard.start, shard.start + shard.rows)
            if isinstance(matrix, Unopened):
                matrices.append(matrix.held_to(contents[own], usable[own]))
            elif isinstance(matrix, MemoryMatrix | Held):
                matrices.append(matrix)
            else:
                label = shard.name if shard.part is None else shard.part.label
                matrices.append(Held(matrix=matrix, label=label, contents=contents[own], usable=usable[own]))
        return replace(self, matrices=tuple(matrices))

    def map(self, task: Callable[[Embeddings, A], R], jobs: Iterable[tuple[Band, A]]) -> Iterator[R]:
        """Yield what a task, a function of a module, finds in the rows of each band, in order."""
        return self.engine.run(task, self, jobs)

    def each(self, task: Callable[[Embeddings, None], R], bands: Sequence[Band]) -> Iterator[R]:
        """Yield what a task that needs nothing else finds in each band."""
        return self.map(task, ((band, None) for band in bands))

    @property
    def _distant(self) -> bool:
        """Whether rows are read by others."""
        return self.engine is not HERE and any(isinstance(matrix, Unopened) for matrix in self.matrices)

    def _bounded(self, max_bytes: int) -> int:
        return max_bytes if self.max_memory is None else min(max_bytes, self.max_memory // 4)

    def _given(self, values: Array, rows: range | npt.NDArray[np.int64]) -> Array:
        """Return rows of a shard, of these global numbers, in the common type."""
        if rounds(values.dtype, self.dtype) and (place := first_beyond(values)) is not None:
            where = f"{self.locate(int(rows[place[0]]))} column {place[1]}"
            raise beyond_error(where, int(values[place]))
        with np.errstate(invalid="ignore"):  # a nan may be a signalling one
            return values.astype(self.dtype, copy=False)

    def locate(self, row: int) -> str:
        """Return where a row is, such as ``part-2.npy row 17 (id 'abc')``; rows of a file count from 0."""
        if not 0 <= row < self.rows:
            raise IndexError(f"row numbers must be in [0, {self.rows}), got {row}")
        starts = [shard.start for shard in self.shards]
        shard = self.shards[int(np.searchsorted(starts, row, side="right")) - 1]
        named = "" if self.ids is None else f" (id {quoted(self.ids[row])})"
        return f"{shard.name} row {row - shard.start + shard.first}{named}"


def _values(part: Embeddings, _: None) -> Array:
    return np.concatenate([block.values.copy() for block in part.blocks()])


def held_texts(*embeddings: Embeddings) -> int:
    """Return the bytes that the ids and groups of the rows of some embeddings take, those that they share once."""
    ids = {id(e.ids): e.ids for e in embeddings}
    groups = {id(e.groups): e.groups for e in embeddings}
    return sum(map(text_bytes, ids.values())) + sum(map(label_bytes, groups.values()))


def concatenated(first: Embeddings, second: Embeddings) -> Embeddings:
    """Return the rows of both, those of ``second`` numbered after those of ``first``; closing it closes both.

    It has ids if both have, and the smaller ``max_memory``.

    Raises
    ------
    InputError
        The dimensions differ, or an id occurs in both.
    """
    if first.dimensions != second.dimensions:
        raise InputError(
            f"{second.name}: {second.dimensions:,} dimensions, but {first.name} has {first.dimensions:,}",
            next_step="embed both with one model",
        )
    limits = [side.max_memory for side in (first, second) if side.max_memory is not None]
    both = Embeddings(
        name=f"{first.name} + {second.name}",
        rows=first.rows + second.rows,
        dimensions=first.dimensions,
        dtype=np.result_type(first.dtype, second.dtype),
        shards=_joined_shards(first, second),
        matrices=first.matrices + second.matrices,
        version=_joined_version(first, second),
        max_memory=min(limits, default=None),
        engine=second.engine if first.engine is HERE else first.engine,
    )
    if first.ids is None or second.ids is None:
        return both
    check_ids(first.ids + second.ids, both.rows, both.locate)
    return replace(both, ids=first.ids + second.ids)


def _joined_version(first: Embeddings, second: Embeddings) -> str | None:
    versions = (first.version, second.version)
    return " + ".join(version or "local" for version in versions) if any(versions) else None


def _joined_shards(first: Embeddings, second: Embeddings) -> tuple[Shard, ...]:
    """Return the shards of both; where a file name is in both, they are called as the user called the whole."""
    same = bool({shard.name for shard in first.shards} & {shard.name for shard in second.shards})
    return tuple(
        replace(shard, name=_full_name(side, shard) if same else shard.name, start=shard.start + offset)
        for side, offset in ((first, 0), (second, first.rows))
        for shard in side.shards
    )


def _full_name(embeddings: Embeddings, shard: Shard) -> str:
    return embeddings.name if len(embeddings.shards) == 1 else f"{embeddings.name} {shard.name}"
