"""Documents whose texts fit on a line each: what is shown of one that anybody may have written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from specaudit.documents import Document
from specaudit.embeddings.display import escaped

T = TypeVar("T")


def printable(value: T) -> T:
    """Return a document, or a part of one, with line breaks and what is not printable escaped in all its texts."""
    found: object = value
    if isinstance(value, str):
        found = escaped(value)
    elif isinstance(value, Document):
        found = value.model_copy(update={name: printable(getattr(value, name)) for name in type(value).model_fields})
    elif isinstance(value, Mapping):
        found = {printable(key): printable(item) for key, item in value.items()}
    elif isinstance(value, tuple) and value and not isinstance(value[0], int | float):
        found = tuple(map(printable, value))
    return found  # type: ignore[return-value]
