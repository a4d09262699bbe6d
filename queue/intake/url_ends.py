"""Where a URL ends in a running text, for certain; a text that can be read in two ways is refused with the reason."""

from __future__ import annotations

import re
import unicodedata
from typing import Final
from urllib.parse import quote

from orbweaver.queue.errors import NotCertain
from orbweaver.queue.intake.url_starts import ENDS, FOREIGN_MARK, INVISIBLE, WHOLE_SCHEME, starts
from orbweaver.queue.intake.wrapped_urls import MARKS_BEFORE_A_URL

# These end a sentence or a list, and not a URL that stands in it.
_SENTENCE_ENDS: Final = ".,;:!?'\u2019|"
# A URL in which another one stands has one of these before it.
_BEFORE_A_NAMED_URL: Final = (*"/=:?@", *MARKS_BEFORE_A_URL)
_CLOSING: Final = {")": "(", "]": "[", "}": "{"}
_OPENING: Final = {opening: closing for closing, opening in _CLOSING.items()}
_JOINING_WORDS: Final = frozenset(
    {"and", "or", "und", "oder", "et", "ou", "y", "o", "e", "en", "of", "och", "og", "i", "a"}
)
# Signs that stand for several letters; a PDF reader copies them as they are.
_LIGATURE: Final = re.compile("[\ufb00-\ufb06]")
_CUT_OFF: Final = ("...", "…")
_LEFT_OUT: Final = re.compile(r"/(?:\.{3,}|\[\.{3}\])/|\u2026")
# A Latin letter or digit before a letter of a script that is written without blanks, or puts its particles at the end
# of a foreign word: Thai, Lao, Burmese, Khmer, Japanese, Chinese, Korean.
_TEXT_BEHIND: Final = re.compile(
    "[A-Za-z0-9][\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ec6\u1000-\u102a\u1780-\u17b3\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3]"
)
# Pictures and other signs that people put behind a URL; some are parts of one.
_SIGNS: Final = frozenset({"So", "Sk", "Sm", "Sc"})
_MARKS_OF_OTHERS: Final = frozenset({"Po", "Pe", "Pf", "Ps", "Pi", "Pd"})
_DOTS_OF_HOSTS: Final = "\u3002\uff0e\uff61"
# Of a row that somebody took for one URL: `http://host/a,R-1,2026-01-15`.
_COLUMN_OF_A_DATE: Final = re.compile(
    r"[,;|](?:[12][0-9]{3}-[01][0-9]-[0-3][0-9]|[0-3]?[0-9][./][0-3]?[0-9][./][12][0-9]{3})"
)
_PART_OF_A_URL: Final = re.compile(r"\.\w{2,5}\Z|\w/\w")
_NUMBER_OF_THE_NEXT: Final = re.compile(r"\s\(?\d{1,3}[.):\]]\s*\Z")
_FILE_ENDING: Final = re.compile(r"\.\w{2,5}$")


def whole(url: str) -> str:
    """Return a URL of which nothing is missing; raises NotCertain for any other one."""
    if url.endswith(_CUT_OFF):
        raise NotCertain("the URL is cut off at its end; write the whole of it")
    if (ligature := _LIGATURE.search(url)) is not None:
        letters = unicodedata.normalize("NFKC", ligature[0])
        raise NotCertain(f"the sign {ligature[0]} inside, as PDF files have it; write the letters {letters}")
    if _LEFT_OUT.search(url):
        raise NotCertain("a part of the URL is left out; write the whole of it")
    if _COLUMN_OF_A_DATE.search(url):
        raise NotCertain("a column with a date inside; write a header above the columns, and no quotes around the row")
    return url


def url_at_end(text: str, *, is_at_start: bool = False) -> str | None:
    """Return the URL with which a text ends, up to the last sign; with `is_at_start` only one that begins it, too.

    >>> url_at_end("see http://example.com/a"), url_at_end("see http://example.com/a."), url_at_end("http://a.b/ there")
    ('http://example.com/a', None, None)
    """
    text = INVISIBLE.sub("", text)
    places = [found.start() for found in starts(text)]
    if not places:
        return None
    if is_at_start:
        return text if not text[: places[0]].strip("<([{\"'-*\u2022 ") else None
    url = text[places[-1] :]
    return None if ENDS.search(url) or (url[-1] in f"{_SENTENCE_ENDS})]}}" and url[-1] != "?") else url


def cut(text: str, start: re.Match[str], end: int, *, is_first: bool) -> str:
    """Return the URL that begins at `start`, of the text up to `end`. Raises NotCertain."""
    ending = ENDS.search(text, start.end(), end)
    stop = _before_a_foreign_mark(text, start.end(), end if ending is None else ending.start())
    written = text[start.start() : stop]
    mark = text[stop : stop + 1]
    behind = text[stop:end].lstrip("<")[:1] if mark == "<" else text[stop + 1 : end][:1]
    is_inside = behind.isalnum() or (mark == "<" and behind and behind in "/?&=%")
    if mark.strip() and is_inside and not FOREIGN_MARK.match(mark):
        raise NotCertain(f"a {mark} inside; write {quote(mark)} where it belongs to the URL, else one URL a line")
    glued = WHOLE_SCHEME.search(written, len(start[0]))
    if glued is not None and not written.endswith(_BEFORE_A_NAMED_URL, 0, glued.start()):
        raise NotCertain("two URLs without a mark between them; write one URL a line")
    if text[end : end + 1] and stop == end and written[-1] in "*_~-\u2013\u2014":
        raise NotCertain("two URLs without a mark between them; write one URL a line")
    is_the_text = start.start() == 0 and stop == len(text)
    emphasis = text[max(0, start.start() - 1) : start.start()]
    if emphasis and emphasis in "*_~":  # Markdown's
        written = written.rstrip(emphasis)
    elif emphasis and emphasis in _OPENING:
        written = _before_its_end(written, emphasis)
    if not is_the_text and _TEXT_BEHIND.search(written, len(start[0])):
        raise NotCertain("text may follow it without a blank; write a blank where the URL ends, else one URL a line")
    url = _without_signs(written)
    url = url.rstrip(";,|") if is_the_text and not url.endswith(_CUT_OFF) else _without_sentence(url)
    url = _without_signs(url)
    column = text[max(0, start.start() - 1) : start.start()]
    if is_first and column and column in ",;" and column in url:
        raise NotCertain(f"a {column} before and inside; write a header above the columns, and quotes around the URL")
    if "|" in url.partition("?")[0]:
        raise NotCertain("a | inside; write %7C where it belongs to the URL, else one URL a line")
    is_before_another = end < len(text)
    after = _NUMBER_OF_THE_NEXT.sub("", text[stop:end]) if is_before_another else text[stop:end]
    if _may_go_on(url, before=text[: start.start()], after=after, is_before_another=is_before_another):
        raise NotCertain("a blank inside; write %20 where it belongs to the URL, else one URL a line")
    return url


def _before_its_end(written: str, opening: str) -> str:
    """Return a URL up to the bracket that closes the one right before it. Raises NotCertain."""
    depth = 1
    for place, character in enumerate(written):
        depth += (character == opening) - (character == _OPENING[opening])
        if not depth:
            behind = written[place + 1 : place + 2]
            if behind.isalnum() or (behind and behind in "/?&=%_-"):
                raise NotCertain(
                    f"a {character} inside; write {quote(character)} where it belongs to the URL, else a blank"
                )
            return written[:place]
    return written


def _without_signs(written: str) -> str:
    """Return a URL without the marks of other scripts at its end. Raises NotCertain for a picture there."""
    end = len(written)
    while end and not written[end - 1].isascii() and not written.endswith(_CUT_OFF, 0, end):
        last = written[end - 1]
        kind = unicodedata.category(last)
        if kind in _SIGNS or "\ufe00" <= last <= "\ufe0f":
            raise NotCertain(f"a {last} behind it; write {quote(last)} where it belongs to the URL, else a blank")
        if kind not in _MARKS_OF_OTHERS:
            break
        end -= 1
    return written[:end]


def _before_a_foreign_mark(text: str, start: int, stop: int) -> int:
    """Return where the URL whose host begins at `start` ends: before a mark of another script. Raises NotCertain."""
    slash = text.find("/", start, stop)
    host_end = stop if slash < 0 else slash
    for mark in FOREIGN_MARK.finditer(text, start, stop):
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


def _may_go_on(url: str, *, before: str, after: str, is_before_another: bool) -> bool:
    """Whether what follows a blank may be a part of the URL, as a name of a file: `http://host/my photo.jpg`."""
    if not after.strip() or before.strip(" -\u2022*#0123456789.)\"'") or _FILE_ENDING.search(url) or url.endswith("/"):
        return False
    words = [word for word in after.split() if any(map(str.isalnum, word))]
    if is_before_another and len(words) == 1 and words[0].lower() in _JOINING_WORDS:
        return False
    return len(words) == 1 or any(_PART_OF_A_URL.search(word) for word in words)


def _without_sentence(url: str) -> str:
    """Return a URL without the marks that end its sentence, and closing brackets that it does not open."""
    while url and not url.endswith(_CUT_OFF):
        last = url[-1]
        is_stray = last in _CLOSING and url.count(last) > url.count(_CLOSING[last])
        if last not in _SENTENCE_ENDS and last not in _OPENING and not is_stray:
            break
        url = url[:-1]
    return url
