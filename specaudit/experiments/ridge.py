"""Kernel ridge regression, exactly, by Cholesky decomposition."""

from __future__ import annotations

import numpy as np

from specaudit.errors import InputError
from specaudit.kernels import FloatArray, RealArray

RIDGE = {"gp": 1e-6, "labels": 1e-3}
"""Kind of target -> the default ridge, in units of the mean of the kernel matrix's diagonal."""


def predicted(
    kernel: RealArray, across: RealArray, values: FloatArray, *, ridge: float, weights: FloatArray | None = None
) -> FloatArray:
    """Return the predictions (t, J) for test rows from training values (m, J).

    They minimise sum_i w_i |f(x_i) - y_i|^2 + ridge |f|^2 over the kernel's space: f = k (K + ridge W^-1)^-1 y.

    Parameters
    ----------
    kernel
        (m, m) between training rows.
    across
        (t, m) between test and training rows.
    ridge
        > 0; in units of the mean of the kernel matrix's diagonal, as weights of mean 1 are.
    weights
        (m,) not negative; rows of weight 0 are left out.

    Raises
    ------
    InputError
        The matrix is singular to rounding: the ridge is too small.
    """
    from scipy.linalg import LinAlgError, cho_factor, cho_solve

    if weights is not None and not weights.all():
        used = np.flatnonzero(weights)
        kernel, across, values, weights = kernel[np.ix_(used, used)], across[:, used], values[used], weights[used]
    system = kernel.astype(np.float64)
    added = ridge * np.diagonal(system).mean()
    system[np.diag_indices_from(system)] += added if weights is None else added / weights
    try:
        factor = cho_factor(system, lower=True, overwrite_a=True, check_finite=False)
    except LinAlgError:
        raise InputError(
            f"the kernel matrix of {len(system):,} rows is singular to rounding with a ridge of {ridge:g}",
            next_step=f"give a larger one, for example --ridge {100 * ridge:g}",
        ) from None
    return np.asarray(across @ cho_solve(factor, values, check_finite=False), dtype=np.float64)


def predicted_by_modes(
    kernel: RealArray, across: RealArray, values: FloatArray, counts: tuple[int, ...], *, ridge: float
) -> list[FloatArray]:
    """Return the predictions (t, J) of models that have only the leading modes of the training rows, by their counts.

    The arguments are those of `predicted`; with all modes it is the same.
    """
    from specaudit.krylov import eigh

    system = kernel.astype(np.float64)
    added = ridge * np.diagonal(system).mean()
    ascending, vectors = eigh(system)
    order = slice(None, None, -1)
    rates, vectors = ascending[order], vectors[:, order]
    inside = (vectors.T @ values) / (np.maximum(rates, 0.0) + added)[:, None]
    outside = across @ vectors
    return [outside[:, :count] @ inside[:count] for count in counts]
