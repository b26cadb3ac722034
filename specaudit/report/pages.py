"""HTML pages on their own: no scripts, no network; figures and style are inside."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of a page: what it holds of these, one below the other.

    Attributes
    ----------
    title, text
        Its heading, and a sentence below it.
    key
        Names of what the figures show, each with its colour.
    heads, cells
        A table; the columns `numbers` are set right, `status` is marked.
    facts
        Labels and values.
    """

    title: str
    text: str = ""
    key: Sequence[tuple[str, str]] = ()
    figures: Sequence[Plate] = ()
    heads: Sequence[str] = ()
    cells: Sequence[Sequence[str]] = ()
    numbers: Sequence[int] = ()
    status: int | None = None
    facts: Sequence[tuple[str, str]] = ()


def plate(svg: bytes, name: str, *, title: str, told: str, caption: str, colors: Mapping[str, str]) -> Plate:
    """Return what matplotlib wrote as a figure called ``name``; ``told`` is for those who cannot see it."""
    return Plate(title=title, svg=Markup(inline(svg, name, f"{title}: {told}", colors)), caption=caption)


def sections_page(
    command: str,
    warnings: Sequence[Warning_],
    sections: Sequence[Section],
    *,
    word: str,
    tone: str,
    title: str,
    headline: str,
    lead: str,
) -> str:
    """Return the page of a command that says its finding, then one section after the other."""
    return page(
        "sections",
        warnings,
        command=command,
        word=word,
        tone=tone,
        title=title,
        headline=typeset(headline),
        lead=typeset(lead),
        sections=[
            replace(
                section,
                cells=[tuple(map(typeset, row)) for row in section.cells],
                facts=[(label, typeset(text)) for label, text in section.facts],
            )
            for section in sections
        ],
    )


def page(template: str, warnings: Sequence[Warning_], *, command: str = "", **values: object) -> str:
    """Return a template filled with ``values``; warnings are explained, and those that are left out are counted."""
    from specaudit.report.explain import EXPLANATIONS

    environment = Environment(
        loader=PackageLoader(*TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(f"{template}.html.jinja").render(
        command=command or template,
        warnings=[(w.id, shown(w.message, LONG), shown(w.next_step, LONG)) for w in warnings[:WARNED]],
        explained=[
            (name, EXPLANATIONS[name])
            for name in dict.fromkeys(w.id for w in warnings[:WARNED])
            if name in EXPLANATIONS
        ],
        warnings_left=len(warnings[WARNED:]),
        **values,
    )


def themed() -> dict[str, str]:
    """Return our colours of figures -> those of the page, which knows light from dark."""
    from specaudit.report import plots

    return {plots.INK: "currentColor", plots.OTHER: "currentColor"} | {
        color: f"var(--{name})" for name, color in plots.COLORS.items()
    }


def numbers(cells: Sequence[str], at: Sequence[int]) -> tuple[str, ...]:
    """Return a row of cells, those that are numbers typeset."""
    return tuple(typeset(cell) if place in at else cell for place, cell in enumerate(cells))


def typeset(text: str) -> str:
    """Return numbers with the signs that a page has: a minus, an arrow."""
    return re.sub(r"(?<![\w.])-(?=\d)", "−", text.replace("->", "→"))
