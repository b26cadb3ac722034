"""`specaudit sample`: which rows to log."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from specaudit.cli import options, output, terminal
from specaudit.cli.rows import KEPT_FORMATS
from specaudit.errors import ConfigError


def sample(
    context: typer.Context,
    source: Annotated[
        str, typer.Argument(metavar="EMB", help="A file, FILE::member, directory, glob or @list of embeddings.")
    ],
    count: Annotated[int, typer.Option("-n", "--count", metavar="N", help="Rows to pick.")],
    save_rows: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help=f"Write the rows: {', '.join(KEPT_FORMATS)}. Repeatable."),
    ] = None,
    ids: options.Ids = None,
    dtype: options.Dtype = None,
    shape: options.Shape = None,
    column: options.Column = None,
    drop_bad_rows: options.DropBadRows = False,
    seed: options.Seed = 0,
    max_memory: options.MaxMemory = None,
    config_file: options.ConfigFile = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Pick the rows whose residuals a training run shall log, for `specaudit frontier --rows`.

    A row is picked by a key of its content, so that the order of the rows does not matter, and fewer rows are a part
    of more. Of equal rows the first is picked.
    """
    if not save_rows:
        raise ConfigError("no file for the rows", next_step="add --save-rows rows.npy")
    files = [output.data_output("--save-rows", text, "rows", KEPT_FORMATS, what=output.LIST) for text in save_rows]
    output.check_outputs(files, [source.partition("::")[0], *options.given(ids, config_file)])
    arguments = {name: context.params[name] for name in ("ids", "dtype", "column", "drop_bad_rows")} | {
        "shape": options.raw_shape(shape),
        "seed": options.checked("seed", seed),
        "max_memory": options.checked("max-memory", max_memory),
    }

    from specaudit import api

    found = api.sample(source, count, **arguments, progress=terminal.progress(quiet=quiet, verbose=verbose))
    output.write_all([(Path(file.path), KEPT_FORMATS[file.format](found)) for file in files])
    if not quiet:
        written = ", ".join(str(file.path) for file in files)
        terminal.emit(
            f"{len(found.kept):,} of {found.unique_rows:,} different rows (seed {seed}) written to {written}\n"
        )
