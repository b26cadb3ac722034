"""`scan`: what shards hold, as a file that `fit` and `compare` take in their place, together with others."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from specaudit.api.common import MAX_ROWS, fraction
from specaudit.budget import check_memory, scan_file_memory
from specaudit.distributed import engine_of
from specaudit.embeddings import Normalize, held_texts, open_embeddings
from specaudit.embeddings.scans import pack_scan
from specaudit.errors import ConfigError
from specaudit.progress import Progress, SilentProgress
from specaudit.scan import check_usable, find_all, kept_rows
from specaudit.version import __version__

if TYPE_CHECKING:
    from specaudit.api.common import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanFile:
    """The content of a .scan file.

    Attributes
    ----------
    content
        Bytes of the file.
    rows, shards
        What was scanned.
    kept
        Different rows that the file holds.
    """

    content: bytes = field(repr=False)
    rows: int
    shards: int
    kept: int


def scan(
    source: Source,
    *,
    folder: str | os.PathLike[str] = ".",
    ids: str | os.PathLike[str] | Sequence[str] | None = None,
    dtype: str | None = None,
    shape: tuple[int, int] | None = None,
    column: str | None = None,
    normalize: Normalize = "none",
    drop_bad_rows: bool = False,
    seed: int = 0,
    max_rows: int = MAX_ROWS,
    max_memory: int | None = None,
    workers: int | None = None,
    dask: str | None = None,
    progress: Progress | None = None,
) -> ScanFile:
    """Return what was found in one or more shards, or in scans of them; inputs and limits are as in `fit`.

    Parameters
    ----------
    folder
        Where the file will be: shards are named relative to it.
    seed, max_rows
        The different rows of smallest key under this seed are kept, at most so many. Others are read from the shards.

    Raises
    ------
    InputError
        The data cannot be used; the message names file, row and column.
    """
    if max_rows < 1:
        raise ConfigError(f"max-rows must be at least 1, got {max_rows}")
    report = progress or SilentProgress()
    with (
        engine_of(workers, dask) as engine,
        open_embeddings(
            source, ids=ids, dtype=dtype, shape=shape, column=column, max_memory=max_memory, engine=engine, fewest=1
        ) as embeddings,
    ):
        rows, dimensions, named = embeddings.rows, embeddings.dimensions, embeddings.ids is not None
        check_memory(
            lambda most: scan_file_memory(rows, min(rows, most), dimensions, named=named),
            max_memory,
            max_rows,
            held=2 * held_texts(embeddings),  # and once in the file
        )
        with report.stage("scan") as stage:
            found = find_all(embeddings, normalize=normalize, progress=fraction(stage.update))
        if not drop_bad_rows:
            check_usable(embeddings, found)
        embeddings = embeddings.held_to(found.contents, found.usable)
        kept = kept_rows(embeddings, found, seed=seed, max_rows=max_rows)
        settings = {"specaudit": __version__, "seed": seed, "max_rows": max_rows}
        content = pack_scan(embeddings, found, kept, settings, Path(folder))
        return ScanFile(content=content, rows=embeddings.rows, shards=len(embeddings.shards), kept=len(kept))
