"""What changed between two samples: every kernel in turn, and the ceiling of a subset."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from specaudit.comparison import CEILING_SLACK, KernelChange, Outcome, SharedSpectra, compare_kernel
from specaudit.documents import Consistency
from specaudit.documents.compare import NoCeiling
from specaudit.errors import InputError
from specaudit.gates import near_limit
from specaudit.kernels import Kernel
from specaudit.policy import Policy
from specaudit.progress import Progress
from specaudit.relation import Relation
from specaudit.sampling import SamplePair, Samples


def kernel_changes(
    kernels: Sequence[Kernel],
    pair: SamplePair,
    samples: Samples,
    subset: bool,
    policy: Policy,
    seed: int,
    cores: int,
    report: Progress,
    shared: Mapping[str, SharedSpectra] = MappingProxyType({}),
) -> dict[str, KernelChange]:
    """Return what changed under each kernel; `shared`, by its name, is kept between comparisons of one BEFORE."""
    changes = {}
    for kernel in kernels:
        with report.stage(f"{kernel.name} null") as stage:
            changes[kernel.name] = compare_kernel(
                kernel,
                pair.before,
                pair.after,
                samples.design,
                places=pair.places,
                subset=subset,
                near=_nearness(policy, kernel.name),
                kernels=len(kernels),
                shared=shared.get(kernel.name),
                seed=seed,
                threads=cores,
                progress=stage.update,
            )
    return changes


def _nearness(policy: Policy, kernel: str) -> Callable[[Sequence[Outcome]], bool]:
    """Return what tells whether more random subsets could change what a policy decides."""

    def near(outcomes: Sequence[Outcome]) -> bool:
        return any(
            near_limit(
                outcome.change if outcome.window else -outcome.change,
                (outcome.high - outcome.low) / 2,
                policy.margin("tail" if outcome.window else "capacity", kernel),
            )
            for outcome in outcomes
        )

    return near


def missing_ceiling(relation: Relation, pair: SamplePair) -> NoCeiling | None:
    """Return why a pruning's eigenvalues have no ceiling; None where they have one, and for other relations."""
    if relation.kind != "prune":
        return None
    if not relation.subset:
        return "copies"
    if not pair.nested:
        return "samples"
    return "numbers" if pair.places is None else None


def consistency_of(changes: Mapping[str, KernelChange], pair: SamplePair) -> Consistency | None:
    """Return how the eigenvalues stand against the ceiling of a subset; None where there is none.

    Raises
    ------
    InputError
        They are beyond it, which no subset's can be.
    """
    found = [change.ceiling for change in changes.values() if change.ceiling is not None]
    if not found:
        return None
    observed, ranks = max(found)
    if observed > pair.size_ratio * (1 + CEILING_SLACK):
        raise InputError(
            f"an eigenvalue of AFTER is {observed:.3g} times that of BEFORE; a subset can have "
            f"{pair.size_ratio:.3g} at most",
            next_step="check that both sides come from one embedding model",
        )
    return Consistency(limit=pair.size_ratio, observed=observed, ranks=ranks, holds=True)
