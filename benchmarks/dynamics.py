"""What `simulate` and `headroom` reproduce: exponents, constants, caps, losses, momentum; false alarms of the null.

    python benchmarks/dynamics.py          # results/dynamics.md and acceptance.md, a few minutes on one core

Runs in mode space are deterministic; only noise and random weights have seeds. Slopes are of the frontier k* from 30
to 30,000, or of the capacity N from 300 to 30,000, with the range over quarters of the window. Constants are
k*/(Tr t) over (b-1)/b, by which an ideal oracle's is 1.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import acceptance
import numpy as np
from acceptance import EXPONENTS, SEEDS, degraded, run

from specaudit.dynamics import Bounds, Refresh, Scheme, Simulation, power_law, simulate
from specaudit.dynamics.headroom import headroom, homogeneous, ranks_for
from specaudit.kernels import choose_kernel

HERE = Path(__file__).parent
RESULTS = HERE / "results"
SIZES = (400, 1000)
CAP = 10.0
Rng = np.random.Generator


def ranged(found: Simulation, of: str = "frontier") -> str:
    slope = found.slopes[of]
    return "-" if slope is None else f"{slope.value:.4f} [{slope.low:.3f}, {slope.high:.3f}]"


def constant(found: Simulation, b: float) -> float:
    return (found.constant or np.nan) * b / (b - 1)


def law(found: Simulation, what: str, digits: str, scale: float = 1.0) -> str:
    predicted = found.predicted[what]
    return "-" if predicted is None else f"{scale * predicted.value:{digits}}"


def table(heads: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> list[str]:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return [f"| {' | '.join(row)} |" for row in lines] + [""]


def exponents() -> Iterator[tuple[str, ...]]:
    for b in (1.2, *EXPONENTS):
        for rho in (0.5, 1.0, 2.0):
            found = run(b, rho=rho)
            static = simulate(power_law(b), Scheme(policy="static", rho=rho))
            a = found.acceleration.value or np.nan
            yield (
                f"{b:g}",
                f"{rho:g}",
                f"{rho / b:.4f}",
                ranged(static),
                ranged(found),
                f"{constant(found, b):.4f}",
                f"{a:.3f}",
            )


def bounded() -> Iterator[tuple[str, ...]]:
    for b in EXPONENTS:
        for pattern, seeds in (("ramp", [0]), ("random", SEEDS)):
            for seed in seeds:
                found = run(b, "bounded", bounds=Bounds(pattern=pattern), seed=seed)
                faster = found.static.reached(1e4, "capacity") / found.run.reached(1e4, "capacity")
                share = np.max((found.run.frontier - 1) / found.run.spent)
                yield (
                    f"{b:g}",
                    f"{pattern} {seed}" if pattern == "random" else pattern,
                    f"{1 / b:.4f}",
                    ranged(found, "capacity"),
                    f"{faster:.3f}",
                    f"{share:.3f}",
                    found.acceleration.verdict,
                )


DEGRADATIONS: tuple[tuple[str, dict[str, object]], ...] = (
    ("lag L = 4", {"lag": 4.0}),
    ("power lag .75", {"lag_power": 0.75}),
    ("power lag .5", {"lag_power": 0.5}),
    ("noise .3", {"noise": 0.3}),
    ("noise 1", {"noise": 1.0}),
    ("refresh × 1.2", {"refresh": Refresh(kind="geo", step=1.2)}),
    ("refresh × 2", {"refresh": Refresh(kind="geo", step=2.0)}),
    ("noise .3, refresh × 1.2", {"noise": 0.3, "refresh": Refresh(kind="geo", step=1.2)}),
    ("noise .3, refresh × 1.2, lag 2", {"noise": 0.3, "refresh": Refresh(kind="geo", step=1.2), "lag": 2.0}),
    ("delay 100", {"delay": 100.0}),
    ("cap 10", {"cap": 10.0}),
    ("cap 100", {"cap": 100.0}),
    ("cap 1000", {"cap": 1000.0}),
    ("over-estimate × 1.11", {"over": 1.11}),
    ("over-estimate × 2, floor 1", {"over": 2.0, "floor": 1.0}),
    ("over-estimate × 1.2, lag 1.5", {"over": 1.2, "lag": 1.5}),
)


def degradations() -> Iterator[tuple[str, ...]]:
    for name, changes in DEGRADATIONS:
        for b in EXPONENTS:
            every = [degraded(b, seed, **changes) for seed in (SEEDS if "noise" in changes else [0])]
            found = every[0]
            own = np.exp(np.mean([np.log(constant(one, b)) for one in every]))
            phi = found.recovery[-1].phi
            yield (
                name,
                f"{b:g}",
                ranged(found),
                law(found, "slope", ".4f"),
                "-" if np.isnan(own) else f"{own:.4g}",
                law(found, "constant", ".4g", b / (b - 1)),
                "-" if found.acceleration.value is None else f"{found.acceleration.value:.3f}",
                "-" if phi is None else f"{phi:.3f}",
                found.acceleration.verdict,
            )


def caps() -> Iterator[tuple[str, ...]]:
    for b in EXPONENTS:
        for cap in (10.0, 100.0):
            found = degraded(b, cap=cap)
            end, wanted = found.run.frontier[-1], (cap * found.run.clock[-1]) ** (1 / b)
            phi = found.recovery[-1].phi
            target, tr = found.recovery[-1].target, found.modes.trace
            expected = np.log(cap) / np.log((b - 1) / b * tr * target ** (b - 1))
            yield (
                f"{b:g}",
                f"{cap:g}",
                f"{found.knee:.4g}",
                f"{end:,.0f}",
                f"{wanted:,.0f}",
                "-" if phi is None else f"{phi:.3f}",
                f"{expected:.3f}" if target > 30 * found.knee else "-",
            )


def losses() -> Iterator[tuple[str, ...]]:
    for b, source in ((1.5, 1.5), (2.0, 1.5), (3.0, 1.5), (1.5, 2.5), (2.0, 2.5), (3.0, 2.5)):
        static = run(b, "static", source=source)
        paper, deep = (run(b, suppress=name, source=source) for name in ("paper", "deep"))
        yield (
            f"{b:g}",
            f"{source:g}",
            f"{-(source - 1) / b:.3f}",
            f"{static.loss.value:.3f}",
            f"{paper.loss.value:.3f}",
            f"{1 - source:g}",
            f"{deep.loss.value:.3f}",
            ranged(deep),
            law(deep, "slope", ".4f"),
            f"{deep.constant / deep.predicted['constant'].value:.4f}",
        )


def momenta() -> Iterator[tuple[str, ...]]:
    for name, speed in (("nesterov", 2.0), ("heavy-ball", 1.0)):
        for b in EXPONENTS:
            found = run(b, momentum=name)
            static = run(b, "static", momentum=name)
            yield (
                name,
                f"{b:g}",
                f"{speed / b:.4f}",
                ranged(static),
                ranged(found),
                f"{static.loss.value:.3f}",
                f"{found.loss.value:.3f}",
            )


def horizons() -> Iterator[tuple[str, ...]]:
    for b in EXPONENTS:
        modes = power_law(b, 1e4)
        for policy in ("static", "oracle", "whiten", "harmonic"):
            found = simulate(modes, Scheme(policy=policy, suppress="paper"))
            learned = "-" if found.complete is None else f"{found.complete:.4g}"
            yield f"{b:g}", policy, learned, ranged(found), f"{found.run.largest.max():.3g}"


def sphere(n: int, d: int, rng: Rng) -> np.ndarray:
    points = rng.standard_normal((n, d + 1))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def torus(n: int, d: int, rng: Rng) -> np.ndarray:
    angles, radii = rng.uniform(0, 2 * np.pi, (n, d)), np.arange(1, d + 1) ** -0.25
    return np.concatenate([np.cos(angles) * radii, np.sin(angles) * radii], axis=1)


def zipf(n: int, d: int, rng: Rng) -> np.ndarray:
    """Return rows near centres that occur as often as 1 / rank."""
    share = 1 / np.arange(1.0, 201)
    place = rng.choice(200, n, p=share / share.sum())
    return 4 * rng.standard_normal((200, d))[place] + 0.1 * rng.standard_normal((n, d))


def sample(name: str) -> Callable[[int, int, Rng], np.ndarray]:
    rows = np.unique(np.load(HERE.parent / "sample_data" / f"{name}.npy").astype(float), axis=0)
    return lambda n, d, rng: rows[rng.permutation(len(rows))[:n]]


HOMOGENEOUS = (
    *((f"sphere {d}", sphere, d) for d in (1, 2, 3, 5, 9, 20, 100)),
    *((f"torus {d}", torus, d) for d in (2, 3, 6, 20)),
)
FRESH = (*((f"sphere {d}", sphere, d) for d in (4, 14, 45)), *((f"torus {d}", torus, d) for d in (1, 4, 10)))
"""Looked at after the null's thresholds were set, with other seeds."""
OTHERS = (
    ("Gaussian 10", lambda n, d, rng: rng.standard_normal((n, d)), 10),
    ("Zipf clusters", zipf, 20),
    ("digits", sample("digits"), 0),
    ("word glosses", sample("embeddings"), 0),
)


def gains(
    sets: tuple[tuple[str, Callable[[int, int, Rng], np.ndarray], int], ...], kernels: tuple[str, ...], seeds: range
) -> Iterator[tuple[str, ...]]:
    for name, draw, d in sets:
        for kernel_name in kernels:
            for n in SIZES:
                told, above, judged = [], 0, 0
                for seed in seeds:
                    rows = draw(n, d, np.random.default_rng([seed, n, d]))
                    kernel, ranks = choose_kernel(kernel_name, rows), ranks_for(n)
                    found = headroom(kernel, rows, np.ones(n, np.int64), CAP, ranks, seed=seed)
                    null = homogeneous(kernel, n, CAP, found, seed=seed)
                    judged += null.place >= 0
                    above += null.place >= 0 and found.values[null.place] > null.limit
                    told.append((found.values[null.place], found.needs[null.place], null.limit))
                gain, need, limit = np.mean(told, axis=0)
                yield (
                    name,
                    kernel_name,
                    f"{n:,}",
                    f"{gain:.3f}",
                    f"{need:.3g}",
                    f"{limit:.3f}",
                    f"{above} of {judged}",
                )


def main() -> None:
    start = time.perf_counter()
    lines = ["# Dynamics in mode space, and the headroom of weights of rows", ""]
    lines += [*(__doc__ or "").strip().splitlines()[4:], ""]
    lines += ["## Static weights and an ideal oracle (paper suppression)", ""]
    heads = ("b", "rho", "rho/b", "static", "oracle", "constant", "A")
    lines += table(heads, exponents())
    lines += ["## Bounded static weights in [.2, 10]: slope of the capacity", ""]
    heads = ("b", "weights", "1/b", "slope of N", "faster to N = 10,000 by", "largest (k* - 1) / spent", "verdict")
    lines += table(heads, bounded())
    lines += ["## Degraded oracles (paper suppression; noise: constants over 3 seeds)", ""]
    heads = ("degradation", "b", "slope", "law", "constant", "law", "A", "φ at 30,000", "verdict")
    lines += table(heads, degradations())
    lines += ["## Caps: where the run ends, and φ", ""]
    lines += table(("b", "C", "knee", "k* at the end", "(C t)^(1/b)", "φ at 30,000", "law"), caps())
    lines += ["## The loss", ""]
    heads = (
        "b",
        "a",
        "-(a-1)/b",
        "static",
        "oracle, paper",
        "-(a-1)",
        "oracle, deep",
        "k* slope, deep",
        "law",
        "k* / law",
    )
    lines += table(heads, losses())
    lines += ["## Momentum (paper suppression)", ""]
    heads = ("momentum", "b", "law", "static", "oracle", "loss, static", "loss, oracle")
    lines += table(heads, momenta())
    lines += ["## A horizon of 10,000 modes", ""]
    lines += table(("b", "policy", "all learned at", "k* slope", "largest weight"), horizons())
    heads = ("set", "kernel", "n", "gain", "oracle needs", "may be chance", "above")
    for title, sets, kernels, seeds in (
        ("with which the null's thresholds were set", HOMOGENEOUS, ("laplace", "matern32"), SEEDS),
        ("that are new", FRESH, ("laplace", "matern32", "matern52", "rbf"), range(10, 13)),
    ):
        rows = list(gains(sets, kernels, seeds))
        lines += [f"## Headroom at C = {CAP:g} of homogeneous sets {title}: alarms are false", ""]
        lines += table(heads, iter(rows))
        alarms = sum(int(row[-1].split()[0]) for row in rows)
        lines += [f"False alarms: {alarms} of {sum(int(row[-1].split()[-1]) for row in rows)}.", ""]
    lines += ["## Headroom of others", ""]
    lines += table(heads, gains(OTHERS, ("laplace", "linear"), SEEDS))
    (RESULTS / "dynamics.md").write_text("\n".join(lines))
    acceptance.main()
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
