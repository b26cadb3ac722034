"""The same accuracy on laws that were never looked at while thresholds were set; resumable.

    python benchmarks/unseen.py            # what is missing from results/unseen.jsonl, then the table
    python benchmarks/unseen.py --table

Other exponents, dimensions, kernels, knees, ranks and seeds than those of `accuracy.py`, whose runs these are: how
often is a power law denied or left open, and how often is something else called resolved?
"""

from __future__ import annotations

import argparse
import json
from collections import Counter

import numpy as np
from accuracy import RESULTS, run
from laws import PROFILES, SMOOTHNESS, Law, gaussian, power, sphere

SIZES = (1000, 4000)
SEEDS = range(20, 25)
COLUMNS = 4000
"""Of the Gaussian power laws: a tail of this length, since more takes long and changes little."""

PROFILES["matern52"] = lambda r: (1 + np.sqrt(5) * r + 5 * r**2 / 3) * np.exp(-np.sqrt(5) * r)
SMOOTHNESS["matern52"] = 5


def knee(n: int) -> np.ndarray:
    """Return k^-0.9 that turns into k^-2.2 in the middle of the window."""
    k = np.arange(1, COLUMNS + 1, dtype=float)
    at = n // 20
    return np.where(k <= at, k**-0.9, at**1.3 * k**-2.2)


POWER_LAWS: tuple[Law, ...] = (
    *(gaussian(f"gaussian b={b}", lambda n, b=b: power(b, COLUMNS), b) for b in (0.85, 1.35, 1.75)),
    sphere("laplace", 3),
    sphere("matern52", 5),
    sphere("matern52", 10),
)
OTHERS: tuple[Law, ...] = (
    gaussian("exponential .02", lambda n: np.exp(-0.02 * np.arange(1, 2001))),
    gaussian("stretched exponential", lambda n: np.exp(-1.5 * np.arange(1, 2001) ** 0.4)),
    gaussian("isotropic d=200", lambda n: np.ones(200)),
    gaussian("rank 40 + floor", lambda n: np.concatenate([np.ones(40), np.full(460, 3e-3)])),
    gaussian("cliff at 100", lambda n: np.concatenate([power(0.9, 100), np.full(400, 1e-7)])),
    gaussian("lognormal", lambda n: np.exp(-(np.log(np.arange(1, 2001)) ** 2) / 4)),
    gaussian("knee .9 to 2.2", knee),
)


def table(records: list[dict]) -> str:
    lines = [
        "# Laws that were never looked at",
        "",
        *(__doc__ or "").strip().splitlines()[-2:],
        "",
        "| law | n | runs | statuses | shapes | median abs error | worst | cover |",
        "|---|---:|---:|---|---|---:|---:|---:|",
    ]
    for law in (*POWER_LAWS, *OTHERS):
        for n in SIZES:
            group = [r for r in records if r["law"] == law.name and r["n"] == n]
            if not group:
                continue
            counts = [Counter(r[key] for r in group).most_common() for key in ("status", "shape")]
            shown = [", ".join(f"{value} {count}" for value, count in column) for column in counts]
            stated = [r for r in group if law.exponent is not None and r["low"] is not None]
            figures = "| - | - | - |"
            if stated:
                error = np.abs([r["slope"] - r["truth"] for r in stated])
                cover = np.mean([r["low"] <= r["truth"] <= r["high"] for r in stated])
                figures = f"| {np.median(error):.4f} | {error.max():.4f} | {cover:.0%} |"
            lines.append(f"| {law.name} | {n:,} | {len(group)} | {shown[0]} | {shown[1]} {figures}")
    names = {law.name for law in POWER_LAWS}
    for what, wanted, others in (
        ("Not power laws: `resolved`", ("resolved",), [r for r in records if r["law"] not in names]),
        ("Power laws: `resolved` or `drifting`", ("resolved", "drifting"), [r for r in records if r["law"] in names]),
    ):
        count = sum(r["status"] in wanted for r in others)
        lines += ["", f"{what} in {count} of {len(others)} runs."]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    log = RESULTS / "unseen.jsonl"
    records = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    done = {(r["law"], r["n"], r["seed"]) for r in records}
    jobs = [(law, n, seed) for n in SIZES for seed in SEEDS for law in (*POWER_LAWS, *OTHERS)]
    for law, n, seed in jobs if not arguments.table else []:
        if (law.name, n, seed) not in done:
            records.append(run(law, n, seed, weighted=False, dense=False))
            with log.open("a") as file:
                file.write(json.dumps(records[-1]) + "\n")
            print({key: records[-1][key] for key in ("law", "n", "seed", "status", "slope", "seconds")}, flush=True)
    (RESULTS / "unseen.md").write_text(table(records))


if __name__ == "__main__":
    main()
