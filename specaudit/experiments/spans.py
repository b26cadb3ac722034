"""The span of a teacher that knows the leading modes of its rows, and what of an error lies in it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from specaudit.errors import InputError
from specaudit.kernels import FloatArray, RealArray
from specaudit.krylov import eigh

RANK = 1e-9
"""Eigenvalues below this share of the largest are rounding."""
OUTSIDE = 2
"""Held-out rows for each mode of a teacher, at least: with as many modes as rows nothing is outside its span."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Modes:
    """Eigenvectors of the kernel matrix of a teacher's rows, which the kernel extends to other rows.

    Attributes
    ----------
    rates
        (r,) eigenvalues, descending, of those that are more than rounding.
    vectors
        (n, r) at the teacher's rows.
    """

    rates: FloatArray = field(repr=False)
    vectors: FloatArray = field(repr=False)

    @classmethod
    def of(cls, kernel: RealArray) -> Modes:
        """Return the modes of a kernel matrix (n, n)."""
        ascending, vectors = eigh(kernel.astype(np.float64))
        rank = int((ascending > RANK * ascending[-1]).sum())
        return cls(rates=ascending[: -rank - 1 : -1], vectors=vectors[:, : -rank - 1 : -1])

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.rates)

    def check(self, count: int, tested: int) -> None:
        """Refuse a teacher that has no modes, all of them, or more than leave half of the held-out rows' space."""
        most = min(self.count - 1, most_modes(tested))
        if not 0 < count <= most:
            raise InputError(
                f"a teacher of {count:,} modes: its {len(self.vectors):,} rows have {self.count:,}, and {tested:,} "
                "rows are held out; one of the modes and half of these must be outside its span",
                next_step=f"give --teacher-modes from 1 to {most:,}",
            )

    def taught(self, values: FloatArray, across: RealArray, count: int) -> FloatArray:
        """Return what a teacher of `count` modes, fitted to values (n, J), says of other rows (t, J).

        `across` (t, n) is the kernel between these and the teacher's rows.
        """
        return np.asarray(self._extended(across, count) @ (self.vectors[:, :count].T @ values))

    def span(self, across: RealArray, count: int) -> FloatArray:
        """Return an orthonormal basis (t, count) of all that a teacher of `count` modes can say of other rows."""
        return np.linalg.qr(self._extended(across, count))[0]

    def _extended(self, across: RealArray, count: int) -> FloatArray:
        return np.asarray(across @ (self.vectors[:, :count] / self.rates[:count]))


def most_modes(tested: int) -> int:
    """Return the most modes of a teacher whose span leaves something of so many held-out rows."""
    return tested // OUTSIDE


def energies(values: FloatArray, span: FloatArray) -> tuple[float, float]:
    """Return the energy of values (t, J) outside a span (t, m) with orthonormal columns, and inside."""
    inside = span @ (span.T @ values)
    return float(((values - inside) ** 2).sum()), float((inside**2).sum())


def errors(predictions: FloatArray, truth: FloatArray, span: FloatArray) -> tuple[float, float]:
    """Return the energy of the error outside and inside a span, each as a share of that of the truth (t, J)."""
    (outside, inside), (far, near) = energies(predictions - truth, span), energies(truth, span)
    return outside / far, inside / near
