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
from orbweaver.crawler.links.pages.shown import TEXT_END, TEXT_ONLY, TOKEN, Shown, shown_of
from orbweaver.crawler.rules.urls import host_of, path_of
from orbweaver.crawler.visiting.gone_pages import GoneHow
from orbweaver.crawler.visiting.records.outcomes import is_success
from orbweaver.crawler.visiting.reported_pages import gone_said
from orbweaver.crawler.visiting.sent_on import moves_of

# Of a longer page the beginning counts.
MOST_CHARACTERS: Final = 2**18
_WORD: Final = re.compile(r"[^\W_]+")
_PRINT_BYTES: Final = 16
# Of a page with scripts: "Loading, please wait".
FEW_WORDS: Final = 3
_NOT_OF_THE_FILE: Final = frozenset({GoneHow.ELSEWHERE.value, GoneHow.UNAVAILABLE.value})
_NO_SCRIPT: Final = re.compile(r"<noscript(?=[\s/>]).*?(?:</noscript|\Z)", re.DOTALL | re.IGNORECASE | re.ASCII)
# What a page says by what it does, beside the words of gone_pages.GoneHow.
SENDS_ON: Final = "sends-on"
SCRIPT: Final = "script"
VIEWER: Final = "viewer"
_SHOWS_A_FILE: Final = frozenset({"audio", "embed", "image", "img", "object", "source", "video"})
# Shorter names are in other references by chance.
_SHORTEST_NAME: Final = 4


class PageSigns(NamedTuple):
    """The print of a page, None for what is no page or has no words, and what it says.

    It says one of gone_pages.GoneHow; `viewer`, when it shows a file of the name that was asked for; `sends-on`, when
    it came with the status of an error and sends its visitor to another URL than a front page; `script`, when it shows
    nothing but by its scripts; or nothing, "".
    """

    page_print: str | None = None
    says: str = ""


def signs_of(response: FetchedResponse, body: Body, reported: str) -> PageSigns:
    """Return the signs of the answer for a reported URL, whatever its status is."""
    text = None if body.html is None else decode(body.html, response.content_type).text
    shown = None if text is None else shown_of(text)
    gone = gone_said(response, body, shown)
    says = "" if gone is None else gone.how.value
    if text is not None and shown is not None:
        if says not in _NOT_OF_THE_FILE and _shows(text, names_in(reported)):
            says = VIEWER
        elif not is_success(response.status) and _sends_on(response, body, shown):
            says = SENDS_ON
        elif not says and _is_shell(text, shown):
            says = SCRIPT
    return PageSigns(None if text is None else page_print(text, response.url), says)


def names_in(url: str) -> frozenset[str]:
    """Return the words of a canonical URL that may name its file, in lower case: of its last segment, and its values.

    >>> sorted(names_in("https://h.test/a/IMG_1234.jpg?id=abcdef&w=9"))
    ['abcdef', 'img_1234']
    """
    path, _, query = url.partition("://")[2].partition("?")
    last = path.rpartition("/")[2]
    names = [last.rpartition(".")[0] or last, *(part.rpartition("=")[2] for part in query.split("&"))]
    return frozenset(one.lower() for one in names if len(one) >= _SHORTEST_NAME)


def _shows(text: str, names: frozenset[str]) -> bool:
    """Whether an element of a page that shows a file names one of these."""
    if not names:
        return False
    for token in TOKEN.finditer(text[:MOST_CHARACTERS]):
        if (token["name"] or "").lower() in _SHOWS_A_FILE:
            inside = token["inside"].lower()
            if any(name in inside for name in names):
                return True
    return False


def _sends_on(response: FetchedResponse, body: Body, shown: Shown) -> bool:
    """Whether a visitor is soon elsewhere, and not on a front page, as pages for what is gone send him there."""
    moves = moves_of(response, body, shown)
    targets = [one.to.url for one in moves.sent_on if one.is_soon]
    targets += [moves.may_go_to] if moves.may_go_to is not None else []
    return any(path_of(one) not in {"", "/"} or host_of(one) != host_of(response.url) for one in targets)


def _is_shell(text: str, shown: Shown) -> bool:
    """Whether a page has scripts and next to nothing else: what it is, nobody knows who does not run them."""
    if shown.is_much or not (shown.code or shown.script_files):
        return False
    return len(_WORD.findall(shown_of(_NO_SCRIPT.sub("", text)).words)) <= FEW_WORDS


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
