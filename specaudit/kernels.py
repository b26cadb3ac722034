"""Kernels k(x, y), their bandwidth rules, and the rows they are evaluated on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from specaudit.errors import ConfigError, InputError

FloatArray = npt.NDArray[np.float64]
SingleArray = npt.NDArray[np.float32]
RealArray = npt.NDArray[np.floating]
Normalize = Literal["none", "l2"]

BANDWIDTH_ROWS = 2048
"""Rows whose pairwise distances give the median: two million pairs, whose median is known to a few 1e-3."""


def laplace(r: FloatArray) -> SingleArray:
    """Return exp(-r) in float32; eigenvalues decay with b = 1 + 1/d on a d-dimensional manifold."""
    decay = r.astype(np.float32)
    np.negative(decay, out=decay)
    return np.exp(decay, out=decay)


def matern32(r: FloatArray) -> FloatArray:
    """Return (1 + s) exp(-s) with s = sqrt(3) r; b = 1 + 3/d."""
    s = np.sqrt(3.0) * r
    return np.asarray((1 + s) * np.exp(-s))


def matern52(r: FloatArray) -> FloatArray:
    """Return (1 + s + s^2/3) exp(-s) with s = sqrt(5) r; b = 1 + 5/d."""
    s = np.sqrt(5.0) * r
    return np.asarray((1 + s + s * s / 3) * np.exp(-s))


def rbf(r: FloatArray) -> FloatArray:
    """Return exp(-r^2 / 2); eigenvalues decay faster than any power."""
    return np.asarray(np.exp(-r * r / 2))


Profile = Callable[[FloatArray], SingleArray] | Callable[[FloatArray], FloatArray]
KERNELS: dict[str, Profile | None] = {
    "laplace": laplace,
    "linear": None,
    "matern32": matern32,
    "matern52": matern52,
    "rbf": rbf,
}
"""Every kernel by name: a profile of r = |x - y| / bandwidth, or None for x . y."""
DOUBLE = ("matern32", "matern52", "rbf")
"""Smooth kernels: their eigenvalues sink below the rounding of float32 entries where the rows still resolve them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """A kernel with everything about it decided.

    Attributes
    ----------
    name
        A key of `KERNELS`.
    bandwidth
        Length scale in the units of the (normalised) rows, > 0; None for linear.
    bandwidth_rule
        Where the bandwidth came from.
    normalize
        "l2" divides each row by its norm first.
    centered
        Whether the linear kernel subtracts the mean row; distances do not depend on it.
    """

    name: str
    bandwidth: float | None
    bandwidth_rule: str
    normalize: Normalize = "none"
    centered: bool = False

    @property
    def profile(self) -> Profile | None:
        """The profile of the scaled distance; None for linear."""
        return KERNELS[self.name]

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """The number type of its matrix."""
        return np.dtype(np.float64) if self.name in DOUBLE else np.dtype(np.float32)


Fusing = Literal["product", "sum"]
FUSINGS: dict[str, Callable[[RealArray, RealArray], FloatArray]] = {
    "product": lambda k1, k2: np.multiply(k1, k2, dtype=np.float64),
    "sum": lambda k1, k2: np.add(k1, k2, dtype=np.float64) / 2,
}
"""How kernel values of two embeddings of the same rows become one; k(x, x) = 1 stays, as the sum is halved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FusedKernel:
    """One kernel of two embeddings of the same rows, side by side.

    Attributes
    ----------
    sides
        The kernels of both, of one name, each with a profile and its own bandwidth.
    columns
        Of the first side; those after them are the second's. None where both are of all columns.
    by
        A key of `FUSINGS`.
    """

    sides: tuple[Kernel, Kernel]
    columns: int | None
    by: Fusing

    @property
    def name(self) -> str:
        """The name of both sides' kernels."""
        return self.sides[0].name

    @property
    def bandwidth(self) -> None:
        """None: each side has its own."""
        return

    @property
    def bandwidth_rule(self) -> str:
        """How the kernels are fused."""
        return f"{self.by}, each side's own"

    @property
    def normalize(self) -> Normalize:
        """Whether the rows of each side are divided by their norm."""
        return self.sides[0].normalize

    @property
    def centered(self) -> bool:
        """False: distances do not depend on the mean row."""
        return False

    @property
    def profile(self) -> Profile | None:
        """The profile of both sides."""
        return self.sides[0].profile

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """The number type of its matrix."""
        return self.sides[0].dtype


def check_kernel(name: str) -> None:
    """Raise ConfigError unless there is such a kernel."""
    if name not in KERNELS:
        raise ConfigError(f"unknown kernel {name!r}", next_step=f"choose one of {', '.join(KERNELS)}")


def choose_kernel(
    name: str,
    rows: FloatArray,
    *,
    bandwidth: float | None = None,
    normalize: Normalize = "none",
    centered: bool = False,
) -> Kernel:
    """Return the kernel `name` with its bandwidth settled on the sampled `rows` (n, d).

    The default bandwidth is the median distance between the first `BANDWIDTH_ROWS` rows of the sample.

    Raises
    ------
    ConfigError
        If the name is unknown or the bandwidth is not a positive number.
    InputError
        If the median distance is zero, so that no scale can be read off the data.
    """
    check_kernel(name)
    if KERNELS[name] is None:
        return Kernel(name=name, bandwidth=None, bandwidth_rule="none", normalize=normalize, centered=centered)
    if bandwidth is not None:
        if not (np.isfinite(bandwidth) and bandwidth > 0):
            raise ConfigError(f"bandwidth must be a positive number, got {bandwidth}")
        return Kernel(name=name, bandwidth=bandwidth, bandwidth_rule="given", normalize=normalize)
    median = median_distance(rows[:BANDWIDTH_ROWS])
    if not median > 0:
        raise InputError(
            "the median distance between sampled rows is 0", next_step="give a length scale with --bandwidth"
        )
    return Kernel(name=name, bandwidth=median, bandwidth_rule="median distance", normalize=normalize)


def median_distance(rows: FloatArray) -> float:
    """Return the median Euclidean distance between different rows of `rows` (n, d)."""
    i, j = np.triu_indices(len(rows), 1)
    return float(np.median(distances(rows, rows)[i, j]))


def distances(x: FloatArray, y: FloatArray) -> FloatArray:
    """Return |x_i - y_j| (..., n, m) from float64 products of rows (..., n, d) and (..., m, d).

    Rows must be centred near zero: the error of a squared distance is about 1e-16 (|x|^2 + |y|^2), so two
    rows of norm 1 that differ by 1e-6 keep two to four digits of their distance and all digits of their kernel value.
    """
    squared = x @ y.swapaxes(-1, -2)
    squared *= -2.0
    squared += np.einsum("...ij,...ij->...i", x, x)[..., :, None]
    squared += np.einsum("...ij,...ij->...i", y, y)[..., None, :]
    np.maximum(squared, 0.0, out=squared)
    return np.sqrt(squared, out=squared)


def kernel_values(kernel: Kernel, x: FloatArray, y: FloatArray) -> RealArray:
    """Return k(x_i, y_j) (..., n, m) of a kernel with a profile, for rows centred near zero."""
    assert kernel.profile is not None
    assert kernel.bandwidth is not None
    return kernel.profile(distances(x, y) / kernel.bandwidth)


def prepare_rows(values: npt.NDArray[np.generic], *, normalize: Normalize) -> FloatArray:
    """Return `values` (n, d) of any real dtype as float64 rows, of unit norm under "l2"."""
    rows = np.array(values, dtype=np.float64, order="C")
    if normalize == "l2":
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows
