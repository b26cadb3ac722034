"""zarr: one 2-D array of a directory, on disk or in a bucket, read chunk by chunk."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from math import ceil, prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from specaudit.embeddings.bands import BandMatrix, even_edges, is_spread
from specaudit.embeddings.display import shown
from specaudit.embeddings.extras import needs
from specaudit.embeddings.files import too_large, unpacked_budget
from specaudit.embeddings.matrices import Array, DType, check_held, check_matrix
from specaudit.embeddings.members import choose_member, member_label
from specaudit.embeddings.options import Options
from specaudit.embeddings.remote import WEB, Remote, below
from specaudit.embeddings.sources import Part
from specaudit.embeddings.stored import FileMatrix, spool_tiles
from specaudit.errors import InputError

if TYPE_CHECKING:
    import zarr

NEVER = np.iinfo(np.uint64).max  # offset and length of a chunk that a shard does not have
CHECKSUM = 4  # bytes of a crc32c


def read_zarr(part: Part, options: Options) -> BandMatrix | FileMatrix:
    """Return one array of a store: the named one, or the only 2-D one.

    Where rows are spread over chunks that are large together, it is copied to a temporary file, chunk by chunk.

    Raises
    ------
    InputError
        The store is damaged, zarr is missing, chunks of the array are, or as ``choose_member``.
    BudgetError
        Chunks are larger than ``max_memory`` lets them be.
    """
    with needs("zarr", part.label):
        import zarr
    _check_place(part)
    with _damage(part.label):
        store = _store(part)
        root = zarr.open(store, mode="r")
        path = "" if isinstance(root, zarr.Array) and part.member is None else _choose(root, part)
        label = member_label(part, path) if path else part.label
        version = _version(part, path)
        array = zarr.open_array(store, path=path, mode="r")
        check_matrix(label, array.shape, array.dtype)
        _check_whole(label, array)
        shape, native = (array.shape[0], array.shape[1]), array.dtype.newbyteorder("=")
        # Chunks in a shard are read by ranges; of a remote one each would be a request.
        apart = not isinstance(part.path, Remote)
        tile = array.chunks if apart else (array.shards or array.chunks)
        stored = (tile[0], tile[1])
        copies = 1 + bool(array.compressors or array.filters) + (array.shards is not None)
        chunk, spread = prod(stored) * native.itemsize, is_spread(shape, native.itemsize, stored)
        budget = unpacked_budget(array.nbytes_stored())
        if max(prod(array.shards or stored) * native.itemsize, spread * prod(shape) * native.itemsize) > budget:
            raise too_large(label, budget)

    @contextmanager
    def reading() -> Iterator[_Rows]:
        with _damage(label):
            if _version(part, path) != version:
                raise InputError(
                    f"{shown(label)}: changed since it was first read",
                    next_step="run again when nothing writes to it",
                )
            yield _Rows(zarr.open_array(_store(part), path=path, mode="r"), native)

    edges = even_edges(shape[0], stored[0], shape[1] * native.itemsize)
    step = chunk * copies  # the bytes of a chunk, what they unpack to, and where a shard is put together
    if spread:
        check_held(label, chunk + step, options.max_memory)
        with reading() as rows:
            return spool_tiles(label, shape, native, stored, rows.tile)
    together = ceil(shape[1] / stored[1]) * ceil(int(edges[1]) / stored[0])
    limit = None if array.shards else zarr.config.get("async.concurrency")  # of a shard all are read first
    beside = 2 * step * min(together, limit or together)  # zarr's own thread may still have what it read last
    return BandMatrix(dimensions=shape[1], dtype=native, edges=edges, opener=reading, beside=beside)


class _Rows:
    """An open array."""

    def __init__(self, array: zarr.Array[Any], dtype: DType) -> None:
        self.array, self.dtype = array, dtype

    def read(self, start: int, stop: int, room: Array) -> Array:
        """Return the rows of one band."""
        return self._into(room, np.s_[start:stop, :])

    def tile(self, place: tuple[slice, slice]) -> Array:
        """Return a part of the array."""
        return self._into(np.empty([axis.stop - axis.start for axis in place], self.dtype), place)

    def _into(self, room: Array, place: tuple[slice, slice]) -> Array:
        from zarr.core.buffer import default_buffer_prototype

        out: Any = default_buffer_prototype().nd_buffer.from_numpy_array(room)
        self.array.get_basic_selection(place, out=out)
        return room


@contextmanager
def _damage(label: str) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # damaged chunks reach decoders, which may raise nearly anything
        raise InputError(
            f"{shown(label)}: not a readable zarr store: {shown(error, 120) or type(error).__name__}",
            next_step="write or copy it again",
        ) from None


def _check_place(part: Part) -> None:
    """Raise an ``InputError`` unless the files of a store can be listed."""
    if isinstance(part.path, Remote):
        if part.path.url.lower().startswith(WEB):
            raise InputError(
                f"{shown(part.label)}: web servers do not list the files of a zarr store",
                next_step="use s3, gs or hf",
            )
    elif isinstance(part.path, Path) and not part.path.is_dir():
        what = "is a file, expected a directory" if part.path.exists() else "no such directory"
        raise InputError(f"{shown(part.label)}: {what}", next_step="check the path")


def _store(part: Part) -> Any:
    """Return what zarr opens."""
    if not isinstance(part.path, Remote):
        return str(part.path)
    with needs("remote", part.label):
        from zarr.storage import FsspecStore

        return FsspecStore.from_url(part.path.url, read_only=True)


def _choose(root: zarr.Group | zarr.Array[Any], part: Part) -> str:
    """Return the path of the array that is meant."""
    import zarr

    members = root.members(max_depth=None) if isinstance(root, zarr.Group) else ()
    shapes = {name: item.shape for name, item in members if isinstance(item, zarr.Array)}
    return choose_member(part, sorted(shapes), lambda name: shapes[name])


def _check_whole(label: str, array: zarr.Array[Any]) -> None:
    """Raise an ``InputError`` if chunks are not there: they would read as the fill value."""
    stored = array.shards or array.chunks
    each = prod(size // chunk for size, chunk in zip(stored, array.chunks, strict=True))
    wanted = prod(ceil(extent / size) for extent, size in zip(array.shape, stored, strict=True))
    missing = wanted - array.nchunks_initialized // each
    if not missing and _is_sharded(getattr(array.metadata, "codecs", ())):  # format 2 has no shards
        missing, wanted = _missing_within(label, array)
    if missing:
        raise InputError(
            f"{shown(label)}: {missing:,} of its {wanted:,} chunks are not there, and would read as "
            f"{shown(array.fill_value, 20)}",
            next_step="write the array as a whole, with write_empty_chunks",
        )


def _is_sharded(codecs: Iterable[Any]) -> bool:
    return any(hasattr(codec, "index_codecs") for codec in codecs)


def _missing_within(label: str, array: zarr.Array[Any]) -> tuple[int, int]:
    """Return how many chunks within shards were never written, by the index in each shard, and how many there are.

    Raises
    ------
    InputError
        The index cannot be read: it is packed, or shards are within shards.
    """
    from zarr.abc.store import RangeByteRequest, SuffixByteRequest
    from zarr.core.buffer import default_buffer_prototype
    from zarr.core.sync import sync

    metadata: Any = array.metadata
    codecs = metadata.codecs
    names = [codec.to_dict()["name"] for codec in (codecs[0].index_codecs if _is_sharded(codecs[:1]) else ())]
    if len(codecs) > 1 or names not in (["bytes"], ["bytes", "crc32c"]) or _is_sharded(codecs[0].codecs):
        raise InputError(
            f"{shown(label)}: shards of a kind of which it is not known whether all chunks in them were written",
            next_step="write it again with shards of one level and their default index, or without",
        )
    shards, chunks = np.array(array.shards), np.array(array.chunks)
    endian = codecs[0].index_codecs[0].endian
    dtype = np.dtype("<u8" if endian is None or endian.value == "little" else ">u8")
    grid = tuple(int(count) for count in shards // chunks)
    data = 16 * prod(grid)
    size = data + CHECKSUM * (len(names) - 1)
    ahead = codecs[0].index_location.value == "start"
    place = RangeByteRequest(0, size) if ahead else SuffixByteRequest(size)
    missing = wanted = 0
    for corner in np.ndindex(*(ceil(extent / shard) for extent, shard in zip(array.shape, shards, strict=True))):
        path = array.store_path / metadata.encode_chunk_key(corner)
        index = sync(path.get(default_buffer_prototype(), byte_range=place))
        if index is None or len(index) != size:
            raise ValueError(f"a shard is smaller than its index of {size:,} bytes")
        lengths = np.frombuffer(index.to_bytes(), dtype, data // 8).reshape(*grid, 2)
        # Beyond the end of the array there is nothing to write.
        inside = [ceil(left / c) for left, c in zip(array.shape - shards * corner, chunks, strict=True)]
        used = lengths[tuple(slice(0, max(0, int(count))) for count in inside)]
        missing += int(np.count_nonzero((used == NEVER).all(axis=-1)))
        wanted += used.size // 2
    return missing, wanted


def _version(part: Part, path: str) -> object:
    """Return what differs once a file of an array does."""
    if isinstance(part.path, Remote):
        return below(part.path, path, part.label)
    found = []
    for folder, _, names in os.walk(os.path.join(str(part.path), path)):
        for name in names:
            status = os.stat(os.path.join(folder, name))
            found.append((folder, name, status.st_size, status.st_mtime_ns, status.st_ino))
    return sorted(found)
