"""How far a mode is learned before an oracle leaves it: by a factor e once, or ever deeper.

That modes are left at 1/e (paper) is our reading of the summary of arXiv 2512.02409, which does not say it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def paper(clock: float, source: float) -> float:
    """Return 1: learned modes stay at 1/e of their coefficient, so that the loss stalls."""
    return 1.0


def deep(clock: float, source: float) -> float:
    """Return 1 + (a - 1) ln(1 + u): what is left of learned modes falls as fast as the loss beyond them can."""
    return 1.0 + (source - 1.0) * float(np.log1p(clock))


SUPPRESSIONS: dict[str, Callable[[float, float], float]] = {"deep": deep, "paper": paper}
"""Name -> threshold of -ln|c/c(0)| at a clock time in units of 1 / lambda_1, for modes of energy k^-source."""
