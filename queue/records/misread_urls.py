"""Says what looks wrong with a reported URL that gave nothing: marks of the text around it, or of how it was written.

Each of these may stand in a URL rightly, so it counts only where the URL led to nothing.
"""

from __future__ import annotations

import re
from typing import Final

# Of several signs the first one is said.
_SIGNS: Final = (
    (
        "a second URL stands in it",
        re.compile(r"\A[a-z]++://[^?#]*?(?:https?|h[tx*]{2}ps?)(?::|%3a)/{1,2}", re.IGNORECASE),
    ),
    (
        "it has a mark of a defanged URL",
        re.compile(r"hxxp|(?:\[|%5b|\(|\{|%7b)(?:\.|dot|:)(?:\]|%5d|\)|\}|%7d)|%5b\.|%5c\.", re.IGNORECASE),
    ),
    (
        "it has an HTML escape",
        re.compile(r"&(?:amp|quot|lt|gt|nbsp|apos|#x?[0-9a-f]{2,4});|%26(?:amp|quot|lt|gt);?", re.IGNORECASE),
    ),
    ("it has a mark of HTML or Markdown", re.compile(r"%3[ce]|\]\(|%5d\(|%60", re.IGNORECASE)),
    (
        "it has an invisible character",
        re.compile(r"%e2%80%(?:8[b-f]|a[89ab-e])|%ef%bb%bf|%c2%ad|%e2%81%a0|%0[0-9a-f]|%1[0-9a-f]|%7f", re.IGNORECASE),
    ),
    (
        "it has a mark of another script",
        re.compile(r"%e3%80%8[0-9a-f]|%ef%bc%(?:8[189cef]|9[abf])|%d8%(?:8c|9b|9f)", re.IGNORECASE),
    ),
    ("it has a blank at its end", re.compile(r"(?:%20|%c2%a0|%e3%80%80|\+)\Z", re.IGNORECASE)),
    (
        "words follow the name of a file",
        re.compile(r"\.(?:jpe?g|png|gif|webp|mp4|webm|zip|html?)(?:%20|%c2%a0|\+)", re.IGNORECASE),
    ),
    ("it was cut off", re.compile(r"(?:\.\.|%e2%80%a6)\Z", re.IGNORECASE)),
    (
        "it ends with a quotation mark",
        re.compile(r"(?:['*]|%22|%27|%e2%80%9[89cde]|%c2%[ab]b|%c2%b4)\Z", re.IGNORECASE),
    ),
    ("it ends with a mark of a sentence", re.compile(r"(?:[.,;:!|]|%7c)\Z", re.IGNORECASE)),
)
_PAIRS: Final = (("(", ")"), ("[", "]"), ("{", "}"), ("%5b", "%5d"), ("%7b", "%7d"))


def misreading(url: str) -> str | None:
    """Return what makes a canonical URL look misread, None when nothing does.

    >>> misreading("http://example.com/a.jpg)")
    'a bracket is not closed, or not opened'
    """
    # Of the host nothing can be left that is no name.
    rest = url[url.index("//") + 2 :].partition("/")[2]
    for words, sign in _SIGNS:
        if sign.search(url if sign is _SIGNS[0][1] else rest):
            return words
    lowered = rest.lower()
    if any(lowered.count(opening) != lowered.count(closing) for opening, closing in _PAIRS):
        return "a bracket is not closed, or not opened"
    return None
