"""How fast this machine is: assumed, or measured in a moment by what a run does most, dense products and scanning."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Self

import numpy as np

from specaudit.embeddings import Embeddings
from specaudit.errors import InputError
from specaudit.scan import find_all

SPEED = 40e9
"""Floating-point operations per second and core of a dense float32 product, where nothing was measured."""
SCANNED = 1e9
"""Bytes per second and process of a scan, where nothing was measured."""
STARTING = 4.0
"""Seconds in which processes of a local cluster are there."""
PRODUCT = 1024
REPEATS = 3
PROBED = 32 << 20
"""Bytes of rows that are scanned to measure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What is done in a second.

    Attributes
    ----------
    operations
        Floating-point operations of this process.
    scanned
        Bytes that one process scans.
    threads
        Cores of this process.
    workers
        Threads of the cluster that passes over the rows, each as fast as a core of this process; None without one.
    """

    operations: float
    scanned: float
    threads: int
    workers: int | None = None

    @classmethod
    def assumed(cls, threads: int, workers: int | None = None) -> Self:
        """Return the pace of a machine that is not known."""
        return cls(operations=SPEED * threads, scanned=SCANNED, threads=threads, workers=workers)

    @classmethod
    def measured(cls, embeddings: Embeddings, threads: int, workers: int | None = None) -> Self:
        """Return the pace of this machine: the best of three products, and a scan of the first rows."""
        matrix = np.random.default_rng(0).standard_normal((PRODUCT, PRODUCT), np.float32)
        best = min(_seconds_of_product(matrix) for _ in range(REPEATS))
        return cls(operations=2.0 * PRODUCT**3 / best, scanned=_scanned(embeddings), threads=threads, workers=workers)

    @property
    def starting(self) -> float:
        """Seconds until a cluster is there."""
        return 0.0 if self.workers is None else STARTING

    def scan(self, size: int) -> float:
        """Return the seconds of a scan of so many bytes."""
        return size / (self.scanned * (self.workers or 1))

    def rows(self, operations: float) -> float:
        """Return the seconds of so many operations in a pass over rows, wherever that is."""
        return operations / (
            self.operations if self.workers is None else self.operations * self.workers / self.threads
        )


def _seconds_of_product(matrix: np.ndarray) -> float:
    begun = time.perf_counter()
    matrix @ matrix
    return time.perf_counter() - begun


def _scanned(embeddings: Embeddings) -> float:
    """Return the bytes a second of a scan of the first rows; what is assumed where they cannot be read here."""
    if embeddings.findings is not None:
        return SCANNED
    part = embeddings.band(embeddings.bands(most=PROBED)[0])
    begun = time.perf_counter()
    try:
        find_all(part)
    except InputError:  # the run will say so
        return SCANNED
    return part.rows * part.dimensions * part.dtype.itemsize / (time.perf_counter() - begun)
