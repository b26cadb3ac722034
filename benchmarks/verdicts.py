"""Error rates of `compare`'s verdicts: how often it fails harmless data, and how much harm it takes to fail.

    python benchmarks/verdicts.py                       # what is missing from results/verdicts.jsonl, then the table
    python benchmarks/verdicts.py --only random harm    # these parts
    python benchmarks/verdicts.py --draws 2             # fewer draws of each case; more are added by a later run
    python benchmarks/verdicts.py --table               # only write results/verdicts.md from what is there

Parts, with the number of draws of each case:

- random (120): rows and a random pruning of them, to 50 % and to 20 %. Any fail is a false alarm.
- selfsame (50): a data set against itself and against every row twice; two disjoint samples of one population.
- harm (20): a growing share of the rows farthest from cluster centres is dropped, or of rows rebuilt from 32
  principal components is mixed in; when does `compare` notice, and when did `calibrate` say that it would?
- foreign (20): AFTER by another embedding model, or at another scale. Exit codes 0 and 1 would both be wrong.
- pairs (1): named pairs, whose verdicts are expected. They were seen when the starting margins were chosen.
- unseen (20): data and laws that no margin was chosen on: random prunings, and the half nearest to cluster centres.
- large (3): 117,659 rows to 50 %, 5 % and 1 %, at the default number of rows in kernel matrices.
- stability (20): every pair under many seeds, 1 and 2 threads and two kinds of BLAS kernels, at 1,500 rows.

Everything is drawn from the names and the number of a case, so that a run can be stopped and taken up again; the
number of the draw is also the seed of the comparison. Settings are the defaults otherwise, but for one thread per
comparison, as many comparisons running at once as there are cores. Rows come from sample_data; the 8,000-row sets,
pairs and the large set need the directory that --data or SPECAUDIT_STUDY_DATA names. Without it, random, selfsame,
harm and foreign use the smaller sample files instead, the other sets are skipped, and both is said.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from threadpoolctl import threadpool_limits
from verdict_cases import PARTS, ROOT, STUDY, Case
from verdict_tables import Record, git, write_table

from specaudit import api
from specaudit.documents import Comparison, Test
from specaudit.errors import SpecauditError
from specaudit.gates import SEVERITY, harm
from specaudit.profiles import DIMENSIONS


def run(case: Case) -> Record:
    """Return what became of a case, as one record."""
    options = {"seed": case.draw, "threads": 1, **dict(case.options)}
    with threadpool_limits(options["threads"]):
        before, after = case.sides()
        start = time.perf_counter()
        try:
            found = outcome(api.compare(before, after, **options))
        except SpecauditError as error:
            found = {"verdict": "error", "exit": 2, "reason": error.problem}
        except Exception as error:  # a defect is a result too, and shall not end the others
            found = {"verdict": "crash", "exit": 2, "reason": repr(error)}
    return {
        **dict(zip(("part", "set", "case", "draw"), case.key, strict=True)),
        **found,
        "seconds": round(time.perf_counter() - start, 1),
    }


def outcome(found: Comparison) -> Record:
    tests = [(name, test) for name, change in found.spectra.items() for test in change.tests]
    smallest = [_short(value) for value in (found.smallest_harm or {}).values()]
    record: Record = {
        "verdict": found.verdict,
        "exit": found.exit_code,
        "gates": {gate.id: gate.status for gate in found.gates if gate.status != "skipped"},
        "relation": found.relation.kind,
        "rows": found.null.rows,
        "draws": found.null.draws,
        "critical": _short(found.null.critical_value),
        "changes": {place(*item): [_short(item[1].change), _short(item[1].error)] for item in tests},
    }
    if tests:
        name, worst = max(tests, key=lambda test: badness(test[1]))
        record["worst"] = [place(name, worst), _short(worst.change), _short(worst.error), worst.limit]
    if smallest:
        record["smallest"] = dict(zip(record["changes"], smallest, strict=True))
    if found.warnings:
        record["warnings"] = [warning.id for warning in found.warnings]
    return record


def badness(test: Test) -> tuple[int, float]:
    return SEVERITY.index(test.status), harm(test) / abs(test.limit)


def place(kernel: str, test: Test) -> str:
    if test.dimension is None:
        return f"{kernel} tail"
    return f"{kernel} {test.dimension:g}" if test.dimension in DIMENSIONS else f"{kernel} deep"


def _short(value: float) -> float:
    return float(f"{value:.3g}")


def run_all(cases: Sequence[Case], log: Path, workers: int) -> None:
    """Run cases in child processes, appending each record as it comes."""
    commit = package_commit()
    for coretype in dict.fromkeys(case.coretype for case in cases):
        if coretype:
            os.environ["OPENBLAS_CORETYPE"] = coretype  # read by a child's BLAS when it is loaded
        part = [case for case in cases if case.coretype == coretype]
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool, log.open("a") as file:
            for number, done in enumerate(as_completed([pool.submit(run, case) for case in part])):
                record = {**done.result(), "commit": commit}
                file.write(json.dumps(record, separators=(",", ":")) + "\n")
                file.flush()
                shown = [record[key] for key in ("part", "set", "case", "draw", "verdict", "seconds")]
                print(f"{number + 1}/{len(part)}", *shown, record.get("worst", ""), flush=True)


def package_commit() -> str:
    """Return the last commit that changed the package, with a + where it was changed since."""
    commit = git("log", "-1", "--format=%h", "--", "specaudit")
    return (commit or "unknown") + ("+" if git("status", "--porcelain", "--", "specaudit") else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS), metavar="PART")
    parser.add_argument("--draws", type=int, help="of each case, instead of the part's own number")
    parser.add_argument("--data", type=Path, help=f"directory of the larger sets; default {STUDY}")
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)), help="comparisons at once")
    parser.add_argument("--table", action="store_true", help="write the table only")
    arguments = parser.parse_args()
    study = arguments.data or Path(os.environ.get(STUDY) or ROOT.parent / "shared" / "data")
    os.environ[STUDY] = str(study.resolve()) if study.is_dir() else ""  # for child processes too
    if not study.is_dir():
        print("no study data: sample_data is used where it can be", file=sys.stderr)
    log = arguments.results / "verdicts.jsonl"
    if not arguments.table:
        known = {(r["part"], r["set"], r["case"], r["draw"]) for r in read(log)}
        for part in arguments.only:
            cases, draws = PARTS[part]
            run_all([c for c in cases(arguments.draws or draws) if c.key not in known], log, arguments.workers)
            write_table(read(log), arguments.results / "verdicts.md")
    write_table(read(log), arguments.results / "verdicts.md")


def read(log: Path) -> list[Record]:
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


if __name__ == "__main__":
    main()
