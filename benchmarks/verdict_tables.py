"""The tables of benchmarks/verdicts.py."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from verdict_cases import (
    BASES,
    CENTRES,
    COMPONENTS,
    CORETYPES,
    FAR,
    PAIRS,
    PARTS,
    REBUILT,
    ROOT,
    SIZE,
    STABILITY_ROWS,
)

Record = dict[str, Any]

POWER = 0.8
STATISTICS = [f"{kernel} {place}" for kernel in ("laplace", "linear") for place in ("10", "30", "deep", "tail")]
THRESHOLDS = "^(MARGINS|NEAR|CAUTION|ALPHA|ROUNDS|PROVEN) = "
"""What decides, as the package spells it."""
RULES = ("policy.py", "gates.py", "comparison.py", "relation.py", "profiles.py", "deep.py", "removal.py", "span")
"""Where it is."""


def git(*arguments: str) -> str:
    found = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
    return found.stdout.strip()


def group_by(records: Sequence[Record], *keys: str) -> dict[tuple[Any, ...], list[Record]]:
    found: dict[tuple[Any, ...], list[Record]] = {}
    for record in records:
        found.setdefault(tuple(record[key] for key in keys), []).append(record)
    return found


def table(*columns: str) -> list[str]:
    return ["", f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]


def row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def bound(count: int, runs: int) -> float:
    """Return the one-sided 95 % upper bound of Clopper and Pearson."""
    from scipy.stats import beta

    return 1.0 if count == runs else float(beta.ppf(0.95, count + 1, runs - count))


SHARES = ("runs", "pass", "inconclusive", "fail", "could not run")


def shares(group: Sequence[Record]) -> tuple[str, ...]:
    counts = Counter(record["verdict"] for record in group)
    counts["error"] += counts["crash"]
    shown = [f"{counts[verdict] / len(group):.1%}" for verdict in ("pass", "inconclusive", "fail", "error")]
    return str(len(group)), *shown


def failing(group: Sequence[Record]) -> str:
    count = sum(record["verdict"] == "fail" for record in group)
    return f"at most {bound(count, len(group)):.2%}"


def listed(records: Sequence[Record], verdicts: Sequence[str]) -> list[str]:
    """Return one line per record with one of these verdicts, with the statistic that decided."""
    lines = []
    for record in sorted(records, key=lambda r: (r["set"], r["case"], r["draw"])):
        if record["verdict"] in verdicts:
            why = record.get("reason", "")
            if "worst" in record:
                at, change, error, limit = record["worst"]
                z = f"z {change / error:+.1f}, critical {record['critical']:.2g}, " if error else ""
                why = (
                    f"{at} {change:+.3g}, standard error {error:.2g}, {z}limit {limit:+g}, {record['draws']} subsets"
                )
            gates = [name for name, status in record.get("gates", {}).items() if status == record["verdict"]]
            lines.append(
                f"- {record['set']}, {record['case']}, draw {record['draw']}: {record['verdict']} "
                f"({', '.join(gates)}); {why}"
            )
    return ["", *lines] if lines else []


def worst(group: Sequence[Record]) -> str:
    """Return the statistic that is most often the worst, with its mean change."""
    found = [record for record in group if "worst" in record]
    if not found:
        return ""
    at = Counter(record["worst"][0] for record in found).most_common(1)[0][0]
    return f"{at} {np.mean([record['changes'][at][0] for record in found if at in record['changes']]):+.3f}"


def _random(records: list[Record]) -> list[str]:
    lines = table("set", "rows kept", *SHARES, "false fail, 95 % bound", "median seconds")
    for (name, case), group in group_by(records, "set", "case").items():
        seconds = np.median([record["seconds"] for record in group])
        lines.append(row(name, case.split()[1], *shares(group), failing(group), f"{seconds:.1f}"))
    for (name,), group in group_by(records, "set").items():
        lines.append(row(f"**{name}**", "all", *shares(group), failing(group), ""))
    lines.append(row("**all**", "all", *shares(records), failing(records), ""))
    return [*lines, *listed(records, ("fail", "error", "crash")), *_calibration(records)]


def _calibration(records: list[Record]) -> list[str]:
    """Return how far the stated standard errors are from the changes' own spread."""
    lines = [
        "",
        "Standard deviation of the change over draws / stated standard error (root mean square), and in brackets the "
        "mean change in stated errors:",
        *table("set", "rows kept", *STATISTICS),
    ]
    for (name, case), group in group_by(records, "set", "case").items():
        cells = []
        for at in STATISTICS:
            found = np.array([record["changes"][at] for record in group if at in record.get("changes", {})])
            if len(found) < 3 or not found[:, 1].any():
                cells.append("-")
                continue
            stated = np.sqrt((found[:, 1] ** 2).mean())
            spread, middle = found[:, 0].std(ddof=1) / stated, found[:, 0].mean() / stated
            cells.append(f"{spread:.2f} ({middle:+.2f})")
        lines.append(row(name, case.split()[-1], *cells))
    return lines


def _selfsame(records: list[Record]) -> list[str]:
    lines = table("set", "AFTER", *SHARES, "largest change", "fail, 95 % bound")
    for (name, case), group in group_by(records, "set", "case").items():
        changes = [abs(change) for record in group for change, _ in record.get("changes", {}).values()]
        lines.append(row(name, case, *shares(group), f"{max(changes, default=np.nan):.3g}", failing(group)))
    fresh = [record for record in records if record["case"].startswith("fresh")]
    if fresh:
        lines.append(row("**all**", "fresh", *shares(fresh), "", failing(fresh)))
    exact = [record for record in records if not record["case"].startswith("fresh")]
    return [
        *lines,
        *listed(exact, ("inconclusive", "fail", "error", "crash")),
        *listed(fresh, ("fail", "error", "crash")),
    ]


def _harm(records: list[Record]) -> list[str]:
    lines = table("set", "harm", *SHARES, "mean change of the worst statistic")
    detected = table("set", "harm", "80 % of runs fail at", "`calibrate` says")
    for (name,), group in group_by(records, "set").items():
        for kind, sizes in (("far", FAR), ("rebuilt", REBUILT)):
            found = [[r for r in group if r["case"] == f"{kind} {size:.0%}"] for size in sizes]
            sizes_run = [(size, runs) for size, runs in zip(sizes, found, strict=True) if runs]
            for size, runs in sizes_run:
                lines.append(row(name, f"{kind} {size:.0%}", *shares(runs), worst(runs)))
            failed = [(size, np.mean([r["verdict"] == "fail" for r in runs])) for size, runs in sizes_run]
            expected = [(size, _over_smallest(runs)) for size, runs in sizes_run]
            detected.append(row(name, kind, _crossing(failed, POWER), _crossing(expected, 1.0)))
    return [*lines, *detected]


def _over_smallest(runs: list[Record]) -> float:
    """Return the largest mean harm of a statistic over the smallest that would fail with 80 % power."""
    runs = [record for record in runs if "smallest" in record]
    ratios = [0.0]
    for at in runs[0]["smallest"] if runs else ():
        sign = 1.0 if at.endswith("tail") else -1.0
        shown = [(sign * r["changes"][at][0], r["smallest"][at]) for r in runs if at in r["smallest"]]
        lost, smallest = np.mean(shown, axis=0)
        ratios.append(lost / smallest)
    return float(max(ratios))


def _crossing(curve: Sequence[tuple[float, float]], level: float) -> str:
    """Return the size at which a rising curve through no harm at size 0 reaches a level."""
    before = (0.0, 0.0)
    for size, value in curve:
        if value >= level:
            return f"{before[0] + (size - before[0]) * (level - before[1]) / (value - before[1]):.0%}"
        before = (size, value)
    return f"more than {before[0]:.0%}"


def _foreign(records: list[Record]) -> list[str]:
    lines = table("set", "AFTER", "runs", "exit 0", "exit 1", "exit 2", "exit 3")
    for (name, case), group in group_by(records, "set", "case").items():
        codes = Counter(record["exit"] for record in group)
        lines.append(row(name, case, len(group), *(codes[code] for code in range(4))))
    return [*lines, *listed(records, ("pass", "fail", "crash"))]


def _pairs(records: list[Record]) -> list[str]:
    lines = table("pair", "expected", "verdict", "as expected", "relation", "tests", "worst", "seconds")
    for record in records:
        expected = PAIRS[record["set"]]
        at, change, error, limit = record.get("worst", ["-", np.nan, np.nan, np.nan])
        lines.append(
            row(
                record["set"],
                expected,
                record["verdict"],
                "yes" if as_expected(record, expected) else "**no**",
                record.get("relation", ""),
                ", ".join(f"{gate} {status}" for gate, status in record.get("gates", {}).items()),
                f"{at} {change:+.3f} ± {error:.3f} (limit {limit:+g})",
                f"{record['seconds']:.0f}",
            )
        )
    if any(not as_expected(record, PAIRS[record["set"]]) for record in records):
        lines += [
            "",
            "Expected verdicts are from a prototype at about 1,500 rows. All rows reach deeper; see also stability.",
        ]
    return lines


def as_expected(record: Record, expected: str) -> bool:
    verdicts, *also = expected.split()
    failed = [gate for gate, status in record.get("gates", {}).items() if status == "fail"]
    rest = all([item] == failed or item in record.get("warnings", []) for item in also)
    return record["verdict"] in verdicts.split("/") and rest


def _unseen(records: list[Record]) -> list[str]:
    lines = table("set", "AFTER", *SHARES, "fail, 95 % bound", "mean change of the worst statistic")
    for (name, case), group in group_by(records, "set", "case").items():
        lines.append(row(name, case, *shares(group), failing(group) if "keep" in case else "", worst(group)))
    null = [record for record in records if record["case"].startswith("keep")]
    lines.append(row("**all**", "random", *shares(null), failing(null), ""))
    return [*lines, *listed(null, ("fail", "error", "crash")), *_calibration(null)]


def _large(records: list[Record]) -> list[str]:
    lines = table("rows kept", *SHARES, "median seconds")
    for (case,), group in group_by(records, "case").items():
        seconds = np.median([record["seconds"] for record in group])
        lines.append(row(case.split()[1], *shares(group), f"{seconds:.0f}"))
    return [*lines, *listed(records, ("fail", "error", "crash"))]


def _stability(records: list[Record]) -> list[str]:
    lines = table(
        *("pair", "runs", "verdicts", "pass <-> fail", "pass <-> inconclusive", "fail <-> inconclusive"),
        "seeds whose verdict depends on threads or BLAS",
    )
    total: Counter[frozenset[str]] = Counter()
    for (name,), group in group_by(records, "set").items():
        verdicts = Counter(record["verdict"] for record in group)
        usual = verdicts.most_common(1)[0][0]
        flips = Counter({frozenset((usual, v)): count for v, count in verdicts.items() if v != usual})
        total += flips
        mixed = sum(len({r["verdict"] for r in same}) > 1 for same in group_by(group, "draw").values())
        shown = ", ".join(f"{verdict} {count}" for verdict, count in verdicts.most_common())
        lines.append(row(name, len(group), shown, *_flips(flips, len(group)), mixed))
    lines.append(row("**all**", len(records), "", *_flips(total, len(records)), ""))
    return lines


def _flips(flips: Counter[frozenset[str]], runs: int) -> list[str]:
    kinds = [("pass", "fail"), ("pass", "inconclusive"), ("fail", "inconclusive")]
    counts = [flips[frozenset(kind)] for kind in kinds]
    return [str(counts[0]), *(f"{count} ({count / runs:.1%})" for count in counts[1:])]


SECTIONS: dict[str, tuple[str, Callable[[list[Record]], list[str]], str]] = {
    "random": (
        "Random pruning",
        _random,
        f"{SIZE:,} rows (digits 1,797) drawn anew, then pruned at random. Any fail is a false alarm.",
    ),
    "selfsame": (
        "The same data, or fresh data",
        _selfsame,
        "Itself and every row twice must pass with changes of exactly 0. Fresh: disjoint random parts of the same "
        f'{SIZE:,} rows, `expect="fresh"`; any fail is a false alarm.',
    ),
    "harm": (
        "Harm of growing size",
        _harm,
        f"Far: half of {SIZE:,} rows is dropped, this share of it the rows farthest from {CENTRES} k-means centres "
        "and the rest at random. Rebuilt: this share of all rows is replaced by its rebuild from "
        f"{COMPONENTS} principal components. The second table interpolates between sizes; `calibrate` is where a "
        "mean change first reaches the smallest harm that it states.",
    ),
    "foreign": (
        "Another model, another scale",
        _foreign,
        "All rows, changed by one map. Exit codes 0 and 1 would both be wrong: nothing was pruned or added.",
    ),
    "pairs": (
        "Named pairs",
        _pairs,
        "All rows. **These pairs were seen when the starting margins were chosen**: this table says that the margins "
        "do what they were chosen to do, and is no estimate of an error rate.",
    ),
    "unseen": (
        "Data never used to choose a margin",
        _unseen,
        f"Random prunings, where any fail is a false alarm, and the half nearest to {CENTRES} k-means centres, whose "
        "harm differs from set to set. wordnet117k: 4,000 rows that are not among the 8,000 of the other tables.",
    ),
    "large": ("Many rows", _large, "117,659 rows of text, pruned at random, default rows in kernel matrices."),
    "stability": (
        "Seeds, threads, processors",
        _stability,
        f"Every pair at {STABILITY_ROWS:,} rows under seeds, 1 and 2 threads and OpenBLAS kernels "
        f"{' and '.join(CORETYPES)}. Flips are counted against the most frequent verdict of the pair.",
    ),
}


def write_table(records: list[Record], path: Path) -> None:
    commits = Counter(record["commit"] for record in records)
    latest = records[-1]["commit"].rstrip("+") if records else "HEAD"
    where = [f"specaudit/{name}" for name in RULES]
    rules = git("log", "-1", "--format=%h of %cd", "--date=short", "-E", "-G", THRESHOLDS, latest, "--", *where)
    lines = [
        "# Error rates of the verdicts",
        "",
        f"From `benchmarks/verdicts.py`: {len(records):,} comparisons, default settings, one thread each.",
        f"Margins and thresholds were committed before, last changed in {rules or 'an unknown commit'}; the package "
        f"was at {', '.join(f'{commit} ({count:,} runs)' for commit, count in commits.items())}.",
        "Bounds are one-sided 95 % Clopper-Pearson. Statistics: kernel, and the effective dimension of the capacity "
        "test (deep: the deepest one) or the tail exponent. Seconds are of a busy machine.",
    ]
    sets = [*BASES, *PAIRS]
    for part, (title, write, note) in SECTIONS.items():
        found = sorted((record for record in records if record["part"] == part), key=lambda r: r["draw"])
        found.sort(key=lambda r: r["case"], reverse=True)
        found.sort(key=lambda r: sets.index(r["set"]))
        lines += ["", f"## {title}", "", note]
        lines += write(found) if found else ["", "Not run yet."]
        drawn, wanted = max((r["draw"] for r in found), default=-1) + 1, PARTS[part][1]
        if 0 < drawn < wanted:
            lines += ["", f"{drawn} of {wanted} draws so far."]
    path.write_text("\n".join(lines) + "\n")
