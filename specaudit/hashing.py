"""Hashes of rows by content, keys that sample them, and the digest of a whole data set."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

Floats = npt.NDArray[np.float64]
Hashes = npt.NDArray[np.uint64]

PIECE = 1 << 18
"""Values that are hashed together: few enough to stay in the cache."""


def hash_rows(values: npt.NDArray[Any]) -> tuple[Hashes, Floats]:
    """Return the hash of each row's numbers (k,) and the rows as float64 (k, d).

    A row is hashed as float32 if that holds all its numbers exactly, else as float64, so that a wider copy of
    the same numbers has the same hash. Adding zero turns -0.0 into 0.0.
    """
    if np.can_cast(values.dtype, np.float32):
        single = _single(values)
        return _digest_rows(single), single.astype(np.float64)
    double = values.astype(np.float64)
    double += 0.0
    single = double.astype(np.float32)
    exact = (single == double).all(axis=1)
    hashes = np.empty(len(values), np.uint64)
    hashes[exact] = _digest_rows(single[exact])
    hashes[~exact] = _digest_rows(double[~exact])
    return hashes, double


def hash_contents(values: npt.NDArray[Any]) -> Hashes:
    """Return the hash of each row's numbers (k,) as ``hash_rows`` does, with no copy of all rows in memory."""
    hashes = np.empty(len(values), np.uint64)
    step, single = max(1, PIECE // values.shape[1]), np.can_cast(values.dtype, np.float32)
    with np.errstate(all="ignore"):
        for low in range(0, len(values), step):
            piece = values[low : low + step]
            hashes[low : low + step] = _digest_rows(_single(piece)) if single else hash_rows(piece)[0]
    return hashes


def _single(values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    single = values.astype(np.float32)
    single += 0.0
    return single


def _digest_rows(rows: npt.NDArray[Any]) -> Hashes:
    return np.fromiter(map(xxhash.xxh3_64_intdigest, rows), np.uint64, len(rows))


def hash_ids(ids: Sequence[str]) -> Hashes:
    """Return the hash of each id (n,)."""
    names = (name.encode(errors="surrogatepass") for name in ids)
    return np.fromiter(map(xxhash.xxh3_64_intdigest, names), np.uint64, len(ids))


def row_keys(hashes: Hashes, seed: int) -> Hashes:
    """Return the keys of hashes under a seed (finalizer of splitmix64, Steele et al. 2014, figure 17)."""
    salt = np.array([seed % 2**64], np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    return _finalize(hashes ^ _finalize(salt))


def _finalize(z: Hashes) -> Hashes:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def digest_of(dimensions: int, ordered: Hashes) -> str:
    """Return the digest of a multiset of rows, 32 hexadecimal digits, from their hashes in ascending order."""
    digest = hashlib.blake2b(f"rows/1 {dimensions} ".encode(), digest_size=16)
    digest.update(ordered.astype("<u8", copy=False).data)
    return digest.hexdigest()
