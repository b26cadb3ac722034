"""Ways of building the kernel graph's near field against the dense operator, and the calibrated graph; resumable.

    python benchmarks/graph.py                # what is missing from results/graph.jsonl, then the table
    python benchmarks/graph.py --only S^5     # laws whose name contains one of these
    python benchmarks/graph.py --table

On 16,384 rows (patches: all 7,947 different ones), with m = n/4, n/16 and n/64 landmarks: the far field of landmarks
and, for the residual,

- none: its diagonal alone;
- masked: its entries between 64 nearest neighbours;
- cell: its entries within k-means cells of 64 rows on average;
- cells: the mean of six such partitions, a taper;
- shared: its entries times the shared membership in each row's 8 nearest landmarks, a taper;
- previous: what `specaudit fit --operator graph` takes, each row regressed on 32 nearest previous rows.

Every way but the last is worked out densely here, which gives the same operator. Landmarks are the first rows, which
are in random order; k-means centres did no better with `previous`. Then the calibrated graph, as `fit` gives it, with
n/2, n/4 and n/8 rows to calibrate on, is held against the dense operator of all rows.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from laws import sphere
from scipy.sparse import csr_array

from specaudit.calibration import SHARES, GraphSettings, estimate_graph
from specaudit.capacity import CapacityCurve
from specaudit.estimate import FLOOR, Share, measure_operator
from specaudit.exponent import slope_over, window_of
from specaudit.extension import extended_eigenvalues
from specaudit.graph import graph_operator, previous_rows
from specaudit.kernels import Kernel, choose_kernel
from specaudit.measure import SpectralMeasure
from specaudit.operators import DenseOperator, Operator, dense_operator

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import faiss

ROWS = 16_384
RATIOS = (4, 16, 64)
LEADING = 100
CLOSE = 0.01
DATA = Path(os.environ.get("SPECAUDIT_STUDY_DATA") or Path(__file__).parents[2] / "shared" / "data")
RESULTS = Path(__file__).parent / "results"
Record = dict[str, object]


def law(name: str) -> tuple[str, np.ndarray] | None:
    """Return the kernel and the rows of a law in random order; None where its file is not here."""
    rng = np.random.default_rng(0)
    kernel, _, place = name.partition(" ")
    if place.startswith("S^"):
        return kernel, sphere(kernel, int(place[2:])).rows(ROWS, rng)
    path = DATA / {"wordnet": "large/wordnet117k.npy", "patches": "patches8k.npy"}[place]
    if not path.is_file():
        print(f"skipped: {name} ({path} is not here)")
        return None
    rows = np.unique(np.load(path), axis=0)
    return kernel, rows[rng.permutation(len(rows))[:ROWS]].astype(float)


LAWS = (
    "laplace S^2",
    "laplace S^3",
    "laplace S^5",
    "laplace S^10",
    "matern32 S^5",
    "laplace wordnet",
    "laplace patches",
)


def measured(operator: Operator) -> tuple[SpectralMeasure, CapacityCurve]:
    share = Share(weights=np.ones(operator.size, np.int64), floor=FLOOR * operator.rounding)
    measure = measure_operator(operator, share, seed=0)
    return measure, share.curve(measure)


def cells(rows: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Return the k-means cell of every row."""
    points = rows.astype(np.float32)
    means = faiss.Kmeans(points.shape[1], max(1, len(points) // size), niter=8, seed=seed, min_points_per_centroid=1)
    means.train(points)
    return means.assign(points)[1].ravel()


def nearest(rows: np.ndarray, others: np.ndarray, k: int) -> np.ndarray:
    return faiss.knn(rows.astype(np.float32), others.astype(np.float32), k)[1]


Taper = Callable[[slice], np.ndarray]


def no_taper(rows: np.ndarray, m: int) -> Taper:
    return lambda part: np.eye(len(rows), dtype=np.float32)[part]


def masked(rows: np.ndarray, m: int) -> Taper:
    mask = np.eye(len(rows), dtype=bool)
    mask[np.arange(len(rows))[:, None], nearest(rows, rows, 64)] = True
    mask |= mask.T
    return lambda part: mask[part]


def one_cell(rows: np.ndarray, m: int) -> Taper:
    label = cells(rows, 64, 0)
    return lambda part: label[part, None] == label


def six_cells(rows: np.ndarray, m: int) -> Taper:
    labels = [cells(rows, 64, seed) for seed in range(6)]
    return lambda part: np.mean([label[part, None] == label for label in labels], axis=0, dtype=np.float32)


def shared(rows: np.ndarray, m: int) -> Taper:
    columns = nearest(rows, rows[:m], 8).ravel()
    ends = np.arange(0, len(columns) + 1, 8)
    member = csr_array((np.full(len(columns), 8**-0.5, np.float32), columns, ends), shape=(len(rows), m))
    return lambda part: (member[part] @ member.T).toarray()


TAPERS = {"none": no_taper, "masked": masked, "cell": one_cell, "cells": six_cells, "shared": shared}
WAYS = (*TAPERS, "previous")


def approximations(kernel: Kernel, rows: np.ndarray, exact: DenseOperator, m: int) -> Callable[[str], Operator]:
    """Return what makes the operator of each way with m landmarks; the product of the far field is made once."""
    graph = graph_operator(kernel, rows, previous_rows(rows, threads=2), landmarks=m, threads=2)
    projected = np.empty_like(exact.matrix)

    def make(way: str) -> Operator:
        if way == "previous":
            return graph
        if not projected.any():
            np.matmul(graph.far, graph.far.T, out=projected)
        taper, n = TAPERS[way](rows, m), len(rows)
        matrix = np.empty_like(projected)
        for start in range(0, n, 1024):
            part = slice(start, start + 1024)
            matrix[part] = projected[part] + (exact.matrix[part] - projected[part]) * taper(part)
        matrix[np.diag_indices(n)] = 1.0
        return DenseOperator(matrix=matrix, diagonal=np.ones(n))

    return make


def differences(found: CapacityCurve, dense: CapacityCurve, n: int) -> dict[str, float]:
    """Return the slope less the dense one, by depth as a share of the rows."""
    return {
        f"1/{round(1 / share)}": float(slope_over(found, window) - slope_over(dense, window))
        for share in SHARES
        if (window := window_of(dense, share * n)) is not None
    }


def run(name: str, done: set[tuple[object, ...]], write: Callable[[Record], None]) -> None:
    jobs = [(ratio, way) for ratio in RATIOS for way in (*WAYS, "calibrated") if (name, ratio, way) not in done]
    found = law(name) if jobs else None
    if found is None:
        return
    rows = found[1] - found[1].mean(axis=0)
    kernel, n = choose_kernel(found[0], rows), len(rows)
    once = np.ones(n, np.int64)
    operator = dense_operator(kernel, rows, threads=2)
    exact, dense = measured(operator)
    made: dict[int, Callable[[str], Operator]] = {}
    for ratio, way in jobs:
        start = time.perf_counter()
        record: Record = {"law": name, "rows": n, "ratio": ratio, "way": way}
        if way == "calibrated":
            settings = GraphSettings(landmarks=n // ratio, neighbors=32)
            answer = estimate_graph(kernel, rows, once, settings, dense_rows=n // 2, seed=0, threads=2)
            stated = answer.calibration
            assert stated is not None
            record |= {"trusted": stated.trusted, "share": stated.share, "trend": stated.trend, "shift": stated.shift}
            top = stated.ladder[-1]
            if top.window is not None and top.calibrated is not None:
                record["difference"] = top.calibrated - float(slope_over(dense, top.window))
            assert answer.pairs is not None
            values = extended_eigenvalues(
                kernel, lambda: [(rows, once)], rows, once, answer.pairs, LEADING, threads=2
            ).values
        else:
            if ratio not in made:
                made = {ratio: approximations(kernel, rows, operator, n // ratio)}
            near = made[ratio](way)
            measure, curve = measured(near)
            record["differences"] = differences(curve, dense, n)
            record["negative"] = round(float(measure.weights[measure.nodes < -30 * near.rounding].sum()))
            values = measure.eigenvalues
        both = min(LEADING, len(values), exact.exact)
        if both:
            record["leading"] = float(np.abs(values[:both] / exact.eigenvalues[:both] - 1).max())
        record["seconds"] = round(time.perf_counter() - start, 1)
        write(record)


def trusted_depth(by_depth: dict[str, float]) -> str:
    """Return the deepest share to which the slope is within CLOSE, with all shallower ones; or none."""
    depth = "none"
    for share, difference in by_depth.items():
        if not abs(difference) <= CLOSE:
            break
        depth = share
    return depth


def table(records: list[Record]) -> str:
    lines = ["# Near fields of the kernel graph", "", *(__doc__ or "").strip().splitlines()[6:], ""]
    shares = [f"1/{round(1 / share)}" for share in SHARES]
    lines += [
        "Slope less the dense slope, over windows that end at N₁ = these shares of the rows; trusted: the deepest",
        f"that is within {CLOSE}, with all shallower ones. Leading: largest relative error of the first {LEADING}",
        "eigenvalues.",
        "",
        f"| law | m/n | near field | {' | '.join(shares)} | trusted | leading | negative eigenvalues |",
        "|---|---|---|" + "---:|" * (len(shares) + 3),
    ]
    ordered = sorted(records, key=lambda r: (LAWS.index(r["law"]), r["ratio"], (*WAYS, "calibrated").index(r["way"])))
    for r in ordered:
        if r["way"] != "calibrated":
            by_depth = r["differences"]
            shown = " | ".join(f"{by_depth[s]:+.3f}" if s in by_depth else "-" for s in shares)
            lines.append(
                f"| {r['law']} | 1/{r['ratio']} | {r['way']} | {shown} | {trusted_depth(by_depth)} "
                f"| {r['leading']:.1%} | {r['negative']} |"
            )
    lines += [
        "",
        "## The calibrated graph",
        "",
        "Trend: what a doubling of the rows moves the calibrated slope by, which decides the trust and is part of",
        "the interval. Shift: of the graph before calibration. Difference: calibrated less dense, of the same rows.",
        "",
        "| law | m/n | trusted | to N₁ / n | shift | trend | difference | leading |",
        "|---|---|---|---:|---:|---:|---:|---:|",
    ]
    for r in ordered:
        if r["way"] == "calibrated":
            difference = f"{r['difference']:+.4f}" if "difference" in r else "-"
            leading = f"{r['leading']:.1%}" if "leading" in r else "-"
            lines.append(
                f"| {r['law']} | 1/{r['ratio']} | {'yes' if r['trusted'] else 'no'} | 1/{round(1 / r['share'])} "
                f"| {r['shift']:+.3f} | {r['trend']:.4f} | {difference} | {leading} |"
            )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[""])
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    log = RESULTS / "graph.jsonl"
    records = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def write(record: Record) -> None:
        records.append(record)
        with log.open("a") as file:
            file.write(json.dumps(record) + "\n")
        print(record, flush=True)

    done = {(r["law"], r["ratio"], r["way"]) for r in records}
    for name in () if arguments.table else LAWS:
        if any(part in name for part in arguments.only):
            run(name, done, write)
    (RESULTS / "graph.md").write_text(table(records))


if __name__ == "__main__":
    main()
