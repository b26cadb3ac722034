"""The options that several commands share, each spelled once, and what becomes of their values."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from specaudit import config
from specaudit.errors import ConfigError
from specaudit.report.formats import PICTURES

KERNELS = ["laplace", "linear"]  # the default of --kernel
MAX_ROWS = 16384
NEIGHBORS = 32
GRAPH_ROWS = 131072


def configure(context: typer.Context, file: Path | None) -> Path | None:
    """Make the file's and the environment's settings the defaults of the flags; `settings` returns the rest."""
    if not context.resilient_parsing:
        context.obj = config.load(Path.cwd(), os.environ, file)
        context.default_map = {key.replace("-", "_"): value for key, value in context.obj.flags.items()}
    return file


def settings(context: typer.Context) -> config.Settings:
    """Return what the configuration file and the environment give."""
    return context.obj if isinstance(context.obj, config.Settings) else config.Settings()


Kernels = Annotated[
    list[str],
    typer.Option("--kernel", metavar="NAME", help=f"Repeatable; the first is primary: {', '.join(config.KERNELS)}."),
]
Bandwidth = Annotated[
    float | None, typer.Option(metavar="LENGTH", help="Length scale; by default from the rows' distances.")
]
Normalized = Annotated[str, typer.Option(metavar="none|l2", help="Scale every row to length 1 (l2).")]
Centered = Annotated[
    bool, typer.Option("--centered/--no-centered", help="Subtract the mean row under the linear kernel.")
]
Model = Annotated[str | None, typer.Option(metavar="NAME", help="The embedding model, to be kept in the document.")]
Ids = Annotated[str | None, typer.Option(metavar="FILE", help="Names of the rows: a file, or a column of a table.")]
Groups = Annotated[
    str | None,
    typer.Option(
        metavar="FILE|COLUMN",
        help="Groups of the rows, in a file or a column of a table: the kept share of each is told.",
    ),
]
Dtype = Annotated[str | None, typer.Option(metavar="TYPE", help="Number type of a raw file, e.g. float32.")]
Shape = Annotated[
    str | None, typer.Option(metavar="ROWS,DIMS", help="Shape of a raw file; -1 rows are as many as it holds.")
]
Column = Annotated[str | None, typer.Option(metavar="NAME", help="Column of a table that holds the rows.")]
DropBadRows = Annotated[
    bool,
    typer.Option("--drop-bad-rows/--no-drop-bad-rows", help="Drop rows with NaN or infinity instead of failing."),
]
Seed = Annotated[int, typer.Option(metavar="N", help="Keys the sample and the probes.")]
SeedOrDefault = Annotated[
    int | None, typer.Option("--seed", metavar="N", help="Keys the sample and the probes: 0, or the baseline's.")
]
Threads = Annotated[int | None, typer.Option(metavar="N", help="By default all cores that may be used.")]
MaxRows = Annotated[int, typer.Option(metavar="N", help="Rows of the dense kernel matrix; more are sampled.")]
OperatorName = Annotated[
    str,
    typer.Option(
        "--operator",
        metavar="|".join(config.OPERATORS),
        help="Dense kernel matrix or calibrated kernel graph; auto takes the graph above --max-rows.",
    ),
]
Landmarks = Annotated[
    int | None, typer.Option(metavar="N", help="Of the kernel graph; by default one for 64 rows, at most 2,048.")
]
Neighbors = Annotated[int, typer.Option(metavar="N", help="Of each row in the kernel graph.")]
GraphRows = Annotated[int, typer.Option(metavar="N", help="Rows of the kernel graph; more are sampled.")]
IndexName = Annotated[
    str,
    typer.Option(
        "--index",
        metavar="|".join(config.INDEXES),
        help="How nearest rows are searched; auto is exact while that is affordable, then ivf, of all rows.",
    ),
]
MaxMemory = Annotated[
    str | None, typer.Option(metavar="SIZE", help="Such as 4G or 800M; by default what the machine has.")
]
Workers = Annotated[
    int | None, typer.Option("--workers", metavar="N", help="Processes of this machine that read the rows (Dask).")
]
Dask = Annotated[
    str | None,
    typer.Option("--dask", metavar="ADDRESS", help="Dask scheduler whose workers read the rows, as tcp://host:8786."),
]

Plots = Annotated[
    list[str] | None,
    typer.Option("--plot", metavar="FILE", help=f"Write the figure: {', '.join(PICTURES)}. Repeatable."),
]
Reports = Annotated[
    list[str] | None,
    typer.Option("--report", metavar="FILE.html", help="Write the report, one page on its own. Repeatable."),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", callback=configure, is_eager=True, help="Read settings from here."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say rows, bytes, peak memory and time; do no work.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Only the finding: no details, no progress.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Times of the stages; tracebacks of internal errors.")]

Margin = Annotated[
    list[str] | None,
    typer.Option(metavar="GATE[.KERNEL]=VALUE", help="Margin of a gate, such as capacity.linear=0.05. Repeatable."),
]
MaxDrop = Annotated[
    float | None, typer.Option(metavar="SHARE", help="Fail if AFTER lacks more than this share of the rows.")
]
MinRows = Annotated[int | None, typer.Option(metavar="N", help="Fail if AFTER has fewer different rows.")]
Enable = Annotated[
    list[str] | None,
    typer.Option(metavar="GATE", help=f"Let a gate decide that else reports: {', '.join(config.OPTIONAL_GATES)}."),
]
Waive = Annotated[
    list[str] | None,
    typer.Option(metavar="GATE=REASON", help="Do not count a gate in this run; the reason is shown. Repeatable."),
]
OnInconclusive = Annotated[
    str, typer.Option(metavar="fail|pass", help="Exit 3 (fail) or 0 (pass) where a gate cannot decide.")
]


ExitZero = Annotated[bool, typer.Option("--exit-zero", help="Exit 0 instead of 1 or 3; 2 stays.")]


def output_option(suffixes: str) -> Any:
    """Return the option -o of a command whose documents have these suffixes."""
    return typer.Option(
        "-o", "--output", metavar="[FORMAT=]FILE", help=f"Write the document: {suffixes}. Repeatable."
    )


def format_option(names: tuple[str, ...]) -> Any:
    """Return the option --format of a command whose standard output has these formats."""
    return typer.Option("--format", metavar="|".join(names), help="What stdout gets.")


def measurement(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the API's arguments that say what is measured and how, checked, from a command's parameters."""
    plain = ("ids", "dtype", "column", "centered", "model", "drop_bad_rows")
    by_rule = ("bandwidth", "normalize", "seed", "threads", "max_rows", "max_memory")
    return {
        **{name: values[name] for name in plain},
        **{name: checked(name.replace("_", "-"), values[name]) for name in by_rule},
        "shape": raw_shape(values["shape"]),
        "kernels": checked("kernel", values["kernel"]),
    }


def graph(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the API's arguments about the kernel graph and the search for neighbours, checked."""
    names = ("operator", "landmarks", "neighbors", "graph_rows", "index")
    return {name: checked(name.replace("_", "-"), values[name]) for name in names}


def engine(context: typer.Context) -> dict[str, Any]:
    """Return the API's arguments that say who reads the rows; a flag takes the place of a setting of the other."""
    found = {name: checked(name, context.params[name]) for name in ("workers", "dask")}
    flags = [name for name in found if on_command_line(context, name)]
    return {name: value if len(flags) != 1 or name in flags else None for name, value in found.items()}


def checked(key: str, value: object) -> Any:
    """Return the value of the flag of that name by the rules of the setting; None stays None."""
    return None if value is None else config.read(key, value, f"--{key}")


def given(*values: str | Path | None) -> list[str]:
    """Return the values that are not None, as text."""
    return [str(value) for value in values if value is not None]


def on_command_line(context: typer.Context, parameter: str) -> bool:
    """Tell whether the parameter was given as a flag."""
    source = context.get_parameter_source(parameter)
    return source is not None and source.name == "COMMANDLINE"


def by_default(context: typer.Context, parameter: str) -> bool:
    """Tell whether neither a flag nor a setting gave the parameter."""
    source = context.get_parameter_source(parameter)
    return source is None or source.name == "DEFAULT"


def raw_shape(text: str | None) -> tuple[int, int] | None:
    """Return what --shape says, checked."""
    if text is None:
        return None
    found = re.fullmatch(r"\s*(-1|\d+)\s*,\s*(\d+)\s*", text, re.ASCII)
    if found is None:
        raise ConfigError(f"--shape: expected ROWS,DIMS, got {text!r}", next_step="for example --shape 8000,384")
    return int(found[1]), int(found[2])
