"""Nearest rows: the different ones within a data set, and those that match rows of another."""

from __future__ import annotations

from specaudit.graph.index import INDEXES, RECALL, choose_index, search_operations
from specaudit.graph.leverage import TailLeverage
from specaudit.graph.matching import NearestRows, match_rows, nearest_rows
from specaudit.graph.neighbours import Neighbours, Share, nearest_neighbours
from specaudit.graph.previous import NEIGHBORS, PreviousRows, previous_rows
from specaudit.graph.residual import GraphOperator, default_landmarks, graph_bytes, graph_operator

__all__ = [
    "INDEXES",
    "NEIGHBORS",
    "RECALL",
    "GraphOperator",
    "NearestRows",
    "Neighbours",
    "PreviousRows",
    "Share",
    "TailLeverage",
    "choose_index",
    "default_landmarks",
    "graph_bytes",
    "graph_operator",
    "match_rows",
    "nearest_neighbours",
    "nearest_rows",
    "previous_rows",
    "search_operations",
]
