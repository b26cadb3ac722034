"""The .npz format: a zip archive of .npy members."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from specaudit.embeddings.display import shown
from specaudit.embeddings.files import Again, file_size, open_file, read_at, reopening, unpacked_budget
from specaudit.embeddings.matrices import check_matrix
from specaudit.embeddings.members import choose_member, member_label
from specaudit.embeddings.npy import Header, expect_data, read_header, read_stream
from specaudit.embeddings.sources import Part
from specaudit.embeddings.stored import FileMatrix, from_file
from specaudit.errors import InputError

LOCAL_HEADER = 30  # bytes before the name of a member
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    RuntimeError,  # encrypted, or a compression that zipfile does not know
    ValueError,
    LookupError,
    TypeError,
    OverflowError,
    OSError,
)


def read_npz(part: Part) -> FileMatrix:
    """Return one member of an archive: the named one, or the only 2-D one.

    A stored member is read in place, a compressed one is unpacked to a nameless temporary file.

    Raises
    ------
    InputError
        The archive is damaged, or no member or more than one could be meant.
    """
    with opened_archive(part) as (archive, again):
        info = _choose(archive, part)
        label = member_label(part, _key(info))
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
            with archive.open(info) as stream:
                return read_stream(stream, label, unpacked_budget(info.compress_size))
        with archive.open(info) as stream:
            header = read_header(stream, label)
        check_matrix(label, header.shape, header.dtype)
        expect_data(label, header, info.file_size - header.length)
        start = stored_at(part, info)
    return from_file(
        again,
        label,
        header.matrix_shape,
        header.dtype,
        start + header.length,
        fortran=header.fortran,
    )


@contextmanager
def opened_archive(
    part: Part, *, what: str = ".npz archive", next_step: str = "write it again with numpy.savez"
) -> Iterator[tuple[zipfile.ZipFile, Again]]:
    """Yield an archive and what opens its file again; damage that is found meanwhile is an ``InputError``."""
    with open_file(part.path, part.label) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                yield archive, reopening(file, part.path, part.label)
        except DAMAGE as error:
            raise InputError(
                f"{shown(part.label)}: not a readable {what}: {shown(error, 100) or 'it ends early'}",
                next_step=next_step,
            ) from None


def _key(info: zipfile.ZipInfo) -> str:
    return info.filename.removesuffix(".npy")


def _choose(archive: zipfile.ZipFile, part: Part) -> zipfile.ZipInfo:
    members = {_key(info): info for info in archive.infolist() if info.filename.endswith(".npy")}
    name = choose_member(part, list(members), lambda name: _header(archive, members[name], part).shape)
    return members[name]


def _header(archive: zipfile.ZipFile, info: zipfile.ZipInfo, part: Part) -> Header:
    with archive.open(info) as stream:
        return read_header(stream, f"{part.label}::{_key(info)}")


def stored_at(part: Part, info: zipfile.ZipInfo) -> int:
    """Return where a stored member begins; its name and extra field may differ from the directory's."""
    with open_file(part.path, part.label) as file:
        head = bytearray(LOCAL_HEADER)
        read_at(file, memoryview(head), info.header_offset, part.label)
        start = info.header_offset + LOCAL_HEADER + sum(int.from_bytes(head[k : k + 2], "little") for k in (26, 28))
        if start + info.file_size > file_size(file):
            raise zipfile.BadZipFile("a member reaches past the end of the file")
    return start
