"""Embeddings from files, archives, tables, streams and arrays, read in blocks of rows."""

from __future__ import annotations

from specaudit.embeddings.core import Block, Embeddings, Shard, concatenated, held_texts
from specaudit.embeddings.findings import Normalize
from specaudit.embeddings.formats import FORMATS
from specaudit.embeddings.opening import open_embeddings
from specaudit.embeddings.pairs import paired
from specaudit.embeddings.passes import HERE, Band, Engine
from specaudit.embeddings.remote import SCHEMES
from specaudit.embeddings.row_values import read_groups, read_scores, read_weights
from specaudit.embeddings.selection import read_rows, read_selection

__all__ = [
    "FORMATS",
    "HERE",
    "SCHEMES",
    "Band",
    "Block",
    "Embeddings",
    "Engine",
    "Normalize",
    "Shard",
    "concatenated",
    "held_texts",
    "open_embeddings",
    "paired",
    "read_groups",
    "read_rows",
    "read_scores",
    "read_selection",
    "read_weights",
]
