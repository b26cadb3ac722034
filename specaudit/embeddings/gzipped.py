"""Files packed with gzip, unpacked to a nameless temporary file within a budget."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import BinaryIO

from specaudit.embeddings.display import shown
from specaudit.embeddings.files import copy_exactly, file_size, open_file, spooling, too_large, unpacked_budget
from specaudit.embeddings.sources import Part, unpacked_suffix
from specaudit.embeddings.spools import Spooled
from specaudit.embeddings.stored import FileMatrix
from specaudit.errors import InputError


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
    return replace(matrix, spool=spool)


def _unpack(part: Part) -> BinaryIO:
    """Return a temporary file with what a packed file holds."""
    with open_file(part.path, part.label) as file, spooling(part.label) as spool:
        budget = unpacked_budget(file_size(file))
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
            raise too_large(part.label, budget)
    return spool
