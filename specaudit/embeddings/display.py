"""Names and values from outside, made safe to print on one line."""

from __future__ import annotations


def escaped(text: str) -> str:
    r"""Return ``text`` on one printable line: what is not printable is escaped (``\n``, ``\x1b``, ``\udcff``)."""
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()


def shown(name: object, limit: int = 160) -> str:
    """Return ``name`` on one printable line of at most ``limit`` characters.

    The middle of a longer text is replaced by ``…``, because the two ends of a path tell most.
    """
    text = escaped(str(name))
    if len(text) <= limit:
        return text
    tail = limit // 2
    return f"{text[: limit - tail - 1]}…{text[-tail:]}"


def quoted(value: object, limit: int = 40) -> str:
    """Return ``value`` shown and in quotes, for cells, ids and keys."""
    return f"'{shown(value, limit)}'"
