"""What a training run has learned, mode by mode, from residuals logged on the way."""

from __future__ import annotations

from specaudit.learning.log import ResidualLog, open_log
from specaudit.learning.logits import residuals
from specaudit.learning.modes import modes_depth, modes_of
from specaudit.learning.run import Run, follow
from specaudit.learning.weights import CAP

__all__ = ["CAP", "ResidualLog", "Run", "follow", "modes_depth", "modes_of", "open_log", "residuals"]
