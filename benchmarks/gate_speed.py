"""Time and memory of a whole `specaudit compare` process: both kernels, document included.

    python benchmarks/gate_speed.py                # 8,000 against 4,000 rows, 16,384 against 8,192
    python benchmarks/gate_speed.py --sizes 8000

Rows are those of `speed.py` (the repository's text embeddings, tiled with noise to the size asked for, 384 columns).
AFTER is a random half, or the half nearest to the mean row, which a gate shall fail.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from speed import RESULTS, SAMPLE, make_rows

from specaudit import compare_plan

HEADER = """\
# Speed of a comparison

From `benchmarks/gate_speed.py`, one run, a whole process each: start-up, scan, relation, null under both kernels,
removed rows, document. Announced: what `--dry-run` says it needs.

| BEFORE | AFTER | verdict | subsets | seconds | peak MiB | announced MiB |
|---:|---|---|---:|---:|---:|---:|
"""


def halves(rows: np.ndarray) -> dict[str, np.ndarray]:
    """Return what AFTER is, by name."""
    size = len(rows) // 2
    typical = np.argsort(np.linalg.norm(rows - rows.mean(axis=0), axis=1))[:size]
    chosen = {"random half": np.random.default_rng(1).permutation(len(rows))[:size], "typical half": typical}
    return {name: rows[np.sort(index)] for name, index in chosen.items()}


def measure(before: Path, after: Path) -> tuple[dict, float, float]:
    """Return the document, seconds and peak MiB of one run."""
    document = after.with_suffix(".json")
    command = [sys.executable, "-m", "specaudit", "compare", str(before), str(after), "-q", "-o", str(document)]
    start = time.perf_counter()
    subprocess.run([*command, "--exit-zero"], check=True, capture_output=True)
    seconds = time.perf_counter() - start
    return json.loads(document.read_text()), seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[8000, 16_384])
    arguments = parser.parse_args()
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for size in sorted(arguments.sizes):  # the peak is that of the largest child so far
            rows = make_rows(size, SAMPLE)
            before = Path(folder) / f"before{size}.npy"
            np.save(before, rows)
            for name, half in halves(rows).items():
                after = Path(folder) / f"{name.split()[0]}{size}.npy"
                np.save(after, half)
                found, seconds, peak = measure(before, after)
                announced = compare_plan(before, after).peak_memory / 2**20
                told = (
                    f"{found['verdict']} | {found['null']['draws']} | {seconds:.0f} | {peak:,.0f} | {announced:,.0f}"
                )
                lines.append(f"| {size:,} | {name} | {told} |")
                print(lines[-1], flush=True)
    (RESULTS / "gate_speed.md").write_text(HEADER + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
