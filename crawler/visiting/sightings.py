"""Turns what came for a visit into the sighting of a file: digests and HTTP facts, no content."""

from __future__ import annotations

from orbweaver.crawler.bodies.archive_limits import Member
from orbweaver.crawler.bodies.body import media_type
from orbweaver.crawler.fetching.transfer import FetchedResponse
from orbweaver.crawler.rules import urls
from orbweaver.crawler.visiting.visit import Visit
from orbweaver.model import DigestSet, HttpFacts, Sighting, now

# What helps an analyst to date a file and to name who serves it; cookies and the like are left out.
HEADERS_OF_NOTE = ("etag", "last-modified", "server", "date", "via", "content-disposition", "cf-ray", "x-cache")
HEADER_CHARACTERS = 200


def of_file(visit: Visit, answer: FetchedResponse, digests: DigestSet) -> Sighting:
    """Return the sighting of a file that was fetched by itself."""
    assert answer.body is not None
    headers = {name: _as_text(answer.headers[name]) for name in HEADERS_OF_NOTE if name in answer.headers}
    http = HttpFacts(
        status=answer.status,
        headers=headers,
        framing=answer.framing,
        bytes_received=answer.body.bytes_received,
        tls=answer.tls,
        is_refused_by_robots=answer.is_refused_by_robots,
    )
    return _sighting(visit, answer, digests, http, media_type(answer.content_type), answer.body.sniffed_type)


def _as_text(value: str) -> str:
    """Return a header's beginning as text that JSON can hold: aiohttp keeps bytes that are not UTF-8 as surrogates."""
    return value[:HEADER_CHARACTERS].encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def of_embedded(visit: Visit, answer: FetchedResponse, digests: DigestSet, declared: str) -> Sighting:
    """Return the sighting of a data: URI; it is part of its page, whose URL is where it can be taken down."""
    http = HttpFacts(
        status=answer.status,
        framing=answer.framing,
        embedded=True,
        tls=answer.tls,
        is_refused_by_robots=answer.is_refused_by_robots,
    )
    return _sighting(visit, answer, digests, http, media_type(declared), None)


def of_member(visit: Visit, answer: FetchedResponse, member: Member) -> Sighting:
    """Return the sighting of a file inside an archive; the archive's URL is where it can be taken down."""
    http = HttpFacts(
        status=answer.status,
        framing=answer.framing,
        archive_member=member.path,
        tls=answer.tls,
        is_refused_by_robots=answer.is_refused_by_robots,
    )
    return _sighting(visit, answer, member.digests, http, None, member.sniffed_type)


def _sighting(
    visit: Visit,
    answer: FetchedResponse,
    digests: DigestSet,
    http: HttpFacts,
    content_type: str | None,
    sniffed_type: str | None,
) -> Sighting:
    return Sighting(
        url=visit.url,
        final_url=answer.url,
        host=urls.host_of(visit.url),
        ip=answer.ip,
        referrer=visit.referrer,
        report_ids=visit.report_ids,
        digests=digests,
        content_type=content_type,
        sniffed_type=sniffed_type,
        http=http,
        seen_at=now(),
    )
