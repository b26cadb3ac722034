"""Directories of Hugging Face data sets: those that ``save_to_disk`` writes, and those of the cache."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

from specaudit.embeddings.display import quoted, shown
from specaudit.embeddings.files import Place, natural, open_file
from specaudit.errors import InputError

STATE, SPLITS, INFO = "state.json", "dataset_dict.json", "dataset_info.json"
ARROW, CACHE = ".arrow", "cache-"  # the files of a data set; what ``map`` and ``filter`` leave beside them
PIECE = re.compile(r"-[0-9]+(-of-[0-9]+)?$")  # of a split that is in several files
NO_NAME = re.compile(r"[/\\\0\ud800-\udfff]")  # what leads elsewhere, ends names early, or is half a character
LARGEST = 16 << 20  # bytes of a file that describes others


def only_split(source: str, names: Collection[str], place: Callable[[str], Place], within: bool) -> str | None:
    """Return the folder of the only split of a saved ``DatasetDict``; None if the directory is none.

    Raises
    ------
    InputError
        It has several splits, or is ``within`` another: a split has none.
    """
    if within and SPLITS in names:
        raise InputError(
            f"{shown(source)}: a split with splits of its own", next_step="name the directory of one split"
        )
    splits = _read(place(SPLITS), f"{source}: {SPLITS}").get("splits") if SPLITS in names else None
    if not isinstance(splits, list) or not splits:
        return None
    if len(splits) > 1:
        raise InputError(
            f"{shown(source)}: a data set of {len(splits)} splits: {', '.join(map(quoted, splits[:20]))}",
            next_step=f"name one, such as {shown(source.rstrip('/'))}/{shown(splits[0])}",
        )
    return _plain(source, SPLITS, splits)[0]


def saved_files(source: str, names: Collection[str], place: Callable[[str], Place]) -> list[str] | None:
    """Return the files of a data set in its order, without caches beside them; None if the directory is none.

    Raises
    ------
    InputError
        A file is missing or named twice, or the rows are a selection that was not written out; a directory of the
        cache has several splits.
    """
    if STATE not in names:
        return _cached_files(source, names, place)
    state = _read(place(STATE), f"{source}: {STATE}")
    try:
        files = [entry["filename"] for entry in state["_data_files"]]
    except (KeyError, TypeError):
        files = []
    if not files:
        if INFO not in names:  # another program's state
            return None
        raise InputError(
            f"{shown(source)}: {STATE} does not name the files of the data set",
            next_step="copy the whole directory, or name the files by a glob",
        )
    if state.get("_indices_files") or state.get("_indices_data_files"):
        raise InputError(
            f"{shown(source)}: its rows are a selection, kept apart from them",
            next_step="call flatten_indices() and save it again",
        )
    for name in _plain(source, STATE, files):
        if name not in names:
            raise InputError(
                f"{shown(source)}: {STATE} names {quoted(name)}, which is not there",
                next_step="copy the whole directory",
            )
    return files


def _cached_files(source: str, names: Collection[str], place: Callable[[str], Place]) -> list[str] | None:
    """Return the files of a directory of the cache; None if it is none."""
    files = [name for name in names if name.endswith(ARROW) and not name.startswith((CACHE, ".", "_"))]
    if INFO not in names or not files:
        return None
    splits = _read(place(INFO), f"{source}: {INFO}").get("splits")
    if isinstance(splits, dict) and len(splits) > 1:
        raise InputError(
            f"{shown(source)}: a data set of {len(splits)} splits: {', '.join(map(quoted, list(splits)[:20]))}",
            next_step=f"name the files of one by a glob such as {quoted(f'*-{next(iter(splits))}*{ARROW}')}",
        )
    kinds = sorted({PIECE.sub("", name.removesuffix(ARROW)) for name in files}, key=natural)
    if len(kinds) > 1:
        raise InputError(
            f"{shown(source)}: files of {len(kinds)} splits or data sets: {', '.join(map(quoted, kinds[:20]))}",
            next_step=f"name the files of one by a glob such as {quoted(f'{kinds[0]}*{ARROW}')}",
        )
    return sorted(files, key=natural)


def _plain(source: str, where: str, names: Sequence[Any]) -> list[str]:
    """Return names that a file of the directory gives: of what is in it, each once."""
    seen: dict[str, None] = {}
    for name in names:
        if not isinstance(name, str) or name in ("", ".", "..") or NO_NAME.search(name):
            raise InputError(
                f"{shown(source)}: {where} names {quoted(name)}, expected a name within the directory",
                next_step="write the data set again with save_to_disk",
            )
        if name in seen:
            raise InputError(
                f"{shown(source)}: {where} names {quoted(name)} twice, and its rows would count twice",
                next_step="write the data set again with save_to_disk",
            )
        seen[name] = None
    return list(seen)


def _read(place: Place, label: str) -> dict[str, Any]:
    with io.BufferedReader(open_file(place, label)) as file:
        try:
            found = json.loads(file.read(LARGEST))
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"{shown(label)}: not JSON: {shown(error, 100)}", next_step="write or copy the directory again"
            ) from None
    return found if isinstance(found, dict) else {}
