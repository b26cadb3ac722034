"""The scan against a plain sequential read of the same .npy file, both with a cold page cache, in one run.

python benchmarks/scan.py [--gigabytes 4] [--dimensions 384]
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from specaudit.embeddings import open_embeddings
from specaudit.scan import scan

RESULTS = Path(__file__).parent / "results"
BLOCK = 8 << 20  # bytes of one read, as the scan does it
TARGET = 0.5  # of the speed of the plain read
MEMORY = 1024  # MiB, most resident memory


def write(path: Path, size: int, dimensions: int) -> None:
    rows = size // (4 * dimensions)
    step = max(1, BLOCK // (4 * dimensions))
    rng = np.random.default_rng(0)
    with open(path, "wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (rows, dimensions)}
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, rows, step):
            rng.standard_normal((min(step, rows - start), dimensions), np.float32).tofile(file)
        file.flush()
        os.fsync(file.fileno())


def forget(path: Path) -> None:
    """Drop the file from the page cache."""
    descriptor = os.open(path, os.O_RDONLY)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def read(path: Path) -> None:
    buffer = memoryview(bytearray(BLOCK))
    with open(path, "rb", buffering=0) as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
        while file.readinto(buffer):
            pass


def seconds(work: Callable[[], object], path: Path) -> float:
    forget(path)
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=4.0, help="size of the file in GiB")
    parser.add_argument("--dimensions", type=int, default=384)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--directory", type=Path, default=None, help="where the file is made, then deleted")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        path = Path(directory) / "rows.npy"
        write(path, int(options.gigabytes * 2**30), options.dimensions)
        size = path.stat().st_size / 1e9
        lines = [
            "# The scan beside a plain read",
            "",
            f"From `benchmarks/scan.py`: {size:.2f} GB, float32, {options.dimensions} columns, "
            f"{os.cpu_count()} cores, page cache cold.",
            "",
            "| run | read GB/s | scan GB/s | ratio |",
            "|---:|---:|---:|---:|",
        ]
        ratios = []
        for run in range(options.repeats):
            plain = seconds(lambda: read(path), path)
            scanned = seconds(lambda: scan(open_embeddings(path)), path)
            ratios.append(plain / scanned)
            lines.append(f"| {run} | {size / plain:.2f} | {size / scanned:.2f} | {ratios[-1]:.2f} |")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    lines += [
        "",
        f"Median ratio {np.median(ratios):.2f} (target {TARGET}); peak memory {peak:.0f} MiB (at most {MEMORY}).",
    ]
    print("\n".join(lines))
    (RESULTS / "scan.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
