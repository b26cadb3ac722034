"""The document of `specaudit compare`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from specaudit.documents.base import Document, Environment, Kernel, Warning_, to_json
from specaudit.documents.span import SpanSet

if TYPE_CHECKING:
    from pathlib import Path

Verdict = Literal["pass", "fail", "inconclusive"]
GateStatus = Literal["pass", "fail", "inconclusive", "skipped", "waived"]
GateId = Literal["capacity", "tail", "repeats", "consistency", "rows", "coverage", "span"]
RelationKind = Literal["identical", "reweighted", "prune", "augment", "replace", "fresh"]
Expectation = Literal["prune", "augment", "fresh", "any"]
NoCeiling = Literal["copies", "samples", "numbers"]
TailChange = Literal["preserved", "steeper", "flatter", "undecided"]


class Side(Document):
    """One of the two data sets, as the one pass over it found it."""

    source: str
    source_version: str | None = Field(
        default=None, description="what the store of a remote source calls its content, such as its ETag"
    )
    model: str | None
    rows: int
    dimensions: int
    dtype: str
    digest: str
    dropped_rows: int
    unique_rows: int
    effective_rows: float = Field(description="(sum w)^2 / sum w^2 over unique rows of multiplicity w")
    duplicate_fraction: float = Field(description="1 - unique rows / usable rows")
    sampled_rows: int = Field(description="unique rows in the kernel matrices; fewer than unique_rows if sampled")
    baseline: bool = Field(default=False, description="read from a saved baseline, not from embeddings")


class Relation(Document):
    """Which rows of the two data sets are the same; counts are of unique rows."""

    kind: RelationKind
    expected: Expectation
    matched_by: Literal["ids", "content", "selection", "sketch"] = Field(
        description="selection: a proposal such as --kept; sketch: the hashes that a baseline keeps"
    )
    shared: int = Field(description="unique rows of AFTER that are rows of BEFORE")
    near: int = Field(description="of these, matched by nearest neighbour, for want of equal content")
    tolerance: float | None = Field(description="distance within which rows were matched; null if none had to be")
    removed: int = Field(description="unique rows of BEFORE that AFTER lacks")
    added: int = Field(description="unique rows of AFTER that BEFORE lacks")
    sample_overlap: int = Field(description="unique rows in the samples of both sides")
    scale: float | None = Field(
        default=None, description="expected fresh: median distance between AFTER's sampled rows over BEFORE's"
    )


class Null(Document):
    """How both sides were brought to equal size, and the random subsets that the change is judged against."""

    rows: int = Field(description="unique rows at which the two sides are compared")
    draws: int = Field(description="random row subsets drawn")
    drawn_from: Literal["before", "after", "both", "baseline", "none"]
    critical_value: float = Field(description="standard errors of the interval; one-sided 1 % over all statistics")
    statistics: int = Field(description="statistics tested together")


class Test(Document):
    """One statistic against its margin. Capacity falls and exponents rise when the tail is harmed."""

    statistic: Literal["capacity", "tail"]
    dimension: float | None = Field(description="capacity: effective dimensions N_1 at which ln kappa is compared")
    window: tuple[float, float] | None = Field(description="tail: effective dimensions N_2 of the slope")
    change: float = Field(description="capacity: change of ln kappa at equal N_1; tail: change of b_2")
    low: float
    high: float
    error: float = Field(description="standard error of the change if AFTER were random rows; 0 for equal content")
    z: float | None = Field(description="change over its standard error; null where that is 0")
    limit: float = Field(description="the margin: capacity may not fall, nor the exponent rise, beyond it")
    status: Literal["pass", "fail", "inconclusive"]
    rows_needed: int | None = Field(description="unique rows of the smaller side that would decide, if inconclusive")


class Gain(Document):
    """kappa_after / kappa_before at equal effective dimension N_1; below 1 is lost capacity."""

    dimension: tuple[float, ...]
    kappa_ratio: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


class DeepGain(Gain):
    """The same past the dense depth, from both sides' kernel graphs at equal size: information, no gate counts it."""

    rows: int = Field(description="different rows of each side's graph")
    landmarks: int
    neighbors: int
    disagreement: float = Field(
        description="ln kappa_after / kappa_before by the graphs less that of the dense matrices, where both reach; "
        "the interval is as much wider"
    )


class Curve(Document):
    """Capacity curve and local exponents of one side at the compared size, with 95 % bands."""

    eigenvalues: tuple[float, ...] = Field(description="leading eigenvalues of K/n at the compared size")
    kappa: tuple[float, ...]
    kappa_low: tuple[float, ...]
    kappa_high: tuple[float, ...]
    n1: tuple[float, ...]
    n2: tuple[float, ...] = Field(description="the same for both sides")
    exponent: tuple[float, ...] = Field(description="local exponent b_2 at n2")
    exponent_low: tuple[float, ...]
    exponent_high: tuple[float, ...]


class Change(Document):
    """A number with its interval."""

    value: float
    low: float
    high: float


class FiniteRegion(Document):
    """Bins of eigenvalue rank at equal size: where the front gained and whether the tail kept its height."""

    rank: tuple[float, ...] = Field(description="geometric middle of each bin of ranks")
    log_ratio: tuple[float, ...] = Field(description="mean ln(eigenvalue after / before) in the bin")
    error: tuple[float, ...] = Field(description="standard error of that under random subsets")
    cutoff: int | None = Field(description="upper rank of the last bin that differs from the tail; null if none does")
    peak_gain: float = Field(description="lower bound of the largest gain of a bin, as a factor")
    tail_ratio: float = Field(description="eigenvalues after / before in the last three bins")
    tail_flat: bool = Field(description="the last bins agree, so that a cutoff means something")


class DiversityChange(Document):
    """A diversity index of both sides at equal size, with the 95 % interval of its ratio; information, no gate."""

    before: float = Field(description="geometric mean over the subsets of a side, if its rows are more than compared")
    after: float
    ratio: float = Field(description="after / before")
    low: float
    high: float


class SpectrumChange(Document):
    """Everything compared under one kernel."""

    kernel: Kernel
    draws: int = Field(default=0, description="random row subsets drawn under this kernel")
    tests: tuple[Test, ...]
    delta_exponent: Change | None = Field(description="change of b_2 over the window; null if no window was reached")
    window: tuple[float, float] | None = Field(description="effective dimensions N_2 of delta_exponent")
    depth: tuple[float, float] = Field(description="deepest trusted N_2 of BEFORE and AFTER, each with all its rows")
    gain: Gain
    deep_gain: DeepGain | None = Field(default=None, description="--operator graph")
    before: Curve
    after: Curve
    finite_region: FiniteRegion | None
    diversity: Mapping[str, DiversityChange] = Field(
        default_factory=dict, description="Vendi score, participation ratio, and RankMe under the linear kernel"
    )


class Consistency(Document):
    """Ceiling on a subset's eigenvalues of K/n: at most n/m times those of the whole set, at every rank."""

    limit: float = Field(description="n/m, unique rows of BEFORE over AFTER")
    observed: float = Field(description="largest ratio of eigenvalues after / before")
    ranks: int = Field(description="eigenvalues compared")
    holds: bool


class Waiver(Document):
    """Why a gate's result does not count."""

    reason: str
    until: str | None = Field(description="last day on which it holds, YYYY-MM-DD; null when given for one run")


class Gate(Document):
    """One gate: what was observed, against which limit, and what follows."""

    id: GateId
    status: GateStatus
    observed: float | None = Field(description="the change that decided, in the unit of the limit")
    low: float | None
    high: float | None
    limit: float | None
    where: str = Field(description="which kernel and dimension decided; empty where there is no choice")
    reason: str = Field(description="one sentence; of a failed gate, the harm")
    next_step: str
    rows_needed: int | None = Field(default=None, description="rows that would decide an inconclusive gate")
    waiver: Waiver | None = None
    suspended: Literal["pass", "fail", "inconclusive"] | None = Field(
        default=None, description="of a waived gate, what it would have been"
    )


class NamedRow(Document):
    """A removed row, with the distance to the nearest row that was kept."""

    row: int = Field(description="row number in BEFORE, from 0")
    id: str | None
    distance: float = Field(description="in bandwidths of the first kernel that has one, else in units of the rows")
    leverage: float | None = Field(
        default=None, description="effective dimensions that one copy carried, in [0, 1], see rows.carried"
    )


class Carried(Document):
    """How much of the tail the removed rows of BEFORE's sample carried: their ridge leverage."""

    kernel: str
    dimension: float = Field(description="N_1 of the sample at the ridge: an eighth of its rows, where it reaches it")
    rows: float = Field(description="share of the rows that were removed, copies counted")
    capacity: float = Field(description="share of N_1 that they carried; that of random rows equals `rows`")
    first_tenth: float = Field(description="share of this carried by the tenth of them with the largest leverage")
    explained: float | None = Field(
        description="share of the capacity lost at the deepest test that these leverages explain; what they do "
        "not is carried by removed rows that stand in for one another; null where none was surely lost, or rows added"
    )


class Group(Document):
    """A group of BEFORE's rows, and how many of them were kept."""

    name: str
    rows: int = Field(description="rows of BEFORE in it that can be used, copies counted")
    kept: int = Field(
        description="of these, those whose content is in AFTER; of a proposal, those that it keeps, by weights after "
        "thinning"
    )
    share: float = Field(description="kept over rows")
    chance: float = Field(
        description="bound of the chance that rows removed at random leave any group as small a share, at most 1"
    )
    lost: bool = Field(description="share below a quarter of the overall one, and chance below 1 %")


class Groups(Document):
    """What was kept of the groups that --groups gives. It is reported; no gate counts it."""

    count: int = Field(description="groups with rows that can be used")
    unused: int = Field(description="groups without any")
    lost: int = Field(description="groups that are lost")
    share: float = Field(description="of all rows of BEFORE that can be used, those kept")
    groups: tuple[Group, ...] = Field(
        description="lost ones first, then by rising share and falling rows; the first 1,000 of `count`"
    )


class Rows(Document):
    """The amount of data, which a spectrum says nothing about."""

    before: int
    after: int
    unique_before: int
    unique_after: int
    removed_far: tuple[NamedRow, ...] = Field(description="removed rows farthest from any kept row, farthest first")
    searched: int = Field(description="removed rows whose distance was looked at")
    removed_tail: tuple[NamedRow, ...] = Field(
        default=(), description="those of them that carried most of the tail, by falling leverage"
    )
    carried: Carried | None = Field(
        default=None, description="null where no row was removed, few are shared, or no kernel is one of distances"
    )
    groups: Groups | None = Field(default=None, description="null without --groups")
    removed_all: tuple[NamedRow, ...] = Field(default=(), exclude=True, description="all of these; not written")


class LostCluster(Document):
    """A cluster of BEFORE's rows of which hardly any were kept."""

    rows: int = Field(description="different rows of BEFORE in it, estimated from the sample")
    kept: float = Field(description="share of them that were kept")
    medoids: tuple[NamedRow, ...] = Field(description="the removed rows nearest to its centre")


class Coverage(Document):
    """The removed rows judged against the kept ones, as new rows are against real ones."""

    removed: SpanSet = Field(description="new-modes: the removed rows have modes of their own, a topic is lost")
    lost: tuple[LostCluster, ...] = Field(description="by falling number of rows")


class Reproduce(Document):
    """What is needed to get these numbers again."""

    command: str
    seed: int
    estimator: str
    before: str = Field(description="digest")
    after: str = Field(description="digest")


class Comparison(Document):
    """The result of `specaudit compare`."""

    schema_: Literal["specaudit.compare/1"] = Field(default="specaudit.compare/1", alias="schema")
    verdict: Verdict
    exit_code: int
    relation: Relation
    tail: TailChange
    primary: str
    delta_exponent: Change | None = Field(description="under the primary kernel")
    spectra: Mapping[str, SpectrumChange]
    finite_region: FiniteRegion | None = Field(description="under the primary kernel")
    consistency: Consistency | None = Field(description="null unless AFTER is a subset of BEFORE, row by row")
    no_ceiling: NoCeiling | None = Field(
        default=None,
        description="why a pruning has no ceiling: copies that BEFORE lacks, samples not nested, or rows that "
        "were matched and hold other numbers",
    )
    span: SpanSet | None = Field(
        default=None, description="added rows judged against BEFORE's; null where none were added"
    )
    coverage: Coverage | None = Field(default=None, description="null where no rows were removed")
    null: Null
    gates: tuple[Gate, ...]
    smallest_harm: Mapping[str, float] | None = Field(
        default=None, description="--calibrate: per statistic, the smallest change that fails with 80 % power"
    )
    rows: Rows
    before: Side
    after: Side
    reproduce: Reproduce
    environment: Environment
    warnings: tuple[Warning_, ...]

    def gate(self, name: str) -> Gate | None:
        """Return the gate called `name`, or None where it is not among the gates."""
        return next((gate for gate in self.gates if gate.id == name), None)

    def raise_for_verdict(self) -> None:
        """Raise VerdictError unless the verdict is pass."""
        from specaudit.errors import VerdictError

        if self.verdict != "pass":
            decided = [gate for gate in self.gates if gate.status == self.verdict]
            raise VerdictError(
                f"{self.verdict}: {'; '.join(f'{gate.id}: {gate.reason}' for gate in decided)}",
                next_step=decided[0].next_step if decided else "",
                comparison=self,
            )

    def to_json(self) -> str:
        """Return the document: strict JSON, sorted keys, 6 significant digits, ending in a newline."""
        return to_json(self)

    def plot(self, path: str | Path) -> None:
        """Write the figure (scree, capacity curves, gain, local exponents) to a .svg, .pdf or .png file."""
        from specaudit.report.compare import plots

        plots.save_comparison(self, path)
