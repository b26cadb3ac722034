"""Saved documents, read back: the one place that decides whether a JSON file is one of ours."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from pydantic import ValidationError

from specaudit.documents.base import Document
from specaudit.documents.baseline import Baseline
from specaudit.documents.compare import Comparison, DeepGain
from specaudit.documents.experiment import Experiment
from specaudit.documents.fit import Exponent, Fit
from specaudit.documents.frontier import Frontier, FrontierGrowth
from specaudit.documents.headroom import Headroom
from specaudit.documents.prune import Pruning
from specaudit.documents.simulate import Simulation
from specaudit.documents.span import Span
from specaudit.errors import InputError

Saved = Fit | Baseline | Comparison | Pruning | Span | Frontier | Simulation | Headroom | Experiment

READABLE: Mapping[str, type[Saved]] = {
    "specaudit.fit": Fit,
    "specaudit.baseline": Baseline,
    "specaudit.compare": Comparison,
    "specaudit.prune": Pruning,
    "specaudit.span": Span,
    "specaudit.frontier": Frontier,
    "specaudit.simulate": Simulation,
    "specaudit.headroom": Headroom,
    "specaudit.experiment": Experiment,
}
"""Name of a schema without its version -> the document."""

_BANDED = ("kappa", "kappa_low", "kappa_high", "n1")
_SLOPES = ("n2", "exponent", "exponent_low", "exponent_high")
COLUMNS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "Spectrum": (("eigenvalues", "eigenvalue_errors"),),
    "Counting": (("eigenvalue", "count"),),
    "Capacity": (("kappa", "kappa_low", "kappa_high", "n1", "n2"),),
    "LocalExponent": (("n2", "value", "low", "high", "b1", "b3"),),
    "Gain": (("dimension", "kappa_ratio", "low", "high"),),
    "DeepGain": (("dimension", "kappa_ratio", "low", "high"),),
    "Curve": (_BANDED, _SLOPES),
    "FiniteRegion": (("rank", "log_ratio", "error"),),
    "SpanKernel": (("modes", "modes_low", "modes_high"), ("level", "excess", "excess_real")),
    "HeadroomCurve": (("rank", "gain", "need", "null", "null_low", "null_high", "null_need"),),
    "SimulatedCurve": (("time", "frontier", "furthest", "capacity", "loss", "spent", "largest"),),
    "SimulatedSnapshot": (("rank", "eigenvalue"),),
    "Step": (
        ("dimension", "log_kappa", "log_kappa_sd"),
        ("gain_dimension", "gain_log_kappa", "gain_log_kappa_sd"),
        ("n2", "n1", "curve_log_kappa", "curve_log_kappa_sd", "local_exponent", "local_exponent_sd"),
    ),
}
"""Model of a curve -> the groups of its columns that have one length, which no schema can say."""

POSITIVE: Mapping[str, tuple[str, ...]] = {
    "Capacity": ("kappa", "n1", "n2"),
    "LocalExponent": ("n2",),
    "Exponent": ("window",),
    "Curve": ("kappa", "n1", "n2"),
    "FrontierGrowth": ("local_exponent",),
}
"""Model -> fields of which logarithms are taken, so that all are above 0."""

LARGEST = 16 * 2**20  # bytes; documents have less than a twentieth of it


def read_document(path: str | os.PathLike[str]) -> Saved:
    """Return the document that a file holds; writing it again gives the same bytes.

    Raises
    ------
    InputError
        The file cannot be read or holds no such document; the message names the file and the field.
    """
    name = os.fsdecode(path)
    text = _text(name)
    model = _model(name, _object(name, text).get("schema"))
    try:
        found = model.model_validate_json(text, strict=True)
    except ValidationError as error:
        first, *more = error.errors(include_url=False)
        others = f" (and {len(more)} more)" if more else ""
        _refuse(f"{name}: {_field(first['loc'])}: {first['msg'].lower()}{others}")
    if isinstance(found, Span | Frontier):
        _check_span(name, found) if isinstance(found, Span) else _check_frontier(name, found)
        return found
    if isinstance(found, Simulation | Headroom):
        _check_dynamics(name, found)
        return found
    if isinstance(found, Experiment):
        _check_experiment(name, found)
        return found
    measured = found.fit if isinstance(found, Baseline) else found.audit if isinstance(found, Pruning) else found
    if measured is not None and measured.primary not in measured.spectra:
        _refuse(f"{name}: primary: {measured.primary!r} is not among spectra")
    if isinstance(found, Pruning) and any(found.primary not in trial.spectra for trial in found.trials):
        _refuse(f"{name}: primary: {found.primary!r} is not among the spectra of all trials")
    _check_parts(name, found)
    return found


def _check_span(name: str, found: Span) -> None:
    if not found.sets:
        _refuse(f"{name}: sets: has none")
    if any(found.primary not in part.spectra for part in found.sets):
        _refuse(f"{name}: primary: {found.primary!r} is not among the spectra of all sets")
    _check_parts(name, found)


def _check_frontier(name: str, found: Frontier) -> None:
    if len(found.checkpoints) < 2:
        _refuse(f"{name}: checkpoints: has fewer than two")
    if any(len(point.share) != len(found.bins) for point in found.checkpoints):
        _refuse(f"{name}: checkpoints: expected a share for each of {len(found.bins)} bins")
    if len({point.time is None for point in found.checkpoints}) > 1:
        _refuse(f"{name}: checkpoints: expected a time for each, or for none")
    if len(found.proposal.edges) != len(found.proposal.counts) + bool(found.proposal.counts):
        _refuse(f"{name}: proposal: edges and counts do not belong together")
    _check_parts(name, found)


def _check_dynamics(name: str, found: Simulation | Headroom) -> None:
    line = found.run.predicted if isinstance(found, Simulation) else None
    if isinstance(found, Simulation) and line is not None and len(line) != len(found.run.time):
        _refuse(f"{name}: run: columns of unequal length: time {len(found.run.time)}, predicted {len(line)}")
    _check_parts(name, found)


def _check_experiment(name: str, found: Experiment) -> None:
    known = {kind: {one.id for one in getattr(found, f"{kind}s")} for kind in ("arm", "panel")}
    known["quantity"] = {one.id for one in found.quantities}
    for field in ("measures", "verdicts", "curves"):
        for number, one in enumerate(getattr(found, field)):
            for kind in known.keys() & type(one).model_fields:
                if getattr(one, kind) not in known[kind]:
                    _refuse(f"{name}: {field}[{number}].{kind}: {getattr(one, kind)!r} is not among those described")
    for number, curve in enumerate(found.curves):
        columns = [curve.x, curve.y, *(end for end in (curve.low, curve.high) if end is not None)]
        if len({len(column) for column in columns}) > 1 or (curve.low is None) != (curve.high is None):
            _refuse(f"{name}: curves[{number}]: columns of unequal length")


def _check_parts(name: str, found: Saved) -> None:
    for where, part in _parts(found):
        _check_columns(f"{name}: {where}", part)


def _text(name: str) -> str:
    try:
        with Path(name).open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise InputError(f"{name}: {error.strerror}", next_step="check the name") from error
    if len(content) > LARGEST:
        _refuse(f"{name}: has more than {LARGEST // 2**20} MB, which no document has")
    try:
        return content.decode("utf-8")
    except ValueError:
        _refuse(f"{name}: is not UTF-8 text")


def _object(name: str, text: str) -> dict[str, Any]:
    def no_number(constant: str) -> NoReturn:
        _refuse(f"{name}: holds {constant}, which is no JSON")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
            _refuse(f"{name}: several fields {twice!a:.80}, of which only one can be meant")
        return found

    try:
        data = json.loads(text, parse_constant=no_number, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        what = "is cut off or no JSON" if error.pos >= len(text.rstrip()) else "is no JSON"
        _refuse(f"{name}: {what}: line {error.lineno} column {error.colno}: {error.msg.lower()}")
    except (ValueError, RecursionError):  # digits or brackets without end
        _refuse(f"{name}: is no document of specaudit")
    if not isinstance(data, dict):
        _refuse(f"{name}: is no document of specaudit: expected an object, got {type(data).__name__}")
    return data


def _model(name: str, schema: object) -> type[Saved]:
    kind, mark, version = schema.partition("/") if isinstance(schema, str) else ("", "", "")
    if kind == "specaudit.error":
        _refuse(f"{name}: tells why a run failed; it holds no result", "read its field `error`")
    if kind not in READABLE or not mark:
        wanted = ", ".join(f"{known}/1" for known in READABLE)
        _refuse(f"{name}: schema: expected one of {wanted}, got {schema!r:.80}")
    model = READABLE[kind]
    if schema != model.model_fields["schema_"].default:
        _refuse(f"{name}: schema: version {version:.20} of {kind} is not known here", "update specaudit")
    return model


def _field(location: tuple[int | str, ...]) -> str:
    """Return where a field is, such as ``spectra.laplace.tests[0].status``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")


def _parts(value: object, where: str = "") -> Iterator[tuple[str, Document]]:
    """Yield every part of a document and where it is."""
    if isinstance(value, Document):
        yield where, value
        inner: list[tuple[str, object]] = [(f".{name}", getattr(value, name)) for name in type(value).model_fields]
    elif isinstance(value, Mapping):
        inner = [(f".{name}", item) for name, item in value.items()]
    elif isinstance(value, tuple) and value and isinstance(value[0], Document):
        inner = [(f"[{number}]", item) for number, item in enumerate(value)]
    else:
        return
    for name, item in inner:
        yield from _parts(item, (where + name).lstrip("."))


def _check_columns(where: str, part: Document) -> None:
    """Refuse numbers or columns that do not belong together, and a curve that falls to 0 or is none."""
    together = (part.value, part.low, part.high) if isinstance(part, Exponent | FrontierGrowth) else ()
    if None in together and together != (None, None, None):
        _refuse(f"{where}: value, low and high: expected numbers, or null for all")
    if isinstance(part, Exponent) and part.status in ("resolved", "drifting") and None in (part.value, part.window):
        _refuse(f"{where}: {part.status} without a value or a window")
    if isinstance(part, DeepGain) and not part.dimension:
        _refuse(f"{where}: dimension: is empty")
    for column in POSITIVE.get(type(part).__name__, ()):
        value = getattr(part, column)
        if value is not None and (least := min(value if isinstance(value, tuple) else (value,), default=1.0)) <= 0:
            _refuse(f"{where}: {column}: expected numbers above 0, got {least:g}")
    for columns in COLUMNS.get(type(part).__name__, ()):
        lengths = {column: len(getattr(part, column)) for column in columns}
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{column} {length}" for column, length in lengths.items())
            _refuse(f"{where}: columns of unequal length: {told}")


def _refuse(problem: str, next_step: str = "name a document that specaudit wrote with -o FILE.json") -> NoReturn:
    raise InputError(problem, next_step=next_step)
