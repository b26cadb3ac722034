"""A baseline as a document, and back."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Sequence

import numpy as np

from specaudit import documents as doc
from specaudit.kernels import FloatArray, Kernel
from specaudit.ladder import Ladder, Sketch, Step
from specaudit.profiles import Profile, Quantity, Targets

MOST_EIGENVALUES = 24
"""Of each spectrum and step: a baseline is kept beside the code, and stays below 64 KB."""


def assemble_baseline(
    fit: doc.Fit, sketch: Sketch, ladders: Sequence[Ladder], *, seed: int, sampled_copies: int, median_distance: float
) -> doc.Baseline:
    """Return the document of a baseline."""
    return doc.Baseline(
        fit=_trimmed(fit),
        seed=seed,
        sampled_rows=sketch.sampled,
        sampled_copies=sampled_copies,
        median_distance=median_distance,
        keys=b64encode(sketch.keys.astype(">u8").tobytes()).decode(),
        ladders={
            ladder.kernel.name: doc.Ladder(depth=ladder.depth, steps=tuple(_step(step) for step in ladder.steps))
            for ladder in ladders
        },
    )


def sketch_from(baseline: doc.Baseline) -> Sketch:
    """Return the sketch of BEFORE's rows that a baseline holds."""
    return Sketch(
        unique=baseline.fit.dataset.unique_rows,
        sampled=baseline.sampled_rows,
        keys=np.frombuffer(b64decode(baseline.keys), dtype=">u8").astype(np.uint64),
    )


def ladder_from(baseline: doc.Baseline, name: str) -> Ladder:
    """Return the null under the kernel `name` that a baseline holds."""
    ladder = baseline.ladders[name]
    return Ladder(
        kernel=kernel_from(baseline.fit.spectra[name].kernel),
        depth=ladder.depth,
        steps=tuple(_from_step(step) for step in ladder.steps),
    )


def kernel_from(kernel: doc.Kernel) -> Kernel:
    """Return the kernel that a document names."""
    return Kernel(
        name=kernel.name,
        bandwidth=kernel.bandwidth,
        bandwidth_rule=kernel.bandwidth_rule,
        normalize=kernel.normalize,
        centered=kernel.centered,
    )


def _trimmed(fit: doc.Fit) -> doc.Fit:
    spectra = {
        name: spectrum.model_copy(
            update={
                "eigenvalues": spectrum.eigenvalues[:MOST_EIGENVALUES],
                "eigenvalue_errors": spectrum.eigenvalue_errors[:MOST_EIGENVALUES],
            }
        )
        for name, spectrum in fit.spectra.items()
    }
    return fit.model_copy(update={"spectra": spectra})


def _step(step: Step) -> doc.Step:
    targets, profile = step.targets, step.profile
    tail = len(profile.exponent.mean) > 0
    return doc.Step(
        rows=step.rows,
        draws=profile.draws,
        dimension=_floats(targets.dimensions),
        log_kappa=_floats(profile.capacity.mean),
        log_kappa_sd=_floats(profile.capacity.sd),
        window=targets.window,
        exponent=float(profile.exponent.mean[0]) if tail else None,
        exponent_sd=float(profile.exponent.sd[0]) if tail else None,
        gain_dimension=_floats(targets.gain),
        gain_log_kappa=_floats(profile.gain.mean),
        gain_log_kappa_sd=_floats(profile.gain.sd),
        n2=_floats(targets.n2),
        n1=_floats(np.exp(profile.log_n1)),
        curve_log_kappa=_floats(profile.log_kappa.mean),
        curve_log_kappa_sd=_floats(profile.log_kappa.sd),
        local_exponent=_floats(profile.local_exponent.mean),
        local_exponent_sd=_floats(profile.local_exponent.sd),
        eigenvalues=_floats(profile.eigenvalues[:MOST_EIGENVALUES]),
    )


def _from_step(step: doc.Step) -> Step:
    exponent = [] if step.exponent is None else [step.exponent]
    exponent_sd = [] if step.exponent_sd is None else [step.exponent_sd]
    return Step(
        rows=step.rows,
        targets=Targets(
            dimensions=np.array(step.dimension),
            window=step.window,
            gain=np.array(step.gain_dimension),
            n2=np.array(step.n2),
        ),
        profile=Profile(
            draws=step.draws,
            capacity=_quantity(step.log_kappa, step.log_kappa_sd),
            exponent=_quantity(exponent, exponent_sd),
            gain=_quantity(step.gain_log_kappa, step.gain_log_kappa_sd),
            log_kappa=_quantity(step.curve_log_kappa, step.curve_log_kappa_sd),
            log_n1=np.log(step.n1),
            local_exponent=_quantity(step.local_exponent, step.local_exponent_sd),
            eigenvalues=np.array(step.eigenvalues),
        ),
    )


def _quantity(mean: Sequence[float], sd: Sequence[float]) -> Quantity:
    return Quantity(mean=np.array(mean), sd=np.array(sd))


def _floats(values: FloatArray) -> tuple[float, ...]:
    return tuple(float(v) for v in values)
