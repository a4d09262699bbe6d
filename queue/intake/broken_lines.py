"""URLs that a line break cut in two, as PDF readers and mail programs leave them in a text.

The first half is a URL, too, and leads to another place: it is refused where the next line may go on with it. Only the
file's person can tell; a line that is whole and is followed by an empty one is never refused.
"""

from __future__ import annotations

import re
from typing import Final

from orbweaver.queue.intake.url_ends import url_at_end

# What mail programs put before the lines of an answer.
_QUOTE_MARKS: Final = re.compile(r"\s*(?:>\s*)+")
# A line that is broken behind one of these goes on, whatever follows: `=` is also what quoted-printable breaks with.
_NEVER_LAST: Final = "=&%?"
# Words and numbers often end so, and a text is often broken there.
_OFTEN_BROKEN: Final = "-_/"
_PATH: Final = re.compile(r"[\w%~+.-]{2,}/[\w%~+.-]{2}|\S*[=&]\S")
_ENDING: Final = re.compile(
    r"\.(?:jpe?g|png|gif|webp|bmp|avif|mp4|webm|avi|mov|mkv|html?|php|aspx?|jsp|zip|rar|7z|pdf)\b", re.IGNORECASE
)
_FILE: Final = re.compile(rf"[\w%~+./-]*{_ENDING.pattern}", re.IGNORECASE)
_OWN_HOST: Final = re.compile(r"(?:[\w-]+(?:\.|\[\.\]))+[^\W\d_]{2,24}(?::\d{1,5})?/|[\d./-]+$|\S+@")

BROKEN: Final = "the next line may be a part of it; write the URL in one line, or an empty line behind it"
NOT_CLOSED: Final = "the < before it is not closed in its line; write the URL in one line"


def broken_by(line: str, following: str) -> str | None:
    """Say why the URL at the end of a line may go on in the following one; None when it is whole.

    >>> broken_by("see http://example.com/the-", "gallery")
    'the next line may be a part of it; write the URL in one line, or an empty line behind it'
    >>> broken_by("http://example.com/the-gallery", "seen by Anna")
    """
    line, following = (_QUOTE_MARKS.sub("", text, count=1).strip() for text in (line, following))
    url = url_at_end(line)
    if url is None or not following or following.startswith("#") or url_at_end(following, is_at_start=True):
        return None
    if line[: len(line) - len(url)].endswith("<"):
        return NOT_CLOSED
    word = following.split(None, 1)[0]
    last = url[-1]
    is_alone = word == following
    if last in _NEVER_LAST or (last == "-" and word[0].isalnum() and not word[0].isupper()):
        return BROKEN
    if last in "-_" and is_alone and _OWN_HOST.match(word) is None:
        return BROKEN
    if _ENDING.search(url) and last not in _OFTEN_BROKEN:
        return None
    may_go_on = _PATH.match(word) or _FILE.match(word)
    return BROKEN if may_go_on and _OWN_HOST.match(word) is None else None
