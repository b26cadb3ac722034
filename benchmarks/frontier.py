"""Accuracy of the learning frontier and error rates of the collapse detector, on flows that are known; resumable.

    python benchmarks/frontier.py          # what is missing from results/frontier.jsonl, then results/frontier.md
    python benchmarks/frontier.py --only circle digits
    python benchmarks/frontier.py --table

Residuals follow gradient flow dr/dt = -(1/n) K W r under the Laplace kernel at the median distance, solved by
eigendecomposition. Targets have coefficients c_k ~ k^(-a/2) N(0, 1), a = 1.5, in the eigenvectors. The frontier's
truth is where lambda_k t = 1, interpolated in ln k. wordnet, patches and digits are read from the directory that
SPECAUDIT_STUDY_DATA names, and without it from sample_data.

Frontier: n = 1,000, 4 outputs, 30 checkpoints, each entry of the log off by a factor of exp(0.05 N(0, 1)). `base` is
as said; `matern32` trains with another kernel than is looked at; `noise` gives 20 % of the rows the target of another
row; `jitter` is 0.3 in place of 0.05; `logged` has a quarter of the rows; `abs` logs |r|, `shuffled` logs the rows in
a random order: both must be refused. Errors are of ln k* at checkpoints whose k* is resolved; cover is the share of
intervals that hold the truth; the slope's truth is that of the true k* at the same checkpoints; k_noise counts
the logs in which noise is said to begin within the modes.

Collapse: n = 400, 8 outputs, 20 checkpoints to a true k* of n/4; weights |r|^2 capped at 10 and renewed at each
checkpoint, or none. Of `noise` rows the target is that of another row. D is the smallest over the checkpoints with
I_1 of at least .1, up to a true k* of n/16, n/8 and n/4. Seeds 0 to 5 served to choose the thresholds; the table is
of seeds 10 to 13.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from resume import Record, study

from specaudit.errors import InputError
from specaudit.graph import rows_around
from specaudit.kernels import Kernel, choose_kernel
from specaudit.krylov import eigh
from specaudit.learning import follow, modes_depth, modes_of, open_log
from specaudit.learning.collapse import CERTAIN, COHERENT, NEAREST, SAFE, coherences
from specaudit.learning.frontier import FIRST, LAST
from specaudit.learning.weights import CAP, bounded
from specaudit.operators import dense_operator

HERE = Path(__file__).parent
STUDY = os.environ.get("SPECAUDIT_STUDY_DATA")
FILES = {
    "wordnet": ("wordnet8k.npy", "embeddings.npy"),
    "patches": ("patches8k.npy", "patches.npy"),
    "digits": ("digits.npy", "digits.npy"),
}
SOURCE = 1.5  # a
ROWS, OUTPUTS, CHECKPOINTS, JITTER = 1000, 4, 30, 0.05
NOISE_ROWS, NOISE_OUTPUTS, NOISE_CHECKPOINTS = 400, 8, 20
ESTIMATOR_SEEDS, COLLAPSE_SEEDS = range(3), range(10, 14)
VARIANTS = ("base", "matern32", "noise", "jitter", "logged", "abs", "shuffled")
LABEL_NOISE = (0.0, 0.05, 0.2)
HORIZONS = (16, 8, 4)

Array = np.ndarray


def circle(n: int, rng: np.random.Generator) -> Array:
    angle = rng.uniform(0, 2 * np.pi, n)
    return np.c_[np.cos(angle), np.sin(angle)]


def sphere2(n: int, rng: np.random.Generator) -> Array:
    x = rng.standard_normal((n, 3))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def clusters(n: int, rng: np.random.Generator, count: int, b: float, dimensions: int, spread: float) -> Array:
    """Return rows around `count` Gaussian centres, of which the k-th is as frequent as k^-b."""
    share = np.arange(1, count + 1.0) ** -b
    centres = rng.standard_normal((count, dimensions))
    return centres[rng.choice(count, n, p=share / share.sum())] + spread * rng.standard_normal((n, dimensions))


def gmmzipf(n: int, rng: np.random.Generator) -> Array:
    return clusters(n, rng, 50, 1.0, 16, 0.5)


def zipf(n: int, rng: np.random.Generator) -> Array:
    return clusters(n, rng, 300, 1.5, 64, 0.05)


def stored(name: str) -> Callable[[int, np.random.Generator], Array]:
    def rows(n: int, rng: np.random.Generator) -> Array:
        study, sample = FILES[name]
        path = Path(STUDY) / study if STUDY else HERE.parent / "sample_data" / sample
        values = np.load(path)
        return values[rng.permutation(len(values))[:n]].astype(float)

    return rows


SETS: dict[str, Callable[[int, np.random.Generator], Array]] = {
    "circle": circle,
    "sphere2": sphere2,
    "gmmzipf": gmmzipf,
    "zipf": zipf,
    **{name: stored(name) for name in FILES},
}
ESTIMATED = ("circle", "sphere2", "gmmzipf", "zipf", "wordnet", "digits")


def generator(name: str, seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, sum(map(ord, name))])


def spectrum(kernel: Kernel, rows: Array) -> tuple[Array, Array]:
    """Return all eigenvalues of K/n, descending, and eigenvectors."""
    values, vectors = eigh(dense_operator(kernel, rows).matrix.astype(float) / len(rows))
    return np.maximum(values[::-1], 0.0), vectors[:, ::-1]


def target(vectors: Array, outputs: int, noise: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return targets (n, outputs), and the rows among them that have that of another row."""
    n = len(vectors)
    values = vectors @ (np.arange(1, n + 1)[:, None] ** (-SOURCE / 2) * rng.standard_normal((n, outputs)))
    wrong = rng.permutation(n)[: int(noise * n)]
    values[wrong] = values[rng.permutation(n)[: len(wrong)]]
    return values, wrong


def checkpoints(values: Array, deepest: int, count: int) -> Array:
    return np.r_[0.0, np.geomspace(1 / values[1], 1 / values[deepest], count - 1)]


def true_logs(values: Array, times: Array) -> Array:
    """Return ln k* (T,), where lambda_k t = 1."""
    ranks = np.log(np.arange(1, len(values) // 2 + 1))
    at = np.log(np.maximum(times, 1e-300))
    return np.interp(at, -np.log(values[: len(ranks)]), ranks)


def estimate(name: str, seed: int, variant: str) -> Record:
    """Return how far the frontier of one log is from the truth, or whether it is refused."""
    rng = generator(name, seed)
    rows = SETS[name](ROWS, rng)
    kernel = choose_kernel("laplace", rows)
    trained = choose_kernel("matern32", rows) if variant == "matern32" else kernel
    values, vectors = spectrum(trained, rows)
    start, _ = target(vectors, OUTPUTS, 0.2 if variant == "noise" else 0.0, rng)
    times = checkpoints(values, int(0.23 * ROWS), CHECKPOINTS)
    inside = vectors.T @ start
    log = np.array([vectors @ (np.exp(-values * t)[:, None] * inside) for t in times])
    log *= np.exp((0.3 if variant == "jitter" else JITTER) * rng.standard_normal(log.shape))
    if variant == "abs":
        log = np.abs(log)
    if variant == "shuffled":
        log = log[:, rng.permutation(ROWS)]
    partial = variant == "logged"
    chosen = np.sort(rng.permutation(ROWS)[: ROWS // 4]) if partial else np.arange(ROWS)
    modes = modes_of(kernel, rows[chosen], depth=modes_depth(len(chosen), partial=partial), seed=seed)
    record = {"part": "frontier", "data": name, "seed": seed, "variant": variant, "refused": False}
    try:
        run = follow(
            open_log(log[:, chosen], times),
            np.arange(len(chosen)),
            rows[chosen],
            modes,
            cap=CAP,
            partial=partial,
            seed=seed,
        )
    except InputError:
        return record | {"refused": True}
    found = run.frontier
    record["noise"] = run.noise.rank
    truth = true_logs(values, times)
    used = [t for t, point in enumerate(found.points) if point.rank is not None]
    ranks = np.array([found.points[t].rank for t in used])
    low, high = (np.log([getattr(found.points[t], end) for t in used]) for end in ("low", "high"))
    window = np.array(used)[(ranks >= FIRST) & (ranks <= LAST * modes.count)]
    slope = np.polyfit(np.log(times[window]), truth[window], 1)[0]
    growth = found.growth
    record["errors"] = np.round(np.log(ranks) - truth[used], 4).tolist()
    record["covered"] = [bool(x) for x in (low <= truth[used]) & (truth[used] <= high)]
    record |= {"slope": growth.value, "true_slope": float(slope), "status": growth.status}
    record["slope_covered"] = bool(growth.low <= slope <= growth.high)
    record["local_exponent"] = growth.local_exponent
    return record


def collapse(name: str, seed: int, noise: float, weighted: bool) -> Record:
    """Return D of one run by horizon, and the largest share of the weights on rows of label noise."""
    rng = generator(name, seed)
    rows = SETS[name](NOISE_ROWS, rng)
    kernel = choose_kernel("laplace", rows)
    values, vectors = spectrum(kernel, rows)
    matrix = dense_operator(kernel, rows).matrix.astype(float) / NOISE_ROWS
    residuals, wrong = target(vectors, NOISE_OUTPUTS, noise, rng)
    times = checkpoints(values, NOISE_ROWS // 4, NOISE_CHECKPOINTS)
    nearest = rows_around(rows, neighbors=NEAREST).places
    plain, ratio, on_noise = [], [], []
    for step in np.diff(times, append=times[-1]):
        one, other = coherences(residuals, nearest, CAP)
        plain.append(one)
        ratio.append(other / one)
        weights = bounded((residuals**2).sum(axis=1), CAP)
        on_noise.append(weights[wrong].sum() / NOISE_ROWS)
        if weighted:
            root = np.sqrt(weights)
            rates, basis = eigh(root[:, None] * matrix * root)
        else:
            root, rates, basis = np.ones(NOISE_ROWS), values, vectors
        decay = np.exp(-np.maximum(rates, 0) * step)[:, None]
        residuals = basis @ (decay * (basis.T @ (root[:, None] * residuals))) / root[:, None]
    depth = np.exp(true_logs(values, times))
    found = {}
    for horizon in HORIZONS:
        seen = [
            r
            for r, one, k in zip(ratio, plain, depth, strict=True)
            if one >= COHERENT and k * horizon <= 1.001 * NOISE_ROWS
        ]
        found[str(horizon)] = round(min(seen), 3) if seen else None
    return {
        "part": "collapse",
        "data": name,
        "seed": seed,
        "noise": noise,
        "weighted": weighted,
        "ratio": found,
        "on_noise": round(float(max(on_noise)), 3),
    }


def jobs(only: list[str]) -> Iterator[tuple[Record, Callable[[], Record]]]:
    """Yield what tells a run from the others, and what does it."""
    for name in only:
        for seed in ESTIMATOR_SEEDS if name in ESTIMATED else ():
            for variant in VARIANTS:
                key = {"part": "frontier", "data": name, "seed": seed, "variant": variant}
                yield key, partial(estimate, name, seed, variant)
        for seed in COLLAPSE_SEEDS:
            for noise in LABEL_NOISE:
                for weighted in (True, False):
                    key = {"part": "collapse", "data": name, "seed": seed, "noise": noise, "weighted": weighted}
                    yield key, partial(collapse, name, seed, noise, weighted)


def accuracy(records: list[Record]) -> Iterator[str]:
    yield "| log | data | runs | refused | k_noise | median error | p95 | cover | slope error, largest | cover |"
    yield "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    for variant in VARIANTS:
        for name in (*ESTIMATED, "all"):
            group = [r for r in records if r["variant"] == variant and name in (r["data"], "all")]
            kept = [r for r in group if not r["refused"]]
            cells = [variant, name, str(len(group)), str(len(group) - len(kept))]
            if kept:
                errors = np.abs(np.concatenate([r["errors"] for r in kept]))
                covered = np.concatenate([r["covered"] for r in kept])
                slopes = [abs(r["slope"] - r["true_slope"]) for r in kept]
                cells.append(str(sum(r["noise"] is not None for r in kept)))
                cells += [f"{np.median(errors):.3f}", f"{np.quantile(errors, 0.95):.3f}", f"{covered.mean():.2f}"]
                cells += [f"{max(slopes):.3f}", f"{np.mean([r['slope_covered'] for r in kept]):.2f}"]
            else:
                cells += [""] * 6
            if group:
                yield f"| {' | '.join(cells)} |"


def rates(records: list[Record]) -> Iterator[str]:
    yield "| weights | data | noise | runs | D to n/16 | D to n/8 | D to n/4 | none | undecided | collapse |"
    yield "|---|---|---:|---:|---|---|---|---:|---:|---:|"
    for weighted in (True, False):
        for name in (*SETS, "all", "all but patches"):
            for noise in LABEL_NOISE:
                group = [r for r in records if r["weighted"] == weighted and r["noise"] == noise]
                group = [
                    r for r in group if name in (r["data"], "all") or (name[3:7] == " but" and r["data"] != name[8:])
                ]
                if not group:
                    continue
                last = [r["ratio"][str(HORIZONS[-1])] for r in group]
                known = [d for d in last if d is not None]
                none, sure = sum(d >= SAFE for d in known), sum(d < CERTAIN for d in known)
                cells = ["r^2" if weighted else "1", name, f"{noise:.0%}", str(len(group))]
                for horizon in HORIZONS:
                    seen = [r["ratio"][str(horizon)] for r in group if r["ratio"][str(horizon)] is not None]
                    cells.append(f"{min(seen):.2f} to {max(seen):.2f}" if seen else "")
                yield f"| {' | '.join([*cells, str(none), str(len(last) - none - sure), str(sure)])} |"


def table(records: list[Record]) -> str:
    parts = {part: [r for r in records if r["part"] == part] for part in ("frontier", "collapse")}
    lines = ["# The learning frontier", "", *(__doc__ or "").strip().splitlines()[6:], ""]
    lines += [*accuracy(parts["frontier"]), ""]
    lines += [f"None is D of at least {SAFE:.2f}, collapse D below {CERTAIN:.2f}, over all checkpoints.", ""]
    return "\n".join([*lines, *rates(parts["collapse"])]) + "\n"


def main() -> None:
    study("frontier", __doc__, parts=list(SETS), jobs=jobs, table=table)


if __name__ == "__main__":
    main()
