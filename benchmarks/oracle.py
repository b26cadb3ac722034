"""Samplers of rows beside uniform sampling and the oracle in mode space.

    python benchmarks/oracle.py             # all of it, about 6 minutes of one core; resumes where it was stopped
    python benchmarks/oracle.py --table     # writes results/oracle.md from results/oracle.jsonl again

A run draws 650 rows, trains on 500 of them by exact gradient flow under the Laplace kernel (median bandwidth), and
holds out 130. The target is a Gaussian process, a = 1.5, 8 outputs; of `digits, labels` the classes, of `digits,
network` the same learned by a network of 64 units in 500 steps. Weights are renewed 24 times, at equal factors of
time, and are at most 10; the loss sampler has |r|^2. Of `20 %` noise a fifth of the training rows has the target of
another row; the held-out loss is without noise. Seeds are 20 to 23. Rows of the files, of sample_data, are drawn
anew for each seed and overlap, for which their intervals are wider (half the term of Nadeau and Bengio 2003).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from specaudit.api import Task
from specaudit.api import oracle_experiment as oracle_of
from specaudit.dynamics import power_law
from specaudit.experiments.atoms import sampled_atoms
from specaudit.experiments.learners import Problem, RidgeLearner, operator_of
from specaudit.experiments.network import Network
from specaudit.experiments.oracle import ORACLES, STATIC, UNIFORM, Comparison, chosen, oracle_experiment
from specaudit.experiments.outcomes import Outcome, estimates
from specaudit.experiments.sampler_verdict import judged
from specaudit.experiments.samplers import SAMPLERS
from specaudit.experiments.slopes import Estimate
from specaudit.experiments.targets import Labels, ProcessTarget
from specaudit.kernels import choose_kernel

HERE = Path(__file__).parent
SAMPLE = HERE.parent / "sample_data"
SEEDS, NOISE = range(20, 24), (0.0, 0.2)
ROWS, TRAIN, OUTPUTS = 650, 500, 8
SHARED = 130 / TRAIN
FILES = {"embeddings": "embeddings.npy", "patches": "patches.npy", "digits": "digits.npy"}
LABELLED = ("digits, labels", "digits, network")
GENERATED = ("circle", "sphere2", "gmmzipf", "zipf")
SETS = (*GENERATED, *FILES, *LABELLED)
NUMBERS, OF_NUMBERS = (1, 2, 4, 8, 32), ("circle", "patches")
"""Functions that are learned at once, and the data on which their number is varied."""
WINDOW = (30.0, 3e4)

Array = np.ndarray
Record = dict[str, Any]


def clusters(n: int, rng: np.random.Generator, count: int, b: float, dimensions: int, spread: float) -> Array:
    """Return rows around `count` Gaussian centres, of which the k-th is as frequent as k^-b."""
    share = np.arange(1, count + 1.0) ** -b
    centres = rng.standard_normal((count, dimensions))
    return centres[rng.choice(count, n, p=share / share.sum())] + spread * rng.standard_normal((n, dimensions))


def drawn(name: str, rng: np.random.Generator) -> tuple[Array, list[str] | None]:
    """Return rows of a set, and their labels if it has any."""
    if name in ("circle", "sphere2"):
        x = rng.standard_normal((ROWS, 2 if name == "circle" else 3))
        return x / np.linalg.norm(x, axis=1, keepdims=True), None
    if name == "gmmzipf":
        return clusters(ROWS, rng, 50, 1.0, 16, 0.5), None
    if name == "zipf":
        return clusters(ROWS, rng, 300, 1.5, 64, 0.05), None
    values = np.load(SAMPLE / FILES[name.split(",")[0]])
    order = rng.permutation(len(values))[:ROWS]
    if name not in LABELLED:
        return values[order].astype(float), None
    return values[order].astype(float), [str(one) for one in np.load(SAMPLE / "digits_labels.npy")[order]]


def run(name: str, seed: int, noise: float, samplers: str = "all", outputs: int = OUTPUTS) -> Record:
    """Return the outcomes of all arms in one run."""
    rng = np.random.default_rng([seed, *map(ord, name.split(",")[0])])
    rows, labels = drawn(name, rng)
    rows = rows - rows.mean(axis=0)
    kernel = choose_kernel("laplace", rows)
    operator = operator_of(kernel, rows)
    matrix = operator.matrix
    problem = Problem(
        rows=rows,
        matrix=matrix,
        kernel=kernel,
        target=ProcessTarget.of(operator, 1.5) if labels is None else Labels.of(labels),
        outputs=outputs,
        learner=RidgeLearner(matrix=matrix, ridge=1e-6),  # not used: gradient flow
        seed=seed,
    )
    comparison = Comparison(
        samplers=chosen([samplers]),
        power=2.0,
        cap=10.0,
        noise=noise,
        rows=TRAIN,
        method="prototypes",
        keep=0.2,
        network=Network() if name.endswith("network") else None,
    )
    found = oracle_experiment(problem, comparison, runs=1)
    return {
        "data": name,
        "seed": seed,
        "noise": noise,
        "outputs": outputs,
        "arms": {
            arm: {
                "outcome": {key: None if x is None else round(x, 5) for key, x in asdict(of.outcomes[0]).items()},
                "curve": of.curve,
                "coherence": None if of.tracks[0].coherence is None else of.tracks[0].coherence.status,
            }
            for arm, of in found.arms.items()
        },
        "blind": {
            f"{share:g}": {score: asdict(one) for score, one in runs[0].items()}
            for share, runs in found.blind.items()
        },
    }


def gathered(records: list[Record]) -> dict[str, dict[str, Estimate | None]]:
    """Return the estimates of each arm over records of one set and noise."""
    shared = 0.0 if records[0]["data"] in GENERATED else SHARED
    return {
        arm: estimates([Outcome(**one["arms"][arm]["outcome"]) for one in records], shared)
        for arm in records[0]["arms"]
    }


def numbers(records: list[Record]) -> Iterator[str]:
    yield "| data | functions | runs | slope of k*, loss − uniform | speed-up | φ | lowest loss / uniform |"
    yield "|---|---:|---:|---|---|---|---|"
    for name in OF_NUMBERS:
        for number in NUMBERS:
            group = [one for one in records if (one["data"], one["noise"], one["outputs"]) == (name, 0.0, number)]
            if group:
                of = gathered(group)["loss"]
                told = [spanned(of[key], len(group)) for key in ("frontier_gain", "speed_up", "phi", "loss_ratio")]
                yield f"| {name} | {number} | {len(group)} | {' | '.join(told)} |"


def grouped(records: list[Record]) -> Iterator[tuple[str, float, list[Record]]]:
    for name in SETS:
        for noise in NOISE:
            group = [one for one in records if (one["data"], one["noise"], one["outputs"]) == (name, noise, OUTPUTS)]
            if group:
                yield name, noise, group


def samplers(records: list[Record]) -> Iterator[str]:
    yield (
        "| data | noise | arm | runs | slope of k* | − uniform | speed-up | φ | lowest loss / uniform | D | collapse "
        "| on noise | verdict |"
    )
    yield "|---|---:|---|---:|---:|---|---|---:|---|---:|---:|---:|---|"
    for name, noise, group in grouped(records):
        found = gathered(group)
        for arm, of in found.items():
            kept = [one["arms"][arm] for one in group]
            judgeable = arm in SAMPLERS and SAMPLERS[arm].by_residual
            statuses = [one["coherence"] for one in kept if judgeable and one["coherence"]]
            fell = any(one["arms"][each]["curve"] == "capacity" for one in group for each in (arm, UNIFORM))
            curve = "capacity" if fell else "frontier"
            verdict = ""
            if arm in SAMPLERS and arm != UNIFORM:
                verdict = judged(
                    of, found[UNIFORM], found.get("oracle"), statuses, curve=curve, noise=noise
                ).verdict + (" (by N)" if curve == "capacity" else "")
            frontier = [
                plain(of["frontier_slope"], len(group)),
                "" if arm == UNIFORM else spanned(of["frontier_gain"], len(group)),
                spanned(of["speed_up"], len(group)),
                plain(of["phi"], len(group)),
            ]
            cells = [
                name,
                f"{noise:.0%}",
                arm,
                str(len(group)),
                *([""] * 4 if arm == STATIC else frontier),
                spanned(of["loss_ratio"], len(group)),
                plain(of["coherence"], len(group)) if judgeable else "",
                f"{statuses.count('collapse')}/{len(statuses)}" if statuses else "",
                plain(of["on_noise"], len(group)) if noise else "",
                verdict,
            ]
            yield f"| {' | '.join(cells)} |"


def blind(records: list[Record]) -> Iterator[str]:
    yield "| data | noise | wrong | loss: blind / below | probe | ensemble | confidently | loss | probe | ensemble |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    for name, _, group in grouped([one for one in records if not one["noise"]]):
        for noise in map("{:g}".format, NOISE):
            spots = [one["blind"][noise] for one in group]
            cells = [name, f"{float(noise):.0%}", str(sum(one["loss"]["wrong"] for one in spots))]
            for score in ("loss", "probe", "ensemble"):
                below = np.mean([one[score]["below"] for one in spots])
                cells.append(f"{pooled(spots, score, 'wrong', 'blind')} / {below:.2f}")
            confident = sum(one["loss"]["confident"] for one in spots)
            cells.append(str(confident))
            cells += [
                pooled(spots, score, "confident", "blind_confident") if confident else ""
                for score in ("loss", "probe", "ensemble")
            ]
            yield f"| {' | '.join(cells)} |"


def pooled(spots: list[Record], score: str, count: str, share: str) -> str:
    """Return the share of all runs' rows together."""
    rows = np.array([one[score][count] for one in spots])
    blind_rows = np.array([one[score][count] * (one[score][share] or 0.0) for one in spots])
    return f"{blind_rows.sum() / rows.sum():.2f}" if rows.sum() else ""


CASES: dict[str, dict[str, Any]] = {
    "uniform": {"power": 0.0},
    "p = 1/2": {"power": 0.5},
    "p = 1": {"power": 1.0},
    "p = 2": {"power": 2.0},
    "p = 4": {"power": 4.0},
    "p = 2, cap 10": {"power": 2.0, "cap": 10.0},
    "p = 2, 1 % noise": {"power": 2.0, "noise": 0.01},
    "p = 2, 20 % noise": {"power": 2.0, "noise": 0.2},
}


def atom_slopes(b: float, **options: float) -> tuple[float, float, float]:
    """Return the slopes of frontier and loss, and the share of weight on noise at the end."""
    found = sampled_atoms(power_law(b), **options)
    slopes = found.slopes(WINDOW)
    assert slopes is not None
    return slopes[0].value, slopes[1].value, float(found.on_noise[-1])


def atoms() -> Iterator[str]:
    yield "| weights | " + " | ".join(f"b = {b:g}" for b in (1.2, 1.5, 2.0, 3.0)) + " |"
    yield "|---|---:|---:|---:|---:|"
    for name, options in CASES.items():
        cells = []
        for b in (1.2, 1.5, 2.0, 3.0):
            frontier, loss, on_noise = atom_slopes(b, **options)
            cells.append(f"{frontier:.3f} / {loss:.3f}" + (f" ({on_noise:.2f})" if options.get("noise") else ""))
        yield f"| {name} | {' | '.join(cells)} |"


def acceptance(records: list[Record]) -> list[tuple[str, str, str, bool]]:
    """Return what was asked, what is measured, and whether it holds."""
    lines = []
    found = gathered(next(group for name, noise, group in grouped(records) if (name, noise) == ("circle", 0.0)))
    for arm in [name for name in SAMPLERS if name != UNIFORM]:
        gain = found[arm]["frontier_gain"]
        assert gain is not None
        what = f"circle, {arm}: slope of k* − uniform"
        lines.append((what, "within .03", spanned(gain, len(SEEDS)), abs(gain.value) < 0.03))
    slope = found["oracle"]["frontier_slope"]
    assert slope is not None
    lines.append(("circle, oracle in mode space: slope of k*", "> .95", f"{slope.value:.3f}", slope.value > 0.95))
    for b in (1.5, 2.0, 3.0):
        frontier, loss, _ = atom_slopes(b, power=2.0)
        gained = (frontier - 1 / b) / (1 - 1 / b)
        lines.append((f"atoms, p = 2, b = {b:g}: A", "> .98", f"{gained:.3f}", gained > 0.98))
        off = abs(loss / (1 - b) - 1)
        lines.append((f"atoms, p = 2, b = {b:g}: loss, off −(b − 1)", "within 3 %", f"{off:.1%}", off < 0.03))
    frontier, _, _ = atom_slopes(2.0, power=2.0, noise=0.01)
    gained = (frontier - 0.5) / 0.5
    lines.append(("atoms, p = 2, b = 2, 1 % noise: A", "< .15", f"{gained:.3f}", gained < 0.15))
    return lines


def plain(estimate: Estimate | None, runs: int) -> str:
    """Return the value, and in how many of the runs it can be told where it cannot in all."""
    if estimate is None:
        return ""
    return f"{estimate.value:.3g}" + (f" ({estimate.runs} of {runs})" if estimate.runs < runs else "")


def spanned(estimate: Estimate | None, runs: int) -> str:
    """Return the value with its interval, and in how many of the runs it can be told where it cannot in all."""
    if estimate is None or estimate.low is None:
        return plain(estimate, runs)
    head, _, count = plain(estimate, runs).partition(" ")
    return f"{head} [{estimate.low:.3g}, {estimate.high:.3g}] {count}".rstrip()


def table(records: list[Record]) -> str:
    lines = ["# Samplers of rows", "", *(__doc__ or "").strip().splitlines()[5:], ""]
    lines += ["## Asked and measured", "", "| | asked | measured | holds |", "|---|---|---|---|"]
    lines += [
        f"| {what} | {asked} | {told} | {'yes' if holds else 'NO'} |"
        for what, asked, told, holds in acceptance(records)
    ]
    lines += ["", "Detection of collapse is measured in [frontier.md](frontier.md).", "", "## Samplers", ""]
    lines += ["Means over runs and 95 % intervals; D is the lowest of a run, collapse counts runs with D below .50."]
    lines += [f"{' and '.join(ORACLES)} are references in mode space. In brackets: told in so many of the runs, the"]
    lines += [
        "others do not show it; the mean is then of a selection, and has no verdict.",
        "",
        *samplers(records),
        "",
    ]
    lines += ["## How many functions are learned at once", ""]
    lines += ["Weights by the loss follow the residuals of few functions; those of many are alike in all rows.", ""]
    lines += [*numbers(records), "", "## Blind spots of scores", ""]
    lines += [
        "Share of the held-out rows that uniform sampling gets wrong which a score would weigh below the mean, and"
    ]
    lines += ["that of all rows; runs together.", "", *blind(records), "", "## Localised atoms", ""]
    lines += ["Slopes of k* and of the loss, in brackets the share of weight on noise rows at the end.", ""]
    return "\n".join([*lines, *atoms()]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=list(SETS), choices=list(SETS))
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    log = arguments.results / "oracle.jsonl"
    records = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    done = {(one["data"], one["seed"], one["noise"], one["outputs"]) for one in records}
    jobs = []
    for seed in SEEDS:
        jobs += [(name, seed, noise, "all", OUTPUTS) for name in arguments.only for noise in NOISE]
        jobs += [(name, seed, 0.0, "loss", number) for name in OF_NUMBERS for number in NUMBERS if number != OUTPUTS]
    for job in () if arguments.table else jobs:
        if (*job[:3], job[4]) in done or job[0] not in arguments.only:
            continue
        with threadpool_limits(1):
            records.append(run(*job))
        with log.open("a") as file:
            file.write(json.dumps(records[-1]) + "\n")
    (arguments.results / "oracle.md").write_text(table(records))
    if not (arguments.results / "oracle.svg").exists():
        task = Task(SAMPLE / "digits.npy", labels=SAMPLE / "digits_labels.npy", seeds=4)
        oracle_of(task, label_noise=0.2).plot(arguments.results / "oracle.svg")


if __name__ == "__main__":
    main()
