"""Finds the URLs in the query of a URL: a page that asks whether to leave leads there, and so does a viewer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

from orbweaver.crawler.errors import UrlRefused
from orbweaver.crawler.rules.urls import canonicalise, join

_MOST_UNESCAPINGS: Final = 3
_BEGINS = re.compile(r"https?(?::|%(?:25)*3a)", re.IGNORECASE)
# A path on the same host of what is no page: a viewer shows it.
_IS_FILE_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x1f]{1,1000}\.[a-z0-9]{2,5}", re.IGNORECASE)
_IS_PAGE = re.compile(r"\.(?:[sx]?html?|php[0-9]?|aspx?|jspx?|cgi|do|action|cfm|pl)\Z", re.IGNORECASE)
_IS_URL = re.compile(r"https?://", re.IGNORECASE)


def inner_urls(url: str) -> Iterator[str]:
    """Yield the canonical URLs that the parameters of a canonical URL are, escaped or not.

    >>> list(inner_urls("http://files.example/leave?to=http%3A%2F%2Ffiles.example%2Fa.jpg&id=3"))
    ['http://files.example/a.jpg']
    """
    query = url.partition("?")[2]
    if "http" not in query and "=/" not in query and "=%2F" not in query:
        return
    for parameter in query.split("&"):
        value = parameter.partition("=")[2]
        is_path = _IS_FILE_PATH.fullmatch(path := unquote(value)) is not None and not _IS_PAGE.search(path)
        if not is_path and not _BEGINS.match(value):
            continue
        for _ in range(_MOST_UNESCAPINGS):
            if is_path or _IS_URL.match(value):
                break
            value = unquote(value)
        try:
            yield (
                join(url, path.replace("%", "%25").replace("#", "%23").replace("?", "%3F"))
                if is_path
                else canonicalise(value)
            )
        except UrlRefused:
            continue
