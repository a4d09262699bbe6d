"""The page of one host: why it is due when it is, its terms and limits, its visits, and what the last one showed."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from orbweaver.console import access, url_explanation
from orbweaver.console.errors import NothingThere
from orbweaver.console.url_explanation import Reference, ReferenceKind, UrlExplanation
from orbweaver.console.web.accounts.account import Right
from orbweaver.console.web.console import Console
from orbweaver.console.web.guard import AccessGuard, Caller
from orbweaver.console.web.pages.hosts.host_list import moment_of
from orbweaver.crawler.rules.urls import hostname_of
from orbweaver.queue.hosts import host_store
from orbweaver.queue.hosts.host_record import HostRecord
from orbweaver.queue.hosts.shown import findings, situation
from orbweaver.queue.hosts.shown.findings import Findings
from orbweaver.takedown.cases import case_entries, case_index, case_store
from orbweaver.takedown.cases.case_index import CaseChoice
from orbweaver.takedown.hosting import address_history
from orbweaver.takedown.hosting.address_history import AddressSeen

REPORTS_SHOWN: Final = 50
SKIPS_SHOWN: Final = 30
CASES_READ: Final = 100


def pages(console: Console, guard: AccessGuard) -> APIRouter:
    """Return the route of the page."""
    router = APIRouter()

    @router.get("/host")
    def show(request: Request, name: str = "", caller: Caller = guard.may(Right.SEE_HOSTS)) -> Response:
        return page(request, caller, name)

    @router.post("/host")
    def test_url(request: Request, caller: Caller = guard.may(Right.SEE_HOSTS)) -> Response:
        """Say whether a URL would be fetched; it stands in no address, and so in no history and no log of a proxy."""
        return page(request, caller, caller.field("name"), caller.field("url"), caller.field("kind"))

    def page(request: Request, caller: Caller, name: str, url: str = "", kind: str = "") -> Response:
        known = host_store.read_hosts(console.store, [name])
        if not known:
            raise NothingThere("this host is not revisited")
        [host] = known
        look = situation.look(console.store, console.settings)
        [told] = look.situations(known)
        visits = host_store.visits(console.store, name)
        record = host.record
        seen = Findings() if record is None else findings.of_last_visit(console.store, record.scope, visits)
        addresses = _addresses(caller, name) if caller.account.may(Right.SEE_CASES) else []
        met = ReferenceKind(kind) if kind in set(ReferenceKind) else ReferenceKind.PAGE
        return console.templates.page(
            request,
            "host.html",
            caller.session,
            host=host,
            told=told,
            visits=visits,
            last_visit=moment_of(host.clock.last_visit),
            last_case=moment_of(host.clock.last_case),
            asked_at=moment_of(host.clock.asked_at),
            seen=seen,
            addresses=addresses,
            reports_shown=seen.reports[:REPORTS_SHOWN],
            skips_shown=seen.skips.most_common(SKIPS_SHOWN),
            types_shown=[((name,), number) for name, number in (seen.types or {}).items()],
            most_files=max((one.files for one in visits), default=0),
            url=url,
            kind=met.value,
            kinds=list(ReferenceKind),
            explained=None if record is None or not url else _explained(record, url[:4000], met, look),
            may_change=caller.account.may(Right.CHANGE_HOSTS),
            may_see_cases=caller.account.may(Right.SEE_CASES),
        )

    def _addresses(caller: Caller, name: str) -> list[AddressSeen]:
        """Return where the files of the newest cases of a host were seen, after that was noted."""
        shelf = case_entries.host_shelf(hostname_of(f"http://{name}/"))
        case_ids = case_index.page_of(console.store, CaseChoice(shelves=(shelf,)), None, CASES_READ).case_ids
        if not case_ids:
            return []
        access.note(console.store, caller.actor, "page /host, addresses", case_ids)
        return address_history.of_cases(case_store.read_many(console.store, case_ids))

    return router


def _explained(record: HostRecord, url: str, met: ReferenceKind, look: situation.HostOnlooker) -> UrlExplanation:
    reported = [report.url for report in record.reports]
    reference = Reference(met, reported[0] if reported else None)
    return url_explanation.explain(url, record.scope, frozenset(reported), reference, look.at)
