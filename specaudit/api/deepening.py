"""`compare --operator graph`: what the kernel graphs of both sides see past the dense depth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from specaudit.api.graph_plan import GraphPlan
from specaudit.budget import check_memory, graph_memory
from specaudit.dataset import DataSet
from specaudit.deep import DeepCurve, DeepGain
from specaudit.embeddings import held_texts
from specaudit.errors import ConfigError
from specaudit.kernels import DOUBLE, Kernel, Normalize
from specaudit.progress import Progress
from specaudit.subsets import SampledRows


@dataclass(frozen=True, kw_only=True)
class Deepening:
    """Both sides of a comparison, and the plan of their graphs."""

    before: DataSet
    after: DataSet
    plan: GraphPlan

    @property
    def rows(self) -> int:
        """Different rows of each side's graph."""
        return min(len(self.before.copies), len(self.after.copies), self.plan.rows)

    def check(self, kernels: Sequence[str], max_memory: int | None) -> None:
        """Raise ConfigError, InputError or BudgetError where there can be no graphs."""
        wanted = [name for name in kernels if self.plan.wanted(name, self.rows)]
        if not wanted:
            raise ConfigError(
                "the kernel graph needs a kernel of the rows' distances", next_step="add --kernel laplace"
            )

        def need(most: int) -> int:
            settings = self.plan.settings(min(self.rows, most))
            return graph_memory(
                self.before.embeddings.rows + self.after.embeddings.rows,
                min(self.rows, most),
                self.before.embeddings.dimensions,
                settings.landmarks,
                settings.neighbors,
                itemsize=8 if set(wanted) & set(DOUBLE) else 4,
            )

        held = held_texts(self.before.embeddings, self.after.embeddings)
        check_memory(need, max_memory, self.plan.rows, flags="--graph-rows", held=held)

    def gains(
        self, kernels: Sequence[Kernel], normalize: Normalize, *, seed: int, threads: int, report: Progress
    ) -> dict[str, DeepGain]:
        """Return the gain under each kernel that has a graph; one side is in memory at a time."""
        curves: dict[str, list[DeepCurve]] = {
            kernel.name: [] for kernel in kernels if self.plan.wanted(kernel.name, self.rows)
        }
        for data in (self.before, self.after):
            order = data.keyed(seed)[1][: self.rows]
            sample = SampledRows(rows=data.read(order, normalize), copies=data.copies[order])
            for kernel in kernels:
                if kernel.name in curves:
                    with report.stage(f"{kernel.name} graph"):
                        curves[kernel.name].append(
                            DeepCurve.of(
                                kernel,
                                sample,
                                self.plan.settings(self.rows),
                                dense_rows=min(self.plan.dense_rows, self.rows),
                                seed=seed,
                                threads=threads,
                                engine=data.embeddings.engine,
                            )
                        )
        return {name: DeepGain.between(*pair) for name, pair in curves.items()}
