"""`oracle_experiment`: what samplers of rows give, beside uniform sampling and the oracle in mode space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

from specaudit import documents as doc
from specaudit.api.experimenting import Task, opened
from specaudit.api.prune_request import check_method, checked_share
from specaudit.budget import check_memory, experiment_memory, machines_memory
from specaudit.dataset import DataSet
from specaudit.embeddings import held_texts
from specaudit.errors import ConfigError
from specaudit.experiments.network import Network
from specaudit.experiments.oracle import Comparison, chosen
from specaudit.experiments.oracle import oracle_experiment as trained
from specaudit.learning import CAP
from specaudit.progress import Progress
from specaudit.report.experiment.oracle import oracle_parts

if TYPE_CHECKING:
    from specaudit.api.common import Source

SAMPLERS = ("all",)
POWER = 2.0
TRAIN_ROWS = 500
"""Rows that are trained on in a run: kernel matrices of them are decomposed some two hundred times."""
OUTPUTS = 8
"""Functions that are drawn of a process. Weights by the loss adapt to single ones, and to hardly any of very many."""
LEAST_ROWS, MOST_ROWS = 100, 4000
METHOD, KEEP = "prototypes", 0.2
"""Of the static arm: an aggressive cut."""
MOST_POWER, MOST_NOISE = 8.0, 0.9


def oracle_experiment(
    task: Task | Source,
    *,
    samplers: Sequence[str] = SAMPLERS,
    power: float = POWER,
    cap: float = CAP,
    label_noise: float = 0.0,
    train_rows: int = TRAIN_ROWS,
    method: str = METHOD,
    keep: float = KEEP,
    command: str = "",
    progress: Progress | None = None,
) -> doc.Experiment:
    """Return what samplers of rows give on the rows, each with a verdict.

    Parameters
    ----------
    task
        What is learned; a source alone for all defaults. Kernel machines are trained by gradient flow, which has no
        ridge.
    samplers
        Names of `specaudit.experiments.samplers.SAMPLERS`; uniform sampling is always among them.
    power
        Of the sampler by the loss: weights in proportion to |r|^power.
    cap
        Largest weight, where the mean is 1.
    label_noise
        Share of the training rows that get the target of another row.
    train_rows
        Rows that are trained on in a run, at most.
    method, keep
        A method of `specaudit prune`, and the share of the rows that it keeps in the static arm.

    Raises
    ------
    InputError
        The data cannot be used.
    ConfigError
        An argument cannot be used.
    BudgetError
        The run needs more memory than it may use.
    """
    _check("power", power, 0.0, MOST_POWER)
    if not 1 < cap < inf:
        raise ConfigError(f"--cap: expected a number above 1, got {cap:g}", next_step="for example --cap 10")
    if not 0 <= label_noise <= MOST_NOISE:
        raise ConfigError(f"--label-noise: expected 0 to {MOST_NOISE:g}, got {label_noise:g}")
    if not LEAST_ROWS <= train_rows <= MOST_ROWS:
        raise ConfigError(f"--train-rows: expected {LEAST_ROWS:,} to {MOST_ROWS:,}, got {train_rows:,}")
    check_method(method, scores=False)
    if method == "all":
        raise ConfigError("--method takes one method here", next_step=f"for example --method {METHOD}")
    task = task if isinstance(task, Task) else Task(task)
    if task.ridge is not None:
        raise ConfigError("a ridge has no effect: kernel machines are trained by gradient flow", next_step="omit it")
    comparison = Comparison(
        samplers=chosen(samplers),
        power=power,
        cap=cap,
        noise=label_noise,
        rows=train_rows,
        method=method,
        keep=checked_share(keep),
        network=Network(hidden=task.hidden, steps=task.steps) if task.model == "mlp" else None,
    )
    allowed = task.max_memory

    def check(data: DataSet, used: int, runs: int) -> None:
        matrices = experiment_memory(data.rows, used, data.embeddings.dimensions, runs, hidden=task.units)
        check_memory(
            lambda most: matrices + machines_memory(min(used, most), data.embeddings.dimensions, runs),
            allowed,
            train_rows,
            flags="--train-rows",
            held=held_texts(data.embeddings),
        )

    with opened(task, progress, check=check) as found:
        of = replace(found, problem=replace(found.problem, outputs=OUTPUTS))
        with of.report.stage("train") as stage:
            compared = trained(of.problem, comparison, runs=of.task.seeds, threads=of.threads, progress=stage.update)
        return of.document("oracle", oracle_parts(compared), command=command, flow=True)


def _check(flag: str, value: float, above: float, most: float) -> None:
    if not above < value <= most:
        raise ConfigError(f"--{flag}: expected a number above {above:g}, at most {most:g}, got {value:g}")
