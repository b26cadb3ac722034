"""How often what `specaudit fit --fuse` states holds: intervals of b, of its differences, and moves; resumable.

    python benchmarks/fuse.py          # what is missing from results/fuse.jsonl, then results/fuse.md
    python benchmarks/fuse.py --only torus captioned
    python benchmarks/fuse.py --table

Every run draws pairs and fits them with default settings. The truth is the population's slope over the window that
the fit chose, at the bandwidths that it chose; of a difference, that of both windows. It is exact where the
populations are known: on a circle and on the sphere S² an isotropic Laplace kernel's eigenvalues are integrals; of
independent sides a product has all products of eigenvalues, a sum half of each and both constants in one.

- torus: two independent circles, and `torus, sum`; `torus, large`: more rows than a full eigendecomposition takes
- bit: a circle, and the same turned by 0.2 or not, at random; `hair`: by 0.01, which hardly moves any slope
- solid: S² and an independent circle
- captioned: 120 points of a circle, 5 times each, every time with another point of another circle
- retrieved: each pair has one of 30 points of a circle, and a point of its own of another
- crossed: each pair has one of 60 points of a circle, and one of 60 of another
- the last three `apart`: pairs in random order, where the fit keeps those of a point together
- projected: WordNet glosses, and their nonlinear projection to 16 columns, which the glosses determine
- halves, sum: the first 192 columns of WordNet glosses, and the others

The two of WordNet are read from the directory that SPECAUDIT_STUDY_DATA names. Their runs have no row in common, with
each other or with the 3 x 4,000 rows whose mean curve is the truth; it was measured at two bandwidths a side, between
which it is interpolated.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import lru_cache, partial
from pathlib import Path
from unittest.mock import patch

import numpy as np
from laws import Population, sphere, sphere_population
from resume import Record, study

from specaudit import api
from specaudit.api import fusing
from specaudit.documents import Exponent
from specaudit.estimate import estimate_dense
from specaudit.exponent import GRID
from specaudit.kernels import FusedKernel, Kernel, choose_kernel
from specaudit.operators import dense_operator

Array = np.ndarray
Pair = tuple[Array, Array]

CASES: dict[str, tuple[int, int]] = {
    "torus": (500, 100),
    "torus, sum": (500, 100),
    "bit": (500, 100),
    "hair": (500, 100),
    "solid": (500, 100),
    "captioned": (600, 60),
    "captioned, apart": (600, 60),
    "retrieved": (600, 80),
    "retrieved, apart": (600, 80),
    "crossed": (600, 60),
    "crossed, apart": (600, 60),
    "torus, large": (2000, 40),
    "projected": (1500, 60),
    "halves, sum": (1000, 60),
}
"""Rows and runs; the data are what is before the comma, fused by a product unless a sum is after it."""
FIRST = 1000
"""Seeds below were used while this was written."""
CAPTIONS = 5
POINTS = {"retrieved": (30, None), "crossed": (60, 60)}
TURNS = {"bit": 0.2, "hair": 0.01}
STORED = ("projected", "halves")
TEXT = "large/wordnet117k.npy"
TRUTHS, TRUTH_ROWS, STEP = 3, 4000, 1.02
DEGREES, BINS, ANGLES, SPHERE = 1000, 1500, 1 << 15, 400
LEVELS = np.linspace(0.0, 5.5, 111)
"""ln N_2 at which the curves of stored data are kept."""
NAMES = ("first", "second")


def circle(angle: Array) -> Array:
    return np.c_[np.cos(angle), np.sin(angle)]


def rng_of(name: str, seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, sum(map(ord, name))])


def drawn(name: str, n: int, rng: np.random.Generator) -> Pair:
    """Return n pairs of a law."""
    one, two = rng.uniform(0, 2 * np.pi, (2, n))
    if name in TURNS:
        return circle(one), circle(one + TURNS[name] * rng.integers(2, size=n))
    if name == "solid":
        return sphere("laplace", 2).rows(n, rng), circle(two)
    if name == "captioned":
        return np.repeat(circle(one[: n // CAPTIONS]), CAPTIONS, axis=0), circle(two)
    if name in POINTS:
        one, two = (x[rng.integers(k, size=n)] if k else x for x, k in zip((one, two), POINTS[name], strict=True))
    return circle(one), circle(two)


@lru_cache(maxsize=1)
def shuffled() -> Array:
    """Return the different glosses in random order."""
    rows = np.unique(np.load(Path(os.environ["SPECAUDIT_STUDY_DATA"]) / TEXT), axis=0)
    return rows[np.random.default_rng(0).permutation(len(rows))]


def stored(name: str, rows: slice) -> Pair:
    """Return pairs of stored data."""
    values = shuffled()[rows].astype(float)
    if name == "halves":
        return values[:, :192], values[:, 192:]
    return values, np.tanh(0.75 * values @ np.random.default_rng(1).standard_normal((384, 16)))


def binned(eigenvalues: Array, multiplicity: Array) -> Population:
    """Return a population with eigenvalues that differ by less than about a hundredth taken together."""
    value, times = eigenvalues.ravel(), multiplicity.ravel()
    keep = value > 1e-12 * value.max()
    value, times = value[keep], times[keep]
    place = (np.log(value / value.min()) / np.log(value.max() / value.min()) * (BINS - 1)).astype(int)
    count = np.bincount(place, times)
    total = np.bincount(place, times * value)
    return Population(eigenvalues=total[count > 0] / count[count > 0], multiplicity=count[count > 0])


def of_angles(values: Array) -> tuple[Array, Array]:
    """Return eigenvalues, and multiplicities, of a kernel of the difference of angles, given at `ANGLES` steps."""
    found = np.maximum(np.fft.rfft(values).real[:DEGREES] / ANGLES, 0.0)
    return found, np.where(np.arange(DEGREES) == 0, 1.0, 2.0)


def of_chords(bandwidth: float, turn: float = 0.0) -> Array:
    """Return the Laplace kernel of two points of a circle, the second turned, at `ANGLES` differences."""
    return np.exp(-2 * np.abs(np.sin(np.pi * np.arange(ANGLES) / ANGLES + turn / 2)) / bandwidth)


@lru_cache(maxsize=8)
def of_side(name: str, side: int, bandwidth: float) -> tuple[Array, Array]:
    """Return the eigenvalues of one side alone, descending from the constant's, and their multiplicities."""
    if name == "solid" and side == 0:
        found = sphere_population("laplace", 2, bandwidth, SPHERE)
        return found.eigenvalues[:DEGREES], found.multiplicity[:DEGREES]
    return of_angles(of_chords(bandwidth))


def of_both(name: str, by: str, bandwidths: tuple[float, float]) -> tuple[Array, Array]:
    """Return the eigenvalues of the fused kernel with their multiplicities."""
    if name in TURNS:  # a 2 x 2 matrix at each frequency
        same, apart = (
            np.fft.rfft(of_chords(bandwidths[0]) * of_chords(bandwidths[1], turn))[:DEGREES] / ANGLES
            for turn in (0.0, TURNS[name])
        )
        both = np.maximum([same.real + np.abs(apart), same.real - np.abs(apart)], 0.0) / 2
        return both, np.broadcast_to(np.where(np.arange(DEGREES) == 0, 1.0, 2.0), both.shape)
    (one, many), (two, more) = (of_side(name, side, bandwidth) for side, bandwidth in enumerate(bandwidths))
    if by == "sum":
        eigenvalues = np.concatenate([[one[0] + two[0]], one[1:], two[1:]]) / 2
        return eigenvalues, np.concatenate([[1.0], many[1:], more[1:]])
    return np.outer(one, two), np.outer(many, more)


def exact(name: str, by: str, what: str, bandwidths: tuple[float, float], window: tuple[float, float]) -> float:
    """Return the population's slope of a kernel (fused, or first or second, alone or with itself)."""
    if what == "fused":
        return binned(*of_both(name, by, bandwidths)).slope(window)
    side = NAMES.index(what.partition(",")[0])
    bandwidth = bandwidths[side] / (2 if what.endswith(", itself") and by == "product" else 1)
    return binned(*of_side(name, side, bandwidth)).slope(window)


def way(case: str) -> tuple[str, str]:
    """Return the data of a case, and how they are fused."""
    name, _, option = case.partition(", ")
    return name, "sum" if option == "sum" else "product"


def run(case: str, seed: int) -> Record:
    """Return what one fit states, and the truth where it is exact."""
    name, by = way(case)
    n, _ = CASES[case]
    start = TRUTHS * TRUTH_ROWS + seed * n
    pair = stored(name, slice(start, start + n)) if name in STORED else drawn(name, n, rng_of(case, FIRST + seed))
    with patch.object(fusing, "pairs_together", in_order) if case.endswith(", apart") else nullcontext():
        found = api.fused_fit(*pair, by=by, seed=seed, threads=1)
    assert found.fusion is not None
    sides = [side.alone["laplace"] for side in found.fusion.sides]
    bandwidths = tuple(float(side.kernel.bandwidth or 0.0) for side in sides)
    exponents, differences = {"fused": found.exponent}, {}
    for label, side in zip(NAMES, sides, strict=True):
        exponents[label] = side.exponent
        differences[label] = side.from_alone
        if by == "product":
            exponents[f"{label}, itself"] = side.itself
            differences[f"{label}, itself"] = side.from_itself
    record: Record = {"part": case, "seed": seed, "bandwidths": bandwidths}
    record["exponents"] = {label: told(one) for label, one in exponents.items()}
    record["differences"] = {label: [one.move, one.value, one.low, one.high] for label, one in differences.items()}
    if name not in STORED:
        record["truth"] = {
            label: exact(name, by, label, bandwidths, one.window)
            for label, one in exponents.items()
            if one.window is not None
        }
    return record


def in_order(sides: list[Array], seed: int) -> Array:
    """Leave pairs in their random order."""
    return np.arange(len(sides[0]))


def told(exponent: Exponent) -> list[object]:
    return [exponent.status, exponent.value, exponent.low, exponent.high, exponent.window]


def reference(case: str, draw: int) -> Record:
    """Return curves of stored data at two bandwidths a side: ln kappa at `LEVELS` of each kernel."""
    name, by = way(case)
    pair = stored(name, slice(draw * TRUTH_ROWS, (draw + 1) * TRUTH_ROWS))
    medians = [float(choose_kernel("laplace", rows).bandwidth or 0.0) for rows in stored(name, slice(TRUTH_ROWS))]

    def curve(kernel: Kernel | FusedKernel, rows: Array) -> list[float]:
        weights = np.ones(len(rows), np.int64)
        found = estimate_dense(kernel, dense_operator(kernel, rows, weights), weights, seed=draw)
        return [round(float(value), 6) for value in found.curve.log_kappa(LEVELS)]

    def laplace(side: int, factor: float) -> Kernel:
        return choose_kernel("laplace", pair[side], bandwidth=factor * medians[side])

    curves = {}
    for place, label in enumerate(NAMES):
        for what, share in ((label, 1.0), (f"{label}, itself", 0.5))[: 2 if by == "product" else 1]:
            curves[what] = [curve(laplace(place, share * factor), pair[place]) for factor in (1.0, STEP)]
    curves["fused"] = [
        curve(FusedKernel(sides=(laplace(0, one), laplace(1, two)), columns=pair[0].shape[1], by=by), np.hstack(pair))
        for one, two in ((1.0, 1.0), (STEP, 1.0), (1.0, STEP))
    ]
    return {"part": f"{case}: truth", "seed": draw, "bandwidths": medians, "curves": curves}


def interpolated(case: str, records: list[Record]) -> Callable[[Record, str], float]:
    """Return what tells the truth of a run of stored data from the curves of the other rows."""
    found = [r for r in records if r["part"] == f"{case}: truth"]
    medians = np.array(found[0]["bandwidths"])
    curves = {what: np.mean([r["curves"][what] for r in found], axis=0) for what in found[0]["curves"]}

    def truth(record: Record, what: str) -> float:
        window = record["exponents"][what][4]
        moved = np.log(np.array(record["bandwidths"]) / medians) / np.log(STEP)
        if what != "fused":
            moved = moved[[NAMES.index(what.partition(",")[0])]]
        base, *others = curves[what]
        curve = base + sum(share * (other - base) for share, other in zip(moved, others, strict=True))
        grid = np.linspace(*np.log(window), GRID)
        x = grid - grid.mean()
        return float(-(x @ np.interp(grid, LEVELS, curve)) / (x @ x))

    return truth


def jobs(only: list[str]) -> Iterator[tuple[Record, Callable[[], Record]]]:
    """Yield what tells a run from the others, and what does it."""
    for case, (_, runs) in CASES.items():
        name, _ = way(case)
        if name not in only:
            continue
        if name in STORED and "SPECAUDIT_STUDY_DATA" not in os.environ:
            print(f"skipped: {case} (SPECAUDIT_STUDY_DATA is not set)")
            continue
        for draw in range(TRUTHS if name in STORED else 0):
            yield {"part": f"{case}: truth", "seed": draw}, partial(reference, case, draw)
        for seed in range(runs):
            yield {"part": case, "seed": seed}, partial(run, case, seed)


def bounds(held: int, count: int) -> str:
    """Return a share with its two-sided 95 % bounds of Clopper and Pearson."""
    from scipy.special import betaincinv

    low = 0.0 if held == 0 else float(betaincinv(held, count - held + 1, 0.025))
    high = 1.0 if held == count else float(betaincinv(held + 1, count - held, 0.975))
    return f"{held} of {count} | {low:.2f} to {high:.2f}"


def rows_of(case: str, records: list[Record]) -> Iterator[str]:
    """Yield the lines of a case."""
    group = [r for r in records if r["part"] == case]
    if not group:
        return
    name, _ = way(case)
    truth = interpolated(case, records) if name in STORED else lambda record, what: record["truth"][what]
    for what in group[0]["exponents"]:
        stated = [(r, r["exponents"][what]) for r in group if r["exponents"][what][1] is not None]
        yield line(case, f"b {what}", len(group), [(truth(r, what), *of[1:4]) for r, of in stated])
    for what in group[0]["differences"]:
        stated = [(r, r["differences"][what]) for r in group if r["differences"][what][1] is not None]
        values = [(truth(r, "fused") - truth(r, what), *of[1:]) for r, of in stated]
        moves = Counter(r["differences"][what][0] for r in group)
        wrong = sum(
            of[0] in ("steeper", "flatter") and of[0] != ("steeper" if value[0] > 0 else "flatter")
            for (_, of), value in zip(stated, values, strict=True)
        )
        said = ", ".join(f"{count} {move}" for move, count in moves.most_common())
        yield line(case, f"fused less {what}", len(group), values, f"{said}; {wrong} wrong")


def line(case: str, what: str, runs: int, values: list[tuple[float, ...]], moves: str = "") -> str:
    """Return a line of the table: of each run the truth, the value, and its interval."""
    if not values:
        return f"| {case} | {what} | {runs} | 0 of 0 | | | | | | {moves} |"
    truth, value, low, high = np.array(values, float).T
    held = bounds(int(((low <= truth) & (truth <= high)).sum()), len(truth))
    cells = (np.median(truth), np.median(value - truth), np.std(value - truth), np.median(high - low) / 2)
    return f"| {case} | {what} | {runs} | {held} | {' | '.join(f'{x:+.3f}' for x in cells)} | {moves} |"


def table(records: list[Record]) -> str:
    """Return the document."""
    lines = ["# Fused kernels", "", *(__doc__ or "").strip().splitlines()[6:], ""]
    lines += [
        "Held: stated intervals that hold the truth, with two-sided 95 % bounds of Clopper and Pearson; runs that "
        "state none are left out. Bias: median of the value less the truth; spread: its standard deviation; "
        "half-width: median. Wrong: steeper or flatter where the truth has the other sign.",
        "",
        "| case | what | runs | held | bounds | truth | bias | spread | half-width | moves |",
        "|---|---|---:|---:|---|---:|---:|---:|---:|---|",
    ]
    return "\n".join([*lines, *(one for case in CASES for one in rows_of(case, records))]) + "\n"


def main() -> None:
    study("fuse", __doc__, parts=sorted({way(case)[0] for case in CASES}), jobs=jobs, table=table)


if __name__ == "__main__":
    main()
