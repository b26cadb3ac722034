"""What labels of a teacher give a student: inside and outside the teacher's span, and to learning curves; resumable.

    python benchmarks/synthetic_span.py          # what is missing from results/synthetic_span.jsonl, then the table
    python benchmarks/synthetic_span.py --only "wordnet a=2" "digits, mlp"
    python benchmarks/synthetic_span.py --table

What `specaudit experiment synthetic-span` and `distill` measure, a run at a time, by other seeds than served to
choose anything. wordnet is read from the directory that SPECAUDIT_STUDY_DATA names, and without it from sample_data,
where the digits are in either case; circle (b = 2) and sphere2 (b = 3/2) are made.

Span: up to 8 times as many rows as the 200 real ones (150 of digits, 100 for the network of word glosses) are added.
A teacher of modes has the 30 leading ones of the real rows (20 of 100), and the target is a Gaussian process with
source exponent a, or the labels. A teacher of classes knows the digits 0 to 4; of each of the others the student has
an eighth as many rows. `flat` is a generator without noise beyond its 16 principal components. Networks have 64
hidden units and equal steps, 1,500 for digits and 1,000 for word glosses. Errors are means over runs; gains and
shares have 95 % intervals, as in the documents. Ratio is the error outside the span at 8 times the rows over that of
the real rows alone. Where errors fall as n^(1 - a), fresh real rows have a ratio of 9^(1 - a): .11 with a = 2, .33
with a = 1.5.

Coverage: of 40 data sets of a kind, each of 400 rows with 4 runs and a teacher of 7 modes, the share of the 95 %
intervals of gains that hold the mean gain of all of them.

Distill: 2,500 rows (digits 1,797) and 8 runs each (networks 5, of 500 steps). g is d ln n_eq / d ln n: with n_eq true
labels alone the student has the loss that it has with n and a teacher, over the sizes at which both losses are below
1, four at least and a decade. `updated` with kernel ridge regression is 1 by
algebra and `more` is 1 but for chance: these two say what the measure shows where nothing moves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from frontier import SETS, generator
from resume import Record, study

from specaudit import api
from specaudit.documents import Experiment
from specaudit.experiments.distill import distillation
from specaudit.experiments.learners import NetworkLearner, Problem, RidgeLearner, operator_of
from specaudit.experiments.network import Network
from specaudit.experiments.ridge import RIDGE
from specaudit.experiments.slopes import Estimate
from specaudit.experiments.span_verdicts import findings
from specaudit.experiments.synthetic_rows import SpanTask, Teacher, scene_of
from specaudit.experiments.synthetic_span import VOLUMES, SpanRun, SpanStudy, one_run, synthetic_span
from specaudit.experiments.targets import Labels, ProcessTarget
from specaudit.kernels import choose_kernel

HERE = Path(__file__).parent
SEED = 100
MODES, KNOWN = Teacher(modes=30), Teacher(classes=(0, 1, 2, 3, 4))


@dataclass(frozen=True, kw_only=True)
class Case:
    """One line of the study; `source` is None for the labels, `steps` for kernel ridge regression."""

    rows: int
    runs: int
    source: float | None = None
    steps: int | None = None
    teacher: Teacher = MODES
    real: int | None = 200
    noise: bool = True


COVERED, DATA_SETS = ("sphere2", "gmmzipf"), range(1000, 1040)
SPANS = {
    "wordnet a=2": Case(rows=3000, runs=6, source=2.0),
    "wordnet a=1.5": Case(rows=3000, runs=6, source=1.5),
    "wordnet a=2, flat": Case(rows=3000, runs=4, source=2.0, noise=False),
    "digits, labels": Case(rows=1797, runs=8, real=150),
    "digits by classes": Case(rows=1797, runs=8, real=150, teacher=KNOWN),
    "digits by classes, mlp": Case(rows=1797, runs=6, real=150, teacher=KNOWN, steps=1500),
    "wordnet a=2, mlp": Case(rows=3000, runs=4, source=2.0, steps=1000, real=100, teacher=Teacher(modes=20)),
}
CURVES = {
    "circle a=2": Case(rows=2500, runs=8, source=2.0),
    "sphere2 a=1.5": Case(rows=2500, runs=8, source=1.5),
    "wordnet a=1.5": Case(rows=2500, runs=8, source=1.5),
    "digits, labels": Case(rows=1797, runs=8),
    "digits, labels, mlp": Case(rows=1797, runs=5, steps=500),
}


def problem_of(name: str, case: Case) -> Problem:
    """Return the problem of a case; `name` begins with that of its data."""
    data = name.replace(",", " ").split()[0]
    rng = generator(data, SEED)
    if case.source is None:
        order = rng.permutation(case.rows)
        rows = np.load(HERE.parent / "sample_data" / "digits.npy")[order].astype(float)
        digits = np.load(HERE.parent / "sample_data" / "digits_labels.npy")[order]
    else:
        rows = SETS[data](case.rows, rng)
    rows -= rows.mean(axis=0)
    kernel = choose_kernel("laplace", rows)
    operator = operator_of(kernel, rows)
    labelled = case.source is None
    ridge = RidgeLearner(matrix=operator.matrix, ridge=RIDGE["labels" if labelled else "gp"])
    network = None if case.steps is None else NetworkLearner(rows=rows, network=Network(steps=case.steps))
    return Problem(
        rows=rows,
        matrix=operator.matrix,
        kernel=kernel,
        target=Labels.of(digits.astype(str)) if labelled else ProcessTarget.of(operator, case.source),
        outputs=32 if network is None else 8,
        learner=network or ridge,
        seed=SEED,
    )


def task_of(name: str) -> SpanTask:
    case = SPANS[name]
    return SpanTask(
        problem=problem_of(name, case), teacher=case.teacher, volumes=VOLUMES, real=case.real, noise=case.noise
    )


def span(task: SpanTask, name: str, run: int) -> Record:
    """Return the errors of one run."""
    found = one_run(scene_of(task, run))
    parts = task.problem.split(run)
    return {
        "part": "span",
        "case": name,
        "run": run,
        "real": found.real,
        "tested": found.tested,
        "errors": {source: np.round(errors, 6).tolist() for source, errors in found.errors.items()},
        "epochs": None if found.epochs is None else np.round(found.epochs, 6).tolist(),
        "drift": float(f"{found.drift:.3g}"),
        "teacher": np.round(found.teacher, 6).tolist(),
        "sizes": list(found.sizes),
        "sized": np.round(found.sized, 6).tolist(),
        "shared": len(parts.test) / len(parts.pool),
    }


def curves(name: str) -> Record:
    """Return the learning curves of one problem."""
    case = CURVES[name]
    found = distillation(problem_of(name, case), runs=case.runs)
    ways = {}
    for curve in found.curves:
        ways[curve.way.id] = {
            "losses": np.round(curve.losses.mean(axis=0), 5).tolist(),
            "slope": told(curve.slope),
            "difference": told(curve.difference),
            "growth": told(curve.growth),
            "worth": round(float(curve.worth[:, -1].mean() / found.sizes[-1]), 4),
            "verdict": curve.verdict,
        }
    tail = found.tail
    return {
        "part": "distill",
        "case": name,
        "sizes": list(found.sizes),
        "b": None if tail is None else round(tail.value, 3),
        "ways": ways,
    }


def cover(name: str, seed: int) -> Record:
    """Return the gains of one data set, with intervals."""
    rows = SETS[name](400, generator(name, seed))
    rows -= rows.mean(axis=0)
    kernel = choose_kernel("laplace", rows)
    operator = operator_of(kernel, rows)
    problem = Problem(
        rows=rows,
        matrix=operator.matrix,
        kernel=kernel,
        target=ProcessTarget.of(operator, 2.0),
        outputs=32,
        learner=RidgeLearner(matrix=operator.matrix, ridge=RIDGE["gp"]),
        seed=seed,
    )
    study = synthetic_span(SpanTask(problem=problem, teacher=Teacher(modes=7), volumes=(0.0, 8.0)), runs=4)
    gains = {one.source: {"outside": told(one.outside), "inside": told(one.inside)} for one in findings(study)}
    return {"part": "cover", "case": name, "seed": seed, "gains": gains}


def told(of: Estimate | None) -> list[float | None] | None:
    if of is None:
        return None
    return [None if end is None else round(end, 4) for end in (of.value, of.low, of.high)]


def jobs(only: list[str]) -> Iterator[tuple[Record, Callable[[], Record]]]:
    """Yield what tells a run from the others, and what does it."""
    for name in only:
        if name in SPANS:
            tasks: list[SpanTask] = []
            for run in range(SPANS[name].runs):
                yield {"part": "span", "case": name, "run": run}, partial(_span, tasks, name, run)
        for seed in DATA_SETS if name in COVERED else ():
            yield {"part": "cover", "case": name, "seed": seed}, partial(cover, name, seed)
        if name in CURVES:
            yield {"part": "distill", "case": name}, partial(curves, name)


def _span(tasks: list[SpanTask], name: str, run: int) -> Record:
    """Make the task of a case once, when it is first needed."""
    if not tasks:
        tasks.append(task_of(name))
    return span(tasks[0], name, run)


def study_of(records: list[Record], name: str) -> SpanStudy | None:
    """Return the runs of a case as the experiment has them."""
    group = sorted((r for r in records if r["part"] == "span" and r["case"] == name), key=lambda r: r["run"])
    if not group:
        return None
    runs = [
        SpanRun(
            real=r["real"],
            tested=r["tested"],
            errors={source: np.array(errors) for source, errors in r["errors"].items()},
            epochs=None if r["epochs"] is None else np.array(r["epochs"]),
            drift=r["drift"],
            teacher=np.array(r["teacher"]),
            sizes=tuple(r["sizes"]),
            sized=np.array(r["sized"]),
        )
        for r in group
    ]
    return SpanStudy(volumes=VOLUMES, runs=tuple(runs), shared=group[0]["shared"])


TAUGHT = ("self", "teacher-generated", "teacher-fresh")


def ratios(study: SpanStudy) -> dict[str, float]:
    """Return the mean error outside at the largest volume over that of the real rows alone."""
    means = {source.id: study.errors(source.id).mean(axis=0)[:, 0] for source in study.sources}
    return {source: float(of[-1] / of[0]) for source, of in means.items()}


def acceptance(records: list[Record]) -> list[tuple[str, str, str, bool]]:
    """Return what was asked for, how, what is measured, and whether it holds."""
    lines = []
    studies = {name: study for name in SPANS if (study := study_of(records, name)) is not None}
    exact = [run.drift for name, study in studies.items() if SPANS[name].steps is None for run in study.runs]
    if exact:
        told = f"at most {max(exact):.0e} s.d. in {len(exact)} runs"
        lines.append(("own labels: the student stays as it is", "within 1e-6", told, max(exact) < 1e-6))
    for name in ("wordnet a=2", "wordnet a=2, flat"):
        if name in studies:
            found = ratios(studies[name])
            least = min(found[source] for source in TAUGHT)
            lines.append((f"{name}: ratio of all labels of a teacher", "at least .95", f"{least:.3f}", least >= 0.95))
            real = found["fresh"]
            lines.append((f"{name}: ratio of fresh real rows", "below .25", f"{real:.3f}", real < 0.25))
    for name, most in (("digits by classes", 0.0), ("digits by classes, mlp", 0.02)):
        if name in studies:
            gains = {source: studies[name].gain(source)[:, 0].mean() for source in TAUGHT}
            asked = "at most 0" if not most else "at most .02, at equal steps"
            told = ", ".join(f"{source} {gain:+.3f}" for source, gain in gains.items())
            told += f" ({len(studies[name].runs)} runs)"
            holds = bool(max(gains.values()) <= most)
            lines.append((f"{name}: gain in accuracy on the others", asked, told, holds))
    return lines


def spans(records: list[Record]) -> Iterator[str]:
    volumes = ", ".join(f"{volume:g}" for volume in VOLUMES)
    heads = f"case | runs | added rows | error outside at {volumes} | inside | ratio | gain outside | share | verdict"
    yield f"| {heads} |"
    yield "|---|---:|---|---|---|---:|---|---|---|"
    for name in SPANS:
        study = study_of(records, name)
        if study is None:
            continue
        judged, ratio = {one.source: one for one in findings(study)}, ratios(study)
        for source in study.sources:
            means = study.errors(source.id).mean(axis=0)
            cells = [name, str(len(study.runs)), source.label, " ".join(f"{error:.3f}" for error in means[:, 0])]
            cells += [f"{means[0, 1]:.3f} to {means[-1, 1]:.3f}", f"{ratio[source.id]:.3f}"]
            one = judged.get(source.id)
            cells += ["", "", ""] if one is None else [shown(one.outside), shown(one.share), one.verdict]
            yield f"| {' | '.join(cells)} |"
        epochs = [run.epochs for run in study.runs if run.epochs is not None]
        if epochs:
            outside, inside = np.mean(epochs, axis=0)
            yield f"| {name} | {len(epochs)} | none, equal epochs | {outside:.3f} | {inside:.3f} |  |  |  |  |"


def sizes(records: list[Record]) -> Iterator[str]:
    yield "| case | modes of the teacher | outside its span: real rows alone | with 8 times its labels |"
    yield "|---|---:|---:|---:|"
    for name in SPANS:
        study = study_of(records, name)
        if study is not None and study.runs[0].sizes:
            means = np.mean([run.sized for run in study.runs], axis=0)
            for modes, (taught, alone) in zip(study.runs[0].sizes, means, strict=True):
                yield f"| {name} | {modes} | {alone:.3f} | {taught:.3f} |"


def coverage(records: list[Record]) -> Iterator[str]:
    yield "| data | data sets | gain of | outside: mean | its intervals cover | inside: mean | its intervals cover |"
    yield "|---|---:|---|---:|---:|---:|---:|"
    for name in COVERED:
        group = [r for r in records if r["part"] == "cover" and r["case"] == name]
        for source in ("teacher-generated", "teacher-fresh", "true-generated") if group else ():
            cells = [name, str(len(group)), source]
            for side in ("outside", "inside"):
                values, low, high = np.array([r["gains"][source][side] for r in group]).T
                mean = values.mean()
                cells += [f"{mean:+.3f}", f"{np.mean((low <= mean) & (mean <= high)):.2f}"]
            yield f"| {' | '.join(cells)} |"


def exponents(records: list[Record]) -> Iterator[str]:
    yield "| case | b | labels from | losses | slope | Δ slope | g | n_eq / n | verdict (exploratory) |"
    yield "|---|---:|---|---|---|---|---|---:|---|"
    for name in CURVES:
        for record in (r for r in records if r["part"] == "distill" and r["case"] == name):
            for way, of in record["ways"].items():
                b = "" if record["b"] is None else f"{record['b']:.2f}"
                cells = [name, b, way, " ".join(f"{loss:.3f}" for loss in of["losses"])]
                cells += [listed(of[key]) for key in ("slope", "difference", "growth")]
                cells += ["" if np.isnan(of["worth"]) else f"{of['worth']:.2f}", of["verdict"] or ""]
                yield f"| {' | '.join(cells)} |"


def shown(of: Estimate | None) -> str:
    return listed(told(of))


def listed(of: list[float | None] | None) -> str:
    if of is None:
        return ""
    value, low, high = of
    return f"{value:+.3f}" + ("" if low is None else f" [{low:+.3f}, {high:+.3f}]")


def table(records: list[Record]) -> str:
    lines = ["# Labels of a teacher", "", *(__doc__ or "").strip().splitlines()[6:], ""]
    lines += ["| line | asked | measured | holds |", "|---|---|---|---|"]
    lines += [
        f"| {line} | {asked} | {told} | {'yes' if holds else 'no'} |"
        for line, asked, told, holds in acceptance(records)
    ]
    for part in (spans, sizes, coverage, exponents):
        lines += ["", *part(records)]
    return "\n".join(lines) + "\n"


def picture() -> Experiment:
    """Return what is drawn: the sample's word glosses."""
    task = api.Task(str(HERE.parent / "sample_data" / "embeddings.npy"), source_exponent=2.0)
    return api.synthetic_span(task)


def main() -> None:
    study(
        "synthetic_span",
        __doc__,
        parts=[*SPANS, *COVERED, *(name for name in CURVES if name not in SPANS)],
        jobs=jobs,
        table=table,
        draw=lambda path: picture().plot(path),
    )


if __name__ == "__main__":
    main()
