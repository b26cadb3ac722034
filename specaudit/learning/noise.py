"""The mode at which the reference's spectrum meets its floor, where labels say no more than noise does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from specaudit.kernels import FloatArray
from specaudit.learning.shares import Bins

NEAR = 2.0
"""Energy of a bin's modes over the floor's, below which a bin is at the floor: half or more of it is noise."""
FLAT = 1.25
"""The same of the last octave of the modes, above which the spectrum still falls and has no floor yet."""
FEWEST = 16
"""Modes outside of the leading ones below which they make no floor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseFloor:
    """Where noise begins.

    Attributes
    ----------
    rank
        k_noise; None where the spectrum has not met a floor.
    floor
        Energy per mode outside of the leading modes, as a share of all energy; None where they are too few.
    share
        Energy of the floor in all modes, as a share of all: of noise, or of what the kernel does not see.
    """

    rank: float | None
    floor: float | None
    share: float | None


def noise_floor(energies: FloatArray, total: float, rows: int) -> NoiseFloor:
    """Return the floor under the reference's energies (m,) in the leading modes, of a total energy in n `rows`."""
    count = len(energies)
    outside = rows - count
    left = total - float(energies.sum())
    if outside < FEWEST or total <= 0 or left <= 1e-9 * total:
        return NoiseFloor(rank=None, floor=None, share=None)
    floor = left / outside
    flat = float(energies[count // 2 :].mean()) <= FLAT * floor
    bins = Bins.of(count)
    above = np.flatnonzero(bins.sums(energies) / bins.sizes >= NEAR * floor)
    first = int(above[-1]) + 1 if len(above) else 0
    met = flat and first < len(bins.ranks)
    return NoiseFloor(
        rank=float(bins.starts[first] + 1) if met else None,
        floor=floor / total,
        share=min(floor * rows / total, 1.0) if met else None,
    )
