"""Words beside the URLs of a text that somebody may have meant as URLs, and that are none to us.

They are told, so that no report is lost beside another one. A host without a path is no such word: a text names many.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_WORD: Final = re.compile(r"[^\s<>\"'`,;|\u201c-\u201e\u00ab\u00bb]{4,}")
_AROUND: Final = "()[]{}.:!?*_~\u2019"
_MEANT: Final = re.compile(
    r"[^\W\d_][\w*-]{1,8}(?:\[:\]|:)(?://|\\\\)[\w\[]"  # another scheme, or one that is misspelt
    r"|https?(?::/?|//|;//)[\w-]+\.\w"
    r"|//[\w-]+\.[\w.-]+/"
    r"|magnet:\?|(?:blob|filesystem|data|ed2k):\S"
    r"|\S*?(?::|\[:\])//[\w\[]"  # a URL, and something before it
    r"|(?:[\w-]+(?:\.|\[\.\]|\(\.\)|\[dot\]|\(dot\)))+[^\W\d_]{2,24}(?::\d{1,5})?/\S"  # a host and a path
    r"|[\w.-]*\w(?:\[\.\]|\(\.\)|\{\.\}|\[dot\]|\(dot\))\w"  # a host that is defanged
    r"|\d{1,3}(?:\[?\.\]?\d{1,3}){3}(?::\d{1,5})?/\S"
    r"|/[\w%./~-]*\.(?:jpe?g|png|gif|webp|mp4|webm|avi|mov|zip|rar|7z)\b",  # a path of the host before
    re.IGNORECASE,
)


def unread_words(text: str) -> Iterator[str]:
    """Yield the words of a text without URLs that look as if they were meant as some.

    >>> list(unread_words("and hqqp://example.com/b, example[.]org/c; posted on example.net"))
    ['hqqp://example.com/b', 'example[.]org/c']
    """
    for word in _WORD.finditer(text):
        bare = word[0].strip(_AROUND)
        if _MEANT.match(bare) and "@" not in bare.partition("/")[0]:
            yield bare
