"""`specaudit explain`: what a warning, status or exit code means, and what to do."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated

import typer

from specaudit.cli.terminal import emit
from specaudit.errors import ConfigError
from specaudit.report.explain import EXPLANATIONS, render, render_all


def explain(
    id_: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="Such as SPA002, drifting, exit-3 or 3; without it, all."),
    ] = None,
) -> None:
    """Explain a warning, a status or an exit code."""
    if id_ is None:
        emit(render_all())
        return
    names = {known.lower(): known for known in EXPLANATIONS}
    found = names.get(id_.lower()) or names.get(f"exit-{id_}")
    if found is None:
        close = get_close_matches(id_.upper(), EXPLANATIONS, n=3) or get_close_matches(id_.lower(), EXPLANATIONS, n=3)
        hint = f"did you mean {' or '.join(close)}?" if close else "specaudit explain lists all"
        raise ConfigError(f"nothing is called {id_!r}", next_step=hint)
    emit(render(found))
