"""Residuals as a run logged them: a .npy file, a directory of step files or an array, one checkpoint at a time."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from specaudit.embeddings.display import shown
from specaudit.embeddings.files import file_size, natural, open_file, read_at
from specaudit.embeddings.matrices import Content
from specaudit.embeddings.npy import expect_data, read_header, read_vector
from specaudit.errors import InputError
from specaudit.kernels import FloatArray

Array = npt.NDArray[Any]
Times = str | os.PathLike[str] | Sequence[float] | Array

STEP = re.compile(r"step_(\d+(?:\.\d+)?)\.npy")
SIGNED = (
    "log signed residuals (rows, outputs), prediction less target, as specaudit.residuals(logits, labels) returns"
)
NUMBERS = Content(kinds="fiu", expected="real numbers", next_step="save them with numpy.save")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualLog:
    """Signed residuals of logged rows at checkpoints, the reference first.

    Attributes
    ----------
    name
        How errors call it.
    rows, outputs
        Logged rows and outputs of each.
    times
        (T,) of the checkpoints, ascending from 0; None where they are not known.
    read
        Returns a checkpoint as it is stored, (rows, outputs), by its number.
    places
        How errors call each checkpoint (T,).
    """

    name: str
    rows: int
    outputs: int
    times: FloatArray | None = field(repr=False)
    read: Callable[[int], Array] = field(repr=False)
    places: Sequence[str] = field(repr=False)

    @property
    def checkpoints(self) -> int:
        """Checkpoints T, with the reference."""
        return len(self.places)

    def blocks(self) -> Iterator[FloatArray]:
        """Yield the residuals (rows, outputs) of each checkpoint as float64.

        Raises
        ------
        InputError
            A residual is not finite, or all residuals of all checkpoints have one sign.
        """
        signs: set[float] = set()
        for place, label in enumerate(self.places):
            with np.errstate(invalid="ignore"):  # a nan may be a signalling one
                values = np.asarray(self.read(place), np.float64).reshape(self.rows, self.outputs)
            bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
            if bad.size:
                raise InputError(
                    f"{label}: the residual of logged row {bad[0]} is not finite ({bad.size:,} such rows)",
                    next_step="log a run that has not diverged, or leave this checkpoint out",
                )
            signs |= {float(sign) for sign in (-1, 1) if (np.sign(values) == sign).any()}
            yield values
        if len(signs) < 2:
            what = "are all 0" if not signs else "have one sign at every checkpoint, as losses and magnitudes have"
            raise InputError(f"{self.name}: the residuals {what}", next_step=SIGNED)


def open_log(
    source: str | os.PathLike[str] | Array, times: Times | None = None, reference: Times | None = None
) -> ResidualLog:
    """Return the log of a source.

    Parameters
    ----------
    source
        A .npy file or an array (T, n) or (T, n, outputs); or a directory of step_NUMBER.npy, each (n,) or (n,
        outputs), in the order of their numbers, which are the times unless these are given.
    times
        (T,) numbers or a .npy file of them: ascending, and 0 for the reference.
    reference
        (n,) or (n, outputs), or a .npy file: the residuals before the first step, where the source lacks them.

    Raises
    ------
    InputError
        It cannot be used: wrong shape or type, missing reference, or times that do not rise from 0.
    """
    if not isinstance(source, (str, os.PathLike)):
        name, parts, found = "residuals", *_array(np.asarray(source))
    else:
        name = shown(os.fsdecode(source))
        parts, found = _directory(Path(source), name) if os.path.isdir(source) else _file(Path(source), name)
    places = list(parts)
    if reference is not None:
        label, first = _reference(reference)
        places, parts = [label, *places], {label: first, **parts}
        found = None if found is None else np.concatenate([[0.0], found])
    shapes = {place: part.shape for place, part in parts.items()}
    shape = shapes[places[-1]]
    for place in places:
        if shapes[place] != shape:
            raise InputError(
                f"{place}: residuals of {shown(shapes[place], 60)} rows and outputs, but {places[-1]} has "
                f"{shown(shape, 60)}",
                next_step="log the same rows and outputs at every checkpoint",
            )
    if len(places) < 2:
        raise InputError(
            f"{name}: {len(places)} checkpoint, expected the reference and at least one more",
            next_step="log residuals before the first step and at checkpoints on the way",
        )
    known = _times(times, len(places), name) if times is not None else found
    if known is not None:
        _check_times(known, name, places)
    return ResidualLog(
        name=name,
        rows=shape[0],
        outputs=shape[1],
        times=known,
        read=lambda place: parts[places[place]].read(),
        places=places,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One checkpoint: its shape (rows, outputs), and what reads it."""

    shape: tuple[int, int]
    read: Callable[[], Array]


_Parts = dict[str, _Part]


def _array(values: Array, name: str = "residuals") -> tuple[_Parts, None]:
    shape = _log_shape(name, values.shape, values.dtype)
    return {
        f"{name} checkpoint {t}": _Part(shape=shape, read=partial(values.__getitem__, t)) for t in range(len(values))
    }, None


def _file(path: Path, name: str) -> tuple[_Parts, None]:
    """Return the checkpoints of one .npy file, each read when it is asked for."""
    if path.suffix.lower() != ".npy":
        open_file(path, name).close()
        raise InputError(
            f"{name}: residuals cannot be read from suffix {shown(path.suffix)!r}",
            next_step="use a .npy file, or a directory of step_NUMBER.npy",
        )
    with open_file(path, name) as file:
        header = read_header(file, name)
        shape = _log_shape(name, header.shape, header.dtype)
        expect_data(name, header, file_size(file) - header.length)
    if header.fortran:
        return _array(_values(path, name), name)
    size = header.dtype.itemsize * shape[0] * shape[1]

    def read(t: int) -> Array:
        out = np.empty(shape, header.dtype)
        with open_file(path, name) as file:
            read_at(file, out.view(np.uint8).reshape(-1).data, header.length + t * size, name)
        return out

    return {f"{name} checkpoint {t}": _Part(shape=shape, read=partial(read, t)) for t in range(header.shape[0])}, None


def _directory(folder: Path, name: str) -> tuple[_Parts, FloatArray]:
    """Return the checkpoints of a directory, and their numbers."""
    names = sorted((entry.name for entry in os.scandir(folder) if STEP.fullmatch(entry.name)), key=natural)
    if not names:
        raise InputError(f"{name}: the directory holds no step_NUMBER.npy", next_step="name the files by their step")
    parts, numbers = {}, []
    for file in names:
        label = f"{name.rstrip('/')}/{file}"
        with open_file(folder / file, label) as stream:
            header = read_header(stream, label)
        shape = _checkpoint_shape(label, header.shape, header.dtype)
        parts[label] = _Part(shape=shape, read=partial(_values, folder / file, label))
        found = STEP.fullmatch(file)
        assert found is not None
        numbers.append(float(found[1]))
    return parts, np.array(numbers)


def _reference(source: Times) -> tuple[str, _Part]:
    if isinstance(source, (str, os.PathLike)):
        label = shown(os.fsdecode(source))
        values = _values(Path(source), label)
    else:
        label, values = "reference", np.asarray(source)
    shape = _checkpoint_shape(label, values.shape, values.dtype)
    return label, _Part(shape=shape, read=lambda: values)


def _values(path: Path, label: str) -> Array:
    """Return the whole array of a .npy file."""
    with open_file(path, label) as file:
        header = read_header(file, label)
        expect_data(label, header, file_size(file) - header.length)
        _check_type(label, header.dtype)
        out = np.empty(header.data_bytes, np.uint8)
        read_at(file, out.data, header.length, label)
    return out.view(header.dtype).reshape(header.shape, order="F" if header.fortran else "C")


def _log_shape(label: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[int, int]:
    if len(shape) == 1:
        raise InputError(
            f"{label}: one number per checkpoint or row tells no modes (shape {shape})", next_step=SIGNED
        )
    if len(shape) not in (2, 3) or min(shape) < 1:
        raise InputError(
            f"{label}: shape {shown(shape, 60)}, expected (checkpoints, rows) or (checkpoints, rows, outputs)",
            next_step=SIGNED,
        )
    return _checkpoint_shape(label, shape[1:], dtype)


def _checkpoint_shape(label: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[int, int]:
    """Return the rows and outputs of a checkpoint."""
    _check_type(label, dtype)
    if len(shape) not in (1, 2) or min(shape) < 1:
        raise InputError(f"{label}: shape {shown(shape, 60)}, expected (rows,) or (rows, outputs)", next_step=SIGNED)
    return shape[0], shape[1] if len(shape) == 2 else 1


def _check_type(label: str, dtype: np.dtype[Any]) -> None:
    if dtype.kind not in "fiu" or dtype.itemsize > 8:
        raise InputError(
            f"{label}: dtype {shown(dtype, 60)}, expected real numbers of at most 64 bits",
            next_step="save the residuals as float32",
        )


def _times(source: Times, count: int, name: str) -> FloatArray:
    if isinstance(source, (str, os.PathLike)):
        values = read_vector(Path(source), os.fsdecode(source), NUMBERS)
    else:
        values = np.asarray(source)
    if values.shape != (count,) or values.dtype.kind not in "fiu":
        raise InputError(
            f"times of shape {shown(values.shape, 60)} for the {count} checkpoints of {name}",
            next_step="give one number per checkpoint, 0 for the reference",
        )
    return values.astype(np.float64)


def _check_times(times: FloatArray, name: str, places: Sequence[str]) -> None:
    if not np.isfinite(times).all() or (np.diff(times) <= 0).any():
        at = int(np.argmax(~np.isfinite(times) | (np.diff(times, prepend=-np.inf) <= 0)))
        raise InputError(f"{name}: the time of checkpoint {at} is {times[at]:g}, expected rising numbers")
    if times[0] != 0:
        raise InputError(
            f"{name}: no reference: {places[0]} is of time {times[0]:g}, expected residuals before the first step, "
            "at time 0",
            next_step="log them as step_0.npy, or give them with --reference",
        )
