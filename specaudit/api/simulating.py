"""`simulate`: which modes a policy of weights learns, and when, on a fitted spectrum or an exact power law."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Literal

import numpy as np
from threadpoolctl import threadpool_limits

from specaudit import documents as doc
from specaudit.api.common import environment
from specaudit.budget import usable_threads
from specaudit.documents import read_document
from specaudit.dynamics import (
    MOST,
    MOTIONS,
    POLICIES,
    SUPPRESSIONS,
    Bounds,
    Degradation,
    Modes,
    Pattern,
    Refresh,
    Scheme,
    extended,
    measured,
    power_law,
)
from specaudit.dynamics import simulate as simulated
from specaudit.errors import ConfigError, InputError
from specaudit.progress import Progress, SilentProgress
from specaudit.report.assemble import EXPLORATORY
from specaudit.report.simulate.assemble import simulation_document

MODES: Mapping[str, float] = {"whiten": 1e4, "harmonic": 1e4}
"""Modes that a policy of a known horizon follows by default; others follow `MOST`."""
FEWEST = 16
"""Measured modes below which nothing is worked out."""
RANGES: Mapping[str, tuple[float, float]] = {
    "b": (0.1, 8),
    "source": (1.01, 10),
    "rho": (0.25, 4),
    "modes": (100, 1e12),
    "lag": (1, 1e6),
    "lag-power": (0, 1),
    "over": (1, 1e6),
    "noise": (0, 3),
    "delay": (0, 1e12),
    "cap": (1, 1e300),
    "floor": (0, 1e3),
    "low": (1e-6, 1e6),
    "high": (1e-6, 1e6),
    "refresh every": (0, 1e12),
    "refresh geo": (1, 1e6),
}
"""Argument -> the values that it may have, the ends among them."""
PATTERNS: Mapping[str, Pattern] = {"ramp": "ramp", "random": "random"}
REFRESHES: Mapping[str, Literal["every", "geo"]] = {"every": "every", "geo": "geo"}
OF_ORACLE = ("lag", "lag_power", "over", "noise", "delay", "refresh", "floor")
CAPPED = ("oracle", "whiten", "harmonic")


def simulate(
    fit: str | os.PathLike[str] | doc.Fit | None = None,
    *,
    b: float | None = None,
    spectrum: str | None = None,
    policy: str = "oracle",
    source: float = 1.5,
    suppress: str = "deep",
    rho: float = 1.0,
    momentum: str | None = None,
    lag: float = 1.0,
    lag_power: float = 1.0,
    over: float = 1.0,
    noise: float = 0.0,
    delay: float = 0.0,
    refresh: str | None = None,
    cap: float | None = None,
    floor: float = 0.0,
    low: float = 0.2,
    high: float = 10.0,
    pattern: str = "ramp",
    modes: float | None = None,
    seed: int = 0,
    command: str = "",
    progress: Progress | None = None,
) -> doc.Simulation:
    """Return which modes a policy of weights learns, and when, beside static weights and an ideal oracle.

    Parameters
    ----------
    fit, b
        A saved fit or baseline (or a `Fit`), or the exponent of an exact power law k^-b; one of them. The measured
        eigenvalues of a fit are followed by the fitted tail where its exponent is resolved and above 1.
    spectrum
        The kernel whose spectrum of the fit is meant; the primary by default.
    policy, suppress, momentum
        Names of `POLICIES`, `SUPPRESSIONS` and, or None, `MOTIONS` of `specaudit.dynamics`.
    source
        Coefficients have the energy k^-source at the start.
    rho
        The learning rate is rho t^(rho - 1).
    lag, lag_power, over, noise, delay, refresh, cap, floor
        How an oracle is degraded, see `Degradation`; refresh is "every:D" or "geo:R". The cap holds for whiten and
        harmonic too.
    low, high, pattern
        Of bounded weights.
    modes
        How many are followed; the horizon of whiten and harmonic.

    Raises
    ------
    InputError
        The fit cannot be read or used.
    ConfigError
        An argument cannot be used.
    """
    degradation = Degradation(
        lag=_checked("lag", lag),
        lag_power=_checked("lag-power", lag_power),
        over=_checked("over", over),
        noise=_checked("noise", noise),
        delay=_checked("delay", delay),
        refresh=_refresh(refresh),
        cap=np.inf if cap is None else _checked("cap", cap),
        floor=_checked("floor", floor),
    )
    scheme = Scheme(
        policy=_known("policy", policy, POLICIES),
        source=_checked("source", source),
        rho=_checked("rho", rho),
        momentum=None if momentum is None else _known("momentum", momentum, MOTIONS),
        degradation=degradation,
        bounds=Bounds(
            low=_checked("low", low),
            high=_checked("high", high),
            pattern=PATTERNS[_known("pattern", pattern, PATTERNS)],
        ),
        suppress=_known("suppress", suppress, SUPPRESSIONS),
        seed=seed,
    )
    _check(scheme)
    count = MODES.get(policy, MOST) if modes is None else _checked("modes", modes)
    if (fit is None) == (b is None):
        raise ConfigError(
            "expected a fit or --b, " + ("got neither" if b is None else "got both"),
            next_step="for example specaudit simulate --b 2, or specaudit simulate fit.json",
        )
    name, kernel = None, None
    warnings: list[doc.Warning_] = []
    if b is not None:
        if spectrum is not None:
            raise ConfigError("--spectrum names a kernel of a fit", next_step="drop it, or name a fit")
        known = power_law(_checked("b", b), round(count))
    else:
        assert fit is not None
        name, document = _fit(fit)
        kernel = document.primary if spectrum is None else _known("spectrum", spectrum, document.spectra)
        known, warnings = _modes(name, kernel, document.spectra[kernel], round(count))
        warnings += [warning for warning in document.warnings if warning.id == EXPLORATORY]
    threads = usable_threads(1)
    with threadpool_limits(limits=threads), (progress or SilentProgress()).stage("simulate") as stage:
        found = simulated(known, scheme, progress=stage.update)
    return simulation_document(
        found,
        source=name,
        kernel=kernel,
        command=command,
        environment=environment(threads),
        warnings=warnings,
    )


def _fit(fit: str | os.PathLike[str] | doc.Fit) -> tuple[str, doc.Fit]:
    if isinstance(fit, doc.Fit):
        return fit.dataset.source, fit
    found, name = read_document(fit), os.fsdecode(fit)
    if isinstance(found, doc.Baseline):
        return name, found.fit
    if not isinstance(found, doc.Fit):
        raise InputError(f"{name}: expected a fit, got {found.schema_}", next_step="specaudit fit EMB -o fit.json")
    return name, found


def _modes(name: str, kernel: str, spectrum: doc.Spectrum, count: int) -> tuple[Modes, list[doc.Warning_]]:
    """Return the modes of a spectrum, and what is to be said of how they end."""
    values, errors = np.array(spectrum.eigenvalues), np.array(spectrum.eigenvalue_errors)
    good = values > np.maximum(2 * errors[: len(values)], 0.0)
    values = values[: len(values) if good.all() else int(np.argmin(good))]
    if len(values) < FEWEST:
        raise InputError(
            f"{name}: {len(values)} measured eigenvalues of the {kernel} kernel are above their errors; it takes "
            f"{FEWEST}",
            next_step="fit more rows, or simulate a power law with --b",
        )
    if spectrum.trace is None:
        raise InputError(f"{name}: spectra.{kernel}: has no trace", next_step="fit again with this version")
    exponent = spectrum.exponent
    if exponent.status == "resolved" and exponent.value is not None and exponent.value > 1:
        return extended(values, exponent.value, count), [
            _continued(
                f"past its {len(values):,} measured modes {name} ({kernel}) is continued as k^-{exponent.value:.3f}, "
                "an exponent that was measured on a window"
            )
        ]
    why = (
        f"is {exponent.status}" if exponent.status != "resolved" else f"is {exponent.value:.3f}, and no tail ends it"
    )
    warning = _continued(
        f"the exponent of {name} ({kernel}) {why}: only its {len(values):,} measured modes are followed, and "
        f"the run ends at mode {len(values) // 2:,}"
    )
    return measured(values, spectrum.trace), [warning]


def _continued(message: str) -> doc.Warning_:
    return doc.Warning_(
        id="SPA021",
        message=message,
        next_step="read the slopes as those of this spectrum; specaudit simulate --b B follows an exact power law",
    )


def _check(scheme: Scheme) -> None:
    """Refuse arguments that have no effect or no meaning together."""
    policy, changed = scheme.policy, scheme.degradation.changed
    idle = [name for name in changed if name in OF_ORACLE and policy != "oracle"]
    idle += ["cap"] * ("cap" in changed and policy not in CAPPED)
    if idle:
        raise ConfigError(
            f"--{idle[0].replace('_', '-')} has no effect on the policy {policy}", next_step="use --policy oracle"
        )
    if scheme.bounds.low >= scheme.bounds.high:
        raise ConfigError(f"--low {scheme.bounds.low:g} is not below --high {scheme.bounds.high:g}")
    if scheme.bounds != Bounds() and policy != "bounded":
        raise ConfigError(f"--low, --high and --pattern have no effect on the policy {policy}")
    if scheme.momentum is not None and scheme.rho != 1:
        raise ConfigError("--rho and --momentum exclude one another", next_step="give one of them")
    if scheme.momentum is not None and policy == "oracle" and scheme.suppress == "deep":
        raise ConfigError(
            "--suppress deep keeps learned modes at a threshold, which a momentum overshoots",
            next_step="add --suppress paper",
        )


def _checked(name: str, value: float) -> float:
    least, most = RANGES[name]
    if not (isinstance(value, int | float) and math.isfinite(value) and least <= value <= most):
        raise ConfigError(f"--{name}: expected a number from {least:g} to {most:g}, got {value!r}")
    return float(value)


def _known(name: str, value: str, known: Mapping[str, object]) -> str:
    if value not in known:
        raise ConfigError(f"--{name}: unknown name {value!r}", next_step=f"known: {', '.join(known)}")
    return value


def _refresh(text: str | None) -> Refresh | None:
    if text is None:
        return None
    kind, _, number = text.partition(":")
    try:
        step = float(number)
    except ValueError:
        step = math.nan
    if kind not in REFRESHES or math.isnan(step):
        raise ConfigError(
            f"--refresh: expected every:D or geo:R, got {text!r}", next_step="for example --refresh geo:1.2"
        )
    return Refresh(kind=REFRESHES[kind], step=_checked(f"refresh {kind}", step))
