"""What a run would take, as it is told before it starts."""

from __future__ import annotations

from dataclasses import dataclass

SPREAD = (0.3, 3.0)
"""Most runs take between these multiples of the expected time: benchmarks/results/workers.md."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run would take.

    Attributes
    ----------
    rows, dimensions, bytes
        Shape of the data and bytes to read.
    peak_memory
        Bytes.
    stages
        Expected seconds of each stage.
    worker_memory
        Bytes that each thread of a cluster needs; None without one.
    held
        Bytes of ids, which are in memory already and stay; a part of the peak.
    """

    rows: int
    dimensions: int
    bytes: int
    peak_memory: int
    stages: tuple[tuple[str, float], ...]
    worker_memory: int | None = None
    held: int = 0

    @property
    def seconds(self) -> tuple[float, float]:
        """Between which the time is expected."""
        total = sum(seconds for _, seconds in self.stages)
        return SPREAD[0] * total, SPREAD[1] * total
