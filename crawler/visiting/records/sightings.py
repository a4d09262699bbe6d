"""Turns the response to a visit into the sighting of a file: digests and HTTP facts, no content."""

from __future__ import annotations

from orbweaver.crawler.bodies.archives.archive_limits import Member
from orbweaver.crawler.bodies.body import media_type
from orbweaver.crawler.fetching.transfer import FetchedResponse
from orbweaver.crawler.revisiting.known_responses import KnownFile, KnownMember
from orbweaver.crawler.rules import urls
from orbweaver.crawler.visiting.visit import Visit
from orbweaver.model import DigestSet, HttpFacts, Sighting, now

# They help an analyst to date a file and to name who serves it; cookies and the like are left out.
HEADERS_OF_NOTE = ("etag", "last-modified", "server", "date", "via", "content-disposition", "cf-ray", "x-cache")
HEADER_CHARACTERS = 200
OK = 200


def of_file(visit: Visit, response: FetchedResponse, digests: DigestSet, *, is_as_sent: bool = False) -> Sighting:
    """Return the sighting of a file that was fetched by itself; `is_as_sent` says that it is still encoded."""
    assert response.body is not None
    http = HttpFacts(
        status=response.status,
        headers=_of_note(response),
        framing=response.framing,
        bytes_received=response.body.bytes_received,
        tls=response.tls,
        is_refused_by_robots=response.is_refused_by_robots,
    )
    sniffed = None if is_as_sent else response.body.sniffed_type
    return _sighting(visit, response, digests, http, media_type(response.content_type), sniffed)


def of_unchanged(visit: Visit, response: FetchedResponse, known: KnownFile) -> Sighting:
    """Return the sighting of a file that is still the known one, as its host says (304).

    The facts are those of the answer that brought its bytes, as far as they are known, and of this one.
    """
    said = {"etag": known.etag, "last-modified": known.last_modified}
    headers = {name: value for name, value in said.items() if value is not None} | _of_note(response)
    http = HttpFacts(
        status=OK,
        headers={name: value[:HEADER_CHARACTERS] for name, value in headers.items()},
        framing=known.framing,
        bytes_received=known.bytes_received,
        tls=response.tls,
        is_refused_by_robots=response.is_refused_by_robots,
        hashed_at=known.hashed_at,
    )
    return _sighting(visit, response, known.digests, http, known.content_type, known.sniffed_type)


def of_unchanged_member(visit: Visit, response: FetchedResponse, known: KnownFile, member: KnownMember) -> Sighting:
    """Return the sighting of a file inside an archive that is still the known one."""
    http = HttpFacts(
        status=OK,
        framing=known.framing,
        archive_member=member.path,
        tls=response.tls,
        is_refused_by_robots=response.is_refused_by_robots,
        hashed_at=known.hashed_at,
    )
    return _sighting(visit, response, member.digests, http, None, member.sniffed_type)


def _of_note(response: FetchedResponse) -> dict[str, str]:
    return {name: _as_text(response.headers[name]) for name in HEADERS_OF_NOTE if name in response.headers}


def _as_text(value: str) -> str:
    """Return a header's beginning as text that JSON can hold: aiohttp keeps bytes that are not UTF-8 as surrogates."""
    return value[:HEADER_CHARACTERS].encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def of_embedded(visit: Visit, response: FetchedResponse, digests: DigestSet, declared: str) -> Sighting:
    """Return the sighting of a data: URI; it is part of its page, whose URL is where it can be taken down."""
    http = HttpFacts(
        status=response.status,
        framing=response.framing,
        embedded=True,
        tls=response.tls,
        is_refused_by_robots=response.is_refused_by_robots,
    )
    return _sighting(visit, response, digests, http, media_type(declared), None)


def of_member(visit: Visit, response: FetchedResponse, member: Member) -> Sighting:
    """Return the sighting of a file inside an archive; the archive's URL is where it can be taken down."""
    http = HttpFacts(
        status=response.status,
        framing=response.framing,
        archive_member=member.path,
        tls=response.tls,
        is_refused_by_robots=response.is_refused_by_robots,
    )
    return _sighting(visit, response, member.digests, http, None, member.sniffed_type)


def _sighting(
    visit: Visit,
    response: FetchedResponse,
    digests: DigestSet,
    http: HttpFacts,
    content_type: str | None,
    sniffed_type: str | None,
) -> Sighting:
    return Sighting(
        url=visit.url,
        final_url=response.url,
        # Without them after a redirect: an earlier release left the visit in a checkpoint.
        redirects=None if visit.chain and not visit.redirects else visit.redirects,
        host=urls.host_of(visit.url),
        ip=response.ip,
        referrer=visit.origin.referrer,
        report_ids=visit.origin.report_ids,
        digests=digests,
        content_type=content_type,
        sniffed_type=sniffed_type,
        http=http,
        seen_at=now(),
    )
