"""Names and values from outside, made safe to print on one line."""

from __future__ import annotations


def shown(name: object, limit: int = 160) -> str:
    r"""Return ``name`` on one printable line of at most ``limit`` characters.

    Control characters, line breaks and undecodable bytes are escaped (``\n``, ``\x1b``, ``\udcff``); the
    middle of a longer text is replaced by ``…``, because the two ends of a path tell most.
    """
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(name))
    if len(text) <= limit:
        return text
    tail = limit // 2
    return f"{text[: limit - tail - 1]}…{text[-tail:]}"


def quoted(value: object, limit: int = 40) -> str:
    """Return ``value`` shown and in quotes, for cells, ids and keys."""
    return f"'{shown(value, limit)}'"
