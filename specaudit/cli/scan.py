"""`specaudit scan`: what shards hold, as a file to be fitted or compared with others."""

from __future__ import annotations

from typing import Annotated

import typer

from specaudit.cli import options, output, rendering, terminal

SCANS = {".scan": "scan"}


def scan(
    context: typer.Context,
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SHARD...", help="Files, FILE::member, URLs, directories, globs, @lists or scans."),
    ],
    outputs: Annotated[str, typer.Option("-o", "--output", metavar="FILE.scan", help="The file to write.")],
    normalize: options.Normalized = "none",
    ids: options.Ids = None,
    dtype: options.Dtype = None,
    shape: options.Shape = None,
    column: options.Column = None,
    drop_bad_rows: options.DropBadRows = False,
    seed: options.Seed = 0,
    max_rows: Annotated[
        int, typer.Option(metavar="N", help="Rows that the file keeps; others are read from the shards when needed.")
    ] = options.MAX_ROWS,
    max_memory: options.MaxMemory = None,
    workers: options.Workers = None,
    dask: options.Dask = None,
    config_file: options.ConfigFile = None,
    dry_run: options.DryRun = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Scan shards into a file, on any machine; fit and compare take many such files in place of the shards.

    The file holds a hash of each row, counts, sums and a sample of the rows, and names the shards relative to itself:
    where fit or compare needs other rows, they are read there, and must still be those that were scanned.
    """
    file = output.data_output("--output", outputs, "rows", SCANS, what="scan")
    output.check_outputs([file], [*(name.partition("::")[0] for name in sources), *options.given(ids, config_file)])
    names = ("ids", "dtype", "column", "drop_bad_rows")
    rules = ("normalize", "seed", "max_rows", "max_memory")
    arguments = {
        **{name: context.params[name] for name in names},
        **{name: options.checked(name.replace("_", "-"), context.params[name]) for name in rules},
        "shape": options.raw_shape(shape),
        **options.engine(context),
    }

    from specaudit import api

    if dry_run:
        rendering.show_plan(api.scan_plan(sources, **arguments), arguments["max_memory"])
        return
    reporter = terminal.progress(quiet=quiet, verbose=verbose)
    found = api.scan(sources, folder=file.path.absolute().parent, **arguments, progress=reporter)
    output.write_all([(file.path, found.content)])
    if not quiet:
        shards = f"{found.shards:,} shard{'s' * (found.shards != 1)}"
        terminal.emit(f"{found.rows:,} rows of {shards} scanned to {file.path}, which keeps {found.kept:,} of them\n")
