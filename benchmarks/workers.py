"""Throughput of workers against their number, what is moved and needed, larger sizes on paper, and dry runs.

python benchmarks/workers.py [--gigabytes 2] [--dimensions 768] [--workers 1 2 4] [--directory DIR]

Every row of the tables is checked to be what one process finds.
"""

from __future__ import annotations

import argparse
import os
import pickle
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from reliability import fill

from specaudit.api import fit, plan
from specaudit.api.run_plan import SPREAD
from specaudit.distributed import engine_of
from specaudit.embeddings import HERE, Embeddings, Engine, open_embeddings
from specaudit.graph import nearest_neighbours, previous_rows
from specaudit.kernels import choose_kernel, prepare_rows
from specaudit.moments import second_moments
from specaudit.scan import scan

SCALE = Path(__file__).parent.parent / "docs" / "scale.md"
RESULTS = Path(__file__).parent / "results"
SHARDS = 16
GRAPHED = 16_384
QUERIES = 256
MERGED = 20_000_000
SIZES = (50_000_000, 1_000_000_000)
WORKERS, STORAGE, NETWORK = 64, 10e9, 1e9
"""Assumed on paper: workers as fast as one here, bytes a second that storage and network give all together."""
FITS = ((8_000, 384, 2_000), (20_000, 128, 4_096), (100_000, 64, 4_096), (30_000, 768, 4_096))


@dataclass(frozen=True, slots=True, kw_only=True)
class Passes:
    """Seconds of each pass, and what was found, for comparison."""

    seconds: dict[str, float]
    processor: dict[str, float]
    found: list[Any]


def write(folder: Path, size: int, dimensions: int) -> None:
    rows = size // (4 * dimensions * SHARDS)
    rng = np.random.default_rng(0)
    spread = np.arange(1, dimensions + 1, dtype=np.float32) ** -0.6
    for number in range(SHARDS):
        np.save(folder / f"part-{number}.npy", rng.standard_normal((rows, dimensions), np.float32) * spread)


def passes(folder: Path, engine: Engine, repeats: int) -> Passes:
    seconds: dict[str, float] = {}
    processor: dict[str, float] = {}

    def used() -> float:
        """Return the processor seconds of all processes so far."""
        workers = () if engine is HERE else engine.client.run(time.process_time).values()
        return time.process_time() + sum(workers)

    def timed(name: str, work: Callable[[], Any]) -> Any:
        before, begun = used(), time.perf_counter()
        answer = work()
        taken = time.perf_counter() - begun
        seconds[name] = min(seconds.get(name, np.inf), taken)
        processor[name] = min(processor.get(name, np.inf), used() - before)
        return answer

    embeddings = timed("open", lambda: open_embeddings(folder, engine=engine))
    for _ in range(repeats):
        found = timed("scan", lambda: scan(embeddings))
    sample = timed("sample", lambda: embeddings.take(found.sample.rows))
    rows = prepare_rows(sample, normalize="none")
    kernel = choose_kernel("linear", rows, bandwidth=None, normalize="none", centered=False)
    moments = timed("moments", lambda: second_moments(embeddings, found, kernel))
    near = timed(
        "neighbours",
        lambda: nearest_neighbours(embeddings, found, sample=sample, max_queries=QUERIES, index="flat", threads=1),
    )
    graphed = embeddings.take(np.arange(GRAPHED)).astype(np.float64)
    previous = timed("kernel graph", lambda: previous_rows(graphed, engine=engine, threads=1))
    return Passes(
        seconds=seconds,
        processor=processor,
        found=[found.digest, sample, moments.gram, near.rows, near.distances, previous.places],
    )


def peak() -> int:
    """Return the most bytes that were resident; what getrusage says includes the parent before exec."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10


def moved(embeddings: Embeddings) -> dict[str, tuple[int, int, int]]:
    """Return for the task of each pass the bytes of a band, of its message and of its answer."""
    sent: dict[str, tuple[int, int, int]] = {}

    class Weighing:
        width = 1

        def run(self, task: Any, source: Embeddings, jobs: Any) -> Any:
            for number, (band, argument) in enumerate(jobs):
                result = task(source.band(band), argument)
                if number == 0:
                    read = (band.stop - band.start) * source.dimensions * source.dtype.itemsize
                    sizes = (read, len(pickle.dumps(argument, 5)), len(pickle.dumps(result, 5)))
                    sent[task.__name__.strip("_")] = sizes
                yield result

    weighed = Embeddings(
        **{name: getattr(embeddings, name) for name in embeddings.__slots__} | {"engine": Weighing()}
    )
    found = scan(weighed)
    sample = embeddings.take(found.sample.rows)
    kernel = choose_kernel(
        "linear", prepare_rows(sample, normalize="none"), bandwidth=None, normalize="none", centered=False
    )
    second_moments(weighed, found, kernel)
    nearest_neighbours(weighed, found, sample=sample, max_queries=QUERIES, index="flat", threads=1)
    return sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Hashed:
    """What the process that asked spends on each of many rows: seconds of each pass, and bytes at the peak."""

    merged: float
    looked_up: float
    first: float
    size: float


def hashing(rows: int = MERGED) -> Hashed:
    from specaudit.embeddings.findings import DEFECTS
    from specaudit.graph.neighbours import _first_copies
    from specaudit.moments import _Shares
    from specaudit.scan import _assemble
    from specaudit.tally import sum_rows

    rng = np.random.default_rng(0)
    before = peak()
    contents = rng.integers(0, 2**63, rows).astype(np.uint64)
    times = [time.perf_counter()]
    found = _assemble(
        dtype="float32", defects=dict.fromkeys(DEFECTS, 0), seed=0, max_rows=131_072, normalize="none",
        hashes=contents, contents=contents, usable=np.ones(rows, np.bool_),
        moments=sum_rows(np.ones((2, 2)), np.ones(2), np.arange(2)),
    )  # fmt: skip
    times.append(time.perf_counter())
    size = (peak() - before) / rows
    shares = _Shares.of(found)
    for low in range(0, rows, 1 << 16):
        shares.look_up(contents[low : low + (1 << 16)])
    times.append(time.perf_counter())
    _first_copies(found)
    times.append(time.perf_counter())
    merged, looked_up, first = (np.diff(times) / rows).tolist()
    return Hashed(merged=merged, looked_up=looked_up, first=first, size=size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the sizes on paper are worked out from, all of it with one worker.

    Attributes
    ----------
    scan
        Processor seconds for a byte.
    moments, neighbours
        Processor seconds for a row of so many ``dimensions``.
    sample
        Bytes a second.
    memory
        Bytes of a worker.
    moved
        As `moved` returns it.
    """

    dimensions: int
    scan: float
    moments: float
    neighbours: float
    sample: float
    memory: float
    moved: dict[str, tuple[int, int, int]]
    hashed: Hashed


def on_paper(measured: Measured) -> list[str]:
    """Return the lines of a table of what passes over many rows would take."""
    columns = [_column(measured, rows) for rows in SIZES]
    return [
        f"| | {' | '.join(f'{rows:,} x {measured.dimensions}' for rows in SIZES)} |",
        "|---|---:|---:|",
        *(f"| {name} | {' | '.join(column[name] for column in columns)} |" for name in columns[0]),
    ]


def _column(measured: Measured, rows: int) -> dict[str, str]:
    size = rows * measured.dimensions * 4
    hashed = measured.hashed
    passes = {
        "scan": (measured.scan * size, "read", "merging", hashed.merged),
        "moments": (measured.moments * rows, "sum_products", "look-ups", hashed.looked_up),
        "neighbours": (measured.neighbours * rows, "search_band", "first copies", hashed.first),
    }
    cells, total = {"bytes of the rows": f"{size / 1e9:,.0f} GB"}, 0.0
    for name, (work, task, what, each) in passes.items():
        read, sent, back = (number / measured.moved[task][0] * size for number in measured.moved[task])
        processors, storage, network, run = work / WORKERS, read / STORAGE, max(sent, back) / NETWORK, each * rows
        cells |= {
            f"**{name}**: processors": f"{processors:,.0f} s",
            f"{name}: storage": f"{storage:,.0f} s",
            f"{name}: network, sent and sent back": f"{network:,.0f} s, {sent / 1e9:,.1f} and {back / 1e9:,.1f} GB",
            f"{name}: {what} in the run": f"{run:,.0f} s",
        }
        longest = max(processors, storage, network)
        total += max(longest, run) if name == "moments" else longest + run
    taken = min(rows, 16_384) * measured.dimensions * 4
    total += taken / measured.sample
    return cells | {
        "**sample** of 16,384 rows": f"{taken / measured.sample:.1f} s, {taken / 1e6:,.0f} MB",
        "**all passes**": f"{total / 60:,.1f} minutes",
        "bytes read": f"{len(passes) * size / 1e12:,.2f} TB",
        "memory of a worker": f"{measured.memory / 1e6:,.0f} MB",
        "memory of the run, with 0.4 GB": f"{0.4 + hashed.size * rows / 1e9:,.1f} GB",
    }


def hashing_line(hashed: Hashed, rows: int) -> str:
    return (
        f"In the process that asked, for each million of {rows:,} rows: {hashed.merged * 1e6:.2f} s and at most "
        f"{hashed.size:.0f} MB to merge what was found in them, {hashed.looked_up * 1e6:.2f} s to look up copies "
        f"and shares for the moments, {hashed.first * 1e6:.2f} s to find first copies for the neighbours."
    )


PAPER = [
    "## On paper",
    "",
    "Worked out from the figures above: processor seconds with one worker (or the fewest), the largest peak of a "
    "worker, what moves for a band, and what the process that asked spends. "
    f"Assumed: {WORKERS} workers as fast as these, storage of {STORAGE / 1e9:g} GB/s for all together, a network of "
    f"{NETWORK / 1e9:g} GB/s at the run. A pass takes the "
    "longest of processors, storage and network, and then the run's own work, which for moments goes on beside the "
    "workers. Nobody has run these sizes here; hashes of more rows than were measured fit caches less well, so that "
    "the run's own times are lower bounds.",
]


def dry_runs() -> list[str]:
    lines = []
    for rows, dimensions, most in FITS:
        values = np.random.default_rng(0).standard_normal((rows, dimensions), np.float32)
        values *= np.arange(1, dimensions + 1, dtype=np.float32) ** -0.6
        expected = plan(values, max_rows=most, operator="dense", threads=1)
        begun, before = time.perf_counter(), time.process_time()
        fit(values, max_rows=most, operator="dense", threads=1)
        taken, wall = time.process_time() - before, time.perf_counter() - begun
        low, high = expected.seconds
        centre = sum(seconds for _, seconds in expected.stages)
        inside = "yes" if low <= taken <= high else "no"
        lines.append(
            f"| {rows:,} x {dimensions} | {most:,} | {low:.1f} to {high:.1f} | {taken:.1f} | {wall:.1f} | "
            f"{taken / centre:.2f} | {inside} |"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--dimensions", type=int, default=768)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--directory", type=Path, default=None, help="where the shards are made, then deleted")
    options = parser.parse_args()
    hashed = hashing()
    with tempfile.TemporaryDirectory(dir=options.directory) as name:
        folder = Path(name)
        write(folder, int(options.gigabytes * 1e9), options.dimensions)
        embeddings = open_embeddings(folder)
        rows, size = embeddings.rows, embeddings.rows * embeddings.dimensions * 4
        scan(embeddings)  # the files are in the page cache from now on
        single = passes(folder, HERE, options.repeats)
        table = [("none", 0.0, single, 0.0)]
        for workers in options.workers:
            with ExitStack() as stack:
                begun = time.perf_counter()
                engine: Any = stack.enter_context(engine_of(workers, None))
                started = time.perf_counter() - begun
                found = passes(folder, engine, options.repeats)
                memory = max(engine.client.run(peak).values())
            for one, other in zip(single.found, found.found, strict=True):
                np.testing.assert_array_equal(one, other)
            table.append((str(workers), started, found, memory))
            print(workers, found.seconds, flush=True)
        messages = moved(embeddings)
    load = os.getloadavg()
    operations = 2.0 * rows * options.dimensions
    alone = table[min(1, len(table) - 1)][2]
    paper = on_paper(
        Measured(
            dimensions=options.dimensions,
            scan=alone.processor["scan"] / size,
            moments=alone.processor["moments"] / rows,
            neighbours=alone.processor["neighbours"] / rows,
            sample=min(rows, 16_384) * options.dimensions * 4 / alone.seconds["sample"],
            memory=max(entry[3] for entry in table),
            moved=messages,
            hashed=hashed,
        )
    )
    lines = [
        "# Workers",
        "",
        f"From `benchmarks/workers.py`: {rows:,} x {options.dimensions} float32 ({size / 1e9:.2f} GB) in {SHARDS} "
        f"shards in the page cache, {os.cpu_count()} cores, load {load[0]:.1f} (last minute, this benchmark among "
        f"it). Workers are processes of one thread here, so that no more than {os.cpu_count()} of them can "
        "help; the peak is of a worker. Without workers one process does it all, its products on one thread. Every "
        "digest, sample, moment and "
        "neighbour was equal to that of one process, to the last bit.",
        "",
        "| workers | start s | scan GB/s | sample MB/s | moments krow/s | neighbours krow/s | graph s | peak MB |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for label, started, found, memory in table:
        s = found.seconds
        sampled = min(rows, 16_384) * options.dimensions * 4
        lines.append(
            f"| {label} | {started:.1f} | {size / s['scan'] / 1e9:.2f} | {sampled / s['sample'] / 1e6:.0f} | "
            f"{rows / s['moments'] / 1e3:.0f} | {rows / s['neighbours'] / 1e3:.0f} | {s['kernel graph']:.1f} | "
            f"{f'{memory / 1e6:.0f}' if memory else ''} |"
        )
    lines += [
        "",
        "Processor seconds of all processes together, which other load on the machine stretches less: for a GB of "
        "the scan, for a million rows of moments and of neighbours, in all for the graph.",
        "",
        "| workers | scan s/GB | moments s/Mrow | neighbours s/Mrow | graph s |",
        "|---:|---:|---:|---:|---:|",
    ]
    for label, _, found, _ in table:
        s = found.processor
        lines.append(
            f"| {label} | {s['scan'] / size * 1e9:.2f} | {s['moments'] / rows * 1e6:.0f} | "
            f"{s['neighbours'] / rows * 1e6:.0f} | {s['kernel graph']:.1f} |"
        )
    best = single.processor
    lines += [
        "",
        f"Moments: 2 d^2 operations a row, {operations * options.dimensions / best['moments'] / 1e9:.1f} Gflop/s in "
        f"float64 in one process (a symmetric product does half of them). Neighbours: {QUERIES} queries, 2 d a row "
        f"and query, {operations * QUERIES / best['neighbours'] / 1e9:.1f} Gflop/s. Graph: the previous rows of "
        f"{GRAPHED:,} rows. Sample: 16,384 rows, spread over all shards.",
        "",
        "What moves for a band of rows, MB:",
        "",
        "| pass | read by the worker | sent to it | sent back |",
        "|---|---:|---:|---:|",
        *(f"| {task} | {' | '.join(f'{size / 1e6:,.2f}' for size in sizes)} |" for task, sizes in messages.items()),
        "",
        hashing_line(hashed, MERGED),
        "",
        *PAPER,
        "",
        *paper,
        "",
        "## Dry run",
        "",
        "`specaudit fit --dry-run` measures a dense product and a scan of the first 32 MiB, and gives "
        f"{SPREAD[0]:g} to {SPREAD[1]:g} times the time that follows. It is of a machine that does nothing else; so "
        "processor seconds are compared.",
        "",
        "| rows | dense rows | expected s | processor s | wall s | processor / centre | inside |",
        "|---:|---:|---:|---:|---:|---:|---|",
        *dry_runs(),
    ]
    print("\n".join(lines))
    (RESULTS / "workers.md").write_text("\n".join(lines) + "\n")
    SCALE.write_text(fill(SCALE.read_text(), "paper", paper))


if __name__ == "__main__":
    main()
