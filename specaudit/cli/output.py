"""Files that a run writes: checked before the work, written after it, each in one step or not at all."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from specaudit.errors import ConfigError, InputError
from specaudit.report.formats import FORMATS, GATE_FORMATS, PICTURES, SUFFIXES


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A file to write, and the format it gets."""

    path: Path
    format: str


def document_output(text: str) -> Output:
    """Return the output that ``[FORMAT=]FILE`` names.

    Raises
    ------
    ConfigError
        The format is unknown, or none is given and the suffix tells none.
    """
    name, mark, file = text.partition("=")
    if mark and re.fullmatch(r"[A-Za-z]+", name):
        check_format(name, f"--output {text}")
        path = Path(file)
    else:
        path = Path(text)
        name = SUFFIXES.get(path.suffix.lower(), "")
    if not name:
        raise ConfigError(
            f"--output {text}: no format is known for the suffix {path.suffix!r}",
            next_step=f"use {', '.join(SUFFIXES)}, or FORMAT=FILE with one of {', '.join(FORMATS)}",
        )
    return Output(path=path, format=name)


def picture_output(text: str) -> Output:
    """Return the picture that ``text`` names, by its suffix."""
    suffix = Path(text).suffix.lower()
    if suffix not in PICTURES:
        raise ConfigError(f"--plot {text}: not a picture", next_step=f"use {', '.join(PICTURES)}")
    return Output(path=Path(text), format=suffix[1:])


def check_format(name: str, where: str) -> None:
    """Raise ConfigError unless a fit can be rendered in the format ``name``."""
    if name in GATE_FORMATS:
        raise ConfigError(f"{where}: {name} reports gates, and fit has none", next_step=f"use {', '.join(FORMATS)}")
    if name not in FORMATS:
        raise ConfigError(f"{where}: unknown format {name!r}", next_step=f"use {', '.join(FORMATS)}")


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
        real = os.path.realpath(output.path)
        if real in taken and not _is_device(real):
            raise ConfigError(f"{output.path} is also {taken[real]}", next_step="write to another file")
        taken[real] = "the file of another output"
        folder = os.path.dirname(real)
        if os.path.isdir(real):
            raise InputError(f"{output.path} is a directory", next_step="name a file in it")
        if not os.path.isdir(folder):
            raise InputError(f"{output.path}: its directory does not exist", next_step="create it first")
        if not os.access(real if _is_device(real) else folder, os.W_OK):
            raise InputError(f"{output.path}: its directory cannot be written", next_step="check its permissions")


def write_all(contents: Sequence[tuple[Path, bytes]]) -> None:
    """Write every file, or none: whole temporary files beside the targets first, then one rename each.

    Raises
    ------
    InputError
        A file cannot be written; every earlier version is intact.
    """
    pending: list[tuple[str, str]] = []
    path = Path()
    try:
        for number, (path, content) in enumerate(contents):
            real = os.path.realpath(path)
            if _is_device(real):
                Path(real).write_bytes(content)
                continue
            temporary = os.path.join(os.path.dirname(real), f".specaudit-{os.getpid()}-{number}.tmp")
            pending.append((temporary, real))
            # not tempfile: its files are private, and these get the user's usual permissions
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as file:
                file.write(content)
        while pending:
            os.replace(*pending[0])
            pending.pop(0)
    except OSError as error:
        raise InputError(
            f"{path}: cannot write: {error.strerror}", next_step="check the space left and the permissions"
        ) from error
    finally:
        for temporary, _ in pending:
            with suppress(OSError):
                os.unlink(temporary)


def _is_device(real: str) -> bool:
    """Tell whether the target is a device or a pipe, which is written to and never replaced."""
    try:
        mode = os.stat(real).st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)
