"""`specaudit schema`: the JSON schemas of the documents."""

from __future__ import annotations

from typing import Annotated

import typer

from specaudit.cli.terminal import emit
from specaudit.errors import ConfigError


def schema(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="A document; without it, their names.")] = None,
) -> None:
    """Print the JSON schema of a document."""
    from specaudit.documents import SCHEMAS, json_schema

    if name is None:
        emit("".join(f"{known}\n" for known in SCHEMAS))
    elif name in SCHEMAS:
        emit(json_schema(name), exact=True)
    else:
        raise ConfigError(f"no document is called {name!r}", next_step=f"known: {', '.join(SCHEMAS)}")
