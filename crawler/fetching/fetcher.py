"""Fetches a URL: asks robots.txt, waits for a slot, asks the budget, transfers, and tries what may be chance again.

Pages, which come through Scrapy's engine, and files, which do not, are fetched by the same Fetcher, so every rule of
robots, politeness, budget and egress exists once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

from orbweaver.crawler.bodies.body import BodyLimits
from orbweaver.crawler.errors import CrawlError, RobotsRefused
from orbweaver.crawler.fetching.budget import Budget
from orbweaver.crawler.fetching.pace.host_delays import Reason
from orbweaver.crawler.fetching.pace.politeness import Politeness
from orbweaver.crawler.fetching.robots_gate import RobotsGate
from orbweaver.crawler.fetching.transfer import FetchedResponse, Headers, Transfers
from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.rules import robots
from orbweaver.crawler.rules.robots import Robots
from orbweaver.crawler.rules.urls import host_of
from orbweaver.crawler.transfer_errors import (
    BadResponse,
    ConnectionLost,
    Interrupted,
    TransferEnded,
    TransferTooSlow,
)
from orbweaver.model import RobotsControl, WaitsFor
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadConnectionRefusedError,
    DownloadTimeoutError,
    ResponseDataLossError,
)

# These may go better the second time; a refusal of ours never does.
TRANSIENT = (
    CannotResolveHostError,
    ConnectionLost,
    DownloadConnectionRefusedError,
    DownloadTimeoutError,
    ResponseDataLossError,
)
# The host answers, but what it wants of us cannot be read.
UNREADABLE = (BadResponse, TransferEnded, ResponseDataLossError)
TRANSIENT_STATUSES = frozenset({408, 429, 500, 502, 503, 504, 522, 524})
TRIES = 2
_WAITS_FOR: Final[Mapping[Reason, WaitsFor]] = {
    Reason.DELAY: WaitsFor.DELAY,
    Reason.ROBOTS: WaitsFor.CRAWL_DELAY,
    Reason.LATENCY: WaitsFor.SLOW_ANSWERS,
    Reason.RETRY_AFTER: WaitsFor.RETRY_AFTER,
    Reason.BACK_OFF: WaitsFor.BACK_OFF,
    Reason.SLOTS: WaitsFor.ANSWERS,
    Reason.FLEET: WaitsFor.HOST_PACE,
    Reason.SHARED: WaitsFor.PLACE,
}


class Fetcher:
    """Fetches within one recrawl's budget, when politeness allows it, and as its access profile says of robots.txt."""

    def __init__(self, transfers: Transfers, politeness: Politeness, budget: Budget) -> None:
        self.limits = transfers.limits
        self._transfers = transfers
        self._politeness = politeness
        self._budget = budget
        self._own_seconds = 0.0
        self._gate: RobotsGate | None = None
        self._obeys_robots = True

    def ask_robots(
        self,
        control: RobotsControl,
        *,
        is_in_scope: Callable[[str], bool],
        on_sitemaps: Callable[[str, tuple[str, ...]], None],
    ) -> None:
        """Ask every host's robots.txt from now on; `on_sitemaps` gets its URL and the sitemaps that it names."""

        def read(root: str, user_agent: str, rules: Robots) -> None:
            delay = rules.delay_seconds(user_agent)
            if delay is not None:
                self._politeness.set_delay(host_of(root + "/"), delay)
            if rules.sitemaps:
                on_sitemaps(f"{root}/robots.txt", rules.sitemaps)

        self._obeys_robots = control is RobotsControl.OBEY
        self._gate = RobotsGate(self._fetch_robots, is_in_scope=is_in_scope, on_read=read)

    async def fetch(
        self,
        url: str,
        headers: Headers,
        *,
        kind: LinkKind,
        cost: int = 1,
        method: str = "GET",
        data: bytes | None = None,
        limits: BodyLimits | None = None,
        spelling: str | None = None,
    ) -> FetchedResponse:
        """Fetch a canonical URL, without following redirects; a `cost` of 0 is not counted as a page or file.

        `spelling` is how its path and query are sent (spelt_urls.py), None for as they are in the URL.
        Raises RobotsRefused, LimitReached, and the errors of Transfers.transfer that stayed at the second try. Of a
        document that ended too early is returned what came, with the error as its `cut_by`.
        """
        refusal = await self._robots_refusal(url, headers)
        if refusal is not None and self._obeys_robots:
            raise RobotsRefused(refusal)
        response = await self._fetch(
            url, headers, kind=kind, cost=cost, method=method, data=data, limits=limits, spelling=spelling
        )
        return response if refusal is None else replace(response, is_refused_by_robots=True)

    def waits_for(self, hosts: Iterable[str] = ()) -> WaitsFor | None:
        """Say what is waited for now; `hosts` are those whose visits wait elsewhere until they may be asked."""
        if running := self._politeness.running:
            asking = 0 if self._gate is None else self._gate.asking
            return WaitsFor.ROBOTS_FILE if asking >= running else WaitsFor.ANSWERS
        reason = self._politeness.kept_by(hosts)
        return None if reason is None else _WAITS_FOR[reason]

    def excuse(self, seconds: float) -> None:
        """Note that the event loop stood still for so long, through no fault of a host."""
        self._own_seconds += seconds

    def end(self) -> None:
        """End every running transfer, and every wait for one, with Interrupted, and refuse new ones."""
        self._transfers.end()
        self._politeness.end()

    async def close(self) -> None:
        """Close every connection."""
        await self._transfers.close()

    async def _robots_refusal(self, url: str, headers: Headers) -> str | None:
        if self._gate is None:
            return None
        user_agent = next((value for name, value in headers if name == "User-Agent"), "")
        try:
            return await self._gate.refusal(url, user_agent)
        except (CrawlError, *TRANSIENT) as error:
            if isinstance(error, Interrupted) or (self._obeys_robots and not isinstance(error, UNREADABLE)):
                raise  # who cannot ask for robots.txt cannot ask for the URL
            return f"robots.txt could not be read: {error}"

    async def _fetch_robots(self, url: str, user_agent: str) -> FetchedResponse:
        limits = replace(self.limits, html_bytes=robots.MOST_BYTES + 1, file_bytes=4 * robots.MOST_BYTES)
        headers = [("User-Agent", user_agent)]
        # Read as text, whatever it is said to be.
        response = await self._fetch(url, headers, kind=LinkKind.PAGE, cost=0, limits=limits, read_as="text/html")
        if response.cut_by is not None:
            raise response.cut_by  # the rules that are missing may refuse what the others allow
        return response

    async def _fetch(
        self,
        url: str,
        headers: Headers,
        *,
        kind: LinkKind,
        cost: int,
        method: str = "GET",
        data: bytes | None = None,
        limits: BodyLimits | None = None,
        read_as: str | None = None,
        spelling: str | None = None,
    ) -> FetchedResponse:
        host = host_of(url)
        came: FetchedResponse | None = None
        for tries_left in range(TRIES - 1, -1, -1):
            async with self._politeness.slot(host):
                if cost:
                    self._budget.spend(kind, host=host, cost=cost)
                    cost = 0  # trying again is not another page
                began, own = time.monotonic(), self._own_seconds
                try:
                    response = await self._transfers.transfer(
                        url,
                        headers,
                        spend_bytes=self._budget.receive,
                        admit_bytes=self._budget.admit,
                        method=method,
                        data=data,
                        limits=limits,
                        read_as=read_as,
                        spelling=spelling,
                    )
                    if response.cut_by is not None:
                        came = response
                        raise response.cut_by
                except TRANSIENT as error:
                    if not isinstance(error, ResponseDataLossError):  # a long body is no slow host
                        self._politeness.note(host, seconds=time.monotonic() - began, status=None)
                    if tries_left:
                        continue
                    self._budget.fail(host)
                    if came is not None:
                        return came
                    raise
                except (BadResponse, TransferTooSlow):
                    self._budget.fail(host)
                    raise
            self._budget.answer(host)
            self._politeness.note(
                host,
                seconds=response.latency_seconds - (self._own_seconds - own),
                status=response.status,
                retry_after=response.headers.get("Retry-After"),
            )
            if response.status not in TRANSIENT_STATUSES or not tries_left:
                return response
        raise AssertionError("the last try returns or raises")
