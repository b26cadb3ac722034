"""Studies that can be stopped and go on: a record a run in results/NAME.jsonl, and a table of all in NAME.md."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

Record = dict[str, Any]
Job = tuple[Record, Callable[[], Record]]
"""What tells a run from the others, and what does it."""


def study(
    name: str,
    description: str | None,
    *,
    parts: Sequence[str],
    jobs: Callable[[list[str]], Iterable[Job]],
    table: Callable[[list[Record]], str],
    draw: Callable[[Path], None] = lambda path: None,
) -> None:
    """Do the runs that have no record yet, on one thread each, and write the table; the picture if there is none."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=parts, choices=parts)
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    log, picture = (arguments.results / f"{name}.{suffix}" for suffix in ("jsonl", "svg"))
    records = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    for key, run in () if arguments.table else jobs(arguments.only):
        if any(key.items() <= record.items() for record in records):
            continue
        with threadpool_limits(1):
            records.append(run())
        with log.open("a") as file:
            file.write(json.dumps(records[-1]) + "\n")
    log.with_suffix(".md").write_text(table(records))
    if not picture.exists():
        draw(picture)
