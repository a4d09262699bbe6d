"""Knows which hosts and addresses one recrawl asks, from what its crawl process says; that may have been taken over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from orbweaver.crawler.crawl_messages import AskedToWait, PaceMessage
from orbweaver.crawler.errors import MessageRefused
from orbweaver.crawler.fetching.pace.pace_board import MOST_HOSTS, THE_REST, PaceBoard
from orbweaver.crawler.rules import scope as scopes
from orbweaver.model import Scope

# Each message of an honest process names a new host or a new address.
MOST_MESSAGES: Final = MOST_HOSTS + THE_REST


class RecrawlPace:
    """The hosts and addresses of one recrawl, each with its row on the board, and the hosts that asked to wait.

    `on_news` is called when there is something new. The process names no address of OWN_PACE_NETWORKS.
    """

    def __init__(self, scope: Scope) -> None:
        self.board = PaceBoard()
        self.rows: dict[str, int] = {}
        self.hosts: dict[str, int] = {}
        # The seconds that a host asked for, None without a number, since `take_waits`.
        self._waits: dict[str, float | None] = {}
        self.on_news: Callable[[], None] | None = None
        self._scope = scope
        self._told = 0
        self._hosts_named: dict[str, int] = {}

    def hear(self, message: PaceMessage) -> None:
        """Take what the crawl process says; raises MessageRefused for what no honest one says."""
        if isinstance(message, AskedToWait):
            if message.host not in self.hosts:
                raise MessageRefused("a wait of a host that was not asked")
            self._waits[message.host] = max(self._waits.get(message.host) or 0.0, message.seconds or 0.0) or None
        else:
            self._told += 1
            if self._told > MOST_MESSAGES or len(self.rows) + len(message.addresses) > THE_REST:
                raise MessageRefused("more hosts and addresses than a recrawl may name")
            self._add_host(message.host)
            for address in message.addresses:
                self.rows.setdefault(address, len(self.rows))
        if self.on_news is not None:
            self.on_news()

    def take_waits(self) -> dict[str, float | None]:
        """Return the hosts that have asked to wait since the last time, with the seconds that they asked for."""
        taken, self._waits = self._waits, {}
        return taken

    def _add_host(self, host: str) -> None:
        if host in self._hosts_named or len(self._hosts_named) >= MOST_HOSTS:
            return
        number = self._hosts_named[host] = len(self._hosts_named)
        if scopes.is_host_of(self._scope, host):
            self.hosts[host] = number

    def close(self) -> None:
        """Let go of the board."""
        self.board.close()
