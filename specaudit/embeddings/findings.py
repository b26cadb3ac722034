"""What a scan finds in consecutive rows: what it needs of them, and nothing that depends on a seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Literal

import numpy as np
import numpy.typing as npt

from specaudit.tally import Moments

Normalize = Literal["none", "l2"]
DEFECTS = {  # of a row, in the order in which they are tested
    "nonfinite": "NaN or infinite values",
    "overflow": "a squared norm beyond float64",
    "zero": "zero norm",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What was found in k consecutive rows."""

    contents: npt.NDArray[np.uint64] = field(repr=False)  # (k,) hash of each row; meaningless where not usable
    usable: npt.NDArray[np.bool_] = field(repr=False)  # (k,)
    defects: Mapping[str, npt.NDArray[np.int64]] = field(repr=False)  # row numbers from 0, by the keys of DEFECTS
    moments: Moments = field(repr=False)  # of usable rows
    normalize: Normalize  # whether rows of norm zero are usable

    @classmethod
    def joined(cls, parts: Sequence[Findings]) -> Findings:
        """Return what was found in the rows of all parts, one after the other."""
        starts = np.cumsum([0, *(len(part.usable) for part in parts)])
        return cls(
            contents=np.concatenate([part.contents for part in parts]),
            usable=np.concatenate([part.usable for part in parts]),
            defects={
                name: np.concatenate([start + part.defects[name] for start, part in zip(starts, parts, strict=False)])
                for name in DEFECTS
            },
            moments=reduce(Moments.merge, (part.moments for part in parts)),
            normalize=parts[0].normalize,
        )
