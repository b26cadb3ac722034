"""The document of `specaudit fit`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from specaudit.documents.base import Document, Environment, Kernel, Warning_, to_json

if TYPE_CHECKING:
    from pathlib import Path

Status = Literal["resolved", "drifting", "not-power-law", "unresolved"]


class Norms(Document):
    """Euclidean norms of the usable rows, before any normalisation."""

    min: float
    mean: float
    max: float


class Neighbours(Document):
    """Nearest different row of each query row (exact copies of the query excluded)."""

    index: str = Field(description="exact, or the approximate FAISS index used")
    deterministic: bool = Field(default=True, description="false where the build of the index depends on threads")
    recall: float | None = Field(description="share of the k true neighbours that were found, in [0, 1]")
    k: int = Field(default=2, description="neighbours of each query")
    queries: int = Field(description="different rows whose neighbours were searched")
    candidates: int = Field(description="rows that were searched")
    distance_min: float
    distance_p05: float
    distance_median: float


class Dataset(Document):
    """What the one pass over all rows found."""

    source: str
    source_version: str | None = Field(
        default=None, description="what the store of a remote source calls its content, such as its ETag"
    )
    model: str | None = Field(description="the embedding model, as told by --model")
    rows: int
    dimensions: int
    dtype: str
    digest: str = Field(description="of the multiset of usable rows; independent of order, shards and dtype")
    nonfinite_rows: int
    overflow_rows: int = Field(default=0, description="finite, but with a squared norm beyond float64")
    zero_rows: int = Field(description="of norm zero; bad rows only under l2")
    dropped_rows: int
    unique_rows: int
    duplicate_fraction: float = Field(description="1 - unique rows / usable rows")
    effective_rows: float = Field(description="(sum w)^2 / sum w^2 over unique rows of multiplicity w")
    near_duplicate_fraction: float = Field(description="share of rows with another row within the radius")
    near_duplicate_error: float = Field(description="standard error of that share; 0 when every row was asked")
    near_duplicate_radius: float = Field(description="a tenth of the primary kernel's bandwidth")
    neighbours: Neighbours
    constant_columns: tuple[int, ...]
    norms: Norms
    has_ids: bool


class GraphCheck(Document):
    """The slope by the kernel graph less that of the dense operator, both of the same rows, without calibration."""

    rows: int
    delta: float
    low: float
    high: float


class Rung(Document):
    """Slopes with one number of rows, over the window that ends at the same share of them."""

    rows: int
    window: tuple[float, float] | None = Field(description="effective dimensions N_2")
    dense: float | None
    graph: float | None
    calibrated: float | None


class Graph(Document):
    """The kernel graph of all rows, and how it was held to the dense operator on sub-samples."""

    rows: int = Field(description="different rows of the graph")
    landmarks: int
    neighbors: int
    index: str
    recall: float
    trusted: bool = Field(description="whether the graph's answer is given; else the dense sample's is")
    share: float = Field(description="N_1 over the rows at which the window ends")
    shift: float | None = Field(description="slope of the graph less the calibrated one")
    trend: float | None = Field(description="largest change of the slope from one calibration size to the next")
    error: float | None = Field(description="what the interval allows for it")
    ladder: tuple[Rung, ...]


class Estimator(Document):
    """How the spectrum was computed."""

    operator: Literal["dense", "graph"]
    method: Literal["eigh", "block-lanczos", "covariance"]
    rows: int = Field(description="rows represented, copies counted")
    unique_rows: int = Field(description="rows of the matrix after copies were merged")
    seed: int
    version: str
    probes: int = Field(description="random sign probes; 0 when the whole spectrum is exact")
    steps: int = Field(description="block Lanczos steps; 0 when the whole spectrum is exact")
    converged: bool = Field(description="one step less left the window's curve unchanged")
    graph_check: GraphCheck | None
    graph: Graph | None = None


class Capacity(Document):
    """The population's effective dimensions against the population ridge kappa (of K/n)."""

    kappa: tuple[float, ...]
    n1: tuple[float, ...]
    n2: tuple[float, ...]
    kappa_low: tuple[float, ...] = Field(description="95 % band of kappa at the same n2: sampling and probes")
    kappa_high: tuple[float, ...]
    trusted_n2: float = Field(description="deepest n2 that the exponent uses; points past it are indicative")


class LocalExponent(Document):
    """b_2(N_2) = - d ln kappa / d ln N_2, with its 95 % band; b_1 and b_3 at the same points."""

    n2: tuple[float, ...]
    value: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    b1: tuple[float, ...]
    b3: tuple[float, ...]


class Interval(Document):
    """A closed interval."""

    low: float
    high: float


class Exponent(Document):
    """The tail exponent b: the slope of ln kappa against ln N_2 over the window."""

    value: float | None = Field(description="null unless resolved or drifting")
    low: float | None
    high: float | None
    confidence: float
    window: tuple[float, float] | None = Field(description="effective dimensions N_2")
    range: Interval | None = Field(description="of the local exponent across the window; null if unresolved")
    status: Status
    reason: str
    shape: str = Field(description="the shape that fits the window best")
    slope: float | None = Field(description="the plain slope over the window whatever the status, for comparison")
    sampling_error: float | None = Field(description="jackknife standard error of the slope")
    probe_error: float | None = Field(description="standard error of the slope from the random probes")
    size_drift: float | None = Field(description="slope of a nested half of the rows minus the slope, same window")
    operator_error: float | None = Field(default=None, description="error that an approximate operator leaves")
    rows_needed: int | None = Field(description="rows that would resolve it, where more rows would")


class Diversity(Document):
    """One diversity index: corrected for the number of rows where possible, and the plain sample value."""

    value: float | None = Field(description="corrected for n; null where no correction holds")
    sample: float = Field(description="the plain value on the rows used")
    rows: int
    formula: str
    source: str
    centered: bool
    correction: str


class Counting(Document):
    """The whole spectrum: how many eigenvalues of K/n are at least `eigenvalue` (by quadrature)."""

    eigenvalue: tuple[float, ...]
    count: tuple[float, ...]


class Spectrum(Document):
    """Everything measured under one kernel."""

    kernel: Kernel
    estimator: Estimator
    eigenvalues: tuple[float, ...] = Field(description="leading eigenvalues of K/n")
    eigenvalue_errors: tuple[float, ...] = Field(description="bounds on their numerical error")
    trace: float | None = Field(default=None, description="sum of all eigenvalues of K/n")
    counting: Counting
    capacity: Capacity
    local_exponent: LocalExponent
    exponent: Exponent
    diversity: Mapping[str, Diversity]


class FusedDifference(Document):
    """The slope of the fused kernel less another, jackknifed over the same groups of rows."""

    move: Literal["steeper", "flatter", "none seen", "cannot tell"]
    value: float | None
    low: float | None = Field(description="of its 95 % interval")
    high: float | None
    reason: str = Field(description="why it cannot be told")


class FusedAlone(Document):
    """One side without the other, on the same rows."""

    kernel: Kernel
    exponent: Exponent
    itself: Exponent = Field(description="of the kernel fused with itself: a product is sharper, a sum the same")
    from_alone: FusedDifference
    from_itself: FusedDifference = Field(description="what is left is due to the other side")


class FusedSide(Document):
    """One of the two embeddings."""

    source: str
    source_version: str | None
    digest: str
    dimensions: int
    unique_rows: int
    alone: Mapping[str, FusedAlone] = Field(description="by kernel")


class Fusion(Document):
    """How the kernels of two embeddings of the same rows became one. Exploratory."""

    by: Literal["product", "sum"] = Field(description="k1 k2, or (k1 + k2) / 2")
    matched: Literal["id", "order"]
    sides: tuple[FusedSide, FusedSide]


class Fit(Document):
    """The result of `specaudit fit`."""

    schema_: Literal["specaudit.fit/1"] = Field(default="specaudit.fit/1", alias="schema")
    dataset: Dataset
    primary: str
    spectra: Mapping[str, Spectrum]
    fusion: Fusion | None = Field(default=None, description="of a fit of two embeddings; null for one")
    environment: Environment
    warnings: tuple[Warning_, ...]

    @property
    def exponent(self) -> Exponent:
        """The exponent under the primary kernel."""
        return self.spectra[self.primary].exponent

    def to_json(self) -> str:
        """Return the document: strict JSON, sorted keys, 6 significant digits, ending in a newline."""
        return to_json(self)

    def plot(self, path: str | Path) -> None:
        """Write the figure (scree, capacity curves, local exponents) to a .svg, .pdf or .png file."""
        from specaudit.report import plots

        plots.save_fit(self, path)
