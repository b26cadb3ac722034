"""What the verbs share: their arguments' checks and the environment they report."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from specaudit.documents import Environment
from specaudit.embeddings import Embeddings
from specaudit.errors import ConfigError, InputError
from specaudit.kernels import check_kernel
from specaudit.scan import Scan
from specaudit.version import __version__

if TYPE_CHECKING:
    Place = str | os.PathLike[str]
    Source = Place | Sequence[Place] | npt.NDArray[Any] | Embeddings

MAX_ROWS = 16_384
LARGEST_NORM = 1e60


def check_arguments(kernels: Sequence[str], max_rows: int) -> None:
    """Raise ConfigError for kernels or a number of rows that cannot be meant."""
    if not kernels:
        raise ConfigError("no kernel given", next_step="name at least one, for example laplace")
    for name in kernels:
        check_kernel(name)
    if len(set(kernels)) < len(kernels):
        raise ConfigError(f"a kernel is named twice in {', '.join(kernels)}")
    if max_rows < 2:
        raise ConfigError(f"max-rows must be at least 2, got {max_rows}")


def check_scale(embeddings: Embeddings, found: Scan) -> None:
    """Refuse rows whose fourth powers would leave the range of float64."""
    if not 1 / LARGEST_NORM < found.norm_max < LARGEST_NORM:
        raise InputError(
            f"{embeddings.name}: the largest norm of a row is {found.norm_max:.3g}, expected between "
            f"{1 / LARGEST_NORM:g} and {LARGEST_NORM:g}",
            next_step="multiply all rows by one number, which changes no exponent",
        )


def fraction(update: Callable[[float], None]) -> Callable[[str, float], None]:
    """Return a stage's update as the callback of a pass that also tells its own name."""
    return lambda _, done: update(done)


def environment(threads: int) -> Environment:
    """Return the versions that the numbers depend on."""
    return Environment(
        specaudit=__version__,
        python=platform.python_version(),
        numpy=version("numpy"),
        scipy=version("scipy"),
        faiss=version("faiss-cpu"),
        threads=threads,
    )
