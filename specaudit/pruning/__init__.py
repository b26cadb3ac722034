"""Which rows a static pruning keeps first, by method, and bounded weights in the place of a cut."""

from __future__ import annotations

from specaudit.pruning.methods import METHODS, Method, kept_first
from specaudit.pruning.pool import Pool
from specaudit.pruning.weights import bounded_weights

__all__ = ["METHODS", "Method", "Pool", "bounded_weights", "kept_first"]
