"""From a run to its document."""

from __future__ import annotations

import numpy as np

from specaudit import documents as doc
from specaudit.dataset import DataSet, IntArray
from specaudit.dynamics.room import Room
from specaudit.kernels import FloatArray, Kernel
from specaudit.learning import ResidualLog, Run
from specaudit.learning.collapse import CERTAIN, SAFE
from specaudit.learning.weights import effective_share
from specaudit.report.compare.assemble import kernel_document
from specaudit.report.headroom.assemble import headroom_curve, headroom_null
from specaudit.version import ESTIMATOR_VERSION

HISTOGRAM = 24
"""Bars of the histogram of the next weights."""


def frontier_document(
    run: Run,
    *,
    data: DataSet,
    log: ResidualLog,
    used: IntArray,
    kernel: Kernel,
    cap: float,
    room: Room,
    command: str,
    seed: int,
    environment: doc.Environment,
) -> doc.Frontier:
    """Return the document of a run whose rows `used` (n,) of the data set were looked at."""
    weights = run.proposal.weights
    everyone = np.ones(data.embeddings.rows)
    if weights is not None:
        everyone[used] = weights
    noise = _noise(run, log)
    return doc.Frontier(
        run=doc.LoggedRun(
            source=data.embeddings.name,
            digest=data.digest,
            rows=data.rows,
            dimensions=data.embeddings.dimensions,
            residuals=log.name,
            logged_rows=log.rows,
            used_rows=len(used),
            outputs=log.outputs,
            checkpoints=log.checkpoints,
        ),
        kernel=kernel_document(kernel),
        modes=doc.ModesFound(
            count=run.modes.count,
            exact=run.modes.exact,
            aligned_share=run.alignment.share,
            random_share=run.alignment.expected,
        ),
        bins=_floats(run.frontier.bins.ranks),
        checkpoints=tuple(_checkpoint(run, log, place) for place in range(log.checkpoints)),
        growth=_growth(run),
        noise=noise,
        collapse=_collapse(run),
        headroom=_headroom(run, room),
        proposal=_proposal(run, cap),
        reproduce=doc.FrontierReproduce(command=command, seed=seed, estimator=ESTIMATOR_VERSION),
        environment=environment,
        warnings=tuple(_warnings(run, data, log, used, noise)),
        weights=() if weights is None else _floats(everyone),
    )


def _checkpoint(run: Run, log: ResidualLog, place: int) -> doc.Checkpoint:
    point, coherence = run.frontier.points[place], run.coherence
    return doc.Checkpoint(
        time=None if log.times is None else float(log.times[place]),
        mean_square=float(run.squares[place]),
        frontier=point.rank,
        low=point.low,
        high=point.high,
        status=point.status,
        coherence=_known(coherence.plain[place]),
        weighted_coherence=_known(coherence.weighted[place]),
        share=_floats(run.frontier.shares[place]),
    )


def _growth(run: Run) -> doc.FrontierGrowth:
    found = run.frontier.growth
    return doc.FrontierGrowth(
        value=found.value,
        low=found.low,
        high=found.high,
        window=found.window,
        times=found.times,
        local_exponent=found.local_exponent,
        status=found.status,
        reason=found.reason,
    )


def _noise(run: Run, log: ResidualLog) -> doc.NoiseBegin:
    rank, passed = run.noise.rank, None
    for place, point in enumerate(run.frontier.points if rank is not None else ()):
        if point.low is not None and rank is not None and point.low > rank:
            passed = float(place) if log.times is None else float(log.times[place])
            break
    return doc.NoiseBegin(rank=rank, share=run.noise.share, passed=passed)


def _collapse(run: Run) -> doc.Collapse:
    lowest = run.coherence.lowest
    return doc.Collapse(
        ratio=None if lowest is None else float(run.coherence.ratio[lowest]),
        checkpoint=lowest,
        safe=SAFE,
        certain=CERTAIN,
        status=run.coherence.status,
    )


def _headroom(run: Run, room: Room) -> doc.FrontierHeadroom:
    gain, null, at = room.gain, room.null, room.judged.place
    return doc.FrontierHeadroom(
        verdict=room.judged.verdict,
        reason=room.judged.reason,
        learned=run.learned,
        rank=None if gain is None or at is None else int(gain.ranks[at]),
        gain=None if gain is None or at is None else float(gain.values[at]),
        need=None if gain is None or at is None else float(gain.needs[at]),
        curve=headroom_curve(gain, null) if gain and null else None,
        null=headroom_null(null, room.rows) if null else None,
    )


def _proposal(run: Run, cap: float) -> doc.NextWeights:
    found = run.proposal
    counts, edges = (
        (np.empty(0, np.int64), np.empty(0))
        if found.weights is None
        else np.histogram(found.weights, bins=HISTOGRAM, range=(0.0, float(found.weights.max())))
    )
    return doc.NextWeights(
        kind=found.kind,
        reason=found.reason,
        cap=cap,
        learned=found.learned,
        rows=0 if found.weights is None else len(found.weights),
        largest=None if found.weights is None else float(found.weights.max()),
        effective_share=None if found.weights is None else effective_share(found.weights),
        edges=_floats(edges),
        counts=tuple(int(count) for count in counts),
    )


def _warnings(run: Run, data: DataSet, log: ResidualLog, used: IntArray, noise: doc.NoiseBegin) -> list[doc.Warning_]:
    found = []
    if data.dropped:
        found.append(("SPA003", f"{data.dropped:,} bad rows were dropped", "find out why their embedding failed"))
    if len(used) < log.rows - data.dropped:
        found.append(
            (
                "SPA005",
                f"{len(used):,} of {log.rows:,} logged rows were looked at",
                "raise --max-rows for a deeper frontier and weights of more rows",
            )
        )
    other = sum(point.status == "refused" for point in run.frontier.points)
    if other:
        found.append(
            (
                "SPA031",
                f"{other} of {log.checkpoints} checkpoints have residuals of other rows than the reference",
                "log the rows in one order at every checkpoint",
            )
        )
    if noise.passed is not None:
        found.append(
            (
                "SPA032",
                f"the run learns modes past {noise.rank:.0f}, where the labels say no more than noise",
                "stop earlier, or look at the labels",
            )
        )
    if run.coherence.status == "collapse":
        found.append(
            (
                "SPA033",
                "weights by the squared residual would gather on rows whose residuals are noise",
                "look at the rows with the largest residuals: their labels may be wrong",
            )
        )
    return [doc.Warning_(id=name, message=message, next_step=next_step) for name, message, next_step in found]


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _floats(values: FloatArray) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
