"""Files of any size: opened, read at a position and spooled, every failure one clear line."""

from __future__ import annotations

import errno
import io
import os
import re
import shutil
import stat
import tempfile
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from specaudit.embeddings.display import shown
from specaudit.errors import InputError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class Ranged(io.RawIOBase):
    """A file without a descriptor, read by ranges: it has its own position as any file has."""

    def __init__(self, size: int, version: object) -> None:
        super().__init__()
        self.size = size  # bytes
        self.version = version  # differs once the content differs
        self.position = 0

    @abstractmethod
    def read_range(self, into: memoryview, position: int) -> int:
        """Fill ``into``, or its beginning, from ``position`` on, and return how many bytes were there."""

    def readable(self) -> bool:  # noqa: D102
        return True

    def seekable(self) -> bool:  # noqa: D102
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:  # noqa: D102
        self.position = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self.position, os.SEEK_END: self.size}[whence]
        return self.position

    def tell(self) -> int:  # noqa: D102
        return self.position

    def readinto(self, buffer: WriteableBuffer) -> int:  # noqa: D102
        count = self.read_range(memoryview(buffer).cast("B"), self.position)
        self.position += count
        return count


class Opener(Protocol):
    """A place that is no path of this machine."""

    def open(self, label: str) -> Ranged: ...  # noqa: D102


File = io.FileIO | BinaryIO | Ranged
Place = Path | Opener
Again = Callable[[], io.FileIO | Ranged]
CHUNK = 1 << 20  # bytes copied at a time into a spool
LONGEST_LINE = 16 << 20  # bytes; a binary file taken for text must not end up in memory as one line
LARGEST_RATIO = 100  # numbers pack to a tenth at best; a file made to fill the disk packs to a thousandth
ALWAYS_ALLOWED = 64 << 20  # bytes


def natural(name: str) -> list[tuple[int, str]]:
    """Return the sorting key under which ``part-2`` comes before ``part-10``."""
    return [(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in re.split(r"(\d+)", name)]


def open_file(path: Place, label: str) -> io.FileIO | Ranged:
    """Return ``path`` opened for unbuffered reading.

    Raises
    ------
    InputError
        The file is missing, empty, not a regular file, or may not be read.
    """
    name = shown(label)
    if not isinstance(path, Path):
        return path.open(label)
    try:
        status = os.stat(path)
        if stat.S_ISREG(status.st_mode):
            if status.st_size == 0:
                raise InputError(f"{name}: the file is empty", next_step="write the file again")
            return io.FileIO(path)
    except FileNotFoundError:
        raise InputError(f"{name}: no such file", next_step="check the path") from None
    except PermissionError:
        raise InputError(f"{name}: permission denied", next_step="make the file readable for this user") from None
    except ValueError:  # a zero byte in the name
        raise InputError(f"{name}: not a valid file name", next_step="check the path") from None
    except OSError as error:
        raise InputError(f"{name}: cannot be opened: {error.strerror}", next_step="check the path") from None
    kind = "a directory" if stat.S_ISDIR(status.st_mode) else "not a regular file"
    raise InputError(f"{name}: is {kind}, expected a file", next_step="name a file, or pipe a .npy into '-'")


def file_size(file: File) -> int:
    """Return the size of an open file in bytes."""
    return file.size if isinstance(file, Ranged) else os.fstat(file.fileno()).st_size


def reopening(file: File, path: Place, label: str) -> Again:
    """Return what opens ``path``, now open as ``file``, again, and raises an ``InputError`` if it changed since."""
    version = _version(file)

    def again() -> io.FileIO | Ranged:
        opened = open_file(path, label)
        if _version(opened) != version:
            opened.close()
            raise InputError(
                f"{shown(label)}: changed since it was first read", next_step="run again when nothing writes to it"
            )
        return opened

    return again


def _version(file: File) -> object:
    if isinstance(file, Ranged):
        return file.version
    status = os.fstat(file.fileno())
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def expect_size(label: str, got: int, expected: int, what: str) -> None:
    """Raise an ``InputError`` unless a file holds exactly the bytes that ``what`` asks for."""
    if got < expected:
        raise InputError(
            f"{shown(label)}: truncated: {what} needs {expected:,} bytes, got {got:,}",
            next_step="write or copy the file again",
        )
    if got > expected:
        raise InputError(
            f"{shown(label)}: trailing bytes: {what} needs {expected:,} bytes, got {got:,}",
            next_step="write the file again, or correct the shape and dtype",
        )


def read_at(file: File, into: memoryview, position: int, label: str) -> None:
    """Fill ``into`` (bytes) from ``position`` of the file; the position of the file itself is not used.

    Raises
    ------
    InputError
        The file ends early (it shrank since it was opened) or the read fails.
    """
    done = 0
    try:
        while done < len(into):
            if isinstance(file, Ranged):
                count = file.read_range(into[done:], position + done)
            elif hasattr(os, "preadv"):  # safe when several threads share a spool
                count = os.preadv(file.fileno(), [into[done:]], position + done)
            else:
                file.seek(position + done)
                count = file.readinto(into[done:]) or 0  # type: ignore[attr-defined]
            if count == 0:
                raise InputError(
                    f"{shown(label)}: ended early at byte {position + done:,}, while it was read",
                    next_step="run again when nothing writes to it",
                )
            done += count
    except OSError as error:
        raise InputError(
            f"{shown(label)}: cannot be read: {error.strerror}", next_step="check the disk, then run again"
        ) from None


def advise_sequential(file: File) -> None:
    """Ask the system for a longer read-ahead, where it knows how."""
    if hasattr(os, "posix_fadvise") and not isinstance(file, Ranged):
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)


@contextmanager
def spooling(label: str, size: int = 0) -> Iterator[BinaryIO]:
    """Yield a nameless temporary file to write to; it stays open unless writing fails.

    ``size`` is the number of bytes to come, where known: too little free space is an ``InputError`` before
    the first byte is written.
    """
    folder = tempfile.gettempdir()
    room = InputError(
        f"{shown(label)}: no room in the temporary directory to unpack it",
        next_step="set TMPDIR to a larger disk, or convert the file to an uncompressed .npy",
    )
    if size > shutil.disk_usage(folder).free:
        raise room
    spool = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - it outlives this function
    try:
        yield spool
        spool.flush()
    except BaseException as error:
        spool.close()
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise room from None
        if isinstance(error, OSError) and error.strerror:  # else it is a library's, of what it read
            raise InputError(f"{shown(label)}: cannot be copied: {error.strerror}") from None
        raise


def unpacked_budget(size: int) -> int:
    """Return the most bytes that ``size`` packed ones may unpack to."""
    return max(ALWAYS_ALLOWED, LARGEST_RATIO * size)


def too_large(label: str, budget: int) -> InputError:
    """Return the error of a file that unpacks to more than its budget."""
    return InputError(
        f"{shown(label)}: unpacks to more than {budget:,} bytes, and more than {LARGEST_RATIO} times its size",
        next_step="unpack it yourself if you trust it",
    )


def copy_exactly(read: Callable[[int], bytes], into: BinaryIO, size: int) -> int:
    """Copy up to ``size`` bytes block-wise and return how many there were."""
    done = 0
    while done < size and (chunk := read(min(CHUNK, size - done))):
        into.write(chunk)
        done += len(chunk)
    return done


def text_lines(path: Place, label: str) -> Iterator[tuple[int, str]]:
    """Yield ``(number from 1, line without its end)`` of a UTF-8 file, never the whole file in memory.

    Raises
    ------
    InputError
        As ``open_file``; a line is not UTF-8 or longer than 16 MiB.
    """
    with io.BufferedReader(open_file(path, label), CHUNK) as file:
        number = 0
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                raise InputError(
                    f"{shown(label)} line {number}: longer than {LONGEST_LINE >> 20} MiB",
                    next_step="check that it is a text file with one row per line",
                )
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise InputError(
                    f"{shown(label)} line {number}: not UTF-8 at byte {error.start + 1}",
                    next_step="convert the file to UTF-8",
                ) from None
            yield number, text.removesuffix("\n").removesuffix("\r")


def filled_lines(path: Place, label: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of ``text_lines``; only the end of the file may be blank.

    Raises
    ------
    InputError
        As ``text_lines``; a line before another one is blank.
    """
    blank = 0
    for number, line in text_lines(path, label):
        if not line.strip():
            blank = blank or number
            continue
        if blank:
            raise InputError(f"{shown(label)} line {blank}: blank line before another row", next_step="remove it")
        yield number, line
