"""The oracle in mode space on given rows: no weight on learned modes, all of the trace on the others.

No sampler of rows can do that unless modes are local; it is the reference for what could be gained.
"""

from __future__ import annotations

import numpy as np

from specaudit.dynamics import SUPPRESSIONS, Degradation, Scheme, measured
from specaudit.dynamics.frontier import contiguous
from specaudit.dynamics.policies import Moment, Oracle
from specaudit.experiments.tracks import Track, read_modes
from specaudit.kernels import FloatArray
from specaudit.learning.modes import Modes
from specaudit.learning.shares import Bins

STEPS = 20
"""Looks at the frontier for each time that is told."""
FITTED = (3.0, 1 / 8)
"""First rank, and share of the modes, between which the energies' exponent is fitted."""
FLATTEST, STEEPEST = 1.05, 4.0


def oracle_track(
    modes: Modes,
    across: FloatArray,
    targets: FloatArray,
    truth: FloatArray,
    times: FloatArray,
    *,
    suppress: str,
) -> Track:
    """Return the run of an oracle that sees its frontier exactly.

    Parameters
    ----------
    modes
        All modes of K/n.
    across
        (m, n) kernel values of held-out rows with the training rows, divided by n.
    targets, truth
        (n, outputs) and (m, outputs).
    times
        (T,) ascending.
    suppress
        A key of `SUPPRESSIONS`: whether learned modes are left at 1/e or learned ever deeper.
    """
    inside = modes.vectors.T @ targets
    energies = (inside**2).sum(axis=1)
    progress = oracle_progress(modes.values, times, suppress=suppress, source=source_exponent(energies))
    learned = -np.expm1(-progress) / modes.values
    held = across @ (modes.vectors @ (learned[:, :, None] * inside))
    left = energies * np.exp(-2 * np.vstack([np.zeros(modes.count), progress]))
    frontier, capacity = read_modes(modes, left)
    loss = ((held - truth) ** 2).sum(axis=(1, 2)) / (truth**2).sum()
    return Track(times=times, frontier=frontier, capacity=capacity, loss=loss)


def oracle_progress(values: FloatArray, times: FloatArray, *, suppress: str, source: float) -> FloatArray:
    """Return -ln|c/c(0)| (T, m) of modes of eigenvalues (m,) at times (T,), of an oracle that keeps their trace."""
    modes = measured(values, float(values.sum()))
    scheme = Scheme(policy="oracle", suppress=suppress, source=source)
    oracle = Oracle(modes, Degradation(), scheme.bounds, seed=0)
    clock = np.append(0.0, np.exp(np.interp(np.arange(1, STEPS * len(times) + 1) / STEPS, *_logs(times))))
    thresholds = [SUPPRESSIONS[suppress](float(values[0]) * now, source) for now in clock]
    progress, seen = np.zeros(len(values)), []
    for number, step in enumerate(np.diff(clock)):
        known = contiguous(modes, progress, thresholds[number])
        moment = Moment(
            modes=modes,
            estimate=known,
            progress=progress,
            threshold=thresholds[number],
            following=thresholds[number + 1],
            step=float(step),
        )
        progress = progress + values * oracle.at(moment).values * step
        if (number + 1) % STEPS == 0:
            seen.append(progress)
    return np.array(seen)


def source_exponent(energies: FloatArray) -> float:
    """Return a of energies (m,) that fall as k^-a, within what an oracle can use."""
    bins = Bins.of(len(energies))
    used = (bins.ranks >= FITTED[0]) & (bins.ranks <= max(FITTED[1] * len(energies), 4 * FITTED[0]))
    means = bins.sums(energies)[used] / bins.sizes[used]
    if used.sum() < 2 or not (means > 0).all():
        return FLATTEST
    return float(np.clip(-np.polyfit(np.log(bins.ranks[used]), np.log(means), 1)[0], FLATTEST, STEEPEST))


def _logs(times: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return places 0, 1, ..., T and ln t there; the first stretch begins a hundredth of the first time."""
    return np.arange(len(times) + 1.0), np.log(np.append(times[0] / 100, times))
