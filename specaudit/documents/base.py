"""What all documents share: frozen parts without unknown fields, and their one serialisation."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SIGNIFICANT_DIGITS = 6


class Document(BaseModel):
    """A part of a document: frozen, and no field that the schema does not name."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)


class Warning_(Document):
    """Something the reader should know; `specaudit explain ID` says more."""

    id: str = Field(pattern=r"^SPA\d{3}$")
    message: str
    next_step: str


class Kernel(Document):
    """The kernel, fixed before the spectrum is looked at."""

    name: str
    bandwidth: float | None = Field(description="length scale in the units of the rows; null for linear")
    bandwidth_rule: str
    normalize: Literal["none", "l2"]
    centered: bool


class Environment(Document):
    """Versions that the numbers depend on."""

    specaudit: str
    python: str
    numpy: str
    scipy: str
    faiss: str
    threads: int


class ErrorDocument(Document):
    """What a run that could not run returns under --format json."""

    schema_: Literal["specaudit.error/1"] = Field(default="specaudit.error/1", alias="schema")
    error: str
    next_step: str
    exit_code: int


def to_json(document: Document) -> str:
    """Return `document` as strict JSON: sorted keys, floats to 6 significant digits, one final newline.

    Bytes of a file name that are no characters are escaped, since no UTF-8 text can hold them.
    """
    data = _plain(document.model_dump(mode="json", by_alias=True))
    return json.dumps(data, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{SIGNIFICANT_DIGITS}g}")
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
