"""Fuzzing of every loader and of the document reader; `make fuzz` runs it.

    python tests/fuzz/fuzz_run.py                    # 100,000 cases, about 5 minutes on two cores
    python tests/fuzz/fuzz_run.py --cases 2000 --formats npy csv
    python tests/fuzz/fuzz_run.py --resume           # go on where an earlier run was stopped

Cases are made from their format and number alone. They run in worker processes, each under a limit of memory; a case
that takes 10 seconds, or takes its process down, is a finding. The table is benchmarks/results/fuzz.md.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
PATIENCE = 10.0
"""Seconds of computing of a case: a busy machine is no finding."""
GRACE = 120.0
"""Seconds after which a worker that says nothing is ended: code outside Python hears no alarm."""
MEMORY, ADDRESSES = 1 << 30, 8 << 30
"""Bytes of memory that a worker may take beyond what it has before its first case; of addresses."""
CHUNK = 250
"""Cases of one errand."""
OUTCOMES = ("refused", "equal", "alone", "wrong", "exception", "message", "warning", "hang", "memory", "crash")
SHOWN = 40
"""Findings in the table."""


def work() -> None:
    """Do the errands that come in: `format start stop`, a line for every case."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)  # libraries of C speak there
    import fuzz_cases

    def stop(number: int, frame: Any) -> None:
        raise fuzz_cases.TooLong

    signal.signal(signal.SIGPROF, stop)
    with tempfile.TemporaryDirectory() as place, fuzz_cases.working_in(Path(place)) as folder:
        for name in fuzz_cases.formats():  # libraries are loaded, and their pools filled
            fuzz_cases.run(name, 0, folder)
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + ADDRESSES, resource.RLIM_INFINITY))
        limit = peak() + MEMORY
        print(json.dumps(["ready", sorted(fuzz_cases.formats())]), file=answers)
        for errand in sys.stdin:
            name, start, end = json.loads(errand)
            for index in range(start, end):
                signal.setitimer(signal.ITIMER_PROF, PATIENCE)
                try:
                    verdict = fuzz_cases.run(name, index, folder)
                finally:
                    signal.setitimer(signal.ITIMER_PROF, 0)
                held = peak() <= limit
                print(json.dumps([index, verdict.outcome if held else "memory", verdict.detail[:300]]), file=answers)
                if not held:  # the peak of a process never falls
                    return


def peak() -> int:
    """Return the most bytes that the process had in memory."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


class Worker:
    """A process that does errands, and is replaced when it hangs or dies."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None

    def errand(self, name: str, start: int, end: int) -> list[tuple[int, str, str]]:
        """Return number, outcome and detail of each case."""
        found: list[tuple[int, str, str]] = []
        while start + len(found) < end:
            process = self._started()
            assert process.stdin is not None
            process.stdin.write((json.dumps([name, start + len(found), end]) + "\n").encode())
            process.stdin.flush()
            while start + len(found) < end and (line := self._line(process, GRACE)):
                found.append(tuple(json.loads(line)))
            if found and found[-1][1] == "memory":
                self.close()
            elif start + len(found) < end:
                try:
                    what = "crash" if process.wait(1.0) is not None else "hang"
                except subprocess.TimeoutExpired:
                    what = "hang"
                found.append((start + len(found), what, f"exit {process.poll()}"))
                self.close()
        return found

    def formats(self) -> list[str]:
        """Return the names of the formats."""
        self._started()
        return self.names

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.process = None

    def _started(self) -> subprocess.Popen[bytes]:
        if self.process is None:
            command = [sys.executable, __file__, "--worker"]
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            self.left = b""
            self.names: list[str] = json.loads(self._line(self.process, 600.0))[1]
        return self.process

    def _line(self, process: subprocess.Popen[bytes], patience: float) -> bytes:
        """Return the next line, or nothing where none comes."""
        assert process.stdout is not None
        while b"\n" not in self.left:
            ready = select.select([process.stdout], [], [], patience)[0]
            if not ready or not (more := os.read(process.stdout.fileno(), 1 << 16)):
                return b""
            self.left += more
        line, _, self.left = self.left.partition(b"\n")
        return line


def render(counts: dict[str, Counter[str]], findings: list[str], seconds: float) -> str:
    """Return the table."""
    total = sum((counter for counter in counts.values()), Counter[str]())
    shown = [outcome for outcome in OUTCOMES if outcome in OUTCOMES[:3] or total[outcome]]
    bad = sum(total[outcome] for outcome in OUTCOMES[3:])
    lines = [
        "# Fuzzing",
        "",
        f"From `make fuzz`: {total.total():,} cases, {bad} findings. A case damages small sound files in one to "
        "three ways: bits, lengths, headers, types and shapes, words of text, JSON, members of archives.",
        "",
        "- refused: in one printable line, as an input or configuration error.",
        "- equal: read, and the numbers (or names) are those that a second reader finds in the same bytes: numpy, "
        "csv, json, pyarrow, h5py, zarr, safetensors, tomllib.",
        "- alone: read, where the second reader refuses.",
        "- a finding is anything else: another exception, a message of several lines, a warning, other numbers, "
        f"10 s of computing, more than {MEMORY >> 30} GiB, or the end of the process.",
        "",
        "| format | cases | " + " | ".join(shown) + " |",
        "|---|---:|" + "---:|" * len(shown),
    ]
    for name, counter in sorted(counts.items()):
        told = " | ".join(f"{counter[outcome]:,}" for outcome in shown)
        lines.append(f"| {name} | {counter.total():,} | {told} |")
    lines.append(f"| all | {total.total():,} | " + " | ".join(f"{total[outcome]:,}" for outcome in shown) + " |")
    if findings:
        lines += ["", *(f"- {finding}" for finding in findings[:SHOWN])]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run the cases, and return 1 if there are findings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--formats", nargs="+", help="by default all")
    parser.add_argument("--first", type=int, default=0, help="number of the first case of each format")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--resume", action="store_true", help="skip what the log of the last run has")
    parser.add_argument("--log", type=Path, default=RESULTS / "fuzz.jsonl")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work()
        return 0
    workers = [Worker() for _ in range(options.workers)]
    names = options.formats or workers[0].formats()
    each = -(-options.cases // len(names))
    errands = [
        (name, start, min(start + CHUNK, options.first + each))
        for start in range(options.first, options.first + each, CHUNK)
        for name in names
    ]
    done: dict[tuple[str, int, int], dict[str, Any]] = {}
    if options.resume and options.log.exists():
        for line in options.log.read_text().splitlines():
            row = json.loads(line)
            done[row["format"], row["start"], row["end"]] = row
    begun, free = time.monotonic(), list(workers)

    def run(errand: tuple[str, int, int]) -> None:
        worker = free.pop()
        try:
            found = worker.errand(*errand)
        finally:
            free.append(worker)
        bad = [f"{errand[0]} {index}: {what}: {detail}" for index, what, detail in found if what in OUTCOMES[3:]]
        counts = Counter(what for _, what, _ in found)
        row = {"format": errand[0], "start": errand[1], "end": errand[2], "counts": counts, "findings": bad}
        done[errand] = row
        with options.log.open("a") as file:
            file.write(json.dumps(row) + "\n")
        for finding in bad:
            print(finding, flush=True)

    if not options.resume:
        options.log.unlink(missing_ok=True)
    try:
        with ThreadPoolExecutor(options.workers) as pool:
            list(pool.map(run, [errand for errand in errands if errand not in done]))
    finally:
        for worker in workers:
            worker.close()
    counts: dict[str, Counter[str]] = {}
    for name, *_ in errands:
        counts[name] = sum((Counter(row["counts"]) for key, row in done.items() if key[0] == name), Counter())
    findings = [finding for row in done.values() for finding in row["findings"]]
    text = render(counts, findings, time.monotonic() - begun)
    if not options.formats:
        (RESULTS / "fuzz.md").write_text(text)
    print(text)
    return int(bool(findings))


if __name__ == "__main__":
    sys.exit(main())
