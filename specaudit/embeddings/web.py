"""Web servers: how long they may be silent."""

from __future__ import annotations

from typing import Any

SILENCE = 60.0  # seconds without a byte, or until a connection is there, after which a read has failed


def patience() -> dict[str, Any]:
    """Return the options of fsspec under which a request ends once a server is silent, but not while it sends."""
    import aiohttp

    return {"timeout": aiohttp.ClientTimeout(total=None, connect=SILENCE, sock_read=SILENCE)}
