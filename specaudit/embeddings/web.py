"""Files of web servers, read by ranges that are held to what was asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from specaudit.embeddings.display import shown
from specaudit.errors import InputError

SILENCE = 60.0  # seconds without a byte, or until a connection is there, after which a read has failed
LONGEST = 300.0  # seconds that one range may take
RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
TOLD = ("ETag", "Last-Modified")  # what an answer may say of the version it is of


class UnrangedError(Exception):
    """The server sends the whole where it was asked for a range."""


def patience(total: float | None = None) -> Any:
    """Return the timeout of a request that ends once a server is silent; while it sends, after ``total`` seconds."""
    import aiohttp

    return aiohttp.ClientTimeout(total=total, connect=SILENCE, sock_read=SILENCE)


class WebFile:
    """A file of a web server; a few blocks of it are kept.

    Parameters
    ----------
    files
        The file system of fsspec, whose session is used.
    url, label
        Where the file is, and how errors name it.
    info
        What the server said of it; ``size`` is among it.
    block, blocks
        Bytes of one request, and how many of them are kept.
    """

    def __init__(self, files: Any, url: str, label: str, info: Mapping[str, Any], *, block: int, blocks: int) -> None:
        self.files, self.url, self.label, self.info, self.block = files, url, label, info, block
        self.size, self.position = int(info["size"]), 0
        self.kept = lru_cache(maxsize=blocks)(self._fetched)

    def seek(self, position: int) -> None:
        """Go to a byte."""
        self.position = position

    def read(self, size: int) -> bytes:
        """Return the next bytes, as many as there are.

        Raises
        ------
        UnrangedError
            The server does not send ranges.
        InputError
            It sends another range than the one it was asked for, or the file has changed.
        """
        start, stop = self.position, min(self.position + size, self.size)
        pieces = []
        for number in range(start // self.block, -(-stop // self.block)):
            low = number * self.block
            pieces.append(self.kept(number)[max(0, start - low) : stop - low])
        self.position = max(start, stop)
        return b"".join(pieces)

    def close(self) -> None:
        """Drop the blocks."""
        self.kept.cache_clear()

    def _fetched(self, number: int) -> bytes:
        from fsspec.asyn import sync

        low = number * self.block
        found: bytes = sync(self.files.loop, self._range, low, min(low + self.block, self.size))
        return found

    async def _range(self, start: int, stop: int) -> bytes:
        options = dict(self.files.kwargs)
        headers = {**options.pop("headers", {}), "Range": f"bytes={start}-{stop - 1}", "Accept-Encoding": "identity"}
        # Stores hold a file to the version that was opened; web servers do so if they are asked to.
        if str(self.info.get("ETag")).startswith('"'):
            headers["If-Match"] = self.info["ETag"]
        options["timeout"] = patience(LONGEST)
        session = await self.files.set_session()
        async with session.get(self.files.encode_url(self.url), headers=headers, **options) as answer:
            if answer.status == 416:
                raise self._changed()
            answer.raise_for_status()
            self._check(answer.status, answer.headers, start, stop)
            data: bytes = await answer.content.readexactly(stop - start)
            if await answer.content.read(1):
                raise self._other(start, stop, "more bytes")
            return data

    def _check(self, status: int, headers: Mapping[str, str], start: int, stop: int) -> None:
        """Raise what is wrong with an answer, by what stands before its bytes."""
        told = headers.get("Content-Range")
        if status != 206 and told is None:
            raise UnrangedError
        found = RANGE.fullmatch(told or "")
        if found is None:
            raise self._other(start, stop, "no Content-Range" if told is None else told)
        if found[3] not in ("*", str(self.size)):
            raise self._changed()
        if any(headers.get(name, self.info[name]) != self.info[name] for name in TOLD if self.info.get(name)):
            raise self._changed()
        if (int(found[1]), int(found[2]) + 1) != (start, stop):
            raise self._other(start, stop, str(told))
        if headers.get("Content-Encoding", "identity") != "identity":
            raise self._other(start, stop, f"them as {headers['Content-Encoding']}")

    def _other(self, start: int, stop: int, got: str) -> InputError:
        return InputError(
            f"{shown(self.label)}: the server was asked for bytes {start}-{stop - 1} and sends {shown(got, 60)}",
            next_step="download the file and name the copy",
        )

    def _changed(self) -> InputError:
        return InputError(
            f"{shown(self.label)}: changed while it was read", next_step="run again when nothing writes to it"
        )
