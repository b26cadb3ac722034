"""Files packed with gzip, unpacked to a nameless temporary file within a budget."""

from __future__ import annotations

import gzip
import io
import os
import weakref
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import BinaryIO

from specaudit.embeddings.display import shown
from specaudit.embeddings.files import Ranged, copy_exactly, file_size, open_file, spooling
from specaudit.embeddings.sources import Part, unpacked_suffix
from specaudit.embeddings.stored import FileMatrix
from specaudit.errors import InputError

LARGEST_RATIO = 100  # numbers pack to a tenth at best; a file made to fill the disk packs to a thousandth
ALWAYS_ALLOWED = 64 << 20  # bytes


def read_packed(part: Part, read: Callable[[Part], FileMatrix]) -> FileMatrix:
    """Return the matrix that ``read`` finds in the unpacked file.

    Raises
    ------
    InputError
        The file is damaged, or unpacks to more than ``LARGEST_RATIO`` times its size; as ``read`` does.
    """
    spool = _unpack(part)
    try:
        matrix = read(replace(part, path=Spooled(file=spool), suffix=unpacked_suffix(part.suffix)))
        if matrix.spool is not None:  # parsed text, in a temporary file of its own
            spool.close()
            return matrix
    except BaseException:
        spool.close()
        raise
    found = replace(matrix, spool=spool)
    weakref.finalize(found, spool.close)
    return found


def _unpack(part: Part) -> BinaryIO:
    """Return a temporary file with what a packed file holds."""
    with open_file(part.path, part.label) as file, spooling(part.label) as spool:
        budget = max(ALWAYS_ALLOWED, LARGEST_RATIO * file_size(file))
        try:
            with gzip.GzipFile(fileobj=io.BufferedReader(file)) as stream:
                copy_exactly(stream.read, spool, budget)
                left = stream.read(1)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise InputError(
                f"{shown(part.label)}: not a readable gzip file: {shown(error, 100)}",
                next_step="write or copy the file again",
            ) from None
        if left:
            raise InputError(
                f"{shown(part.label)}: unpacks to more than {budget:,} bytes, {LARGEST_RATIO} times its size",
                next_step="unpack it yourself if you trust it",
            )
    return spool


@dataclass(frozen=True, slots=True, kw_only=True)
class Spooled:
    """An open temporary file as a place that can be opened."""

    file: BinaryIO

    def open(self, label: str) -> Ranged:
        """Return the file, with a position of its own."""
        if file_size(self.file) == 0:
            raise InputError(f"{shown(label)}: the file is empty", next_step="write the file again")
        return _View(self.file)


class _View(Ranged):
    """What is in an open temporary file; closing the view leaves the file open."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file_size(file), None)
        self.file = file

    def read_range(self, into: memoryview, position: int) -> int:
        """Fill ``into`` from ``position`` on."""
        if hasattr(os, "preadv"):
            return os.preadv(self.file.fileno(), [into], position)
        self.file.seek(position)
        data = self.file.read(len(into))
        into[: len(data)] = data
        return len(data)
