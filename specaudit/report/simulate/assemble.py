"""From a simulation to its document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from specaudit import documents as doc
from specaudit.dynamics import ClosedForm, Flow, Growth, Law, Recovery, Scheme, Simulation
from specaudit.dynamics.growth import growth
from specaudit.errors import ExitCode
from specaudit.kernels import FloatArray
from specaudit.version import ESTIMATOR_VERSION

POINTS, RANKS, SNAPSHOTS = 160, 80, 4
"""Points of a curve, of a spectrum, and spectra."""
EXIT_CODES: Mapping[doc.SimulationVerdict, ExitCode] = {
    "accelerated": ExitCode.PASS,
    "transient": ExitCode.FAIL,
    "none": ExitCode.FAIL,
    "jammed": ExitCode.FAIL,
    "inconclusive": ExitCode.INCONCLUSIVE,
    "not-applicable": ExitCode.INCONCLUSIVE,
}
"""Verdict -> exit code under --gate."""


def simulation_document(
    found: Simulation,
    *,
    source: str | None,
    kernel: str | None,
    command: str,
    environment: doc.Environment,
    warnings: Sequence[doc.Warning_],
) -> doc.Simulation:
    """Return the document of a simulation of an exact power law, or of the fit `source` under a kernel."""
    modes, judged = found.modes, found.acceleration
    acceleration = None
    if judged.value is not None and judged.low is not None and judged.high is not None:
        acceleration = doc.SimulatedAcceleration(value=judged.value, low=judged.low, high=judged.high)
    return doc.Simulation(
        verdict=judged.verdict,
        reason=judged.reason,
        exit_code=EXIT_CODES[judged.verdict],
        spectrum=doc.SimulatedSpectrum(
            source=source,
            kernel=kernel,
            exponent=modes.exponent,
            tail="exact" if source is None else "none" if modes.exponent is None else "fitted",
            modes=modes.size,
            measured=modes.measured,
            trace=modes.trace,
            rest=modes.rest,
        ),
        scheme=_scheme(found.scheme),
        measure=found.measure,
        window=found.window,
        window_times=None if found.slope is None else found.slope.times,
        local_exponent=_slope(found.local),
        slope=_slope(found.slope),
        static_slope=_slope(growth(found.static.time, getattr(found.static, found.measure), found.window)),
        furthest_slope=_slope(found.slopes["furthest"]),
        capacity_slope=_slope(found.slopes["capacity"]),
        loss_slope=_slope(found.loss),
        constant=found.constant,
        predicted=doc.SimulatedPrediction(**{name: _law(law) for name, law in found.predicted.items()}),
        acceleration=acceleration,
        recovery=tuple(_recovery(one) for one in found.recovery),
        knee=found.knee,
        budget=_budget(found),
        complete=found.complete,
        run=_curve(found.run, found.form),
        static=_curve(found.static),
        oracle=_curve(found.oracle),
        snapshots=_snapshots(found),
        reproduce=doc.SpanReproduce(command=command, seed=found.scheme.seed, estimator=ESTIMATOR_VERSION),
        environment=environment,
        warnings=tuple(warnings),
    )


def _scheme(scheme: Scheme) -> doc.SimulatedScheme:
    of, refresh = scheme.degradation, scheme.degradation.refresh
    return doc.SimulatedScheme(
        policy=scheme.policy,
        source_exponent=scheme.source,
        suppress=scheme.suppress,  # type: ignore[arg-type]
        rho=scheme.rho,
        momentum=scheme.momentum,
        lag=of.lag,
        lag_power=of.lag_power,
        over=of.over,
        noise=of.noise,
        delay=of.delay,
        refresh=None if refresh is None else f"{refresh.kind}:{refresh.step:g}",
        cap=of.cap if np.isfinite(of.cap) else None,
        floor=of.floor,
        low=scheme.bounds.low,
        high=scheme.bounds.high,
        pattern=scheme.bounds.pattern,
    )


def _slope(found: Growth | None) -> doc.SimulatedSlope | None:
    if found is None:
        return None
    return doc.SimulatedSlope(value=found.value, low=found.low, high=found.high, parts=found.parts)


def _law(law: Law | None) -> doc.SimulatedLaw | None:
    return None if law is None else doc.SimulatedLaw(law=law.name, value=law.value)


def _recovery(found: Recovery) -> doc.SimulatedRecovery:
    return doc.SimulatedRecovery(
        target=found.target, phi=found.phi, time=found.time, static=found.static, oracle=found.oracle
    )


def _budget(found: Simulation) -> doc.SimulatedBudget | None:
    if found.scheme.momentum is not None:
        return None
    share = float(np.max((found.run.frontier - 1) / found.run.spent))
    return doc.SimulatedBudget(spent=float(found.run.spent[-1]), largest_share=max(share, 0.0), holds=share <= 1)


def _curve(run: Flow, form: ClosedForm | None = None) -> doc.SimulatedCurve:
    at = np.unique(np.linspace(0, len(run.time) - 1, POINTS).astype(int))
    time = run.time[at]
    return doc.SimulatedCurve(
        time=_floats(time),
        frontier=_floats(run.frontier[at]),
        furthest=_floats(run.furthest[at]),
        capacity=_floats(run.capacity[at]),
        loss=_floats(run.loss[at]),
        spent=_floats(run.spent[at]),
        largest=_floats(run.largest[at]),
        predicted=None if form is None else _floats(form.line(time)),
    )


def _snapshots(found: Simulation) -> tuple[doc.SimulatedSnapshot, ...]:
    """Return spectra at the start, at the window's ends and between; of a run without a window over all of it."""
    kept = found.run.snapshots
    first, last = (kept[0].time, kept[-1].time) if found.slope is None else found.slope.times
    wanted = [kept[0].time, *np.geomspace(first, last, SNAPSHOTS - 1)]
    times = np.array([snapshot.time for snapshot in kept])
    chosen = sorted({int(np.argmin(np.abs(np.log(times / time)))) for time in wanted})
    ranks = found.modes.ranks
    places = np.searchsorted(ranks, np.geomspace(1, ranks[-1], RANKS))
    at = np.unique(np.minimum(places, len(ranks) - 1))
    return tuple(
        doc.SimulatedSnapshot(time=kept[one].time, rank=_floats(ranks[at]), eigenvalue=_floats(kept[one].values[at]))
        for one in chosen
    )


def _floats(values: FloatArray) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
