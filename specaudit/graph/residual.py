r"""The residual kernel graph: a kernel operator of many rows from landmarks and nearest neighbours.

K ~ F F^T + S. The far field F F^T is the projection on m landmark rows (Nystrom). The near field S stands for the
residual R = K - F F^T and is the covariance of a process in which every row depends on its k nearest *previous*
rows alone: with a_i the regression of row i's residual on theirs and D_i the variance that is left,
S = B^-1 D B^-T, where B is the identity minus the a_i (Vecchia 1988, "Estimation and model identification for
continuous spatial processes"; on residuals of landmarks: Gyger, Furrer and Sigrist 2025, "Vecchia-inducing-points
full-scale approximations"). It is positive semidefinite by construction, and near rows keep their correlation
however far the landmarks are apart.

Rows are in the order of their keys, which is random, so that the neighbours of early rows span all scales, and
landmarks are simply the first rows. Rows are taken in generations that are a few per cent of what came before
(`specaudit.graph.previous`): within one they depend on earlier generations alone, so that each is one sparse product.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_triangular
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from specaudit.graph.previous import PreviousRows
from specaudit.kernels import FloatArray, Kernel, RealArray, kernel_values

LANDMARK_SHARE = 1 / 64
FEWEST_LANDMARKS, MOST_LANDMARKS = 16, 2048
FAR_FIELD = 1 << 28
"""Numbers of the far field, at most."""
HEAD = 4
"""Rows after the landmarks, in landmarks, whose residual is held as it is: the coarse scales of the near field."""
JITTER = 1e-6
"""Added to residual variances under a kernel with k(x, x) = 1, in units of float32; near copies are as far apart."""
BLOCK = 1 << 25
"""Numbers of a temporary."""

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class GraphOperator:
    """The residual kernel graph W^1/2 (F F^T + S) W^1/2, an operator that is only multiplied with.

    Attributes
    ----------
    far
        (n, m) F; the first m rows are the landmarks.
    head
        (h, h) residuals of the rows that follow the landmarks.
    variances
        (n - m - h,) D of the other rows.
    bounds
        (g + 1,) where generations begin, counted after the landmarks; the first is the head.
    regressions
        For each generation past the head, the regression on the rows before it, (b, rows before).
    root
        (n,) roots of the rows' multiplicities.
    trace
        Of the kernel's own operator.
    """

    far: RealArray
    head: RealArray
    variances: FloatArray
    bounds: tuple[int, ...]
    regressions: tuple[csr_matrix, ...]
    root: FloatArray
    trace: float

    @property
    def size(self) -> int:
        """Rows of the matrix."""
        return len(self.far)

    @property
    def landmarks(self) -> int:
        """Landmark rows."""
        return int(self.far.shape[1])

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """Number type in which products are worked out."""
        return self.far.dtype

    @cached_property
    def rounding(self) -> float:
        """Bound on the shift of an eigenvalue by rounding, as if K were stored; see `DenseOperator`."""
        signs = np.random.default_rng(0).integers(0, 2, (self.size, 16)).astype(self.dtype) * 2 - 1
        squared_norm = float((self.matmat(signs).astype(np.float64) ** 2).sum()) / signs.shape[1]
        spread = self.size if self.dtype == np.float32 else 1
        return 2.0 * float(np.finfo(self.dtype).eps) * float(np.sqrt(squared_norm / spread))

    def matmat(self, block: RealArray) -> RealArray:
        """Return the product with `block` (n, s)."""
        root = self.root.astype(self.dtype)[:, None]
        scaled = block * root
        product = self.far @ (self.far.T @ scaled)
        product[self.landmarks :] += self._near(scaled[self.landmarks :])
        product *= root
        return product

    def _near(self, block: RealArray) -> RealArray:
        """Return B^-1 D B^-T times `block`, which is overwritten, generation by generation."""
        spans = list(zip(self.bounds[1:-1], self.bounds[2:], self.regressions, strict=True))
        for low, high, regression in reversed(spans):
            block[:low] += regression.T @ block[low:high]
        head = len(self.head)
        block[:head] = self.head @ block[:head]
        block[head:] *= self.variances.astype(self.dtype)[:, None]
        for low, high, regression in spans:
            block[low:high] += regression @ block[:low]
        return block


def default_landmarks(rows: int) -> int:
    """Return the landmarks of a graph of so many rows: a share of them, as far as the far field stays in memory."""
    most = min(MOST_LANDMARKS, FAR_FIELD // rows)
    return min(max(min(round(rows * LANDMARK_SHARE), most), FEWEST_LANDMARKS), rows // 4)


def graph_bytes(rows: int, dimensions: int, landmarks: int, neighbors: int, itemsize: int = 4) -> int:
    """Return the bytes that `graph_operator` needs at its peak."""
    head = HEAD * landmarks
    search = (8 + 4) * rows * dimensions
    return itemsize * (rows * landmarks + head**2) + (itemsize + 4) * rows * neighbors + search + 8 * BLOCK * 4


def graph_operator(
    kernel: Kernel,
    rows: FloatArray,
    previous: PreviousRows,
    weights: npt.NDArray[np.integer] | None = None,
    *,
    landmarks: int | None = None,
    threads: int = 1,
) -> GraphOperator:
    """Return the residual kernel graph of `rows` (n, d), float64, normalised and centred near zero, in random order.

    Parameters
    ----------
    kernel
        One with k(x, x) = 1.
    previous
        The nearest previous rows of these rows, on which each depends.
    weights
        (n,) multiplicities; by default every row occurs once.
    landmarks
        Rows m of the far field, n >= 4 m.
    """
    n = len(rows)
    m = default_landmarks(n) if landmarks is None else landmarks
    with threadpool_limits(threads, "blas"):
        far = _far_field(kernel, rows, m)
    residual = _Residual(kernel=kernel, rows=rows[m:], far=far[m:], threads=threads)
    head = next(bound for bound in previous.bounds if bound >= min((1 + HEAD) * m, n)) - m
    bounds = [0, *(bound - m for bound in previous.bounds if bound - m >= head)]
    regressions, variances = [], []
    for low, high in pairwise(bounds[1:]):
        places = previous.places[m + low : m + high].astype(np.int64) - m
        coefficients, left = residual.regress(np.arange(low, high), places)
        starts = np.arange(0, places.size + 1, places.shape[1])
        columns = np.maximum(places, 0).astype(np.int32)
        regressions.append(csr_matrix((coefficients.ravel(), columns.ravel(), starts), shape=(high - low, low)))
        variances.append(left)
    root = np.ones(n) if weights is None else np.sqrt(weights)
    return GraphOperator(
        far=far,
        head=residual.block(head),
        variances=np.concatenate([*variances, np.empty(0)]),
        bounds=tuple(bounds),
        regressions=tuple(regressions),
        root=root,
        trace=float((root**2).sum()),
    )


def _far_field(kernel: Kernel, rows: FloatArray, m: int) -> RealArray:
    """Return F (n, m) with F F^T the kernel's projection on the first m rows."""
    landmarks = rows[:m]
    gram = kernel_values(kernel, landmarks, landmarks).astype(np.float64)
    gram[np.diag_indices(m)] = 1.0 + np.finfo(np.float64).eps * 10 * m
    factor = np.linalg.cholesky(gram)
    far: RealArray = np.empty((len(rows), m), dtype=kernel.dtype)
    step = max(1, BLOCK // (4 * (m + rows.shape[1])))
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        values = kernel_values(kernel, landmarks, rows[part]).astype(np.float64)
        far[part] = solve_triangular(factor, values, lower=True, overwrite_b=True, check_finite=False).T
    return far


@dataclass(frozen=True, slots=True, kw_only=True)
class _Residual:
    """The kernel of `rows` (n, d) less its projection on the landmarks, of which `far` (n, m) is the factor."""

    kernel: Kernel
    rows: FloatArray
    far: RealArray
    threads: int

    def block(self, size: int) -> RealArray:
        """Return the residuals of the first rows, (size, size)."""
        rows, far = self.rows[:size], self.far[:size]
        values: RealArray = kernel_values(self.kernel, rows, rows) - far @ far.T
        values[np.diag_indices(size)] = self._diagonal(far)
        return values.astype(self.far.dtype)

    def regress(self, rows: IntArray, on: IntArray) -> tuple[RealArray, FloatArray]:
        """Return the regression (b, k) of rows (b,) on others, `on` (b, k), and the variances (b,) that are left.

        Others that are negative are landmarks or none: their residual is zero, and so is their coefficient.
        """
        coefficients: RealArray = np.empty(on.shape, dtype=self.far.dtype)
        left = np.empty(len(rows))
        step = max(1, BLOCK // (8 * on.shape[1] * (self.far.shape[1] + 2 * self.rows.shape[1])))
        parts = [slice(start, start + step) for start in range(0, len(rows), step)]

        def solve(part: slice) -> None:
            coefficients[part], left[part] = self._regress(rows[part], on[part])

        with threadpool_limits(1, "blas"), ThreadPoolExecutor(self.threads) as pool:
            for _ in pool.map(solve, parts):
                pass
        return coefficients, left

    def _regress(self, rows: IntArray, on: IntArray) -> tuple[RealArray, FloatArray]:
        none = on < 0
        points, far = self.rows[on], self.far[on]
        own_points, own_far = self.rows[rows, None], self.far[rows, None]
        among = kernel_values(self.kernel, points, points) - far @ far.swapaxes(1, 2)
        with_own = (kernel_values(self.kernel, points, own_points) - far @ own_far.swapaxes(1, 2))[..., 0]
        jitter = self._jitter
        diagonal = np.arange(on.shape[1])
        among[:, diagonal, diagonal] = self._diagonal(far) + jitter
        with_own = np.where(none, 0.0, with_own)
        among[none] = 0.0
        among.swapaxes(1, 2)[none] = 0.0
        among[:, diagonal, diagonal] += none
        coefficients = np.linalg.solve(among.astype(np.float64), with_own[..., None])[..., 0]
        left = self._diagonal(own_far)[:, 0] - (coefficients * with_own).sum(axis=1)
        return coefficients, np.maximum(left, jitter)

    @property
    def _jitter(self) -> float:
        return JITTER * float(np.finfo(self.far.dtype).eps / np.finfo(np.float32).eps)

    @staticmethod
    def _diagonal(far: RealArray) -> FloatArray:
        """Return the residual variances (...) of rows with these far factors (..., m)."""
        return np.asarray(np.maximum(1.0 - np.einsum("...i,...i->...", far, far, dtype=np.float64), 0.0))
