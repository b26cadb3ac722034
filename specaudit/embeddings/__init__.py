"""Embeddings from files, archives, tables, streams and arrays, read in blocks of rows."""

from __future__ import annotations

from specaudit.embeddings.core import Block, Embeddings, Shard
from specaudit.embeddings.opening import open_embeddings

__all__ = ["Block", "Embeddings", "Shard", "open_embeddings"]
