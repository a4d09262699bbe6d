"""The signs of what a page is that came where a file was: what stands for its words, and what these say of the file.

Two pages with one print have the same words. Words with a digit, and those of the URL that was asked for, do not
count: pages for what does not exist name it, or the time. So the page for a URL that nobody has made is known again.
"""

from __future__ import annotations

import hashlib
import re
from html import unescape
from typing import Final, NamedTuple

from orbweaver.crawler.bodies.body import Body
from orbweaver.crawler.fetching.transfer import FetchedResponse
from orbweaver.crawler.links.encodings import decode
from orbweaver.crawler.links.pages.shown import TEXT_END, TEXT_ONLY, TOKEN, shown_of
from orbweaver.crawler.rules.urls import path_of
from orbweaver.crawler.visiting.reported_pages import gone_said

# Of a longer page the beginning counts.
MOST_CHARACTERS: Final = 2**18
_WORD: Final = re.compile(r"[^\W_]+")
_PRINT_BYTES: Final = 16


class PageSigns(NamedTuple):
    """The print of a page, None for what is no page or has no words, and what it says (gone_pages.GoneHow), or ""."""

    page_print: str | None = None
    says: str = ""


def signs_of(response: FetchedResponse, body: Body) -> PageSigns:
    """Return the signs of an answer, whatever its status is."""
    text = None if body.html is None else decode(body.html, response.content_type).text
    gone = gone_said(response, body, None if text is None else shown_of(text))
    says = "" if gone is None else gone.how.value
    return PageSigns(None if text is None else page_print(text, response.url), says)


def page_print(text: str, url: str) -> str | None:
    """Return what stands for the words of the page at a canonical URL, None without words; linear in the length."""
    of_url = {word.lower() for word in _WORD.findall(path_of(url))}
    digest = hashlib.blake2b(digest_size=_PRINT_BYTES)
    has_words = False
    for word in _WORD.findall(_words(text[:MOST_CHARACTERS])):
        plain = word.lower()
        if plain not in of_url and not any(character.isdigit() for character in plain):
            digest.update(plain.encode("utf-8", "surrogatepass") + b"\n")
            has_words = True
    return digest.hexdigest() if has_words else None


def _words(text: str) -> str:
    """Return what stands between the tags of a page, without scripts and their like."""
    words: list[str] = []
    position = 0
    while (token := TOKEN.search(text, position)) is not None:
        words.append(text[position : token.start()])
        position = token.end()
        name = (token["name"] or "").lower()
        if name in TEXT_ONLY and not token["end"]:
            end = TEXT_END[name].search(text, position)
            position = end.start() if end else len(text)
    words.append(text[position:])
    return unescape(" ".join(words))
