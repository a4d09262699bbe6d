"""Counts what one recrawl, and each of its hosts, has spent of its limits, and refuses a request beyond them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.transfer_errors import LimitReached
from orbweaver.model import Limits

# A request without an answer costs its host this much more: it holds a connection until a deadline.
ERROR_COST: Final = 10
# A host that gave no answer to 50 requests in a row gives none to the next.
MOST_ERROR_COST: Final = 500


@dataclass(slots=True)
class HostSpending:
    """The cost of one host, and how much of it went to its last failures in a row."""

    cost: int = 0
    error_cost: int = 0


class Spent(NamedTuple):
    """The part of its limits that a recrawl has spent."""

    pages: int
    files: int
    bytes_read: int
    hosts: dict[str, HostSpending]


class Budget:
    """Counts requests when they start, so that a limit is never passed by what is in flight.

    A page expected and a file found (or the other way round) is counted again as what it turned out to be. Pages,
    files and bytes are the recrawl's; cost is each host's, so that one endless host of a site leaves the others
    theirs. A host whose cost is spent, or that only gives errors, is retired: nothing more is asked of it.

    >>> budget = Budget(Limits(max_host_cost=5))
    >>> budget.spend(LinkKind.PAGE, host="calendar.example.com", cost=5)
    >>> budget.retired_by("calendar.example.com"), budget.retired_by("www.example.com")
    ('max_host_cost', None)
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.bytes_read = 0
        self._pages = 0
        self._files = 0
        # No more hosts than requests are ever in it.
        self._hosts: dict[str, HostSpending] = {}

    @property
    def spent(self) -> Spent:
        """The part that is spent so far."""
        return Spent(self._pages, self._files, self.bytes_read, self._hosts)

    def restore(self, spent: Spent) -> None:
        """Go on with what another process has spent of the same limits."""
        self._pages, self._files, self.bytes_read, self._hosts = *spent[:3], dict(spent.hosts)

    def spend(self, kind: LinkKind, *, host: str, cost: int = 1) -> None:
        """Count one request; raises LimitReached, and counts nothing, when a limit is spent.

        The last request of a host may cost more than it has left.
        """
        if self.bytes_read >= self.limits.max_bytes:
            raise LimitReached("max_bytes")
        if kind is LinkKind.PAGE and self._pages >= self.limits.max_pages:
            raise LimitReached("max_pages")
        if kind is LinkKind.FILE and self._files >= self.limits.max_files:
            raise LimitReached("max_files")
        if limit := self.retired_by(host):
            raise LimitReached(limit)
        self._count(kind, 1)
        self._host(host).cost += cost

    def correct(self, expected: LinkKind, received: LinkKind, *, host: str) -> None:
        """Count a request as the kind that was received; the host answered, so its row of errors has an end."""
        self.answer(host)
        if expected is not received:
            self._count(expected, -1)
            self._count(received, 1)

    def answer(self, host: str) -> None:
        """Note that a host answered, whatever the answer was; its row of errors has an end."""
        if host in self._hosts:
            self._hosts[host].error_cost = 0

    def fail(self, host: str) -> None:
        """Charge a host for a request that it gave no answer to, or none that could be read."""
        charged = self._host(host)
        charged.cost += ERROR_COST
        charged.error_cost += ERROR_COST

    def admit(self, announced: int) -> None:
        """Raise LimitReached when a body of so many bytes is more than what is left; nothing is counted or reserved."""
        left = self.limits.max_bytes - self.bytes_read
        if announced > left:
            raise LimitReached("max_bytes", f"{announced} bytes were announced, and {left} are left of max_bytes")

    def receive(self, count: int) -> None:
        """Count bytes as they come; raises LimitReached when they are more than a recrawl may have."""
        self.bytes_read += count
        if self.bytes_read > self.limits.max_bytes:
            raise LimitReached("max_bytes")

    def retired_by(self, host: str) -> str | None:
        """Return the limit by which a host was retired, None while it may be asked."""
        spent = self._hosts.get(host)
        if spent is None:
            return None
        if spent.error_cost >= MOST_ERROR_COST:
            return "host_errors"
        return "max_host_cost" if spent.cost >= self.limits.max_host_cost else None

    def _count(self, kind: LinkKind, change: int) -> None:
        if kind is LinkKind.PAGE:
            self._pages += change
        else:
            self._files += change

    def _host(self, host: str) -> HostSpending:
        return self._hosts.setdefault(host, HostSpending())
