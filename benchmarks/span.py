"""How often the span test names sets of rows right; resumable.

    python benchmarks/span.py                 # what is missing from results/span.jsonl, then results/span.md
    python benchmarks/span.py --only text --cases holdout jargon
    python benchmarks/span.py --table

Each of 24 splits takes 2,000 random rows of a data set as the real ones (digits: 900) and judges sets of 1,000
others (400): `holdout`, other real rows; `copies`, real rows embedded again (moved by 0.1 % of their length);
`pca32`, others rebuilt from the 32 leading components of the real rows; `noise`, isotropic; `real + noise`, half
each; `chain`, the fifth generation of means of two neighbours; `topic`, rows of a topic (photograph, digits) that the
real rows lack; `dwelling`, other rows of one topic that the real rows have; `jargon` and `bible`, text of another
kind, and both mixed into `holdout`. The thresholds were set on topics of the large WordNet file, and after a look at
the first two splits.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from specaudit.kernels import choose_kernel
from specaudit.span import RealRows, judge_span

SPLITS = 24
DATA = Path(os.environ.get("SPECAUDIT_STUDY_DATA") or Path(__file__).parents[2] / "shared" / "data")
HERE = Path(__file__).parent
RESULTS = HERE / "results"
Record = dict[str, object]
Rng = np.random.Generator

SIZES = {"text": (2000, 1000), "patches": (2000, 1000), "digits": (900, 400)}
"""Real and new rows."""
TOPICS = {"text": (5, 20), "patches": ("china.jpg",), "digits": (8, 9)}
"""What `topic` and `dwelling` are of: animals and plants, a photograph, two digits."""
MIXED = (0.1, 0.2, 0.5)
WANTED = {
    "holdout": "in-span",
    "copies": "copies",
    "pca32": "collapsed",
    "noise": "noise",
    "real + noise": "noise",
    "chain": "collapsed",
    "topic": "new-modes",
    "dwelling": "in-span",
    "jargon": "new-modes",
    "bible": "new-modes",
    **{f"{name} {share:.0%}": "new-modes" for name in ("jargon", "bible") for share in MIXED},
}
UNIT = ("text",)
"""Data of rows of length 1."""


def load(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and the topic of each."""
    file = {"text": "wordnet8k", "patches": "patches8k", "digits": "digits"}[name]
    rows = np.load(DATA / f"{file}.npy").astype(float)
    topics = np.load(DATA / "digits_labels.npy") if name == "digits" else np.load(HERE / "data" / "topics.npz")[name]
    _, first = np.unique(rows, axis=0, return_index=True)
    return rows[first], topics[first]


def other(name: str) -> np.ndarray:
    return np.load(HERE / "data" / f"{name}.npy").astype(float)


def scaled(name: str, rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True) if name in UNIT else rows


def rebuilt(name: str, real: np.ndarray, rows: np.ndarray, rank: int) -> np.ndarray:
    mean = real.mean(axis=0)
    basis = np.linalg.svd(real - mean, full_matrices=False)[2][:rank]
    return scaled(name, (rows - mean) @ basis.T @ basis + mean)


def noise(name: str, real: np.ndarray, count: int, rng: Rng) -> np.ndarray:
    spread = (real - real.mean(axis=0)).std()
    return scaled(name, rng.normal(size=(count, real.shape[1])) * spread + (0 if name in UNIT else real.mean(axis=0)))


def chain(name: str, rows: np.ndarray, rng: Rng, generations: int = 5) -> np.ndarray:
    for _ in range(generations):
        near = np.argsort(((rows[:, None, :64] - rows[None, :, :64]) ** 2).sum(axis=2), axis=1)[:, 1:6]
        chosen = rng.integers(0, len(rows), len(rows))
        rows = scaled(name, (rows[chosen] + rows[near[chosen, rng.integers(0, 5, len(rows))]]) / 2)
    return rows


def cases(name: str, split: int) -> Iterator[tuple[str, np.ndarray, Callable[[], np.ndarray]]]:
    """Yield each case's name, its real rows and what makes its new ones."""
    rng = np.random.default_rng([split, 77])
    rows, topics = load(name)
    n, m = SIZES[name]
    order = rng.permutation(len(rows))
    real, held = rows[order[:n]], rows[order[n : n + m]]
    topic = np.isin(topics, TOPICS[name])
    yield "holdout", real, lambda: held
    yield "copies", real, lambda: real[:m] * (1 + 1e-3 * rng.normal(size=(m, rows.shape[1])))
    yield "pca32", real, lambda: rebuilt(name, real, held, 32)
    yield "noise", real, lambda: noise(name, real, m, rng)
    yield "real + noise", real, lambda: np.concatenate([held[: m // 2], noise(name, real, m // 2, rng)])
    yield "chain", real, lambda: chain(name, real[:m], rng)
    without, within = rng.permutation(np.flatnonzero(~topic)), rng.permutation(np.flatnonzero(topic))
    rest = order[n:][topic[order[n:]]][:m]
    yield "dwelling", real, lambda: rows[rest]
    yield "topic", rows[without[:n]], lambda: rows[within[:m]]
    if name == "text":
        for corpus in ("jargon", "bible"):
            found = other(corpus)
            new = found[rng.permutation(len(found))[:m]]
            yield corpus, real, lambda new=new: new
            for share in MIXED:
                cut = int(share * m)
                mixed = np.concatenate([held[: m - cut], new[:cut]])
                yield f"{corpus} {share:.0%}", real, lambda mixed=mixed: mixed


def run(name: str, split: int, wanted: set[str], write: Callable[[Record], None]) -> None:
    prepared: dict[int, RealRows] = {}
    for case, real, make in cases(name, split):
        if case not in wanted:
            continue
        key = id(real)
        if key not in prepared:
            prepared.clear()
            kernels = [choose_kernel(kernel, real - real.mean(axis=0)) for kernel in ("laplace", "linear")]
            prepared[key] = RealRows(kernels, real, np.ones(len(real), np.int64), seed=split, threads=2)
        start, new = time.perf_counter(), make()
        span = judge_span(prepared[key], new, np.ones(len(new), np.int64))
        record: Record = {"data": name, "case": case, "split": split, "classes": list(span.classes)}
        record |= {"near": span.near.value, "repeats": span.repeats.value}
        for kernel, found in span.kernels.items():
            record[kernel] = {
                "shift": round(found.shift, 3),
                "high": round(found.high.value, 4),
                "low": round(found.low.value, 4),
                "coherence": round(found.coherence, 2),
                "outside": [round(x, 3) for x in found.outside],
                "outside_z": round(found.outside_z, 2),
                "rest": round(found.rest.value, 4),
                "mode": round(float(found.modes[0]), 3),
                "held": found.held,
            }
        record["seconds"] = round(time.perf_counter() - start, 2)
        write(record)


def table(records: list[Record]) -> str:
    lines = ["# Span test", "", *(__doc__ or "").strip().splitlines()[6:], ""]
    lines += ["| data | case | should be | sets | named so | all names |", "|---|---|---|---:|---:|---|"]
    for name in SIZES:
        for case, wanted in WANTED.items():
            group = [r for r in records if r["data"] == name and r["case"] == case]
            if not group:
                continue
            right = sum(wanted in r["classes"] for r in group)
            counts = Counter(" + ".join(r["classes"]) for r in group)
            shown = ", ".join(f"{label} {count}" for label, count in counts.most_common())
            lines.append(f"| {name} | {case} | {wanted} | {len(group)} | {right / len(group):.0%} | {shown} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=list(SIZES))
    parser.add_argument("--cases", nargs="+", default=list(WANTED))
    parser.add_argument("--splits", type=int, default=SPLITS)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    log = arguments.results / "span.jsonl"
    records = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def write(record: Record) -> None:
        records.append(record)
        with log.open("a") as file:
            file.write(json.dumps(record) + "\n")
        print(record, flush=True)

    for split in range(0 if arguments.table else arguments.splits):
        for name in arguments.only:
            done = {r["case"] for r in records if r["data"] == name and r["split"] == split}
            if left := set(arguments.cases) - done:
                run(name, split, left, write)
    (arguments.results / "span.md").write_text(table(records))


if __name__ == "__main__":
    main()
