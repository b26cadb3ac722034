"""`specaudit fit`: one data set's spectrum, capacity curves and tail exponent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from specaudit import config
from specaudit.cli import options, output, rendering, terminal
from specaudit.cli.rows import LEVERAGE_FORMATS, npy
from specaudit.errors import ConfigError, ExitCode, UnresolvedError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from specaudit.documents import Fit, Saved
    from specaudit.writing import Content

FUSED = (
    "ids", "dtype", "shape", "column", "kernels", "normalize", "model", "seed", "threads", "max_rows", "index",
    "max_memory",
)  # fmt: skip
"""The arguments that a fit of two embeddings has too."""
UNFUSED = {
    "bandwidth": "each side has a bandwidth of its own",
    "centered": "kernels of distances do not depend on the mean row",
    "drop_bad_rows": "rows must be usable on both sides",
    "baseline": "a fused fit is no baseline, for no comparison is of two embeddings",
    "keep_sample": "a fused fit is no baseline",
    "save_leverage": "leverages are of one embedding",
    "dry_run": "its plan is not known",
    "workers": "both sides are read by this process",
    "dask": "both sides are read by this process",
}
"""Flag that is refused with --fuse -> why."""
MEASURED = ("bandwidth", "drop_bad_rows")


def fit(
    context: typer.Context,
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="EMB...", help="A file, FILE::member, URL, directory, glob, @list or - (stdin); scans."
        ),
    ],
    kernel: options.Kernels = options.KERNELS,
    bandwidth: options.Bandwidth = None,
    normalize: options.Normalized = "none",
    centered: options.Centered = False,
    model: options.Model = None,
    ids: options.Ids = None,
    dtype: options.Dtype = None,
    shape: options.Shape = None,
    column: options.Column = None,
    drop_bad_rows: options.DropBadRows = False,
    seed: options.Seed = 0,
    threads: options.Threads = None,
    max_rows: options.MaxRows = options.MAX_ROWS,
    operator: options.OperatorName = "auto",
    landmarks: options.Landmarks = None,
    neighbors: options.Neighbors = options.NEIGHBORS,
    graph_rows: options.GraphRows = options.GRAPH_ROWS,
    index: options.IndexName = "auto",
    max_memory: options.MaxMemory = None,
    workers: options.Workers = None,
    dask: options.Dask = None,
    outputs: Annotated[list[str] | None, options.output_option(output.suffixes("fit"))] = None,
    format_: Annotated[str, options.format_option(output.stdout_formats("fit"))] = "text",
    report: options.Reports = None,
    plot: options.Plots = None,
    baseline: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE.json", help="Also write what compare needs in the place of BEFORE. Repeatable."),
    ] = None,
    save_leverage: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE.(npy|csv)", help="Write how much of the tail each row carries. Repeatable."),
    ] = None,
    fuse: Annotated[
        str | None,
        typer.Option(metavar="OTHER", help="Exploratory: one kernel of EMB and another embedding of the same rows."),
    ] = None,
    fuse_by: Annotated[
        str, typer.Option(metavar="|".join(config.FUSIONS), help="Product or mean of both sides' kernels.")
    ] = "product",
    fuse_ids: Annotated[
        str | None, typer.Option(metavar="FILE", help="Names of the rows of OTHER, matched with those of EMB.")
    ] = None,
    keep_sample: Annotated[
        bool, typer.Option("--keep-sample", help="Also write the baseline's sampled rows: FILE.sample.npy beside it.")
    ] = False,
    require: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STATUS,...",
            help=f"Exit 3 unless the primary exponent's status is among these: {', '.join(config.STATUSES)}.",
        ),
    ] = None,
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="Exit 0 instead of 3.")] = False,
    config_file: options.ConfigFile = None,
    dry_run: options.DryRun = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Measure one data set.

    Its defects, spectrum, capacity curves, and tail exponent with its status.

    Exits 0 whatever the status is, unless --require says otherwise; 2 when it could not run.
    """
    source = sources[0] if len(sources) == 1 else sources
    arguments = {
        **options.measurement(context.params),
        **options.graph(context.params),
        **options.engine(context),
    }
    required = options.checked("require", require or None)
    output.check_stdout(format_, "fit", dry_run=dry_run)
    if fuse is None:
        idle = [name for name in ("fuse_by", "fuse_ids") if options.on_command_line(context, name)]
        if idle:
            raise ConfigError(f"--{idle[0].replace('_', '-')} has no effect without --fuse", next_step="add --fuse")
    else:
        _check_fused(context, fuse_by)
    files = output.requested("fit", documents=outputs, reports=report, plots=plot)
    carried = [output.leverage_output(text, sources) for text in save_leverage or ()]
    kept = [output.baseline_output(text) for text in baseline or ()]
    if keep_sample and not kept:
        raise ConfigError(
            "--keep-sample: there is no baseline to keep it beside", next_step="add --baseline FILE.json"
        )
    beside = [output.sample_output(file) for file in kept if keep_sample]
    output.check_outputs(
        [*files, *kept, *beside, *carried],
        [*(name.partition("::")[0] for name in sources), *options.given(fuse, fuse_ids, ids, config_file)],
    )

    from specaudit import api

    if dry_run:
        rendering.show_plan(api.plan(source, **arguments), arguments["max_memory"])
        return
    reporter = terminal.progress(quiet=quiet, verbose=verbose)
    contents: list[tuple[Saved, output.Output]] = []
    samples: list[NDArray[Any]] = []
    if fuse is not None:
        shared = {name: arguments[name] for name in FUSED}
        if options.by_default(context, "kernel"):
            del shared["kernels"]
        result = api.fused_fit(
            source, fuse, by="sum" if fuse_by == "sum" else "product", other_ids=fuse_ids, **shared, progress=reporter
        )
    elif kept:
        keeping: dict[str, Any] = {"on_sample": samples.append} if keep_sample else {}
        found = api.baseline(source, **arguments, **keeping, progress=reporter)
        result, contents = found.fit, [(found, file) for file in kept]
    else:
        result = api.fit(source, **arguments, progress=reporter)
    data: list[tuple[Path, Content]] = [(file.path, npy(sample)) for sample in samples for file in beside]
    if carried:
        values = api.leverage(source, result, **arguments, progress=reporter)
        data += [(file.path, LEVERAGE_FORMATS[file.format](values)) for file in carried]
    rendering.write([*contents, *((result, file) for file in files)], data)
    rendering.show(result, format_, quiet=quiet)
    if required and result.exponent.status not in required:
        _refuse(result, required, exit_zero)


def _check_fused(context: typer.Context, by: str) -> None:
    """Refuse what a fused kernel does not have; settings of a file only where they would change what is measured."""
    if by not in config.FUSIONS:
        raise ConfigError(f"--fuse-by: expected {' or '.join(config.FUSIONS)}, got {by!r}")
    if context.params["operator"] == "graph":
        raise ConfigError(
            "--fuse: the kernel graph is of one embedding", next_step="use --operator dense, and --max-rows for depth"
        )
    for name, why in UNFUSED.items():
        if context.params[name] and (name in MEASURED or options.on_command_line(context, name)):
            raise ConfigError(f"--fuse: {why}", next_step=f"drop {name.replace('_', '-')}")


def _refuse(result: Fit, required: Sequence[str], exit_zero: bool) -> None:
    exponent = result.exponent
    problem = f"required {' or '.join(required)}, but the exponent is {exponent.status}: {exponent.reason}"
    if exit_zero:
        terminal.note(problem)
        terminal.note(f"exit code 0 instead of {ExitCode.INCONCLUSIVE:d}, as --exit-zero demands")
        return
    raise UnresolvedError(problem, next_step=f"specaudit explain {exponent.status}")
