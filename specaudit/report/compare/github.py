"""A comparison as annotations of a GitHub workflow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from specaudit.embeddings.display import shown
from specaudit.report.compare.facts import LONG, headline, waiver

if TYPE_CHECKING:
    from specaudit.documents import Comparison

MOST = 10
"""Annotations of one kind that GitHub shows of a step."""
ORDER = ("error", "warning", "notice")


def render(comparison: Comparison, file: str | None = None) -> str:
    """Return at most ``MOST`` annotations of ``file``, the gravest first, and the headline as a plain line."""
    found = sorted(_annotations(comparison), key=lambda item: ORDER.index(item[0]))
    kept = found if len(found) <= MOST else found[: MOST - 1]
    lines = [_command(*item, file) for item in kept]
    if len(found) > len(kept):
        left = f"{len(found) - len(kept):,} more warnings and notices are in the other reports of this run"
        lines.append(_command("notice", "specaudit", left, file))
    plain = headline(comparison).replace("##[", "## [")  # the older form of a command counts anywhere in a line
    return "\n".join([*lines, plain]) + "\n"


def _annotations(comparison: Comparison) -> Iterator[tuple[str, str, str]]:
    """Yield the level, title and message of each annotation."""
    for gate in comparison.gates:
        title = f"specaudit {gate.id}: {gate.status}"
        if gate.status == "fail":
            yield "error", title, _message(gate.reason, gate.next_step)
        elif gate.status == "inconclusive":
            yield ("error" if comparison.exit_code else "warning"), title, _message(gate.reason, gate.next_step)
        elif gate.status == "waived":
            yield "notice", title, f"{waiver(gate)}; would be {gate.suspended}: {shown(gate.reason, LONG)}"
    for warning in comparison.warnings:
        yield "warning", f"specaudit {warning.id}", _message(warning.message, warning.next_step)


def _message(text: str, next_step: str) -> str:
    lines = [shown(text, LONG), *([f"next: {shown(next_step, LONG)}"] if next_step else [])]
    return "\n".join(lines)


def _command(level: str, title: str, message: str, file: str | None) -> str:
    properties = {"file": file, "title": title}
    listed = ",".join(f"{name}={_property(value)}" for name, value in properties.items() if value)
    return f"::{level} {listed}::{_data(message)}"


def _data(text: str) -> str:
    """Return ``text`` as the runner reads it back: on one line, percent signs and line breaks escaped."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
