"""The document of `specaudit prune`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from specaudit.documents.base import Document, Environment, Kernel, Warning_, to_json
from specaudit.documents.compare import (
    Change,
    Comparison,
    Consistency,
    DiversityChange,
    FiniteRegion,
    TailChange,
    Test,
    Verdict,
)

if TYPE_CHECKING:
    from pathlib import Path


class Method(Document):
    """A pruning method, which orders the rows: a share of them is a prefix of the order."""

    name: str
    keeps: str = Field(description="which rows it keeps first")
    source: str


class TrialSpectrum(Document):
    """What one pruning changed under one kernel, as in a comparison."""

    kernel: Kernel
    tests: tuple[Test, ...]
    delta_exponent: Change | None = Field(description="change of b_2 over the window; null if no window was reached")
    window: tuple[float, float] | None = Field(description="effective dimensions N_2 of delta_exponent")
    finite_region: FiniteRegion | None
    diversity: Mapping[str, DiversityChange] = Field(default_factory=dict)


class Trial(Document):
    """The audit of one method at one share of the rows."""

    method: str
    keep: float = Field(description="share of the usable rows that is kept")
    rows: int = Field(description="rows kept")
    unique_rows: int = Field(description="different rows kept")
    compared_rows: int = Field(description="different rows at which the two sides are compared")
    verdict: Verdict
    tail: TailChange
    spectra: Mapping[str, TrialSpectrum]
    bound: Consistency | None = Field(description="see Pruning.bound")


class Search(Document):
    """The smallest share that passes: searched on one half of the rows, confirmed on the other."""

    bracket: tuple[float, float] = Field(
        description="last pass and first non-pass on the way down; inconclusive is no pass; 1 is all rows"
    )
    confirmed: bool = Field(description="the last pass passed on both halves")
    rows: tuple[int, int] = Field(description="usable rows of the half that was searched and of the other")
    searched: tuple[Trial, ...] = Field(description="audits of the first half, in the order in which they were made")
    confirmations: tuple[Trial, ...] = Field(description="audits of the other half, likewise")
    reference: Trial | None = Field(
        description="random rows of the first half at the last pass: what any pruning of that size does"
    )


class Pruned(Document):
    """The data set that was pruned, and what is left."""

    source: str
    source_version: str | None = Field(
        default=None, description="what the store of a remote source calls its content, such as its ETag"
    )
    digest: str
    before: int = Field(description="usable rows")
    after: int | None = Field(description="rows kept; of weights, rows of the thinned sample; null for all methods")


class Reference(Document):
    """How an order of the rows is got again."""

    command: str
    seed: int
    estimator: str


class Pruning(Document):
    """The result of `specaudit prune`."""

    schema_: Literal["specaudit.prune/1"] = Field(default="specaudit.prune/1", alias="schema")
    method: str = Field(description="a method's name, or all")
    methods: tuple[Method, ...]
    keep: tuple[float, ...] = Field(description="shares of the usable rows; empty for weights")
    cap: float | None = Field(description="largest weight C, of mean weight 1; null where rows are kept or dropped")
    verdict: Verdict | None = Field(description="of the audit; null for all methods, which are not gated")
    exit_code: int
    primary: str = Field(description="the first kernel")
    rows: Pruned
    audit: Comparison | None = Field(description="the pruning as `specaudit compare` audits it; null for all methods")
    bound: Consistency | None = Field(
        description="0 <= T_w <= C T on eigenvalues: limit is C (n/m of a subset), observed the largest ratio of "
        "eigenvalues; null where AFTER's sample is no part of BEFORE's"
    )
    trials: tuple[Trial, ...] = Field(description="for all methods, the table")
    search: Search | None = Field(description="of --keep auto")
    reproduce: Reference
    environment: Environment
    warnings: tuple[Warning_, ...]
    kept: tuple[int, ...] = Field(default=(), exclude=True, description="row numbers, ascending; not written")
    kept_ids: tuple[str, ...] | None = Field(default=None, exclude=True, description="their ids; not written")
    weights: tuple[float, ...] = Field(default=(), exclude=True, description="of all rows; not written")

    def raise_for_verdict(self) -> None:
        """Raise VerdictError unless the audit passed; all methods together have no verdict."""
        if self.audit is not None:
            self.audit.raise_for_verdict()

    def to_json(self) -> str:
        """Return the document: strict JSON, sorted keys, 6 significant digits, ending in a newline."""
        return to_json(self)

    def plot(self, path: str | Path) -> None:
        """Write the figure to a .svg, .pdf or .png file: every method against rows kept, else the audit's."""
        from specaudit.report.prune import plots

        plots.save_pruning(self, path)
