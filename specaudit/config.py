"""Settings of a run: default < configuration file < environment < flag, each checked by the same rules."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from specaudit.errors import ConfigError

KERNELS = ("laplace", "linear", "matern32", "matern52", "rbf")
"""The names of the kernels, spelled out so that help does not import numpy; a test compares the registry."""

METHODS = (
    "random", "prototypes", "outliers", "semdedup", "density", "leverage", "herding", "k-center", "scores", "all"
)  # fmt: skip
"""The pruning methods, spelled out as the kernels are, and all of them."""

POLICIES = ("static", "bounded", "oracle", "whiten", "harmonic")
SAMPLERS = ("uniform", "loss", "probe", "ensemble", "frontier", "guarded")
SUPPRESSIONS = ("deep", "paper")
MOMENTA = ("nesterov", "heavy-ball")
"""Of a simulation, and samplers of an experiment, spelled out as the kernels are."""
FUSIONS = ("product", "sum")
STATUSES = ("resolved", "drifting", "not-power-law", "unresolved")
SPAN_CLASSES = ("in-span", "copies", "collapsed", "new-modes", "noise", "unresolved")
OPERATORS = ("auto", "dense", "graph")
INDEXES = ("auto", "flat", "ivf", "hnsw", "nndescent")
EXPECTATIONS = ("prune", "augment", "fresh", "any")
GATES = ("capacity", "tail", "repeats", "consistency", "rows", "coverage", "span")
"""The ids of the gates, spelled out as the kernels are."""
OPTIONAL_GATES = ("coverage",)

PREFIX = "SPECAUDIT_"
FILES = ("specaudit.toml", "pyproject.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What one setting may be."""

    kind: Literal["text", "flag", "integer", "number", "size", "list"]
    choices: tuple[str, ...] = ()
    least: float = 0
    above: bool = False  # the value must exceed `least`, not just reach it
    below: float = 2**63


KEYS: dict[str, Key] = {
    "kernel": Key(kind="list", choices=KERNELS),
    "bandwidth": Key(kind="number", above=True),
    "normalize": Key(kind="text", choices=("none", "l2")),
    "centered": Key(kind="flag"),
    "model": Key(kind="text"),
    "model-after": Key(kind="text"),
    "drop-bad-rows": Key(kind="flag"),
    "seed": Key(kind="integer"),
    "threads": Key(kind="integer", least=1),
    "max-rows": Key(kind="integer", least=2),
    "operator": Key(kind="text", choices=OPERATORS),
    "landmarks": Key(kind="integer", least=16),
    "neighbors": Key(kind="integer", least=1),
    "graph-rows": Key(kind="integer", least=2),
    "index": Key(kind="text", choices=INDEXES),
    "max-memory": Key(kind="size"),
    "workers": Key(kind="integer", least=1),
    "dask": Key(kind="text"),
    "require": Key(kind="list", choices=STATUSES),
    "require-class": Key(kind="list", choices=SPAN_CLASSES),
    "expect": Key(kind="text", choices=EXPECTATIONS),
    "method": Key(kind="text", choices=METHODS),
    "cap": Key(kind="number", least=1, above=True),
    "enable": Key(kind="list", choices=OPTIONAL_GATES),
    "max-drop": Key(kind="number", above=True, below=1),
    "min-rows": Key(kind="integer", least=1),
    "on-inconclusive": Key(kind="text", choices=("fail", "pass")),
}
"""Every setting that a file, the environment or a flag of the same name may give."""

TABLES = ("margins", "waive")
"""What else a file may hold: a table of margins and a list of waivers."""

MARGINS: dict[str, Key] = {
    "repeats": Key(kind="number", above=True, below=1),
    **{
        name: Key(kind="number", above=True, below=10)
        for gate in ("capacity", "tail")
        for name in (gate, *(f"{gate}.{kernel}" for kernel in KERNELS))
    },
}
"""Every margin: of a gate, or of a gate under one kernel."""

_WAIVER = {"gate": True, "reason": True, "until": True, "after": False}  # key -> whether it is required


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """A gate whose result shall not count, as a file says it."""

    gate: str
    reason: str
    until: date
    after: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the configuration file and the environment give.

    Attributes
    ----------
    file
        The configuration file in use; None without one.
    flags
        Checked values by key of `KEYS`.
    margins
        By the names of `MARGINS`.
    waivers
        In the order of the file.
    """

    file: Path | None = None
    flags: Mapping[str, Any] = field(default_factory=dict)
    margins: Mapping[str, float] = field(default_factory=dict)
    waivers: tuple[Waiver, ...] = ()


_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_TRUTH = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def read(key: str, value: object, where: str) -> Any:
    """Return ``value`` as the type of ``key``: text is parsed, everything is checked.

    Lists come back as tuples, sizes as bytes.

    Raises
    ------
    ConfigError
        It is of the wrong type or out of range; the message begins with ``where``.
    """
    rule = KEYS[key]
    result = _parse(rule, value)
    if result is None:
        raise ConfigError(f"{where}: expected {_expected(rule)}, got {value!r}")
    for item in result if isinstance(result, tuple) else (result,):
        if rule.choices and item not in rule.choices:
            raise ConfigError(f"{where}: unknown name {item!r}", next_step=_hint(item, rule.choices))
    return result


def read_margins(value: object, where: str) -> dict[str, float]:
    """Return margins by the names of `MARGINS`.

    Parameters
    ----------
    value
        Texts ``NAME=VALUE`` (or one, with commas between several), or a table of a TOML file, in which
        ``capacity = {linear = 0.05}`` is the same as ``"capacity.linear" = 0.05``.
    where
        Begins every message.

    Raises
    ------
    ConfigError
        A name is unknown, or a value is no number above 0.
    """
    found = {}
    for name, number in _margin_items(value, where):
        _known(name, tuple(MARGINS), where, "margin")
        margin = _number(MARGINS[name], number)
        if margin is None:
            raise ConfigError(f"{where}: {name}: expected {_expected(MARGINS[name])}, got {number!r}")
        found[name] = margin
    return found


def load(folder: Path, environment: Mapping[str, str], file: Path | None = None) -> Settings:
    """Return the checked settings that the configuration file and then the environment give.

    Parameters
    ----------
    folder
        Where the search for ``specaudit.toml`` or a ``pyproject.toml`` with ``[tool.specaudit]`` begins; the
        nearest one upward is used, and no other.
    environment
        Variables; those that begin with ``SPECAUDIT_`` are settings.
    file
        Read instead of searching.

    Raises
    ------
    ConfigError
        A file cannot be read, a key is unknown, or a value is of the wrong type.
    """
    path, table = _find(folder) if file is None else (file, _table(file))
    table = dict(table or {})
    for key in table:
        _known(key, (*KEYS, *TABLES), str(path), "key")
    margins = read_margins(table.pop("margins", {}), f"{path}: margins")
    waivers = _waivers(table.pop("waive", []), f"{path}: waive")
    flags = {key: read(key, value, f"{path}: {key}") for key, value in table.items()}
    names = {PREFIX + key.upper().replace("-", "_"): key for key in (*KEYS, "margins")}
    for name in sorted(name for name in environment if name.startswith(PREFIX)):
        _known(name, tuple(names), "environment", "variable")
        where = f"environment variable {name}"
        if names[name] == "margins":
            margins |= read_margins(environment[name], where)
        else:
            flags[names[name]] = read(names[name], environment[name], where)
    return Settings(file=path, flags=flags, margins=margins, waivers=waivers)


def _margin_items(value: object, where: str) -> Iterable[tuple[str, object]]:
    """Yield name and number of each margin, the numbers unchecked."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            parts = item.items() if isinstance(item, Mapping) else None
            yield from ((f"{name}.{kernel}", number) for kernel, number in parts) if parts else ((name, item),)
        return
    texts = value.split(",") if isinstance(value, str) else value
    if not isinstance(texts, list | tuple):
        raise ConfigError(f"{where}: expected a table, got {value!r}", next_step="for example capacity = 0.02")
    for text in texts:
        name, mark, number = str(text).partition("=")
        if not mark:
            raise ConfigError(f"{where}: expected NAME=VALUE, got {text!r}", next_step="for example capacity=0.02")
        yield name.strip(), number.strip()


def _waivers(value: object, where: str) -> tuple[Waiver, ...]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ConfigError(
            f"{where}: expected a list of tables",
            next_step="begin each with [[waive]], in pyproject.toml [[tool.specaudit.waive]]",
        )
    return tuple(_waiver(item, f"{where}[{number}]") for number, item in enumerate(value))


def _waiver(table: Mapping[str, object], where: str) -> Waiver:
    for key in table:
        _known(key, tuple(_WAIVER), where, "key")
    missing = [key for key, required in _WAIVER.items() if required and key not in table]
    if missing:
        example = {"until": "until = 2030-12-31, the last day on which it holds"}.get(missing[0], "")
        raise ConfigError(f"{where}: has no {missing[0]}", next_step=example)
    texts = {key: value for key, value in table.items() if key != "until"}
    for key, value in texts.items():
        if not isinstance(value, str) or not value.strip():
            raise ConfigError(f"{where}: {key}: expected a text, got {value!r}")
    _known(str(texts["gate"]), GATES, where, "gate")
    if "after" in texts and not re.fullmatch(r"[0-9a-fA-F]+", str(texts["after"]).strip()):
        raise ConfigError(
            f"{where}: after: expected first digits of a digest, got {texts['after']!r}",
            next_step="copy them from after.digest of the comparison's document",
        )
    return Waiver(until=_date(table["until"], f"{where}: until"), **{k: str(v).strip() for k, v in texts.items()})


def _date(value: object, where: str) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return datetime.strptime(str(value), "%Y-%m-%d").date()
    except ValueError:
        raise ConfigError(f"{where}: expected a date such as 2030-12-31, got {value!s}") from None


def _parse(rule: Key, value: object) -> Any:
    """Return the value, or None where it is not what the rule asks for."""
    match rule.kind:
        case "text":
            return value if isinstance(value, str) and value else None
        case "flag":
            return _TRUTH.get(value.lower()) if isinstance(value, str) else _only(value, bool)
        case "list":
            items = [value] if isinstance(value, str) else value
            if not isinstance(items, list | tuple) or not items or not all(isinstance(i, str) for i in items):
                return None
            return tuple(dict.fromkeys(name.strip() for item in items for name in item.split(",")))
        case "size":
            found = re.fullmatch(r"(\d{1,18}(?:\.\d{1,9})?)\s*([kmgt]?)(?:i?b)?", str(value).strip().lower())
            number = int(float(found[1]) * _UNITS[found[2]]) if found and isinstance(value, str | int) else 0
            return number or None
        case _:
            return _number(rule, value)


def _number(rule: Key, value: object) -> float | None:
    kind = int if rule.kind == "integer" else float
    try:
        number = kind(value) if isinstance(value, str) else _only(value, int, kind)
    except ValueError:
        return None
    if number is None or not rule.least <= number < rule.below or (rule.above and number == rule.least):
        return None
    return kind(number)


def _only(value: object, *types: type) -> Any:
    return value if type(value) in types else None


def _expected(rule: Key) -> str:
    least = f"{'above' if rule.above else 'of at least'} {rule.least:g}"
    if rule.below < 2**63:
        least += f" and below {rule.below:g}"
    return {
        "text": "a text",
        "flag": "true or false",
        "integer": f"a whole number {least}",
        "number": f"a number {least}",
        "size": "a size such as 4G, 800M or a number of bytes",
        "list": "names",
    }[rule.kind]


def _hint(name: str, known: tuple[str, ...]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"


def _known(name: str, known: tuple[str, ...], where: str, what: str) -> None:
    if name not in known:
        raise ConfigError(f"{where}: unknown {what} {name!r}", next_step=_hint(name, known))


def _find(folder: Path) -> tuple[Path | None, dict[str, Any] | None]:
    for parent in (folder, *folder.parents):
        tables = [(parent / name, _table(parent / name, missing_ok=True)) for name in FILES]
        found = [(path, table) for path, table in tables if table is not None]
        if len(found) > 1:
            raise ConfigError(
                f"{found[0][0]} and [tool.specaudit] in {FILES[1]} beside it both configure the run",
                next_step="keep one of them, or name one with --config",
            )
        if found:
            return found[0]
    return None, None


def _table(path: Path, *, missing_ok: bool = False) -> dict[str, Any] | None:
    """Return the settings in a file; None where it is a pyproject.toml without any, or missing.

    A pyproject.toml has them in [tool.specaudit]; any other file may, or else has them at its top.
    """
    try:
        if missing_ok and not path.is_file():
            return None
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", next_step="check the name given to --config") from error
    except RecursionError:
        raise ConfigError(f"{path}: not a TOML file: brackets without end", next_step="check it") from None
    except ValueError as error:  # not TOML, or not UTF-8
        hint = 'quote a name with a dot: "capacity.linear" = 0.05' if "overwrite" in str(error) else ""
        raise ConfigError(f"{path}: not a TOML file: {error}", next_step=hint) from error
    tools = data.get("tool")
    table = tools.get("specaudit") if isinstance(tools, dict) else None
    if path.name != "pyproject.toml":
        if table is None:
            return data
        beside = next((key for key in data if key != "tool"), None)
        if beside is not None:
            raise ConfigError(
                f"{path}: has [tool.specaudit] and {beside} outside it", next_step="move all settings into the table"
            )
    if not isinstance(table, dict) and not (table is None and missing_ok):
        raise ConfigError(f"{path}: has no [tool.specaudit] table", next_step="add one, or drop --config")
    return table
