"""Headers of Parquet pages: read as the footer counts them, and refused before pyarrow takes what they ask for."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pyarrow.parquet.encryption as secrets
import pytest

from specaudit.embeddings import open_embeddings
from specaudit.embeddings.parquet_pages import LONGEST, Chunk, check_pages, read_header
from specaudit.errors import InputError

ROWS = 900
PLAIN, DICTIONARY, SECOND = 5, 7, 8


def written(**options: Any) -> bytes:
    """Return a table of two groups of rows, whose columns have several pages."""
    numbers = np.random.default_rng(0).standard_normal((ROWS, 4)).astype(np.float32)
    columns = {
        "a.id": [f"row {k}" for k in range(ROWS)],
        "embedding": numbers.tolist(),
        "x": np.arange(ROWS) % 7,
    }
    sink = pa.BufferOutputStream()
    pa.parquet.write_table(
        pa.table(columns), sink, row_group_size=500, data_page_size=500, write_batch_size=50, **options
    )
    return bytes(sink.getvalue().to_pybytes())


def varint(value: int) -> bytes:
    """Return a number of seven bits a byte."""
    return bytes([value & 127 | 128]) + varint(value >> 7) if value > 127 else bytes([value])


def whole(value: int) -> bytes:
    """Return a number whose sign is its last bit."""
    return varint(2 * value if value >= 0 else -2 * value - 1)


def header(unpacked: int = 8, stored: int = 8, values: int = 2, *, kind: int = PLAIN, more: bytes = b"") -> bytes:
    """Return the header of a page, with more fields after the third."""
    sizes = b"".join(b"\x15" + whole(number) for number in (0, unpacked, stored))
    said = b"\x15" + whole(values) + b"\x15\0\0"
    return sizes + more + b"\x0c" + whole(kind) + said + b"\0"


def check(*pages: bytes, stored: int | None = None, unpacked: int = 100, values: int = 2) -> None:
    """Check pages, the last of which has a body of 8 bytes, or fewer."""
    data = b"".join(pages) + bytes(8)
    size = len(data) if stored is None else stored
    check_pages(io.BytesIO(data), Chunk(start=0, stored=size, unpacked=unpacked, values=values))


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "zstd"])
def test_headers_add_up_to_what_the_footer_says(compression: str, version: str) -> None:
    data = written(compression=compression, data_page_version=version, write_page_checksum=version == "2.0")
    file, footer = io.BytesIO(data), pa.parquet.read_metadata(io.BytesIO(data))
    for said in (footer.row_group(group).column(k) for group in range(2) for k in range(footer.num_columns)):
        start = said.dictionary_page_offset or said.data_page_offset
        pages, position = [], start
        while position < start + said.total_compressed_size:
            numbers, size = read_header(file, position, LONGEST)
            pages.append((numbers, size))
            position += size + numbers[3,]
        assert len(pages) > (2 if said.path_in_schema.startswith("embedding") else 1)
        assert position == start + said.total_compressed_size
        assert sum(size + numbers[2,] for numbers, size in pages) == said.total_uncompressed_size
        counted = PLAIN if version == "1.0" else SECOND
        assert sum(numbers.get((counted, 1), 0) for numbers, _ in pages) == said.num_values
        check_pages(
            file,
            Chunk(
                start=start,
                stored=said.total_compressed_size,
                unpacked=said.total_uncompressed_size,
                values=said.num_values,
            ),
        )


@pytest.mark.parametrize("column", ["embedding", "x"])
@pytest.mark.parametrize("options", [{}, {"data_page_version": "2.0", "compression": "zstd"}])
def test_sound_files_are_read(folder: Path, column: str, options: dict[str, Any]) -> None:
    Path("a.parquet").write_bytes(written(**options))
    with open_embeddings("a.parquet", column=column, ids="a.id") as found:
        assert found.rows == ROWS
        values = np.concatenate([block.values for block in found.blocks()])
    expected = pa.parquet.read_table("a.parquet")[column].to_pylist()
    np.testing.assert_array_equal(values, np.array(expected, values.dtype).reshape(values.shape))


LIES: dict[str, tuple[Callable[[], None], str]] = {
    "stored": (lambda: check(header(stored=1 << 30)), "a page of 1,073,741,824 bytes in a column of 2"),
    "negative": (lambda: check(header(stored=-8)), "a page of -8 bytes"),
    "past the end": (
        lambda: check(header(8, 160, 1) + bytes(160) + header(8, 160), stored=200),
        "a page of 160 bytes",
    ),
    "unpacked": (lambda: check(header(1 << 30)), "unpacks to 1,073,741,824 bytes in a column that does to 100"),
    "negative unpacked": (lambda: check(header(-1)), "unpacks to -1 bytes"),
    "no size": (lambda: check(b"\x15\0\0"), "a page of -1 bytes"),
    "values": (lambda: check(header(values=3)), "a page of 3 values where 2 are left"),
    "values of the second kind": (lambda: check(header(values=3, kind=SECOND)), "a page of 3 values"),
    "values of two pages": (
        lambda: check(header(values=2) + bytes(8) + header(values=2), values=3),
        "a page of 2 values where 1 are left",
    ),
    "negative values": (lambda: check(header(values=-1)), "a page of -1 values"),
    "dictionary": (lambda: check(header(values=9, kind=DICTIONARY)), "a dictionary of 9 values in 8 bytes"),
    "second page": (lambda: check(header(values=1) + bytes(8) + header(stored=99)), "a page of 99 bytes"),
    "wide number": (lambda: check(b"\x15\0\x15" + varint(1 << 33)), "more than 32 bits"),
    "long number": (lambda: check(b"\x15" + b"\x80" * 30), "more than 32 bits"),
    "field": (lambda: check(b"\x05\x01\0"), "a field -1"),
    "type": (lambda: check(b"\x1e"), "a type 14"),
    "text without end": (lambda: check(header(more=b"\x18" + varint(1 << 31))), "ends early"),
    "list without end": (lambda: check(header(more=b"\x19\xf3" + varint(1 << 31))), "ends early"),
    "depth": (lambda: check(b"\x1c" * 90), "has no end"),
    "depth of lists": (lambda: check(b"\x19" + b"\x19" * 90), "has no end"),
    "header without end": (lambda: check(b"\x15"), "a page of|ends early"),
    "footer": (lambda: check(header(), unpacked=-1), "the footer says negative sizes"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_refused(lie: str) -> None:
    told, message = LIES[lie]
    with pytest.raises(ValueError, match=re.compile(message)):
        told()


OTHERS = {
    "truth": b"\x11",
    "byte": b"\x13\xff",
    "long": b"\x16" + varint(1 << 63),
    "double": b"\x17" + bytes(8),
    "text": b"\x18\x03abc",
    "long text": b"\x18" + varint(9999) + bytes(9999),
    "truths": b"\x19\x31\1\2\1",
    "structs": b"\x1a\x2c\x15\x02\0\x15\x04\0",
    "many": b"\x19\xf3\x10" + bytes(16),
    "map": b"\x1b\x02\x8c\x01a\x15\x02\0\x01b\0",
    "empty map": b"\x1b\0",
    "named": b"\x05\x08\x04",
}


@pytest.mark.parametrize("other", OTHERS)
def test_other_fields_are_passed_over(other: str) -> None:
    data = header(7, 8, 2, more=OTHERS[other])
    numbers, size = read_header(io.BytesIO(data + b"\xff" * 5), 0, LONGEST)
    assert size == len(data)
    assert (numbers[2,], numbers[3,]) == (7, 8)


def test_what_early_writers_did_not_count_is_let_pass() -> None:
    check(header(), stored=len(header()))


def test_a_page_that_lies_is_refused_before_it_is_decoded(folder: Path) -> None:
    values = np.random.default_rng(0).standard_normal((4000, 2)).astype(np.float32)
    lists = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), 2)
    pa.parquet.write_table(pa.table({"embedding": lists}), "a.parquet", use_dictionary=False, compression="none")
    data = Path("a.parquet").read_bytes()
    size = read_header(io.BytesIO(data), 4, LONGEST)[0][3,]
    assert size > 1 << 14
    Path("a.parquet").write_bytes(data.replace(whole(size), whole((1 << 20) - 1)))
    told = r"a.parquet: not a readable Parquet file: a page of 1,048,575 bytes in a column"
    with open_embeddings("a.parquet") as found, pytest.raises(InputError, match=told):
        next(found.blocks())


class Keys(secrets.KmsClient):
    """Keys that are not kept from anybody."""

    def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> bytes:
        return base64.b64encode(key_bytes)


@pytest.mark.parametrize("column", ["x", "embedding"])
def test_encrypted_columns_are_refused_and_others_read(folder: Path, column: str) -> None:
    """Asked for its sizes, pyarrow ends the process."""
    table = pa.table({"x": [1.0, 2.0], "embedding": [[1.0], [2.0]], "y": [1.0, 2.0]})
    leaf = {"x": "x", "embedding": "embedding.list.element"}[column]
    wanted = secrets.EncryptionConfiguration(
        footer_key="k", column_keys={"k": [leaf]}, plaintext_footer=True, double_wrapping=False
    )
    factory = secrets.CryptoFactory(lambda _: Keys())
    keys = factory.file_encryption_properties(secrets.KmsConnectionConfig(), wanted)
    with pa.parquet.ParquetWriter("a.parquet", table.schema, encryption_properties=keys) as writer:
        writer.write_table(table)
    with pytest.raises(InputError, match=r"a.parquet: not a readable Parquet file: Cannot decrypt"):
        open_embeddings("a.parquet", column=column)
    with open_embeddings("a.parquet", column="y") as found:
        assert next(found.blocks()).values.tolist() == [[1.0], [2.0]]


def test_lists_that_are_not_there_are_missed(folder: Path) -> None:
    sink = pa.BufferOutputStream()
    pa.parquet.write_table(pa.table({"embedding": [[1.0, 2.0]] * 50}), sink, store_schema=False)
    data = sink.getvalue().to_pybytes()
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    said = b"\x16" + whole(100)  # values
    assert data.count(said, footer) == 1
    Path("a.parquet").write_bytes(data[:footer] + data[footer:].replace(said, b"\x16\x80\0"))
    with pytest.raises(InputError, match=r"a.parquet: not a readable Parquet file: no row where the footer says 50"):
        open_embeddings("a.parquet")
