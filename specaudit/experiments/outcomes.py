"""What one run gives beside that of uniform sampling and that of the oracle, all of the same task."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from specaudit.experiments.slopes import Estimate, estimated
from specaudit.experiments.tracks import Curve, Track, tail_exponent
from specaudit.learning.modes import Modes

RATIOS = ("speed_up", "best_loss", "loss_ratio")
"""Positive outcomes whose logarithms are averaged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Of one run; None where it cannot be told.

    Attributes
    ----------
    frontier_slope, capacity_slope
        d ln / d ln t of k* and of N, while each is in the window; no slope of a frontier that loses modes again.
    frontier_gain, capacity_gain, frontier_late, capacity_late
        Over the uniform run: on the window, and in the later half of that time.
    loss_slope, loss_gain
        Of the held-out loss while the uniform run's frontier is in the window, and over the uniform run.
    speed_up
        Time of the uniform run to the target capacity over that of this run.
    phi
        The share of the oracle's saving in time, in logarithms.
    best_loss, loss_ratio
        The lowest held-out loss, and over that of the uniform run.
    coherence
        The lowest D of the run.
    on_noise
        The largest share of weight on rows of label noise.
    decades
        Powers of ten that the frontier goes in the window.
    local_exponent
        b of the eigenvalues over what the uniform run saw of it.
    """

    frontier_slope: float | None
    frontier_gain: float | None
    capacity_slope: float | None
    capacity_gain: float | None
    frontier_late: float | None
    capacity_late: float | None
    loss_slope: float | None
    loss_gain: float | None
    speed_up: float | None
    phi: float | None
    best_loss: float
    loss_ratio: float
    coherence: float | None
    on_noise: float | None
    decades: float
    local_exponent: float | None


def outcome(
    track: Track, uniform: Track, oracle: Track | None, modes: Modes, window: tuple[float, float], target: float
) -> Outcome:
    """Return what a run gives.

    Parameters
    ----------
    oracle
        None where there is none, of a network say.
    target
        Capacity of the speed-up.
    """

    def gain(curve: Curve, *, late: bool = False) -> float | None:
        own, reference = (one.slope(curve, window, late=late) for one in (track, uniform))
        return None if own is None or reference is None else own - reference

    times = uniform.within(window)
    own, reference = track.reached(target), uniform.reached(target)
    ideal = None if oracle is None else oracle.reached(target)
    speed_up = None if own is None or reference is None else reference / own
    loss = None if times is None else track.loss_slope(times)
    return Outcome(
        frontier_slope=track.slope("frontier", window),
        frontier_gain=gain("frontier"),
        frontier_late=gain("frontier", late=True),
        capacity_slope=track.slope("capacity", window),
        capacity_gain=gain("capacity"),
        capacity_late=gain("capacity", late=True),
        loss_slope=loss,
        loss_gain=None if loss is None or times is None else loss - uniform.loss_slope(times),
        speed_up=speed_up,
        phi=_phi(speed_up, reference, ideal),
        best_loss=track.best,
        loss_ratio=track.best / uniform.best,
        coherence=track.lowest_coherence,
        on_noise=track.most_on_noise,
        decades=track.decades(window),
        local_exponent=tail_exponent(modes, uniform, window),
    )


def estimates(outcomes: list[Outcome], shared: float) -> dict[str, Estimate | None]:
    """Return the mean and interval of each outcome over runs; None of one that no run has."""
    found: dict[str, Estimate | None] = {}
    for each in fields(Outcome):
        values = np.array([value for one in outcomes if (value := getattr(one, each.name)) is not None])
        if not len(values):
            found[each.name] = None
        elif each.name in RATIOS:
            found[each.name] = estimated(np.log(values), shared).exponential
        else:
            found[each.name] = estimated(values, shared)
    return found


def _phi(speed_up: float | None, reference: float | None, ideal: float | None) -> float | None:
    if speed_up is None or reference is None or ideal is None or ideal >= reference:
        return None
    return float(np.log(speed_up) / np.log(reference / ideal))
