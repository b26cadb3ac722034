"""The .scan format: what a scan found in some shards, and some of their rows; a zip of a JSON header and .npy arrays.

Nothing in it is compressed or pickled. Arrays are held to the digests in the header, rows to the hashes of their
contents.
"""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any, get_args

import numpy as np
import numpy.typing as npt

from specaudit.embeddings.archives import opened_archive, stored_at
from specaudit.embeddings.core import Embeddings, Shard
from specaudit.embeddings.display import shown
from specaudit.embeddings.files import open_file, read_at
from specaudit.embeddings.findings import DEFECTS, Findings, Normalize
from specaudit.embeddings.matrices import Array
from specaudit.embeddings.npy import expect_data, read_header
from specaudit.embeddings.options import Options
from specaudit.embeddings.remote import Remote, is_url
from specaudit.embeddings.sources import STDIN, Part
from specaudit.embeddings.stored import from_file
from specaudit.embeddings.texts import TEXT, check_room
from specaudit.embeddings.unopened import Kept, Unopened
from specaudit.errors import InputError
from specaudit.hashing import digest_of
from specaudit.tally import Moments

SUFFIX = ".scan"
SCHEMA = "specaudit.scan/1"
HEADER = "header.json"
LARGEST_HEADER = 64 << 20  # bytes
WRITTEN = 16
"""Bytes of a row beside its arrays, while they are held to their digests."""
AGAIN = "scan the shard again"
HEADER_TYPES = {"rows": int, "dimensions": int, "count": int, "normalize": str, "shards": list, "arrays": dict}
SHARD_TYPES = {"name": str, "rows": int, "dtype": str, "digest": str}
ORIGIN_TYPES = {
    "path": str, "label": str, "member": str | None, "suffix": str, "options": dict, "version": str | None,
}  # fmt: skip
DTYPE = re.compile(r"[<>|=]?([fiu][1248]|b1)")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredScan:
    """What a .scan file holds.

    Attributes
    ----------
    label
        How errors name the file.
    size
        Bytes that it takes in memory, about.
    shards
        Where the rows came from; their digests.
    ids
        (rows,) names of the rows, if they have any.
    """

    label: str
    size: int = 0
    shards: tuple[Shard, ...]
    matrices: tuple[Unopened, ...]
    digests: tuple[str, ...]
    findings: Findings = field(repr=False)
    ids: tuple[str, ...] | None = field(repr=False)


def shard_digests(shards: Sequence[Shard], findings: Findings, dimensions: int) -> tuple[str, ...]:
    """Return the digest of the usable rows of each shard."""
    rows = (slice(shard.start, shard.start + shard.rows) for shard in shards)
    return tuple(digest_of(dimensions, np.sort(findings.contents[r][findings.usable[r]])) for r in rows)


def pack_scan(
    embeddings: Embeddings, findings: Findings, kept: npt.NDArray[np.int64], settings: Mapping[str, Any], folder: Path
) -> bytes:
    """Return the .scan file, to be written in a folder, of embeddings and what was found in them.

    Parameters
    ----------
    kept
        (m,) rows to keep in it, of different content.
    settings
        What the header tells of how the scan was made.
    """
    kept = kept[np.argsort(findings.contents[kept])]
    moments = findings.moments
    arrays: dict[str, Array] = {
        "contents": findings.contents,
        "usable": findings.usable,
        **{name: findings.defects[name] for name in DEFECTS},
        "column_sum": moments.column_sum,
        "norms": np.array([*moments.norm_sum, moments.norm_min, moments.norm_max]),
        "first": moments.first,
        "constant": moments.constant,
        "kept_contents": findings.contents[kept],
        "kept": embeddings.take(kept),
    }
    if embeddings.ids is not None:
        lengths = (len(name if name.isascii() else _encoded(name)) for name in embeddings.ids)
        arrays["ids"] = np.frombuffer(_encoded("".join(embeddings.ids)), np.uint8)
        arrays["id_ends"] = np.cumsum(np.fromiter(lengths, np.int64, embeddings.rows))
    digests = shard_digests(embeddings.shards, findings, embeddings.dimensions)
    header = {
        "schema": SCHEMA,
        **settings,
        "normalize": findings.normalize,
        "rows": embeddings.rows,
        "dimensions": embeddings.dimensions,
        "count": moments.count,
        "shards": [
            _shard_header(shard, digest, folder) for shard, digest in zip(embeddings.shards, digests, strict=True)
        ],
        "arrays": {name: _digest(array) for name, array in arrays.items() if name != "kept"},
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        with _added(archive, HEADER) as file:
            file.write(json.dumps(header, indent=1, sort_keys=True).encode())
        for name, array in arrays.items():
            with _added(archive, f"{name}.npy") as file:
                np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)
    return out.getvalue()


def _encoded(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def _added(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    """Return a new member to be written, of one date, so that equal scans are equal files."""
    return archive.open(zipfile.ZipInfo(name), "w", force_zip64=True)


def _digest(array: Array) -> str:
    data = np.ascontiguousarray(array)
    return blake2b(data.view(np.uint8).data if data.size else b"", digest_size=16).hexdigest()


def _shard_header(shard: Shard, digest: str, folder: Path) -> dict[str, Any]:
    header = {"name": shard.name, "rows": shard.rows, "dtype": shard.dtype.str, "digest": digest}
    if shard.part is None:
        return header
    part = shard.part
    place = part.label if isinstance(part.path, Remote) else _relative(str(part.path), folder)
    if shard.version is not None:
        header["version"] = shard.version
    return header | {
        "path": place,
        "label": part.label,
        "member": part.member,
        "suffix": part.suffix,
        "options": asdict(replace(shard.options or Options(), max_memory=None)),
    }


def _relative(path: str, folder: Path) -> str:
    """Return a path that leads from a folder to a file, also where either is reached through links."""
    above, name = os.path.split(path)
    return os.path.join(os.path.relpath(os.path.realpath(above), os.path.realpath(folder)), name)


def read_scan(part: Part, run: str, max_memory: int | None = None, beside: int = 0) -> StoredScan:
    """Return what a .scan file holds; the rows that it keeps are read from it when they are needed.

    It may use ``max_memory``, in bytes, less what others take ``beside``.

    Raises
    ------
    InputError
        It is damaged, of another version, or was altered.
    BudgetError
        It takes more memory.
    """
    with opened_archive(part, what="scan", next_step=AGAIN) as (archive, again):
        members = {info.filename: info for info in archive.infolist()}
        if any(info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1 for info in members.values()):
            raise ValueError("a member is compressed")
        header = _header(archive, members)
        size = sum(members[f"{name}.npy"].file_size for name in header["arrays"])
        size += header["rows"] * (WRITTEN + (TEXT if "ids" in header["arrays"] else 0))
        check_room(part.label, f"{header['rows']:,} rows", beside + size, max_memory)
        arrays = {name: _array(part, members[f"{name}.npy"], name) for name in header["arrays"]}
        for name, array in arrays.items():
            if _digest(array) != header["arrays"][name]:
                raise ValueError(f"{name} is not what was written")
        kept = _kept(part, members["kept.npy"], again, arrays.pop("kept_contents"))
        return replace(_assembled(part, header, arrays, kept, run), size=size)


def _header(archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo]) -> dict[str, Any]:
    if HEADER not in members or members[HEADER].file_size > LARGEST_HEADER:
        raise ValueError("it has no header")
    header = json.loads(archive.read(HEADER))
    if not isinstance(header, dict) or header.get("schema") != SCHEMA:
        raise ValueError(f"its header is not {SCHEMA}")
    _check_types(header, HEADER_TYPES, "its header")
    if min(header["rows"], header["dimensions"]) < 1:
        raise ValueError("it has no rows or no columns")
    if header["normalize"] not in get_args(Normalize):
        raise ValueError(f"normalize is {shown(header['normalize'], 60)}")
    for entry in header["shards"]:
        _check_types(entry, SHARD_TYPES, "a shard")
        if "path" in entry:
            _check_types({"version": None} | entry, ORIGIN_TYPES, "a shard")
    return header


def _check_types(entry: object, types: Mapping[str, Any], what: str) -> None:
    if not isinstance(entry, dict):
        raise ValueError(f"{what} is no object")
    for name, kind in types.items():
        if not isinstance(entry[name], kind) or isinstance(entry[name], bool):
            raise ValueError(f"{what} has {name} {shown(entry[name], 60)}")


def _array(part: Part, info: zipfile.ZipInfo, name: str) -> Array:
    """Return the array of a member, no larger than the member is."""
    start, header = _place(part, info, name)
    values = np.empty(header.shape, header.dtype)
    with open_file(part.path, part.label) as file:
        read_at(file, values.view(np.uint8).data.cast("B") if values.size else memoryview(b""), start, part.label)
    return values


def _place(part: Part, info: zipfile.ZipInfo, name: str) -> tuple[int, Any]:
    """Return where the data of a member begins, and its header."""
    start = stored_at(part, info)
    with open_file(part.path, part.label) as file:
        file.seek(start)
        header = read_header(file, f"{part.label}::{name}")
    plain = DTYPE.fullmatch(header.dtype.str) is not None
    if not plain or header.fortran or any(extent < 0 for extent in header.shape):
        raise ValueError(f"{name} is no plain array")
    expect_data(f"{part.label}::{name}", header, info.file_size - header.length)
    return start + header.length, header


def _kept(part: Part, info: zipfile.ZipInfo, again: Any, contents: Array) -> Kept:
    start, header = _place(part, info, "kept")
    if len(header.shape) != 2 or contents.shape != header.shape[:1] or contents.dtype != np.uint64:
        raise ValueError("the rows that it keeps are not as many as their hashes")
    matrix = from_file(again, part.label, header.matrix_shape, header.dtype, start)
    return Kept(label=part.label, contents=contents, matrix=matrix)


def _assembled(part: Part, header: dict[str, Any], arrays: dict[str, Array], kept: Kept, run: str) -> StoredScan:
    rows, d = int(header["rows"]), int(header["dimensions"])
    expected = {
        "contents": ((rows,), "u8"), "usable": ((rows,), "?"), "column_sum": ((2, d), "f8"), "norms": ((4,), "f8"),
        "first": ((d,), "f8"), "constant": ((d,), "?"), **dict.fromkeys(DEFECTS, ((-1,), "i8")),
    }  # fmt: skip
    for name, (shape, dtype) in expected.items():
        array = arrays[name]
        if array.dtype != dtype or len(array.shape) != len(shape) or (shape[0] >= 0 and array.shape != shape):
            raise ValueError(f"{name} has shape {array.shape} of {array.dtype}")
    high, low, norm_min, norm_max = arrays["norms"].tolist()
    defects = {name: arrays[name] for name in DEFECTS}
    findings = Findings(
        contents=arrays["contents"],
        usable=arrays["usable"],
        defects=defects,
        moments=Moments(
            count=int(header["count"]),
            column_sum=arrays["column_sum"],
            norm_sum=np.array([high, low]),
            norm_min=norm_min,
            norm_max=norm_max,
            first=arrays["first"],
            constant=arrays["constant"],
        ),
        normalize=header["normalize"],
    )
    bad = sum(len(defects[name]) for name in DEFECTS if name != "zero" or header["normalize"] == "l2")
    usable = int(np.count_nonzero(findings.usable))
    outside = any(len(found) and not 0 <= found.min() <= found.max() < rows for found in defects.values())
    if usable != findings.moments.count or usable + bad != rows or outside or kept.matrix.dimensions != d:
        raise ValueError("its counts contradict one another")
    shards = _shards(part, header["shards"], rows)
    digests = shard_digests(shards, findings, d)
    if list(digests) != [entry["digest"] for entry in header["shards"]]:
        raise ValueError("its hashes are not those of its digests")
    matrices = tuple(_matrix(shard, findings, kept, d, run) for shard in shards)
    if isinstance(part.path, Remote):
        _check_reach(part, shards, matrices)
    return StoredScan(
        label=part.label,
        shards=shards,
        matrices=matrices,
        digests=digests,
        findings=findings,
        ids=_ids(arrays, rows),
    )


def _check_reach(part: Part, shards: Sequence[Shard], matrices: Sequence[Unopened]) -> None:
    """Raise where a scan at a URL needs a shard that it names relative to a folder."""
    for shard, matrix in zip(shards, matrices, strict=True):
        local = shard.part is not None and not isinstance(shard.part.path, Remote)
        if local and not matrix.keeps(slice(0, shard.rows)):
            raise InputError(
                f"{shown(part.label)}: does not keep all rows of {shard.name}, which it names relative to itself",
                next_step="download the scan to where it was written, or scan with --max-rows of at least its "
                "different rows",
            )


def _shards(part: Part, entries: Sequence[Mapping[str, Any]], rows: int) -> tuple[Shard, ...]:
    shards, start = [], 0
    for entry in entries:
        if not DTYPE.fullmatch(entry["dtype"]) or entry["rows"] < 1:
            raise ValueError("a shard is no matrix of numbers")
        dtype = np.dtype(entry["dtype"])
        origin, options = _origin(part, entry)
        shards.append(
            Shard(
                name=shown(entry["name"]), rows=entry["rows"], start=start, dtype=dtype, part=origin, options=options,
                version=None if origin is None else entry.get("version"),
            )
        )  # fmt: skip
        start += entry["rows"]
    if start != rows:
        raise ValueError(f"its shards have {start:,} rows")
    return tuple(shards)


def _origin(part: Part, entry: Mapping[str, Any]) -> tuple[Part | None, Options | None]:
    if "path" not in entry:
        return None, None
    place = entry["path"]
    if b"\0" in os.fsencode(place) or entry["suffix"] == STDIN:
        raise ValueError("a shard is no file")
    folder = part.path.parent if isinstance(part.path, Path) else Path()
    found = Part(
        path=Remote(url=place) if is_url(place) else folder / place,
        label=entry["label"],
        member=entry["member"],
        suffix=entry["suffix"],
    )
    given: dict[str, Any] = {name: None if text is None else str(text) for name, text in entry["options"].items()}
    shape = entry["options"]["shape"]
    given["shape"] = None if shape is None else (int(shape[0]), int(shape[1]))
    return found, Options(**given)


def _matrix(shard: Shard, findings: Findings, kept: Kept, dimensions: int, run: str) -> Unopened:
    rows = slice(shard.start, shard.start + shard.rows)
    return Unopened(
        part=shard.part or Part(path=Path(shard.name), label=shard.name, suffix=".npy"),
        options=shard.options or Options(),
        whole=(shard.rows, dimensions),
        dtype=shard.dtype.newbyteorder("="),
        stop=shard.rows,
        run=run,
        contents=findings.contents[rows],
        usable=findings.usable[rows],
        earlier=True,
        kept=kept,
    )


def _ids(arrays: Mapping[str, Array], rows: int) -> tuple[str, ...] | None:
    if "ids" not in arrays:
        return None
    data, ends = arrays["ids"].tobytes(), arrays["id_ends"].tolist()
    if len(ends) != rows or ends != sorted(ends) or ends[-1:] != [len(data)]:
        raise ValueError("its ids are not as many as its rows")
    return tuple(data[low:high].decode(errors="surrogatepass") for low, high in zip([0, *ends], ends, strict=False))


def check_distinct(scans: Sequence[StoredScan]) -> None:
    """Raise an ``InputError`` where two scans hold the same shard."""
    known: dict[str, str] = {}
    for scan in scans:
        usable = scan.findings.usable
        found = {
            digest: shard.name
            for shard, digest in zip(scan.shards, scan.digests, strict=True)
            if usable[shard.start : shard.start + shard.rows].any()
        }
        for digest, name in found.items():
            if digest in known:
                raise InputError(
                    f"{shown(scan.label)}: {name} holds the rows of {known[digest]}, which would count twice",
                    next_step="leave one out; if the rows are in the data twice, scan both shards into one file",
                )
        known |= {digest: f"{name} in {shown(scan.label)}" for digest, name in found.items()}
