"""One case: damaged files are refused in one line, or hold what a second reader finds in them, or a finding."""

from __future__ import annotations

import json
import os
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch

import fuzz_oracles as second
import fuzz_texts as texts
import numpy as np
from fuzz_mutations import damaged
from fuzz_seeds import NAMES, ROWS, SINGLE, Seed, loaders

from specaudit import config
from specaudit.cli.app import one_line
from specaudit.documents.reading import read_document
from specaudit.embeddings import delimited, open_embeddings, read_groups, read_selection, read_weights
from specaudit.embeddings.ids import read_ids
from specaudit.errors import SpecauditError
from specaudit.learning import open_log
from specaudit.report.formats import RENDERED, SUBJECTS, render

Outcome = Literal["refused", "equal", "alone", "wrong", "exception", "message", "warning", "hang", "memory", "crash"]
SOUND: tuple[Outcome, ...] = ("refused", "equal", "alone")
"""Refused in one line; read, with the same numbers as a second reader; read where the second reader refuses."""
LONGEST = 600
"""Characters of a message."""
BLOCK = 64
"""Bytes of a block of rows, and characters of a table that are parsed at a time: small files have several."""
SHOWN, PAGES = 3, 30
"""One of so many accepted documents is also rendered, and as a page."""


class TooLong(BaseException):
    """A case takes longer than it may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of a case, with what tells more of a finding."""

    outcome: Outcome
    detail: str = ""


@cache
def formats() -> dict[str, tuple[Seed, ...]]:
    """Return the seeds of every format, documents among them."""
    from fuzz_documents import documents, scans

    return {**loaders(), **scans(), **documents()}


def case(name: str, index: int) -> tuple[Seed, dict[str, bytes]]:
    """Return the seed and the damaged files of a case; the same for the same number."""
    seeds = formats()[name]
    random = np.random.default_rng([index, *name.encode()])
    seed = seeds[index % len(seeds)]
    return seed, damaged(seed, random)


def run(name: str, index: int, folder: Path) -> Verdict:
    """Return what comes of a case in a folder of its own, which is the current one."""
    seed, files = case(name, index)
    with _laid(folder, files), warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            found = READERS[seed.kind](seed, files, index)
        except SpecauditError as error:
            text = one_line(f"{error.problem} {error.next_step}")
            sound = text.isprintable() and len(text) <= LONGEST
            verdict = Verdict(outcome="refused" if sound else "message", detail=text)
        except MemoryError as error:
            verdict = Verdict(outcome="memory", detail=repr(error))
        except TooLong:
            verdict = Verdict(outcome="hang")
        except Exception as error:
            verdict = Verdict(outcome="exception", detail=f"{type(error).__name__}: {error} at {_place(error)}")
        else:
            verdict = _compared(found, folder)
        mine = [f"{w.message} at {w.filename}:{w.lineno}" for w in told if "specaudit" in w.filename]
    return Verdict(outcome="warning", detail=mine[0]) if mine and verdict.outcome in SOUND else verdict


def _compared(found: Callable[[Path], bool], folder: Path) -> Verdict:
    try:
        return Verdict(outcome="equal" if found(folder) else "wrong")
    except (TooLong, MemoryError):
        return Verdict(outcome="alone", detail="the second reader has no end")
    except Exception as error:  # a second reader may refuse in any way
        return Verdict(outcome="alone", detail=f"{type(error).__name__}: {error}")


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"


@contextmanager
def _laid(folder: Path, files: Mapping[str, bytes]) -> Iterator[None]:
    """Lay files into a folder, as long as a case lasts."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    try:
        yield
    finally:
        for name in {name.partition("/")[0] for name in files}:
            path = folder / name
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


Found = Callable[[Path], bool]


def _embeddings(seed: Seed, files: dict[str, bytes], index: int) -> Found:
    options = dict(seed.options)
    with patch.object(delimited, "BLOCK", BLOCK), open_embeddings(seed.source, **options) as opened:
        rows = np.concatenate([block.values.copy() for block in opened.blocks(BLOCK)])
        taken = opened.take([opened.rows - 1, 0])
    assert rows.shape == (opened.rows, opened.dimensions)
    whole = second.equal(taken, rows[[-1, 0]])
    return lambda folder: (
        whole and second.agrees(rows, opened.ids, second.reading(seed.source, files, options, folder))
    )


def _suffix(seed: Seed) -> str:
    return seed.source.rpartition(".")[2]


def _vector(files: dict[str, bytes], seed: Seed) -> Any:
    return second.of_npy(files[seed.source])


def _ids(seed: Seed, files: dict[str, bytes], index: int) -> Found:
    found = list(read_ids(Path(seed.source)))

    def same(folder: Path) -> bool:
        if _suffix(seed) == "npy":
            return found == texts.of_vector(_vector(files, seed))
        return found == texts.ids_of(_suffix(seed), files[seed.source])

    return same


def _rows(seed: Seed, files: dict[str, bytes], index: int) -> Found:
    with open_embeddings(SINGLE, ids=NAMES) as opened:
        times = read_selection(Path(seed.source), opened).tolist()

    def same(folder: Path) -> bool:
        if _suffix(seed) != "npy":
            rows = texts.selected(_suffix(seed), files[seed.source], NAMES)
        else:
            values = _vector(files, seed)
            kind, listed = values.dtype.kind, texts.of_vector(values)
            if kind == "b":
                return times == [int(text == "True") for text in listed]
            rows = [NAMES.index(text) if kind in "US" else int(text) for text in listed]
        return times == [rows.count(k) for k in range(ROWS)] and len(rows) == sum(times)

    return same


def _weights(seed: Seed, files: dict[str, bytes], index: int) -> Found:
    with open_embeddings(SINGLE) as opened:
        weights = read_weights(Path(seed.source), opened)

    def same(folder: Path) -> bool:
        if _suffix(seed) == "npy":
            return second.equal(weights, _vector(files, seed).astype(np.float64))  # what weights are given as
        told = texts.in_order_of_rows(_suffix(seed), files[seed.source], "weight", None, (str, int, float))
        return second.equal(weights, [float(texts.number(text)) for text in told])

    return same


def _groups(seed: Seed, files: dict[str, bytes], index: int) -> Found:
    with open_embeddings(SINGLE, ids=NAMES) as opened:
        groups = list(read_groups(Path(seed.source), opened))

    def same(folder: Path) -> bool:
        if _suffix(seed) == "npy":
            return groups == texts.of_vector(_vector(files, seed))
        kinds = (str, int, float, bool)
        return groups == texts.in_order_of_rows(_suffix(seed), files[seed.source], "group", NAMES, kinds)

    return same


def _log(seed: Seed, files: dict[str, bytes], index: int) -> Found:
    log = open_log(seed.source)
    blocks = np.array(list(log.blocks()))

    def same(folder: Path) -> bool:
        names = [seed.source] if seed.source in files else sorted(files, key=lambda n: float(n.split("_")[1][:-4]))
        arrays = [second.of_npy(files[name]) for name in names]
        there = arrays[0] if len(names) == 1 and seed.source in files else np.array(arrays)
        return second.equal(blocks, there.reshape(blocks.shape).astype(np.float64))  # what a log is given as

    return same


def _settings(seed: Seed, files: dict[str, bytes], index: int) -> Found:
    found = config.load(Path("nowhere"), {}, Path(seed.source))

    def same(folder: Path) -> bool:
        there = second.settings(files[seed.source])
        return all(_as_list(value) == _as_list(there[key]) for key, value in found.flags.items())

    return same


def _as_list(value: Any) -> Any:
    return list(value) if isinstance(value, tuple | list) else [value]


def _document(seed: Seed, files: dict[str, bytes], index: int) -> Found:
    found = read_document(seed.source)
    text = found.to_json()
    for name in RENDERED[SUBJECTS[found.schema_]].formats:
        if index % (PAGES if name == "html" else SHOWN) == 0:
            render(found, name, 80, False)
    return lambda folder: second.within(second.rounded(json.loads(files[seed.source])), json.loads(text))


READERS: dict[str, Callable[[Seed, dict[str, bytes], int], Found]] = {
    "embeddings": _embeddings,
    "ids": _ids,
    "rows": _rows,
    "weights": _weights,
    "groups": _groups,
    "log": _log,
    "settings": _settings,
    "document": _document,
}


@contextmanager
def working_in(folder: Path) -> Iterator[Path]:
    """Make a folder the current one: sources are named as a user types them."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield folder
    finally:
        os.chdir(before)
