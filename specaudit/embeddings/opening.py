"""``open_embeddings``: from a source and what the user says about it to embeddings."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

import numpy as np

from specaudit.embeddings.core import Embeddings, Shard
from specaudit.embeddings.display import quoted, shown
from specaudit.embeddings.entries import Source
from specaudit.embeddings.findings import Findings
from specaudit.embeddings.formats import RAW_SUFFIXES, REFUSED, SUFFIXES, TABLES, agree
from specaudit.embeddings.ids import check_ids, is_text, read_ids
from specaudit.embeddings.matrices import Array, Matrix, MemoryMatrix, check_matrix
from specaudit.embeddings.options import Options
from specaudit.embeddings.passes import HERE, Engine
from specaudit.embeddings.remote import Remote, digest_of_versions, is_url, public_name
from specaudit.embeddings.row_values import read_groups
from specaudit.embeddings.scans import SUFFIX as SCAN
from specaudit.embeddings.scans import StoredScan, check_distinct, read_scan
from specaudit.embeddings.sources import STDIN, Part, resolve
from specaudit.embeddings.unopened import Unopened
from specaudit.errors import BudgetError, InputError


def open_embeddings(
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | Array | Embeddings,
    *,
    ids: str | os.PathLike[str] | Sequence[str] | None = None,
    groups: Source | None = None,
    without: Source | None = None,
    dtype: str | None = None,
    shape: tuple[int, int] | None = None,
    column: str | None = None,
    max_memory: int | None = None,
    engine: Engine = HERE,
    fewest: int = 2,
) -> Embeddings:
    """Return the embeddings of a source; of files in binary formats only the headers are read.

    Parameters
    ----------
    source
        A file, a URL, ``FILE::member``, a directory or glob of shards (natural order: part-2 before part-10; names
        with a leading "." or "_" are left out; folders key=value are looked into), ``@LIST`` (a file that names
        one file or URL per line), ``-`` (a .npy stream on standard input), several of these, or an array ``(n, d)``,
        which is not copied. Files may be scans (.scan), but then all must be.
    ids
        One unique name per row, or a file or URL of them (.txt, .npy, .csv, .tsv, .jsonl), or the column of a table.
        Without it, the column or field ``id`` of a table is used.
    groups
        The label of each row's group, as `read_groups` takes them, or the column of a table.
    without
        What another data set was opened with as ``groups``: where it is a column of this table too, it is no part of
        the rows.
    dtype, shape
        What raw files hold, each ``(rows, dimensions)``; -1 rows means as many as there are.
    column
        JSONL: the field with the list. CSV: names, prefixes or ranges ``first:last`` of columns, with commas.
        Parquet and Arrow: the column of lists, or columns of numbers as in a CSV.
    max_memory
        Bytes; blocks are kept to a quarter of it.
    engine
        What opens the files and passes over the rows.
    fewest
        Rows that there must be.

    Raises
    ------
    InputError
        The source cannot be used: one line says what is wrong and where.
    BudgetError
        A single row does not fit into a quarter of ``max_memory``.
    """
    if isinstance(source, Embeddings):
        found = source if max_memory is None else replace(source, max_memory=max_memory)
    elif isinstance(source, np.ndarray):
        found = replace(_assemble("array", ["array"], [_memory(source)], max_memory), engine=engine)
        _check_rows(found, fewest)
    else:
        try:
            places: Sequence[Any] = source if isinstance(source, list | tuple) and source else [source]
            names = [os.fsdecode(name) for name in places]
        except TypeError:
            raise InputError(
                f"embeddings of type {type(source).__name__}, expected a path or a 2-D numpy array",
                next_step="convert them with numpy.asarray",
            ) from None
        options = Options(
            dtype=dtype,
            shape=shape,
            column=column,
            id_column=_column(ids),
            group_column=_column(groups),
            without=_column(without),
            max_memory=max_memory,
        )
        found = _open_files(names, options, max_memory, engine)
        _check_rows(found, fewest)
        if options.id_column is not None and all(matrix.ids is not None for matrix in found.matrices):
            ids = None
    try:
        if ids is not None:
            given = read_ids(ids, found.max_memory)
            check_ids(given, found.rows, found.locate)
            found = replace(found, ids=given)
        if groups is not None:
            by_column = _column(groups) is not None and not isinstance(source, Embeddings)
            found = replace(found, groups=_column_groups(groups, found) if by_column else read_groups(groups, found))
    except InputError:
        if not isinstance(source, Embeddings):
            found.close()
        raise
    return found


def _column(given: object) -> str | None:
    """Return the column of a table that is meant: what names no file."""
    return given if isinstance(given, str) and not is_url(given) and not os.path.lexists(given) else None


def _column_groups(column: object, embeddings: Embeddings) -> tuple[str, ...]:
    """Return the label of each row's group (rows,) in the column of the tables that were opened."""
    labels: list[str] = []
    for shard, matrix in zip(embeddings.shards, embeddings.matrices, strict=True):
        if matrix.groups is None:
            raise InputError(
                f"labels {quoted(column)}: no such file, and {shard.name} has no columns",
                next_step="name a file with one label per row",
            )
        labels += matrix.groups
    bad = next((row for row, label in enumerate(labels) if not (label.strip() and is_text(label))), None)
    if bad is not None:
        what = f"is {quoted(labels[bad])}, which is no text" if labels[bad].strip() else "is empty"
        raise InputError(
            f"{embeddings.locate(bad)}: the label {quoted(column)} {what}",
            next_step="give every row a label",
        )
    return tuple(labels)


def _open_files(names: Sequence[str], options: Options, max_memory: int | None, engine: Engine) -> Embeddings:
    known = SUFFIXES if options.dtype is None else (*SUFFIXES, *RAW_SUFFIXES)
    parts = [part for name in names for part in resolve(name, known, (*REFUSED, SCAN))]
    title = " + ".join("stdin" if name == STDIN else public_name(name) for name in names)
    scans = [part for part in parts if part.suffix == SCAN]
    if scans:
        return _open_scans(title, parts, scans, options, engine)
    use = [options if part.suffix in TABLES else replace(options, id_column=None) for part in parts]
    matrices = engine.open(parts, use)
    try:
        origins = [
            {
                "name": shown(name), "part": None if part.suffix == STDIN else part, "options": own,
                "version": _stored(part, matrix),
            }
            for name, part, own, matrix in zip(_names(parts), parts, use, matrices, strict=True)
        ]  # fmt: skip
        return replace(_assemble(title, [part.label for part in parts], matrices, max_memory, origins), engine=engine)
    except BaseException:
        for matrix in matrices:
            matrix.close()
        raise


def _open_scans(
    title: str, parts: Sequence[Part], scans: Sequence[Part], options: Options, engine: Engine
) -> Embeddings:
    """Return the rows of the shards that were scanned, with what was found in them."""
    other = next((part for part in parts if part not in scans), None)
    if other is not None:
        raise InputError(
            f"{shown(title)}: {shown(scans[0].label)} is a scan, {shown(other.label)} is none",
            next_step="scan the others too: specaudit scan SHARD -o FILE.scan",
        )
    if options.column is not None:
        raise InputError(
            f"{shown(scans[0].label)}: column {quoted(options.column)}, but a scan is of the columns it was made of",
            next_step="leave the column out, or scan the shard again with it",
        )
    run = engine.run_name or uuid4().hex
    stored: list[StoredScan] = []
    for part in scans:
        stored.append(read_scan(part, run, options.max_memory, sum(scan.size for scan in stored)))
    for part, scan in zip(scans, stored, strict=True):
        for matrix in scan.matrices:
            agree(part, options, matrix)
    check_distinct(stored)
    if len({(scan.findings.normalize, scan.ids is None) for scan in stored}) > 1:
        raise InputError(
            f"{shown(title)}: the scans differ in --normalize or in whether rows have ids",
            next_step="scan all shards with the same options",
        )
    shards = [(scan, shard) for scan in stored for shard in scan.shards]
    matrices = [matrix for scan in stored for matrix in scan.matrices]
    found = _assemble(
        title,
        [f"{shard.name} in {scan.label}" for scan, shard in shards],
        matrices,
        options.max_memory,
        [
            {"name": shard.name, "part": shard.part, "options": shard.options, "version": shard.version}
            for _, shard in shards
        ],
    )
    found = replace(found, findings=Findings.joined([scan.findings for scan in stored]), engine=engine)
    if stored[0].ids is None:
        return found
    ids = tuple(name for scan in stored for name in scan.ids or ())
    check_ids(ids, found.rows, found.locate)
    return replace(found, ids=ids)


def _stored(part: Part, matrix: Matrix) -> str | None:
    """Return what the store of a remote part calls its content."""
    if isinstance(matrix, Unopened):
        return matrix.version if isinstance(matrix.version, str) else None
    return part.path.version if isinstance(part.path, Remote) else None


def _version(versions: Sequence[str | None]) -> str | None:
    """Return what the stores of remote parts call their content, several together by a digest."""
    if len(versions) == 1 or not any(versions):
        return versions[0]
    return f"{len(versions)} files {digest_of_versions(versions)}"


def _names(parts: Sequence[Part]) -> list[str]:
    """Return short names of the parts: without their folders where that leaves them distinct."""
    short = [os.path.basename(part.label) for part in parts]
    return short if len(set(short)) == len(short) else [part.label for part in parts]


def _check_rows(embeddings: Embeddings, fewest: int) -> None:
    if embeddings.rows < fewest:
        embeddings.close()
        raise InputError(
            f"{embeddings.name}: {embeddings.rows} row; an audit needs at least {fewest} rows",
            next_step="check the step that wrote it",
        )


def _memory(array: Array) -> MemoryMatrix:
    if isinstance(array, np.ma.MaskedArray):
        raise InputError("array: is masked, expected plain numbers", next_step="fill or drop the masked rows")
    check_matrix("array", array.shape, array.dtype)
    return MemoryMatrix(values=np.asarray(array))


def _assemble(
    name: str,
    labels: Sequence[str],
    matrices: Sequence[Matrix],
    max_memory: int | None,
    origins: Sequence[dict[str, Any]] | None = None,
) -> Embeddings:
    first = matrices[0]
    for label, matrix in zip(labels, matrices, strict=True):
        if matrix.dimensions != first.dimensions:
            raise InputError(
                f"{shown(label)}: {matrix.dimensions:,} dimensions, but {shown(labels[0])} has {first.dimensions:,}",
                next_step="use shards of one embedding model",
            )
        if (matrix.ids is None) != (first.ids is None):
            raise InputError(
                f"{shown(label)}: {'no ids' if matrix.ids is None else 'has ids'}, unlike {shown(labels[0])}",
                next_step="give all shards an id column, or name a file of ids",
            )
    starts = np.cumsum([0, *(matrix.rows for matrix in matrices)]).tolist()
    dtype = np.result_type(*(matrix.dtype for matrix in matrices))
    size = first.dimensions * dtype.itemsize
    if max_memory is not None and size > max_memory // 4:
        raise BudgetError(
            f"{shown(name)}: one row takes {size:,} bytes, more than a quarter "
            f"of the {max_memory:,} byte{'s' * (max_memory != 1)} that may be used",
            next_step=f"raise --max-memory to {-(-4 * size // 2**20)}M",
        )
    found = Embeddings(
        name=shown(name),
        rows=starts[-1],
        dimensions=first.dimensions,
        dtype=dtype,
        shards=tuple(
            Shard(rows=matrix.rows, start=start, dtype=matrix.dtype, **origin)
            for matrix, start, origin in zip(
                matrices, starts[:-1], origins or [{"name": shown(label)} for label in labels], strict=True
            )
        ),
        matrices=tuple(matrices),
        version=_version([origin.get("version") for origin in origins or [{}]]),
        max_memory=max_memory,
    )
    if first.ids is None:
        return found
    ids = tuple(name for matrix in matrices for name in matrix.ids or ())
    check_ids(ids, found.rows, found.locate)
    return replace(found, ids=ids)
