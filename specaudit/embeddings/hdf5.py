"""HDF5: one 2-D data set, in place if it is stored as one piece, else chunk by chunk through h5py."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from specaudit.embeddings.bands import BandMatrix, even_edges, is_spread
from specaudit.embeddings.display import shown
from specaudit.embeddings.extras import needs
from specaudit.embeddings.files import expect_size, file_size, open_file, reopening, too_large, unpacked_budget
from specaudit.embeddings.matrices import Array, DType, check_held, check_matrix
from specaudit.embeddings.members import choose_member, member_label
from specaudit.embeddings.options import Options
from specaudit.embeddings.sources import Part
from specaudit.embeddings.stored import FileMatrix, from_file, spool_tiles
from specaudit.errors import InputError

if TYPE_CHECKING:
    import h5py

METADATA = 64 << 10  # bytes read at a time where the structure of the file is looked at
CACHED = 1 << 20  # bytes of chunks that HDF5 keeps


def read_hdf5(part: Part, options: Options) -> FileMatrix | BandMatrix:
    """Return one data set of a file: the named one, or the only 2-D one.

    Where rows are spread over chunks that are large together, it is copied to a temporary file, chunk by chunk.

    Raises
    ------
    InputError
        The file is damaged, h5py is missing, the data set lies in other files or was not written as a whole, or
        as ``choose_member``.
    BudgetError
        Chunks are larger than ``max_memory`` lets them be.
    """
    with needs("hdf5", part.label):
        import h5py
    with open_file(part.path, part.label) as file, _damage(part.label):
        again = reopening(file, part.path, part.label)
        with io.BufferedReader(file, METADATA) as source, h5py.File(source, "r") as opened:
            name = _choose(opened, part)
            label, data = member_label(part, name), opened[name]
            check_matrix(label, data.shape, data.dtype)
            layout = data.id.get_create_plist().get_layout()
            _check_own(label, data, layout)
            shape, dtype, chunks = data.shape, data.dtype, data.chunks or (1, data.shape[1])
            if _check_type(label, data) and layout == h5py.h5d.CONTIGUOUS:
                start = data.id.get_offset()
                end = start + data.nbytes
                expect_size(label, data.id.get_storage_size(), data.nbytes, f"shape {shown(shape, 60)} of {dtype}")
                expect_size(label, min(file_size(file), end), end, "the file up to the data set's end")
                return from_file(again, label, shape, dtype, start)
            packed = data.id.get_create_plist().get_nfilters() > 0
            chunk = prod(chunks) * max(dtype.itemsize, data.id.get_type().get_size())
            spread = is_spread(shape, dtype.itemsize, chunks)
            budget = unpacked_budget(data.id.get_storage_size())
            if max(chunk, spread * data.nbytes) > budget:
                raise too_large(label, budget)
    native, whole = dtype.newbyteorder("="), chunks[1] >= shape[1]
    # A chunk that is smaller in one axis than what is read is read from the file piece by piece, if it is not kept.
    cache = CACHED if whole else max(CACHED, chunk)

    @contextmanager
    def reading() -> Iterator[_Rows]:
        with (
            _damage(label),
            io.BufferedReader(again(), METADATA) as source,
            h5py.File(source, "r", rdcc_nbytes=cache) as opened,
        ):
            yield _Rows(opened[name], native)

    beside = 2 * chunk if packed else chunk * (not whole)
    if spread:
        check_held(label, chunk + beside, options.max_memory)
        with reading() as rows:
            return spool_tiles(label, shape, native, chunks, lambda place: rows.data[place])
    edges = even_edges(shape[0], chunks[0] if packed or not whole else 1, shape[1] * dtype.itemsize)
    return BandMatrix(dimensions=shape[1], dtype=native, edges=edges, opener=reading, beside=beside)


class _Rows:
    """An open data set."""

    def __init__(self, data: h5py.Dataset, dtype: DType) -> None:
        self.data, self.dtype = data, dtype

    def read(self, start: int, stop: int, room: Array) -> Array:
        """Return the rows of one band."""
        self.data.read_direct(room, np.s_[start:stop])
        return room


@contextmanager
def _damage(label: str) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError, ValueError, LookupError, TypeError, OverflowError, AttributeError) as error:
        raise InputError(
            f"{shown(label)}: not a readable HDF5 file: {shown(error, 120)}", next_step="write or copy the file again"
        ) from None


def _choose(opened: h5py.File, part: Part) -> str:
    """Return the path of the data set that is meant."""
    import h5py

    if part.member is not None and isinstance(opened.get(part.member), h5py.Dataset):
        return part.member
    shapes: dict[str, tuple[int, ...]] = {}

    def visit(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset) and item.shape is not None:
            shapes[name] = item.shape

    opened.visititems(visit)
    return choose_member(part, list(shapes), lambda name: shapes[name])


def _check_type(label: str, data: h5py.Dataset) -> bool:
    """Return whether numbers are stored as numpy has them; else HDF5 converts them, which must change none.

    Raises
    ------
    InputError
        They are of a kind that may not be converted exactly.
    """
    import h5py

    stored, dtype = data.id.get_type(), data.dtype
    if stored == h5py.h5t.py_create(dtype, logical=True):
        return True
    if isinstance(stored, h5py.h5t.TypeIntegerID):
        signed = stored.get_sign() == h5py.h5t.SGN_2
        if stored.get_size() <= dtype.itemsize and signed == (dtype.kind == "i"):
            return False
    if isinstance(stored, h5py.h5t.TypeFloatID):
        _, _, exponent, _, mantissa = stored.get_fields()
        bias, limits = stored.get_ebias(), np.finfo(dtype)
        fits = mantissa <= limits.nmant and 1 - bias >= limits.minexp and (1 << exponent) - 1 - bias <= limits.maxexp
        # Of floats of 8 bits and less HDF5 does not say whether there are infinities.
        if fits and stored.get_precision() >= 16 and stored.get_norm() == h5py.h5t.NORM_IMPLIED:
            return False
    raise InputError(
        f"{shown(label)}: numbers of {stored.get_size()} bytes of a type that numpy does not have",
        next_step=f"convert it, for example with file.create_dataset(name, data=data.astype('{dtype.str}'))",
    )


def _check_own(label: str, data: h5py.Dataset, layout: int) -> None:
    """Raise an ``InputError`` unless all numbers of a data set are in its file: what is missing would read as 0."""
    import h5py

    if data.external or layout == h5py.h5d.VIRTUAL:
        raise InputError(f"{shown(label)}: its numbers are in other files", next_step="copy them into one data set")
    if layout == h5py.h5d.CHUNKED:
        wanted = int(np.prod([-(-extent // size) for extent, size in zip(data.shape, data.chunks, strict=True)]))
        missing = wanted - data.id.get_num_chunks()
    else:
        missing = int(layout == h5py.h5d.CONTIGUOUS and data.id.get_offset() is None)
    if missing:
        raise InputError(
            f"{shown(label)}: {missing:,} of its chunks were never written", next_step="write the data set as a whole"
        )
