"""Speed of a whole fit beside the tools that answer parts of the same question, in one run.

    python benchmarks/speed.py                 # n = 8,000 and 16,384; ten minutes, most of it the others
    python benchmarks/speed.py --sizes 8000

Rows are real (the repository's text embeddings, tiled with noise to the size asked for) unless --rows FILE gives
others. Each tool gets the same float32 Laplace kernel matrix and two threads; its time is for the eigenvalues
alone, where ours is a whole process (median of three): start-up, load, scan, neighbours, two kernels, jackknife
and document.
"Error of b" is the distance of our slope from the one that all of eigvalsh's eigenvalues give over the same window;
the others do not answer that question: 500 leading eigenvalues lack the trace beyond them. "Leading" is the largest
relative error of the first 100 eigenvalues, by which those that give eigenvalues can be compared at equal accuracy;
KernelPCA's are of the centred matrix, and held to those.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from specaudit import plan
from specaudit.capacity import CapacityCurve, Multiplicities, capacity_curve, ridges
from specaudit.cells import make_cells
from specaudit.estimate import DEEPEST_SHARE, DRAWN_SHARE, FLOOR, GROUPS, LEADING, Share
from specaudit.exponent import slope_over, window_of
from specaudit.kernels import choose_kernel, prepare_rows
from specaudit.measure import SpectralMeasure
from specaudit.operators import DenseOperator, dense_operator
from specaudit.spectrum import quadrature_measure

RESULTS = Path(__file__).parent / "results"
SAMPLE = Path(__file__).parent.parent / "sample_data" / "embeddings.npy"
COMPONENTS = 500


def make_rows(size: int, source: Path) -> np.ndarray:
    """Return `size` rows: the source's, then the source's with small noise, in float32 of norm 1."""
    base = np.load(source).astype(np.float32)
    rng = np.random.default_rng(0)
    rows = np.resize(base, (size, base.shape[1]))
    fresh = max(0, size - len(base))
    if fresh:
        rows[len(base) :] += 0.02 * rng.standard_normal((fresh, base.shape[1]), dtype=np.float32)
    return rows


def timed(work: Callable[[], object]) -> tuple[float, object]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def whole_fit(path: Path) -> tuple[float, float]:
    """Return seconds and peak MiB of a whole `specaudit fit` process with its document."""
    command = [sys.executable, "-m", "specaudit", "fit", str(path), "-q", "-o", f"json={path}.json"]
    seconds, _ = timed(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))
    return seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def rates(size: int) -> tuple[float, float, float]:
    """Return this machine's float64 and float32 GEMM rates (flop/s) and its memory bandwidth (bytes/s)."""
    rng = np.random.default_rng(0)
    a = rng.standard_normal((4096, 4096))
    double = 2 * 4096**3 / min(timed(lambda: a @ a)[0] for _ in range(3))
    single_matrix = a.astype(np.float32)
    single = 2 * 4096**3 / min(timed(lambda: single_matrix @ single_matrix)[0] for _ in range(3))
    big = np.ones(size * size // 2, dtype=np.float32)
    return double, single, big.nbytes / min(timed(lambda: big.sum())[0] for _ in range(3))


def roofline(size: int, dimensions: int, steps: int, probes: int, rate: tuple[float, float, float]) -> float:
    """Return the least seconds for building the kernel matrix and the quadrature of all of it.

    Arithmetic at the measured GEMM rates: half of the products of rows in float64, the products with each block,
    and one projection of each block on the basis. Traffic at the measured bandwidth: the matrix is written once
    and read once per step.
    """
    double, single, bandwidth = rate
    build = max(size**2 * dimensions / double, 4 * size**2 / bandwidth)
    multiply = steps * max(2 * size**2 * probes / single, 4 * size**2 / bandwidth)
    project = sum(4 * size * probes**2 * step for step in range(1, steps + 1)) / single
    return build + multiply + project


@dataclass(frozen=True, kw_only=True)
class Slope:
    """Reads the slope off a spectrum of `size` rows, over its own window or a given one."""

    size: int
    floor: float

    def curve(self, measure: SpectralMeasure) -> CapacityCurve:
        rows = Multiplicities(values=np.ones(1), counts=np.array([float(self.size)]))
        return capacity_curve(measure, rows, ridges(measure, self.floor, DRAWN_SHARE * self.size))

    def window(self, measure: SpectralMeasure) -> tuple[float, float]:
        window = window_of(self.curve(measure), DEEPEST_SHARE * self.size)
        assert window is not None
        return window

    def of(self, measure: SpectralMeasure) -> float:
        return float(slope_over(self.curve(measure), self.window(measure)))

    def error(self, nodes: np.ndarray, reference: SpectralMeasure) -> float:
        """Return the distance of a measure's slope from that of all eigenvalues, over the measure's window."""
        n = self.size
        exact = SpectralMeasure(
            nodes=nodes, weights=np.ones(n), exact=n, errors=np.zeros(n), cell_weights=np.ones((1, n))
        )
        return abs(self.of(reference) - float(slope_over(self.curve(exact), self.window(reference))))


def compare(size: int, source: Path, *, others: bool) -> list[str]:
    rows = make_rows(size, source)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npy"
        np.save(path, rows)
        runs = [whole_fit(path) for _ in range(3)]
        announced = plan(path).peak_memory / 2**20
    fit_seconds, peak = sorted(runs)[1][0], max(memory for _, memory in runs)
    values = prepare_rows(np.unique(rows, axis=0), normalize="none")
    values = values[np.random.default_rng(0).permutation(len(values))]
    kernel = choose_kernel("laplace", values)
    build_seconds, operator = timed(lambda: dense_operator(kernel, values, threads=2))
    assert isinstance(operator, DenseOperator)
    n = operator.size
    slope = Slope(size=n, floor=FLOOR * 2**0.5 * operator.rounding)
    cells = make_cells(np.ones(n, dtype=np.int64), GROUPS)
    share = Share(weights=np.ones(n, dtype=np.int64), floor=slope.floor)

    def spectrum() -> SpectralMeasure:
        return quadrature_measure(operator, cells, seed=0, statistic=share, leading=LEADING)

    stage_seconds, measure = min((timed(spectrum) for _ in range(3)), key=lambda pair: pair[0])
    exact_seconds, nodes = timed(lambda: np.linalg.eigvalsh(operator.matrix)[::-1].astype(float))
    ours = f"{slope.error(nodes, measure):.4f}"
    best = roofline(n, values.shape[1], measure.steps, len(measure.probe_weights), rates(n))
    leading = off(measure.eigenvalues, nodes)
    table = [
        ("whole fit, two kernels, document", fit_seconds, ours, leading),
        ("spectrum stage without intervals", stage_seconds, ours, leading),
        ("numpy eigvalsh", exact_seconds, "0", "0"),
    ]
    for name, work in rivals(operator) if others else ():
        seconds, found = timed(work)
        reference = centred_eigenvalues(operator.matrix) if "KernelPCA" in name else nodes
        table.append((name, seconds, "-", "-" if found is None else off(np.asarray(found), reference)))
    lines = [
        f"## n = {n:,}, d = {values.shape[1]}",
        "",
        "| what | seconds | times the whole fit | times the spectrum stage | error of b | leading |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, seconds, error, of_leading in table:
        lines.append(
            f"| {name} | {seconds:.1f} | {seconds / fit_seconds:.2f} | {seconds / stage_seconds:.2f} | {error} "
            f"| {of_leading} |"
        )
    both = build_seconds + stage_seconds
    budget = f"Peak memory of the whole process {peak:,.0f} MiB, announced before the start: {announced:,.0f} MiB."
    lines += [
        "",
        f"Building {build_seconds:.2f} s, quadrature {stage_seconds:.2f} s ({measure.steps} steps of "
        f"{len(measure.probe_weights)} probes): {both / best:.2f} times the roofline of {best:.2f} s. {budget}",
        "",
    ]
    print("\n".join(lines), flush=True)
    return lines


def off(eigenvalues: np.ndarray, exact: np.ndarray) -> str:
    """Return the largest relative error of the first eigenvalues."""
    return f"{np.abs(eigenvalues[:LEADING] / exact[:LEADING] - 1).max():.0e}"


def centred_eigenvalues(matrix: np.ndarray) -> np.ndarray:
    """Return the leading eigenvalues of a kernel matrix of centred features."""
    from scipy.sparse.linalg import LinearOperator, eigsh

    def multiply(vector: np.ndarray) -> np.ndarray:
        product = matrix @ (vector - vector.mean()).astype(matrix.dtype)
        return product - product.mean()

    operator = LinearOperator(matrix.shape, matvec=multiply, dtype=matrix.dtype)
    return np.sort(eigsh(operator, k=LEADING, return_eigenvectors=False))[::-1]


def rivals(operator: DenseOperator) -> list[tuple[str, Callable[[], np.ndarray | None]]]:
    """Return the other tools as (name, work); a work returns its eigenvalues where it has any."""
    from scipy.sparse.linalg import eigsh
    from sklearn.decomposition import KernelPCA
    from vendi_score import vendi

    matrix = operator.matrix

    def kernel_pca() -> np.ndarray:
        found = KernelPCA(COMPONENTS, kernel="precomputed", eigen_solver="randomized", random_state=0).fit(matrix)
        return found.eigenvalues_

    def lanczos() -> np.ndarray:
        return np.sort(eigsh(matrix, k=COMPONENTS, which="LA", return_eigenvectors=False))[::-1]

    def vendi_score() -> None:
        vendi.score_K(matrix)

    def imate_quadrature() -> None:
        import imate

        # The curve needs the trace of a resolvent at each of about 40 ridges; imate shares them in one call.
        shifted = imate.AffineMatrixFunction(matrix)
        shifts = np.geomspace(operator.trace, 1e-3 * operator.trace / operator.size, 40).astype(np.float32)
        imate.traceinv(
            shifted,
            method="slq",
            parameters=shifts,
            min_num_samples=32,
            max_num_samples=32,
            lanczos_degree=80,
            orthogonalize=-1,
        )

    return [
        (f"scikit-learn KernelPCA, randomized, {COMPONENTS}", kernel_pca),
        (f"scipy eigsh, {COMPONENTS}", lanczos),
        ("imate SLQ, 32 probes x 80 steps", imate_quadrature),
        ("vendi-score", vendi_score),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[8000, 16384])
    parser.add_argument("--rows", type=Path, default=SAMPLE, help="embeddings to take rows from")
    parser.add_argument("--others-up-to", type=int, default=8000, help="rows up to which the other tools run too")
    arguments = parser.parse_args()
    lines = ["# Speed", "", "From `benchmarks/speed.py`, all in one run on one machine with two threads.", ""]
    for size in arguments.sizes:
        lines += compare(size, arguments.rows, others=size <= arguments.others_up_to)
    (RESULTS / "speed.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
