"""A run beside those of static weights and of an ideal oracle: slopes, what theory predicts, what is gained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from specaudit.dynamics.acceleration import HARMONIC, Acceleration, Recovery, accelerated, recovered
from specaudit.dynamics.closed_forms import ClosedForm, closed_form, knee, loss_slope
from specaudit.dynamics.flow import HORIZON, STEP, Flow, flow
from specaudit.dynamics.growth import Growth, between, growth, local_exponent
from specaudit.dynamics.modes import Modes
from specaudit.dynamics.scheme import Scheme
from specaudit.kernels import FloatArray

Measure = Literal["frontier", "capacity"]

WINDOW = (30.0, 3e4)
"""Of the frontier, for slopes."""
WINDOW_CAPACITY = (300.0, 3e4)
"""Of the capacity, by which bounded weights are judged: past their ramp."""
SHARE = 0.5
"""Part of the modes that are followed at which a window ends, at most."""
WIDTH, LEAST = 12.0, 5.0
"""Factor from one end to the other of a window that few modes shorten, and where it begins at the least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """What a closed form gives on the window."""

    name: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """A run and what is to be said of it.

    Attributes
    ----------
    run, static, oracle
        The scheme, weights 1, and an oracle that nothing degrades.
    measure, window
        By which curve of the run it is judged, and between which values.
    slopes
        Of frontier, furthest and capacity, each on the window; None where the curve is not there.
    loss
        Slope of the loss over the same time as that of the measure.
    local
        Local exponent of the eigenvalues on the window.
    constant
        Mean of k* / (Tr u) on the window.
    form
        The law of the frontier, of which `predicted` holds slope and constant on the window, and the loss's slope.
    """

    modes: Modes = field(repr=False)
    scheme: Scheme
    run: Flow = field(repr=False)
    static: Flow = field(repr=False)
    oracle: Flow = field(repr=False)
    measure: Measure
    window: tuple[float, float]
    slopes: dict[str, Growth | None]
    loss: Growth | None
    local: Growth | None
    constant: float | None
    form: ClosedForm | None
    predicted: dict[str, Law | None]
    knee: float | None
    acceleration: Acceleration
    recovery: tuple[Recovery, ...]

    @property
    def slope(self) -> Growth | None:
        """The slope by which the run is judged."""
        return self.slopes[self.measure]

    @property
    def complete(self) -> float | None:
        """When all modes that are followed are learned; None if they are not by the end."""
        return self.run.reached(self.modes.size)


def simulate(
    modes: Modes,
    scheme: Scheme,
    *,
    step: float = STEP,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Simulation:
    """Return the run of a scheme on a spectrum, and what is to be said of it; `step` is that of `flow`."""
    measure: Measure = "capacity" if scheme.policy == "bounded" else "frontier"
    window = _window(modes, WINDOW_CAPACITY if measure == "capacity" else WINDOW)
    horizon = HORIZON if modes.exponent is not None else window[1]
    run = flow(modes, scheme, horizon=horizon, step=step, progress=lambda done: progress(done / 2))
    static, oracle = (flow(modes, each, horizon=horizon, step=step) for each in (scheme.static, scheme.ideal))
    slopes = {name: growth(run.time, getattr(run, name), window) for name in ("frontier", "furthest", "capacity")}
    found, local = slopes[measure], local_exponent(modes, window)
    targets = tuple(float(target) for target in np.geomspace(*window, 3))
    cap = knee(modes, scheme)
    return Simulation(
        modes=modes,
        scheme=scheme,
        run=run,
        static=static,
        oracle=oracle,
        measure=measure,
        window=window,
        slopes=slopes,
        loss=between(run.time, run.loss, found.times) if found else None,
        local=local,
        constant=_mean(run, run.frontier / (modes.trace * run.clock), slopes["frontier"]),
        form=(form := closed_form(modes, scheme)),
        predicted=_predicted(modes, scheme, run, form, slopes["frontier"]),
        knee=cap,
        acceleration=accelerated(
            run,
            found,
            growth(static.time, getattr(static, measure), window),
            local,
            speed=scheme.speed,
            ending=_ending(modes, scheme, run, cap),
            can_jam=scheme.policy == "oracle" and not scheme.degradation.floor,
        ),
        recovery=() if local is None or local.value <= HARMONIC else recovered(run, static, oracle, targets, measure),
    )


def _window(modes: Modes, usual: tuple[float, float]) -> tuple[float, float]:
    high = min(usual[1], SHARE * modes.size)
    return max(min(usual[0], high / WIDTH), LEAST), high


def _ending(modes: Modes, scheme: Scheme, run: Flow, bend: float | None) -> str | None:
    """Return how a cap ends a gain: sooner or later on a power law, on other spectra if it is reached."""
    cap = scheme.degradation.cap
    if not np.isfinite(cap) or (modes.exponent is None and run.largest.max() < cap):
        return None
    return f"past mode {bend:,.0f} the cap leaves the exponent of static weights" if bend else "the cap ends the gain"


def _mean(run: Flow, values: FloatArray, on: Growth | None) -> float | None:
    """Return the mean of positive values (T,) over a window, uniform in ln t."""
    if on is None:
        return None
    inside = (run.time >= on.times[0]) & (run.time <= on.times[1])
    return float(np.exp(np.mean(np.log(values[inside]))))


def _predicted(
    modes: Modes, scheme: Scheme, run: Flow, form: ClosedForm | None, on: Growth | None
) -> dict[str, Law | None]:
    """Return what the laws give over the times of the window."""
    laws: dict[str, Law | None] = {"slope": None, "constant": None, "loss_slope": None}
    if on is None:
        return laws
    if form is not None:
        line = form.line(run.time)
        constant = _mean(run, line / (modes.trace * run.clock), on)
        laws["slope"] = Law(name=form.name, value=between(run.time, line, on.times).value)
        if constant is not None and scheme.policy != "bounded" and scheme.momentum is None:
            laws["constant"] = Law(name=form.name, value=constant)
    loss = loss_slope(modes, scheme)
    if loss is not None:
        laws["loss_slope"] = Law(name=loss.name, value=between(run.time, loss.line(run.time), on.times).value)
    return laws
