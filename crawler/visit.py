"""One URL on its way through a recrawl: how it was reached, and in whose name."""

from __future__ import annotations

import mimetypes
from typing import NamedTuple
from urllib.parse import urlsplit

from orbweaver.crawler.access import DEFAULT_MANNERS, Manners
from orbweaver.crawler.links import LinkKind


class Visit(NamedTuple):
    """What travels with a request.

    `url` is the URL that was reported or linked, and stays the same over redirects; `chain` holds the URLs that
    redirected so far; `report_ids` and `manners` are those of the reports that led here, inherited from page to page.
    `referrer_page` is a hash of the page that linked here, by which a page that is its referrer again is known.
    The links of one page differ in the first field and in the last, which `crawler.frontier` makes use of.
    """

    url: str
    kind: LinkKind
    referrer: str | None = None
    depth: int = 0
    report_ids: tuple[str, ...] = ()
    chain: tuple[str, ...] = ()
    is_reported: bool = False
    referrer_page: int | None = None
    manners: Manners = DEFAULT_MANNERS
    is_embed: bool = False


def expected_kind(url: str, kind: LinkKind) -> LinkKind:
    """Return what a link probably leads to: a plain link to a file with a file's ending is a file."""
    if kind is LinkKind.MEDIA:
        return kind
    guessed, _ = mimetypes.guess_type(urlsplit(url).path)
    if guessed is None or guessed in {"text/html", "application/xhtml+xml"}:
        return LinkKind.PAGE
    return LinkKind.MEDIA
