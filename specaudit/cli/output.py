"""Files that a run writes: checked before the work, written after it, each in one step or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from specaudit.cli.rows import LEVERAGE_FORMATS, ROW_FORMATS
from specaudit.cli.signals import deferred, raised
from specaudit.errors import ConfigError, InputError
from specaudit.report.formats import GATE_FORMATS, PICTURES, RENDERED, SUFFIXES, Subject, stdout_formats
from specaudit.writing import Content, is_device, staged, target_of

Kind = Literal["document", "plot", "rows", "leverage", "weights"]

PAGE = "html"
LIST = "list of rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A file to write, what it shows, and the format it gets."""

    path: Path
    kind: Kind
    format: str


def requested(
    subject: Subject,
    *,
    documents: Sequence[str] | None = None,
    reports: Sequence[str] | None = None,
    plots: Sequence[str] | None = None,
    rows: Sequence[str] | None = None,
) -> list[Output]:
    """Return the files that the flags -o, --report, --plot and --save-rows name.

    Raises
    ------
    ConfigError
        A file has no format that the subject can be rendered in.
    """
    files = [document_output(text, subject) for text in documents or ()]
    files += [report_output(text, subject) for text in reports or ()]
    files += [picture_output(text) for text in plots or ()]
    return files + [data_output("--save-rows", text, "rows", ROW_FORMATS, what=LIST) for text in rows or ()]


def document_output(text: str, subject: Subject) -> Output:
    """Return the output that ``[FORMAT=]FILE`` names.

    Raises
    ------
    ConfigError
        The format is unknown, or none is given and the suffix tells none.
    """
    name, mark, file = text.partition("=")
    if mark and re.fullmatch(r"[A-Za-z]+", name):
        path = Path(file)
    else:
        path = Path(text)
        name = SUFFIXES.get(path.suffix.lower(), "")
    if not name:
        raise ConfigError(
            f"--output {text}: no format is known for the suffix {path.suffix!r}",
            next_step=f"use {suffixes(subject)}, or FORMAT=FILE with one of {', '.join(RENDERED[subject].formats)}",
        )
    check_format(name, f"--output {text}", subject)
    return Output(path=path, kind="document", format=name)


def suffixes(subject: Subject) -> str:
    """Return the suffixes that stand for a format, for people."""
    return ", ".join(suffix for suffix, name in SUFFIXES.items() if name in RENDERED[subject].formats)


def report_output(text: str, subject: Subject) -> Output:
    """Return the page that ``text`` names."""
    check_format(PAGE, f"--report {text}", subject)
    if SUFFIXES.get(Path(text).suffix.lower()) != PAGE:
        raise ConfigError(f"--report {text}: not a page", next_step="use .html")
    return Output(path=Path(text), kind="document", format=PAGE)


def data_output(flag: str, text: str, kind: Kind, formats: Mapping[str, object], *, what: str) -> Output:
    """Return the file of data that ``text`` names after ``flag``; its suffix is a key of ``formats``."""
    suffix = Path(text).suffix.lower()
    if suffix not in formats:
        raise ConfigError(f"{flag} {text}: not a {what}", next_step=f"use {', '.join(formats)}")
    return Output(path=Path(text), kind=kind, format=suffix)


def leverage_output(text: str, sources: Sequence[str]) -> Output:
    """Return the file of leverages that ``text`` names, by its suffix; the source is read again for it."""
    if "-" in sources:
        raise ConfigError(
            "--save-leverage cannot read a stream again", next_step="save the embeddings to a file first"
        )
    return data_output("--save-leverage", text, "leverage", LEVERAGE_FORMATS, what="list")


def baseline_output(text: str) -> Output:
    """Return the baseline that ``text`` names; compare knows it by its suffix."""
    if Path(text).suffix.lower() != ".json":
        raise ConfigError(f"--baseline {text}: not a document", next_step="use .json")
    return Output(path=Path(text), kind="document", format="json")


def sample_output(baseline: Output) -> Output:
    """Return the file of sampled rows beside a baseline."""
    return Output(path=baseline.path.with_suffix(".sample.npy"), kind="rows", format=".npy")


def picture_output(text: str) -> Output:
    """Return the picture that ``text`` names, by its suffix."""
    suffix = Path(text).suffix.lower()
    if suffix not in PICTURES:
        raise ConfigError(f"--plot {text}: not a picture", next_step=f"use {', '.join(PICTURES)}")
    return Output(path=Path(text), kind="plot", format=suffix[1:])


def check_format(name: str, where: str, subject: Subject) -> None:
    """Raise ConfigError unless the subject can be rendered in the format ``name``."""
    known = RENDERED[subject].formats
    if name in known:
        return
    problem = f"unknown format {name!r}"
    if name in GATE_FORMATS and subject == "fit":
        problem = f"{name} reports gates, and fit has none"
    raise ConfigError(f"{where}: {problem}", next_step=f"use {', '.join(known)}")


def check_stdout(name: str, subject: Subject, *, dry_run: bool = False) -> None:
    """Raise ConfigError unless standard output can get the format ``name``; of a dry run only text."""
    check_format(name, "--format", subject)
    if dry_run and name != "text":
        raise ConfigError("--dry-run says its plan as text", next_step=f"drop --format {name}")
    if name not in stdout_formats(subject):
        raise ConfigError(f"--format {name}: only a file can be {name}", next_step=f"use -o FILE.{name}")


def check_outputs(outputs: Sequence[Output], inputs: Iterable[str]) -> None:
    """Raise before the work what would fail after it.

    Raises
    ------
    ConfigError
        Two outputs are one file, or an output is an input.
    InputError
        A directory is missing or cannot be written.
    """
    taken = {os.path.realpath(name): "an input" for name in inputs}
    for output in outputs:
        real = target_of(output.path)
        if real in taken and not is_device(real):
            raise ConfigError(f"{output.path} is also {taken[real]}", next_step="write to another file")
        taken[real] = "the file of another output"
        folder = os.path.dirname(real)
        if os.path.isdir(real):
            raise InputError(f"{output.path} is a directory", next_step="name a file in it")
        if not os.path.isdir(folder):
            raise InputError(f"{output.path}: its directory does not exist", next_step="create it first")
        if not os.access(real if is_device(real) else folder, os.W_OK):
            raise InputError(f"{output.path}: its directory cannot be written", next_step="check its permissions")


def write_all(contents: Sequence[tuple[Path, Content]]) -> None:
    """Write every file, or none, also where a signal ends the run.

    Raises
    ------
    InputError
        A file cannot be written; every earlier version is intact.
    """
    with raised(), staged(contents) as publish, deferred():
        publish()
