"""What the pages of a Parquet column say of their sizes, compared with the footer before anything is unpacked.

A page begins with a header in the compact protocol of Thrift, of which a few numbers are read here; pyarrow takes the
memory that they ask for, and checks the rest later (https://parquet.apache.org/docs/file-format/data-pages/).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT, UUID = range(1, 14)
FIXED = {BYTE: 1, DOUBLE: 8, UUID: 16}  # bytes of a value
UNPACKED, STORED, PLAIN, DICTIONARY, SECOND = 2, 3, 5, 7, 8  # fields of a header: two sizes, and the kinds of pages
VALUES = 1  # field of a kind
USUAL, LONGEST = 1 << 10, 16 << 20  # bytes of a header
DEEPEST = 16  # structs and lists in each other
SLACK = 100  # bytes that early writers did not count, https://issues.apache.org/jira/browse/PARQUET-816

Numbers = dict[tuple[int, ...], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """What the footer says of a column in a group of rows: its first byte, its sizes in bytes, and its values."""

    start: int
    stored: int
    unpacked: int
    values: int


def check_pages(source: BinaryIO, chunk: Chunk) -> None:
    """Raise a ``ValueError`` where a page says that it is larger than its chunk, or its header makes no sense."""
    position, left, stop = chunk.start, chunk.values, chunk.start + chunk.stored + SLACK
    if min(chunk.start, chunk.stored, chunk.unpacked, chunk.values) < 0:
        raise ValueError("the footer says negative sizes")
    while left > 0 and position < stop - SLACK:
        numbers, size = read_header(source, position, min(LONGEST, stop - position))
        stored, unpacked = numbers.get((STORED,), -1), numbers.get((UNPACKED,), -1)
        position += size + stored
        if not 0 <= stored <= chunk.stored or position > stop:
            raise ValueError(f"a page of {stored:,} bytes in a column of {chunk.stored:,}")
        if not 0 <= unpacked <= chunk.unpacked:
            raise ValueError(f"a page that unpacks to {unpacked:,} bytes in a column that does to {chunk.unpacked:,}")
        plain, second, entries = (numbers.get((kind, VALUES), 0) for kind in (PLAIN, SECOND, DICTIONARY))
        if min(plain, second) < 0 or plain + second > left:
            raise ValueError(f"a page of {plain + second:,} values where {left:,} are left")
        if not 0 <= entries <= unpacked:
            raise ValueError(f"a dictionary of {entries:,} values in {unpacked:,} bytes")
        left -= plain + second


def read_header(source: BinaryIO, position: int, longest: int) -> tuple[Numbers, int]:
    """Return the numbers of the header at ``position``, by the fields that lead to each, and its size in bytes."""
    size = min(USUAL, longest)
    while True:
        source.seek(position)
        data = _Compact(source.read(size))
        try:
            return dict(data.numbers()), data.at
        except IndexError:
            if size == longest:
                raise ValueError("the header of a page ends early") from None
        size = min(8 * size, longest)


class _Compact:
    """A position in bytes of the compact protocol; where they end early, ``IndexError`` is raised.

    As https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md has it.
    """

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def numbers(self, path: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], int]]:
        """Yield the whole numbers of 32 bits in a struct and the structs in it; pass over the rest."""
        field = 0
        while head := self._byte():
            step, kind = head >> 4, head & 15
            field = field + step if step else _signed(self._unsigned(16))
            if not 0 < field < 1 << 15:
                raise ValueError(f"a page has a field {field}")
            if kind == I32:
                yield (*path, field), _signed(self._unsigned(32))
            elif kind == STRUCT and len(path) < DEEPEST:
                yield from self.numbers((*path, field))
            elif kind not in (TRUE, FALSE):
                self._skip(kind, len(path))

    def _skip(self, kind: int, depth: int) -> None:
        """Pass over a value of a type."""
        if depth >= DEEPEST:
            raise ValueError("the header of a page has no end")
        if kind in FIXED:
            self._pass(FIXED[kind])
        elif kind in (I16, I32, I64):
            self._unsigned(64)
        elif kind == BINARY:
            self._pass(self._unsigned(32))
        elif kind == STRUCT:
            for _ in self.numbers((0,) * (depth + 1)):
                pass
        elif kind in (LIST, SET):
            head = self._byte()
            count = head >> 4 if head >> 4 < 15 else self._unsigned(32)
            for _ in range(count):
                self._skip(_of_list(head & 15), depth + 1)
        elif kind == MAP:
            if count := self._unsigned(32):
                kinds = self._byte()
                for _ in range(count):
                    self._skip(_of_list(kinds >> 4), depth + 1)
                    self._skip(_of_list(kinds & 15), depth + 1)
        else:
            raise ValueError(f"the header of a page has a type {kind}")

    def _pass(self, count: int) -> None:
        if count > len(self.data) - self.at:
            raise IndexError
        self.at += count

    def _byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def _unsigned(self, bits: int) -> int:
        """Return a number of seven bits a byte."""
        value = shift = 0
        while (byte := self._byte()) & 128:
            value |= (byte & 127) << shift
            shift += 7
            if shift > bits:
                break
        value |= byte << shift
        if value >> bits:
            raise ValueError(f"the header of a page has a number of more than {bits} bits")
        return value


def _signed(value: int) -> int:
    """Return a number whose sign is its last bit."""
    return value >> 1 ^ -(value & 1)


def _of_list(kind: int) -> int:
    """Return the type of elements: in lists a truth value is a byte."""
    return BYTE if kind in (TRUE, FALSE) else kind
