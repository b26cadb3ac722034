"""The grammar of a source: file, ``FILE::member``, directory, glob, ``@list`` or ``-``, resolved to parts.

A URL, or a member of another container, enters here: ``resolve`` gives it a ``Part``, the registry in
``formats`` a reader.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path

from specaudit.embeddings.display import quoted, shown
from specaudit.embeddings.files import Place, open_file, text_lines
from specaudit.errors import InputError

STDIN, GZIP = "-", ".gz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One file, or one member of a file, that holds rows."""

    path: Place
    label: str  # how errors name it: as the user wrote it, with its folder
    member: str | None = None
    suffix: str  # key of its reader, lower case; "-" is standard input


def resolve(source: str, known: Collection[str], refused: Collection[str] = ()) -> tuple[Part, ...]:
    """Return the parts of ``source`` in natural order; a directory is searched for the ``known`` suffixes.

    If it has none of them, but ``refused`` ones, these are returned, so that their reader can say why.

    Raises
    ------
    InputError
        Nothing is there: an empty list or directory, a glob without a match, a URL.
    """
    if source == STDIN:
        return (Part(path=Path(STDIN), label="stdin", suffix=STDIN),)
    if not source:
        raise InputError("the name of the embeddings is empty", next_step="name a file, directory or glob")
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", source):
        raise InputError(
            f"{shown(source)}: URLs are not supported yet by this version",
            next_step="download the file first",
        )
    if _is(os.path.isdir, source):
        return _directory(source, known, refused)
    if source.startswith("@"):
        return _list(source)
    if has_magic(source) and not _is(os.path.lexists, source):
        return _glob(source)
    return (_part(source),)


def single_file(source: str | os.PathLike[str], suffixes: Collection[str], what: str) -> Part:
    """Return the one file of a source that is no embeddings but ``what``, such as ids.

    Raises
    ------
    InputError
        It has none of the ``suffixes``, or it is not there.
    """
    path = Path(source)
    part = Part(path=path, label=os.fsdecode(source), suffix=path.suffix.lower())
    if part.suffix in suffixes:
        return part
    open_file(part.path, part.label).close()  # a missing file is the likelier mistake
    raise InputError(
        f"{shown(part.label)}: {what} cannot be read from suffix {quoted(part.suffix)}",
        next_step=f"use one of {', '.join(suffixes)}",
    )


def unpacked_suffix(suffix: str) -> str:
    """Return the suffix that a file has once it is unpacked."""
    return suffix.removesuffix(GZIP)


def natural(name: str) -> list[tuple[int, str]]:
    """Return the sorting key under which ``part-2`` comes before ``part-10``."""
    return [(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in re.split(r"(\d+)", name)]


def _is(test: object, name: str) -> bool:
    """Return what a test of ``os.path`` says, false for names that no file can have."""
    try:
        return bool(test(name))  # type: ignore[operator]
    except (OSError, ValueError):
        return False


def _part(source: str, folder: Path = Path()) -> Part:
    name, mark, member = source.rpartition("::")
    if not mark or not name or _is(os.path.lexists, str(folder / source)):
        name, member = source, ""
    return Part(
        path=folder / name, label=source, member=member if mark and name != source else None,
        suffix=_suffix(name),
    )  # fmt: skip


def _suffix(name: str) -> str:
    """Return the suffix of a file, that of a packed one with what it packs, such as ``.csv.gz``."""
    suffixes = Path(name.lower()).suffixes
    return "".join(suffixes[-2:] if suffixes[-1:] == [GZIP] else suffixes[-1:])


def _visible(names: Iterable[str]) -> list[str]:
    """Return the names in natural order without those that writers use for their own notes."""
    return sorted((n for n in names if not os.path.basename(n).startswith((".", "_"))), key=natural)


def _directory(source: str, known: Collection[str], refused: Collection[str]) -> tuple[Part, ...]:
    itself = _part(source.rstrip("/" + os.sep))
    if itself.suffix in refused:  # a format that is a directory
        return (itself,)
    try:
        names = _visible(entry.name for entry in os.scandir(source) if entry.is_file())
    except OSError as error:
        raise InputError(
            f"{shown(source)}: the directory cannot be read: {error.strerror}",
            next_step="make it readable for this user",
        ) from None
    files = [_part(os.path.join(source, name)) for name in names]
    parts = [part for part in files if part.suffix in known]
    parts = parts or [part for part in files if part.suffix in refused]
    suffixes = sorted({part.suffix for part in parts})
    if not parts:
        plain = {unpacked_suffix(suffix) for suffix in known}
        raise InputError(
            f"{shown(source)}: the directory holds no file ending in {', '.join(sorted(plain))}",
            next_step="name the files by a glob or an @list",
        )
    if len(suffixes) > 1:
        raise InputError(
            f"{shown(source)}: the directory holds files of several formats ({', '.join(suffixes)})",
            next_step=f"name one kind by a glob such as {quoted('*' + suffixes[0])}",
        )
    return tuple(parts)


def _glob(source: str) -> tuple[Part, ...]:
    names = [name for name in _visible(glob(source, recursive=True)) if not os.path.isdir(name)]
    if not names:
        raise InputError(f"{shown(source)}: no file matches", next_step="check the pattern and its quotes")
    return tuple(_part(name) for name in names)


def _list(source: str) -> tuple[Part, ...]:
    path = Path(source[1:])
    parts = []
    for number, line in text_lines(path, source):
        if not line.strip():
            continue
        part = _part(line.strip(), path.parent)
        if not _is(os.path.isfile, str(part.path)):
            raise InputError(
                f"{shown(source)} line {number}: no such file: {quoted(line.strip(), 120)}",
                next_step="name one file per line, relative to the list",
            )
        parts.append(part)
    if not parts:
        raise InputError(f"{shown(source)}: the list names no file", next_step="name one file per line")
    return tuple(parts)
