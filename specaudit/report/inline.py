"""A figure made part of a page: what matplotlib wrote, small, and coloured by the page's style sheet."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree as ET

DROPPED = ("metadata", "style")
PLACES = ("d", "x", "y", "transform")
_POINTED = re.compile(r"#(\w+)")
_NUMBER = re.compile(r"-?\d+\.\d+")
_FONT = re.compile(r"font-family: [^;]*; ")
_TRANSPARENT = "opacity: 0"
_UPRIGHT = "rotate(-0 "


def inline(svg: bytes, name: str, title: str, colors: Mapping[str, str]) -> str:
    """Return ``svg`` as an element of a page, called ``name`` and told as ``title``.

    Identifiers begin with ``name``, so that figures can share a page, and those that nothing points to are dropped;
    ``colors`` replaces colours, and the font is the page's; coordinates keep one decimal.
    """
    figure = ET.fromstring(svg)
    pointed = dict.fromkeys(found for element in figure.iter() for found in _pointers(element))
    ids = {old: f"{name}-{number}" for number, old in enumerate(pointed)}
    root = ET.Element("svg", {"viewBox": figure.attrib["viewBox"], "role": "img", "aria-labelledby": name})
    ET.SubElement(root, "title", {"id": name}).text = title
    root.extend(_small(figure, ids, colors))
    return ET.tostring(root, encoding="unicode")


def _small(parent: ET.Element, ids: Mapping[str, str], colors: Mapping[str, str]) -> Iterator[ET.Element]:
    """Yield what the children of an element come to: no namespaces, blank text or groups that say nothing."""
    for child in parent:
        tag = child.tag.partition("}")[2]
        attributes = {key: text for key, text in _attributes(child, ids, colors) if text}
        if tag in DROPPED or attributes.get("style", "").endswith(_TRANSPARENT):
            continue
        children = list(_small(child, ids, colors))
        if tag == "g" and not attributes:
            yield from children
        else:
            element = ET.Element(tag, attributes)
            element.text = (child.text or "").strip() or None
            element.extend(children)
            yield element


def _attributes(element: ET.Element, ids: Mapping[str, str], colors: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for key, text in element.attrib.items():
        name = key.rpartition("}")[2]
        if name == "id":
            yield name, ids.get(text, "")
        elif name in PLACES:
            yield name, "" if text.startswith(_UPRIGHT) else " ".join(_NUMBER.sub(_shorter, text).split())
        elif name == "style":
            yield name, _colored(_FONT.sub("", text), colors)
        else:
            yield name, _POINTED.sub(lambda found: f"#{ids[found[1]]}", text)


def _pointers(element: ET.Element) -> list[str]:
    return [found for key, text in element.attrib.items() if key != "style" for found in _POINTED.findall(text)]


def _colored(style: str, colors: Mapping[str, str]) -> str:
    for color, value in colors.items():
        style = style.replace(color.lower(), value)
    return style


def _shorter(number: re.Match[str]) -> str:
    return f"{float(number[0]):.1f}".removesuffix(".0")
