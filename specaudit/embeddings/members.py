"""Which array of a file that holds several is meant."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from specaudit.embeddings.display import quoted, shown
from specaudit.embeddings.sources import Part
from specaudit.errors import InputError


def choose_member(part: Part, names: Sequence[str], shape_of: Callable[[str], Sequence[int]]) -> str:
    """Return the member that the part names, the only one there is, or the only 2-D one.

    Raises
    ------
    InputError
        There is no such member, or no member or more than one could be meant.
    """
    label, listing = shown(part.label), ", ".join(quoted(name) for name in names[:20]) or "none"
    if part.member is not None:
        if part.member not in names:
            raise InputError(f"{label}: no such key; the file has {listing}", next_step="name one of them")
        return part.member
    if len(names) == 1:
        return names[0]
    flat = [name for name in names if len(shape_of(name)) == 2]
    if not flat:
        raise InputError(
            f"{label}: no 2-D array among its keys: {listing}", next_step="save one with shape (rows, dimensions)"
        )
    if len(flat) > 1:
        raise InputError(
            f"{label}: {len(flat)} 2-D arrays: {', '.join(quoted(name) for name in flat[:20])}",
            next_step=f"name one, such as {label}::{shown(flat[0])}",
        )
    return flat[0]


def member_label(part: Part, name: str) -> str:
    """Return how errors name a member of the part."""
    return part.label if part.member is not None else f"{part.label}::{name}"
