"""What was asked of the dynamics before they were built, and what is measured.

    python benchmarks/acceptance.py          # results/acceptance.md, two minutes

Mode space is run here; data space is read from the records of oracle.py, static_limit.py, synthetic_span.py and
frontier.py. `dynamics.py` writes this table too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import frontier
import numpy as np
import oracle
import static_limit
import synthetic_span

from specaudit.dynamics import Bounds, Degradation, Refresh, Scheme, Simulation, power_law, simulate
from specaudit.learning.collapse import CERTAIN, SAFE

RESULTS = Path(__file__).parent / "results"
EXPONENTS, SPEEDS = (1.5, 2.0, 3.0), (0.5, 1.0, 2.0)  # b and rho
SEEDS = range(3)
Line = tuple[str, str, str, bool]


def run(b: float, policy: str = "oracle", suppress: str = "paper", **changes: object) -> Simulation:
    return simulate(power_law(b), Scheme(policy=policy, suppress=suppress, **changes))


def degraded(b: float, seed: int = 0, **changes: object) -> Simulation:
    return run(b, degradation=Degradation(**changes), seed=seed)


def slope(found: Simulation, of: str = "frontier") -> float:
    growth = found.slopes[of]
    return np.nan if growth is None else growth.value


def within(name: str, asked: str, most: float, found: dict[str, float], form: str = ".4f") -> Line:
    """Return the line of what must be below `most`, by its largest value."""
    where = max(found, key=lambda key: found[key] if np.isfinite(found[key]) else np.inf)
    return name, asked, f"at most {found[where]:{form}} ({where})", bool(found[where] <= most)


def exponents() -> Iterator[Line]:
    static, ideal, constants = {}, {}, {}
    for b, rho in product((1.2, *EXPONENTS), SPEEDS):
        where = f"b = {b:g}, rho = {rho:g}"
        static[where] = abs(slope(run(b, "static", rho=rho)) - rho / b)
        found = run(b, rho=rho)
        ideal[where] = abs(slope(found) - rho)
        constants[where] = abs((found.constant or np.nan) * b / (b - 1) - 1)
    steep = {where: ideal[where] for where in ideal if "1.2" not in where}
    yield within("static weights: slope − rho/b", "below .002", 0.002, static)
    yield within("oracle, b of 1.5 to 3: slope − rho", "below .01", 0.01, steep)
    yield within(
        "oracle, b = 1.2: slope − rho", "below .02", 0.02, {k: v for k, v in ideal.items() if k not in steep}
    )
    flat = {where: constants[where] for where in constants if where not in steep}
    yield within(
        "oracle, b of 1.5 to 3: constant over (b−1)/b", "within 1 %", 0.01, {k: constants[k] for k in steep}, ".2%"
    )
    yield within("oracle, b = 1.2: constant over (b−1)/b", "within 5 %", 0.05, flat, ".2%")


def bounded() -> Iterator[Line]:
    slopes, shifts, budgets = {}, [], {}
    for b in EXPONENTS:
        for pattern, seeds in (("ramp", [0]), ("random", SEEDS)):
            for seed in seeds:
                found = run(b, "bounded", bounds=Bounds(pattern=pattern), seed=seed)
                where = f"b = {b:g}, {pattern} {seed}"
                slopes[where] = abs(slope(found, "capacity") - 1 / b)
                budgets[where] = float(np.max((found.run.frontier - 1) / found.run.spent))
                if pattern == "ramp":
                    still = np.interp(found.run.time, found.static.time, found.static.frontier)
                    seen = (found.run.frontier > 1) & (still > 1)
                    shifts.append((b, found.run.frontier[seen] / still[seen]))
    yield within("weights in [.2, 10]: slope of N − 1/b", "below .01", 0.01, slopes)
    inside = all(0.2 ** (1 / b) * 0.99 <= x.min() and x.max() <= 10 ** (1 / b) * 1.01 for b, x in shifts)
    told = ", ".join(f"{x.min():.2f} to {x.max():.2f} (b = {b:g})" for b, x in shifts)
    yield "ramp in [.2, 10]: shift of k*", "from .2^(1/b) to 10^(1/b)", told, inside
    for name, changes in (
        ("ideal", {}),
        ("lag 4", {"lag": 4.0}),
        ("power lag .75", {"lag_power": 0.75}),
        ("noise .3", {"noise": 0.3}),
        ("refresh 1.2", {"refresh": Refresh(kind="geo", step=1.2)}),
        ("cap 10", {"cap": 10.0}),
        ("delay 100", {"delay": 100.0}),
    ):
        for b in EXPONENTS:
            found = degraded(b, **changes)
            budgets[f"{name}, b = {b:g}"] = float(np.max((found.run.frontier - 1) / found.run.spent))
    yield within("every policy: (k* − 1) over the spent trace", "at most 1", 1.0, budgets, ".3f")


def degradations() -> Iterator[Line]:
    constants, powers, ends = {}, {}, {}
    for b in EXPONENTS:
        for name, changes, seeds in (
            ("lag 4", {"lag": 4.0}, [0]),
            ("noise .1", {"noise": 0.1}, SEEDS),
            ("noise .3", {"noise": 0.3}, SEEDS),
            ("refresh × 1.2", {"refresh": Refresh(kind="geo", step=1.2)}, [0]),
        ):
            every = [degraded(b, seed, **changes) for seed in seeds]
            own = np.exp(np.mean([np.log(found.constant or np.nan) for found in every]))
            constants[f"{name}, b = {b:g}"] = abs(own / every[0].predicted["constant"].value - 1)
        for power in (0.5, 0.75):
            powers[f"k*^{power:g}, b = {b:g}"] = abs(slope(degraded(b, lag_power=power)) - 1 / (b - power * (b - 1)))
        capped = degraded(b, cap=10.0).run
        ends[f"b = {b:g}"] = abs(capped.frontier[-1] / (10 * capped.clock[-1]) ** (1 / b) - 1)
    yield within(
        "lag, noise up to .3, refresh up to × 1.2: constant over its law", "within 2 %", 0.02, constants, ".2%"
    )
    yield within("power lag: slope − law", "below .005", 0.005, powers)
    yield within("cap 10: last k* over (C t)^(1/b)", "within 1 %", 0.01, ends, ".2%")
    verdicts = {b: degraded(b, over=1.11).acceleration.verdict for b in EXPONENTS}
    told = ", ".join(f"{verdict} (b = {b:g})" for b, verdict in verdicts.items())
    yield "over-estimate × 1.11", "said to be jammed", told, set(verdicts.values()) == {"jammed"}


def losses() -> Iterator[Line]:
    paper, deep = {}, {}
    for b, source in product(EXPONENTS, (1.5, 2.5)):
        where = f"b = {b:g}, a = {source:g}"
        paper[where] = -run(b, source=source).loss.value
        deep[where] = abs(run(b, suppress="deep", source=source).loss.value / (1 - source) - 1)
    yield within("oracle to 1/e: minus the slope of the loss", "below .1: it stalls", 0.1, paper, ".3f")
    yield within("oracle, deep: slope of the loss over −(a − 1)", "within 10 %", 0.1, deep, ".1%")


def momenta() -> Iterator[Line]:
    static = {f"b = {b:g}": abs(slope(run(b, "static", momentum="nesterov")) - 2 / b) for b in EXPONENTS}
    yield within("Nesterov, static: slope − 2/b", "below .03", 0.03, static)
    ideal = {b: slope(run(b, momentum="nesterov")) for b in EXPONENTS}
    told = ", ".join(f"{value:.3f} (b = {b:g})" for b, value in ideal.items())
    yield "Nesterov, oracle: slope", "1.8 to 2.05", told, all(1.8 <= value <= 2.05 for value in ideal.values())


def logs(records: list[frontier.Record]) -> Iterator[Line]:
    weighted = [r for r in records if r["part"] == "collapse" and r["weighted"]]
    for noise, asked in ((0.0, "at most 1 in 24"), (0.2, "at least 21 in 24"), (0.05, "told, not asked")):
        found = [r["ratio"]["4"] for r in weighted if r["noise"] == noise]
        known = [d for d in found if d is not None]
        below = sum(d < CERTAIN for d in known), sum(d < SAFE for d in known)
        told = f"collapse (D < {CERTAIN:.2f}) {below[0]}, not cleared (D < {SAFE:.2f}) {below[1]} of {len(found)}"
        if noise == 0.0:
            yield "collapse, clean labels: false alarms", asked, told, below[0] * 24 <= len(found)
        else:
            holds = noise != 0.2 or below[1] * 24 >= 21 * len(found)
            yield f"collapse, {noise:.0%} noise: caught", asked, told, holds
    runs = [r for r in records if r["part"] == "frontier"]
    base = [r for r in runs if r["variant"] == "base"]
    errors = np.abs(np.concatenate([r["errors"] for r in base]))
    off = max(abs(r["slope"] - r["true_slope"]) for r in base)
    cover = float(np.mean(np.concatenate([r["covered"] for r in base])))
    yield "frontier: median error of ln k*", "below .05", f"{np.median(errors):.3f}", bool(np.median(errors) < 0.05)
    p95 = float(np.quantile(errors, 0.95))
    yield "frontier: 95 % of errors of ln k*", "below .2", f"{p95:.3f}", p95 < 0.2
    yield "frontier: error of the growth exponent", "below .1", f"at most {off:.3f} in {len(base)} logs", off < 0.1
    yield "frontier: intervals that hold the truth", "at least .9", f"{cover:.2f}", cover >= 0.9
    for variant, what in (("abs", "magnitudes"), ("shuffled", "other rows")):
        group = [r for r in runs if r["variant"] == variant]
        refused = sum(r["refused"] for r in group)
        yield f"frontier: logs of {what}", "all refused", f"{refused} of {len(group)}", refused == len(group)


def records_of(name: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (RESULTS / f"{name}.jsonl").read_text().splitlines()]


PARTS = (
    ("1. Static weights and an ideal oracle", exponents),
    ("2. Bounded weights, and the budget", bounded),
    ("3. Oracles that err", degradations),
    ("4. The loss", losses),
    ("5. Momentum", momenta),
    ("6. Samplers of rows", lambda: oracle.acceptance(records_of("oracle"))),
    ("7 and 10. Logs of residuals: collapse, and the frontier", lambda: logs(records_of("frontier"))),
    ("8. Static prunings", lambda: static_limit.acceptance(records_of("static_limit"))),
    ("9. Synthetic rows", lambda: synthetic_span.acceptance(records_of("synthetic_span"))),
)


def main() -> None:
    lines = ["# What was asked of the dynamics, and what is measured", ""]
    lines += [*(__doc__ or "").strip().splitlines()[4:], ""]
    missed = []
    for title, part in PARTS:
        lines += [f"## {title}", "", "| | asked | measured | holds |", "|---|---|---|---|"]
        for name, asked, told, holds in part():
            lines.append(f"| {name} | {asked} | {told} | {'yes' if holds else 'NO'} |")
            missed += [] if holds else [f"{title}: {name}: {told}"]
        lines.append("")
    (RESULTS / "acceptance.md").write_text("\n".join(lines))
    print("\n".join(missed) or "every line holds")


if __name__ == "__main__":
    main()
