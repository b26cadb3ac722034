"""Kernel operators: a shape and a product with a block of vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Protocol

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from specaudit.errors import InputError
from specaudit.kernels import FUSINGS, FloatArray, FusedKernel, Kernel, RealArray

LARGEST_NORM = 1e8
TILE = 512
"""Side of a tile: built, transformed and stored while it is in cache."""


class Operator(Protocol):
    """A symmetric positive semidefinite matrix that is only multiplied with."""

    @property
    def size(self) -> int:
        """Rows n of the matrix."""

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """Number type in which products are worked out."""

    @property
    def trace(self) -> float:
        """Sum of the diagonal."""

    @property
    def rounding(self) -> float:
        """Bound on how far stored rounding errors move an eigenvalue."""

    def matmat(self, block: RealArray) -> RealArray:
        """Return the product with `block` (n, s)."""


@dataclass(frozen=True, kw_only=True)
class DenseOperator:
    """The kernel matrix W^1/2 K W^1/2 in memory.

    Attributes
    ----------
    matrix
        (n, n) of the kernel's number type, symmetric to the bit.
    diagonal
        (n,) float64, exact.
    """

    matrix: RealArray
    diagonal: FloatArray

    @property
    def size(self) -> int:
        """Rows of the matrix."""
        return len(self.matrix)

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """Number type of the matrix."""
        return self.matrix.dtype

    @property
    def trace(self) -> float:
        """Sum of the exact diagonal."""
        return float(self.diagonal.sum())

    @cached_property
    def squared_norm(self) -> float:
        """Squared Frobenius norm, accumulated in float64."""
        return sum(float(np.einsum("ij,ij->i", part, part).sum(dtype=np.float64)) for part in self._strips())

    @property
    def rounding(self) -> float:
        """Bound on the shift of an eigenvalue by rounding.

        Entries rounded to float32 add a matrix of random signs, whose norm is taken four-fold; in float64 that
        is less than what an eigensolver adds, which is in proportion to the norm of the matrix.
        """
        spread = self.size if self.dtype == np.float32 else 1
        return 2.0 * float(np.finfo(self.dtype).eps) * float(np.sqrt(self.squared_norm / spread))

    def matmat(self, block: RealArray) -> RealArray:
        """Return the product with `block` (n, s)."""
        return self.matrix @ block

    def subset(self, rows: npt.NDArray[np.int64], weights: npt.NDArray[np.int64]) -> DenseOperator:
        """Return the operator of some rows (m,), ascending, of multiplicity `weights` (m,)."""
        root = np.sqrt(weights).astype(self.dtype)
        unit = bool((weights == 1).all())
        if unit and len(rows) == self.size:
            return self
        matrix: RealArray = np.empty((len(rows), len(rows)), dtype=self.dtype)
        for start in range(0, len(rows), TILE):
            part = slice(start, start + TILE)
            np.take(self.matrix[rows[part]], rows, axis=1, out=matrix[part])
            if not unit:
                matrix[part] *= np.outer(root[part], root)
        return DenseOperator(matrix=matrix, diagonal=self.diagonal[rows] * weights)

    def without(self, direction: FloatArray) -> DenseOperator:
        """Return P K P with P the projection off a `direction` (n,), in place of this operator's matrix.

        With the roots of the rows' multiplicities as direction this subtracts the weighted mean row from all.
        """
        unit = direction / np.linalg.norm(direction)
        image = np.concatenate([part @ unit for part in self._strips()])
        image -= (unit @ image) / 2 * unit
        for start in range(0, self.size, TILE):
            part = slice(start, start + TILE)
            self.matrix[part] -= np.outer(unit[part], image) + np.outer(image[part], unit)
        diagonal = np.maximum(self.diagonal - 2 * unit * image, 0.0)
        return DenseOperator(matrix=self.matrix, diagonal=diagonal)

    def principal(self, size: int) -> DenseOperator:
        """Return a view of the first `size` rows and columns."""
        return DenseOperator(matrix=self.matrix[:size, :size], diagonal=self.diagonal[:size])

    def _strips(self) -> Iterator[RealArray]:
        return (self.matrix[start : start + TILE] for start in range(0, self.size, TILE))


def dense_bytes(size: int, dimensions: int, itemsize: int = 4) -> int:
    """Return the bytes that `dense_operator` needs at its peak for `size` rows of `dimensions` columns."""
    return itemsize * size**2 + 2 * 8 * size * dimensions


def dense_operator(
    kernel: Kernel | FusedKernel,
    rows: FloatArray,
    weights: npt.NDArray[np.integer] | None = None,
    *,
    threads: int = 1,
) -> DenseOperator:
    """Return the kernel matrix of `rows` (n, d), float64 and normalised, with row `weights` (n,) if given.

    Tiles are products of float64 rows, so that near-identical rows keep their distance, and take the
    kernel's number type only as kernel values, each within 2e-7 of the exact one for the kernels with k(x, x) = 1;
    those of a fused kernel, whose rows are side by side, are fused in float64.

    Raises
    ------
    InputError
        Under the linear kernel, if the rows' products would leave the range of float32.
    """
    n = len(rows)
    if isinstance(kernel, FusedKernel) and kernel.columns is None:
        sides = [_Side.of(kernel.sides[0], rows, weights)]
        sides.append(replace(sides[0], kernel=kernel.sides[1]))
    elif isinstance(kernel, FusedKernel):
        columns = (rows[:, : kernel.columns], rows[:, kernel.columns :])
        sides = [_Side.of(one, part, weights) for one, part in zip(kernel.sides, columns, strict=True)]
    else:
        sides = [_Side.of(kernel, rows, weights)]
    root = np.ones(n) if weights is None else np.sqrt(weights)
    if kernel.profile is None:
        _check_scale(float(np.sqrt(sides[0].squares.max())))
    matrix: RealArray = np.empty((n, n), dtype=kernel.dtype)
    diagonal = root**2 * (sides[0].squares if kernel.profile is None else 1.0)
    unit = bool((root == 1).all())
    fuse = FUSINGS[kernel.by] if isinstance(kernel, FusedKernel) else None
    fill = partial(_fill_tile, matrix, sides, fuse, None if unit else root)
    starts = range(0, n, TILE)
    tiles = [(i, j) for i in starts for j in starts if i <= j]
    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(fill, tiles):
            pass
    np.fill_diagonal(matrix, diagonal)
    return DenseOperator(matrix=matrix, diagonal=diagonal)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """A kernel and its rows (n, d), centred where that changes nothing, with their squared norms (n,)."""

    kernel: Kernel
    rows: FloatArray
    squares: FloatArray

    @classmethod
    def of(cls, kernel: Kernel, rows: FloatArray, weights: npt.NDArray[np.integer] | None) -> _Side:
        if kernel.profile is not None or kernel.centered:
            rows = rows - (rows.mean(axis=0) if weights is None else np.average(rows, axis=0, weights=weights))
        return cls(kernel=kernel, rows=rows, squares=np.einsum("ij,ij->i", rows, rows))

    def tile(self, left: slice, right: slice, dtype: np.dtype[np.floating]) -> RealArray:
        """Return the kernel values between two slices of the rows."""
        product = self.rows[left] @ self.rows[right].T
        if self.kernel.profile is None:
            return product.astype(dtype)
        assert self.kernel.bandwidth is not None
        product *= -2.0
        product += self.squares[left, None]
        product += self.squares[right]
        np.maximum(product, 0.0, out=product)
        np.sqrt(product, out=product)
        product *= 1.0 / self.kernel.bandwidth
        return self.kernel.profile(product)


def _check_scale(norm: float) -> None:
    """Refuse rows whose fourth powers leave the range of float32."""
    if not 1 / LARGEST_NORM < norm < LARGEST_NORM:
        raise InputError(
            f"the largest norm of a row is {norm:.3g}; the linear kernel of fewer rows than columns takes "
            f"{1 / LARGEST_NORM:g} to {LARGEST_NORM:g}",
            next_step="multiply all rows by one number, which changes no exponent",
        )


def _fill_tile(
    matrix: RealArray,
    sides: list[_Side],
    fuse: Callable[[RealArray, RealArray], FloatArray] | None,
    root: FloatArray | None,
    corner: tuple[int, int],
) -> None:
    left, right = (slice(start, start + TILE) for start in corner)
    tiles = [side.tile(left, right, matrix.dtype) for side in sides]
    tile: RealArray = tiles[0] if fuse is None else fuse(*tiles).astype(matrix.dtype)
    if root is not None:
        tile *= np.outer(root[left], root[right]).astype(matrix.dtype)
    matrix[left, right] = tile if left != right else np.maximum(tile, tile.T)
    if left != right:
        matrix[right, left] = tile.T
