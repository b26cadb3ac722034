"""Nameless temporary files as places that can be opened again."""

from __future__ import annotations

import os
import weakref
from dataclasses import dataclass
from typing import BinaryIO

from specaudit.embeddings.display import shown
from specaudit.embeddings.files import Ranged, file_size
from specaudit.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True, weakref_slot=True)
class Spooled:
    """An open temporary file as a place that can be opened."""

    file: BinaryIO
    version: object = None

    def __post_init__(self) -> None:
        """Give the file back with the place at the latest."""
        weakref.finalize(self, self.file.close)

    def open(self, label: str) -> Ranged:
        """Return the file, with a position of its own."""
        if file_size(self.file) == 0:
            raise InputError(f"{shown(label)}: the file is empty", next_step="write the file again")
        return _View(self.file, self.version)


class _View(Ranged):
    """What is in an open temporary file; closing the view leaves the file open."""

    def __init__(self, file: BinaryIO, version: object) -> None:
        super().__init__(file_size(file), version)
        self.file = file

    def read_range(self, into: memoryview, position: int) -> int:
        """Fill ``into`` from ``position`` on."""
        if hasattr(os, "preadv"):
            return os.preadv(self.file.fileno(), [into], position)
        self.file.seek(position)
        data = self.file.read(len(into))
        into[: len(data)] = data
        return len(data)
