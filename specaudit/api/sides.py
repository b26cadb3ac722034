"""The two sides of a comparison: BEFORE and AFTER read from sources, or AFTER as a proposal on BEFORE."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from specaudit.api.common import check_scale, fraction
from specaudit.budget import check_memory, comparison_memory, scan_memory
from specaudit.dataset import DataSet, IntArray
from specaudit.embeddings import (
    HERE,
    Embeddings,
    Engine,
    concatenated,
    held_texts,
    open_embeddings,
    read_selection,
    read_weights,
)
from specaudit.errors import ConfigError, InputError
from specaudit.hashing import row_keys
from specaudit.kernels import Normalize
from specaudit.progress import Progress
from specaudit.scan import scan

if TYPE_CHECKING:
    from specaudit.api.common import Source

    Rule = str | os.PathLike[str] | Sequence[Any] | np.ndarray[Any, Any]
    Ids = str | os.PathLike[str] | Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What is proposed to do to BEFORE: which rows stay, with what weight, and what is added."""

    kept: Rule | None = None
    dropped: Rule | None = None
    weights: Rule | None = None
    added: Source | None = None

    def __post_init__(self) -> None:
        """Refuse several rules at once."""
        if sum(rule is not None for rule in (self.kept, self.dropped, self.weights)) > 1:
            raise ConfigError("--kept, --dropped and --weights exclude one another", next_step="give one of them")

    @property
    def given(self) -> bool:
        """Whether anything is proposed."""
        return any(rule is not None for rule in (self.kept, self.dropped, self.weights, self.added))

    def times(self, embeddings: Embeddings, seed: int) -> IntArray:
        """Return how often each row of BEFORE is kept (rows,)."""
        if self.weights is not None:
            return _thinned(read_weights(self.weights, embeddings), seed)
        rule = self.kept if self.kept is not None else self.dropped
        if rule is None:
            return np.ones(embeddings.rows, np.int64)
        return read_selection(rule, embeddings, drop=self.kept is None)


def _thinned(weights: np.ndarray[Any, Any], seed: int) -> IntArray:
    """Return which rows are kept with probability weight / largest weight, by a hash of their number.

    Bounded weights w change the operator to M_sqrt(w) T M_sqrt(w); rows thinned in proportion to them have, with unit
    weights, the same operator up to a constant.
    """
    keys = row_keys(np.arange(len(weights), dtype=np.uint64), seed + 1)
    kept: IntArray = (keys < weights / weights.max() * 2.0**64).astype(np.int64)
    return kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Opens and scans the sides; they are closed with the stack.

    Attributes
    ----------
    opening, scanning
        Options of `open_embeddings` and of `scan`.
    opened
        What was read so far.
    """

    stack: ExitStack
    report: Progress
    opening: dict[str, Any]
    scanning: dict[str, Any]
    opened: list[Embeddings] = field(default_factory=list)

    @property
    def scanned(self) -> list[int]:
        """Rows of what was read so far."""
        return [embeddings.rows for embeddings in self.opened]

    @classmethod
    def of(
        cls,
        stack: ExitStack,
        report: Progress,
        *,
        dtype: str | None,
        shape: tuple[int, int] | None,
        column: str | None,
        max_memory: int | None,
        seed: int,
        max_rows: int,
        normalize: Normalize,
        drop_bad_rows: bool,
        without: Rule | None = None,
        engine: Engine = HERE,
    ) -> Reader:
        """Return a reader with the arguments of the verb; `without` is what is given as the groups of BEFORE."""
        return cls(
            stack=stack,
            report=report,
            opening={
                "without": without,
                "dtype": dtype,
                "shape": shape,
                "column": column,
                "max_memory": max_memory,
                "engine": engine,
            },
            scanning={"seed": seed, "max_rows": max_rows, "normalize": normalize, "drop_bad_rows": drop_bad_rows},
        )

    def read(self, source: Source, ids: Ids | None, groups: Rule | None = None) -> DataSet:
        """Return all rows of a source."""
        embeddings = self.stack.enter_context(open_embeddings(source, ids=ids, groups=groups, **self.opening))
        others, held = sum(self.scanned), held_texts(*self.opened, embeddings)
        check_memory(lambda _: scan_memory(embeddings.rows, others=others), self.opening["max_memory"], held=held)
        self.opened.append(embeddings)
        with self.report.stage(f"scan {embeddings.name}") as stage:
            found = scan(embeddings, progress=fraction(stage.update), **self.scanning)
        check_scale(embeddings, found)
        return DataSet.of(embeddings, found)

    def propose(self, before: DataSet, proposal: Proposal, ids_added: Ids | None) -> DataSet:
        """Return what a proposal makes of BEFORE."""
        rows, held = before.embeddings.rows, held_texts(*self.opened)
        check_memory(
            lambda _: comparison_memory((rows, rows), (2, 2), before.embeddings.dimensions, 1),
            self.opening["max_memory"],
            held=held,
        )
        kept = before.selected(proposal.times(before.embeddings, self.scanning["seed"]))
        if proposal.added is not None:
            extra = self.read(proposal.added, ids_added)
            check_dimensions(before, extra)
            kept = kept.joined(extra, concatenated(before.embeddings, extra.embeddings))
        if len(kept.copies) < 2:
            raise InputError(
                f"the proposal leaves {len(kept.copies)} different rows", next_step="a comparison needs at least 2"
            )
        return kept


def check_dimensions(before: DataSet, after: DataSet) -> None:
    """Raise InputError where rows of both sides cannot be of one model."""
    one, other = before.embeddings, after.embeddings
    if one.dimensions != other.dimensions:
        raise InputError(
            f"{other.name}: {other.dimensions:,} dimensions, but {one.name} has {one.dimensions:,}",
            next_step="compare embeddings of one model",
        )


def check_models(before: str | None, after: str | None) -> None:
    """Raise InputError where the names of two models differ."""
    if before and after and before != after:
        raise InputError(
            f"BEFORE is of model {before}, AFTER of {after}", next_step="embed both sides with one model"
        )
