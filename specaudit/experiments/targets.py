"""What an experiment learns: labels, or a Gaussian process whose coefficients fall by a source condition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from specaudit.dataset import IntArray
from specaudit.errors import InputError
from specaudit.kernels import FloatArray
from specaudit.krylov import EXHAUSTED, eigh
from specaudit.operators import DenseOperator

TEST_SHARE, MOST_TEST = 0.2, 1000
"""Of the rows, held out, and at most so many."""
LEAST_OF_CLASS = 5
"""Rows that a class needs, so that some are in the pool and some held out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Rows that may be trained on, in the order in which they are taken, and those held out.

    Attributes
    ----------
    pool, test
        Row numbers (p,) and (t,), both in random order, without a row in common.
    """

    pool: IntArray = field(repr=False)
    test: IntArray = field(repr=False)


def split(rows: int, *, seed: int | Sequence[int]) -> Split:
    """Return a random split of so many rows: a fifth is held out, at most `MOST_TEST`."""
    order = np.random.default_rng(seed).permutation(rows)
    held = min(int(TEST_SHARE * rows), MOST_TEST)
    return Split(pool=order[held:], test=order[:held])


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """Classes of the rows.

    Attributes
    ----------
    names
        (C,) of the classes.
    codes
        (n,) class of each row.
    """

    names: tuple[str, ...]
    codes: IntArray = field(repr=False)

    @classmethod
    def of(cls, labels: Sequence[str], where: str = "labels") -> Labels:
        """Return the classes that labels (n,) name.

        Raises
        ------
        InputError
            There is one class only, or a class has fewer than `LEAST_OF_CLASS` rows.
        """
        names, codes, counts = np.unique(np.asarray(labels, dtype=str), return_inverse=True, return_counts=True)
        if len(names) < 2:
            raise InputError(f"{where}: all rows have one label", next_step="give labels of at least two classes")
        rare = int(counts.argmin())
        if counts[rare] < LEAST_OF_CLASS:
            raise InputError(
                f"{where}: {len(names):,} classes, and {str(names[rare])!r} has {counts[rare]} rows, "
                f"expected at least {LEAST_OF_CLASS}",
                next_step="merge or leave out rare classes; a number for each row is no label",
            )
        return cls(names=tuple(str(name) for name in names), codes=codes.astype(np.int64))

    @property
    def values(self) -> FloatArray:
        """(n, C) one-hot, less 1/C: a guess that knows nothing is 0."""
        return np.eye(len(self.names))[self.codes] - 1 / len(self.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessTarget:
    """Random functions on all rows, training and test rows together: sum_k k^(-a/2) xi_k u_k in the kernel's modes.

    Attributes
    ----------
    eigenvalues, vectors
        (n,) and (n, n) of the kernel matrix, by falling eigenvalue.
    modes
        Leading ones that are above rounding: the others have no energy, as the kernel has none.
    source
        The exponent a > 1: coefficients have the energy k^-a.
    """

    eigenvalues: FloatArray = field(repr=False)
    vectors: FloatArray = field(repr=False)
    modes: int
    source: float

    @classmethod
    def of(cls, operator: DenseOperator, source: float) -> ProcessTarget:
        """Return the target under a kernel matrix (n, n)."""
        values, vectors = eigh(operator.matrix.astype(np.float64))
        modes = int((values > EXHAUSTED * operator.rounding).sum())
        return cls(eigenvalues=values[::-1], vectors=vectors[:, ::-1], modes=modes, source=source)

    def draw(self, outputs: int, *, seed: int | Sequence[int]) -> FloatArray:
        """Return independent functions (n, outputs), each of mean square 1 over the rows."""
        rank = np.arange(1, self.modes + 1.0)[:, None]
        values = self.vectors[:, : self.modes] @ (
            rank ** (-self.source / 2) * np.random.default_rng(seed).standard_normal((self.modes, outputs))
        )
        return np.asarray(values / np.sqrt((values**2).mean(axis=0)))
