"""How a long run tells how far it is: one small reporter, handed in by the caller."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Stage(Protocol):
    """A stage that is under way."""

    def update(self, fraction: float) -> None:
        """Say which share of the stage is done, from 0 to 1."""


class Progress(Protocol):
    """Told what is to come, and when a stage begins and ends; stages may nest."""

    def expect(self, stages: Sequence[tuple[str, float]]) -> None:
        """Say which stages are to come, each with its expected seconds."""

    def stage(self, name: str) -> AbstractContextManager[Stage]:
        """Return the context in which the stage called ``name`` runs."""


class SilentProgress:
    """A reporter that says nothing."""

    def expect(self, stages: Sequence[tuple[str, float]]) -> None:
        """Say nothing."""

    @contextmanager
    def stage(self, name: str) -> Iterator[Stage]:
        """Yield a stage whose updates go nowhere."""
        yield _SilentStage()


class _SilentStage:
    def update(self, fraction: float) -> None:
        pass
