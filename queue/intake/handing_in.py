"""Takes reports in that somebody hands in, and says for each line what became of it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from orbweaver.crawler.rules import scope as scopes
from orbweaver.model import Limits, Report, ScopeKind
from orbweaver.queue.errors import TooManyReports
from orbweaver.queue.intake.orders import Order, Terms, plan
from orbweaver.queue.intake.reports import BadLine, read_reports


@dataclass
class LineRead:
    """One line, counted from 1: the hosts that its reports are for, why it is no report, what was left out of it."""

    line: int
    hosts: list[str] = field(default_factory=list)
    reports: int = 0
    refused_because: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class HandedIn:
    """Reports that were handed in: an order for each host, each line that says anything, and notes on the whole."""

    orders: Sequence[Order]
    lines: Sequence[LineRead]
    notes: Sequence[str]

    @property
    def reports(self) -> int:
        """How many reports were read."""
        return sum(one.reports for one in self.lines)


def lines_of(reports: Iterable[Mapping[str, object]]) -> io.BytesIO:
    """Return reports that came as objects as JSON Lines, the n-th in the n-th line."""
    return io.BytesIO(b"".join(json.dumps(one).encode() + b"\n" for one in reports))


def read(
    stream: io.BytesIO,
    kind: ScopeKind,
    terms: Terms,
    *,
    name: str,
    most: int,
    encoding: str | None = None,
    limits: Limits | None = None,
) -> HandedIn:
    """Read at most `most` reports of a file or of objects. No order is carried out.

    `limits` are those of each visit, None: as they are by default. `name` is what a message calls the file. Raises
    ReportsUnreadable, TooManyReports, AuthorityMissing.
    """
    lines: dict[int, LineRead] = {}
    notes: list[str] = []
    reports: list[Report] = []
    for item in _at_most(read_reports(stream, name=name, encoding=encoding), most, name):
        if isinstance(item, BadLine) and item.is_of_file:
            notes.append(f"line {item.line}: {item.reason}")
            continue
        line = lines.setdefault(item.line or 0, LineRead(item.line or 0))
        if isinstance(item, BadLine):
            (line.notes if item.is_report_kept else line.refused_because).append(item.reason)
            continue
        reports.append(item)
        line.reports += 1
        host = scopes.scope_for(kind, item.url, Limits()).name
        if host not in line.hosts:
            line.hosts.append(host)
    return HandedIn(plan(reports, kind, limits or Limits(), terms), [lines[number] for number in sorted(lines)], notes)


def _at_most(items: Iterable[Report | BadLine], most: int, name: str) -> Iterator[Report | BadLine]:
    for number, item in enumerate(items, start=1):
        if number > most:
            raise TooManyReports(f"{name}: more than {most:,} reports and remarks: hand it in in parts")
        yield item
