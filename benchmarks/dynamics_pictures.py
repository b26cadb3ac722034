"""The pictures of docs/dynamics.md: what oracles gain, in the frontier and in the loss, and what breaks them.

    python benchmarks/dynamics_pictures.py          # results/dynamics.svg, seconds

Mode space, b = 2, source exponent a = 1.5, everything as in dynamics.py.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from specaudit.dynamics import Degradation, Refresh, Scheme, power_law, simulate
from specaudit.dynamics.flow import Flow
from specaudit.report.plots import drawn

RESULTS = Path(__file__).parent / "results"
B = 2.0
TIMES = (0.3, 1e6)
RUNS = (  # label, colour, width, scheme
    ("static", "#8c8c8c", 1.4, Scheme(policy="static")),
    ("oracle, to 1/e", "#009E73", 1.4, Scheme(policy="oracle", suppress="paper")),
    ("oracle, deep", "#0072B2", 1.8, Scheme(policy="oracle", suppress="deep")),
    ("deep, cap 10", "#D55E00", 1.2, Scheme(policy="oracle", suppress="deep", degradation=Degradation(cap=10.0))),
    (
        "deep, cap 1,000",
        "#E69F00",
        1.2,
        Scheme(policy="oracle", suppress="deep", degradation=Degradation(cap=1000.0)),
    ),
)
DEGRADED = (
    ("ideal", "#009E73", Degradation()),
    ("sees k*/4", "#0072B2", Degradation(lag=4.0)),
    ("looks at each doubling of t", "#CC79A7", Degradation(refresh=Refresh(kind="geo", step=2.0))),
    ("sees k*^.5", "#E69F00", Degradation(lag_power=0.5)),
    ("sees 1.11 k*", "#D55E00", Degradation(over=1.11)),
)


def line(axes: object, run: Flow, values: np.ndarray, least: float = 1.0, **style: object) -> None:
    """Draw every sixteenth step of what is above `least`: a picture cannot show more."""
    axes.plot(run.time[::16], np.where(values > least, values, np.nan)[::16], **style)


def draw(figure: object) -> None:
    frontier, loss, broken = figure.subplots(1, 3)
    for label, color, width, scheme in RUNS:
        run = simulate(power_law(B), scheme).run
        line(frontier, run, run.frontier, color=color, linewidth=width, label=label)
        line(loss, run, run.loss, 0.0, color=color, linewidth=width)
    line(frontier, run, run.spent, color="#333333", linewidth=0.7, linestyle="-.", label="budget")
    for label, color, degradation in DEGRADED:
        found = simulate(power_law(B), Scheme(policy="oracle", suppress="paper", degradation=degradation))
        line(broken, found.run, found.run.frontier, color=color, label=label)
    line(broken, found.static, found.static.frontier, color="#8c8c8c", label="static")
    frontier.set(title="a  Frontier: the exponent needs weights without a cap", ylabel="mode k*")
    loss.set(title="b  Loss: it stalls unless modes are learned ever deeper", ylabel="loss", ylim=(2e-3, 4))
    broken.set(title="c  What an oracle must not get wrong", ylabel="mode k*")
    for axes in (frontier, loss, broken):
        axes.set(xlabel="time t", xscale="log", yscale="log", xlim=TIMES)
    for axes in (frontier, broken):
        axes.set_ylim(0.8, 2e5)
        axes.legend(loc="upper left")


def main() -> None:
    (RESULTS / "dynamics.svg").write_bytes(drawn(draw, (10.5, 3.4), "svg"))


if __name__ == "__main__":
    main()
