"""The grammar of a source: file, URL, ``FILE::member``, directory, glob, ``@list`` or ``-``, resolved to parts."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path

from specaudit.embeddings.display import quoted, shown
from specaudit.embeddings.files import Place, natural, open_file, text_lines
from specaudit.embeddings.huggingface import only_split, saved_files
from specaudit.embeddings.remote import WEB, Remote, is_there, is_url, listed, matched, public_name
from specaudit.errors import InputError

STDIN, GZIP = "-", ".gz"
ZARR = ".zarr"  # a format whose files are directories
PARTITION = re.compile(r"[^=/._][^=/]*=[^/]*")  # a folder key=value, as Hive and Spark write them


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
        Nothing is there: an empty list or directory, a glob without a match.
    """
    if source == STDIN:
        return (Part(path=Path(STDIN), label="stdin", suffix=STDIN),)
    if not source:
        raise InputError("the name of the embeddings is empty", next_step="name a file, directory or glob")
    if is_url(source):
        return _resolve_url(source, known, refused)
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
    name = os.fsdecode(source)
    shown_name = public_name(name)
    suffix = Path(shown_name).suffix.lower()
    part = Part(path=Remote(url=name) if is_url(name) else Path(name), label=shown_name, suffix=suffix)
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


def _url_part(url: str) -> Part:
    name, mark, member = url.rpartition("::")
    name = name if mark else url
    label = public_name(name)
    return Part(
        path=Remote(url=name), label=f"{label}{mark}{member}" if mark else label, member=member if mark else None,
        suffix=_suffix(label),
    )  # fmt: skip


def _resolve_url(
    source: str, known: Collection[str], refused: Collection[str], *, split: bool = False
) -> tuple[Part, ...]:
    part, label = _url_part(source), public_name(source)
    if source.lower().startswith(WEB):  # web servers do not list files
        return (part,)
    if has_magic(source) and not is_there(source.rpartition("::")[0] or source, label):
        urls = _visible(matched(source, label))
        if not urls:
            signed = "name a signed address by https://" if label != source else "check the pattern and its quotes"
            raise InputError(f"{shown(label)}: no file matches", next_step=signed)
        return tuple(_url_part(url) for url in urls)
    if part.suffix == ZARR:
        return (_url_part(source.rstrip("/")),)
    if not source.endswith("/") and (part.suffix in known or part.suffix in refused or part.member is not None):
        return (part,)
    found = listed(source, label)
    if found is None:
        return (part,)
    url, names = found
    names = [name for name in names if all(PARTITION.fullmatch(folder) for folder in name.split("/")[:-1])]

    def place(name: str) -> Remote:
        return Remote(url=f"{url}/{name}")

    if (folder := only_split(source, names, place, split)) is not None:
        return _resolve_url(f"{url}/{folder}", known, refused, split=True)
    names = saved_files(source, names, place) or _visible(names)
    return _of_one_kind(source, [_url_part(f"{url}/{name}") for name in names], known, refused)


def _directory(
    source: str, known: Collection[str], refused: Collection[str], *, split: bool = False
) -> tuple[Part, ...]:
    itself = _part(source.rstrip("/" + os.sep))
    if itself.suffix == ZARR:
        return (itself,)
    try:
        names = list(_files_below(source))
    except OSError as error:
        raise InputError(
            f"{shown(source)}: the directory cannot be read: {error.strerror}",
            next_step="make it readable for this user",
        ) from None
    if (folder := only_split(source, names, Path(source).joinpath, split)) is not None:
        return _directory(os.path.join(source, folder), known, refused, split=True)
    names = saved_files(source, names, Path(source).joinpath) or _visible(names)
    return _of_one_kind(source, [_part(os.path.join(source, name)) for name in names], known, refused)


def _files_below(folder: str) -> Iterator[str]:
    """Yield the names of the files in a folder and in its partitions, relative to it."""
    for entry in os.scandir(folder):
        if entry.is_file() or _suffix(entry.name) == ZARR:
            yield entry.name
        elif PARTITION.fullmatch(entry.name) and entry.is_dir():
            yield from (os.path.join(entry.name, name) for name in _files_below(entry.path))


def _of_one_kind(
    source: str, files: Sequence[Part], known: Collection[str], refused: Collection[str]
) -> tuple[Part, ...]:
    """Return those files of a directory whose suffix is known, which must be the same for all."""
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
    names = [name for name in _visible(glob(source, recursive=True)) if not _is_plain_directory(name)]
    if not names:
        raise InputError(f"{shown(source)}: no file matches", next_step="check the pattern and its quotes")
    return tuple(_part(name) for name in names)


def _is_plain_directory(name: str) -> bool:
    return os.path.isdir(name) and _suffix(name) != ZARR


def _list(source: str) -> tuple[Part, ...]:
    name, label = source[1:], public_name(source)
    remote = is_url(name)
    parts = []
    for number, line in text_lines(Remote(url=name) if remote else Path(name), label):
        entry = line.strip()
        if not entry:
            continue
        if remote and not is_url(entry):
            entry = f"{public_name(name).rpartition('/')[0]}/{entry}"
        part = _url_part(entry) if is_url(entry) else _part(entry, Path(name).parent)
        there = part.suffix == ZARR or not isinstance(part.path, Path) or _is(os.path.isfile, str(part.path))
        if not there:
            raise InputError(
                f"{shown(label)} line {number}: no such file: {quoted(entry, 120)}",
                next_step="name one file per line, relative to the list",
            )
        parts.append(part)
    if not parts:
        raise InputError(f"{shown(label)}: the list names no file", next_step="name one file per line")
    return tuple(parts)
