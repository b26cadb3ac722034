"""`specaudit prune`: which rows to keep, by a method, and the audit of what is left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from specaudit import config
from specaudit.cli import options, output, policy, rendering, terminal
from specaudit.cli.compare import command_line
from specaudit.cli.rows import KEPT_FORMATS, WEIGHT_FORMATS
from specaudit.errors import ConfigError

if TYPE_CHECKING:
    from specaudit.cli.output import Output

AUTO = "auto"


def prune(
    context: typer.Context,
    source: Annotated[
        str, typer.Argument(metavar="EMB", help="A file, FILE::member, URL, directory, glob or @list of embeddings.")
    ],
    method: Annotated[
        str, typer.Option(metavar="NAME", help=f"One of {', '.join(config.METHODS)}: all makes a table.")
    ],
    keep: Annotated[
        str | None,
        typer.Option(
            metavar="SHARE|auto",
            help="Share of the rows to keep; with all several, 0.25,0.5; auto finds the smallest that passes.",
        ),
    ] = None,
    soft: Annotated[bool, typer.Option("--soft", help="Weights of mean 1 in the place of a cut.")] = False,
    cap: Annotated[float | None, typer.Option(metavar="C", help="Largest weight of --soft.")] = None,
    scores: Annotated[
        str | None, typer.Option(metavar="FILE", help="A number per row for the method scores; the highest are kept.")
    ] = None,
    kernel: options.Kernels = options.KERNELS,
    bandwidth: options.Bandwidth = None,
    normalize: options.Normalized = "none",
    centered: options.Centered = False,
    model: options.Model = None,
    ids: options.Ids = None,
    groups: options.Groups = None,
    dtype: options.Dtype = None,
    shape: options.Shape = None,
    column: options.Column = None,
    drop_bad_rows: options.DropBadRows = False,
    seed: options.Seed = 0,
    threads: options.Threads = None,
    max_rows: options.MaxRows = options.MAX_ROWS,
    max_memory: options.MaxMemory = None,
    margin: options.Margin = None,
    max_drop: options.MaxDrop = None,
    min_rows: options.MinRows = None,
    enable: options.Enable = None,
    waive: options.Waive = None,
    on_inconclusive: options.OnInconclusive = "fail",
    exit_zero: options.ExitZero = False,
    outputs: Annotated[list[str] | None, options.output_option(output.suffixes("prune"))] = None,
    format_: Annotated[str, options.format_option(output.stdout_formats("prune"))] = "text",
    report: options.Reports = None,
    plot: options.Plots = None,
    save_rows: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help=f"Write the kept rows: {', '.join(KEPT_FORMATS)}. Repeatable."),
    ] = None,
    save_weights: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help=f"Write the weights of --soft: {', '.join(WEIGHT_FORMATS)}. Repeatable."),
    ] = None,
    config_file: options.ConfigFile = None,
    dry_run: options.DryRun = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Propose a static pruning and audit it at once.

    Writes the kept rows, or weights, and then exits by the audit, as compare does: 0 if every gate passed, 1 if one
    failed, 3 if one cannot decide, 2 if it could not run. --method all makes a table and is not gated.
    """
    arguments: dict[str, Any] = {
        **options.measurement(context.params),
        "method": options.checked("method", method),
        "keep": shares(keep),
        "soft": soft,
        "cap": options.checked("cap", cap),
        "scores": scores,
        "groups": groups,
        "policy": policy.read_policy(context),
        "command": command_line(context),
    }
    output.check_stdout(format_, "prune", dry_run=dry_run)
    data = _data(save_rows or (), save_weights or (), method, soft=soft)
    files = [*output.requested("prune", documents=outputs, reports=report, plots=plot), *data]
    inputs = [name.partition("::")[0] for name in options.given(source, scores)]
    output.check_outputs(files, [*inputs, *options.given(ids, groups, config_file)])

    from specaudit import api

    if dry_run:
        rendering.show_plan(api.prune_plan(source, **arguments), arguments["max_memory"])
        return
    result = api.prune(source, **arguments, progress=terminal.progress(quiet=quiet, verbose=verbose))
    rendering.write((result, file) for file in files)
    if result.search is not None and result.audit is None and save_rows:
        terminal.note(f"{save_rows[0]} holds all rows, since no share of them passes")
    if result.audit is not None:
        rendering.append_summary(result.audit)
    rendering.show(result, format_, quiet=quiet)
    policy.exit_with(result, exit_zero=exit_zero, told=format_ == "text")


def shares(text: str | None) -> tuple[float, ...] | Literal["auto"] | None:
    """Return the shares of the rows that --keep names.

    Raises
    ------
    ConfigError
        They are no numbers between 0 and 1.
    """
    if text is None or text.strip() == AUTO:
        return None if text is None else "auto"
    found = []
    for part in text.split(","):
        try:
            number = float(part)
        except ValueError:
            number = 0.0
        if not 0 < number < 1:
            raise ConfigError(
                f"--keep: expected auto or a share between 0 and 1, got {part.strip()!r}",
                next_step="for example --keep 0.5",
            )
        found.append(number)
    return tuple(found)


def _data(rows: list[str] | tuple[()], weights: list[str] | tuple[()], method: str, *, soft: bool) -> list[Output]:
    """Return the files of rows or weights, which there must be."""
    if rows and soft:
        raise ConfigError("--soft keeps no row and drops none", next_step="use --save-weights")
    if weights and not soft:
        raise ConfigError("--save-weights needs --soft", next_step="use --save-rows, or add --soft and --cap")
    if rows and method == "all":
        raise ConfigError("--save-rows takes one method", next_step="name it in the place of all")
    return [
        *(output.data_output("--save-rows", text, "rows", KEPT_FORMATS, what=output.LIST) for text in rows),
        *(output.data_output("--save-weights", text, "weights", WEIGHT_FORMATS, what="list") for text in weights),
    ]
