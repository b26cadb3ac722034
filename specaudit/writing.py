"""Files that appear whole or not at all, also where other runs write to the same place."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from specaudit.errors import InputError

Content = bytes | Iterable[bytes]
"""What a file holds, whole or part after part."""


def write_files(contents: Sequence[tuple[Path, Content]]) -> None:
    """Write every file, or none.

    Raises
    ------
    InputError
        A file cannot be written; every earlier version is intact.
    """
    with staged(contents) as publish:
        publish()


@contextmanager
def staged(contents: Sequence[tuple[Path, Content]]) -> Iterator[Callable[[], None]]:
    """Yield what puts whole temporary files, written beside the targets, in their place by one rename each.

    At the end those are removed that are not in their place. Devices and pipes are written to at once.

    Raises
    ------
    InputError
        A file cannot be written; every earlier version is intact.
    """
    pending: list[tuple[str, str]] = []
    path = Path()

    def publish() -> None:
        while pending:
            os.replace(*pending[0])
            pending.pop(0)

    try:
        for path, content in contents:
            real = target_of(path)
            if is_device(real):
                with open(real, "wb") as file:
                    file.writelines(_parts(content))
                continue
            # Never the name of another run: one of the same process number may have left it on a shared disk.
            temporary = os.path.join(os.path.dirname(real), f".specaudit-{secrets.token_hex(8)}.tmp")
            pending.append((temporary, real))
            try:
                # Not tempfile: its files are private, and these get the user's usual permissions.
                number = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            except FileExistsError:
                pending.pop()  # it is not ours
                raise
            with os.fdopen(number, "wb") as file:
                file.writelines(_parts(content))
                file.flush()
                os.fsync(file.fileno())  # some disks are found to be full only now
        yield publish
    except OSError as error:
        raise InputError(
            f"{path}: cannot write: {error.strerror}", next_step="check the space left and the permissions"
        ) from error
    finally:
        for temporary, _ in pending:
            with suppress(OSError):
                os.unlink(temporary)


def _parts(content: Content) -> Iterable[bytes]:
    return (content,) if isinstance(content, bytes) else content


def target_of(path: Path) -> str:
    """Return what is written to: the file behind links, but a device or a pipe by its own name."""
    return os.fspath(path) if is_device(os.fspath(path)) else os.path.realpath(path)


def is_device(real: str) -> bool:
    """Tell whether the target is a device or a pipe, which is written to and never replaced."""
    try:
        mode = os.stat(real).st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)
