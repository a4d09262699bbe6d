"""One URL on its way through a recrawl: how it was reached, and in whose name."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from orbweaver.crawler.asked_as import NOT_SAID, AskedAs, ReferrerPolicy
from orbweaver.crawler.fetching.asking.request_headers import NO_REPORTER_HEADERS, ReporterHeaders
from orbweaver.crawler.link_kind import LinkKind, LinkSource
from orbweaver.crawler.links.media_endings import MEDIA_ENDINGS
from orbweaver.crawler.rules import urls
from orbweaver.crawler.visiting.archive_names import is_archive_part
from orbweaver.model import MOST_REDIRECT_CHARACTERS, MOST_REDIRECTS_RECORDED, Redirect

# As HTTP has them, and some that only hosts have.
MOST_STATUS: Final = 999


class Origin(NamedTuple):
    """The way by which a URL was reached, and the reports that led there; the links of one page share theirs.

    `referrer` is the URL of the page that links to it, and `referrer_page` a hash of that page, by which a page that is
    its referrer again is known. `report_ids` and `reporter_headers` are those of the reports that led here, inherited
    from page to page. `root` is the number of the reported URL that led here first, None of what robots.txt named.
    `policy` is the referrer policy that the page declares.
    """

    referrer: str | None = None
    referrer_page: int | None = None
    depth: int = 0
    report_ids: tuple[str, ...] = ()
    reporter_headers: ReporterHeaders = NO_REPORTER_HEADERS
    root: int | None = None
    policy: ReferrerPolicy | None = None

    def of_links(self, page_url: str, page: int | None = None, policy: ReferrerPolicy | None = None) -> Origin:
        """Return the origin of the links of a page at `page_url`, whose hash is `page`, that was reached from here."""
        return Origin(page_url, page, self.depth + 1, self.report_ids, self.reporter_headers, self.root, policy)


UNKNOWN_ORIGIN: Final = Origin()


class GatePass(NamedTuple):
    """A gate on the way of a visit, whose URL is asked for again after the way in.

    `words` are those of its button. With `is_entering` the request is for the way in. `has_led` says that the way in
    showed something itself, and `number` is 1 for the first gate of the visit.
    """

    words: str
    is_entering: bool = True
    has_led: bool = False
    number: int = 1


class Visit(NamedTuple):
    """One URL on its way through a recrawl.

    `url` is the URL that was reported or linked, and stays the same over redirects; `chain` holds the requests that
    were redirected so far, each as a hash of its URL and its cookies, and `redirects` has all answers that sent the
    visit on, for its evidence. `is_embed` says that a page shows the file, `is_variant` that the URL has the dedup key
    of one that was met before (same_addresses.py). `source` says how certain the reference was, `asked_as` is what the
    element that leads here says about the request, and `gate` is the last gate that was met on the way.
    """

    url: str
    kind: LinkKind
    origin: Origin = UNKNOWN_ORIGIN
    is_reported: bool = False
    is_embed: bool = False
    chain: tuple[int, ...] = ()
    is_variant: bool = False
    source: LinkSource = LinkSource.LINK
    asked_as: AskedAs = NOT_SAID
    gate: GatePass | None = None
    redirects: tuple[Redirect, ...] = ()

    @property
    def is_candidate(self) -> bool:
        """Whether the URL was found in what may be no reference at all."""
        return self.source is not LinkSource.LINK

    @property
    def is_as_reported(self) -> bool:
        """Whether the request is for the reported URL itself, and not for the page to which that page sends on."""
        return self.is_reported and not self.origin.depth

    @property
    def is_entering(self) -> bool:
        """Whether the request is for the way through a gate, and not for the URL of the visit."""
        return self.gate is not None and self.gate.is_entering

    def sent_on_by(self, url: str, status: int) -> Visit:
        """Return the visit after the answer of `url`, with this status, has sent it on: that goes into its evidence."""
        if not self.redirects and url != self.url:
            return self  # an earlier release left the visit in a checkpoint without the beginning of its way
        room = MOST_REDIRECT_CHARACTERS - sum(len(one.url) for one in self.redirects if not one.is_cut)
        is_cut = len(url) > room
        named = f"{urls.root_of(url)}/" if is_cut else url
        redirects = (*self.redirects, Redirect(url=named, status=status, is_cut=is_cut))
        return self._replace(redirects=redirects[:MOST_REDIRECTS_RECORDED])


def is_way_from(url: str, redirects: Sequence[Redirect]) -> bool:
    """Whether these can be the answers that sent a visit of `url` on; another process says so."""
    if not redirects:
        return True
    whole = [one.url for one in redirects if not one.is_cut]
    return (
        redirects[0] == Redirect(url=url, status=redirects[0].status)
        and sum(map(len, whole)) <= MOST_REDIRECT_CHARACTERS
        and all(urls.is_canonical(one.url) and 0 <= one.status <= MOST_STATUS for one in redirects)
        and all(one.url == f"{urls.root_of(one.url)}/" for one in redirects if one.is_cut)
    )


def expected_kind(url: str, kind: LinkKind) -> LinkKind:
    """Return the kind of URL that a link probably leads to: one with a file's ending is a file."""
    if kind is LinkKind.FILE:
        return kind
    # mimetypes, too, takes dots at the head of a name for no ending.
    name = url.partition("?")[0].rpartition("/")[2].lstrip(".")
    _, dot, ending = name.partition(".")
    return _kind_of_ending(ending) if dot else LinkKind.PAGE


@lru_cache(maxsize=256)
def _kind_of_ending(ending: str) -> LinkKind:
    guessed, _ = mimetypes.guess_type(f"/a.{ending}")  # without the slash "a.b:" would be a scheme
    if guessed is None:
        is_file = ending.rpartition(".")[2].lower() in MEDIA_ENDINGS or is_archive_part(f"a.{ending}")
        return LinkKind.FILE if is_file else LinkKind.PAGE
    if guessed in {"text/html", "application/xhtml+xml"}:
        return LinkKind.PAGE
    return LinkKind.FILE
