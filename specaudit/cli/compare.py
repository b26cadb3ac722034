"""`specaudit compare`: the gate between two data sets, or between one and a proposal on it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from specaudit import config
from specaudit.cli import options, output, policy, rendering, terminal
from specaudit.errors import ConfigError

if TYPE_CHECKING:
    from specaudit.documents import Comparison

SELECTIONS = ("kept", "dropped", "weights")
PROPOSALS = (*SELECTIONS, "added")

BASELINE = ".json"
"""What the name of a saved baseline ends with."""
SOURCES = ("fit", "source", "before", "after", "real", "synthetic", "residuals")
TARGETS = ("outputs", "format_", "report", "plot", "save_rows", "save_weights", "require")
UNSAID = {
    *SOURCES,
    "margin",
    *TARGETS,
    "config_file",
    "exit_zero",
    "gate",
    "max_memory",
    "workers",
    "dask",
    "dry_run",
    "quiet",
    "verbose",
}
"""Parameters that change nothing in the document, or are told apart."""


def compare(
    context: typer.Context,
    before: Annotated[
        str,
        typer.Argument(metavar="BEFORE", help="A file, FILE::member, URL, directory, glob, @list or saved baseline."),
    ],
    after: Annotated[
        str | None, typer.Argument(metavar="AFTER", help="The same, unless a proposal is given.")
    ] = None,
    kept: Annotated[
        str | None, typer.Option(metavar="FILE", help="AFTER is these rows of BEFORE: numbers, ids or a mask.")
    ] = None,
    dropped: Annotated[str | None, typer.Option(metavar="FILE", help="AFTER is BEFORE without these rows.")] = None,
    weights: Annotated[str | None, typer.Option(metavar="FILE", help="AFTER is BEFORE with these weights.")] = None,
    added: Annotated[
        str | None, typer.Option(metavar="EMB", help="AFTER is BEFORE with these rows appended.")
    ] = None,
    expect: Annotated[
        str,
        typer.Option(
            metavar="|".join(config.EXPECTATIONS), help="How AFTER comes from BEFORE; any finds it from shared rows."
        ),
    ] = "any",
    kernel: options.Kernels = options.KERNELS,
    bandwidth: options.Bandwidth = None,
    normalize: options.Normalized = "none",
    centered: options.Centered = False,
    model: options.Model = None,
    model_after: Annotated[
        str | None, typer.Option(metavar="NAME", help="The embedding model of AFTER; another one cannot be compared.")
    ] = None,
    ids: options.Ids = None,
    ids_after: Annotated[str | None, typer.Option(metavar="FILE", help="Names of AFTER's rows.")] = None,
    groups: options.Groups = None,
    dtype: options.Dtype = None,
    shape: options.Shape = None,
    column: options.Column = None,
    drop_bad_rows: options.DropBadRows = False,
    seed: options.SeedOrDefault = None,
    threads: options.Threads = None,
    max_rows: options.MaxRows = options.MAX_ROWS,
    operator: Annotated[
        str,
        typer.Option(
            metavar="|".join(config.OPERATORS),
            help="graph adds the gain past the dense depth, as information; gates are decided by dense matrices.",
        ),
    ] = "auto",
    landmarks: options.Landmarks = None,
    neighbors: options.Neighbors = options.NEIGHBORS,
    graph_rows: options.GraphRows = options.GRAPH_ROWS,
    index: options.IndexName = "auto",
    max_memory: options.MaxMemory = None,
    workers: options.Workers = None,
    dask: options.Dask = None,
    margin: options.Margin = None,
    max_drop: options.MaxDrop = None,
    min_rows: options.MinRows = None,
    enable: options.Enable = None,
    waive: options.Waive = None,
    on_inconclusive: options.OnInconclusive = "fail",
    exit_zero: options.ExitZero = False,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Also find the smallest change that fails with 80 % power.")
    ] = False,
    outputs: Annotated[list[str] | None, options.output_option(output.suffixes("compare"))] = None,
    format_: Annotated[str, options.format_option(output.stdout_formats("compare"))] = "text",
    report: options.Reports = None,
    plot: options.Plots = None,
    save_rows: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="Write the removed rows: .csv, .txt or .npy. Repeatable."),
    ] = None,
    config_file: options.ConfigFile = None,
    dry_run: options.DryRun = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Gate a change of a data set on its spectral tail.

    AFTER is another data set, or a proposal on BEFORE: --kept, --dropped or --weights, and --added.

    Exits 0 if every gate passed, 1 if one failed, 3 if one cannot decide, 2 if it could not run.
    """
    proposal = {name: context.params[name] for name in PROPOSALS}
    _check_sides(after, proposal)
    if save_rows and before.lower().endswith(BASELINE):
        raise ConfigError(
            "--save-rows: a baseline does not know its rows",
            next_step="compare with BEFORE's embeddings to name them",
        )
    arguments: dict[str, Any] = {
        **options.measurement(context.params),
        **options.graph(context.params),
        **options.engine(context),
        **proposal,
        "expect": options.checked("expect", expect),
        "ids_after": ids_after,
        "groups": groups,
        "model_after": model_after,
        "calibrate": calibrate,
        "policy": policy.read_policy(context),
        "command": command_line(context),
    }
    output.check_stdout(format_, "compare", dry_run=dry_run)
    files = output.requested("compare", documents=outputs, reports=report, plots=plot, rows=save_rows)
    sources = options.given(before, after, *proposal.values())
    inputs = [*(name.partition("::")[0] for name in sources), *options.given(ids, ids_after, groups, config_file)]
    output.check_outputs(files, inputs)

    from specaudit import api

    if dry_run:
        rendering.show_plan(api.compare_plan(before, after, **arguments), arguments["max_memory"])
        return
    result = api.compare(before, after, **arguments, progress=terminal.progress(quiet=quiet, verbose=verbose))
    rendering.write((result, file) for file in files)
    _note_unsaved(result, save_rows or ())
    rendering.append_summary(result)
    about = rendering.remarked_file(options.settings(context).file, before)
    rendering.show(result, format_, quiet=quiet, about=about)
    policy.exit_by([result], exit_zero=exit_zero, told=format_ == "text")


def _note_unsaved(comparison: Comparison, files: Sequence[str]) -> None:
    saved, removed = comparison.rows.searched, comparison.relation.removed
    for file in files if saved < removed else ():
        terminal.note(f"{file} holds {saved:,} of {removed:,} removed rows: those whose distance was looked at")


def command_line(context: typer.Context) -> str:
    """Return the shell line that gives the same document without any configuration, of `compare` and its like.

    What file and environment set is spelled out, and what changes nothing is left out. Waivers of a file stay out
    too: no flag gives their last day.
    """
    found = (context.params.get(name) for name in SOURCES)
    sources = [word for value in found for word in (value if isinstance(value, list | tuple) else (value,))]
    words = [*context.command_path.split(), *options.given(*sources)]
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        if name in UNSAID or source is None or source.name == "DEFAULT":
            continue
        words += _spelled(parameter.opts[0], parameter.secondary_opts, context.params[name])
    for name, value in policy.margins(context).items() if "margin" in context.params else ():
        words += ["--margin", f"{name}={value}"]
    return shlex.join(words)


def _spelled(flag: str, opposite: list[str], value: Any) -> list[str]:
    if isinstance(value, bool):
        return [flag] if value else opposite[:1]
    values = value if isinstance(value, list | tuple) else [value]
    return [word for item in values for word in (flag, str(item))]


def _check_sides(after: str | None, proposal: dict[str, str | None]) -> None:
    """Refuse anything but AFTER alone, or a proposal with at most one selection."""
    given = [f"--{name}" for name, value in proposal.items() if value is not None]
    selections = [f"--{name}" for name in SELECTIONS if proposal[name] is not None]
    if after is None and not given:
        raise ConfigError(
            "nothing to compare BEFORE with", next_step="give AFTER, or --kept, --dropped, --weights or --added"
        )
    if after is not None and given:
        raise ConfigError(f"AFTER and {given[0]} exclude each other", next_step="give one of them")
    if len(selections) > 1:
        raise ConfigError(f"{' and '.join(selections)} exclude each other", next_step="give one of them")
