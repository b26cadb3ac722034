"""Accuracy of the tail exponent against exact population slopes; resumable.

    python benchmarks/accuracy.py                  # what is missing from results/accuracy.jsonl, then the table
    python benchmarks/accuracy.py --sizes 1000 4000
    python benchmarks/accuracy.py --table          # only write results/accuracy.md from what is there

Every run fits one law at one size and seed with default settings. Truth is the population's own slope over the
window that the fit chose, at the bandwidth that it chose. `dense` is the same statistic from numpy's eigvalsh on the
same kernel matrix (n <= 4,000; with --dense-large, seed 0 at 16,000 too, by the two-stage reduction of numpy's
LAPACK). OLS is the log-log regression on the sample's eigenvalues, ranks 10 to n/10; alpha-ReQ's window is ranks 11
to 100; both from the leading eigenvalues of the fit.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from pathlib import Path

import numpy as np
from lapack import eigenvalues
from laws import OTHERS, POWER_LAWS, Law

from specaudit import api
from specaudit.capacity import Multiplicities, capacity_curve, ridges
from specaudit.exponent import slope_over
from specaudit.kernels import BANDWIDTH_ROWS, choose_kernel, prepare_rows
from specaudit.measure import SpectralMeasure
from specaudit.operators import dense_operator

RESULTS = Path(__file__).parent / "results"
SIZES = (1000, 4000, 16000)
SEEDS = range(5)
TWO_STAGES = 4000
"""Rows above which the dense eigenvalues come from LAPACK's two-stage reduction."""
COLUMNS = (
    *("law", "n", "runs", "median abs error", "worst", "cover", "half-width", "decided", "drift"),
    *("dense", "OLS", "alpha-ReQ"),
)
NOTES = """\
From `benchmarks/accuracy.py`, default settings, seeds 0-4. Error: slope minus the population's slope over the
same window. Drift: the population's slope there minus the law's asymptotic b. Cover: share of runs whose 95 %
interval holds the truth. Decided: status resolved or drifting. Dense: largest distance from eigvalsh on the
same rows (up to 1,536 rows the fit itself takes the whole spectrum). OLS: median error of log-log regression
over ranks 10 to n/10, at most the ranks that the fit reports; alpha-ReQ: over ranks 11 to 100."""


def run(law: Law, n: int, seed: int, *, weighted: bool, dense: bool) -> dict[str, object]:
    rng = np.random.default_rng([seed, n])
    rows = law.rows(n, rng)
    if weighted:
        rows = np.concatenate([rows, *([rows[: int(0.3 * n)]] * 9)])
    start = time.perf_counter()
    fit = api.fit(rows, kernels=[law.kernel])
    seconds = time.perf_counter() - start
    spectrum = fit.spectra[law.kernel]
    exponent = spectrum.exponent
    found: dict[str, object] = {
        "law": law.name + (" weighted" if weighted else ""),
        "n": n,
        "seed": seed,
        "status": exponent.status,
        "shape": exponent.shape,
        "slope": exponent.slope,
        "low": exponent.low,
        "high": exponent.high,
        "window": exponent.window,
        "sampling_error": exponent.sampling_error,
        "probe_error": exponent.probe_error,
        "size_drift": exponent.size_drift,
        "seconds": round(seconds, 2),
        "asymptote": law.exponent,
    }
    if exponent.window is not None:
        population = law.population(spectrum.kernel.bandwidth, n)
        found["truth"] = population.slope(exponent.window)
        found["ols"] = _ols(np.array(spectrum.eigenvalues), 10, n // 10)
        found["alpha_req"] = _ols(np.array(spectrum.eigenvalues), 11, 100)
        if dense and not weighted:
            found["dense"] = _dense_slope(law, rows, spectrum.kernel.bandwidth, exponent.window)
    return found


def with_dense(law: Law, record: dict[str, object]) -> dict[str, object]:
    """Return a record with the dense slope over the same rows and window."""
    n, window = record["n"], record["window"]
    if window is None:
        return record
    rows = law.rows(n, np.random.default_rng([record["seed"], n]))
    # The first rows of the nested sample settle the bandwidth, so that a fit of few of them has the same.
    bandwidth = api.fit(rows, kernels=[law.kernel], max_rows=BANDWIDTH_ROWS).spectra[law.kernel].kernel.bandwidth
    truth = law.population(bandwidth, n).slope(tuple(window))
    if abs(truth - record["truth"]) > 1e-9:
        raise ValueError(f"{record['law']}: the rows or the bandwidth are not those of the record")
    return {**record, "dense": _dense_slope(law, rows, bandwidth, tuple(window))}


def _dense_slope(law: Law, rows: np.ndarray, bandwidth: float | None, window: tuple[float, float]) -> float:
    values = prepare_rows(rows, normalize="none")
    kernel = choose_kernel(law.kernel, values, bandwidth=bandwidth)
    operator = dense_operator(kernel, values, threads=2)
    n = operator.size
    nodes = (np.linalg.eigvalsh if n <= TWO_STAGES else eigenvalues)(operator.matrix)[::-1].astype(float)
    exact = SpectralMeasure(
        nodes=nodes, weights=np.ones(n), exact=n, errors=np.zeros(n), cell_weights=np.ones((1, n))
    )
    rows_once = Multiplicities(values=np.ones(1), counts=np.array([float(n)]))
    curve = capacity_curve(exact, rows_once, ridges(exact, 30 * operator.rounding, n / 2))
    return float(slope_over(curve, window))


def _ols(eigenvalues: np.ndarray, first: int, last: int) -> float | None:
    last = min(last, len(eigenvalues))
    if last < 2 * first or not (eigenvalues[first - 1 : last] > 0).all():
        return None
    rank = np.arange(first, last + 1)
    return float(-np.polyfit(np.log(rank), np.log(eigenvalues[first - 1 : last]), 1)[0])


def write_table(records: list[dict], path: Path) -> None:
    laws = [law.name for law in POWER_LAWS] + ["laplace S^3 weighted", "gaussian b=1.5 weighted"]
    power = [r for r in records if r["law"] in laws]
    lines = [
        "# Accuracy of the tail exponent",
        "",
        *NOTES.splitlines(),
        "",
        f"| {' | '.join(COLUMNS)} |",
        "|---|" + "---:|" * (len(COLUMNS) - 1),
    ]
    for name in laws:
        for n in SIZES:
            lines += _row(name, n, [r for r in power if r["law"] == name and r["n"] == n])
    for n in (*SIZES, None):
        group = [r for r in power if n in (None, r["n"])]
        lines += _row("**all laws**", n or "all", group)
    lines += [
        "",
        "## Spectra that are not power laws",
        "",
        "| spectrum | n | runs | statuses | shapes |",
        "|---|---:|---:|---|---|",
    ]
    for law in OTHERS:
        for n in SIZES:
            group = [r for r in records if r["law"] == law.name and r["n"] == n]
            if group:
                counts = [Counter(r[key] for r in group).most_common() for key in ("status", "shape")]
                shown = [", ".join(f"{value} {count}" for value, count in column) for column in counts]
                lines.append(f"| {law.name} | {n:,} | {len(group)} | {shown[0]} | {shown[1]} |")
    resolved = [r for r in records if r["law"] not in laws]
    if resolved:
        share = sum(r["status"] == "resolved" for r in resolved) / len(resolved)
        lines += ["", f"`resolved` in {share:.1%} of {len(resolved)} runs.", ""]
    halves = [r for r in power if r["size_drift"] is not None]
    if halves:
        difference = np.array([abs(r["size_drift"]) for r in halves])
        inside = [abs(r["size_drift"]) <= (r["high"] or np.inf) - r["slope"] for r in halves]
        sampling = [abs(r["size_drift"]) <= 2.09 * r["sampling_error"] for r in halves]
        probe = [r["probe_error"] / r["sampling_error"] for r in power if r["sampling_error"]]
        lines += [
            "## A random half against the whole, same window",
            "",
            f"Median |difference| {np.median(difference):.4f}, 95 % quantile {np.quantile(difference, 0.95):.4f}, "
            f"{len(halves)} runs. Within the stated interval: {np.mean(inside):.1%} (the interval contains the",
            f"difference by construction); within the sampling error of the whole alone: {np.mean(sampling):.1%}.",
            "",
            f"Probe error over sampling error: median {np.median(probe):.3f}, largest {max(probe):.3f}.",
        ]
    path.write_text("\n".join(lines) + "\n")


def _row(name: str, n: object, group: list[dict]) -> list[str]:
    group = [r for r in group if r.get("truth") is not None]
    if not group:
        return []
    error = np.array([r["slope"] - r["truth"] for r in group])
    cover = [r["low"] is not None and r["low"] <= r["truth"] <= r["high"] for r in group]
    width = [r["high"] - r["slope"] for r in group if r["high"] is not None]
    decided = np.mean([r["status"] in ("resolved", "drifting") for r in group])
    dense = [abs(r["slope"] - r["dense"]) for r in group if r.get("dense") is not None]
    drift = np.median([r["truth"] - r["asymptote"] for r in group])
    rivals = [[r[key] - r["truth"] for r in group if r.get(key) is not None] for key in ("ols", "alpha_req")]
    shown = [f"{np.median(values):+.3f}" if values else "-" for values in rivals]
    size = f"{n:,}" if isinstance(n, int) else n
    return [
        f"| {name} | {size} | {len(group)} | {np.median(np.abs(error)):.4f} | {np.abs(error).max():.4f} "
        f"| {np.mean(cover):.0%} | {np.median(width) if width else np.nan:.4f} | {decided:.0%} | {drift:+.3f} "
        f"| {f'{max(dense):.4f}' if dense else '-'} | {shown[0]} | {shown[1]} |"
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--only", nargs="+", default=[], help="laws whose name contains one of these")
    parser.add_argument("--dense-large", action="store_true", help="eigvalsh at 16,000 too, seed 0: minutes each")
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    log = RESULTS / "accuracy.jsonl"
    records = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    if not arguments.table:
        jobs = [(law, False) for law in (*POWER_LAWS, *OTHERS)]
        jobs += [(law, True) for law in POWER_LAWS if law.name in ("laplace S^3", "gaussian b=1.5")]
        for n in arguments.sizes:
            for seed in SEEDS:
                for law, weighted in jobs:
                    name = law.name + (" weighted" if weighted else "")
                    large = n > 4000
                    dense = law.exponent is not None and (not large or (arguments.dense_large and seed == 0))
                    old = next((r for r in records if (r["law"], r["n"], r["seed"]) == (name, n, seed)), None)
                    if arguments.only and not any(part in name for part in arguments.only):
                        continue
                    if old is not None and not (dense and not weighted and "dense" not in old):
                        continue
                    if old is None:
                        record = run(law, n, seed, weighted=weighted, dense=dense)
                    else:
                        record = with_dense(law, old)
                    records = [r for r in records if r is not old] + [record]
                    log.write_text("".join(json.dumps(r) + "\n" for r in records))
                    print(
                        {key: record[key] for key in ("law", "n", "seed", "status", "slope", "seconds")},
                        flush=True,
                    )
    write_table(records, RESULTS / "accuracy.md")


if __name__ == "__main__":
    main()
