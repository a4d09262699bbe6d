"""The recrawl of one scope: follows links, records a sighting per file and a reason per URL that gave none."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from orbweaver.crawler import links, rules, sightings, urls
from orbweaver.crawler.budget import Budget
from orbweaver.crawler.digests import digests_of
from orbweaver.crawler.errors import Interrupted, NotRecorded, UrlRefused
from orbweaver.crawler.handler import Fetched, transfers_must_end
from orbweaver.crawler.journal import Journal, Record
from orbweaver.crawler.links import LinkKind
from orbweaver.crawler.outcomes import is_failure, is_status_failure, outcome_of, rule_of
from orbweaver.crawler.visit import Visit, expected_kind
from orbweaver.model import Outcome, Report, Scope, Sighting, now
from scrapy import Request, Spider, signals

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from twisted.python.failure import Failure

FLUSH_SECONDS = 0.5
# A waiting Request costs about 2 KB; beyond this many, links are dropped and said to be.
REQUESTS_WAITING = 50_000
# What is remembered of links, so that none is followed twice: about 70 bytes each.
URLS_SEEN = 5_000_000
REPORTED_PRIORITY = 1_000
FILE_PRIORITY = 10
REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})


class RecrawlSpider(Spider):
    """Visits the reported URLs first, then what they link to, as far as the scope and its limits allow.

    `stopped_by` is None after a complete recrawl, else why it ended early; `failure` is set when what was found
    could not be stored.
    """

    name = "recrawl"

    def __init__(self, *, scope: Scope, reports: Sequence[Report], record: Record, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scope = scope
        self.reports = reports
        self.budget = Budget(scope.limits)
        self.journal = Journal(record)
        self.stopped_by: str | None = None
        self.failure: NotRecorded | None = None
        self.has_started = False
        # Python's string hash is keyed and 64 bits wide: about 70 bytes a URL in the set, and no server can aim at a
        # collision.
        self._seen: set[int] = set()
        self._waiting = 0
        self._reported_waiting = 0

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        """Build the spider; called by Scrapy. `scrapy crawl recrawl -a host=...` gives text arguments."""
        is_from_command_line = "host" in kwargs
        if is_from_command_line:
            from orbweaver.crawler import command_line

            kwargs = command_line.spider_arguments(kwargs, crawler.settings)
        spider = super().from_crawler(crawler, *args, **kwargs)
        crawler.signals.connect(spider._callback_failed, signal=signals.spider_error)
        if is_from_command_line:
            crawler.signals.connect(spider.finish, signal=signals.spider_closed)
        return spider

    async def start(self) -> AsyncIterator[Request]:
        """Queue the reported URLs, each once, and keep the clock of the recrawl."""
        engine = self.crawler.engine
        assert engine is not None
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.stop, "interrupted")
        loop.call_later(self.scope.limits.max_seconds, self.stop, "max_seconds")
        self._flusher = loop.create_task(self._flush_regularly())
        by_url: dict[str, list[Report]] = {}
        for report in self.reports:
            by_url.setdefault(report.url, []).append(report)
        for url, same in by_url.items():
            self._seen.add(hash(url))
            ids = tuple(sorted({report.report_id for report in same if report.report_id}))
            referrer = next((report.referrer for report in same if report.referrer), None)
            visit = Visit(url, LinkKind.PAGE, referrer=referrer, report_ids=ids, is_reported=True)
            for request in self._consider(visit):
                # Scrapy reads start() while it crawls: what is yielded here could come after a page's links.
                engine.crawl(request)
        self.has_started = True
        for request in ():
            yield request

    def stop(self, reason: str) -> None:
        """End the recrawl early: running transfers are ended, what was found is kept."""
        if self.stopped_by is not None or self.crawler.engine is None:
            return
        self.stopped_by = reason
        self._flush()
        self.crawler.signals.send_catch_log(transfers_must_end)
        self._closing = asyncio.get_running_loop().create_task(self.crawler.engine.close_spider_async(reason=reason))

    def finish(self) -> None:
        """Record what is left after the crawl has ended; raises NotRecorded."""
        if self.failure is not None:
            raise self.failure
        if self._waiting:
            is_interrupted = self.stopped_by == "interrupted"
            self.journal.skip(
                self._root(),
                Outcome.INTERRUPTED if is_interrupted else Outcome.LIMIT,
                rule=f"limit.{self.stopped_by}",
                reason=f"{self._waiting} more URLs were known when the recrawl ended",
                is_failure=is_interrupted or self._reported_waiting > 0,
                count=self._waiting,
            )
        self._total()
        self.journal.flush()

    def parse(self, response: Response) -> Iterator[Request]:
        """Record what came for one URL and follow where it leads."""
        self._waiting -= 1
        request = response.request
        assert request is not None
        visit: Visit = request.meta["visit"]
        self._reported_waiting -= visit.is_reported
        location = response.headers.get("Location")
        if response.status in REDIRECT_STATUSES and location:
            yield from self._redirect(visit, response.url, _as_written(location))
            return
        fetched: Fetched = request.meta.pop("fetched")
        body = fetched.body
        if not visit.is_reported:
            found = LinkKind.MEDIA if body.html is None else LinkKind.PAGE
            self.budget.correct(visit.kind, found, host=urls.host_of(response.url))
        # A body is looked into whatever the status is: an error status may be a disguise.
        if body.digests is not None and not body.digests.is_degenerate:
            self._found(sightings.of_file(visit, response, fetched, body.digests))
        if not 200 <= response.status < 300:
            self._error_status(visit, response.status)
        elif body.digests is not None and body.digests.is_degenerate:
            self._empty(visit, response.status)
        if body.html is not None:
            self.journal.tally.pages += 1
            yield from self._follow(visit, response, fetched)

    def failed(self, failure: Failure) -> None:
        """Record why a URL gave no response."""
        self._waiting -= 1
        visit: Visit = failure.request.meta["visit"]  # type: ignore[attr-defined]
        self._reported_waiting -= visit.is_reported
        error = failure.value or RuntimeError("no reason given")
        outcome = outcome_of(error)
        rule, reason = rule_of(error), str(error)
        if isinstance(error, Interrupted) and self.stopped_by != "interrupted":
            outcome, rule, reason = Outcome.LIMIT, f"limit.{self.stopped_by}", "the recrawl's time was over"
        self.journal.skip(
            visit.url,
            outcome,
            rule=rule,
            reason=reason,
            is_failure=visit.is_reported or is_failure(outcome),
            referrer=visit.referrer,
        )

    def _consider(self, visit: Visit, target: str | None = None) -> Iterator[Request]:
        """Yield the request for a visit when scope, depth and memory allow it, else note why not."""
        url = target or visit.url
        candidate = rules.Candidate(
            url,
            visit.kind,
            referrer=visit.referrer,
            depth=visit.depth,
            is_reported=visit.is_reported,
            is_redirect=target is not None,
        )
        decision = rules.decide(self.scope, candidate, now=now())
        rule, reason, outcome = decision.rule, decision.reason, decision.outcome
        if decision.is_allowed and self._waiting >= REQUESTS_WAITING and not visit.is_reported:
            rule, reason, outcome = "limit.waiting", f"{REQUESTS_WAITING} URLs wait already", Outcome.LIMIT
        elif decision.is_allowed:
            self._waiting += 1
            self._reported_waiting += visit.is_reported
            yield self._request(visit, url)
            return
        if target is not None:
            reason = f"redirected to {url}: {reason}"
        # A reported URL that leads out of scope was not checked, and nobody but a person can decide what to do.
        self.journal.skip(
            visit.url, outcome, rule=rule, reason=reason, is_failure=visit.is_reported, referrer=visit.referrer
        )

    def _request(self, visit: Visit, url: str) -> Request:
        priority = FILE_PRIORITY if visit.kind is LinkKind.MEDIA else -visit.depth
        headers = {}
        if visit.is_reported:
            priority = REPORTED_PRIORITY
            if visit.referrer:
                headers["Referer"] = visit.referrer  # a disguised site shows its files only to who comes from there
        return Request(
            url,
            callback=self.parse,
            errback=self.failed,
            headers=headers or None,
            meta={"visit": visit, "verbatim_url": True},
            priority=priority,
            dont_filter=True,
        )

    def _redirect(self, visit: Visit, url: str, location: str) -> Iterator[Request]:
        chain = (*visit.chain, url)
        try:
            target = urls.join(url, location)
        except UrlRefused as error:
            self._skip(visit, Outcome.REFUSED_URL, "url", f"redirected to a URL that is refused: {error.reason}")
            return
        if target in chain or len(chain) > self.crawler.settings.getint("REDIRECT_MAX_TIMES"):
            self._skip(visit, Outcome.REDIRECT_LOOP, "redirects", f"{len(chain)} redirects, the last to {target}")
            return
        yield from self._consider(visit._replace(chain=chain), target)

    def _follow(self, visit: Visit, response: Response, fetched: Fetched) -> Iterator[Request]:
        html = fetched.body.html
        assert html is not None
        found = links.extract(html, content_type=fetched.content_type, base_url=response.url)
        if fetched.body.is_html_cut or found.is_truncated:
            self.journal.skip(
                visit.url,
                Outcome.LIMIT,
                rule="limit.html" if fetched.body.is_html_cut else "limit.links",
                reason="the page is longer than what is read of a page; links after that were not seen",
                is_failure=False,
                referrer=visit.referrer,
            )
        self._found_embedded(visit, response, fetched, found)
        base = self._base_of(response.url, found.base)
        for link in found.links:
            try:
                url = urls.join(base, link.reference)
            except UrlRefused as error:
                self._refused_link(response.url, error.reason)
                continue
            if hash(url) in self._seen:
                continue
            if len(self._seen) >= URLS_SEEN:
                self._seen_enough(response.url)
                return
            self._seen.add(hash(url))
            kind = expected_kind(url, link.kind)
            yield from self._consider(
                Visit(url, kind, referrer=response.url, depth=visit.depth + 1, report_ids=visit.report_ids)
            )

    def _seen_enough(self, page_url: str) -> None:
        self.journal.skip(
            page_url,
            Outcome.LIMIT,
            rule="limit.seen",
            reason=f"{URLS_SEEN} URLs were seen on this host: new links on this page and others are left out",
            is_failure=False,
        )

    def _base_of(self, page_url: str, base: str | None) -> str:
        if base is None:
            return page_url
        try:
            return urls.join(page_url, base)
        except UrlRefused:
            return page_url  # browsers ignore a base that cannot be read, too

    def _refused_link(self, page_url: str, reason: str) -> None:
        """Note each reason once; never the reference itself, which may hold content (a script, a data: URI)."""
        if hash(reason) not in self._seen:
            self._seen.add(hash(reason))
            self.journal.skip(
                page_url,
                Outcome.REFUSED_URL,
                rule="url",
                reason=f"links like one on this page are refused: {reason}",
                is_failure=False,
            )

    def _empty(self, visit: Visit, status: int) -> None:
        self.journal.skip(
            visit.url,
            Outcome.EMPTY,
            rule="degenerate",
            reason="the file is empty: its digests say nothing",
            is_failure=False,
            referrer=visit.referrer,
            status=status,
        )

    def _error_status(self, visit: Visit, status: int) -> None:
        is_error = status >= 400
        self.journal.skip(
            visit.url,
            Outcome.HTTP_ERROR if is_error else Outcome.BAD_RESPONSE,
            rule=f"http.{status}",
            reason=f"the host answered {status}",
            is_failure=is_status_failure(status, is_reported=visit.is_reported) if is_error else True,
            referrer=visit.referrer,
            status=status,
        )

    def _found(self, sighting: Sighting) -> None:
        self.journal.sighting(sighting)
        if self.journal.is_full:
            self._flush()

    def _found_embedded(self, visit: Visit, response: Response, fetched: Fetched, found: links.PageLinks) -> None:
        for embedded in found.data_uris:
            digests = digests_of(embedded.data)
            if not digests.is_degenerate:
                self._found(sightings.of_embedded(visit, response, fetched, digests, embedded.media_type))
        if found.bad_data_uris:
            self.journal.skip(
                visit.url,
                Outcome.REFUSED_URL,
                rule="data-uri",
                reason=f"{found.bad_data_uris} data: URIs on this page cannot be decoded",
                is_failure=False,
                referrer=visit.referrer,
            )

    def _skip(self, visit: Visit, outcome: Outcome, rule: str, reason: str) -> None:
        self.journal.skip(
            visit.url,
            outcome,
            rule=rule,
            reason=reason,
            is_failure=is_failure(outcome),
            referrer=visit.referrer,
        )

    def _callback_failed(self, failure: Failure, response: Response) -> None:
        """Scrapy logs an exception in our own callback and goes on: its URL must not be lost as well."""
        request = response.request
        self.journal.skip(
            request.meta["visit"].url if request is not None else response.url,
            Outcome.BAD_RESPONSE,
            rule="internal",
            reason=f"internal error: {type(failure.value).__name__}",
            is_failure=True,
        )

    async def _flush_regularly(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            self._flush()

    def _flush(self) -> None:
        try:
            self._total()
            self.journal.flush()
        except NotRecorded as error:
            self.failure = error
            self.stop("not recorded")

    def _total(self) -> None:
        self.journal.tally.queued = self._waiting
        self.journal.tally.bytes_read = self.budget.bytes_read

    def _root(self) -> str:
        return self.reports[0].url if self.reports else self.scope.name


def _as_written(location: bytes) -> str:
    """Return a Location header as text; bytes that are not ASCII are escaped, whatever charset they were meant in."""
    return "".join(chr(byte) if byte < 0x80 else f"%{byte:02X}" for byte in location)
