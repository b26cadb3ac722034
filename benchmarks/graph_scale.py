"""The kernel graph at scale: real rows, a million rows, growth with the rows, and its parts beside other libraries.

    python benchmarks/graph_scale.py                  # all parts; results/graph_scale.jsonl, then the table
    python benchmarks/graph_scale.py --only growth    # real, million, growth, peers
    python benchmarks/graph_scale.py --table

Every fit is a process of its own: start-up, scan, neighbours, calibration, graphs and document are in its time, and
its peak memory is the process's. Rows on spheres are made on the fly, rotated into R^128 and written as float32.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from laws import sphere_population

DATA = Path(os.environ.get("SPECAUDIT_STUDY_DATA") or Path(__file__).parents[2] / "shared" / "data")
RESULTS = Path(__file__).parent / "results"
COLUMNS = 128
LEADING = 100
MILLION = 1_000_000
GROWTH = tuple(2**k for k in range(14, 21))
GROWING = ("--kernel", "laplace", "--operator", "graph", "--max-rows", "8192")
Record = dict[str, object]


def fit(path: Path, *arguments: str) -> tuple[dict, float, float]:
    """Return the document of a fit, its seconds and the GiB of its peak."""
    with tempfile.TemporaryDirectory() as folder:
        document = Path(folder) / "fit.json"
        command = [sys.executable, "-m", "specaudit", "fit", str(path), "-q", "-o", str(document), *arguments]
        start = time.perf_counter()
        known = {name: value for name, value in os.environ.items() if name != "SPECAUDIT_STUDY_DATA"}
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=known) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - start
        if process.returncode:
            raise SystemExit(f"{' '.join(command)}: exit code {process.returncode}")
        return json.loads(document.read_text()), seconds, usage.ru_maxrss / 2**20


def on_sphere(folder: str, dimension: int, rows: int) -> Path:
    """Write rows on S^dimension, rotated into R^128, and return the file."""
    rng = np.random.default_rng([dimension, rows])
    turn = np.linalg.qr(rng.standard_normal((COLUMNS, dimension + 1)))[0].T.astype(np.float32)
    path = Path(folder) / f"S{dimension}-{rows}.npy"
    out = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(rows, COLUMNS))
    for start in range(0, rows, 1 << 16):
        part = rng.standard_normal((min(1 << 16, rows - start), dimension + 1), dtype=np.float32)
        out[start : start + len(part)] = part / np.linalg.norm(part, axis=1, keepdims=True) @ turn
    out.flush()
    return path


def described(document: dict, seconds: float, peak: float) -> Record:
    spectrum = document["spectra"]["laplace"]
    graph, exponent = spectrum["estimator"]["graph"], spectrum["exponent"]
    keys = ("value", "slope", "low", "high", "window", "status", "operator_error")
    record: Record = {"seconds": round(seconds, 1), "GiB": round(peak, 2), **{key: exponent[key] for key in keys}}
    record["operator"] = spectrum["estimator"]["operator"]
    if graph is not None:
        record |= {key: graph[key] for key in ("rows", "landmarks", "trusted", "share", "shift", "trend", "recall")}
    return record


def real() -> list[Record]:
    path = DATA / "large" / "wordnet117k.npy"
    if not path.is_file():
        print(f"skipped: real ({path} is not here)")
        return []
    return [{"part": "real", "name": "WordNet, 117,659 x 384", **described(*fit(path, "--operator", "graph"))}]


def million() -> list[Record]:
    found = []
    for dimension in (3, 5):
        with tempfile.TemporaryDirectory() as folder:
            path = on_sphere(folder, dimension, MILLION)
            document, seconds, peak = fit(path, "--kernel", "laplace")
        spectrum = document["spectra"]["laplace"]
        population = sphere_population("laplace", dimension, spectrum["kernel"]["bandwidth"])
        exact = np.repeat(population.eigenvalues[:40], np.rint(population.multiplicity[:40]).astype(int))
        exact = np.sort(exact)[::-1][:LEADING]
        leading = float(np.abs(np.array(spectrum["eigenvalues"][:LEADING]) / exact - 1).max())
        record = described(document, seconds, peak)
        truth = population.slope(tuple(record["window"]))  # type: ignore[arg-type]
        dense = [rung for rung in spectrum["estimator"]["graph"]["ladder"] if rung["dense"] is not None][-1]
        found.append(
            {
                "part": "million",
                "name": f"S^{dimension}, {MILLION:,} x {COLUMNS}",
                **record,
                "truth": truth,
                "leading": leading,
                "dense_rows": dense["rows"],
            }
        )
    return found


def growth() -> list[Record]:
    found = []
    for rows in GROWTH:
        with tempfile.TemporaryDirectory() as folder:
            path = on_sphere(folder, 5, rows)
            found.append({"part": "growth", "name": f"{rows:,}", "size": rows, **described(*fit(path, *GROWING))})
        print(found[-1], flush=True)
    return found


def peers() -> list[Record]:
    """Time the neighbours beside pynndescent, and the spectrum beside scipy's eigsh on the same operator."""
    from scipy.sparse.linalg import LinearOperator, eigsh

    from specaudit.calibration import FLOOR
    from specaudit.estimate import Share, measure_operator
    from specaudit.graph import graph_operator, previous_rows
    from specaudit.kernels import choose_kernel

    with tempfile.TemporaryDirectory() as folder:
        rows = np.load(on_sphere(folder, 5, 65_536)).astype(float)
    rows -= rows.mean(axis=0)
    kernel, found, threads = choose_kernel("laplace", rows), [], len(os.sched_getaffinity(0))

    def timed(name: str, work: Callable[[], object]) -> object:
        start = time.perf_counter()
        result = work()
        found.append({"part": "peers", "name": name, "seconds": round(time.perf_counter() - start, 1)})
        print(found[-1], flush=True)
        return result

    previous = timed("32 nearest previous rows of 65,536", lambda: previous_rows(rows, threads=threads))
    try:
        from pynndescent import NNDescent
    except ImportError:
        print("skipped: pynndescent is not installed")
    else:
        points = rows.astype(np.float32)
        timed(
            "pynndescent, 32 nearest rows", lambda: NNDescent(points, n_neighbors=33, n_jobs=threads).neighbor_graph
        )
    operator = timed("kernel graph from them", lambda: graph_operator(kernel, rows, previous, threads=threads))
    share = Share(weights=np.ones(len(rows), np.int64), floor=FLOOR * operator.rounding)
    timed("its spectrum by quadrature", lambda: measure_operator(operator, share, seed=0))
    as_scipy = LinearOperator(
        (len(rows),) * 2,
        matvec=lambda v: operator.matmat(v.reshape(-1, 1).astype(np.float32)).ravel(),
        dtype=np.float32,
    )
    timed("scipy eigsh, 100 eigenvalues of it", lambda: eigsh(as_scipy, k=100, return_eigenvectors=False))
    return found


PARTS = {"real": real, "million": million, "growth": growth, "peers": peers}


def exponent_of(records: list[Record], key: str) -> float:
    rows = np.log([float(str(r["size"])) for r in records])
    return float(np.polyfit(rows, np.log([float(str(r[key])) for r in records]), 1)[0])


def table(records: list[Record]) -> str:
    parts = {part: [r for r in records if r["part"] == part] for part in PARTS}
    lines = ["# The kernel graph at scale", "", *(__doc__ or "").strip().splitlines()[6:], "", "## Real rows", ""]
    lines += ["| data | seconds | GiB | landmarks | recall | graph trusted |", "|---|---:|---:|---:|---:|---|"]
    for r in parts["real"]:
        trusted = "yes" if r["trusted"] else "no: the dense sample's answer is given"
        lines.append(f"| {r['name']} | {r['seconds']} | {r['GiB']} | {r['landmarks']} | {r['recall']} | {trusted} |")
    lines += [
        "",
        "## A million rows",
        "",
        "Truth: the population's slope over the same window (Funk and Hecke). Leading: largest relative distance of",
        f"the first {LEADING} eigenvalues from the population's.",
        "",
        "| data | seconds | GiB | operator | b | interval | truth | window N₂ | leading |",
        "|---|---:|---:|---|---:|---|---:|---|---:|",
    ]
    for r in parts["million"]:
        low, high = r["window"]  # type: ignore[misc]
        lines.append(
            f"| {r['name']} | {r['seconds']} | {r['GiB']} | {r['operator']} | {r['slope']:.4f} "
            f"| {r['low']:.4f} to {r['high']:.4f} | {r['truth']:.4f} | {low:.0f} to {high:.0f} | {r['leading']:.1%} |"
        )
    lines += ["", "## Growth, S^5", "", "| rows | seconds | GiB | landmarks |", "|---:|---:|---:|---:|"]
    for r in parts["growth"]:
        lines.append(f"| {r['name']} | {r['seconds']} | {r['GiB']} | {r['landmarks']} |")
    if len(parts["growth"]) > 2:
        time_, memory = (exponent_of(parts["growth"], key) for key in ("seconds", "GiB"))
        lines += ["", f"Time grows like rows^{time_:.2f}, memory like rows^{memory:.2f} (least squares)."]
    lines += ["", "## Beside other libraries, one run", "", "| what | seconds |", "|---|---:|"]
    lines += [f"| {r['name']} | {r['seconds']} |" for r in parts["peers"]]
    return "\n".join(lines) + "\n"


def plot(records: list[Record]) -> None:
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    found = [r for r in records if r["part"] == "growth"]
    if len(found) < 2:
        return
    figure, axes = pyplot.subplots(1, 2, figsize=(7, 2.8), layout="constrained")
    for axis, key, label in zip(axes, ("seconds", "GiB"), ("time (s)", "peak memory (GiB)"), strict=True):
        axis.loglog([r["size"] for r in found], [r[key] for r in found], "o-", base=2)
        axis.set(xlabel="rows", ylabel=label)
        axis.grid(alpha=0.3)
    figure.savefig(RESULTS / "graph_scale.svg", metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS), metavar="PART")
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    log = RESULTS / "graph_scale.jsonl"
    records = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    for part in () if arguments.table else arguments.only:
        records = [r for r in records if r["part"] != part] + PARTS[part]()
        log.write_text("".join(json.dumps(r) + "\n" for r in records))
        (RESULTS / "graph_scale.md").write_text(table(records))
    plot(records)
    (RESULTS / "graph_scale.md").write_text(table(records))


if __name__ == "__main__":
    main()
