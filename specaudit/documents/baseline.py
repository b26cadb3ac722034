"""The document of `specaudit fit --baseline`: what a comparison needs of BEFORE, without its embeddings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from specaudit.documents.base import Document, to_json
from specaudit.documents.fit import Fit

NUMBERS = re.compile(r"\[[-+\d.eE,\s]+\]")


class Step(Document):
    """The mean over random subsets of one size, and the spread of a single subset; curves of ln kappa."""

    rows: int = Field(description="unique rows of each subset")
    draws: int = Field(description="subsets; 1 where a step is all rows, which has no spread")
    dimension: tuple[float, ...] = Field(description="N_1 of the capacity tests")
    log_kappa: tuple[float, ...]
    log_kappa_sd: tuple[float, ...]
    window: tuple[float, float] | None = Field(description="N_2 between which the exponent is read")
    exponent: float | None
    exponent_sd: float | None
    gain_dimension: tuple[float, ...] = Field(description="N_1 of the gain curve")
    gain_log_kappa: tuple[float, ...]
    gain_log_kappa_sd: tuple[float, ...]
    n2: tuple[float, ...] = Field(description="of the curves")
    n1: tuple[float, ...]
    curve_log_kappa: tuple[float, ...]
    curve_log_kappa_sd: tuple[float, ...]
    local_exponent: tuple[float, ...]
    local_exponent_sd: tuple[float, ...]
    eigenvalues: tuple[float, ...] = Field(description="leading eigenvalues of K/n")


class Ladder(Document):
    """The null under one kernel at falling sizes."""

    depth: float = Field(description="deepest trusted N_2 with all sampled rows")
    steps: tuple[Step, ...] = Field(description="by falling size")


class Baseline(Document):
    """A fit with the null at a ladder of sizes and the smallest keys of its rows."""

    schema_: Literal["specaudit.baseline/1"] = Field(default="specaudit.baseline/1", alias="schema")
    fit: Fit
    seed: int = Field(description="keys the sample and the row keys")
    sampled_rows: int = Field(description="unique rows in the kernel matrices")
    sampled_copies: int = Field(description="the same, copies counted")
    median_distance: float | None = Field(
        default=None, description="between sampled rows, normalised: what the scale of new data is held against"
    )
    keys: str = Field(description="smallest keys of the unique rows, ascending: base64 of big-endian 64-bit numbers")
    ladders: Mapping[str, Ladder]

    def to_json(self) -> str:
        """Return the document as others are written, but each list of numbers on one line, to stay small."""
        return NUMBERS.sub(lambda found: re.sub(r"\s+", " ", found[0]), to_json(self))
