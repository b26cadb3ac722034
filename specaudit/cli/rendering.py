"""Documents as files and on standard output: which renderer makes what."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from specaudit.cli import terminal
from specaudit.cli.output import Output, write_all
from specaudit.cli.rows import KEPT_FORMATS, ROW_FORMATS, WEIGHT_FORMATS
from specaudit.report.formats import headline, picture, render

if TYPE_CHECKING:
    from specaudit.api import Plan
    from specaudit.documents import Comparison, Saved
    from specaudit.writing import Content

SUMMARY = "GITHUB_STEP_SUMMARY"
WORKSPACE = "GITHUB_WORKSPACE"


def write(contents: Iterable[tuple[Saved, Output]], data: Iterable[tuple[Path, Content]] = ()) -> None:
    """Write every document to its output, and the files of data, or none."""
    write_all([*data, *((output.path, _content(document, output)) for document, output in contents)])


def show(document: Saved, format_: str, *, quiet: bool = False, about: str | None = None) -> None:
    """Write the document to standard output; ``about`` is the file to which a pull request's remarks belong."""
    if format_ == "text" and quiet:
        terminal.emit(headline(document) + "\n")
        return
    if format_ == "github" and document.schema_ == "specaudit.compare/1":
        from specaudit.report.compare import github
        from specaudit.report.printable import printable

        terminal.emit(github.render(printable(document), file=about), exact=True)
        return
    text = render(document, format_, terminal.width(), terminal.colored(sys.stdout))
    terminal.emit(text, exact=format_ in ("json", "junit"))


def append_summary(comparison: Comparison) -> None:
    """Append the Markdown of the comparison to the summary of a GitHub job, where there is one.

    Nobody named that file on the command line, so that one which cannot be written is noted and no error.
    """
    path = os.environ.get(SUMMARY)
    if not path:
        return
    try:
        with Path(path).open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(render(comparison, "markdown", terminal.WIDTH, False) + "\n")
    except OSError as error:
        terminal.note(f"{SUMMARY} {path}: cannot append the summary: {error.strerror}")


def remarked_file(config_file: Path | None, document: str) -> str | None:
    """Return the file to which remarks on a pull request belong, named from the root of the repository.

    That is the configuration file in use, else the document (a baseline, say) where there is one.
    """
    path = config_file or (Path(document) if document.endswith(".json") else None)
    if path is None:
        return None
    relative = os.path.relpath(path, os.environ.get(WORKSPACE) or os.getcwd())
    return str(path) if relative.startswith(os.pardir) else Path(relative).as_posix()


def show_plan(plan: Plan, max_memory: int | None) -> None:
    """Write what a run would take to standard output, beside the bytes that it may use."""
    from specaudit.report.plan import render_plan

    terminal.emit(
        render_plan(
            rows=plan.rows,
            dimensions=plan.dimensions,
            size=plan.bytes,
            peak_memory=plan.peak_memory,
            stages=plan.stages,
            seconds=plan.seconds,
            worker_memory=plan.worker_memory,
            max_memory=max_memory,
        )
    )


def _content(document: Saved, output: Output) -> Content:
    if output.kind == "plot":
        return picture(document, output.format)
    if output.kind == "rows" and document.schema_ == "specaudit.compare/1":
        return ROW_FORMATS[output.format](document.rows.removed_all)
    if document.schema_ == "specaudit.frontier/1" and output.kind == "weights":
        return WEIGHT_FORMATS[output.format](document)
    if document.schema_ == "specaudit.prune/1" and output.kind in ("rows", "weights"):
        return (KEPT_FORMATS if output.kind == "rows" else WEIGHT_FORMATS)[output.format](document)
    return render(document, output.format, terminal.WIDTH, False).encode("utf-8", "backslashreplace")
