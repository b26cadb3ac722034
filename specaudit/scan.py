"""One mergeable pass over all rows: counts, defects, digest, norms and a hash-based nested sample."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from specaudit.embeddings import Block, Embeddings
from specaudit.embeddings.exact import beyond_error, first_beyond
from specaudit.embeddings.findings import DEFECTS, Findings, Normalize
from specaudit.errors import InputError
from specaudit.hashing import digest_of, hash_ids, hash_rows, row_keys
from specaudit.tally import Moments, no_moments, sum_rows

Progress = Callable[[str, float], None]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]
Frozen = TypeVar("Frozen", bound=npt.NDArray[Any])

CACHED = 1 << 18  # values looked at together: few enough to stay in the cache, enough to hide the calls


@dataclass(frozen=True, slots=True, kw_only=True)
class Multiplicities:
    """How often unique rows occur: ``counts[i]`` unique rows occur ``values[i]`` times each."""

    values: Integers  # (v,) ascending, >= 1
    counts: Integers  # (v,) >= 1; their sum is the number of unique rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The unique rows with the smallest keys, in key order: a smaller sample is a prefix of a larger one."""

    rows: Integers  # (m,) number of one copy of each row
    weights: Integers  # (m,) >= 1, how often the row occurs in the whole data set
    keys: Hashes  # (m,) ascending


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What one pass over all rows found; arrays are read-only.

    Rows are equal when they hold the same numbers (-0.0 equals 0.0), however these are stored. Equality is
    judged by 64-bit hashes: two different rows among n are taken for equal with probability n^2 / 2^65.
    """

    rows: int  # all rows, bad ones included
    dimensions: int
    dtype: str  # as stored
    nonfinite_rows: int  # with NaN or infinite values; never usable
    overflow_rows: int  # finite, but with a squared norm beyond float64; never usable
    zero_rows: int  # of norm zero (below 1.5e-154); usable unless normalize is "l2"
    dropped_rows: int  # not usable
    unique_rows: int  # different usable rows, >= 2
    duplicate_fraction: float  # 1 - unique / usable rows, in [0, 1)
    multiplicities: Multiplicities
    constant_columns: tuple[int, ...]  # column numbers, ascending
    norm_min: float  # of usable rows, as are the next two
    norm_mean: float
    norm_max: float
    column_mean: Floats = field(repr=False)  # (d,) over usable rows, copies counted
    digest: str  # hex; of the multiset of usable rows, whatever their order, sharding and dtype
    seed: int  # keys the sample
    max_rows: int  # bound of the sample
    normalize: Normalize  # decides whether rows of norm zero are usable
    by_id: bool  # ids take the place of the content in ``hashes`` and in the sample's keys
    hashes: Hashes = field(repr=False)  # (rows,) hash of each row's content, or of its id
    contents: Hashes = field(repr=False)  # (rows,) hash of each row's content; meaningless where not usable
    usable: Flags = field(repr=False)  # (rows,)
    moments: Moments = field(repr=False)  # what merging needs
    sample: Sample = field(repr=False)

    @property
    def _defects(self) -> dict[str, int]:
        return dict(zip(DEFECTS, (self.nonfinite_rows, self.overflow_rows, self.zero_rows), strict=True))

    def merge(self, other: Scan) -> Scan:
        """Return the scan of both data sets together; rows of ``other`` are numbered after those of this one.

        Associative; all but the row numbers is the same in any order of merging.

        Raises
        ------
        InputError
            The scans differ in dimensions, seed, sample size, normalization or use of ids.
        """
        for name in ("dimensions", "seed", "max_rows", "normalize", "by_id"):
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs:
                raise InputError(
                    f"scans with {name} {mine} and {theirs} cannot be merged",
                    next_step="scan all shards of one data set with the same settings",
                )
        contents = np.concatenate([self.contents, other.contents])
        return _assemble(
            dtype=str(np.result_type(self.dtype, other.dtype)),
            defects={name: count + other._defects[name] for name, count in self._defects.items()},
            seed=self.seed,
            max_rows=self.max_rows,
            normalize=self.normalize,
            hashes=np.concatenate([self.hashes, other.hashes]) if self.by_id else contents,
            contents=contents,
            usable=np.concatenate([self.usable, other.usable]),
            moments=self.moments.merge(other.moments),
        )


def scan(
    embeddings: Embeddings,
    *,
    seed: int = 0,
    max_rows: int = 16_384,
    normalize: Normalize = "none",
    drop_bad_rows: bool = False,
    progress: Progress | None = None,
) -> Scan:
    """Return counts, defects, digest, norms and a sample of the embeddings, read once.

    Each unique row has a 64-bit key, a hash of its content (or the smallest hash of its copies' ids) mixed
    with ``seed``; the sample is the ``max_rows`` unique rows with the smallest keys. It therefore depends
    neither on the order and sharding of the rows nor on how often they repeat.

    One thread does it all: the system reads ahead meanwhile, and the hash of a row is too short a call to let
    a second thread in.

    Parameters
    ----------
    seed
        Another seed draws another sample.
    max_rows
        Most unique rows in the sample.
    normalize
        What later stages do to the rows: with "l2", rows of norm zero are bad rows.
    drop_bad_rows
        Count bad rows and leave them out, instead of stopping.
    progress
        Called with "scan" and the fraction of rows done.

    Raises
    ------
    InputError
        There are bad rows (with NaN or infinite values, with a squared norm beyond float64, of zero norm), or
        integers that float64 cannot hold, or fewer than two different usable rows.
    """
    found = find_all(embeddings, normalize=normalize, progress=progress)
    if not drop_bad_rows:
        check_usable(embeddings, found)
    result = _assemble(
        dtype=str(embeddings.dtype),
        defects={name: len(rows) for name, rows in found.defects.items()},
        seed=seed,
        max_rows=max_rows,
        normalize=normalize,
        hashes=found.contents if embeddings.ids is None else hash_ids(embeddings.ids),
        contents=found.contents,
        usable=found.usable,
        moments=found.moments,
    )
    _check_variety(embeddings, result)
    return result


def find_all(embeddings: Embeddings, *, normalize: Normalize = "none", progress: Progress | None = None) -> Findings:
    """Return what is found in all rows, read in bands; what earlier scans have found is not read again."""
    known = embeddings.findings
    if known is not None:
        if known.normalize != normalize and len(known.defects["zero"]):
            raise InputError(
                f"{embeddings.name}: scanned with --normalize {known.normalize}, under which its "
                f"{len(known.defects['zero']):,} rows of zero norm count otherwise",
                next_step=f"scan the shards again with --normalize {normalize}",
            )
        return known
    bands, parts = embeddings.bands(), []
    for band, found in zip(bands, embeddings.map(_read, ((band, normalize) for band in bands)), strict=True):
        parts.append(found)
        if progress is not None:
            progress("scan", band.stop / embeddings.rows)
    return Findings.joined(parts)


def _read(embeddings: Embeddings, normalize: Normalize) -> Findings:
    """Return what is found in some rows, such as those of a band."""
    contents = np.empty(embeddings.rows, np.uint64)
    usable = np.empty(embeddings.rows, np.bool_)
    defects: dict[str, list[Integers]] = {name: [] for name in DEFECTS}
    moments = no_moments(embeddings.dimensions)
    for block in embeddings.blocks():
        _check_integers(embeddings, block)
        for start, values in _split(block):
            # A column in which some rows seen before differ needs no more looks.
            found = _look(normalize, np.flatnonzero(moments.constant), start, values)
            stop = start + len(values)
            contents[start:stop] = found.contents
            usable[start:stop] = found.usable
            moments = moments.merge(found.moments)
            for name, rows in found.defects.items():
                defects[name].append(rows)
    return Findings(
        contents=contents,
        usable=usable,
        defects={name: np.concatenate(rows) for name, rows in defects.items()},
        moments=moments,
        normalize=normalize,
    )


def _split(block: Block) -> Iterator[tuple[int, npt.NDArray[Any]]]:
    """Yield pieces of a block with the number of their first row."""
    step = max(1, CACHED // block.values.shape[1])
    for low in range(0, len(block.values), step):
        yield block.start + low, block.values[low : low + step]


def _look(normalize: Normalize, suspects: Integers, start: int, values: npt.NDArray[Any]) -> Findings:
    """Return what is found in ``values`` (k, d), whose first row has number ``start``."""
    with np.errstate(all="ignore"):  # what overflows or is not a number is found in the norms
        contents, double = hash_rows(values)
        squared = np.vecdot(double, double)
    defects = _find_defects(squared, double)
    bad = defects["nonfinite"] | defects["overflow"]
    if normalize == "l2":
        bad |= defects["zero"]
    if bad.any():
        double, squared = double[~bad], squared[~bad]
    return Findings(
        contents=contents,
        usable=~bad,
        defects={name: start + np.flatnonzero(flags) for name, flags in defects.items()},
        moments=sum_rows(double, np.sqrt(squared), suspects),
        normalize=normalize,
    )


def _check_integers(embeddings: Embeddings, block: Block) -> None:
    if (place := first_beyond(block.values)) is not None:
        row, column = place
        where = f"{embeddings.locate(block.start + row)} column {column}"
        raise beyond_error(where, int(block.values[row, column]))


def _find_defects(squared: Floats, double: Floats) -> dict[str, Flags]:
    """Return which rows have which defect, from their squared norms."""
    infinite = ~np.isfinite(squared)
    nonfinite = infinite.copy()
    nonfinite[infinite] = ~np.isfinite(double[infinite]).all(axis=1)
    return {
        "nonfinite": nonfinite,
        "overflow": infinite & ~nonfinite,
        "zero": squared < np.finfo(np.float64).tiny,
    }


def _assemble(
    *,
    dtype: str,
    defects: dict[str, int],
    seed: int,
    max_rows: int,
    normalize: Normalize,
    hashes: Hashes,
    contents: Hashes,
    usable: Flags,
    moments: Moments,
) -> Scan:
    by_id = hashes is not contents
    ordered = np.sort(contents[usable])
    unique, copies = _count_runs(ordered)
    keys = _smallest_keys(hashes, contents, usable, seed) if by_id else row_keys(unique, seed)
    values, counts = np.unique(copies, return_counts=True)
    return Scan(
        rows=len(usable),
        dimensions=len(moments.first),
        dtype=dtype,
        nonfinite_rows=defects["nonfinite"],
        overflow_rows=defects["overflow"],
        zero_rows=defects["zero"],
        dropped_rows=len(usable) - len(ordered),
        unique_rows=len(unique),
        duplicate_fraction=1 - len(unique) / max(1, len(ordered)),
        multiplicities=Multiplicities(values=_frozen(values), counts=_frozen(counts)),
        constant_columns=tuple(np.flatnonzero(moments.constant).tolist()),
        norm_min=moments.norm_min,
        norm_mean=float(moments.norm_sum.sum()) / max(1, moments.count),
        norm_max=moments.norm_max,
        column_mean=_frozen(moments.column_sum.sum(axis=0) / max(1, moments.count)),
        digest=digest_of(len(moments.first), ordered),
        seed=seed,
        max_rows=max_rows,
        normalize=normalize,
        by_id=by_id,
        hashes=_frozen(hashes),
        contents=_frozen(contents),
        usable=_frozen(usable),
        moments=moments,
        sample=_draw(unique, copies, keys, row_keys(hashes, seed), contents, usable, max_rows),
    )


def _count_runs(ordered: Hashes) -> tuple[Hashes, Integers]:
    """Return the unique values of an ascending array and how often each occurs."""
    starts = np.flatnonzero(np.diff(ordered, prepend=~ordered[:1]))
    return ordered[starts], np.diff(starts, append=len(ordered))


def _smallest_keys(hashes: Hashes, contents: Hashes, usable: Flags, seed: int) -> Hashes:
    """Return the smallest key among the copies of each unique row, unique rows in the order of their hash."""
    rows = np.flatnonzero(usable)
    rows = rows[np.argsort(contents[rows])]
    starts = np.flatnonzero(np.diff(contents[rows], prepend=~contents[rows[:1]]))
    return np.minimum.reduceat(row_keys(hashes[rows], seed), starts) if len(rows) else hashes[:0]


def _draw(
    unique: Hashes,
    copies: Integers,
    keys: Hashes,
    keys_of_rows: Hashes,
    contents: Hashes,
    usable: Flags,
    max_rows: int,
) -> Sample:
    """Return the ``max_rows`` unique rows of smallest key; each is represented by its copy of that key."""
    chosen = np.argpartition(keys, max_rows)[:max_rows] if len(keys) > max_rows else np.arange(len(keys))
    chosen = chosen[np.argsort(keys[chosen])]
    if not len(chosen):
        empty = np.empty(0, np.int64)
        return Sample(rows=empty, weights=empty, keys=keys)
    rows = np.flatnonzero((keys_of_rows <= keys[chosen[-1]]) & usable)
    rows = rows[np.lexsort((keys_of_rows[rows], contents[rows]))]
    first = np.searchsorted(contents[rows], unique[chosen])
    return Sample(rows=_frozen(rows[first]), weights=_frozen(copies[chosen]), keys=_frozen(keys[chosen]))


def _frozen(array: Frozen) -> Frozen:
    array.flags.writeable = False
    return array


def kept_rows(embeddings: Embeddings, found: Findings, *, seed: int, max_rows: int) -> Integers:
    """Return one row of each content among the ``max_rows`` of smallest key, by content and, if there are ids, by id.

    They hold the sample of any data set that these rows are a part of, under the same seed and up to so many rows.
    """
    contents, usable = found.contents, found.usable
    unique, copies = _count_runs(np.sort(contents[usable]))
    orders = [(contents, row_keys(unique, seed))]
    if embeddings.ids is not None:
        hashes = hash_ids(embeddings.ids)
        orders.append((hashes, _smallest_keys(hashes, contents, usable, seed)))
    rows = np.concatenate(
        [
            _draw(unique, copies, keys, row_keys(hashes, seed), contents, usable, max_rows).rows
            for hashes, keys in orders
        ]
    )
    return rows[np.unique(contents[rows], return_index=True)[1]]


def check_usable(embeddings: Embeddings, found: Findings) -> None:
    """Raise an ``InputError`` that names the first bad rows, if there are some."""
    if found.usable.all():
        return
    parts = [
        f"{len(rows):,} with {DEFECTS[name]} (first: {embeddings.locate(int(rows[0]))})"
        for name, rows in found.defects.items()
        if len(rows) and (name != "zero" or found.normalize == "l2")
    ]
    bad = int(np.count_nonzero(~found.usable))
    raise InputError(
        f"{embeddings.name}: {bad:,} of {embeddings.rows:,} rows cannot be used: {', '.join(parts)}",
        next_step="--drop-bad-rows drops and counts them",
    )


def _check_variety(embeddings: Embeddings, result: Scan) -> None:
    usable = result.rows - result.dropped_rows
    if result.unique_rows >= 2:
        return
    problem = f"all {usable:,} usable rows are identical" if usable > 1 else f"{usable} usable rows"
    raise InputError(
        f"{embeddings.name}: {problem}; an audit needs at least 2 different rows",
        next_step="check the step that wrote it",
    )
