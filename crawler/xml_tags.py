"""Cuts XML into tags with the text that follows each, in linear time on any bytes and without entities of its own.

No parser of XML is used: what is served as a sitemap or feed is often not well-formed, and a parser stops at the first
fault, expands entities that a document declares, or builds a tree of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple


class Tag(NamedTuple):
    """A start or end tag, names without their prefix; `text` is what stands between it and the next tag.

    A tag that closes itself comes as a start and an end. Attribute values and text have their escapes undone.
    """

    name: str
    attributes: dict[str, str]
    is_end: bool
    text: str


# An unclosed construct runs to the end of input, so each character is consumed once (XML 1.0, 2.4 to 2.8, 3.1).
_TOKEN = re.compile(
    r"""
      (?P<text>[^<]++)
    | <!\[CDATA\[(?P<data>.*?)(?:\]\]>|\Z)
    | <!--.*?(?:-->|\Z)
    | <\?.*?(?:\?>|\Z)
    | <!(?:[^<>"']++|"[^"]*+"?|'[^']*+'?|<(?:[^<>"']++|"[^"]*+"?|'[^']*+'?)*+>?)*+>?
    | <(?P<end>/?)(?P<name>[^\s<>/"'=]++)(?P<attributes>(?:[^<>"'/]++|"[^"]*+"?|'[^']*+'?|/(?!>))*+)(?P<empty>/?)>?
    | <
    """,
    re.DOTALL | re.VERBOSE,
)
_ATTRIBUTE = re.compile(
    r"""(?<![^\s=/"'<>])(?P<name>[^\s=/"'<>]++)\s*+=\s*+(?:"(?P<double>[^"]*+)"?|'(?P<single>[^']*+)'?)"""
)
_ESCAPE = re.compile(r"&(?:#(?P<decimal>[0-9]{1,7})|#x(?P<hex>[0-9A-Fa-f]{1,6})|(?P<name>amp|lt|gt|quot|apos));")
_PREDEFINED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


def tags(text: str) -> Iterator[Tag]:
    """Yield the tags of a document in their order; never fails, whatever the text."""
    held: tuple[str, dict[str, str], bool, bool] | None = None
    pieces: list[str] = []
    for token in _TOKEN.finditer(text):
        if token["text"] is not None:
            pieces.append(unescaped(token["text"]))
        elif token["data"] is not None:
            pieces.append(token["data"])
        elif token["name"] is not None:
            if held is not None:
                yield from _tags(*held, "".join(pieces))
            pieces.clear()
            attributes = {} if token["end"] or not token["attributes"] else _attributes(token["attributes"])
            held = (_local(token["name"]), attributes, bool(token["end"]), bool(token["empty"]))
    if held is not None:
        yield from _tags(*held, "".join(pieces))


def _tags(name: str, attributes: dict[str, str], is_end: bool, is_empty: bool, text: str) -> Iterator[Tag]:
    yield Tag(name, attributes, is_end, "" if is_empty else text)
    if is_empty and not is_end:
        yield Tag(name, {}, True, text)


def _attributes(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(text):
        value = match["single"] if match["double"] is None else match["double"]
        found.setdefault(_local(match["name"]), unescaped(value))
    return found


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def unescaped(text: str) -> str:
    """Return text with the five predefined entities and the character references of XML undone."""
    return _ESCAPE.sub(_character, text) if "&" in text else text


def _character(escape: re.Match[str]) -> str:
    if escape["name"]:
        return _PREDEFINED[escape["name"]]
    code = int(escape["decimal"]) if escape["decimal"] else int(escape["hex"], 16)
    return chr(code) if 0 < code < 0xD800 or 0xDFFF < code <= 0x10FFFF else "\ufffd"
