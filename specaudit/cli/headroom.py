"""`specaudit headroom`: how much weights of rows could speed up the tail, at most."""

from __future__ import annotations

from typing import Annotated

import typer

from specaudit import config
from specaudit.cli import options, output, policy, rendering, terminal
from specaudit.cli.compare import command_line
from specaudit.errors import ConfigError

HEADROOM_ROWS = 1500
KERNEL = ["laplace"]


def headroom(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="EMB", help="A file, FILE::member, directory, glob or @list.")],
    cap: Annotated[float, typer.Option("--cap", metavar="C", help="The largest weight; their mean is 1.")],
    kernel: Annotated[
        list[str], typer.Option("--kernel", metavar="NAME", help=f"One of {', '.join(config.KERNELS)}.")
    ] = KERNEL,
    bandwidth: options.Bandwidth = None,
    normalize: options.Normalized = "none",
    centered: options.Centered = False,
    dtype: options.Dtype = None,
    shape: options.Shape = None,
    column: options.Column = None,
    drop_bad_rows: options.DropBadRows = False,
    seed: options.Seed = 0,
    threads: options.Threads = None,
    max_rows: Annotated[
        int, typer.Option(metavar="N", help="Rows that are used; more are sampled. The deepest mode is N/30.")
    ] = HEADROOM_ROWS,
    max_memory: options.MaxMemory = None,
    gate: Annotated[bool, typer.Option("--gate", help="Exit 1 without headroom, 3 if that cannot be told.")] = False,
    outputs: Annotated[list[str] | None, options.output_option(output.suffixes("headroom"))] = None,
    format_: Annotated[str, options.format_option(output.stdout_formats("headroom"))] = "text",
    report: options.Reports = None,
    plot: options.Plots = None,
    config_file: options.ConfigFile = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Tell how much weights of rows, at most C, could speed up learning of the tail.

    Beside what an oracle needs, and what data without any structure to weigh show by chance.

    Exits 0 whatever is found, unless --gate says otherwise; 2 when it could not run.
    """
    arguments = options.measurement({**context.params, "ids": None, "model": None})
    arguments["kernel"], *others = arguments.pop("kernels")
    if others and options.on_command_line(context, "kernel"):
        raise ConfigError("--kernel takes one kernel here", next_step="run headroom once for each")
    arguments = {name: value for name, value in arguments.items() if name not in ("ids", "model")}
    output.check_stdout(format_, "headroom")
    files = output.requested("headroom", documents=outputs, reports=report, plots=plot)
    output.check_outputs(files, [source.partition("::")[0], *options.given(config_file)])

    from specaudit import api

    result = api.headroom(
        source,
        options.checked("cap", cap),
        **arguments,
        command=command_line(context),
        progress=terminal.progress(quiet=quiet, verbose=verbose),
    )
    rendering.write((result, file) for file in files)
    rendering.show(result, format_, quiet=quiet)
    if gate:
        policy.exit_with(result, exit_zero=False, told=format_ == "text")
