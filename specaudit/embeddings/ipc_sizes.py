"""How much the record batches of an Arrow file unpack to, read off their headers before anything is unpacked.

Messages and the footer are FlatBuffers, of which four fields are read here; pyarrow checks the rest later. A packed
buffer begins with the number of bytes that it unpacks to (https://arrow.apache.org/docs/format/Columnar.html).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

DICTIONARY, BATCH = 2, 3  # types of messages
CONTINUES = 0xFFFFFFFF
HEADER, BODY_LENGTH = 2, 3  # fields of a message
BUFFERS, COMPRESSION = 2, 3  # of a batch
LONGEST = 16 << 20  # bytes of a message's header


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSize:
    """Bytes of a record batch or dictionary in the file, and of its packed buffers once they are unpacked."""

    stored: int
    unpacked: int


def batch_sizes(source: BinaryIO, start: int) -> Iterator[BatchSize]:
    """Yield the sizes of the batches and dictionaries of a stream that begins at ``start``.

    Raises
    ------
    ValueError
        A header makes no sense.
    """
    source.seek(start)
    while head := source.read(4):
        size = _integer(head, 0, "I")
        if size == CONTINUES:
            size = _integer(source.read(4), 0, "I")
        if size == 0:
            return
        if size > LONGEST:
            raise ValueError(f"a header of {size:,} bytes")
        message = source.read(size)
        body = source.tell()
        table = _integer(message, 0, "I")
        kind = _at(message, table, 1)
        place = _at(message, table, BODY_LENGTH)
        length = 0 if place is None else _integer(message, place, "q")
        if kind is not None and message[kind] in (DICTIONARY, BATCH):
            yield BatchSize(stored=length, unpacked=sum(_packed(source, message, table, body)))
        if length < 0:
            raise ValueError(f"a body of {length:,} bytes")
        source.seek(body + length)


def _packed(source: BinaryIO, message: bytes, table: int, body: int) -> Iterator[int]:
    """Yield the bytes that each buffer of a message unpacks to, if they are packed."""
    batch = _table(message, table, HEADER)
    kind = _at(message, table, 1)
    if kind is not None and message[kind] == DICTIONARY:
        batch = _table(message, batch, 1)
    if _at(message, batch, COMPRESSION) is None:
        return
    vector = _table(message, batch, BUFFERS)
    for number in range(_integer(message, vector, "I")):
        offset, length = (_integer(message, vector + at + 16 * number, "q") for at in (4, 12))
        if length >= 8:
            source.seek(body + offset)
            yield max(_integer(source.read(8), 0, "q"), 0)  # -1 is a buffer that is not packed


def _at(message: bytes, table: int, field: int) -> int | None:
    """Return where a field of a table is; None if it is not there."""
    fields = table - _integer(message, table, "i")
    if 4 + 2 * field >= _integer(message, fields, "H"):
        return None
    return table + place if (place := _integer(message, fields + 4 + 2 * field, "H")) else None


def _table(message: bytes, table: int, field: int) -> int:
    """Return where the table or vector of a field begins."""
    place = _at(message, table, field)
    if place is None:
        raise ValueError(f"field {field} is missing")
    return place + _integer(message, place, "I")


def _integer(data: bytes, at: int, kind: str) -> int:
    if not 0 <= at <= len(data) - struct.calcsize(f"<{kind}"):
        raise ValueError("a header ends early")
    return int(struct.unpack_from(f"<{kind}", data, at)[0])
