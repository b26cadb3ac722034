"""Learning curves under static prunings, and whether their intervals cover; resumable.

    python benchmarks/static_limit.py          # what is missing from results/static_limit.jsonl, then the table
    python benchmarks/static_limit.py --only circle digits
    python benchmarks/static_limit.py --table

What `specaudit experiment static-limit` measures, by its API: of each data set three runs with other seeds, each of
8 splits. circle (b = 2) and sphere2 (b = 3/2) have 4,000 rows, 800 of them held out, and a Gaussian process of the
kernel's own covariance (a = b), for which theory has the slope 1 - a. digits has its labels, and is learned by a
network of 64 hidden units too (500 steps); word glosses (wordnet) have no labels, and so a process with a = 1.5.
Δ is the slope of the pruned curve less that of the unpruned one. Share is the share of the unpruned rows that gives
the loss of the arm at the largest size; < where some split's is off the unpruned curve, with the largest of all
splits', which is no confidence limit.

Coverage: of 100 data sets of a kind, each of 500 rows with 8 splits, the share of the 95 % intervals that hold the
mean of all of them. These data were not used to choose `slopes.SHARED`. Verdicts are counted at the same time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from frontier import SETS, generator
from resume import Record, study

from specaudit import api
from specaudit.experiments.learners import Problem, RidgeLearner
from specaudit.experiments.prunings import Pruning
from specaudit.experiments.ridge import RIDGE
from specaudit.experiments.slopes import estimated, log_slope
from specaudit.experiments.static_limit import pool_sizes, static_limit
from specaudit.experiments.targets import Labels, ProcessTarget
from specaudit.kernels import choose_kernel
from specaudit.operators import dense_operator

HERE = Path(__file__).parent
CASES: dict[str, dict[str, Any]] = {
    "circle": {"rows": 4000, "source_exponent": 2.0},
    "sphere2": {"rows": 4000, "source_exponent": 1.5},
    "digits": {"rows": 1797, "labelled": True},
    "digits, mlp": {"rows": 1797, "labelled": True, "model": "mlp", "repeats": 2},
    "wordnet": {"rows": 2500},
}
"""Name -> the task; what is before the comma is the data set."""
SEEDS = range(10, 13)
KEEP = (0.5, 0.2)
METHODS = ("prototypes", "outliers")
QUANTITIES = ("slope", "slope-difference", "slope-beside-random", "equal-loss-share", "model-slope-difference")
ARMS = (
    Pruning(method="random", keep=0.5),
    Pruning(method="prototypes", keep=0.5),
    Pruning(method="outliers", keep=0.5, soft=True),
)
COVERED = {"zipf": "gp", "sphere2": "gp", "circle3": "labels", "gmmzipf": "labels"}
"""Kind -> target."""
DATA_SETS, ROWS, SPLITS = 100, 500, 8
FIRST = 5000
BATCH = 20

Array = np.ndarray


def circle3(n: int, rng: np.random.Generator) -> Array:
    """Return rows near a circle in three dimensions."""
    return np.c_[SETS["circle"](n, rng), 0.3 * rng.standard_normal(n)]


def curves(name: str, seed: int) -> Record:
    """Return what one run of the experiment measures."""
    task = {key: value for key, value in CASES[name].items() if key != "repeats"}
    data, n = name.partition(",")[0], task.pop("rows")
    labels = None
    if task.pop("labelled", False):
        from sklearn.datasets import load_digits

        found = load_digits()
        rows, labels = found.data, found.target
    else:
        rows = SETS[data](n, generator(data, seed))
    network = task.get("model") == "mlp"
    found = api.static_limit(
        api.Task(rows, labels=labels, seed=seed, max_rows=n, threads=1, **task),
        methods=METHODS,
        keep=KEEP[:1] if network else KEEP,
        soft=not network,
    )
    measures: dict[str, dict[str, list[float | None]]] = {}
    for one in found.measures:
        if one.quantity in QUANTITIES:
            measures.setdefault(one.arm, {})[one.quantity] = [one.value, one.low, one.high]
    return {
        "part": "curves",
        "data": name,
        "seed": seed,
        "b": next(float(one.value.split()[0]) for one in found.settings if one.name == "local exponent b"),
        "measures": measures,
        "verdicts": {one.arm: one.verdict for one in found.verdicts},
    }


def drawn_problem(kind: str, seed: int) -> Problem:
    """Return a data set with its target."""
    rng = np.random.default_rng([seed, sum(map(ord, kind))])
    rows = (circle3 if kind == "circle3" else SETS[kind])(ROWS, rng)
    kernel = choose_kernel("laplace", rows)
    operator = dense_operator(kernel, rows)
    target: Labels | ProcessTarget = ProcessTarget.of(operator, 1.5)
    if COVERED[kind] == "labels":
        scores = rows[:, 0] + 0.7 * rows[:, 1] + np.sin(3 * rows[:, 2])
        target = Labels.of([str(code) for code in np.digitize(scores, np.quantile(scores, [1 / 3, 2 / 3]))])
    learner = RidgeLearner(matrix=operator.matrix, ridge=RIDGE[COVERED[kind]])
    return Problem(
        rows=rows, matrix=operator.matrix, kernel=kernel, target=target, outputs=32, learner=learner, seed=100 * seed
    )


def coverage(kind: str, batch: int) -> Record:
    """Return slopes, and differences of slopes, of each split of a batch of data sets, and the verdicts."""
    values, verdicts = [], []
    for seed in range(FIRST + batch * BATCH, FIRST + (batch + 1) * BATCH):
        problem = drawn_problem(kind, seed)
        sizes = pool_sizes(len(problem.split(0).pool), ARMS)
        found = static_limit(problem, ARMS, runs=SPLITS, sizes=sizes)
        slopes = np.array([log_slope(np.array(found.sizes, float), arm.losses) for arm in found.arms])
        values.append(np.round(np.concatenate([slopes[:1], slopes[1:] - slopes[0]]), 5).tolist())
        verdicts.append([arm.verdict for arm in found.arms[1:]])
    return {"part": "coverage", "data": kind, "seed": batch, "values": values, "verdicts": verdicts}


def jobs(only: list[str]) -> Iterator[tuple[Record, Callable[[], Record]]]:
    """Yield what tells a run from the others, and what does it."""
    for name in CASES:
        for seed in SEEDS[: CASES[name].get("repeats")] if name.partition(",")[0] in only else ():
            yield {"part": "curves", "data": name, "seed": seed}, partial(curves, name, seed)
    for kind in COVERED:
        for batch in range(DATA_SETS // BATCH) if kind in only else ():
            yield {"part": "coverage", "data": kind, "seed": batch}, partial(coverage, kind, batch)


def acceptance(records: list[Record]) -> list[tuple[str, str, str, bool]]:
    """Return what was asked for, how, what is measured, and whether it holds."""
    lines = []
    for name in ("circle", "sphere2"):
        group = [r for r in records if r["part"] == "curves" and r["data"] == name]
        if not group:
            continue
        random = [abs(r["measures"]["random-50"]["slope-difference"][0]) for r in group]
        lines.append(
            (f"{name}: random 50 % is parallel", "within .03", f"at most {max(random):.3f}", max(random) < 0.03)
        )
        for method in METHODS:
            arm = f"{method}-50"
            flatter = [r["measures"][arm]["slope-difference"][0] for r in group]
            worse = sum(r["verdicts"][arm] == "worse" for r in group)
            told = f"at least {min(flatter):.3f}, worse in {worse} of {len(group)}"
            holds = min(flatter) > 0.08 and worse == len(group)
            lines.append((f"{name}: hard {method} 50 % is flatter", "by more than .08, and worse", told, holds))
    return lines


def slopes(records: list[Record]) -> Iterator[str]:
    yield "| data | arm | runs | b | slope | Δ | Δ to random | share | Δ over model size | verdicts |"
    yield "|---|---|---:|---:|---:|---:|---:|---:|---:|---|"
    for name in CASES:
        group = [r for r in records if r["data"] == name]
        for arm in group[0]["measures"] if group else ():
            cells = [name, arm, str(len(group)), f"{np.mean([r['b'] for r in group]):.2f}"]
            for quantity in QUANTITIES:
                found = [r["measures"][arm].get(quantity, [None] * 3) for r in group]
                values = [value for value, _, _ in found if value is not None]
                if len(values) == len(group):
                    spread = f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
                    cells.append(f"{np.mean(values):.3f}{spread}")
                else:
                    ends = [high for _, _, high in found if high is not None]
                    cells.append(f"< {max(ends):.3f}" if len(ends) == len(group) else "")
            counts = Counter(r["verdicts"][arm] for r in group if arm in r["verdicts"])
            cells.append(", ".join(f"{count} {verdict}" for verdict, count in counts.most_common()))
            yield f"| {' | '.join(cells)} |"


def covers(records: list[Record]) -> Iterator[str]:
    yield "| data | target | what | data sets | mean | intervals that hold it | half-width | verdicts |"
    yield "|---|---|---|---:|---:|---:|---:|---|"
    for kind, target in COVERED.items():
        group = [r for r in records if r["data"] == kind]
        if not group:
            continue
        values = np.concatenate([r["values"] for r in group])
        verdicts = [one for r in group for one in r["verdicts"]]
        for place, label in enumerate(("slope, unpruned", *(f"Δ, {arm.label}" for arm in ARMS))):
            truth = values[:, place].mean()
            found = [estimated(np.array(one), 0.25) for one in values[:, place]]
            held = np.mean([one.low <= truth <= one.high for one in found])
            width = np.mean([one.high - one.value for one in found])
            counts = Counter(one[place - 1] for one in verdicts) if place else Counter()
            told = ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())
            yield (
                f"| {kind} | {target} | {label} | {len(values)} | {truth:+.3f} | {held:.2f} | {width:.3f} | {told} |"
            )


def table(records: list[Record]) -> str:
    lines = ["# Static limits", "", *(__doc__ or "").strip().splitlines()[6:], ""]
    lines += ["| asked | how | measured | holds |", "|---|---|---|---|"]
    lines += [f"| {what} | {how} | {told} | {'yes' if ok else 'NO'} |" for what, how, told, ok in acceptance(records)]
    parts = {part: [r for r in records if r["part"] == part] for part in ("curves", "coverage")}
    lines += ["", "± is the standard deviation over runs.", "", *slopes(parts["curves"]), ""]
    return "\n".join([*lines, *covers(parts["coverage"])]) + "\n"


def picture() -> api.Experiment:
    """Return the document whose figure the documentation shows."""
    data = HERE.parent / "sample_data"
    return api.static_limit(api.Task(data / "digits.npy", labels=data / "digits_labels.npy"))


def main() -> None:
    study(
        "static_limit",
        __doc__,
        parts=sorted({*(name.partition(",")[0] for name in CASES), *COVERED}),
        jobs=jobs,
        table=table,
        draw=lambda path: picture().plot(path),
    )


if __name__ == "__main__":
    main()
