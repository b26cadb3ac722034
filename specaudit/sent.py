"""What is sent to a worker and what comes back: files by names that hold there, rows that no file holds, refusals."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from specaudit.embeddings import Embeddings
from specaudit.embeddings.display import shown
from specaudit.embeddings.matrices import Matrix, MemoryMatrix
from specaudit.embeddings.sources import Part
from specaudit.embeddings.unopened import Unopened
from specaudit.errors import InputError

LACKS = ("no such file", "no such directory", "permission denied")
"""What a worker says of a file that it cannot reach."""
PIECE = 32 << 20
"""Bytes of a message with a part of a shared array."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a task could not run, which is no reason to try it again."""

    problem: str
    next_step: str


def files(arguments: Iterable[Any]) -> Iterator[Part]:
    """Yield the files of this machine that a call with these arguments reads."""
    for argument in arguments:
        found = [argument] if isinstance(argument, Part) else []
        if isinstance(argument, Embeddings):
            found = [matrix.part for matrix in argument.matrices if isinstance(matrix, Unopened)]
        yield from (part for part in found if isinstance(part.path, Path))


def refused(refusal: Refusal, read: Iterable[Part]) -> InputError:
    """Return why a task could not run; where only a worker lacks a file, what to do about that."""
    for part in read:
        lacks = any(f"{shown(part.label)}: {what}" in refusal.problem for what in LACKS)
        if lacks and os.access(str(part.path), os.R_OK):
            return InputError(
                f"{refusal.problem} (on a worker)",
                next_step="put it where the workers see it under the same path (shared storage), or name it by a URL",
            )
    return InputError(refusal.problem, next_step=refusal.next_step)


def absolute(part: Part) -> Part:
    """Return the part under a name that holds in any working directory."""
    return replace(part, path=part.path.absolute()) if isinstance(part.path, Path) else part


def portable(part: Embeddings) -> Embeddings:
    """Return the rows of a band as they can be sent: those that no file holds by their values."""
    matrices: list[Matrix] = []
    for matrix in part.matrices:
        if isinstance(matrix, Unopened) and not matrix.keeps(slice(0, matrix.rows)):
            matrices.append(replace(matrix, part=absolute(matrix.part), kept=None))
        else:
            values = np.concatenate([block.copy() for block in matrix.blocks(PIECE)])
            matrices.append(MemoryMatrix(values=values))
    shards = tuple(replace(shard, part=None, options=None) for shard in part.shards)
    return replace(part, matrices=tuple(matrices), shards=shards)
