"""Damage: what becomes of sound files on disks, in transfers, by other programs and by spite."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from fuzz_seeds import Seed

Random = np.random.Generator
Damage = Callable[[bytes, Random], bytes]

NUMBERS = (
    0,
    1,
    2,
    3,
    7,
    255,
    256,
    2**15,
    2**16 - 1,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**40,
    2**62,
    2**63 - 1,
    2**63,
    2**64 - 1,
)
WORDS = (
    *(
        "NaN",
        "nan",
        "-inf",
        "Infinity",
        "1e999",
        "-1e999",
        "1e-999",
        "1e308",
        "-0.0",
        "0x10",
        "1_000",
        "１２",
        "٣",
        "+1",
    ),
    *(
        "9" * 25,
        "9" * 400,
        "9" * 5000,
        "9007199254740993",
        "1e",
        ".",
        "-",
        "1,5",
        "1 2",
        "true",
        "null",
        "[]",
        "{}",
        '""',
    ),
    *(
        '"a"',
        "[[1]]",
        '{"a": 1}',
        '{"a": 1, "a": 2}',
        '"\\ud800"',
        '"\\u0000"',
        "'",
        '"',
        '""',
        "\x00",
        "\r",
        "\n",
        "\n\n",
    ),
    *(
        "\u2028",
        "\ufeff",
        "\u202e",
        "é",
        ",",
        ",,",
        "\t",
        ";",
        "id",
        "id,id",
        "[" * 3000,
        "{" * 50,
        " " * 300,
        "-1",
        "6",
        "1e400",
    ),
)
TOKEN = re.compile(rb"[-+.\w]+|\"[^\"]*\"|[^\w\s]|\s+")


def pick(items: Any, random: Random) -> Any:
    """Return one of the items."""
    return items[int(random.integers(len(items)))]


def flipped(data: bytes, random: Random) -> bytes:
    """Return the bytes with a bit flipped, or a byte set."""
    out = bytearray(data)
    at = int(random.integers(len(out)))
    out[at] = out[at] ^ (1 << int(random.integers(8))) if random.random() < 0.5 else int(random.integers(256))
    return bytes(out)


def cut(data: bytes, random: Random) -> bytes:
    """Return the beginning."""
    return data[: int(random.integers(len(data)))]


def grown(data: bytes, random: Random) -> bytes:
    """Return the bytes with some more at the end, or in between."""
    at = len(data) if random.random() < 0.5 else int(random.integers(len(data)))
    return data[:at] + random.bytes(int(random.integers(1, 9))) + data[at:]


def dropped(data: bytes, random: Random) -> bytes:
    """Return the bytes without some."""
    low = int(random.integers(len(data)))
    return data[:low] + data[low + int(random.integers(1, 17)) :]


def repeated(data: bytes, random: Random) -> bytes:
    """Return the bytes with a part of them once more elsewhere."""
    low, at = (int(n) for n in random.integers(len(data), size=2))
    return data[:at] + data[low : low + int(random.integers(1, 65))] + data[at:]


def renumbered(data: bytes, random: Random) -> bytes:
    """Return the bytes with a whole number of 1 to 8 bytes overwritten, early ones more often."""
    size = int(pick((1, 2, 4, 4, 8, 8), random))
    at = int(min(random.integers(len(data)), random.integers(len(data))))
    value = int(pick(NUMBERS, random)) % 2 ** (8 * size)
    order = pick(("little", "little", "big"), random)
    return data[:at] + value.to_bytes(size, order) + data[at + size :]


def reworded(data: bytes, random: Random) -> bytes:
    """Return text with a token replaced, dropped, repeated or followed by another word."""
    spans = [match.span() for match in TOKEN.finditer(data)]
    if not spans:
        return grown(data, random)
    low, high = pick(spans, random)
    other, word = pick(spans, random), str(pick(WORDS, random)).encode()
    new = pick((word, word, word, b"", data[low:high] * 2, data[low:high] + word, data[slice(*other)]), random)
    return bytes(data[:low] + new + data[high:])


def relined(data: bytes, random: Random) -> bytes:
    """Return text with a line dropped, repeated, moved, emptied, or other line ends."""
    rows = data.split(b"\n")
    at, to = (int(n) for n in random.integers(len(rows), size=2))
    match int(random.integers(6)):
        case 0:
            del rows[at]
        case 1:
            rows.insert(to, rows[at])
        case 2:
            rows.insert(to, rows.pop(at))
        case 3:
            rows.insert(at, b"")
        case 4:
            return data.replace(b"\n", pick((b"\r\n", b"\r", b"\n\n"), random))
        case _:
            return data.decode("utf-8", "replace").encode(pick(("utf-16", "utf-8-sig", "latin-1"), random), "replace")
    return b"\n".join(rows)


BYTES: tuple[Damage, ...] = (flipped, flipped, cut, grown, dropped, repeated, renumbered, renumbered)
TEXT: tuple[Damage, ...] = (reworded, reworded, reworded, relined, flipped, cut, dropped, repeated)


def npy_header(data: bytes, random: Random) -> bytes:
    """Return a .npy file with words of its header changed and the header's length right."""
    if data[:6] != b"\x93NUMPY" or len(data) < 12:
        return flipped(data, random)
    end = 10 + int.from_bytes(data[8:10], "little")
    said = data[10:end].rstrip()
    if random.random() < 0.5:
        wanted = [str(pick((*NUMBERS[:8], -1, 10**15, 10**30), random)) for _ in range(int(random.integers(4)))]
        said = re.sub(rb"\([^)]*\)", f"({', '.join(wanted)}{',' * (len(wanted) == 1)})".encode(), said)
    else:
        kinds = (
            "<f8",
            "<f2",
            "<i8",
            "|O",
            "<c8",
            "|V4",
            "<U1",
            "<M8[s]",
            "|b1",
            "<f16",
            "<u2",
            ">i4",
            "<f3",
            "f4,i4",
        )
        said = re.sub(rb"'descr': '[^']*'", f"'descr': '{pick(kinds, random)}'".encode(), said)
        if random.random() < 0.3:
            said = said.replace(b"False", b"True") if b"False" in said else said.replace(b"True", b"False")
    said += b" " * (-(len(said) + 11) % 64) + b"\n"
    return data[:8] + len(said).to_bytes(2, "little") + said + data[end:]


def tensors_header(data: bytes, random: Random) -> bytes:
    """Return a .safetensors file with a word of its header changed and the header's length right."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = reworded(data[8:end] or b"{}", random)
    return len(header).to_bytes(8, "little") + header + data[end:]


def rezipped(data: bytes, random: Random) -> bytes:
    """Return an archive with a member damaged or doubled, its check sums right."""
    sink = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(sink, "w") as other:
            for info in archive.infolist():
                content = archive.read(info)
                if random.random() < 0.6 / len(archive.namelist()) ** 0.5 and content:
                    damages = TEXT_JSON if info.filename.endswith(".json") else (npy_header, npy_header, *BYTES)
                    content = pick(damages, random)(content, random)
                name = (
                    info.filename if random.random() < 0.9 else str(pick(("x", "a/b.npy", "é.npy", "\n.npy"), random))
                )
                name = name if name not in other.namelist() else f"{info.filename}2"
                other.writestr(name, content, int(pick((0, 8, 8, 12, 14), random)))
    except (zipfile.BadZipFile, ValueError, OSError, RuntimeError, EOFError, zlib.error, lzma.LZMAError):
        return flipped(data, random)
    return sink.getvalue()


def inside_gzip(damages: tuple[Damage, ...]) -> Damage:
    """Return damage to what is packed."""

    def damage(data: bytes, random: Random) -> bytes:
        try:
            return gzip.compress(pick(damages, random)(gzip.decompress(data) or b"x", random), 1, mtime=0)
        except (OSError, EOFError, zlib.error):
            return flipped(data, random)

    return damage


def rejsoned(data: bytes, random: Random) -> bytes:
    """Return JSON with a value changed, dropped, doubled or moved; sound JSON remains."""
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        return flipped(data, random)
    holders: list[tuple[Any, Any]] = []

    def visit(node: Any) -> None:
        items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        for key, value in list(items):
            holders.append((node, key))
            visit(value)

    visit(tree)
    if not holders:
        return reworded(data, random)
    holder, key = pick(holders, random)
    values = (
        0,
        -1,
        1,
        1.5,
        2**53 + 1,
        2**63,
        10**30,
        1e308,
        -1e-320,
        "",
        "x",
        "\ud800",
        None,
        True,
        [],
        {},
        [[1]],
        {"a": 1},
    )
    match int(random.integers(5)):
        case 0:
            holder[key] = holder[key] * -1 if isinstance(holder[key], int | float) else pick(values, random)
        case 1 if isinstance(holder, dict):
            holder[str(pick(("schema", "x", "\ud800", "rows"), random))] = holder.pop(key)
        case 2:
            del holder[key]
        case 3:
            other, there = pick(holders, random)
            holder[key] = (
                json.loads(json.dumps(other[there]))
                if there in (other if isinstance(other, dict) else range(len(other)))
                else 0
            )
        case _:
            holder[key] = pick(values, random)
    return json.dumps(tree, allow_nan=True).encode()


TEXT_JSON: tuple[Damage, ...] = (rejsoned, rejsoned, rejsoned, *TEXT)


def damages_of(name: str) -> tuple[Damage, ...]:
    """Return what is done to a file of this name."""
    suffix = name.rpartition(".")[2]
    match suffix:
        case "npy":
            return (*BYTES, npy_header, npy_header)
        case "npz" | "scan":
            return (*BYTES, rezipped, rezipped, rezipped, rezipped)
        case "safetensors":
            return (*BYTES, tensors_header, tensors_header, tensors_header)
        case "csv" | "tsv" | "txt" | "toml":
            return TEXT
        case "jsonl" | "ndjson":
            return TEXT
        case "json" | "zarray" | "zattrs":
            return TEXT_JSON
        case "gz":
            inner = damages_of(name.removesuffix(".gz"))
            return (*BYTES, *[inside_gzip(inner)] * 8)
        case _:
            return BYTES


def damaged(seed: Seed, random: Random) -> dict[str, bytes]:
    """Return the files of a seed with one to three damages."""
    files = dict(seed.files)
    for _ in range(int(random.choice((1, 1, 2, 3)))):
        name = pick(sorted(files), random)
        if len(files) > 1 and random.random() < 0.03:
            del files[name]
        elif files[name]:
            files[name] = pick(damages_of(name), random)(files[name], random)
    return files
