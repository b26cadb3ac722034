"""Nearest rows: the different ones within a data set."""

from __future__ import annotations

from specaudit.graph.neighbours import Neighbours, Share, nearest_neighbours

__all__ = ["Neighbours", "Share", "nearest_neighbours"]
