"""The document of `specaudit frontier`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from specaudit.documents.base import Document, Environment, Kernel, Warning_, to_json
from specaudit.documents.headroom import HeadroomCurve, HeadroomNull, HeadroomVerdict

if TYPE_CHECKING:
    from pathlib import Path

FrontierStatus = Literal["resolved", "below", "beyond", "refused"]
GrowthStatus = Literal["measured", "inconclusive", "not-applicable"]
CollapseStatus = Literal["none", "collapse", "undecided"]
ProposalKind = Literal["band", "guard", "refused"]


class LoggedRun(Document):
    """The log, and the rows that it is of."""

    source: str = Field(description="of the embeddings")
    digest: str = Field(description="of the embeddings")
    rows: int = Field(description="usable rows of the embeddings")
    dimensions: int
    residuals: str = Field(description="where they were read")
    logged_rows: int
    used_rows: int = Field(description="logged rows that were looked at")
    outputs: int
    checkpoints: int = Field(description="with the reference")


class ModesFound(Document):
    """The leading eigenvectors of the used rows' kernel matrix."""

    count: int
    exact: bool = Field(description="of a full decomposition")
    aligned_share: float = Field(
        description="of the reference's energy, its mean taken off, in the leading 256 or fewer"
    )
    random_share: float = Field(description="the same of the rows in random order")


class Checkpoint(Document):
    """The run at one time."""

    time: float | None = Field(description="null where the log has no times")
    mean_square: float = Field(description="mean squared residual of a row")
    frontier: float | None = Field(description="k*, to which modes are learned; null unless resolved")
    low: float | None = Field(description="of its 95 % interval")
    high: float | None
    status: FrontierStatus
    coherence: float | None = Field(description="I_1: how far residuals agree with those of the nearest rows")
    weighted_coherence: float | None = Field(description="I_w: the same under weights by the squared residual")
    share: tuple[float, ...] = Field(description="of the reference's energy that is left in each bin, made monotone")


class FrontierGrowth(Document):
    """The slope d ln k* / d ln t; it depends on the optimiser, so compare runs of one only."""

    value: float | None
    low: float | None
    high: float | None
    window: tuple[float, float] | None = Field(description="first and last k* of it")
    times: tuple[float, float] | None
    local_exponent: float | None = Field(
        description="b of the kernel's eigenvalues on the window; gradient descent at a constant rate grows t^(1/b)"
    )
    status: GrowthStatus
    reason: str


class NoiseBegin(Document):
    """Where the reference's spectrum meets its floor: label noise, or what the kernel does not see."""

    rank: float | None = Field(
        description="k_noise, from which on no more than half is signal; null where past the modes, or no floor"
    )
    share: float | None = Field(description="of the reference's energy that the floor has in all modes")
    passed: float | None = Field(description="time or number of the first checkpoint whose frontier is past it")


class Collapse(Document):
    """Whether weights by the squared residual gather on noise."""

    ratio: float | None = Field(description="D = I_w / I_1, the smallest over checkpoints with I_1 of at least .1")
    checkpoint: int | None = Field(description="number of that checkpoint, from 0")
    safe: float = Field(description="D from which they do not")
    certain: float = Field(description="D below which they do")
    status: CollapseStatus


class FrontierHeadroom(Document):
    """By how much any weights of rows, at most the cap, could speed up what comes after the learned modes."""

    verdict: HeadroomVerdict = Field(description="none: no more than may be chance, and weights are refused")
    reason: str
    learned: int = Field(description="leading modes taken for learned at the last checkpoint")
    rank: int | None = Field(
        description="modes past which it is judged: the learned ones, or as near to them as the rows tell; null if "
        "unresolved"
    )
    gain: float | None = Field(description="there, the most that weights could make of the tail's rate")
    need: float | None = Field(description="there, the factor of an oracle")
    curve: HeadroomCurve | None = Field(description="null where nothing could be worked out")
    null: HeadroomNull | None


class NextWeights(Document):
    """What sample weights are proposed for what follows; the weights themselves are a file."""

    kind: ProposalKind
    reason: str
    cap: float
    learned: int | None = Field(description="leading modes taken for learned")
    rows: int = Field(description="rows that get one; all others keep weight 1")
    largest: float | None
    effective_share: float | None = Field(description="(sum w)^2 / (n sum w^2)")
    edges: tuple[float, ...] = Field(description="of a histogram of the weights")
    counts: tuple[int, ...]


class FrontierReproduce(Document):
    """What is needed to get these numbers again."""

    command: str
    seed: int
    estimator: str


class Frontier(Document):
    """The result of `specaudit frontier`."""

    schema_: Literal["specaudit.frontier/1"] = Field(default="specaudit.frontier/1", alias="schema")
    run: LoggedRun
    kernel: Kernel
    modes: ModesFound
    bins: tuple[float, ...] = Field(description="geometric mean of the ranks in each bin of modes")
    checkpoints: tuple[Checkpoint, ...]
    growth: FrontierGrowth
    noise: NoiseBegin
    collapse: Collapse
    headroom: FrontierHeadroom
    proposal: NextWeights
    reproduce: FrontierReproduce
    environment: Environment
    warnings: tuple[Warning_, ...]
    weights: tuple[float, ...] = Field(default=(), exclude=True, description="of all rows; not written")

    def to_json(self) -> str:
        """Return the document: strict JSON, sorted keys, 6 significant digits, ending in a newline."""
        return to_json(self)

    def plot(self, path: str | Path) -> None:
        """Write the figure (shares left, growth, headroom, next weights) to a .svg, .pdf or .png file."""
        from specaudit.report.frontier import plots

        plots.save_frontier(self, path)
