"""What the commands of `specaudit experiment` share: their options, each spelled once, and what becomes of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_type_hints

import typer

from specaudit import config
from specaudit.cli import options, output, rendering, terminal
from specaudit.cli.compare import command_line
from specaudit.errors import ConfigError

if TYPE_CHECKING:
    from specaudit.documents import Experiment

KERNEL = ["laplace"]
EXPERIMENT_ROWS = 2500
SEEDS, HIDDEN, STEPS = 8, 64, 500

Source = Annotated[str, typer.Argument(metavar="EMB", help="A file, FILE::member, URL, directory, glob or @list.")]
Labels = Annotated[
    str | None, typer.Option(metavar="FILE|COLUMN", help="A class for each row, in a file or a column of a table.")
]
Target = Annotated[
    str | None,
    typer.Option(
        metavar="labels|gp",
        help="What is learned; gp: random functions in the kernel's modes. By default labels, if any.",
    ),
]
SourceExponent = Annotated[
    float, typer.Option("--source", metavar="A", help="Coefficients of gp have the energy k^-A.")
]
Model = Annotated[
    str, typer.Option("--model", metavar="krr|mlp", help="Kernel ridge regression, or a network of one hidden layer.")
]
Ridge = Annotated[
    float | None,
    typer.Option(metavar="R", help="Of krr, in units of k(x, x); by default 1e-3 for labels, 1e-6 for gp."),
]
Hidden = Annotated[int, typer.Option(metavar="N", help="Hidden units of mlp.")]
Steps = Annotated[int, typer.Option(metavar="N", help="Optimiser steps of mlp, the same for every arm.")]
Seeds = Annotated[int, typer.Option(metavar="N", help="Runs, each with another split; intervals are over these.")]
Kernels = Annotated[list[str], typer.Option("--kernel", metavar="NAME", help=f"One of {', '.join(config.KERNELS)}.")]
Seed = Annotated[int, typer.Option(metavar="N", help="Keys the sample, the splits and all else that is random.")]
MaxRows = Annotated[int, typer.Option(metavar="N", help="Rows that are used; more are sampled.")]
Outputs = Annotated[list[str] | None, options.output_option(output.suffixes("experiment"))]
Format = Annotated[str, options.format_option(output.stdout_formats("experiment"))]

Number = TypeVar("Number", int, float)

TASK = ("labels", "target", "source_exponent", "model", "ridge", "hidden", "steps", "seeds")
"""Fields of the API's `Task` that are options of their own; the others are those of every measurement."""


def _first(
    context: typer.Context,
    source: Source,
    labels: Labels = None,
    target: Target = None,
    source_exponent: SourceExponent = 1.5,
    learner: Model = "krr",
) -> None:
    """Have the parameters that come before an experiment's own."""


def _last(
    hidden: Hidden = HIDDEN,
    steps: Steps = STEPS,
    seeds: Seeds = SEEDS,
    kernel: Kernels = KERNEL,
    bandwidth: options.Bandwidth = None,
    normalize: options.Normalized = "none",
    centered: options.Centered = False,
    dtype: options.Dtype = None,
    shape: options.Shape = None,
    column: options.Column = None,
    drop_bad_rows: options.DropBadRows = False,
    seed: Seed = 0,
    threads: options.Threads = None,
    max_rows: MaxRows = EXPERIMENT_ROWS,
    max_memory: options.MaxMemory = None,
    outputs: Outputs = None,
    format_: Format = "text",
    report: options.Reports = None,
    plot: options.Plots = None,
    config_file: options.ConfigFile = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Have the parameters that come after them."""


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command with the options of every experiment around its own; it is called with context and its own."""
    own = inspect.signature(command).parameters
    around = [one for part in (_first, command, _last) for one in inspect.signature(part).parameters.values()]
    hints: dict[str, Any] = {}
    for part in (_first, command, _last):
        hints |= get_type_hints(part, include_extras=True)
    unique = {one.name: one.replace(annotation=hints[one.name], kind=one.KEYWORD_ONLY) for one in around}

    @wraps(command)
    def whole(**given: Any) -> None:
        command(**{name: given[name] for name in own})

    whole.__signature__ = inspect.Signature(list(unique.values()))  # type: ignore[attr-defined]
    whole.__annotations__ = {name: hints[name] for name in unique}
    return whole


def run(
    context: typer.Context,
    experiment: Callable[[], Callable[..., Experiment]],
    inputs: Sequence[str | None] = (),
    **arguments: Any,
) -> None:
    """Run an experiment with the task that a command's parameters say, write its files and show it.

    Parameters
    ----------
    experiment
        Imports and returns the function of the API.
    inputs
        Files that are read beside the source and the labels.
    arguments
        Its own arguments, beside the task.
    """
    values = {**context.params, "ids": None, "model": None}
    kernel = values["kernel"]
    if len(kernel) > 1 and options.on_command_line(context, "kernel"):
        raise ConfigError("--kernel takes one kernel here", next_step="run the experiment once for each")
    measured = options.measurement({**values, "kernel": kernel[:1]})
    given = {name: measured[name] for name in measured if name not in ("ids", "model")}
    taken = {name: "learner" if name == "model" else name for name in TASK}
    given |= {name: values[flag] for name, flag in taken.items() if flag in values}
    output.check_stdout(values["format_"], "experiment")
    files = output.requested(
        "experiment", documents=values["outputs"], reports=values["report"], plots=values["plot"]
    )
    source = values["source"]
    read = options.given(values["labels"], *inputs, values["config_file"])
    output.check_outputs(files, [source.partition("::")[0], *read])

    from specaudit import api

    found = experiment()(
        api.Task(source, **given),
        **arguments,
        command=command_line(context),
        progress=terminal.progress(quiet=values["quiet"], verbose=values["verbose"]),
    )
    rendering.write((found, file) for file in files)
    rendering.show(found, values["format_"], quiet=values["quiet"])


def numbers(flag: str, text: str, kind: type[Number], example: str) -> list[Number]:
    """Return the numbers that a flag's text holds, with commas between them.

    Raises
    ------
    ConfigError
        A part is no number of this kind.
    """
    found = []
    for part in text.split(","):
        try:
            found.append(kind(part))
        except ValueError:
            raise ConfigError(
                f"--{flag}: expected {'whole ' * (kind is int)}numbers with commas between, got {part.strip()!r}",
                next_step=f"for example --{flag} {example}",
            ) from None
    return found
