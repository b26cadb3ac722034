"""`specaudit experiment static-limit`: does a static pruning change the slope of the learning curve?"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from specaudit import config
from specaudit.cli import training

if TYPE_CHECKING:
    from specaudit.documents import Experiment

METHODS = ["prototypes", "outliers"]
KEEP = "0.5"


@training.with_options
def static_limit(
    context: typer.Context,
    method: Annotated[
        list[str],
        typer.Option(metavar="NAME,...", help=f"Beside random rows; repeatable: {', '.join(config.METHODS[1:-1])}."),
    ] = METHODS,
    keep: Annotated[str, typer.Option(metavar="SHARE,...", help="Shares of the rows to keep.")] = KEEP,
    soft: Annotated[
        bool, typer.Option("--soft/--no-soft", help="Try bounded weights beside the cut, 1/SHARE at most.")
    ] = True,
    sizes: Annotated[
        str | None,
        typer.Option(metavar="N,...", help="Pool sizes before pruning; by default halves of halves of all."),
    ] = None,
    scores: Annotated[
        str | None, typer.Option(metavar="FILE", help="A number per row for the method scores; the highest are kept.")
    ] = None,
    ridge: training.Ridge = None,
) -> None:
    """Tell whether static prunings change the slope of the learning curve, or only its level.

    Learning curves of all rows, of random ones and of each pruning, hard and by bounded weights, over paired runs:
    parallel, worse, steeper, inconclusive, or not applicable.

    Exits 0 whatever is found; 2 when it could not run.
    """

    def verb() -> Callable[..., Experiment]:
        from specaudit import api

        return api.static_limit

    training.run(
        context,
        verb,
        [scores],
        methods=[name.strip() for item in method for name in item.split(",")],
        keep=training.numbers("keep", keep, float, "0.5,0.2"),
        soft=soft,
        sizes=None if sizes is None else training.numbers("sizes", sizes, int, "100,200,400,800"),
        scores=scores,
    )
