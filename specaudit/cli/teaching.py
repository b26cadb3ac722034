"""`specaudit experiment synthetic-span` and `distill`: what labels of a teacher give a student."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from specaudit.cli import training

if TYPE_CHECKING:
    from specaudit.documents import Experiment

VOLUMES = "1,2,4,8"
ADDED = 2


@training.with_options
def synthetic_span(
    context: typer.Context,
    teacher_modes: Annotated[
        int | None,
        typer.Option(
            metavar="M", help="The teacher knows the M leading modes of the real rows; by default 30 or fewer."
        ),
    ] = None,
    teacher_classes: Annotated[
        str | None,
        typer.Option(metavar="LABEL,...", help="The teacher knows these labels only, in the place of modes."),
    ] = None,
    volumes: Annotated[str, typer.Option(metavar="N,...", help="Added rows, in units of the real ones.")] = VOLUMES,
    real: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Real rows of the student; by default a share that leaves fresh ones, at most 100."
        ),
    ] = None,
    ridge: training.Ridge = None,
) -> None:
    """Tell what added rows give a student inside and outside a teacher's span, by who labels them.

    The student's own labels, the teacher's on generated and on new real rows, the truth on generated rows, and fresh
    real rows, at equal optimiser steps: helps, in-span-only, no-change, hurts, inconclusive, or not applicable.

    Exits 0 whatever is found; 2 when it could not run.
    """

    def verb() -> Callable[..., Experiment]:
        from specaudit import api

        return api.synthetic_span

    training.run(
        context,
        verb,
        teacher_modes=teacher_modes,
        teacher_classes=None if teacher_classes is None else [name.strip() for name in teacher_classes.split(",")],
        volumes=training.numbers("volumes", volumes, float, VOLUMES),
        real=real,
    )


@training.with_options
def distill(
    context: typer.Context,
    added: Annotated[
        int, typer.Option(metavar="N", help="Rows with a teacher's label for each with a true one.")
    ] = ADDED,
    ridge: training.Ridge = None,
) -> None:
    """Tell whether teachers move the slope of a student's learning curve. Exploratory: figures without a claim.

    Frozen, mixed and updated teachers label further rows; each curve is held against that of true labels alone:
    moved, not-moved, inconclusive, or not applicable.

    Exits 0 whatever is found; 2 when it could not run.
    """

    def verb() -> Callable[..., Experiment]:
        from specaudit import api

        return api.distillation

    training.run(context, verb, added=added)
