"""One URL on its way through a recrawl: how it was reached, and in whose name."""

from __future__ import annotations

import mimetypes
from functools import lru_cache
from typing import NamedTuple

from orbweaver.crawler.fetching.request_headers import NO_REPORTER_HEADERS, ReporterHeaders
from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.rules.urls import path_of


class Visit(NamedTuple):
    """What travels with a request.

    `url` is the URL that was reported or linked, and stays the same over redirects; `chain` holds the URLs that
    redirected so far; `report_ids` and `reporter_headers` are those of the reports that led here, from page to page.
    `root` is the place of the reported URL that led here first, None of what robots.txt named.
    `referrer_page` is a hash of the page that linked here, by which a page that is its referrer again is known.
    The links of one page differ in the first field and in the last, which `crawler.visiting.frontier` makes use of.
    """

    url: str
    kind: LinkKind
    referrer: str | None = None
    depth: int = 0
    report_ids: tuple[str, ...] = ()
    chain: tuple[str, ...] = ()
    is_reported: bool = False
    referrer_page: int | None = None
    reporter_headers: ReporterHeaders = NO_REPORTER_HEADERS
    root: int | None = None
    is_embed: bool = False


def expected_kind(url: str, kind: LinkKind) -> LinkKind:
    """Return what a link to a canonical URL probably leads to: one to a file with a file's ending is a file."""
    if kind is LinkKind.FILE:
        return kind
    # mimetypes, too, takes dots at the head of a name for no ending.
    name = path_of(url).rpartition("/")[2].lstrip(".")
    _, dot, ending = name.partition(".")
    return _kind_of_ending(ending) if dot else LinkKind.PAGE


@lru_cache(maxsize=256)
def _kind_of_ending(ending: str) -> LinkKind:
    guessed, _ = mimetypes.guess_type(f"/a.{ending}")  # without the slash "a.b:" would be a scheme
    if guessed is None or guessed in {"text/html", "application/xhtml+xml"}:
        return LinkKind.PAGE
    return LinkKind.FILE
