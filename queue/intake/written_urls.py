"""The URLs that a person wrote or pasted into a cell or a line: all of them, each with certainty, or none.

A careful reader is the measure: several URLs with marks between them, running text, Markdown, HTML, quotes, defanged
spellings. Where two readings are left, the text is refused with both, and nothing is fetched as one odd URL.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from orbweaver.crawler.rules.urls import MAX_URL_LENGTH, assume_scheme, refang
from orbweaver.queue.intake.enclosed_urls import has_tag, take_enclosed
from orbweaver.queue.intake.unread_words import unread_words
from orbweaver.queue.intake.url_ends import cut, whole
from orbweaver.queue.intake.url_starts import ENDS, INVISIBLE, SCHEME, WHOLE_SCHEME, starts
from orbweaver.queue.intake.wrapped_urls import unwrapped

_SPELT_DOT: Final = r"(?:\s+dot\s+|\s*[\[({](?:dot|\.)[\])}]\s*)"
_SPELT_HOST: Final = re.compile(rf"({SCHEME})((?:[\w-]+{_SPELT_DOT})+[\w-]+)", re.IGNORECASE)
_ONE_SPELT_DOT: Final = re.compile(_SPELT_DOT, re.IGNORECASE)
_AMPERSAND: Final = re.compile(r"&amp;|&#0*38;|&#x0*26;", re.IGNORECASE)
_SCHEME_TWICE: Final = re.compile(r"https?://(?=https?(?:://|//|:(?![0-9])))(https?):?(?://)?", re.IGNORECASE)


@dataclass(frozen=True)
class WrittenUrl:
    """One URL as it was meant, not yet in canonical form, and notes on how it was read."""

    url: str
    notes: tuple[str, ...] = ()


def read_urls(text: str) -> list[WrittenUrl]:
    """Return the URLs of a text, each once, those in brackets and quotes first; a text without one comes back as it is.

    So the caller says of `ftp://...` or `example.com` what is wrong with it. Raises NotCertain.

    >>> [found.url for found in read_urls("see hxxp://example[.]com/a.jpg, <http://example.com/b?c=1&amp;d>.")]
    ['http://example.com/a.jpg', 'http://example.com/b?c=1&d']
    """
    notes: list[str] = []
    text = _visible(text, notes)
    enclosed: list[str] = []
    rest = take_enclosed(text, enclosed)
    is_html = bool(enclosed) and has_tag(text)
    found = [whole(url) for url in enclosed]
    found += _in_running_text(rest, found, is_html=is_html)
    if not found:
        return [WrittenUrl(_with_scheme(text, notes), tuple(notes))] if text else []
    unique: dict[str, tuple[str, ...]] = {}
    for written in found:
        own = list(notes)
        url = _AMPERSAND.sub("&", written)
        if url != written:
            own.append("url: &amp; read as &")
        unique.setdefault(_with_scheme(url, own), tuple(own))
    return [WrittenUrl(url, own) for url, own in unique.items()]


def _visible(text: str, notes: list[str]) -> str:
    plain = INVISIBLE.sub("", text)
    if plain != text.removeprefix("\ufeff"):
        notes.append("url: invisible characters left out")
    return "".join(" " if unicodedata.category(character) == "Zs" else character for character in plain).strip()


def _with_scheme(text: str, notes: list[str]) -> str:
    written = refang(_joined(text))
    url = assume_scheme(written)
    if url != written:
        notes.append("url: without http:// or https://, taken as http://")
    twice = _SCHEME_TWICE.match(url)
    if twice is not None:
        notes.append("url: the scheme stands twice, read once")
        url = f"{twice[1]}://{url[twice.end() :]}"
    inside = unwrapped(url)
    if inside is not None:
        notes.append("url: taken out of the link that a mail program or another site put around it")
        return inside
    return url


def _joined(text: str) -> str:
    """Return a URL without the blanks inside its scheme, and with dots for spelt ones in its host."""
    scheme = WHOLE_SCHEME.match(text)
    if scheme is not None:
        rest = text[scheme.end() :]
        if "\\/" in scheme[0]:  # a string of JSON
            rest = rest.replace("\\/", "/")
        text = re.sub(r"\s", "", scheme[0]).replace("\\/", "/").replace("\\", "/") + rest
    return _SPELT_HOST.sub(lambda host: host[1] + _ONE_SPELT_DOT.sub("[.]", host[2]), text)


def _is_shown_for(shown: str, targets: list[str]) -> bool:
    """Whether the text of a link is its target, perhaps cut off; the target is what counts."""
    beginning = shown.rstrip(".…")
    return any(target.startswith(beginning) for target in targets)


def _in_running_text(text: str, enclosed: list[str], *, is_html: bool) -> list[str]:
    targets = enclosed if is_html else []
    text = _SPELT_HOST.sub(lambda host: host[1] + _ONE_SPELT_DOT.sub("[.]", host[2]), text)
    begins = [found for found in starts(text) if not _is_in_query(text, found)]
    ends = [*(found.start() for found in begins[1:]), len(text)][: len(begins)]
    written: list[str] = []
    rest: list[str] = []
    behind = 0
    for start, end in zip(begins, ends, strict=True):
        url = cut(text, start, end, is_first=not written)
        written.append(url)
        rest.append(text[behind : start.start()])
        behind = start.start() + len(url)
    rest.append(text[behind:])
    found = [whole(url) for url in written if not _is_shown_for(url, targets)]
    if not found and not enclosed:
        return []
    # The caller says of these why they are none.
    return found + [word for piece in rest for word in unread_words(piece) if not _is_shown_for(word, targets)]


def _is_in_query(text: str, start: re.Match[str]) -> bool:
    """Whether what looks like a URL is the value of a parameter of the one before: `?url=http://...`."""
    before = text[max(0, start.start() - MAX_URL_LENGTH) : start.start()]
    if not before.endswith(("=", ":")):
        return False
    word = ENDS.split(before)[-1]
    return any(True for _ in starts(word))
