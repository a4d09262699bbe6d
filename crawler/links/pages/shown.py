"""Reads what a page shows to a person, up to a limit: its words, files and frames, and where it sends its visitor on.

Where a page shows more than the limits it is no page that only says something, or only sends its visitor on, and the
rest of it is not read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import unescape
from typing import Final, NamedTuple

from orbweaver.crawler.links.pages.attribute_values import refresh_reference, refresh_seconds, trim
from orbweaver.crawler.links.pages.markup import read_attributes

MOST_CHARACTERS: Final = 2**18
MOST_WORD_CHARACTERS: Final = 4_000
MOST_LINKS: Final = 60
MOST_FILES: Final = 20
MOST_HEADINGS: Final = 10
MOST_CODE_CHARACTERS: Final = 4_000

TOKEN: Final = re.compile(
    r"<!--.*?(?:-->|\Z)|<(?P<end>/?)(?P<name>[a-z][^\s/>]*+)(?P<inside>(?:[^>\"']++|\"[^\"]*+\"?|'[^']*+'?)*)>?",
    re.DOTALL | re.IGNORECASE | re.ASCII,
)
TEXT_ONLY: Final = frozenset({"script", "style", "textarea", "xmp", "noembed", "noframes"})
TEXT_END: Final = {name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE | re.ASCII) for name in TEXT_ONLY}
_SHOW_FILES: Final = frozenset({"img", "image", "video", "audio", "source", "embed", "object", "canvas"})
_FRAMES: Final = frozenset({"frame", "iframe"})
_HEADINGS: Final = frozenset({"h1", "h2", "title"})
_READ: Final = frozenset(
    {"content", "height", "href", "http-equiv", "onload", "src", "srcdoc", "style", "type", "width"}
)
_WITH_ATTRIBUTES: Final = frozenset({"a", "area", "base", "body", "meta", "script", *_FRAMES})
# As counters and other parts of pages are, that nobody is to see.
_HIDDEN_STYLE: Final = re.compile(r"display\s*+:\s*+none|visibility\s*+:\s*+hidden", re.IGNORECASE)
_NO_SIZE: Final = re.compile(r"0*+[01]?(?:px)?", re.IGNORECASE)
_NO_CODE: Final = re.compile(r"json|template|importmap|speculationrules", re.IGNORECASE)


class Refresh(NamedTuple):
    """A declared move to `reference` (relative to the page's base) after so many seconds."""

    reference: str
    seconds: float


@dataclass
class Shown:
    """The content that a page shows; with `is_much` there is more than was read.

    `words` are those outside the title. `links` and `frames` are references as written, without hidden frames. `code`
    is that of the scripts in the page, and `script_files` the number of the others.
    """

    is_much: bool = False
    title: str = ""
    headings: list[str] = field(default_factory=list)
    words: str = ""
    base: str | None = None
    links: list[str] = field(default_factory=list)
    files: int = 0
    frames: list[str] = field(default_factory=list)
    refresh: Refresh | None = None
    code: str = ""
    script_files: int = 0


def shown_of(text: str) -> Shown:
    """Read a page up to the limits of this module; linear in the text's length."""
    shown = Shown(is_much=len(text) > MOST_CHARACTERS)
    text = text[:MOST_CHARACTERS]
    words: list[str] = []
    length = position = 0
    open_heading: tuple[str, list[str]] | None = None
    while True:
        token = TOKEN.search(text, position)
        between = unescape(text[position : token.start() if token else len(text)].strip())
        if between:
            if open_heading is None or open_heading[0] != "title":
                words.append(between)
                length += len(between) + 1
            if open_heading is not None:
                open_heading[1].append(between)
        shown.is_much |= (
            length > MOST_WORD_CHARACTERS
            or len(shown.links) > MOST_LINKS
            or shown.files + len(shown.frames) > MOST_FILES
        )
        if token is None or shown.is_much:
            break
        position = token.end()
        if token["name"] is None:
            continue
        name, is_end = token["name"].lower(), bool(token["end"])
        if open_heading is not None and (name in _HEADINGS or name == "body"):
            _close(shown, *open_heading)
            open_heading = None
        if is_end:
            continue
        if name in _HEADINGS:
            open_heading = (name, [])
        shown.files += name in _SHOW_FILES
        if name in _WITH_ATTRIBUTES:
            _add(shown, name, read_attributes(token["inside"], _READ))
        if name in TEXT_ONLY:
            end = TEXT_END[name].search(text, position)
            inside, position = text[position : end.start() if end else len(text)], end.start() if end else len(text)
            if name == "script" and not _NO_CODE.search(token["inside"]):
                _add_code(shown, inside)
    if open_heading is not None:
        _close(shown, *open_heading)
    shown.words = " ".join(words)
    return shown


def _close(shown: Shown, name: str, words: list[str]) -> None:
    text = " ".join(words)
    if name == "title":
        shown.title = shown.title or text
    elif text and len(shown.headings) < MOST_HEADINGS:
        shown.headings.append(text)


def _add(shown: Shown, name: str, attributes: dict[str, str]) -> None:
    if name in {"a", "area"}:
        if (reference := attributes.get("href")) is not None:
            shown.links.append(trim(reference))
    elif name == "base":
        shown.base = shown.base or trim(attributes.get("href", "")) or None
    elif name == "meta":
        if shown.refresh is None and attributes.get("http-equiv", "").strip().lower() == "refresh":
            content = attributes.get("content", "")
            if reference := trim(refresh_reference(content)):
                shown.refresh = Refresh(reference, refresh_seconds(content))
    elif name == "script":
        shown.script_files += "src" in attributes
    elif name == "body":
        _add_code(shown, attributes.get("onload", ""))
    elif "srcdoc" in attributes:
        shown.files += 1  # a document inside the page, which shows what it shows
    elif (reference := attributes.get("src")) is not None and not _is_hidden(attributes):
        shown.frames.append(trim(reference))


def _add_code(shown: Shown, code: str) -> None:
    if code.strip() and len(shown.code) <= MOST_CODE_CHARACTERS:
        shown.code += f"{code.strip()[:MOST_CODE_CHARACTERS]}\n"


def _is_hidden(attributes: dict[str, str]) -> bool:
    sizes = (attributes.get(name, "").strip() for name in ("width", "height"))
    return any(size and _NO_SIZE.fullmatch(size) for size in sizes) or bool(
        _HIDDEN_STYLE.search(attributes.get("style", ""))
    )
