"""HTML pages on their own: no scripts, no network; figures and style are inside."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from specaudit.embeddings.display import shown
from specaudit.report.inline import inline

if TYPE_CHECKING:
    from specaudit.documents import Warning_

TEMPLATES = ("specaudit.report", "templates")
WARNED = 30
LONG = 400  # characters of a sentence from a warning


@dataclass(frozen=True, slots=True, kw_only=True)
class Plate:
    """A figure of a page: an svg element, and what it shows."""

    title: str
    svg: Markup
    caption: str


def plate(svg: bytes, name: str, *, title: str, told: str, caption: str, colors: Mapping[str, str]) -> Plate:
    """Return what matplotlib wrote as a figure called ``name``; ``told`` is for those who cannot see it."""
    return Plate(title=title, svg=Markup(inline(svg, name, f"{title}: {told}", colors)), caption=caption)


def page(template: str, warnings: Sequence[Warning_], **values: object) -> str:
    """Return a template filled with ``values``; warnings that are left out are counted."""
    environment = Environment(
        loader=PackageLoader(*TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(f"{template}.html.jinja").render(
        command=template,
        warnings=[(w.id, shown(w.message, LONG), shown(w.next_step, LONG)) for w in warnings[:WARNED]],
        warnings_left=len(warnings[WARNED:]),
        **values,
    )


def numbers(cells: Sequence[str], at: Sequence[int]) -> tuple[str, ...]:
    """Return a row of cells, those that are numbers typeset."""
    return tuple(typeset(cell) if place in at else cell for place, cell in enumerate(cells))


def typeset(text: str) -> str:
    """Return numbers with the signs that a page has: a minus, an arrow."""
    return re.sub(r"(?<![\w.])-(?=\d)", "−", text.replace("->", "→"))
