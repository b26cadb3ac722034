"""`specaudit demo`: a small data set and a biased pruning of it, to try the program on."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from specaudit.cli.output import write_all
from specaudit.cli.rows import npy
from specaudit.cli.terminal import emit
from specaudit.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ROWS, DIMENSIONS, CLUSTERS = 2_000, 64, 100
DECAY = 1.2  # of the covariance's eigenvalues within clusters
SPREAD = 2.0  # of the centres, in units of the spread within clusters
SEED = 20


def demo(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write; created if it is missing.")],
    force: Annotated[bool, typer.Option("--force", help="Overwrite the files of an earlier demo.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Do not print the commands to try.")] = False,
) -> None:
    """Write a small data set and a pruning of it to try.

    before.npy has clusters of very unequal size; after.npy is the half of it in the most common clusters.
    """
    before, after = directory / "before.npy", directory / "after.npy"
    for path in (before, after):
        if path.exists() and not force:
            raise InputError(f"{path} exists", next_step="name another directory, or use --force")
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{directory}: cannot create: {error.strerror}", next_step="name another place") from error
    rows, cluster = _rows()
    write_all([(before, npy(rows)), (after, npy(_common_half(rows, cluster)))])
    if quiet:
        return
    lines = [("fit", before), ("fit", after), ("compare", before, after)]
    emit("".join(f"{shlex.join(['specaudit', *map(str, line)])}\n" for line in lines) + _own_data())


def _own_data() -> str:
    """Return a comment that says what data of one's own may be."""
    from specaudit.embeddings import FORMATS, SCHEMES

    places = ", ".join(f"{scheme}://" for scheme in SCHEMES)
    return f"# your own data: {' '.join(FORMATS)}, a directory, a glob or an @list of them, here or at {places}\n"


def _rows() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return rows in clusters of very unequal size, all of a power-law covariance, and their clusters."""
    import numpy as np

    generator = np.random.default_rng(SEED)
    scale = np.arange(1, DIMENSIONS + 1) ** (-DECAY / 2)
    share = 1 / np.arange(1, CLUSTERS + 1)
    cluster = generator.choice(CLUSTERS, size=ROWS, p=share / share.sum())
    centre = SPREAD * generator.standard_normal((CLUSTERS, DIMENSIONS)) * scale
    rows = centre[cluster] + generator.standard_normal((ROWS, DIMENSIONS)) * scale
    return rows.astype(np.float32), cluster


def _common_half(rows: NDArray[np.float32], cluster: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return, in order, the half of the rows in the most common clusters: a pruning that loses the tail."""
    import numpy as np

    return rows[np.sort(np.argsort(cluster, kind="stable")[: len(rows) // 2])]
