"""What removed rows carried of the lost capacity, and the gain past the dense depth against dense matrices.

    python benchmarks/removed.py              # a few minutes; needs the directory of the larger sets, see verdicts.py

Explained: named pairs at 3,000 rows, seed 0; the share of the lost capacity that the leverages of the removed rows
explain one by one. Deep: BEFORE of 8,000 rows against the part of it nearest to 50 k-means centres, both sides' gain
by kernel graphs past a dense matrix of 2,000 rows, beside the gain by dense matrices of all rows.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from laws import sphere
from verdict_cases import ROOT, STUDY, find, pair

from specaudit import api

RESULTS = Path(__file__).parent / "results"
PAIRS = (
    "wordnet8k_prototypes50",
    "wordnet8k_topiconly",
    "patches8k_photodrop",
    "digits_drop_3to9",
    "wordnet8k_semdedup",
    "wordnet8k_outliers50",
    "patches8k_droplowcontrast",
    "wordnet8k_random50",
    "digits_random50",
)
ROWS = 3000
DENSE, KEPT = 2000, 5500


def explained(name: str) -> str:
    before, after = pair(name)
    found = api.compare(before, after, kernels=["laplace"], max_rows=ROWS)
    test = [t for t in found.spectra["laplace"].tests if t.statistic == "capacity"][-1]
    carried = found.rows.carried
    assert carried is not None
    share = "-" if carried.explained is None else f"{carried.explained:.0%}"
    return (
        f"| {name} | {carried.rows:.1%} | {carried.capacity:.1%} | {carried.first_tenth:.1%} "
        f"| {test.change:+.3f} ± {test.error:.3f} | {share} |"
    )


def deep(name: str, rows: np.ndarray) -> list[str]:
    from sklearn.cluster import KMeans

    means = KMeans(50, n_init=1, random_state=0).fit(rows)
    after = rows[np.sort(np.argsort(means.transform(rows).min(axis=1))[:KEPT])]
    dense = api.compare(rows, after, kernels=["laplace"]).spectra["laplace"].gain
    graph = api.compare(rows, after, kernels=["laplace"], max_rows=DENSE, operator="graph").spectra["laplace"]
    gain = graph.deep_gain
    assert gain is not None
    lines = []
    for at in (0, len(gain.dimension) // 2, len(gain.dimension) - 1):
        truth = np.interp(np.log(gain.dimension[at]), np.log(dense.dimension), np.log(dense.kappa_ratio))
        ours, high = (np.log(v[at]) for v in (gain.kappa_ratio, gain.high))
        lines.append(
            f"| {name} | {gain.dimension[at]:,.0f} | {ours:+.4f} ± {high - ours:.4f} | {truth:+.4f} "
            f"| {gain.disagreement:+.4f} |"
        )
    return lines


def main() -> None:
    os.environ.setdefault(STUDY, str(ROOT.parent / "shared" / "data"))
    lines = [
        "# Removed rows, and the gain past the dense depth",
        "",
        f"From `benchmarks/removed.py`, Laplace kernel, seed 0, at most {ROWS:,} rows of each pair.",
        "",
        "| pair | rows removed | of N₁ they carried | first tenth, of that | ln κ, deepest test | explained |",
        "|---|---:|---:|---:|---:|---:|",
        *map(explained, PAIRS),
        "",
        f"8,000 rows against the {KEPT:,} of them nearest to 50 k-means centres: change of ln κ by kernel graphs of "
        f"{KEPT:,} rows,",
        "with its interval, and by the dense matrices. Disagreement: where a matrix of "
        f"{DENSE:,} rows reaches; the interval holds it.",
        "",
        "| data | N₁ | graphs | dense | disagreement |",
        "|---|---:|---:|---:|---:|",
    ]
    sets = {"wordnet8k": np.load(find("wordnet8k"))}
    sets |= {f"S^{d}": sphere("laplace", d).rows(8000, np.random.default_rng(d)) for d in (3, 10)}
    for name, rows in sets.items():
        lines += deep(name, rows)
    (RESULTS / "removed.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
