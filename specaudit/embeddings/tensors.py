"""The .safetensors format: a JSON header, then the tensors; its header is read here, no library is needed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from specaudit.embeddings.display import shown
from specaudit.embeddings.files import File, expect_size, file_size, open_file, read_at, reopening
from specaudit.embeddings.jsonl import once
from specaudit.embeddings.matrices import Array, DType, check_matrix
from specaudit.embeddings.members import choose_member, member_label
from specaudit.embeddings.sources import Part
from specaudit.embeddings.stored import FileMatrix, from_file
from specaudit.errors import InputError

LENGTH = 8  # bytes that say how long the header is
LONGEST_HEADER = 100_000_000  # bytes, as in the format's own library
METADATA = "__metadata__"
BFLOAT = "BF16"
DTYPES = {
    **{"F16": "<f2", "F32": "<f4", "F64": "<f8", "BOOL": "?", BFLOAT: "<u2"},
    **{f"{sign}{size}": f"<{sign.lower()}{size // 8}" for sign in "IU" for size in (8, 16, 32, 64)},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BFloatMatrix:
    """A matrix of bfloat16, the upper halves of float32 numbers, which it gives."""

    halves: FileMatrix
    ids: None = None
    groups: None = None

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.halves.rows

    @property
    def dimensions(self) -> int:
        """Number of columns."""
        return self.halves.dimensions

    @property
    def dtype(self) -> DType:
        """Type of the values that are given."""
        return np.dtype(np.float32)

    def blocks(self, max_bytes: int, start: int = 0, stop: int | None = None) -> Iterator[Array]:
        """Yield the rows from ``start`` to ``stop`` in order."""
        return map(_widened, self.halves.blocks(max_bytes // 2, start, stop))

    def take(self, rows: npt.NDArray[np.int64], step: int) -> Iterator[Array]:
        """Yield these rows, ``step`` at a time."""
        return map(_widened, self.halves.take(rows, step))

    def close(self) -> None:
        """Nothing to give back."""


def _widened(halves: Array) -> Array:
    return (halves.astype(np.uint32) << 16).view(np.float32)


def read_safetensors(part: Part) -> FileMatrix | BFloatMatrix:
    """Return one tensor of a file: the named one, or the only 2-D one.

    Raises
    ------
    InputError
        The file is damaged, the tensor is of a type without an equal in numpy, or as ``choose_member``.
    """
    with open_file(part.path, part.label) as file:
        again = reopening(file, part.path, part.label)
        start, tensors = _read_header(file, part.label)
        name = choose_member(part, list(tensors), lambda name: tensors[name]["shape"])
        label, tensor = member_label(part, name), tensors[name]
        if tensor["dtype"] not in DTYPES:
            raise InputError(
                f"{shown(label)}: dtype {shown(tensor['dtype'], 60)}, expected numbers that numpy has, or {BFLOAT}",
                next_step="convert it, for example with tensor.float()",
            )
        dtype, shape = np.dtype(DTYPES[tensor["dtype"]]), tuple(tensor["shape"])
        check_matrix(label, shape, dtype)
        low, high = tensor["data_offsets"]
        expect_size(
            label, high - low, shape[0] * shape[1] * dtype.itemsize, f"shape {shown(shape, 60)} of {tensor['dtype']}"
        )
        end = max(tensor["data_offsets"][1] for tensor in tensors.values())
        expect_size(part.label, file_size(file), start + end, "the header with its tensors")
    found = from_file(again, label, shape, dtype, start + low)
    return BFloatMatrix(halves=found) if tensor["dtype"] == BFLOAT else found


def _read_header(file: File, label: str) -> tuple[int, Mapping[str, Any]]:
    """Return where the tensors begin, and what the header says of each."""
    size = bytearray(LENGTH)
    expect_size(label, min(file_size(file), LENGTH), LENGTH, "the length of the header")
    read_at(file, memoryview(size), 0, label)
    length = int.from_bytes(size, "little")
    if length > LONGEST_HEADER:
        raise _damaged(label, f"a header of {length:,} bytes")
    expect_size(label, min(file_size(file), LENGTH + length), LENGTH + length, "the header")
    header = bytearray(length)
    read_at(file, memoryview(header), LENGTH, label)
    try:
        found = json.loads(header, object_pairs_hook=once)
        tensors = {name: tensor for name, tensor in found.items() if name != METADATA}
    except (ValueError, RecursionError, AttributeError) as error:
        raise _damaged(label, f"the header is no JSON object: {shown(error, 60)}") from None
    for name, tensor in tensors.items():
        if not _is_tensor(tensor):
            raise _damaged(label, f"the header says of {shown(name, 40)} {shown(tensor, 60)}")
    end = 0
    for name, tensor in sorted(tensors.items(), key=lambda item: item[1]["data_offsets"]):
        if tensor["data_offsets"][0] != end:
            what = "overlaps another tensor" if tensor["data_offsets"][0] < end else "begins after a gap"
            raise _damaged(label, f"{shown(name, 40)} {what}")
        end = tensor["data_offsets"][1]
    return LENGTH + length, tensors


def _is_tensor(said: Any) -> bool:
    if not isinstance(said, dict) or not isinstance(said.get("dtype"), str):
        return False
    numbers = (said.get("shape"), said.get("data_offsets"))
    if not all(isinstance(item, list) and all(type(n) is int and n >= 0 for n in item) for item in numbers):
        return False
    return len(said["data_offsets"]) == 2 and said["data_offsets"][0] <= said["data_offsets"][1]


def _damaged(label: str, what: str) -> InputError:
    return InputError(
        f"{shown(label)}: not a readable .safetensors file: {what}", next_step="write or copy the file again"
    )
