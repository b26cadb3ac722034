"""Blind spots of scores that a model gives itself: held-out rows that it gets wrong, and that the score lets pass.

A row is wrong where the leading output is another one than that of the truth (classes), or where its squared error is
among the largest tenth (functions). It is confidently so where the wrong output is more than half of what a class has
(classes only). A score is blind to a row that would weigh less than the mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from specaudit.experiments.sampler_run import Schedule, spread
from specaudit.experiments.sampler_task import SamplerTask, noisy
from specaudit.experiments.samplers import PROBED, probe
from specaudit.experiments.tracks import BoolArray
from specaudit.kernels import FloatArray
from specaudit.learning.weights import bounded

WORST = 0.1
"""Share of held-out rows with the largest errors that count as wrong, where there are no classes."""
DRAWN = 5
"""Key of the seed, so that the rows that a probe knows are not those that have label noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlindSpot:
    """Of one score in one run.

    Attributes
    ----------
    wrong, confident
        Held-out rows that the model gets wrong, and those of them that it does confidently.
    blind, blind_confident
        Share of them that weigh less than the mean; None without any.
    below
        The same share of all held-out rows: what a score has that knows nothing.
    """

    wrong: int
    confident: int
    blind: float | None
    blind_confident: float | None
    below: float


def blind_spots(
    task: SamplerTask,
    schedule: Schedule,
    *,
    labels: bool,
    power: float,
    cap: float,
    noise: float,
    seed: Sequence[int],
) -> dict[str, BlindSpot]:
    """Return the blind spots of the scores by name, of a model trained under uniform sampling.

    It is looked at when its held-out loss is lowest. The loss score is that against the held-out rows' own targets,
    of which as large a share is wrong as of the training rows.

    Parameters
    ----------
    noise
        Share of the held-out rows that have the target of another row; the task's own rows have theirs already.
    seed
        May be that of the task's noise: what is drawn here is independent of it.
    """
    machines = task.machines(task.targets, True)
    uniform = np.ones(task.rows)
    residuals, held = [], []
    for start, looks in zip(schedule.starts, schedule.looks, strict=True):
        paths = [machine.advance(uniform, looks[-1:] - start) for machine in machines]
        residuals.append(paths[0].residuals[-1])
        held.append([path.held[-1] for path in paths])
    losses = [((predictions[0] - task.truth) ** 2).sum() for predictions in held]
    best = int(np.argmin(losses))
    predictions, rng = held[best], np.random.default_rng([*seed, DRAWN])
    known = np.sort(rng.permutation(task.rows)[: int(PROBED * task.rows)])
    squares = np.einsum("ij,ij->i", residuals[best], residuals[best])
    logs = probe(task.components, squares, known)(task.held_components)
    given = noisy(task.truth, noise, seed=int(rng.integers(1 << 32)))[0]
    scores = {
        "loss": np.einsum("ij,ij->i", predictions[0] - given, predictions[0] - given) ** (power / 2),
        "probe": np.exp(logs - logs.max()),
        "ensemble": spread(predictions),
    }
    wrong, confident = wrong_rows(predictions[0], task.truth, labels=labels)
    return {name: _spot(bounded(score, cap), wrong, confident) for name, score in scores.items()}


def wrong_rows(predictions: FloatArray, truth: FloatArray, *, labels: bool) -> tuple[BoolArray, BoolArray]:
    """Return which rows (m,) a model gets wrong, and which confidently: none where there are no classes."""
    if labels:
        wrong = predictions.argmax(axis=1) != truth.argmax(axis=1)
        return wrong, wrong & (predictions.max(axis=1) > (truth.max() + truth.min()) / 2)
    errors = ((predictions - truth) ** 2).sum(axis=1)
    wrong = errors > np.quantile(errors, 1 - WORST)
    return wrong, np.zeros_like(wrong)


def _spot(weights: FloatArray, wrong: BoolArray, confident: BoolArray) -> BlindSpot:
    below = weights < 1

    def share(rows: BoolArray) -> float | None:
        return float(below[rows].mean()) if rows.any() else None

    return BlindSpot(
        wrong=int(wrong.sum()),
        confident=int(confident.sum()),
        blind=share(wrong),
        blind_confident=share(confident),
        below=float(below.mean()),
    )
