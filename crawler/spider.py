"""The Scrapy spider of one recrawl: starts its parts, lets them work, and ends them in order."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from orbweaver.crawler.errors import NotRecorded
from orbweaver.crawler.fetching.asking.request_headers import RequestHeaders
from orbweaver.crawler.fetching.budget import Budget
from orbweaver.crawler.fetching.connecting.proxies import parse_proxy
from orbweaver.crawler.fetching.fetcher import Fetcher
from orbweaver.crawler.fetching.pace.politeness import Politeness
from orbweaver.crawler.fetching.pace.shared_pace import SharedPace
from orbweaver.crawler.fetching.transfer import FetchedResponse, Headers, Transfers
from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.revisiting.known_responses import KnownFile, KnownResponses, Memory
from orbweaver.crawler.revisiting.revisit import Revisit
from orbweaver.crawler.revisiting.validators import NOT_BORNE, NOT_MODIFIED, condition_for
from orbweaver.crawler.transfer_errors import Interrupted
from orbweaver.crawler.visiting import request_manner
from orbweaver.crawler.visiting.checkpoints.keeping import (
    SLICES,
    CheckpointClock,
    Checkpointing,
    Checkpoints,
)
from orbweaver.crawler.visiting.checkpoints.taking import RecrawlParts
from orbweaver.crawler.visiting.frontier import Frontier, PlannedRequest
from orbweaver.crawler.visiting.navigator import Navigator
from orbweaver.crawler.visiting.records.journal import Journal, Record
from orbweaver.crawler.visiting.records.outcomes import INTERRUPTED, has_answered, is_busy
from orbweaver.crawler.visiting.visit_pool import VisitPool
from orbweaver.model import HostAnswers, ReferrerControl, Report, Reported, Scope, ScopeKind
from orbweaver.settings import Settings
from scrapy import Request, Spider

FLUSH_SECONDS = 0.5


class RecrawlSpider(Spider):
    """Visits the reported URLs first, then what they link to, as far as the scope and its limits allow.

    With `checkpoints` it says now and then where it is, and ends when its slice is over (SLICE_TIME, SLICE_PAGES);
    another process then goes on. `failure` is set when the records could not be stored.
    """

    name = "recrawl"

    def __init__(
        self,
        *,
        scope: Scope,
        reports: Sequence[Report],
        record: Record,
        settings: Settings,
        known: KnownResponses | None = None,
        pace: SharedPace | None = None,
        checkpoints: Checkpointing | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._scope = scope
        self._reports = reports
        self._own_settings = settings
        self._checkpoints = None if checkpoints is None else Checkpoints(checkpoints, reports)
        self._seconds_before = 0.0 if checkpoints is None else checkpoints.earlier.seconds
        self._interrupted: list[tuple[PlannedRequest, Interrupted]] = []
        self._budget = Budget(scope.limits)
        self._frontier = Frontier()
        self.journal = Journal(record)
        self._headers = RequestHeaders(
            scope.access, user_agent=settings.user_agent, shares_cookies=scope.kind is ScopeKind.SITE
        )
        self._revisit = Revisit(known or KnownResponses())
        self._navigator = Navigator(
            scope,
            frontier=self._frontier,
            journal=self.journal,
            budget=self._budget,
            flush=self._flush,
            cookies_for=self._headers.cookies_for,
            revisit=self._revisit,
            key=None if self._checkpoints is None else self._checkpoints.key,
        )
        self._parts = RecrawlParts(self._navigator, self._frontier, self.journal, self._budget, self._headers)
        connections = settings.host_connections
        self._politeness = Politeness(
            connections=connections,
            connections_per_host=connections,
            delay_seconds=scope.access.delay_seconds,
            pace=pace,
        )
        proxy = parse_proxy(scope.access.proxy, os.environ)
        self.fetcher = Fetcher(Transfers(settings, proxy=proxy, pace=pace), self._politeness, self._budget)
        self.fetcher.ask_robots(
            scope.access.robots,
            is_in_scope=self._navigator.admission.is_on_hosts,
            on_sitemaps=self._navigator.links.found_sitemaps,
        )
        self.failure: NotRecorded | None = None
        self.has_started = False
        self._pages_before = 0

    @property
    def stopped_by(self) -> str | None:
        """The reason why the recrawl ended early; None after a complete one."""
        return self._navigator.stopped_by

    @property
    def limit(self) -> str | None:
        """The limit by which most URLs were left out, None when none left out a part of a host."""
        most = self.journal.limits.most_common(1)
        return most[0][0].removeprefix("limit.") if most else None

    @property
    def suggestions(self) -> dict[str, int]:
        """Hosts outside the scope whose files its pages show, with how many at least, most first."""
        return dict(self._navigator.admission.suggestions.top())

    @property
    def reported(self) -> tuple[Reported, ...]:
        """The result of each reported URL whose visit has ended."""
        return self._navigator.reported.all_ended()

    @property
    def answers(self) -> dict[str, HostAnswers]:
        """The answers of each host for its files and pages, counted."""
        return self._navigator.answers.by_host()

    @property
    def remembered(self) -> Memory:
        """The facts that the next recrawl is to know."""
        return self._revisit.remembered()

    async def start(self) -> AsyncIterator[Request]:
        """Visit everything, and keep the clock of the recrawl; Scrapy ends the crawl when this ends."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.interrupt)
        loop.call_later(max(self._scope.limits.max_seconds - self._seconds_before, 0), self.stop, "max_seconds")
        self._visit_pool = VisitPool(
            self._frontier,
            self._visit,
            politeness=self._politeness,
            at_once=self._own_settings.host_connections,
        )
        self.has_started = True
        if self._checkpoints is None:
            self._navigator.begin(self._reports)
        else:
            self._checkpoints.begin(self._root_url, self._parts)
            loop.call_later(self._own_settings.slice_time.total_seconds(), self._end_slice, "slice_time")
        self._pages_before = self.journal.tally.pages
        flusher = loop.create_task(self._flush_regularly())
        try:
            await self._visit_pool.run()
        finally:
            flusher.cancel()
        if self.stopped_by in SLICES and not self._visit_pool.unvisited and not self._interrupted:
            self._navigator.stop(None)  # it came to its end together with its slice
        nothing: tuple[Request, ...] = ()  # requests are made when there is a slot for them, not before
        for request in nothing:
            yield request

    def stop(self, reason: str) -> None:
        """End the recrawl early: running transfers are ended, the records so far are kept."""
        if self.stopped_by is not None and self.stopped_by not in SLICES:
            return
        self._navigator.stop(reason)
        self._visit_pool.stop()
        self.fetcher.end()

    def interrupt(self) -> None:
        """Begin no further visit; end what is being transferred when STOP_GRACE is over, or at the second interrupt."""
        if self.stopped_by == INTERRUPTED:
            self.fetcher.end()
        elif self.stopped_by is None or self.stopped_by in SLICES:
            self._begin_no_more(INTERRUPTED)
            grace = self._own_settings.stop_grace.total_seconds()
            asyncio.get_running_loop().call_later(grace, self.fetcher.end)

    def _end_slice(self, reason: str) -> None:
        """Begin no further visit; what is being transferred comes to its end, and what waits goes to the next slice."""
        if self.stopped_by is None:
            self._begin_no_more(reason)

    def _begin_no_more(self, reason: str) -> None:
        self._navigator.stop(reason)
        self._visit_pool.stop()
        self._politeness.end()

    def finish(self) -> None:
        """Record the rest after the crawl has ended; raises NotRecorded."""
        if self.failure is not None:
            raise self.failure
        if self._checkpoints is not None and (self.stopped_by in SLICES or self.stopped_by == INTERRUPTED):
            self._total()
            self.journal.flush()
            self._take_checkpoint(self._checkpoints)
            if self.stopped_by in SLICES:
                return
        for planned, error in self._interrupted:
            self._navigator.failed(planned.visit, error)
        self._interrupted = []
        self._navigator.abandon(self._root_url)
        self._navigator.admission.say_what_was_left_out()
        self._navigator.judge_hosts()
        if self.stopped_by in {None, "max_seconds"}:
            self._navigator.known_files.say_what_was_not_begun()
        self._total()
        self.journal.flush()

    @property
    def _root_url(self) -> str:
        return self._reports[0].url if self._reports else self._scope.name

    def _take_checkpoint(self, checkpoints: Checkpoints) -> None:
        interrupted = (planned for planned, _ in self._interrupted)
        checkpoints.take(self._parts, [*self._visit_pool.under_way, *interrupted])

    async def _visit(self, planned: PlannedRequest) -> None:
        """Ask for one URL, and do everything that follows from its response: the same for pages and for files."""
        if not self._navigator.admission.is_due(planned.visit) or self._navigator.admission.leaves_out(planned):
            return
        visit, reporter_headers = planned.visit, planned.visit.origin.reporter_headers
        cookies = self._headers.cookies_for(planned.url, reporter_headers)
        says_referrer = visit.is_as_reported or self._scope.access.referrer is ReferrerControl.PAGE
        destination = request_manner.destination_of(visit)
        headers = self._headers.headers_for(
            planned.url,
            reporter_headers,
            destination=destination,
            site=request_manner.site_relation_of(visit, planned.url),
            referrer=request_manner.referrer_of(visit, planned.url) if says_referrer else None,
            cookies=cookies,
        )
        try:
            response, known = await self._fetch_unless_known(planned, headers)
        except Interrupted as error:
            self._interrupted.append((planned, error))
            return
        except Exception as error:  # noqa: BLE001 - whatever went wrong, its URL gets an outcome: outcomes.OUTCOMES
            self._navigator.failed(visit, error)
            if has_answered(error):
                self._navigator.known_files.begin()
            return
        try:
            self._headers.remember(planned.url, reporter_headers, response.headers.getall("Set-Cookie", ()))
            prefers_new_types = self._headers.prefers_new_types(reporter_headers, destination)
            if known is not None:
                self._navigator.unchanged(visit, response, known)
            else:
                self._navigator.arrived(visit, response, cookies=cookies, prefers_new_types=prefers_new_types)
                known_files = self._navigator.known_files
                known_files.came(visit, response, headers, prefers_new_types=prefers_new_types)
                if not is_busy(response.status):
                    known_files.begin()
        except Exception as error:  # noqa: BLE001 - a bug that one page meets must not lose the others
            self._navigator.broke(visit, error)
        is_sliced = self._checkpoints is not None
        if is_sliced and self.journal.tally.pages - self._pages_before >= self._own_settings.slice_pages:
            self._end_slice("slice_pages")

    async def _fetch_unless_known(
        self, planned: PlannedRequest, headers: Headers
    ) -> tuple[FetchedResponse, KnownFile | None]:
        """Fetch one URL; with the file that is known when its host says that it is still that one, and sends none."""
        known = self._navigator.known_files.version_to_ask_about(planned, headers)
        if known is None:
            return await self._fetch(planned, headers), None
        response = await self._fetch(planned, [*headers, *condition_for(known)])
        if self._navigator.known_files.confirms(known, response):
            return response, known
        if response.status == NOT_MODIFIED or response.status in NOT_BORNE:
            response = await self._fetch(planned._replace(cost=0), headers)
        return response, None

    async def _fetch(self, planned: PlannedRequest, headers: Headers) -> FetchedResponse:
        """Fetch one URL: the only place where pages and files go different ways.

        A page goes through Scrapy's engine, where downloader middlewares and signals of Scrapy can see it, and the
        handler hands it to our Fetcher. A file goes to the same Fetcher directly: the engine costs a request more
        CPU time than fetching and hashing a small file, and the response that it makes would have no body.
        """
        spelling = self._navigator.admission.spellings.of(planned.url)
        if planned.visit.kind is LinkKind.FILE:
            return await self.fetcher.fetch(
                planned.url, headers, kind=LinkKind.FILE, cost=planned.cost, spelling=spelling
            )
        assert self.crawler.engine is not None
        request = Request(
            planned.url,
            headers=headers,
            meta={"cost": planned.cost, "spelling": spelling, "verbatim_url": True},
            dont_filter=True,
        )
        try:
            await self.crawler.engine.download_async(request)
        except Exception:
            came: FetchedResponse | None = request.meta.get("answer")
            if came is None or came.cut_by is None:
                raise
            return came  # a part of a page
        fetched: FetchedResponse = request.meta["answer"]
        return fetched

    async def _flush_regularly(self) -> None:
        clock = CheckpointClock(time.monotonic())
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            if self._checkpoints is None or not clock.is_due(time.monotonic()):
                self._flush()
                continue
            began = time.process_time()
            self._flush(self._checkpoints)
            clock.note(time.monotonic(), time.process_time() - began)

    def _flush(self, checkpoints: Checkpoints | None = None) -> None:
        """Hand over what was found; then, with `checkpoints`, where the recrawl is."""
        began = time.monotonic()
        try:
            self._total()
            self.journal.flush()
            if checkpoints is not None:
                self._take_checkpoint(checkpoints)
        except NotRecorded as error:
            self.failure = error
            self.stop("not recorded")
        self.fetcher.excuse(time.monotonic() - began)  # a store that takes its time makes no host slow

    def _total(self) -> None:
        self.journal.tally.queued = self._visit_pool.unvisited + len(self._interrupted)
        self.journal.tally.bytes_read = self._budget.bytes_read
        self.journal.tally.waits_for = self.fetcher.waits_for(self._frontier.hosts_aside)
