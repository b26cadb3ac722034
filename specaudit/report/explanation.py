"""What an explanation holds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """An entry of the registry."""

    title: str
    meaning: str
    action: str
