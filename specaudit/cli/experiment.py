"""`specaudit experiment`: real training on the user's own rows, a command for each experiment."""

from __future__ import annotations

from collections.abc import Callable

import typer

from specaudit.cli.oracle import oracle
from specaudit.cli.static_limit import static_limit
from specaudit.cli.teaching import distill, synthetic_span

EXPERIMENTS: dict[str, Callable[..., None]] = {
    "static-limit": static_limit,
    "oracle": oracle,
    "synthetic-span": synthetic_span,
    "distill": distill,
}
"""Name -> command; a new one is a module of its own, with the options of `training`."""

experiment = typer.Typer(
    rich_markup_mode=None,
    help="Train on your own rows: learning curves under prunings, samplers and synthetic rows. Gates nothing.",
)
for _name, _command in EXPERIMENTS.items():
    experiment.command(_name)(_command)


@experiment.callback()
def _group() -> None:
    """Keep the name of the command, even where there is one only."""
