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
from orbweaver.queue.intake.unread_words import unread_words
from orbweaver.queue.intake.wrapped_urls import PROOFPOINT_MARK, unwrapped

# Characters that no reader sees: direction marks, zero-width blanks, soft hyphens, byte order marks.
_INVISIBLE: Final = re.compile("[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_SCHEME: Final = (
    rf"(?:\[(?:{SPELT_SCHEMES})s?\]|(?:{SPELT_SCHEMES})(?:s|\[s\])?)"
    r"(?:\[://\]|\(://\)|\{://\}|(?:\s?:|\[:\]|\(:\)|\{:\})\s?(?://|\\\\|\\/\\/|\[//\]|\[/\]\[/\]|\[/\]/|/\[/\]))"
    r"(?:\s(?=[\w-]+\[?\.\]?\w))?"
)
# A host that is written without a scheme, as browsers let people type it.
_WWW: Final = r"www(?:\.|\[\.\]?|\(\.\)|\{\.\}|[\[({]dot[\])}]|\\\.)(?=\w)"
_START: Final = re.compile(rf"{_SCHEME}|{_WWW}", re.IGNORECASE)
_WHOLE_SCHEME: Final = re.compile(_SCHEME, re.IGNORECASE)
_SPELT_DOT: Final = r"(?:\s+dot\s+|\s*[\[({](?:dot|\.)[\])}]\s*)"
_SPELT_HOST: Final = re.compile(rf"({_SCHEME})((?:[\w-]+{_SPELT_DOT})+[\w-]+)", re.IGNORECASE)
_ONE_SPELT_DOT: Final = re.compile(_SPELT_DOT, re.IGNORECASE)

# RFC 3986, appendix C, writes <URL:http://...>; Slack <http://...|its text>.
_AUTOLINK: Final = re.compile(rf"<\s*(?:UR[IL]:)?((?:{_SCHEME}|{_WWW})[^<>]*)>", re.IGNORECASE)
_TAG: Final = re.compile(r"<(?:/?[a-z]|!doctype\b)[^<>]*>", re.IGNORECASE)
# Of any name but those whose URLs name a vocabulary and lead nowhere.
_ATTRIBUTE: Final = re.compile(
    r"""(?<![\w:-])(?!xmlns|itemtype|vocab|profile)[\w:-]+\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE
)
# Forums write [url=http://...]text[/url] and [img]http://...[/img].
_FORUM_END: Final = re.compile(r"\[/(url|img|image|thumb|media|video|audio|flash|quote|code|spoiler)\]", re.IGNORECASE)
_FORUM_TAG: Final = re.compile(
    r"\[(/?)(url|img|image|thumb|media|video|audio|flash|quote|code|spoiler)(?:[= ]([^\[\]\n]*))?\]", re.IGNORECASE
)
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
# A URL in which another one stands has one of these before it.
_BEFORE_A_NAMED_URL: Final = (*"/=:?@", PROOFPOINT_MARK)
_CLOSING: Final = {")": "(", "]": "[", "}": "{"}
_CUT_OFF: Final = ("...", "…")
_LEFT_OUT: Final = re.compile(r"/(?:\.{3,}|\[\.{3}\])/|\u2026")
# What ends a sentence or an item in Chinese, Japanese, Arabic and others, and their brackets. The full stops may be the
# dots of a host, too (UTS 46).
_FOREIGN_MARK: Final = re.compile(
    "[\u3001\u3002\uff0c\uff0e\uff1a\uff1b\uff01\uff1f\uff61\uff64\u060c\u061b\u061f\u0964]"
    "|[\uff08\uff09\u3008-\u3011\u3014-\u301b\uff3b\uff3d\uff5b\uff5d\uff62\uff63]"
)
_DOTS_OF_HOSTS: Final = "\u3002\uff0e\uff61"
# Of a row that somebody took for one URL: `http://host/a,R-1,2026-01-15`.
_COLUMN_OF_A_DATE: Final = re.compile(
    r"[,;|](?:[12][0-9]{3}-[01][0-9]-[0-3][0-9]|[0-3]?[0-9][./][0-3]?[0-9][./][12][0-9]{3})"
)
_SCHEME_TWICE: Final = re.compile(r"https?://(?=https?(?:://|//|:(?![0-9])))(https?):?(?://)?", re.IGNORECASE)
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
    scheme = _WHOLE_SCHEME.match(text)
    if scheme is not None:
        rest = text[scheme.end() :]
        if "\\/" in scheme[0]:  # a string of JSON
            rest = rest.replace("\\/", "/")
        text = re.sub(r"\s", "", scheme[0]).replace("\\/", "/").replace("\\", "/") + rest
    return _SPELT_HOST.sub(lambda host: host[1] + _ONE_SPELT_DOT.sub("[.]", host[2]), text)


def _take_enclosed(text: str, enclosed: list[str]) -> str:
    """Move what HTML, Markdown, angle brackets and quotes enclose to `enclosed`; return the text without it."""

    def take(found: re.Match[str]) -> str:
        inside = next(filter(None, found.groups()), "").strip()
        if _START.match(inside) is None or _begins_twice(inside):
            return found[0]
        enclosed.append(inside)
        return " "

    def take_link(found: re.Match[str]) -> str:
        url, bar, _ = found[1].partition("|")
        if bar and "?" not in url and not _begins_twice(url):
            enclosed.append(url.strip())
            return " "
        return take(found)

    def take_tag(tag: re.Match[str]) -> str:
        several = [" "]
        for value in _ATTRIBUTE.findall(tag[0]):
            url = html.unescape("".join(value)).strip()
            if _START.match(url) and not _begins_twice(url):
                enclosed.append(url)
            elif has_url(url):  # a set of images, a style
                several.append(url)
        return " ".join(several)

    def take_forum_tag(tag: re.Match[str]) -> str:
        if tag[2].lower() not in closed:
            return tag[0]
        value = (tag[3] or "").strip(" \"'")
        if _START.match(value) and not _begins_twice(value):
            enclosed.append(value)
        return " "

    text = _AUTOLINK.sub(take_link, text)
    text = _TAG.sub(take_tag, text)
    closed = {end[1].lower() for end in _FORUM_END.finditer(text)}
    if closed:
        text = _FORUM_TAG.sub(take_forum_tag, text)
    text = _MARKDOWN.sub(lambda link: f"] {take(link)}", text)
    return _QUOTED.sub(take, text)


def _begins_twice(text: str) -> bool:
    return len(list(_starts(text))) > 1


def _whole(url: str) -> str:
    if url.endswith(_CUT_OFF):
        raise NotCertain("the URL is cut off at its end; write the whole of it")
    if _LEFT_OUT.search(url):
        raise NotCertain("a part of the URL is left out; write the whole of it")
    if _COLUMN_OF_A_DATE.search(url):
        raise NotCertain("a column with a date inside; write a header above the columns, and no quotes around the row")
    return url


def _is_shown_for(shown: str, targets: list[str]) -> bool:
    """Whether the text of a link is its target, perhaps cut off; the target is what counts."""
    beginning = shown.rstrip(".…")
    return any(target.startswith(beginning) for target in targets)


def _starts(text: str) -> Iterator[re.Match[str]]:
    """Yield where URLs begin: not inside of one, such as the page that an archive's URL names in its path."""
    looked = -1  # up to here the URL before goes on; -1 where it has ended
    for found in _START.finditer(text):
        if text.endswith(PROOFPOINT_MARK, 0, found.start()):
            continue
        before = text[found.start() - 1] if found.start() else " "
        goes_on = looked >= 0 and _ENDS.search(text, looked, found.start()) is None
        looked = found.start() if goes_on else -1
        # Between letters of some scripts stands no blank.
        is_foreign = not before.isascii() and (looked < 0 or not before.isalnum())
        if before.isspace() or before in _BEFORE_A_URL or is_foreign:
            looked = found.end()
            yield found


def _in_running_text(text: str, enclosed: list[str], *, is_html: bool) -> list[str]:
    targets = enclosed if is_html else []
    text = _SPELT_HOST.sub(lambda host: host[1] + _ONE_SPELT_DOT.sub("[.]", host[2]), text)
    starts = [found for found in _starts(text) if not _is_in_query(text, found)]
    ends = [*(found.start() for found in starts[1:]), len(text)][: len(starts)]
    written: list[str] = []
    rest: list[str] = []
    behind = 0
    for start, end in zip(starts, ends, strict=True):
        url = _cut(text, start, end, is_first=not written)
        written.append(url)
        rest.append(text[behind : start.start()])
        behind = start.start() + len(url)
    rest.append(text[behind:])
    found = [_whole(url) for url in written if not _is_shown_for(url, targets)]
    if not found and not enclosed:
        return []
    # The caller says of these why they are none.
    return found + [word for piece in rest for word in unread_words(piece) if not _is_shown_for(word, targets)]


def _is_in_query(text: str, start: re.Match[str]) -> bool:
    """Whether what looks like a URL is the value of a parameter of the one before: `?url=http://...`."""
    before = text[max(0, start.start() - MAX_URL_LENGTH) : start.start()]
    if not before.endswith(("=", ":")):
        return False
    word = _ENDS.split(before)[-1]
    return any(True for _ in _starts(word))


def _cut(text: str, start: re.Match[str], end: int, *, is_first: bool) -> str:
    """Return the URL that begins at `start`, of the text up to `end`. Raises NotCertain."""
    ending = _ENDS.search(text, start.end(), end)
    stop = _before_a_foreign_mark(text, start.end(), end if ending is None else ending.start())
    written = text[start.start() : stop]
    mark = text[stop : stop + 1]
    if mark.strip() and text[stop + 1 : end][:1].isalnum() and not _FOREIGN_MARK.match(mark):
        raise NotCertain(f"a {mark} inside; write {quote(mark)} where it belongs to the URL, else one URL a line")
    glued = _WHOLE_SCHEME.search(written, len(start[0]))
    if glued is not None and not written.endswith(_BEFORE_A_NAMED_URL, 0, glued.start()):
        raise NotCertain("two URLs without a mark between them; write one URL a line")
    if text[end : end + 1] and stop == end and written[-1] in "*_~-\u2013\u2014":
        raise NotCertain("two URLs without a mark between them; write one URL a line")
    emphasis = text[max(0, start.start() - 1) : start.start()]
    if emphasis and emphasis in "*_~":  # Markdown's
        written = written.rstrip(emphasis)
    is_the_text = start.start() == 0 and stop == len(text)
    url = written.rstrip(";,|") if is_the_text and not written.endswith(_CUT_OFF) else _without_sentence(written)
    column = text[max(0, start.start() - 1) : start.start()]
    if is_first and column and column in ",;" and column in url:
        raise NotCertain(f"a {column} before and inside; write a header above the columns, and quotes around the URL")
    if "|" in url.partition("?")[0]:
        raise NotCertain("a | inside; write %7C where it belongs to the URL, else one URL a line")
    if _may_go_on(url, before=text[: start.start()], after=text[stop:end]):
        raise NotCertain("a blank inside; write %20 where it belongs to the URL, else one URL a line")
    return url


def _before_a_foreign_mark(text: str, start: int, stop: int) -> int:
    """Return where the URL whose host begins at `start` ends: before a mark of another script. Raises NotCertain."""
    slash = text.find("/", start, stop)
    host_end = stop if slash < 0 else slash
    for mark in _FOREIGN_MARK.finditer(text, start, stop):
        if mark.start() < host_end and _is_dot_of_a_host(text, mark):
            continue
        behind = text[mark.end() : stop]
        is_word = behind[:1].isascii() and behind[:1].isalnum()
        if (is_word and _PART_OF_A_URL.search(behind)) or (behind and not text[start : mark.start()].isascii()):
            raise NotCertain(f"a {mark[0]} inside; write {quote(mark[0])} where it belongs to the URL, else a blank")
        return mark.start()
    return stop


def _is_dot_of_a_host(text: str, mark: re.Match[str]) -> bool:
    """Whether a full stop parts labels: behind it is a Latin letter, or before it is one of another script."""
    after = text[mark.end() : mark.end() + 1]
    return mark[0] in _DOTS_OF_HOSTS and after.isalnum() and (after.isascii() or not text[mark.start() - 1].isascii())


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
