"""Cuts XML into tags with the text that follows each, in linear time on any bytes.

No XML parser is used: a sitemap or feed is often not well-formed, and a parser stops at the first fault, expands the
entities that a document declares, or builds a tree of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from orbweaver.crawler.bodies.repetition import end_of_run


class Tag(NamedTuple):
    """A start or end tag, names without their prefix; `text` stands between it and the next tag.

    A tag that closes itself comes as a start and an end. Attribute values and text have their escapes undone.
    """

    name: str
    attributes: dict[str, str]
    is_end: bool
    text: str


# An unclosed construct runs to the end of input, so each character is consumed once (XML 1.0, 2.4 to 2.8, 3.1).
_QUOTED_OR_SLASH = r"""(?:"[^"]*+"?|'[^']*+'?|/(?!>))"""
_TAG_CONTENT = re.compile(rf"""(?:[^<>"'/]++|{_QUOTED_OR_SLASH}){{1,64}}""")
_TAG_REST = re.compile("(?P<empty>/?)>?")
_TOKEN = re.compile(
    rf"""
      (?P<text>[^<]++)
    | <!\[CDATA\[(?P<data>.*?)(?:\]\]>|\Z)
    | <!--.*?(?:-->|\Z)
    | <\?.*?(?:\?>|\Z)
    | (?P<declaration><!)
    | <(?P<end>/?)(?P<name>[^\s<>/"'=]++)
      (?P<attributes>[^<>"'/]*+(?:{_QUOTED_OR_SLASH}[^<>"'/]*+){{0,64}})(?P<empty>/?)(?P<close>>?)
    | <
    """,
    re.DOTALL | re.VERBOSE,
)
_DECLARATION_CONTENT = re.compile(r"""(?:[^<>"']++|"[^"]*+"?|'[^']*+'?){1,64}""")
_ATTRIBUTE = re.compile(
    r"""(?<![^\s=/"'<>])(?P<name>[^\s=/"'<>]++)\s*+=\s*+(?:"(?P<double>[^"]*+)"?|'(?P<single>[^']*+)'?)"""
)
_ESCAPE = re.compile(r"&(?:#(?P<decimal>[0-9]{1,7})|#x(?P<hex>[0-9A-Fa-f]{1,6})|(?P<name>amp|lt|gt|quot|apos));")
_PREDEFINED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


def tags(text: str) -> Iterator[Tag]:
    """Yield the tags of a document in their order; never fails, whatever the text."""
    held: tuple[str, dict[str, str], bool, bool] | None = None
    pieces: list[str] = []
    position = 0
    while token := _TOKEN.match(text, position):
        position = token.end()
        if token.lastgroup == "text":
            pieces.append(unescaped(token["text"]))
        elif token.lastgroup == "data":
            pieces.append(token["data"])
        elif token.lastgroup == "declaration":
            position = _declaration_end(text, position)
        elif token.lastgroup == "close":
            if held is not None:
                yield from _tags(*held, "".join(pieces))
            pieces.clear()
            end, name, inside, empty, close = token.group("end", "name", "attributes", "empty", "close")
            if not close and not text.startswith("<", position):
                rest = _TAG_REST.match(text, end_of_run(_TAG_CONTENT, text, position))
                assert rest is not None  # both parts may be empty
                inside = text[token.end("name") : rest.start()]
                empty = rest["empty"]
                position = rest.end()
            held = (_local(name), {} if end or not inside else _attributes(inside), bool(end), bool(empty))
    if held is not None:
        yield from _tags(*held, "".join(pieces))


def _declaration_end(text: str, position: int) -> int:
    """Return the end of the declaration around `position`, with the declarations inside it."""
    is_inside = False
    while True:
        position = end_of_run(_DECLARATION_CONTENT, text, position)
        mark = text[position : position + 1]
        position += len(mark)
        if not mark or (mark == ">" and not is_inside):
            return position
        is_inside = mark == "<"


def _tags(name: str, attributes: dict[str, str], is_end: bool, is_empty: bool, text: str) -> Iterator[Tag]:
    yield Tag(name, attributes, is_end, "" if is_empty else text)
    if is_empty and not is_end:
        yield Tag(name, {}, True, text)


def _attributes(text: str) -> dict[str, str]:
    attributes: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(text):
        value = match["single"] if match["double"] is None else match["double"]
        attributes.setdefault(_local(match["name"]), unescaped(value))
    return attributes


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
