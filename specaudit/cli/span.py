"""`specaudit span`: do new rows leave the span of the real ones?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from specaudit import config
from specaudit.cli import options, output, rendering, terminal
from specaudit.cli.compare import command_line
from specaudit.cli.rows import SPAN_ROW_FORMATS
from specaudit.errors import ExitCode, UnresolvedError
from specaudit.report.formats import headline

if TYPE_CHECKING:
    from specaudit.api import SpanRows
    from specaudit.documents import Span

SPAN_ROWS = 8192


def span(
    context: typer.Context,
    real: Annotated[str, typer.Argument(metavar="REAL", help="A file, FILE::member, URL, directory, glob or @list.")],
    synthetic: Annotated[
        list[str], typer.Argument(metavar="SYNTHETIC...", help="The new rows; several sets are generations in order.")
    ],
    kernel: options.Kernels = options.KERNELS,
    bandwidth: options.Bandwidth = None,
    normalize: options.Normalized = "none",
    ids: Annotated[
        str | None, typer.Option(metavar="FILE", help="Names of the new rows: a file, or a column of a table.")
    ] = None,
    dtype: options.Dtype = None,
    shape: options.Shape = None,
    column: options.Column = None,
    drop_bad_rows: options.DropBadRows = False,
    seed: options.Seed = 0,
    threads: options.Threads = None,
    max_rows: Annotated[
        int, typer.Option(metavar="N", help="Real rows that the new ones are judged against; more are sampled.")
    ] = SPAN_ROWS,
    max_memory: options.MaxMemory = None,
    require: Annotated[
        list[str] | None,
        typer.Option(
            "--require-class",
            metavar="CLASS,...",
            help=f"Exit 1 unless every class of the last set is among these, 3 if unresolved: "
            f"{', '.join(config.SPAN_CLASSES)}.",
        ),
    ] = None,
    outputs: Annotated[list[str] | None, options.output_option(output.suffixes("span"))] = None,
    format_: Annotated[str, options.format_option(output.stdout_formats("span"))] = "text",
    report: options.Reports = None,
    plot: options.Plots = None,
    save_rows: Annotated[
        list[str] | None, typer.Option(metavar="FILE.csv", help="Write what each new row is. Repeatable.")
    ] = None,
    config_file: options.ConfigFile = None,
    dry_run: options.DryRun = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Tell whether new rows, of a generator say, leave the span of the real ones.

    In span, near copies, collapsed, new coherent modes, or noise, for each set and for each row.

    Exits 0 whatever is found, unless --require-class says otherwise; 2 when it could not run.
    """
    required = options.checked("require-class", require or None)
    arguments = options.measurement({**context.params, "centered": True, "model": None})
    arguments = {name: value for name, value in arguments.items() if name not in ("centered", "model")}
    output.check_stdout(format_, "span", dry_run=dry_run)
    files = output.requested("span", documents=outputs, reports=report, plots=plot)
    rows_to = [
        output.data_output("--save-rows", text, "rows", SPAN_ROW_FORMATS, what="table") for text in save_rows or ()
    ]
    inputs = [name.partition("::")[0] for name in (real, *synthetic)]
    output.check_outputs([*files, *rows_to], [*inputs, *options.given(ids, config_file)])

    from specaudit import api

    if dry_run:
        rendering.show_plan(api.span_plan(real, synthetic, each=bool(rows_to), **arguments), arguments["max_memory"])
        return
    rows: list[SpanRows] = []
    result = api.span(
        real,
        list(synthetic),
        **arguments,
        command=command_line(context),
        on_rows=rows.append if rows_to else None,
        progress=terminal.progress(quiet=quiet, verbose=verbose),
    )
    rendering.write(
        ((result, file) for file in files), [(file.path, SPAN_ROW_FORMATS[file.format](rows)) for file in rows_to]
    )
    rendering.show(result, format_, quiet=quiet)
    if required:
        _check(result, required, told=format_ == "text")


def _check(result: Span, required: tuple[str, ...], *, told: bool) -> None:
    if result.class_ == "unresolved" and "unresolved" not in required:
        raise UnresolvedError(
            f"required {' or '.join(required)}, but the new rows are unresolved: {result.sets[-1].reason}",
            next_step="judge more rows",
        )
    other = [name for name in result.classes if name not in required]
    if other:
        if not told:
            terminal.note(headline(result))
        terminal.note(f"required {' or '.join(required)}, found {' and '.join(other)}")
        raise typer.Exit(ExitCode.FAIL)
