"""Objects behind a URL, read by ranges through fsspec; credentials come from the environment alone."""

from __future__ import annotations

import errno
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, TypeVar
from urllib.parse import urlsplit

from specaudit.embeddings.display import shown
from specaudit.embeddings.extras import needs
from specaudit.embeddings.files import Ranged, copy_exactly, spooling
from specaudit.embeddings.spools import Spooled
from specaudit.embeddings.web import UnrangedError, WebFile, patience
from specaudit.errors import InputError

SCHEMES = ("s3", "gs", "hf", "http", "https")
WEB = ("http", "https")
LISTED = ("s3", "gs", "hf")  # whose files can be listed: a question mark may be a pattern
PATIENT = ("s3:", "gs:")  # their libraries try again themselves
URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
SIGNED = re.compile(r"\?[\w.~%+-]+=.*", re.DOTALL)  # a query, as a pattern hardly looks
QUERY = re.compile(r"(?<=\w)\?[^\s'\"]*")  # of a URL in a message
BLOCK, BLOCKS = 4 << 20, 8  # bytes of one request, and how many of them are kept
WAITS = (0.5, 1.0, 2.0, 4.0)  # seconds before a read is tried again
VERSIONS = ("ETag", "etag", "VersionId", "generation", "blob_id", "lfs", "LastModified", "Last-Modified", "mtime")
LATEST = 1 << 62
PARSER = "aiohttp.http_exceptions"  # the module of what its parser raises
T = TypeVar("T")


def is_url(source: str) -> bool:
    """Return whether a source names something outside this machine."""
    return URL.match(source) is not None


def public_name(url: str) -> str:
    """Return a URL, or a list behind one, as it may be shown: without its query, which may be a signature."""
    scheme = URL.match(url.removeprefix("@"))
    if scheme is None:
        return url
    if scheme[1].lower() in LISTED:
        return SIGNED.sub("", url)
    return url.partition("?")[0].partition("#")[0]


@dataclass(slots=True, kw_only=True, eq=False)
class Remote:
    """One object as a place that can be opened; it remembers what it met.

    Attributes
    ----------
    url
        Where it is.
    version
        What the store called its content when it was last opened, such as ``ETag 0f3a``; None where it has no name
        for it.
    copy
        A temporary copy, where the server sends only the whole.
    """

    url: str
    version: str | None = None
    copy: Spooled | None = None

    def open(self, label: str) -> Ranged:
        """Return the object, opened; its version tells whether it is still the same.

        Raises
        ------
        InputError
            There is no such object, it may not be read, or it cannot be reached.
        """
        if self.copy is not None:
            return self.copy.open(label)
        files, path = connect(self.url, label)
        web = self.url.lower().startswith(WEB)
        if web:
            file = None
            info = attempted(label, lambda: files.info(path))
        else:
            caching = {"block_size": BLOCK, "cache_type": "blockcache", "cache_options": {"maxblocks": BLOCKS}}
            file = attempted(label, lambda: files.open(path, "rb", **caching))
            info = file.details
        self.version = next((f"{key} {info[key]}".replace('"', "") for key in VERSIONS if info.get(key)), None)
        if info.get("type") == "directory":
            raise InputError(f"{shown(label)}: is a directory, expected a file", next_step="end it with a slash")
        if info.get("size") == 0:
            raise InputError(f"{shown(label)}: the file is empty", next_step="write the file again")
        if info.get("size") is None or info.get("partial") is False:
            return self.copied(label, _version(info))
        if web:
            file = WebFile(files, path, label, info, block=BLOCK, blocks=BLOCKS)
        return RemoteFile(self, label, file, info)

    def copied(self, label: str, version: object) -> Ranged:
        """Return a temporary copy of an object whose server sends only the whole."""
        files, path = connect(self.url, label)

        def copy() -> Spooled:
            with spooling(label) as spool, files.open(path, block_size=0) as stream:
                copy_exactly(stream.read, spool, LATEST)
            return Spooled(file=spool, version=version)

        self.copy = attempted(label, copy)
        return self.copy.open(label)


class RemoteFile(Ranged):
    """An open object; a few blocks of it are kept."""

    def __init__(self, place: Remote, label: str, file: Any, info: Mapping[str, Any]) -> None:
        super().__init__(info["size"], _version(info))
        self.place, self.label, self.file, self.lock = place, label, file, threading.Lock()

    def read_range(self, into: memoryview, position: int) -> int:
        """Fill ``into`` from ``position`` on; a failed read is tried again."""
        with self.lock:
            data = attempted(self.label, lambda: self._read(len(into), position))
        into[: len(data)] = data
        return len(data)

    def _read(self, size: int, position: int) -> bytes:
        try:
            self.file.seek(position)
            data: bytes = self.file.read(size)
        except UnrangedError:
            self.file = self.place.copied(self.label, self.version)
            self.file.seek(position)
            data = self.file.read(size)
        return data

    def close(self) -> None:
        """Drop the blocks."""
        if not self.closed:
            self.file.close()
        super().close()


def connect(url: str, label: str) -> tuple[Any, str]:
    """Return the file system of fsspec that a URL belongs to, and the path in it.

    Raises
    ------
    InputError
        The scheme is not among ``SCHEMES``, the URL has credentials in it, or a library is missing.
    """
    scheme = URL.match(url)
    if scheme is None or scheme[1].lower() not in SCHEMES:
        raise InputError(
            f"{shown(label)}: URLs of this kind cannot be read", next_step=f"use one of {', '.join(SCHEMES)}"
        )
    if "@" in urlsplit(url).netloc:
        raise InputError(
            "a URL has credentials in it, which would end up in documents and logs",
            next_step="give them in the environment",
        )
    with needs("remote", label):
        import fsspec.core

        place = url.replace(scheme[0], scheme[0].lower(), 1)
        options = {"timeout": patience()} if place.startswith(WEB) else {}
        found: tuple[Any, str] = attempted(
            label, lambda: fsspec.core.url_to_fs(place, use_listings_cache=False, **options)
        )
        return found


def listed(url: str, label: str) -> tuple[str, list[str]] | None:
    """Return the full URL of a directory and all files below it, relative to it; None if it is none."""
    files, path = connect(url, label)
    path = path.rstrip("/")
    if not attempted(label, lambda: files.isdir(path)):
        return None
    names = attempted(label, lambda: files.find(path))
    return files.unstrip_protocol(path), [name.removeprefix(path).lstrip("/") for name in names]


def below(place: Remote, folder: str, label: str) -> object:
    """Return what differs once a file in a folder of a place does; the place remembers it as its version."""
    files, path = connect(f"{place.url.rstrip('/')}/{folder}", label)
    found = attempted(label, lambda: files.find(path, detail=True))
    version = {name: _version(info) for name, info in found.items()}
    place.version = f"files {digest_of_versions(map(str, sorted(version.items())))}"
    return version


def digest_of_versions(versions: Iterable[str | None]) -> str:
    """Return a digest of the versions of several objects, in their order."""
    return blake2b("\n".join(version or "" for version in versions).encode(), digest_size=16).hexdigest()


def _version(info: Mapping[str, Any]) -> object:
    """Return what a store says of an object that differs once its content does."""
    return info.get("size"), *(str(info[key]) for key in VERSIONS if info.get(key))


def is_there(url: str, label: str) -> bool:
    """Return whether there is an object of just this name, whatever characters are in it, or a directory."""
    files, path = connect(url, label)

    def there() -> bool:
        try:
            return bool(files.exists(path))
        except PermissionError:  # who may list what matches may not ask for all else
            return False

    return attempted(label, there)


def matched(url: str, label: str) -> list[str]:
    """Return the URLs of the files that match a pattern."""
    files, path = connect(url, label)
    names = attempted(label, lambda: files.glob(path, detail=True))
    return [files.unstrip_protocol(name) for name, info in names.items() if info.get("type") != "directory"]


def attempted(label: str, act: Callable[[], T]) -> T:
    """Return what ``act`` does, tried again for as long as what fails may pass.

    Raises
    ------
    InputError
        It does not pass.
    """
    for wait in WAITS[:1] if label.startswith(PATIENT) else WAITS:
        try:
            return act()
        except Exception as error:
            if not _may_pass(_cause(error)):
                raise _failure(label, _cause(error)) from None
        time.sleep(wait)
    try:
        return act()
    except Exception as error:
        raise _failure(label, _cause(error)) from None


def _cause(error: Exception) -> Exception:
    """Return what is behind the "not found" into which fsspec turns all that a web server may answer."""
    cause = error.__cause__
    return cause if isinstance(error, FileNotFoundError) and isinstance(cause, Exception) else error


def _may_pass(error: Exception) -> bool:
    """Return whether the same may work in a moment: what the network or a busy server does."""
    if isinstance(error, (ImportError, InputError, FileNotFoundError, PermissionError)):
        return False
    if 400 <= _status(error) < 500 and _status(error) not in (408, 429):
        return False
    if _is_circle(error):
        return False
    return "Credentials" not in type(error).__name__ and getattr(error, "errno", None) != errno.EBUSY


def _status(error: BaseException) -> int:
    """Return the status of HTTP behind an error, wherever the client library of a store keeps it; 0 if none is."""
    if _is_broken(error):
        return 0
    response = getattr(error, "response", None)
    if isinstance(response, Mapping):  # of botocore
        found = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    elif response is not None:
        found = getattr(response, "status_code", None)
    else:
        found = error.status if hasattr(error, "status") else getattr(error, "code", None)
    if isinstance(found, int):
        return found
    return 0 if error.__cause__ is None else _status(error.__cause__)


def _is_broken(error: BaseException) -> bool:
    """Return whether a transfer broke: what the parser of aiohttp raises then has the code of a bad request."""
    return PARSER in (type(error).__module__, type(error.__cause__).__module__)


def _is_circle(error: BaseException) -> bool:
    """Return whether a web server sent on and on to other addresses."""
    return type(error).__name__ == "TooManyRedirects"


def _failure(label: str, error: Exception) -> Exception:
    """Return what a client library raised, which may be nearly anything, as one clear line."""
    if isinstance(error, (ImportError, InputError)):
        return error
    name, status = shown(label), _status(error)
    if getattr(error, "errno", None) == errno.EBUSY or status == 412:
        return InputError(f"{name}: changed while it was read", next_step="run again when nothing writes to it")
    if isinstance(error, FileNotFoundError) or status in (404, 410):
        return InputError(f"{name}: no such file", next_step="check the URL")
    if isinstance(error, PermissionError) or "Credentials" in type(error).__name__ or status in (401, 403):
        return InputError(
            f"{name}: permission denied",
            next_step="set credentials in the environment, or FSSPEC_S3_ANON=true for a public bucket",
        )
    if status == 400:
        return InputError(
            f"{name}: the store refused the request: {getattr(error, 'strerror', None) or _reason(error)}",
            next_step="check the credentials, which may have expired, and the URL",
        )
    if _is_circle(error):
        return InputError(f"{name}: the server redirects without end", next_step="check the URL")
    reason = _reason(error)
    if isinstance(error, TimeoutError):
        reason = "the server sends nothing"
    elif _is_broken(error) or isinstance(error, EOFError):
        reason = "the connection broke off"
    return InputError(
        f"{name}: cannot be read: {reason}",
        next_step="check the network and the URL, then run again",
    )


def _reason(error: Exception) -> str:
    return shown(QUERY.sub("", str(error)), 120) or type(error).__name__
