"""Turns what came for a visit into the sighting of a file: digests and HTTP facts, no content."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orbweaver.crawler import urls
from orbweaver.crawler.body import media_type
from orbweaver.crawler.handler import Fetched
from orbweaver.crawler.visit import Visit
from orbweaver.model import DigestSet, HttpFacts, Sighting, now

if TYPE_CHECKING:
    from scrapy.http import Response

# What helps an analyst to date a file and to name who serves it; cookies and the like are left out.
HEADERS_OF_NOTE = ("etag", "last-modified", "server", "date", "via", "content-disposition", "cf-ray", "x-cache")
HEADER_CHARACTERS = 200


def of_file(visit: Visit, response: Response, fetched: Fetched, digests: DigestSet) -> Sighting:
    """Return the sighting of a file that was fetched by itself."""
    headers = {}
    for name in HEADERS_OF_NOTE:
        value = response.headers.get(name)
        if value is not None:
            headers[name] = value.decode("latin-1")[:HEADER_CHARACTERS]
    http = HttpFacts(status=response.status, headers=headers, framing=fetched.framing)
    return _sighting(
        visit, response, fetched, digests, http, media_type(fetched.content_type), fetched.body.sniffed_type
    )


def of_embedded(visit: Visit, response: Response, fetched: Fetched, digests: DigestSet, declared: str) -> Sighting:
    """Return the sighting of a data: URI; it is part of its page, whose URL is where it can be taken down."""
    http = HttpFacts(status=response.status, framing=fetched.framing, embedded=True)
    return _sighting(visit, response, fetched, digests, http, media_type(declared), None)


def _sighting(
    visit: Visit,
    response: Response,
    fetched: Fetched,
    digests: DigestSet,
    http: HttpFacts,
    content_type: str | None,
    sniffed_type: str | None,
) -> Sighting:
    return Sighting(
        url=visit.url,
        final_url=response.url,
        host=urls.host_of(visit.url),
        ip=fetched.ip,
        referrer=visit.referrer,
        report_ids=visit.report_ids,
        digests=digests,
        content_type=content_type,
        sniffed_type=sniffed_type,
        http=http,
        seen_at=now(),
    )
