"""What a pipeline demands: the policy that flags, environment and file give, and the exit code that follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from specaudit import config
from specaudit.cli import options, terminal
from specaudit.errors import ConfigError, ExitCode
from specaudit.report.formats import headline

if TYPE_CHECKING:
    from specaudit.documents import Comparison, Headroom, Pruning, Simulation
    from specaudit.policy import Policy, WaiverRule

FLAGS = ("margin", "enable", "max_drop", "min_rows", "waive", "on_inconclusive", "exit_zero")
"""The parameters of a command that make its policy."""
WORSE = (ExitCode.PASS, ExitCode.INCONCLUSIVE, ExitCode.FAIL)


def read_policy(context: typer.Context) -> Policy:
    """Return the policy that a command's parameters and settings give, margins by name."""
    from specaudit.policy import Policy, WaiverRule

    given, found = context.params, options.settings(context)
    return Policy(
        margins=margins(context),
        max_drop=options.checked("max-drop", given["max_drop"]),
        min_rows=options.checked("min-rows", given["min_rows"]),
        waivers=(*(WaiverRule(**asdict(waiver)) for waiver in found.waivers), *_waived(given["waive"])),
        enable=options.checked("enable", given["enable"] or None) or (),
        on_inconclusive=options.checked("on-inconclusive", given["on_inconclusive"]),
    )


def margins(context: typer.Context) -> dict[str, float]:
    """Return the margins that file, environment and flags give; the later wins."""
    flags = config.read_margins(context.params["margin"] or (), "--margin")
    return {**options.settings(context).margins, **flags}


def exit_by(comparisons: Sequence[Comparison], *, exit_zero: bool, told: bool) -> None:
    """Leave with the worst exit code of the comparisons; without any, return.

    Parameters
    ----------
    comparisons
        What was judged.
    exit_zero
        Leave with 0 instead of 1 or 3, and say so.
    told
        Standard output has told people the verdict.
    """
    worst = max(comparisons, key=lambda comparison: WORSE.index(ExitCode(comparison.exit_code)), default=None)
    if worst is not None:
        exit_with(worst, exit_zero=exit_zero, told=told)


def exit_with(worst: Comparison | Pruning | Simulation | Headroom, *, exit_zero: bool, told: bool) -> None:
    """Leave with the exit code of a document; where it is 0, return. The arguments are those of `exit_by`."""
    if worst.exit_code == ExitCode.PASS:
        return
    if not told:
        terminal.note(headline(worst))
    if exit_zero:
        terminal.note(f"exit code 0 instead of {worst.exit_code}, as --exit-zero demands")
        return
    raise typer.Exit(worst.exit_code)


def _waived(texts: list[str] | None) -> list[WaiverRule]:
    from specaudit.policy import WaiverRule

    rules = []
    for text in texts or ():
        gate, mark, reason = text.partition("=")
        if not mark:
            raise ConfigError(f"--waive: expected GATE=REASON, got {text!r}", next_step="say why it does not count")
        rules.append(WaiverRule(gate=gate.strip(), reason=reason.strip()))
    return rules
