"""Asks NCMEC Hash Sharing v2 for the entries that changed in a span of time, page after page.

    ncmec://hashsharing.ncmec.org/npo?username=env:NCMEC_USER&password=file:/run/secrets/ncmec

Sources: hashsharing.ncmec.org/npo/v2/documentation and report.cybertip.org/ws-hashsharing/v2/documentation (read as
excerpts), python-threatexchange's clients/ncmec/hash_api.py with its tests, and facebook/ThreatExchange issue 1105 and
pull request 1118 for observed facts: entries are not in the order of time, `from` is exclusive and `to` inclusive, and
a page's `maxTimestamp` is of no use. Every entry is shown only in its latest state, which may be a deletion.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from orbweaver.matcher_client.errors import BadFileError, Unavailable, UnknownService
from orbweaver.matcher_client.lists.readers.ncmec import QueryResult
from orbweaver.matcher_client.lists.row import RefusedRow, Row
from orbweaver.matcher_client.transport.service_address import ServiceAddress, read_address, refuse_unknown_options
from orbweaver.matcher_client.transport.web_session import HttpAnswer, WebSession

NAMESPACE = "https://hashsharing.ncmec.org/hashsharing/v2"
# Links that lead on for ever are stopped here; a page has 1,000 entries.
MOST_PAGES = 1_000_000
_CALLED = "the URL to sync from"
_TRANSPORTS = {"ncmec": "ncmec+https", "ncmec+https": "ncmec+https", "ncmec+http": "ncmec+http"}
# Relative to the base URL (large-fingerprints.html; hash_api.py appends it). No other link is followed: an absolute
# link could send the query and the credentials to another host.
_NEXT = re.compile(r"/v2/entries\?[!-~]{1,4000}")


@dataclass(frozen=True)
class Page:
    """One page as it was sent, complete and without a document type.

    `usable` counts the entries with a digest that we can match. `refused` are the entries that cannot be read.
    `next_path`, after the base URL, is the next page.
    """

    body: bytes = field(repr=False)
    entries: int
    usable: int
    refused: tuple[RefusedRow, ...]
    next_path: str | None


def read_source(url: str) -> ServiceAddress:
    """Read `ncmec://HOST/PATH?username=...&password=...`, which is https; `ncmec+http:` is for this machine only.

    Raises UnknownService, which never repeats the URL, because it may hold a secret.
    """
    scheme, colon, rest = url.strip().partition(":")
    transport = _TRANSPORTS.get(scheme.lower()) if colon else None
    if transport is None:
        raise UnknownService(
            "no source to sync from: write it like "
            "ncmec://hashsharing.ncmec.org/npo?username=env:NAME&password=file:/path"
        )
    # The URL of a matching service must say something of a canary; a source of entries has nothing to look up.
    address = read_address(f"{transport}:{rest}{'&' if '?' in rest else '?'}canary=none", called=_CALLED)
    refuse_unknown_options(address, frozenset())
    if address.username is None or address.password is None or address.token is not None:
        raise UnknownService(
            f"{address.name}: NCMEC wants a user name and a password: "
            "name them with ?username=env:NAME&password=file:/path"
        )
    return address


class NcmecClient:
    """The access of one member to one environment of Hash Sharing."""

    def __init__(self, address: ServiceAddress) -> None:
        self.name = address.name
        self._session = WebSession(address)

    def check_access(self) -> datetime | None:
        """Check the credentials before any large request; return the time of the server (UTC), None without one.

        Raises Unavailable, which says what to do when the credentials are refused.
        """
        answer = self._require_answer(self._session.get("/v2/status"))
        if NAMESPACE.encode() not in answer.body:
            raise Unavailable(f"{self.name}/v2/status is not a status of Hash Sharing v2: check the URL's path")
        try:
            return parsedate_to_datetime(answer.date).astimezone(UTC)
        except (ValueError, OverflowError):
            return None

    def pages(self, since: datetime, until: datetime) -> Iterator[Page]:
        """Yield every page of the entries that changed after `since`, up to `until` (UTC, whole seconds).

        Only all pages together are an answer, because entries have no order. Raises Unavailable when a page cannot be
        fetched, is cut, is no page of Hash Sharing v2, or leads to another place or in a circle.
        """
        span = {"from": format_seconds(since), "to": format_seconds(until)}
        page = self._read_page(self._session.get("/v2/entries", span), 1)
        seen: set[str] = set()
        yield page
        while page.next_path is not None:
            if page.next_path in seen or len(seen) >= MOST_PAGES:
                raise Unavailable(f"{self.name} leads from page to page in a circle: nothing was changed, ask NCMEC")
            seen.add(page.next_path)
            page = self._read_page(self._session.get(page.next_path), len(seen) + 1)
            yield page

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def _read_page(self, answer: HttpAnswer, number: int) -> Page:
        result = QueryResult(io.BytesIO(self._require_answer(answer).body), f"page {number}")
        try:
            rows = list(result)
        except BadFileError as error:
            raise Unavailable(f"{self.name}: page {number} {error}; nothing was changed") from None
        next_path = result.next_page
        if next_path is not None and not _NEXT.fullmatch(next_path):
            raise Unavailable(
                f"{self.name}: page {number} links to something that is not a page of the same query: the link was "
                "not followed, because it could send the query and the credentials elsewhere"
            )
        usable = sum(isinstance(row, Row) and not row.is_deletion for row in rows)
        refused = tuple(row for row in rows if isinstance(row, RefusedRow))
        return Page(answer.body, len(rows), usable, refused, next_path)

    def _require_answer(self, answer: HttpAnswer) -> HttpAnswer:
        if answer.status in {401, 403}:
            raise Unavailable(
                f"{self.name} refuses the credentials (status {answer.status}): check its username= and password=, "
                "and that they are for this environment"
            )
        if answer.status != 200:
            raise Unavailable(f"{self.name} answers with status {answer.status}")
        return answer


def format_seconds(moment: datetime) -> str:
    """Format a UTC moment as Hash Sharing writes times: ISO 8601, whole seconds, Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
