"""`specaudit fit`: one data set's spectrum, capacity curves and tail exponent."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from specaudit import config
from specaudit.cli import output, terminal
from specaudit.errors import ConfigError, UnresolvedError
from specaudit.report.formats import FORMATS, PICTURES

if TYPE_CHECKING:
    from specaudit.documents import Fit

STDOUT_FORMATS = ("text", "json", "markdown")


def _configure(context: typer.Context, file: Path | None) -> Path | None:
    """Make the file's and the environment's settings the defaults of the flags."""
    if not context.resilient_parsing:
        settings = config.load(Path.cwd(), os.environ, file)
        context.default_map = {key.replace("-", "_"): value for key, value in settings.items()}
    return file


def fit(
    source: Annotated[
        str, typer.Argument(metavar="EMB", help="A file, FILE::member, directory, glob, @list or - (stdin).")
    ],
    kernel: Annotated[
        list[str],
        typer.Option(
            "--kernel", metavar="NAME", help=f"Repeatable; the first is primary: {', '.join(config.KERNELS)}."
        ),
    ] = ["laplace", "linear"],  # noqa: B006 - typer shows it in the help and never changes it
    bandwidth: Annotated[
        float | None,
        typer.Option(metavar="LENGTH", help="Length scale; by default from the rows' distances."),
    ] = None,
    normalize: Annotated[str, typer.Option(metavar="none|l2", help="Scale every row to length 1 (l2).")] = "none",
    centered: Annotated[
        bool,
        typer.Option("--centered/--no-centered", help="Subtract the mean row under the linear kernel."),
    ] = False,
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="The embedding model, to be kept in the document.")
    ] = None,
    ids: Annotated[
        str | None, typer.Option(metavar="FILE", help="Names of the rows: a file, or a column of a table.")
    ] = None,
    dtype: Annotated[
        str | None, typer.Option(metavar="TYPE", help="Number type of a raw file, e.g. float32.")
    ] = None,
    shape: Annotated[str | None, typer.Option(metavar="ROWS,DIMS", help="Shape of a raw file.")] = None,
    column: Annotated[str | None, typer.Option(metavar="NAME", help="Column of a table that holds the rows.")] = None,
    drop_bad_rows: Annotated[
        bool,
        typer.Option("--drop-bad-rows/--no-drop-bad-rows", help="Drop rows with NaN or infinity instead of failing."),
    ] = False,
    seed: Annotated[int, typer.Option(metavar="N", help="Keys the sample and the probes.")] = 0,
    threads: Annotated[int | None, typer.Option(metavar="N", help="By default all cores that may be used.")] = None,
    max_rows: Annotated[int, typer.Option(metavar="N", help="Rows of the kernel matrix; more are sampled.")] = 16384,
    max_memory: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Such as 4G or 800M; by default what the machine has.")
    ] = None,
    outputs: Annotated[
        list[str],
        typer.Option(
            "-o",
            "--output",
            metavar="[FORMAT=]FILE",
            help="Write the document: .json, .csv, .md, .txt. Repeatable.",
        ),
    ] = [],  # noqa: B006 - see above
    format_: Annotated[
        str, typer.Option("--format", metavar="|".join(STDOUT_FORMATS), help="What stdout gets.")
    ] = "text",
    plot: Annotated[
        str | None, typer.Option(metavar="FILE", help=f"Write the figure: {', '.join(PICTURES)}.")
    ] = None,
    require: Annotated[
        list[str],
        typer.Option(
            metavar="STATUS,...",
            help=f"Exit 3 unless the primary exponent's status is among these: {', '.join(config.STATUSES)}.",
        ),
    ] = [],  # noqa: B006 - see above
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="Exit 0 instead of 3.")] = False,
    config_file: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", callback=_configure, is_eager=True, help="Read settings from here."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say rows, bytes, peak memory and time; do not fit.")
    ] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Only the finding: no details, no progress.")] = False,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Times of the stages; tracebacks of internal errors.")
    ] = False,
) -> None:
    """Measure one data set.

    Its defects, spectrum, capacity curves, and tail exponent with its status.

    Exits 0 whatever the status is, unless --require says otherwise; 2 when it could not run.
    """
    arguments: dict[str, Any] = {
        "ids": ids,
        "dtype": dtype,
        "shape": _shape(shape),
        "column": column,
        "kernels": _checked("kernel", kernel),
        "bandwidth": _checked("bandwidth", bandwidth),
        "normalize": _checked("normalize", normalize),
        "centered": centered,
        "model": model,
        "drop_bad_rows": drop_bad_rows,
        "seed": _checked("seed", seed),
        "threads": _checked("threads", threads),
        "max_rows": _checked("max-rows", max_rows),
        "max_memory": _checked("max-memory", max_memory),
    }
    required = _checked("require", require or None)
    output.check_format(format_, "--format")
    if format_ not in STDOUT_FORMATS:
        raise ConfigError(f"--format {format_}: only a file can be {format_}", next_step=f"use -o FILE.{format_}")
    documents = [output.document_output(text) for text in outputs]
    pictures = [output.picture_output(plot)] if plot else []
    inputs = [source.partition("::")[0], *(str(file) for file in (ids, config_file) if file is not None)]
    output.check_outputs([*documents, *pictures], inputs)
    if dry_run:
        _say_plan(source, arguments, format_)
        return

    from specaudit import api

    result = api.fit(source, **arguments, progress=terminal.progress(quiet=quiet, verbose=verbose))
    _write(result, documents, pictures)
    _show(result, format_, quiet)
    if required and result.exponent.status not in required:
        _refuse(result, required, exit_zero)


def _checked(key: str, value: object) -> Any:
    return None if value is None else config.read(key, value, f"--{key}")


def _shape(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    rows, mark, dimensions = text.partition(",")
    if not mark or not rows.strip().isdecimal() or not dimensions.strip().isdecimal():
        raise ConfigError(f"--shape: expected ROWS,DIMS, got {text!r}", next_step="for example --shape 8000,384")
    return int(rows), int(dimensions)


def _say_plan(source: str, arguments: dict[str, Any], format_: str) -> None:
    from specaudit import api
    from specaudit.report.plan import render_plan

    if format_ != "text":
        raise ConfigError("--dry-run says its plan as text", next_step=f"drop --format {format_}")
    plan = api.plan(source, **arguments)
    terminal.emit(
        render_plan(
            rows=plan.rows,
            dimensions=plan.dimensions,
            size=plan.bytes,
            peak_memory=plan.peak_memory,
            stages=plan.stages,
        )
    )


def _write(result: Fit, documents: Sequence[output.Output], pictures: Sequence[output.Output]) -> None:
    contents = [
        (o.path, FORMATS[o.format](result, terminal.WIDTH, False).encode("utf-8", "backslashreplace"))
        for o in documents
    ]
    if pictures:
        from specaudit.report.plots import picture

        contents += [(o.path, picture(result, o.format)) for o in pictures]
    output.write_all(contents)


def _show(result: Fit, format_: str, quiet: bool) -> None:
    import sys

    if format_ == "text" and quiet:
        from specaudit.report.facts import headline

        terminal.emit(headline(result) + "\n")
        return
    text = FORMATS[format_](result, terminal.width(), terminal.colored(sys.stdout))
    terminal.emit(text, exact=format_ == "json")


def _refuse(result: Fit, required: Sequence[str], exit_zero: bool) -> None:
    exponent = result.exponent
    problem = f"required {' or '.join(required)}, but the exponent is {exponent.status}: {exponent.reason}"
    if exit_zero:
        terminal.note(problem)
        return
    raise UnresolvedError(problem, next_step=f"specaudit explain {exponent.status}")
