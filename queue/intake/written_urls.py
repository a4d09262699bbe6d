"""The URLs that a person wrote or pasted into a cell or a line: all of them, each with certainty, or none.

A careful reader is the measure: several URLs with marks between them, running text, Markdown, HTML, quotes, defanged
spellings. Where two readings are left, the text is refused with both, and nothing is fetched as one odd URL.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from orbweaver.crawler.rules.urls import MAX_URL_LENGTH, SPELT_SCHEMES, assume_scheme, refang
from orbweaver.queue.errors import NotCertain

# Characters that no reader sees: direction marks, zero-width blanks, soft hyphens, byte order marks.
_INVISIBLE: Final = re.compile("[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_SCHEME: Final = (
    rf"(?:{SPELT_SCHEMES})s?"
    r"(?:\[://\]|\(://\)|\{://\}|(?:\s?:|\[:\]|\(:\)|\{:\})\s?(?://|\\\\|\[//\]|\[/\]\[/\]|\[/\]/|/\[/\]))"
)
# A host that is written without a scheme, as browsers let people type it.
_WWW: Final = r"www(?:\.|\[\.\]?|\(\.\)|\{\.\}|[\[({]dot[\])}]|\\\.)(?=\w)"
_START: Final = re.compile(rf"{_SCHEME}|{_WWW}", re.IGNORECASE)
_WHOLE_SCHEME: Final = re.compile(_SCHEME, re.IGNORECASE)
_SPELT_DOT: Final = r"(?:\s+dot\s+|\s*[\[({](?:dot|\.)[\])}]\s*)"
_SPELT_HOST: Final = re.compile(rf"({_SCHEME})((?:[\w-]+{_SPELT_DOT})+[\w-]+)", re.IGNORECASE)
_ONE_SPELT_DOT: Final = re.compile(_SPELT_DOT, re.IGNORECASE)

_AUTOLINK: Final = re.compile(rf"<\s*((?:{_SCHEME}|{_WWW})[^<>]*)>", re.IGNORECASE)
_TAG: Final = re.compile(r"</?[a-z][^<>]*>", re.IGNORECASE)
_ATTRIBUTE: Final = re.compile(r"""\b(?:href|src)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
_MARKDOWN: Final = re.compile(r"\]\(\s*<?((?:[^()\s<>]|\([^()\s<>]*\))+)>?(?:\s+[\"'][^\"']*[\"'])?\s*\)")
# Straight, English, German, single, French.
_QUOTED: Final = re.compile(
    "\"([^\"]+)\"|'([^']+)'|\u201c([^\u201c\u201d]+)\u201d|\u201e([^\u201c-\u201e]+)[\u201c\u201d]"
    "|\u2018([^\u2018\u2019]+)\u2019|\u00ab([^\u00ab\u00bb]+)\u00bb|\u2039([^\u2039\u203a]+)\u203a"
)
_AMPERSAND: Final = re.compile(r"&amp;|&#0*38;|&#x0*26;", re.IGNORECASE)

# A URL in running text ends here; none of them may stand in a URL unescaped.
_ENDS: Final = re.compile('[\\s<>"`\u201c-\u201e\u00ab\u00bb\u2039\u203a]')
# These may stand right before a URL: quotes, brackets, marks between items, and the dashes of a list.
_BEFORE_A_URL: Final = frozenset(
    "\"'\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb\u2039\u203a<>()[]{};,|:=*_~`-\u2013\u2014\u2022\u00b7"
)
# These end a sentence or a list, and not a URL that stands in it.
_SENTENCE_ENDS: Final = ".,;:!?'\u2019|"
_CLOSING: Final = {")": "(", "]": "[", "}": "{"}
_CUT_OFF: Final = ("...", "…")
_PART_OF_A_URL: Final = re.compile(r"\.\w{2,5}\Z|\w/\w")
_FILE_ENDING: Final = re.compile(r"\.\w{2,5}$")


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
    rest = _take_enclosed(text, enclosed)
    is_html = bool(enclosed) and _TAG.search(text) is not None
    found = [_whole(url) for url in enclosed]
    found += _in_running_text(rest, targets=found if is_html else [])
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


def has_url(text: str) -> bool:
    """Whether a URL begins somewhere in a text."""
    return next(_starts(_INVISIBLE.sub("", text)), None) is not None


def _visible(text: str, notes: list[str]) -> str:
    plain = _INVISIBLE.sub("", text)
    if plain != text.removeprefix("\ufeff"):
        notes.append("url: invisible characters left out")
    return "".join(" " if unicodedata.category(character) == "Zs" else character for character in plain).strip()


def _with_scheme(text: str, notes: list[str]) -> str:
    written = refang(_joined(text))
    url = assume_scheme(written)
    if url != written:
        notes.append("url: without http:// or https://, taken as http://")
    return url


def _joined(text: str) -> str:
    """Return a URL without the blanks inside its scheme, and with dots for spelt ones in its host."""
    scheme = _WHOLE_SCHEME.match(text)
    if scheme is not None:
        text = re.sub(r"\s", "", scheme[0]).replace("\\", "/") + text[scheme.end() :]
    return _SPELT_HOST.sub(lambda host: host[1] + _ONE_SPELT_DOT.sub("[.]", host[2]), text)


def _take_enclosed(text: str, enclosed: list[str]) -> str:
    """Move what HTML, Markdown, angle brackets and quotes enclose to `enclosed`; return the text without it."""

    def take(found: re.Match[str]) -> str:
        inside = next(filter(None, found.groups()), "").strip()
        if _START.match(inside) is None or _begins_twice(inside):
            return found[0]
        enclosed.append(inside)
        return " "

    def take_tag(tag: re.Match[str]) -> str:
        for value in _ATTRIBUTE.findall(tag[0]):
            url = html.unescape("".join(value)).strip()
            if _START.match(url):
                enclosed.append(url)
        return " "

    text = _AUTOLINK.sub(take, text)
    text = _TAG.sub(take_tag, text)
    text = _MARKDOWN.sub(lambda link: f"] {take(link)}", text)
    return _QUOTED.sub(take, text)


def _begins_twice(text: str) -> bool:
    return len(list(_starts(text))) > 1


def _whole(url: str) -> str:
    if url.endswith(_CUT_OFF):
        raise NotCertain("the URL is cut off at its end; write the whole of it")
    return url


def _is_shown_for(shown: str, targets: list[str]) -> bool:
    """Whether the text of a link is its target, perhaps cut off; the target is what counts."""
    beginning = shown.rstrip(".…")
    return any(target.startswith(beginning) for target in targets)


def _starts(text: str) -> Iterator[re.Match[str]]:
    """Yield where URLs begin: not inside of one, such as the page that an archive's URL names in its path."""
    for found in _START.finditer(text):
        before = text[found.start() - 1] if found.start() else " "
        if before.isspace() or before in _BEFORE_A_URL:
            yield found


def _in_running_text(text: str, *, targets: list[str]) -> list[str]:
    text = _SPELT_HOST.sub(lambda host: host[1] + _ONE_SPELT_DOT.sub("[.]", host[2]), text)
    starts = [found for found in _starts(text) if not _is_in_query(text, found)]
    ends = [*(found.start() for found in starts[1:]), len(text)][: len(starts)]
    written = [_cut(text, start, end) for start, end in zip(starts, ends, strict=True)]
    return [_whole(url) for url in written if not _is_shown_for(url, targets)]


def _is_in_query(text: str, start: re.Match[str]) -> bool:
    """Whether what looks like a URL is the value of a parameter of the one before: `?url=http://...`."""
    before = text[max(0, start.start() - MAX_URL_LENGTH) : start.start()]
    if not before.endswith(("=", ":")):
        return False
    word = _ENDS.split(before)[-1]
    return any(True for _ in _starts(word))


def _cut(text: str, start: re.Match[str], end: int) -> str:
    """Return the URL that begins at `start`, of the text up to `end`. Raises NotCertain."""
    ending = _ENDS.search(text, start.end(), end)
    stop = end if ending is None else ending.start()
    written = text[start.start() : stop]
    mark = text[stop : stop + 1]
    if mark.strip() and text[stop + 1 : end][:1].isalnum():
        raise NotCertain(f"a {mark} inside; write {quote(mark)} where it belongs to the URL, else one URL a line")
    glued = _WHOLE_SCHEME.search(written, len(start[0]))
    if glued is not None and written[glued.start() - 1].isalnum():
        raise NotCertain("two URLs without a mark between them; write one URL a line")
    emphasis = text[: start.start()][-1:]
    if emphasis and emphasis in "*_~":  # Markdown's
        written = written.rstrip(emphasis)
    is_the_text = start.start() == 0 and stop == len(text)
    url = written.rstrip(";,|") if is_the_text and not written.endswith(_CUT_OFF) else _without_sentence(written)
    if "|" in url.partition("?")[0]:
        raise NotCertain("a | inside; write %7C where it belongs to the URL, else one URL a line")
    if _may_go_on(url, before=text[: start.start()], after=text[stop:end]):
        raise NotCertain("a blank inside; write %20 where it belongs to the URL, else one URL a line")
    return url


def _may_go_on(url: str, *, before: str, after: str) -> bool:
    """Whether what follows a blank may be a part of the URL, as a name of a file: `http://host/my photo.jpg`."""
    if not after.strip() or before.strip(" -\u2022*#0123456789.)\"'") or _FILE_ENDING.search(url) or url.endswith("/"):
        return False
    words = [word for word in after.split() if any(map(str.isalnum, word))]
    return len(words) == 1 or any(_PART_OF_A_URL.search(word) for word in words)


def _without_sentence(url: str) -> str:
    """Return a URL without the marks that end its sentence, and closing brackets that it does not open."""
    while url and not url.endswith(_CUT_OFF):
        last = url[-1]
        is_stray = last in _CLOSING and url.count(last) > url.count(_CLOSING[last])
        if last not in _SENTENCE_ENDS and not is_stray:
            break
        url = url[:-1]
    return url
