"""The program: its commands, and the one place where exceptions become exit codes."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Annotated

import typer

from specaudit.cli.compare import compare
from specaudit.cli.demo import demo
from specaudit.cli.experiment import experiment
from specaudit.cli.explain import explain
from specaudit.cli.fit import fit
from specaudit.cli.frontier import frontier
from specaudit.cli.headroom import headroom
from specaudit.cli.prune import prune
from specaudit.cli.sample import sample
from specaudit.cli.scan import scan
from specaudit.cli.schema import schema
from specaudit.cli.show import show
from specaudit.cli.signals import Stopped
from specaudit.cli.simulate import simulate
from specaudit.cli.span import span
from specaudit.cli.terminal import discard_stdout, emit, note, open_streams
from specaudit.errors import ExitCode, SpecauditError, UnresolvedError
from specaudit.version import __version__

COMMANDS: dict[str, Callable[..., None]] = {
    "fit": fit,
    "compare": compare,
    "prune": prune,
    "span": span,
    "frontier": frontier,
    "scan": scan,
    "sample": sample,
    "simulate": simulate,
    "headroom": headroom,
    "show": show,
    "explain": explain,
    "schema": schema,
    "demo": demo,
}

GROUPS: dict[str, typer.Typer] = {"experiment": experiment}
"""Commands that have commands of their own."""

INTERNAL = "internal error"
LONGEST = 200  # characters of what an unexpected exception says
LONGEST_MESSAGE = 600

_UsageError: type[BaseException] | None = typer.BadParameter.__base__  # which typer does not export


def _version(wanted: bool) -> None:
    if wanted:
        emit(f"specaudit {__version__}\n")
        raise typer.Exit


def _program(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Audit the spectral tail of a data set's embeddings."""


def _build() -> typer.Typer:
    app = typer.Typer(
        name="specaudit",
        rich_markup_mode=None,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_program)
    for name, command in COMMANDS.items():
        app.command(name)(command)
    for name, group in GROUPS.items():
        app.add_typer(group, name=name)
    return app


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program on ``argv`` (default: the process's arguments) and return its exit code.

    Every failure is one line on stderr, or a ``specaudit.error/1`` document on stdout where the arguments ask
    for ``--format json``; a traceback appears only under ``-v``.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    open_streams()
    try:
        command = typer.main.get_command(_build())
        code = command.main(arguments, prog_name="specaudit", standalone_mode=False)
        sys.stdout.flush()
        return ExitCode(code or 0)
    except BrokenPipeError:  # who read our output has gone; there is no one to tell
        discard_stdout()
        return ExitCode.ERROR
    except (KeyboardInterrupt, typer.Abort):
        return ExitCode.INTERRUPTED
    except Stopped as stopped:
        return ExitCode(128 + stopped.number)
    except UnresolvedError as error:
        note(f"{error.problem}\n  next: {error.next_step}")
        return ExitCode.INCONCLUSIVE
    except Exception as error:
        problem, next_step = _told(error)
        if problem.startswith(INTERNAL) and {"-v", "--verbose"} & set(arguments):
            traceback.print_exc()
        return _fail(problem, next_step, as_json=_wants_json(arguments))


def _told(error: Exception) -> tuple[str, str]:
    """Return what is wrong and what to do next."""
    if isinstance(error, SpecauditError):
        return error.problem, error.next_step
    if _UsageError is not None and isinstance(error, _UsageError):
        context = getattr(error, "ctx", None)
        path = context.command_path if context else "specaudit"
        return getattr(error, "format_message", error.__str__)(), f"{path} --help"
    if isinstance(error, MemoryError):
        return "out of memory", "lower --max-rows or --max-memory, or use a machine with more memory"
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}", "check the file, its permissions and the space left"
    first = str(error).partition("\n")[0][:LONGEST]
    return f"{INTERNAL}: {type(error).__name__}: {first} (run with -v for the traceback)", ""


def _fail(problem: str, next_step: str, *, as_json: bool) -> ExitCode:
    problem, next_step = one_line(problem), one_line(next_step)
    if not as_json:
        note(f"error: {problem}" + (f"\n  next: {next_step}" if next_step else ""))
        return ExitCode.ERROR
    from specaudit.documents import ErrorDocument, to_json

    document = ErrorDocument(error=problem, next_step=next_step, exit_code=ExitCode.ERROR)
    try:
        emit(to_json(document), exact=True)
    except OSError:  # it cannot be told; the code still says it
        discard_stdout()
    return ExitCode.ERROR


def one_line(text: str) -> str:
    """Return a message on one printable line of a bounded length."""
    from specaudit.embeddings.display import shown  # whose package imports numpy, which help shall not

    return shown(" ".join(text.split()), LONGEST_MESSAGE)


def _wants_json(arguments: list[str]) -> bool:
    """Tell whether JSON was asked for, even where the arguments could not be parsed."""
    return "--format=json" in arguments or ("--format", "json") in pairwise(arguments)
