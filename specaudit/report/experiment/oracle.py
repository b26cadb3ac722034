"""From samplers beside each other to the parts of the document."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from specaudit import documents as doc
from specaudit.experiments.oracle import ORACLES, STATIC, UNIFORM, Arm, OracleExperiment
from specaudit.experiments.sampler_run import LOOKS
from specaudit.experiments.sampler_verdict import on_noise, spanned
from specaudit.experiments.samplers import SAMPLERS
from specaudit.experiments.slopes import Estimate, estimated
from specaudit.learning.collapse import CERTAIN, SAFE
from specaudit.report.experiment.assemble import Parts, measured, over_runs

QUANTITIES = {
    "frontier_slope": ("k* slope", "d ln k* / d ln t while k* is in the window; none where it loses modes again"),
    "frontier_gain": ("k* slope − uniform", "of the same run"),
    "capacity_slope": (
        "N slope",
        "d ln N / d ln t; N counts the modes learned, each by the energy that is gone",
    ),
    "capacity_gain": ("N slope − uniform", "of the same run"),
    "speed_up": ("speed-up", "time of uniform sampling to the target N, over that of this arm; geometric mean"),
    "phi": ("φ", "share of the oracle's saving in time, in logarithms: 0 uniform, 1 the oracle"),
    "loss_slope": ("loss slope", "d ln loss / d ln t while the k* of uniform sampling is in the window"),
    "loss_gain": ("loss slope − uniform", "of the same run; below 0 the loss falls faster"),
    "best_loss": (
        "lowest loss",
        "squared error on held-out rows, without label noise, over the target's own; geometric mean",
    ),
    "loss_ratio": ("loss / uniform", "the lowest of the same run; geometric mean"),
    "coherence": (
        "D",
        f"the lowest coherence ratio of a run under weights |r|^2, not told of another power: below {CERTAIN:.2f} "
        f"they gather on noise, from {SAFE:.2f} on they do not",
    ),
    "on_noise": ("weight on noise", "the largest share of a run's weights on rows of label noise"),
    "decades": ("span of k*", "powers of ten that k* goes in the window; it takes 1 for a verdict"),
    "local_exponent": ("local b", "of the kernel's eigenvalues on what uniform sampling sees of the window"),
}
"""Field of `Outcome` -> label and definition."""
COMMON = ("loss_slope", "loss_gain", "best_loss", "loss_ratio", "on_noise")
CURVES = ("frontier_slope", "frontier_gain", "capacity_slope", "capacity_gain", "speed_up", "phi", "decades")
PAIRED = ("frontier_gain", "capacity_gain", "loss_gain", "loss_ratio", "speed_up", "phi")
BLIND = {
    "wrong": ("rows wrong", "held-out rows that uniform sampling gets wrong when its loss is lowest, a run"),
    "blind": ("blind", "share of these that would weigh less than the mean by the score"),
    "blind_confident": ("blind, confident", "the same of rows given more than half to a wrong class"),
    "below": ("below the mean", "the same share of all held-out rows: a score that is blind at random has it"),
}
ARMS = (UNIFORM, STATIC, "loss")
NOISES = ("clean", "noisy")
PANELS = {
    "arms": ("Three arms: all, pruned, by the loss", "loss"),
    "frontier": ("Learning frontier", "k*"),
    "capacity": ("Capacity", "N"),
    "loss": ("Held-out loss", "loss"),
    "on_noise": ("Weight on noise, over the stretch", "share"),
}
"""Panel -> title and y-axis; all but the first are curves of a `Track`."""
NOTES = (
    "Held equal in a run: the rows, the split, the target, its noise, the times at which weights are renewed, and "
    "the amount of training. Weights of samplers have mean 1, and are at most the cap.",
    "Slopes are of this window, and no asymptote: bounded weights cannot raise the exponent of a power law. What a "
    "verdict names is a gain on the modes that so many rows let us see.",
)
FLOW_NOTE = (
    "The oracle weighs modes, which no sampler of rows can unless they are local. It leaves a mode at 1/e, which is "
    "our reading of arXiv 2512.02409, so that its loss stalls; the deep one goes on learning what it has learned."
)
NETWORK_NOTE = (
    "A network has no oracle to be held against, since its modes move: k* is read in the kernel's. It has "
    "learned of a mode what its residual lacks of the target; at its random start that is nothing. Time is in "
    "optimiser steps; the learning rate falls to 0 by a cosine, for all arms alike."
)
BLIND_NOTE = (
    "Blind spots are of scores on held-out rows, by a model trained under uniform sampling. A score that has the "
    "row's own label sees most errors; one without it may not."
)


def oracle_parts(found: OracleExperiment) -> Parts:
    """Return what the document says of the samplers."""
    arms, verdicts = found.arms, {name: arm.verdict for name, arm in found.arms.items() if arm.verdict is not None}
    measures = [*_measures(found), *_blind(found)]
    known = {one.quantity for one in measures}
    return Parts(
        summary=_summary(found),
        settings=list(_settings(found)),
        arms=[_arm(found, name) for name in arms],
        quantities=[one for one in _quantities(found) if one.id in known],
        measures=measures,
        verdicts=[doc.Finding(arm=name, verdict=one.verdict, reason=one.reason) for name, one in verdicts.items()],
        panels=[
            doc.Panel(
                id=name,
                title=title,
                x_label="optimiser steps" if found.comparison.network else "time of gradient flow",
                y_label=axis,
                x_log=True,
                y_log=name != "on_noise",
            )
            for name, (title, axis) in PANELS.items()
            if name != "on_noise" or found.comparison.noise
        ],
        curves=list(_curves(found)),
        notes=[*NOTES, NETWORK_NOTE if found.comparison.network else FLOW_NOTE, BLIND_NOTE],
        warnings=list(_warnings(found)),
    )


def _quantities(found: OracleExperiment) -> Iterator[doc.Quantity]:
    for name, (label, note) in QUANTITIES.items():
        yield doc.Quantity(id=name, label=label, unit="", note=note)
    for which, share in zip(NOISES, found.blind, strict=True):
        for name, (label, note) in BLIND.items():
            words = f"{share:.0%} noise" if share else "no noise"
            yield doc.Quantity(id=f"{name}_{which}", label=f"{label}, {words}", unit="", note=note)


def _summary(found: OracleExperiment) -> str:
    judged = {name: arm.verdict.verdict for name, arm in found.arms.items() if arm.verdict is not None}
    kinds = [(kind, [name for name in judged if judged[name] == kind]) for kind in dict.fromkeys(judged.values())]
    said = ", ".join(f"{kind} ({', '.join(names)})" for kind, names in kinds) or "uniform sampling alone"
    speeds = [f"{name} {spanned(speed, '.2f')}" for name in judged if (speed := _faster(found, name)) is not None]
    ideal = found.arms["oracle"].estimates["speed_up"] if "oracle" in found.arms else None
    if ideal is not None:
        speeds.append(f"an oracle {spanned(ideal, '.2f')}")
    return said + (f"; speed-up to N = {found.target:.3g}: {', '.join(speeds)}." if speeds else ".")


def _faster(found: OracleExperiment, name: str) -> Estimate | None:
    """Return the speed-up of a sampler where it is known to be one, in all runs, and not of noise that is learned."""
    arm = found.arms[name]
    speed, verdict = arm.estimates["speed_up"], arm.verdict
    if (
        verdict is None
        or verdict.verdict in ("collapsed", "inconclusive")
        or on_noise(arm.estimates, found.comparison.noise)
    ):
        return None
    sure = speed is not None and speed.low is not None and speed.low > 1 and speed.runs == len(arm.outcomes)
    return speed if sure else None


def _settings(found: OracleExperiment) -> Iterator[tuple[str, str]]:
    comparison = found.comparison
    yield "training rows", f"{found.rows:,}, {found.held:,} held out"
    yield "weights", f"at most {comparison.cap:g}; by the loss |r|^{comparison.power:g}"
    yield "label noise", f"{comparison.noise:.0%} of the training rows" if comparison.noise else "none"
    yield "window", f"k* from {found.window[0]:g} to {found.window[1]:.0f}; speed-ups to N = {found.target:.3g}"


def _arm(found: OracleExperiment, name: str) -> doc.Arm:
    if name in SAMPLERS:
        note = SAMPLERS[name].title
    elif name == STATIC:
        comparison = found.comparison
        kept = f"{100 * comparison.keep:g} % of the rows"
        note = f"{comparison.method}: {kept}, each with weight {1 / comparison.keep:.3g}, the others none"
    else:
        deep = "and learns these ever deeper" if ORACLES[name] == "deep" else "which stay at 1/e"
        note = f"a reference, no sampler: weighs modes, none on those learned, {deep}"
    return doc.Arm(id=name, label=name, note=note)


def _measures(found: OracleExperiment) -> Iterator[doc.Measure]:
    """Yield what is measured of each arm; nothing of what its runs do not tell."""
    for name, arm in found.arms.items():
        for quantity in QUANTITIES:
            estimate = arm.estimates[quantity]
            if estimate is not None and quantity in _of(name, arm):
                yield measured(name, quantity, estimate)


def _of(name: str, arm: Arm) -> tuple[str, ...]:
    """Return the quantities that are told of an arm."""
    if name == UNIFORM:
        return (*(each for each in (*COMMON, *CURVES) if each not in PAIRED), "local_exponent")
    if name == STATIC:
        return COMMON
    if name in ORACLES:
        return tuple(each for each in (*COMMON, *CURVES) if each not in ("phi", "on_noise") or name != "oracle")
    return (*COMMON, *CURVES, "coherence")


def _blind(found: OracleExperiment) -> Iterator[doc.Measure]:
    for which, runs in zip(NOISES, found.blind.values(), strict=True):
        wrong = np.array([next(iter(run.values())).wrong for run in runs], float)
        yield measured(UNIFORM, f"wrong_{which}", estimated(wrong, found.shared))
        for score in [name for name in found.arms if name in runs[0]]:
            for quantity in ("blind", "blind_confident", "below"):
                told = [getattr(run[score], quantity) for run in runs]
                values = np.array([value for value in told if value is not None], float)
                if len(values):
                    yield _share(measured(score, f"{quantity}_{which}", estimated(values, found.shared)))


def _share(measure: doc.Measure) -> doc.Measure:
    """Return the measure of a share, its interval within 0 and 1."""
    if measure.low is None or measure.high is None:
        return measure
    return measure.model_copy(update={"low": max(measure.low, 0.0), "high": min(measure.high, 1.0)})


def _curves(found: OracleExperiment) -> Iterator[doc.Series]:
    """Yield geometric means over the runs at the ends of stretches; only of three arms bands can be told apart."""
    for panel in PANELS:
        for name in [one for one in ARMS if one in found.arms] if panel == "arms" else found.arms:
            tracks = found.arms[name].tracks
            values = np.array([getattr(track, "loss" if panel == "arms" else panel) for track in tracks])
            last = len(tracks[0].times) - 1
            ends = np.append(np.arange(LOOKS - 1, last, LOOKS), last)
            times, values = tracks[0].times[ends], values if panel == "on_noise" else values[:, ends]
            if not values.any():
                continue
            known = (values > 0).all(axis=0)
            series = over_runs(panel, name, times[known], values[:, known], found.shared)
            yield series if panel == "arms" else series.model_copy(update={"low": None, "high": None})


def _warnings(found: OracleExperiment) -> Iterator[doc.Warning_]:
    loss = found.arms.get("loss")
    if not found.comparison.noise and loss is not None and loss.verdict and loss.verdict.verdict == "collapsed":
        yield doc.Warning_(
            id="SPA051",
            message="weights by the loss gather on rows that disagree with their nearest ones, without added noise",
            next_step="look for wrong labels, or for a target that is rough in these embeddings",
        )
    decades = found.arms[UNIFORM].estimates["decades"]
    if decades is None or decades.value < 1:
        yield doc.Warning_(
            id="SPA052",
            message=f"k* goes {10 ** (decades.value if decades else 0):.1f}-fold in the window; a verdict takes 10",
            next_step="train on more rows with --train-rows, or for more steps",
        )
