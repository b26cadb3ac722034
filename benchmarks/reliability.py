"""What the program withstands: bad inputs, faults, and shapes that take memory; fills docs/reliability.md.

    python benchmarks/reliability.py                 # faults and load, about 20 minutes on two idle cores
    python benchmarks/reliability.py --only faults
    python benchmarks/reliability.py --only load --shapes wide tall

Every line of the tables is a whole process. The table of bad inputs is that of the last `make fuzz`.
"""

from __future__ import annotations

import argparse
import fcntl
import gzip
import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "reliability.md"
LOAD = RESULTS / "reliability.jsonl"
PROGRAM = (sys.executable, "-m", "specaudit")
SMALLEST = "401M"
"""A budget of which next to nothing is left beside the program itself."""
OLD = "of an earlier run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What came of a process: its exit code, seconds, peak memory in MiB and what it said on stderr."""

    code: int
    seconds: float
    peak: float
    said: str


def run(*arguments: str, folder: Path) -> Run:
    """Return what comes of the program."""
    begun = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [*PROGRAM, *arguments], cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    said = process.stderr.read().decode()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Run(code=process.returncode, seconds=time.perf_counter() - begun, peak=used.ru_maxrss / 1024, said=said)


# ---------------------------------------------------------------- faults


def shell(text: str, folder: Path) -> int:
    """Return the exit code of a line for the shell, in which `specaudit` is the program."""
    script = f'specaudit() {{ "{sys.executable}" -m specaudit "$@"; }}\n{text}'
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, check=False
    ).returncode


def stopped(number: signal.Signals) -> Callable[[Path], int]:
    """Return the fault of a signal while rows are read."""

    def fault(folder: Path) -> int:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        header = (folder / "rows.npy").read_bytes()[:200]
        with subprocess.Popen(
            [*PROGRAM, "fit", "-", "-o", "out.json"], cwd=folder, env=environment,
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, restore_signals=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        ) as process:  # fmt: skip
            assert process.stdin is not None
            process.stdin.write(header)
            process.stdin.flush()
            while int.from_bytes(fcntl.ioctl(process.stdin, termios.FIONREAD, bytes(4)), sys.byteorder):
                time.sleep(0.01)
            time.sleep(1.0)  # it waits for more
            process.send_signal(number)
            return process.wait(60)

    return fault


def limited(folder: Path) -> int:
    """Return the exit code where files may have 8 KB, as on a disk that is full."""
    return subprocess.run(
        [*PROGRAM, "show", "fit.json", "-q", "-o", "out.html", "-o", "out.json"], cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192)),
    ).returncode  # fmt: skip


def mounted(folder: Path) -> int:
    """Return the exit code on a file system of 64 KB that is full; the superuser alone can make one."""
    return shell(
        "mkdir disk && mount -t tmpfs -o size=64k none disk && cp out.json disk/ && "
        "{ head -c 60000 /dev/zero > disk/full; "
        "specaudit show fit.json -q -o disk/out.html -o disk/out.json; code=$?; "
        "cmp -s out.json disk/out.json && [ $(ls -A disk | wc -l) = 2 ] || code=99; "
        "umount disk; rmdir disk; exit $code; }",
        folder,
    )


def together(folder: Path) -> int:
    """Return 0 where twelve runs at once on one file leave the whole file of one of them."""
    code = shell(
        "for k in 1 2 3 4 5 6; do for name in fit other; do "
        "specaudit show $name.json -q -o out.json & done; done; wait",
        folder,
    )
    whole = [(folder / name).read_bytes() for name in ("fit.json", "other.json")]
    found = (folder / "out.json").read_bytes() in whole
    (folder / "out.json").write_text(OLD)
    return code if found else 99


def bomb(name: str, write: Callable[[Path], None]) -> Callable[[Path], int]:
    """Return the fault of a small file that unpacks to 8 GB."""

    def fault(folder: Path) -> int:
        write(folder / name)
        found = run("fit", name, "-o", "out.json", folder=folder)
        (folder / name).unlink()
        return found.code if found.peak < 400 else 99

    return fault


def packed(path: Path) -> None:
    """Write 8 GB of zeros behind a header, packed to 8 MB."""
    with gzip.open(path, "wb", compresslevel=1) as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (1 << 21, 1024)})
        for _ in range(512):
            file.write(bytes(1 << 24))


def archived(path: Path) -> None:
    """Write 1 GB of zeros, packed to 1 MB."""
    np.savez_compressed(path, emb=np.zeros((1 << 18, 1024), np.float32))


FAULTS: dict[str, tuple[Callable[[Path], int], tuple[int, ...]]] = {
    "Ctrl-C while rows are read": (stopped(signal.SIGINT), (130,)),
    "SIGTERM while rows are read": (stopped(signal.SIGTERM), (-15,)),
    "SIGHUP while rows are read": (stopped(signal.SIGHUP), (-1,)),
    "SIGKILL while rows are read": (stopped(signal.SIGKILL), (-9,)),
    "files of 8 KB at most": (limited, (2,)),
    "a full file system": (mounted, (2,)),
    "a full device behind stdout": (lambda folder: shell("specaudit show fit.json > /dev/full", folder), (2,)),
    "nobody reads stdout": (
        lambda folder: shell('specaudit show fit.json | true; exit "${PIPESTATUS[0]}"', folder),
        (0,),
    ),
    "nobody reads stderr": (
        lambda folder: shell('specaudit fit rows.npy -v 2>&1 >/dev/null | true; exit "${PIPESTATUS[0]}"', folder),
        (0,),
    ),
    "no stdout, no stderr": (lambda folder: shell("specaudit show fit.json >&- 2>&-", folder), (0,)),
    "no room for temporary files": (
        lambda folder: shell("ulimit -f 64; specaudit fit rows.npz -o out.json", folder),
        (2,),
    ),
    "twelve runs at once on one file": (together, (0,)),
    "a .gz that unpacks to 8 GB": (bomb("bomb.npy.gz", packed), (2,)),
    "a .npz that unpacks to 1 GB": (bomb("bomb.npz", archived), (2,)),
}
"""What is done, and the exit codes that it may have."""


def inject() -> list[str]:
    """Return a line for every fault, and raise where one does harm."""
    lines = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = np.random.default_rng(0).standard_normal((20_000, 16), np.float32)
        np.save(folder / "rows.npy", rows[:2000])
        np.savez_compressed(folder / "rows.npz", emb=rows)
        for document, part in (("fit.json", rows[:500]), ("other.json", rows[500:900])):
            np.save(folder / "part.npy", part)
            assert run("fit", "part.npy", "-q", "-o", document, folder=folder).code == 0
        (folder / "out.json").write_text(OLD)
        before = {path.name for path in folder.iterdir()}
        for fault, (inflict, codes) in FAULTS.items():
            code = inflict(folder)
            intact = (folder / "out.json").read_text() == OLD
            left = {path.name for path in folder.iterdir()} - before
            assert code in codes, (fault, code)
            assert intact, fault
            assert not left, (fault, left)
            lines.append(f"| {fault} | {code if code >= 0 else 128 - code} | intact | nothing |")
            print(lines[-1], flush=True)
    return lines


# ---------------------------------------------------------------- load


def spectral(rows: int, dimensions: int) -> np.ndarray:
    """Return rows (n, d) of float32 whose columns fall off."""
    values = np.random.default_rng(0).standard_normal((rows, dimensions), np.float32)
    values *= (np.arange(1, dimensions + 1) ** -0.5).astype(np.float32)
    return values


def wide(folder: Path) -> None:
    """Write few rows of 100,000 columns, half of them, and a log of their residuals."""
    rows = spectral(300, 100_000)
    save(folder, rows)


def tall(folder: Path) -> None:
    """Write ten million rows of two columns, and half of them."""
    save(folder, spectral(10_000_000, 2))


def giant(folder: Path) -> None:
    """Write twenty shards, one of them of two million rows, and the large one alone."""
    (folder / "rows").mkdir()
    rows = spectral(2_000_000, 32)
    for number in range(20):
        np.save(folder / "rows" / f"part-{number}.npy", rows if number == 11 else rows[:100] + number)
    np.save(folder / "half.npy", rows[::2])


def named(folder: Path) -> None:
    """Write a table of three million rows with ids of 60 characters, and the numbers of half of them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = spectral(3_000_000, 4)
    lists = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), 4)
    pq.write_table(
        pa.table({"id": [f"{k:060d}" for k in range(len(rows))], "embedding": lists}), folder / "t.parquet"
    )
    np.save(folder / "kept.npy", np.arange(0, len(rows), 2))


def save(folder: Path, rows: np.ndarray) -> None:
    """Write rows, half of them, two of their columns, and a log of residuals that some columns explain."""
    np.save(folder / "rows.npy", rows)
    np.save(folder / "half.npy", rows[::2])
    if len(rows) < 10_000:
        np.save(folder / "two.npy", rows[:, :2])
        noise = np.random.default_rng(1).standard_normal((5, len(rows), 2)) / 50
        np.save(folder / "log.npy", noise + rows[:, :2] * np.geomspace(1, 0.2, 5)[:, None, None])


SHAPES: dict[str, tuple[str, Callable[[Path], None], Sequence[str]]] = {
    "wide": (
        "300 rows of 100,000 columns",
        wide,
        (
            "fit rows.npy",
            "compare rows.npy half.npy",
            "span rows.npy half.npy",
            "prune rows.npy --method random --keep 0.5",
            "frontier rows.npy log.npy",
            "headroom rows.npy --cap 10",
            "fit rows.npy --fuse two.npy",
            "experiment oracle rows.npy",
        ),
    ),
    "tall": (
        "10,000,000 rows of 2 columns",
        tall,
        (
            "headroom rows.npy --cap 10 --max-rows 500",
            "compare rows.npy half.npy --max-rows 2000",
            "fit rows.npy --operator dense --max-rows 2000",
            "span rows.npy half.npy --max-rows 1000",
            "prune rows.npy --method random --keep 0.5 --max-rows 2000",
        ),
    ),
    "giant": (
        "a shard of 2,000,000 rows of 32 columns among 19 of 100",
        giant,
        (
            "headroom rows --cap 10 --max-rows 500",
            "compare rows half.npy --max-rows 2000",
            "fit rows --operator dense --max-rows 2000",
        ),
    ),
    "named": (
        "3,000,000 rows with ids of 60 characters",
        named,
        (
            "fit t.parquet --operator dense --max-rows 500",
            "scan t.parquet -o t.scan",
            "fit t.scan --operator dense --max-rows 500",
            "compare t.parquet --kept kept.npy --max-rows 500",
            "prune t.parquet --method random --keep 0.5 --max-rows 500 --save-rows kept.csv",
            "span t.parquet t.parquet --max-rows 256 --save-rows each.csv",
        ),
    ),
}


def hold(names: Sequence[str]) -> Iterator[dict[str, object]]:
    """Yield, for each shape and command, the budget that the program names and the memory that it then takes."""
    for name in names:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            # In a process of its own: what this one takes would count as the peak of those that it starts.
            writer = get_context("spawn").Process(target=SHAPES[name][1], args=(folder,))
            writer.start()
            writer.join()
            for command in SHAPES[name][2]:
                arguments = command.split()
                budget, code, refused = SMALLEST, 2, None
                for _ in range(16):  # a later check may ask for more than an earlier one
                    found = run(*arguments, "-q", "--max-memory", budget, folder=folder)
                    wanted = re.search(r"raise --max-memory (?:to (\d+M)|well beyond)", found.said)
                    refused = found if refused is None else refused
                    if wanted is None:
                        break
                    budget = wanted[1] or f"{int(1.2 * int(budget[:-1]))}M"  # of ids, it is not known how many come
                code = found.code
                assert code != 2 or "--max-memory" in found.said, (command, found.said)
                row = {
                    "shape": name, "command": command, "code": code, "budget": int(budget[:-1]),
                    "peak": round(found.peak), "refused": round(refused.peak), "seconds": round(found.seconds),
                    "said": found.said[-200:] if code == 2 else "",
                }  # fmt: skip
                print(row, flush=True)
                yield row


# ---------------------------------------------------------------- the page


def fill(page: str, mark: str, lines: Sequence[str]) -> str:
    """Return a page with the lines in the place of a mark's."""
    pattern = re.compile(rf"(<!-- {mark} -->\n).*?(<!-- end -->)", re.DOTALL)
    assert pattern.search(page), mark
    return pattern.sub(lambda found: found[1] + "".join(f"{line}\n" for line in lines) + found[2], page)


def load_lines() -> list[str]:
    """Return the table of load."""
    rows = {(row["shape"], row["command"]): row for row in map(json.loads, LOAD.read_text().splitlines())}
    lines = ["| shape | command | refused below, MiB | peak within it, MiB | exit |", "|---|---|---:|---:|---:|"]
    for name, (told, _, commands) in SHAPES.items():
        for command in commands:
            if (row := rows.get((name, command))) is not None:
                lines.append(f"| {told} | `{command}` | {row['budget']:,} | {row['peak']:,} | {row['code']} |")
    return lines


def fuzz_lines() -> list[str]:
    """Return the table of the last fuzzing."""
    text = (RESULTS / "fuzz.md").read_text()
    return [line for line in text.splitlines() if line.startswith("|")]


def main() -> None:
    """Measure, and fill the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("faults", "load", "page"))
    parser.add_argument("--shapes", nargs="+", choices=list(SHAPES), default=list(SHAPES))
    options = parser.parse_args()
    if options.only in (None, "load"):
        for row in hold(options.shapes):
            with LOAD.open("a") as file:
                file.write(json.dumps(row) + "\n")
    page = PAGE.read_text()
    if options.only in (None, "faults"):
        heads = ["| fault | exit | earlier output | left behind |", "|---|---:|---|---|"]
        page = fill(page, "faults", [*heads, *inject()])
    if LOAD.exists():
        page = fill(page, "load", load_lines())
    if (RESULTS / "fuzz.md").exists():
        page = fill(page, "fuzz", fuzz_lines())
    PAGE.write_text(page)


if __name__ == "__main__":
    main()
