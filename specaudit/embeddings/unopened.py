"""A matrix in a file of which only the shape is known here: it is opened where its rows are read."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from specaudit.embeddings.display import shown
from specaudit.embeddings.formats import open_part
from specaudit.embeddings.held import same_rows
from specaudit.embeddings.matrices import Array, DType, Matrix, block_rows
from specaudit.embeddings.options import Options
from specaudit.embeddings.remote import Remote
from specaudit.embeddings.sources import Part
from specaudit.errors import InputError

Hashes = npt.NDArray[np.uint64]
Integers = npt.NDArray[np.int64]
Version = tuple[int, int] | str | None
MOST_OPEN = 32  # matrices; one of text holds a temporary file

_opened: OrderedDict[tuple[str, str, Options], Matrix] = OrderedDict()
_opening = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Copies of some rows beside what a scan found."""

    label: str  # of their file
    contents: Hashes = field(repr=False)  # (m,) ascending
    matrix: Matrix = field(repr=False)  # (m, d) in the order of their contents

    def places(self, contents: Hashes) -> Integers | None:
        """Return where the rows of these contents (k,) are kept; None unless all of them are."""
        at = np.minimum(np.searchsorted(self.contents, contents), max(0, len(self.contents) - 1))
        return at if len(self.contents) and np.array_equal(self.contents[at], contents) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unopened:
    """Rows ``start`` to ``stop`` of a matrix in a file.

    Attributes
    ----------
    whole
        Shape of the matrix.
    run
        Names the run: within it the file stays open, and may not change.
    version
        What the file was when it was first looked at.
    contents, usable
        (rows,) what a scan found in the rows, which they are held to; None where nothing is known.
    earlier
        Whether that was an earlier run's, of which there is a file.
    kept
        Copies of some rows, read in place of the file where they are enough.
    """

    part: Part
    options: Options
    whole: tuple[int, int]
    dtype: DType
    start: int = 0
    stop: int
    run: str
    version: Version = None
    ids: tuple[str, ...] | None = field(default=None, repr=False)
    groups: tuple[str, ...] | None = field(default=None, repr=False)
    contents: Hashes | None = field(default=None, repr=False)
    usable: npt.NDArray[np.bool_] | None = field(default=None, repr=False)
    earlier: bool = False
    kept: Kept | None = field(default=None, repr=False)

    @classmethod
    def of(cls, part: Part, options: Options, run: str) -> Unopened:
        """Return what is known of a part once it was opened.

        Raises
        ------
        InputError
            It cannot be read.
        """
        matrix = _open(part, options, run)
        return cls(
            part=part, options=options, whole=(matrix.rows, matrix.dimensions), dtype=matrix.dtype, stop=matrix.rows,
            run=run, version=_version(part), ids=matrix.ids, groups=matrix.groups,
        )  # fmt: skip

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.stop - self.start

    @property
    def dimensions(self) -> int:
        """Number of columns."""
        return self.whole[1]

    def clipped(self, start: int, stop: int) -> Unopened:
        """Return some of these rows, without ids and groups."""
        rows = slice(start, stop)
        return replace(
            self, start=self.start + start, stop=self.start + stop, ids=None, groups=None,
            contents=None if self.contents is None else self.contents[rows],
            usable=None if self.usable is None else self.usable[rows],
        )  # fmt: skip

    def held_to(self, contents: Hashes, usable: npt.NDArray[np.bool_]) -> Unopened:
        """Return the rows held to what this run has found in them (rows,), unless they are to an earlier one."""
        return self if self.earlier else replace(self, contents=contents, usable=usable)

    def keeps(self, rows: Integers | slice) -> bool:
        """Tell whether the usable ones of these rows are kept beside the scan."""
        return self._places(rows) is not None

    def blocks(self, max_bytes: int, start: int = 0, stop: int | None = None) -> Iterator[Array]:
        """Yield the rows from ``start`` to ``stop`` in order."""
        stop = self.rows if stop is None else stop
        if self.keeps(slice(start, stop)):
            yield from self.take(np.arange(start, stop), block_rows(max_bytes, self.dimensions * self.dtype.itemsize))
            return
        for values in self._matrix().blocks(max_bytes, self.start + start, self.start + stop):
            yield self._checked(values, slice(start, start + len(values)))
            start += len(values)

    def take(self, rows: Integers, step: int) -> Iterator[Array]:
        """Yield these rows, ``step`` at a time; those that are not usable may be anything."""
        for at in range(0, len(rows), step):
            wanted = rows[at : at + step]
            places = self._places(wanted)
            if self.kept is None or places is None:
                pieces = list(self._matrix().take(self.start + wanted, step))
                yield self._checked(pieces[0] if len(pieces) == 1 else np.concatenate(pieces), wanted)
            else:
                order = np.argsort(places, kind="stable")
                out = np.empty((len(wanted), self.dimensions), self.dtype)
                out[order] = np.concatenate(list(self.kept.matrix.take(places[order], step)))
                yield self._checked(out, wanted, self.kept)

    def close(self) -> None:
        """Give temporary files of this process back."""
        forget(self.run)

    def _places(self, rows: Integers | slice) -> Integers | None:
        """Return where the rows are kept, anywhere for those that are not usable; None unless all are."""
        if self.kept is None or self.contents is None or self.usable is None:
            return None
        usable = self.usable[rows]
        found = self.kept.places(self.contents[rows][usable])
        if found is None:
            return None
        places = np.zeros(len(usable), np.int64)
        places[usable] = found
        return places

    def _matrix(self) -> Matrix:
        try:
            matrix = _open(self.part, self.options, self.run)
        except InputError as error:
            if self.kept is None:
                raise
            raise InputError(
                f"{shown(self.kept.label)}: keeps {len(self.kept.contents):,} rows, and others are needed, but "
                f"{error.problem}",
                next_step="run where the shard can be read, or scan with --max-rows of at least its different rows",
            ) from None
        shape = (matrix.rows, matrix.dimensions)
        if shape != self.whole or matrix.dtype != self.dtype or self.version not in (None, _version(self.part)):
            raise self._changed()
        return matrix

    def _checked(self, values: Array, rows: Integers | slice, kept: Kept | None = None) -> Array:
        """Return the values, those ``kept`` beside a scan or those of the file; raise where they were not scanned."""
        if self.contents is None or self.usable is None:
            return values
        if not same_rows(values, self.contents[rows], self.usable[rows]):
            if kept is not None:
                raise InputError(
                    f"{shown(kept.label)}: damaged: a row that it keeps is not the one that was scanned",
                    next_step="copy the scan again, or scan the shard again",
                )
            raise self._changed()
        return values

    def _changed(self) -> InputError:
        when = "it was scanned" if self.earlier else "it was first read"
        step = "scan it again" if self.earlier else (
            "run again when nothing writes to it; copies on several machines need one time of change (cp -p)"
        )  # fmt: skip
        return InputError(f"{shown(self.part.label)}: changed since {when}", next_step=step)


def forget(run: str) -> None:
    """Let go of what this process has opened in a run: it closes once no thread reads it any more."""
    with _opening:
        for key in [key for key in _opened if key[0] == run]:
            del _opened[key]


def _open(part: Part, options: Options, run: str) -> Matrix:
    place = part.path if isinstance(part.path, Path) else part.label
    key = (run, f"{place}::{part.member}", options)
    with _opening:
        matrix = _opened.get(key)
        if matrix is None:
            matrix = _opened[key] = open_part(part, options)
        _opened.move_to_end(key)
        while len(_opened) > MOST_OPEN:
            _opened.popitem(last=False)
    return matrix


def _version(part: Part) -> Version:
    if isinstance(part.path, Remote):
        return part.path.version
    if not isinstance(part.path, Path) or not part.path.is_file():
        return None
    status = os.stat(part.path)
    return status.st_size, status.st_mtime_ns
