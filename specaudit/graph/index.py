"""Kinds of neighbour index behind one protocol: exhaustive, and approximate ones for more rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import numpy.typing as npt

from specaudit.errors import ConfigError
from specaudit.graph.search import Flags, Integers, exact_index, load_faiss

Points = npt.NDArray[np.float32]

RECALL = 0.95
"""Recall that IVF is held to, and below which an approximate index is warned of."""
CROSSING = 2e11
"""Rows x queries x dimensions up to which all rows are searched exhaustively: some 10 s on two cores. IVF is
faster from 0.5e11 on (S^5 in 128 dimensions) or 4e11 (WordNet, 384): benchmarks/results/neighbours.md."""
FEWEST_QUERIES = 256
SMALL = 16_384
"""Rows up to which `auto` takes no approximate index."""
AFFORDABLE = 1e11
"""Rows^1.5 x dimensions up to which `auto` asks an IVF index for all rows: about 10 minutes on two cores."""
NARROW = 8
"""Dimensions that fewer ones cost no less than: what is looked up for a distance outweighs its products."""

LISTS = 4
"""Lists of an IVF index in roots of its rows."""
TRAINING = 32
"""Training rows of a list."""
HELD = 512
"""Rows kept from the training, by which the lists to probe are chosen."""
LINKS, BUILD_DEPTH, SEARCH_DEPTH = 32, 80, 128
"""Of HNSW: links of a row, candidates kept while it is linked, and while it is searched for."""
DEGREE = 48
"""Neighbours of a row in the graph of NN-descent."""
FEWEST = 256
"""Rows up to which NN-descent has nothing to descend: they are searched exhaustively."""


class Index(Protocol):
    """Points of one space among which nearest ones are found.

    Attributes
    ----------
    exact
        Whether all points are compared.
    deterministic
        Whether the same calls give the same answer, whatever the threads.
    """

    exact: ClassVar[bool]
    deterministic: ClassVar[bool]

    @classmethod
    def of(cls, dimensions: int, rows: int, training: Points, learned: Points | None = None) -> Self:
        """Return an empty index for about so many rows.

        `training` (m, dimensions) is a random sample of them, and `learned` what such an index learned of it before.
        """
        ...

    @property
    def learned(self) -> Points | None:
        """What was learned of the training rows; None where nothing is."""
        ...

    @staticmethod
    def bytes(rows: int, dimensions: int) -> int:
        """Return the bytes that it takes at its peak."""
        ...

    def add(self, points: Points) -> None:
        """Add points (b, d); their places follow those of the points before."""
        ...

    def prepare(self, k: int) -> None:
        """Become what a search for ``k`` points would make of the index: what it chooses is in later answers."""

    def search(self, queries: Points, k: int) -> tuple[Points, Integers]:
        """Return squared distances (q, k), ascending, and places (q, k), -1 where nothing was found."""
        ...


@dataclass(slots=True)
class FlatIndex:
    """Compares all points."""

    exact: ClassVar[bool] = True
    deterministic: ClassVar[bool] = True

    index: Any = field(repr=False)

    @classmethod
    def of(cls, dimensions: int, rows: int, training: Points, learned: Points | None = None) -> Self:
        """Return an empty index."""
        return cls(exact_index(dimensions))

    @property
    def learned(self) -> None:
        """Nothing."""

    @staticmethod
    def bytes(rows: int, dimensions: int) -> int:
        """Return the bytes that it takes; its points may move while they grow."""
        return 8 * rows * dimensions

    def add(self, points: Points) -> None:
        """Add points (b, d)."""
        self.index.add(points)

    def prepare(self, k: int) -> None:
        """Nothing to choose."""

    def search(self, queries: Points, k: int) -> tuple[Points, Integers]:
        """Return squared distances and places (q, k)."""
        squared, places = self.index.search(queries, k)
        return squared, places


@dataclass(slots=True)
class IvfIndex:
    """Compares the points of the lists whose k-means centres are nearest.

    How many lists are probed is chosen at the first search, and again whenever the points have doubled: enough for
    a recall of .95 on rows that were kept from the training, against probing all.
    """

    exact: ClassVar[bool] = False
    deterministic: ClassVar[bool] = True

    index: Any = field(repr=False)
    held: Points = field(repr=False)
    tuned: tuple[int, int] = (0, 0)  # points and k when the lists to probe were chosen

    @classmethod
    def of(cls, dimensions: int, rows: int, training: Points, learned: Points | None = None) -> Self:
        """Return an empty index with 4 sqrt(rows) lists, or fewer where few rows train them."""
        held, used = training[:HELD], training[HELD:] if len(training) > 2 * HELD else training
        lists = max(1, min(int(LISTS * rows**0.5), len(used) // TRAINING))
        centres = exact_index(dimensions)
        if learned is not None:
            centres.add(learned)
        index = load_faiss().IndexIVFFlat(centres, dimensions, lists)
        index.cp.min_points_per_centroid = 1
        index.cp.max_points_per_centroid = TRAINING
        index.train(used[: lists * TRAINING])
        return cls(index, held)

    @property
    def learned(self) -> Points | None:
        """The centres of the lists (lists, dimensions)."""
        centres: Points = self.index.quantizer.reconstruct_n(0, self.index.nlist)
        return centres

    @staticmethod
    def bytes(rows: int, dimensions: int) -> int:
        """Return the bytes that it takes: lists grow by doubling; the training rows."""
        return int(rows * (2 * (4 * dimensions + 8)) + LISTS * rows**0.5 * (2 * TRAINING + 1) * 4 * dimensions)

    def add(self, points: Points) -> None:
        """Add points (b, d)."""
        self.index.add(points)

    def prepare(self, k: int) -> None:
        """Choose how many lists are probed, where that is due."""
        rows, k_before = self.tuned
        if k != k_before or self.index.ntotal >= 2 * rows:
            self._tune(k)

    def search(self, queries: Points, k: int) -> tuple[Points, Integers]:
        """Return squared distances and places (q, k)."""
        self.prepare(k)
        squared, places = self.index.search(queries, k)
        return squared, places

    def _tune(self, k: int) -> None:
        """Probe more lists until the recall is reached; a held row itself, at distance 0, does not count."""
        self.tuned = (self.index.ntotal, k)
        self.index.nprobe = self.index.nlist
        squared, places = self.index.search(self.held, k)
        wanted, furthest = int(_others(squared, places).sum()), squared[:, -1:]
        probes = 1
        while probes < self.index.nlist:
            self.index.nprobe = probes
            squared, places = self.index.search(self.held, k)
            if (_others(squared, places) & (squared <= furthest)).sum() >= RECALL * wanted:
                return
            probes += max(1, probes // 2)
        self.index.nprobe = self.index.nlist


@dataclass(slots=True)
class HnswIndex:
    """Walks a layered graph of near points."""

    exact: ClassVar[bool] = False
    deterministic: ClassVar[bool] = False

    index: Any = field(repr=False)

    @classmethod
    def of(cls, dimensions: int, rows: int, training: Points, learned: Points | None = None) -> Self:
        """Return an empty index."""
        index = load_faiss().IndexHNSWFlat(dimensions, LINKS)
        index.hnsw.efConstruction = BUILD_DEPTH
        return cls(index)

    @property
    def learned(self) -> None:
        """Nothing."""

    @staticmethod
    def bytes(rows: int, dimensions: int) -> int:
        """Return the bytes that it takes: points and links move while they grow."""
        return 2 * rows * (4 * dimensions + 4 * 2 * LINKS + 16)

    def add(self, points: Points) -> None:
        """Add points (b, d), which are linked by all threads at once."""
        self.index.add(points)

    def prepare(self, k: int) -> None:
        """Nothing to choose."""

    def search(self, queries: Points, k: int) -> tuple[Points, Integers]:
        """Return squared distances and places (q, k)."""
        self.index.hnsw.efSearch = max(SEARCH_DEPTH, 4 * k)
        squared, places = self.index.search(queries, k)
        return squared, places


@dataclass(slots=True)
class DescentIndex:
    """Walks a graph of nearest points, found by NN-descent when the first search begins; then none can be added."""

    exact: ClassVar[bool] = False
    deterministic: ClassVar[bool] = False

    dimensions: int
    parts: list[Points] = field(default_factory=list, repr=False)
    index: Any = field(default=None, repr=False)

    @classmethod
    def of(cls, dimensions: int, rows: int, training: Points, learned: Points | None = None) -> Self:
        """Return an empty index."""
        return cls(dimensions)

    @property
    def learned(self) -> None:
        """Nothing."""

    @staticmethod
    def bytes(rows: int, dimensions: int) -> int:
        """Return the bytes that it takes: points thrice while it is built, and candidates of neighbours."""
        return rows * (3 * 4 * dimensions + 32 * DEGREE)

    def add(self, points: Points) -> None:
        """Add points (b, d).

        Raises
        ------
        RuntimeError
            It was searched before.
        """
        if self.index is not None:
            raise RuntimeError("an NN-descent index cannot grow once it was searched")
        self.parts.append(points)

    def prepare(self, k: int) -> None:
        """Build the graph."""
        if self.index is None:
            self.index = self._build()

    def search(self, queries: Points, k: int) -> tuple[Points, Integers]:
        """Return squared distances and places (q, k)."""
        self.prepare(k)
        squared, places = self.index.search(queries, k)
        return squared, places

    def _build(self) -> Any:
        points = np.concatenate([np.empty((0, self.dimensions), np.float32), *self.parts])
        self.parts.clear()
        if len(points) <= FEWEST:
            index = exact_index(self.dimensions)
        else:
            index = load_faiss().IndexNNDescentFlat(self.dimensions, DEGREE)
            index.nndescent.search_L = SEARCH_DEPTH
        index.add(points)
        return index


INDEXES: Mapping[str, type[Index]] = MappingProxyType(
    {"flat": FlatIndex, "ivf": IvfIndex, "hnsw": HnswIndex, "nndescent": DescentIndex}
)
"""Kinds of index by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """How the nearest rows of a data set are searched."""

    kind: str  # of INDEXES
    everyone: bool  # whether all rows are queries, else a sample of them


def choose_index(index: str, rows: int, dimensions: int, *, memory: int | None = None) -> Choice:
    """Return the kind of index for the nearest rows of so many rows; ``auto`` chooses by cost.

    Exhaustive for all rows while that is affordable; above it IVF for all rows, if it fits the memory and the time;
    else, and up to 16,384 rows, exhaustive for a sample of the rows.

    Parameters
    ----------
    memory
        Bytes that an index chosen by ``auto`` may take; None for any.

    Raises
    ------
    ConfigError
        The kind is unknown.
    """
    if index in INDEXES:
        return Choice(kind=index, everyone=True)
    if index != "auto":
        raise ConfigError(f"unknown index {index!r}", next_step=f"known: auto, {', '.join(INDEXES)}")
    if rows <= exact_queries(rows, dimensions):
        return Choice(kind="flat", everyone=True)
    fits = memory is None or IvfIndex.bytes(rows, dimensions) <= memory
    if rows > SMALL and fits and rows**1.5 * max(dimensions, NARROW) <= AFFORDABLE:
        return Choice(kind="ivf", everyone=True)
    return Choice(kind="flat", everyone=False)


def exact_queries(rows: int, dimensions: int) -> int:
    """Return how many queries may be compared with so many rows, at least 256."""
    return max(FEWEST_QUERIES, int(CROSSING / (rows * dimensions)))


def search_operations(choice: Choice, rows: int, dimensions: int) -> float:
    """Return the floating-point operations that the search takes, in units of dense products."""
    if choice.kind == "flat":
        queries = rows if choice.everyone else min(rows, exact_queries(rows, dimensions))
        return 2.0 * rows * dimensions * queries
    return float(max(dimensions, NARROW) * (20.0 * TRAINING * LISTS**2 * rows + 400.0 * rows**1.5))


def training_rows(rows: int) -> int:
    """Return the rows of a sample that train an index of so many rows."""
    return HELD + int(LISTS * rows**0.5) * TRAINING


def _others(squared: Points, places: Integers) -> Flags:
    """Return which of the found (q, k) are other points than the query."""
    return np.asarray((places >= 0) & (squared > 0))
