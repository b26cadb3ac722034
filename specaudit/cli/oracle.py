"""`specaudit experiment oracle`: what samplers of rows give, beside the oracle in mode space."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from specaudit import config
from specaudit.cli import training

if TYPE_CHECKING:
    from specaudit.documents import Experiment

SAMPLERS = ["all"]


@training.with_options
def oracle(
    context: typer.Context,
    samplers: Annotated[
        list[str],
        typer.Option(metavar="NAME,...", help=f"Repeatable: all, {', '.join(config.SAMPLERS)}."),
    ] = SAMPLERS,
    power: Annotated[float, typer.Option(metavar="P", help="The sampler by the loss weighs rows by |r|^P.")] = 2.0,
    cap: Annotated[float, typer.Option(metavar="C", help="Largest weight, where the mean is 1.")] = 10.0,
    label_noise: Annotated[
        float, typer.Option(metavar="F", help="Share of the training rows that get the target of another row.")
    ] = 0.0,
    train_rows: Annotated[int, typer.Option(metavar="N", help="Rows that are trained on in a run, at most.")] = 500,
    method: Annotated[
        str, typer.Option(metavar="NAME", help=f"Of the static arm: {', '.join(config.METHODS[:-2])}.")
    ] = "prototypes",
    keep: Annotated[float, typer.Option(metavar="SHARE", help="Of the rows, in the static arm.")] = 0.2,
) -> None:
    """Tell what samplers of rows give, beside uniform sampling and the oracle in mode space.

    Each is trained on the same rows, targets and times: accelerated, constant-factor, none, slower, collapsed,
    inconclusive, or not applicable. With them static pruning, and the blind spots of scores.

    Exits 0 whatever is found; 2 when it could not run.
    """

    def verb() -> Callable[..., Experiment]:
        from specaudit import api

        return api.oracle_experiment

    training.run(
        context,
        verb,
        samplers=[name.strip() for item in samplers for name in item.split(",")],
        power=power,
        cap=cap,
        label_noise=label_noise,
        train_rows=train_rows,
        method=method,
        keep=keep,
    )
