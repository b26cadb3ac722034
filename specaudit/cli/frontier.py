"""`specaudit frontier`: what a run has learned, from residuals that it logged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from specaudit.cli import options, output, rendering, terminal
from specaudit.cli.compare import command_line
from specaudit.cli.rows import WEIGHT_FORMATS
from specaudit.errors import ConfigError, ExitCode, UnresolvedError
from specaudit.report.formats import headline

if TYPE_CHECKING:
    from specaudit.documents import Frontier

KERNELS = ["laplace"]  # the default of --kernel
FRONTIER_ROWS = 8192
CAP = 10.0


def frontier(
    context: typer.Context,
    source: Annotated[
        str, typer.Argument(metavar="EMB", help="Embeddings of the training rows: a file, directory, glob or @list.")
    ],
    residuals: Annotated[
        str,
        typer.Argument(
            metavar="RESIDUALS",
            help="A .npy file (checkpoints, rows[, outputs]), the reference first, or a directory of step_*.npy.",
        ),
    ],
    times: Annotated[
        str | None, typer.Option(metavar="FILE.npy", help="Times of the checkpoints, 0 for the reference.")
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(metavar="FILE.npy", help="Residuals before the first step, where RESIDUALS lacks them."),
    ] = None,
    rows: Annotated[
        str | None, typer.Option(metavar="FILE", help="The logged rows, in their order, if not all: numbers or ids.")
    ] = None,
    modes: Annotated[
        int | None, typer.Option(metavar="N", help="Modes to look at; by default a quarter of the rows or less.")
    ] = None,
    cap: Annotated[float, typer.Option(metavar="C", help="Largest of the next weights, whose mean is 1.")] = CAP,
    kernel: Annotated[
        list[str],
        typer.Option("--kernel", metavar="NAME", help="The kernel; of several in a configuration the first."),
    ] = KERNELS,
    bandwidth: options.Bandwidth = None,
    normalize: options.Normalized = "none",
    centered: options.Centered = False,
    ids: options.Ids = None,
    dtype: options.Dtype = None,
    shape: options.Shape = None,
    column: options.Column = None,
    drop_bad_rows: options.DropBadRows = False,
    seed: options.Seed = 0,
    threads: options.Threads = None,
    max_rows: Annotated[
        int, typer.Option(metavar="N", help="Logged rows that are looked at; of more a sample.")
    ] = FRONTIER_ROWS,
    max_memory: options.MaxMemory = None,
    gate: Annotated[
        bool,
        typer.Option("--gate", help="Exit 1 where weights by residuals gather on noise, 3 where that is undecided."),
    ] = False,
    outputs: Annotated[list[str] | None, options.output_option(output.suffixes("frontier"))] = None,
    format_: Annotated[str, options.format_option(output.stdout_formats("frontier"))] = "text",
    report: options.Reports = None,
    plot: options.Plots = None,
    save_weights: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE", help=f"Write the next weights of all rows: {', '.join(WEIGHT_FORMATS)}. Repeatable."
        ),
    ] = None,
    config_file: options.ConfigFile = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Tell what a training run has learned, mode by mode, from signed residuals that it logged.

    The frontier k*(t) with its interval and growth, where noise begins, whether weights by residuals would gather on
    noise, and the next sample weights.

    Exits 0 when it ran, whatever it found, unless --gate says otherwise; 3 where weights were asked for and are
    refused; 2 when it could not run, as with losses in the place of residuals.
    """
    if len(kernel) > 1 and options.on_command_line(context, "kernel"):
        raise ConfigError("--kernel: the frontier is of one kernel", next_step="run it once for each")
    context.params["kernel"] = kernel[:1]
    arguments = options.measurement({**context.params, "model": None})
    del arguments["model"]
    output.check_stdout(format_, "frontier")
    files = [
        *output.requested("frontier", documents=outputs, reports=report, plots=plot),
        *(
            output.data_output("--save-weights", text, "weights", WEIGHT_FORMATS, what="list")
            for text in save_weights or ()
        ),
    ]
    inputs = [name.partition("::")[0] for name in (source, residuals)]
    output.check_outputs(files, [*inputs, *options.given(times, reference, rows, ids, config_file)])

    from specaudit import api

    result = api.frontier(
        source,
        residuals,
        **arguments,
        times=times,
        reference=reference,
        rows=rows,
        modes=modes,
        cap=options.checked("cap", cap),
        command=command_line(context),
        progress=terminal.progress(quiet=quiet, verbose=verbose),
    )
    refused = result.proposal.kind == "refused"
    rendering.write((result, file) for file in files if not (refused and file.kind == "weights"))
    rendering.show(result, format_, quiet=quiet)
    if gate:
        _check(result, told=format_ == "text")
    if save_weights and refused:
        raise UnresolvedError(
            f"{save_weights[0]} was not written: {result.proposal.reason}", next_step="keep the weights that you have"
        )


def _check(result: Frontier, *, told: bool) -> None:
    status = result.collapse.status
    if status == "none":
        return
    if not told:
        terminal.note(headline(result))
    raise typer.Exit(ExitCode.FAIL if status == "collapse" else ExitCode.INCONCLUSIVE)
