"""The static limit on data: what every pruning does to capacity, exponent and front; resumable.

    python benchmarks/prune.py                 # what is missing from results/prune.jsonl, then results/prune.md
    python benchmarks/prune.py --only digits
    python benchmarks/prune.py --table

Every method of `specaudit prune` at five shares of the rows, and bounded weights of three of them, on real data and
on two populations whose exponent is known, 2,000 rows each (digits: 1,797), under the Laplace kernel. All changes are
against random rows of equal number. Theory says: static weights w <= C give 0 <= T_w <= C T, so that no eigenvalue
rises above C times what it was, the exponent of a power law stays, and what is gained is gained in a finite region,
up to a rank (the cutoff) and by a factor (C_front). The last table has these two by keep fraction and spectrum.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
from laws import sphere

from specaudit import api
from specaudit.documents import Comparison, Pruning

SHARES = (0.1, 0.25, 0.5, 0.75, 0.9)
SOFT = ("prototypes", "outliers", "leverage")
CAP = 2.0
ROWS = 2000
DATA = Path(os.environ.get("SPECAUDIT_STUDY_DATA") or Path(__file__).parents[1] / "sample_data")
RESULTS = Path(__file__).parent / "results"
FILES = {
    "text": ("wordnet8k.npy", "embeddings.npy"),
    "patches": ("patches8k.npy", "patches.npy"),
    "digits": ("digits.npy", "digits.npy"),
}
SPHERES = {"S^2": 2, "S^5": 5}
Record = dict[str, object]


def rows_of(name: str) -> np.ndarray:
    """Return the rows of a data set; a file of the study, or else the sample of it."""
    rng = np.random.default_rng(0)
    if name in SPHERES:
        return sphere("laplace", SPHERES[name]).rows(ROWS, rng)
    rows = np.load(next(DATA / file for file in FILES[name] if (DATA / file).is_file()))
    return rows[np.sort(rng.permutation(len(rows))[:ROWS])]


def found(pruning: Pruning) -> list[Record]:
    """Return what the table of all methods says."""
    return [
        {
            "method": trial.method,
            "keep": trial.keep,
            "verdict": trial.verdict,
            "tests": [(t.statistic, t.dimension, t.change, t.low, t.high) for t in trial.spectra["laplace"].tests],
            "region": _region(trial.spectra["laplace"].finite_region),
            "bound": None if trial.bound is None else (trial.bound.observed, trial.bound.limit),
        }
        for trial in pruning.trials
    ]


def weighted(method: str, audit: Comparison, bound: tuple[float, float] | None) -> Record:
    spectrum = audit.spectra["laplace"]
    return {
        "method": f"{method}, w ≤ {CAP:g}",
        "keep": None,
        "verdict": audit.verdict,
        "tests": [(t.statistic, t.dimension, t.change, t.low, t.high) for t in spectrum.tests],
        "region": _region(spectrum.finite_region),
        "bound": bound,
    }


def _region(region: object) -> dict[str, object] | None:
    if region is None:
        return None
    return {name: getattr(region, name) for name in ("cutoff", "peak_gain", "tail_ratio", "tail_flat")}


def run(name: str, write: Callable[[Record], None]) -> None:
    start, rows = time.perf_counter(), rows_of(name)
    fitted = api.fit(rows, kernels=("laplace",), operator="dense").spectra["laplace"].exponent
    exponent = fitted.value if fitted.value is not None else fitted.slope
    records = found(api.prune(rows, "all", SHARES, kernels=("laplace",)))
    for method in SOFT:
        pruning = api.prune(rows, method, soft=True, cap=CAP, kernels=("laplace",))
        if pruning.audit is not None:
            bound = pruning.bound
            records.append(weighted(method, pruning.audit, None if bound is None else (bound.observed, bound.limit)))
    for record in records:
        write({"data": name, "rows": len(rows), "b": exponent, "status": fitted.status, **record})
    print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)


def _change(record: Record, statistic: str) -> tuple[float, float] | None:
    """Return the change of a statistic at its deepest, and the half-width of its interval."""
    tests = [t for t in record["tests"] if t[0] == statistic]
    if not tests:
        return None
    _, _, change, low, high = max(tests, key=lambda t: t[1] or 0.0)
    return change, (high - low) / 2


def _shown(change: tuple[float, float] | None) -> str:
    return "-" if change is None else f"{change[0]:+.3f} ± {change[1]:.3f}"


def _percent(keep: float | None) -> str:
    return "weights" if keep is None else f"{keep:.0%}"


def verdict_on_exponent(record: Record) -> str:
    change = _change(record, "tail")
    if change is None:
        return "not measured"
    if abs(change[0]) <= change[1]:
        return "parallel"
    return "steeper" if change[0] > 0 else "flatter"


def table(records: list[Record]) -> str:
    lines = ["# Static pruning", "", *(__doc__ or "").strip().splitlines()[6:], ""]
    bounds = [(r, *r["bound"]) for r in records if r["bound"] is not None]
    broken = [r for r, observed, limit in bounds if observed > limit * (1 + 1e-3)]
    nearest = max(observed / limit for _, observed, limit in bounds) if bounds else float("nan")
    lines += [
        f"0 ≤ T_w ≤ C T: {len(bounds)} audits checked, {len(broken)} broken; the nearest is {nearest:.3f} of C.",
        "",
        "## What became of the exponent on the measured window",
        "",
        "Parallel: the interval of the change of b₂ holds 0 (one-sided 1 % over all statistics of an audit).",
        "",
        "| data | b₂ before | method | parallel | steeper | flatter | largest change of b₂ | capacity there |",
        "|---|---:|---|---:|---:|---:|---:|---:|",
    ]
    groups: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        groups[str(record["data"]), str(record["method"])].append(record)
    for (data, method), group in groups.items():
        counts = Counter(map(verdict_on_exponent, group))
        measured = [r for r in group if _change(r, "tail") is not None]
        most = max(measured, key=lambda r: abs(_change(r, "tail")[0]), default=None)
        before = "-" if group[0]["b"] is None else f"{group[0]['b']:.2f}"
        where = "-" if most is None else f"{_shown(_change(most, 'tail'))} at {_percent(most['keep'])}"
        capacity = "-" if most is None else _shown(_change(most, "capacity"))
        lines.append(
            f"| {data} | {before} | {method} | {counts['parallel']} | {counts['steeper']} | {counts['flatter']} "
            f"| {where} | {capacity} |"
        )
    heads = [_percent(share) for share in SHARES]
    lines += [
        "",
        "## Cutoff and C_front by keep fraction and spectrum",
        "",
        "Rank up to which eigenvalues differ from the tail, and the largest gain of a bin there, at least. A dash:",
        "no rank differs. Tilted: the tail itself tilts, so that there is no front to tell from it.",
        "",
        f"| data | b₂ | method | {' | '.join(heads)} |",
        "|---|---:|---|" + "---|" * len(heads),
    ]
    for (data, method), group in groups.items():
        by_keep = {r["keep"]: r["region"] for r in group}
        if None in by_keep:
            continue
        before = "-" if group[0]["b"] is None else f"{group[0]['b']:.2f}"
        cells = [_front(by_keep.get(share)) for share in SHARES]
        lines.append(f"| {data} | {before} | {method} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _front(region: dict[str, object] | None) -> str:
    if region is None:
        return "not measured"
    if not region["tail_flat"]:
        return f"tilted, × {region['peak_gain']:.2f}"
    return "-" if region["cutoff"] is None else f"{region['cutoff']}, × {region['peak_gain']:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[*FILES, *SPHERES])
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    log = RESULTS / "prune.jsonl"
    records = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def write(record: Record) -> None:
        records.append(record)
        with log.open("a") as file:
            file.write(json.dumps(record) + "\n")

    done = {record["data"] for record in records}
    for name in () if arguments.table else arguments.only:
        if name not in done:
            run(name, write)
    (RESULTS / "prune.md").write_text(table(records))


if __name__ == "__main__":
    main()
