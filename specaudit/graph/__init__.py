"""Nearest rows: the different ones within a data set, and those that match rows of another."""

from __future__ import annotations

from specaudit.graph.matching import NearestRows, match_rows, nearest_rows
from specaudit.graph.neighbours import Neighbours, Share, nearest_neighbours

__all__ = ["NearestRows", "Neighbours", "Share", "match_rows", "nearest_neighbours", "nearest_rows"]
