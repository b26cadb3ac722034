"""Nearest rows: the different ones within a data set, and those that match rows of another."""

from __future__ import annotations

from specaudit.graph.around import RowsAround, rows_around
from specaudit.graph.density import neighbour_distances
from specaudit.graph.index import INDEXES, RECALL, choose_index, search_operations
from specaudit.graph.leverage import TailLeverage
from specaudit.graph.matching import NearestRows, nearest_rows, one_to_one
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
    "RowsAround",
    "Share",
    "TailLeverage",
    "choose_index",
    "default_landmarks",
    "graph_bytes",
    "graph_operator",
    "nearest_neighbours",
    "nearest_rows",
    "neighbour_distances",
    "one_to_one",
    "previous_rows",
    "rows_around",
    "search_operations",
]
