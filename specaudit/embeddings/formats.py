"""The registry of formats: suffix -> reader. A format is added by one function and one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from specaudit.embeddings.archives import read_npz
from specaudit.embeddings.bands import BandMatrix
from specaudit.embeddings.binary import parse_dtype, read_bin, read_raw, read_vecs
from specaudit.embeddings.delimited import read_delimited
from specaudit.embeddings.display import quoted, shown
from specaudit.embeddings.gzipped import read_packed
from specaudit.embeddings.hdf5 import read_hdf5
from specaudit.embeddings.ipc import read_ipc
from specaudit.embeddings.jsonl import read_jsonl
from specaudit.embeddings.matrices import Matrix, check_held
from specaudit.embeddings.npy import read_npy, read_stdin
from specaudit.embeddings.options import Options
from specaudit.embeddings.parquet import read_parquet
from specaudit.embeddings.sources import GZIP, STDIN, ZARR, Part, unpacked_suffix
from specaudit.embeddings.stored import FileMatrix
from specaudit.embeddings.tensors import read_safetensors
from specaudit.embeddings.zarrays import read_zarr
from specaudit.errors import InputError

M = TypeVar("M", bound=Matrix)
Reader = Callable[[Part, Options], Matrix]
FileReader = Callable[[Part, Options], FileMatrix]


def open_part(part: Part, options: Options) -> Matrix:
    """Return the matrix of one part, by the reader that its suffix names.

    Raises
    ------
    InputError
        The format is refused, the file is damaged, or the options do not fit it.
    BudgetError
        What is decoded together is more than a quarter of the memory.
    """
    if (refused := _refusal(part.suffix)) is not None:
        raise InputError(f"{shown(part.label)}: {refused[0]}", next_step=refused[1])
    if part.member is not None and part.suffix not in CONTAINERS:
        raise InputError(
            f"{shown(part.label)}: only {', '.join(CONTAINERS)} have members",
            next_step="leave '::' and the member out",
        )
    if options.column is not None and part.suffix not in TABLES:
        raise InputError(
            f"{shown(part.label)}: column {quoted(options.column)} needs a table ({', '.join(_TABLES)})",
            next_step="leave the column out",
        )
    unknown = _unpacking(_raw) if part.suffix.endswith(GZIP) else _raw
    matrix = READERS.get(part.suffix, unknown)(part, options)
    agree(part, options, matrix)
    if isinstance(matrix, BandMatrix):
        check_held(part.label, matrix.held, options.max_memory)
    return matrix


def _refusal(suffix: str) -> tuple[str, str] | None:
    """Return why files with this suffix are refused, and what to do; None if they are not."""
    inner = unpacked_suffix(suffix)
    if inner in READERS and suffix not in READERS:
        return _COMPRESSED
    return REFUSED.get(suffix, REFUSED.get(inner))


def agree(part: Part, options: Options, matrix: Matrix) -> None:
    """Refuse a dtype or shape that contradicts what the file says of itself."""
    if options.dtype is not None and parse_dtype(options.dtype).newbyteorder("=") != matrix.dtype:
        raise InputError(
            f"{shown(part.label)}: holds {matrix.dtype}, but dtype {quoted(options.dtype)} was given",
            next_step="leave the dtype out; only raw files need it",
        )
    got = (matrix.rows, matrix.dimensions)
    if options.shape is not None and any(w not in (-1, g) for w, g in zip(options.shape, got, strict=True)):
        raise InputError(
            f"{shown(part.label)}: shape {got}, but {options.shape} was given",
            next_step="leave the shape out; only raw files need it",
        )


def _raw(part: Part, options: Options) -> FileMatrix:
    return read_raw(part, options.dtype, options.shape)


def _plain(read: Callable[[Part], M]) -> Callable[[Part, Options], M]:
    return lambda part, options: read(part)


def _unpacking(read: FileReader) -> Reader:
    return lambda part, options: read_packed(part, lambda unpacked: read(unpacked, options))


_PACKABLE: Mapping[str, FileReader] = {
    ".npy": lambda part, options: read_npy(part.path, part.label),
    ".fvecs": _plain(read_vecs),
    ".bvecs": _plain(read_vecs),
    ".fbin": _plain(read_bin),
    ".u8bin": _plain(read_bin),
    ".i8bin": _plain(read_bin),
    ".csv": read_delimited,
    ".tsv": read_delimited,
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
}
_COLUMNAR: Mapping[str, Reader] = {
    ".parquet": read_parquet,
    ".arrow": read_ipc,
    ".feather": read_ipc,
    ".ipc": read_ipc,
}
_CONTAINERS: Mapping[str, Reader] = {
    ".npz": _plain(read_npz),
    ".safetensors": _plain(read_safetensors),
    ".h5": read_hdf5,
    ".hdf5": read_hdf5,
    ZARR: read_zarr,
}
READERS: Mapping[str, Reader] = {
    STDIN: lambda part, options: read_stdin(part.label),
    **_PACKABLE,
    **{f"{suffix}{GZIP}": _unpacking(reader) for suffix, reader in _PACKABLE.items()},
    **_CONTAINERS,
    **_COLUMNAR,
}
SUFFIXES = tuple(suffix for suffix in READERS if suffix != STDIN)
FORMATS = tuple(suffix for suffix in SUFFIXES if not suffix.endswith(GZIP))
RAW_SUFFIXES = (".bin", ".dat", ".raw", ".f32")  # looked for in a directory once a dtype is given
_TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", *_COLUMNAR)
TABLES = (*_TABLES, *(f"{suffix}{GZIP}" for suffix in _TABLES if suffix in _PACKABLE))
CONTAINERS = tuple(_CONTAINERS)  # their members are named FILE::MEMBER

_PICKLE = (
    "may run code when it is loaded, so it is never opened",
    "load it where you trust it and write numpy.save('emb.npy', array)",
)
_TORCH = (_PICKLE[0], "load it where you trust it and write numpy.save('emb.npy', tensor.float().numpy())")


_COMPRESSED = ("is compressed", "decompress it first")
REFUSED: Mapping[str, tuple[str, str]] = {
    ".pkl": _PICKLE,
    ".pickle": _PICKLE,
    ".joblib": _PICKLE,
    ".pt": _TORCH,
    ".pth": _TORCH,
    ".gz": _COMPRESSED,
    ".bz2": _COMPRESSED,
    ".xz": _COMPRESSED,
    ".zst": _COMPRESSED,
    ".zip": _COMPRESSED,
}
