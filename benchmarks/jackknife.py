"""The closed-form jackknife of the slope against really deleting groups, and against repeated sampling.

python benchmarks/jackknife.py            # a few minutes; writes results/jackknife.md

For each law: the mean standard error that the estimator states, the same from deleting each of its groups and
decomposing what is left, and the standard deviation of the slope over independent data sets of the same size
(at the window of the first one). Seeds 0 to REPEATS - 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from laws import POWER_LAWS, Law

from specaudit.capacity import CapacityCurve, Multiplicities, capacity_curve, jackknife_curves, ridges
from specaudit.cells import make_cells
from specaudit.estimate import DEEPEST_SHARE, DRAWN_SHARE, GROUPS
from specaudit.exponent import jackknife_error, slope_over, window_of
from specaudit.kernels import choose_kernel, prepare_rows
from specaudit.measure import SpectralMeasure
from specaudit.operators import DenseOperator, dense_operator
from specaudit.spectrum import exact_measure

RESULTS = Path(__file__).parent / "results"
SIZE = 800
REPEATS = 24
DELETED_FOR_REAL = 4


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One data set's measure, curve and operator."""

    operator: DenseOperator
    measure: SpectralMeasure
    curve: CapacityCurve


def once(size: int) -> Multiplicities:
    return Multiplicities(values=np.ones(1), counts=np.array([float(size)]))


def measure(operator: DenseOperator) -> Sample:
    found = exact_measure(operator, make_cells(np.ones(operator.size, dtype=np.int64), GROUPS))
    delta = ridges(found, 30 * operator.rounding, DRAWN_SHARE * operator.size)
    return Sample(operator=operator, measure=found, curve=capacity_curve(found, once(operator.size), delta))


def deleted_error(sample: Sample, window: tuple[float, float]) -> float:
    matrix, size = sample.operator.matrix, sample.operator.size
    group = np.arange(size) * GROUPS // size
    slopes = []
    for out in range(GROUPS):
        kept = np.flatnonzero(group != out)
        part = DenseOperator(matrix=matrix[np.ix_(kept, kept)], diagonal=sample.operator.diagonal[kept])
        slopes.append(slope_over(measure(part).curve, window))
    return float(jackknife_error(np.array(slopes)))


def study(law: Law) -> str:
    stated, deleted, slopes, window = [], [], [], None
    bandwidth = None
    for seed in range(REPEATS):
        rows = prepare_rows(law.rows(SIZE, np.random.default_rng([seed, SIZE])), normalize="none")
        kernel = choose_kernel(law.kernel, rows, bandwidth=bandwidth)
        bandwidth = kernel.bandwidth
        sample = measure(dense_operator(kernel, rows, threads=2))
        window = window or window_of(sample.curve, DEEPEST_SHARE * SIZE)
        assert window is not None
        cells = make_cells(np.ones(SIZE, dtype=np.int64), GROUPS)
        batch = jackknife_curves(sample.measure, cells, once(SIZE), sample.curve.delta)
        stated.append(float(jackknife_error(slope_over(batch, window))))
        slopes.append(float(slope_over(sample.curve, window)))
        if seed < DELETED_FOR_REAL:
            deleted.append(deleted_error(sample, window))
    same = np.mean(stated[:DELETED_FOR_REAL])
    return (
        f"| {law.name} | {np.mean(stated):.4f} | {np.std(slopes, ddof=1):.4f} | {same:.4f} | {np.mean(deleted):.4f} |"
    )


def main() -> None:
    lines = [
        "# The jackknife's standard error of the slope",
        "",
        f"`benchmarks/jackknife.py`: n = {SIZE:,}, {GROUPS} groups, seeds 0-{REPEATS - 1}, the window of seed 0.",
        f"Stated: the closed form. True: standard deviation over {REPEATS} data sets. The last two columns",
        "compare the closed form with deleting each group and decomposing again, over seeds "
        f"0-{DELETED_FOR_REAL - 1}.",
        "",
        "| law | stated | true | stated, same seeds | groups deleted |",
        "|---|---:|---:|---:|---:|",
    ]
    for law in POWER_LAWS:
        lines.append(study(law))
        print(lines[-1], flush=True)
        (RESULTS / "jackknife.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
