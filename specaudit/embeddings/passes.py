"""A pass over all rows: what a task finds in each band of them, here or wherever an engine sends it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy.typing as npt

from specaudit.embeddings.formats import open_part
from specaudit.embeddings.matrices import Matrix
from specaudit.embeddings.options import Options
from specaudit.embeddings.sources import Part
from specaudit.embeddings.texts import TextMeter

if TYPE_CHECKING:
    from specaudit.embeddings.core import Embeddings

A = TypeVar("A")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Consecutive rows, from ``start`` to before ``stop``."""

    start: int
    stop: int

    @property
    def rows(self) -> slice:
        """The rows of the band among all."""
        return slice(self.start, self.stop)


class Engine(Protocol):
    """What opens files and works on bands of rows. A task is a function of a module, for it may be sent away."""

    @property
    def width(self) -> int:
        """How many tasks run at once."""

    @property
    def run_name(self) -> str | None:
        """Under which workers keep files open until the run ends; None where each source has its own."""

    def open(self, parts: Sequence[Part], options: Sequence[Options]) -> list[Matrix]:
        """Return the matrix of each part.

        Raises
        ------
        InputError
            A part cannot be read: its name and what is wrong with it.
        """

    def run(
        self, task: Callable[[Embeddings, A], R], embeddings: Embeddings, jobs: Iterable[tuple[Band, A]]
    ) -> Iterator[R]:
        """Yield what the task finds in the rows of each band, in order; jobs are taken as they are needed."""

    def spread(
        self, task: Callable[[npt.NDArray[Any], A], R], shared: npt.NDArray[Any], jobs: Sequence[A]
    ) -> list[R]:
        """Return what the task finds for each job in an array that all share."""


@dataclass(frozen=True, slots=True)
class Here:
    """This process, one band after the other."""

    width: int = 1
    run_name: None = None

    def open(self, parts: Sequence[Part], options: Sequence[Options]) -> list[Matrix]:
        """Return the matrix of each part; where one cannot be read, the others are closed."""
        matrices: list[Matrix] = []
        meter = TextMeter(f"{len(parts)} shards", "ids", options[0].max_memory if options else None)
        try:
            for part, use in zip(parts, options, strict=True):
                matrices.append(open_part(part, use))
                meter.taken(matrices[-1].ids or ())
        except BaseException:
            for matrix in matrices:
                matrix.close()
            raise
        return matrices

    def run(
        self, task: Callable[[Embeddings, A], R], embeddings: Embeddings, jobs: Iterable[tuple[Band, A]]
    ) -> Iterator[R]:
        """Yield what the task finds in the rows of each band, in order."""
        for band, argument in jobs:
            yield task(embeddings.band(band), argument)

    def spread(
        self, task: Callable[[npt.NDArray[Any], A], R], shared: npt.NDArray[Any], jobs: Sequence[A]
    ) -> list[R]:
        """Return what the task finds for each job in an array that all share."""
        return [task(shared, job) for job in jobs]


HERE = Here()
