"""Which cases an analyst's list shows, and in which order: what is chosen in a form or a link, and what it means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from urllib.parse import parse_qsl, urlencode

from orbweaver.console.errors import FormUnusable
from orbweaver.console.web.translation import to_translate
from orbweaver.crawler.errors import UrlRefused
from orbweaver.crawler.rules import urls
from orbweaver.model import CaseState
from orbweaver.takedown.cases import case_entries
from orbweaver.takedown.cases.case_index import CaseChoice

# Annual reports of hotlines count what is removed within three days, and what takes longer.
SLOW_AFTER: Final = timedelta(days=3)


class CasesShown(StrEnum):
    """The lists of an analyst."""

    HELD = "held"
    UNREVIEWED = "unreviewed"
    OPEN = "open"
    REOPENED = "reopened"
    SLOW = "slow"
    REMOVED = "removed"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"
    ALL = "all"


class CaseAge(StrEnum):
    """For how long a case is there: since its first sighting; a held or slow one since it is held, or open."""

    ANY = ""
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    OLDER = "older"


_SPANS: Final = {
    CaseAge.DAY: timedelta(days=1),
    CaseAge.WEEK: timedelta(days=7),
    CaseAge.MONTH: timedelta(days=30),
    CaseAge.OLDER: timedelta(days=30),
}
_SHELVES: Final[Mapping[CasesShown, tuple[str, ...]]] = {
    CasesShown.HELD: (),
    CasesShown.UNREVIEWED: (case_entries.UNREVIEWED,),
    CasesShown.OPEN: (case_entries.state_shelf(CaseState.OPEN),),
    CasesShown.REOPENED: (case_entries.REOPENED,),
    CasesShown.SLOW: (case_entries.OPEN_SINCE,),
    CasesShown.REMOVED: (case_entries.state_shelf(CaseState.REMOVED),),
    CasesShown.WITHDRAWN: (case_entries.state_shelf(CaseState.WITHDRAWN),),
    CasesShown.CLOSED: (case_entries.state_shelf(CaseState.CLOSED),),
    CasesShown.ALL: (),
}


@dataclass(frozen=True)
class CaseFilter:
    """The choice of a person. `provider`, `country` and `list` are shelves of the index, `host` is as it was typed."""

    show: CasesShown = CasesShown.HELD
    host: str = ""
    provider: str = ""
    country: str = ""
    list: str = ""
    age: CaseAge = CaseAge.ANY
    order: str = ""

    def choice(self, at: datetime) -> CaseChoice:
        """Return which cases that means at a time. Raises FormUnusable for a host that is none."""
        shelves = [*_SHELVES[self.show], *filter(None, (self.provider, self.country, self.list))]
        if self.host:
            shelves.append(case_entries.host_shelf(_hostname(self.host)))
        since, before = None, None
        if self.age is CaseAge.OLDER:
            before = at - _SPANS[self.age]
        elif self.age is not CaseAge.ANY:
            since = at - _SPANS[self.age]
        if self.show is CasesShown.SLOW:
            before = min(before or at, at - SLOW_AFTER)
        is_oldest_first = self.order == "oldest" or self.show is CasesShown.SLOW
        return CaseChoice(tuple(shelves), since, before, is_oldest_first=is_oldest_first)

    def query(self, **changes: str) -> str:
        """Return the filter as the query of a link, with changes and what else the link says."""
        said = {one.name: str(getattr(self, one.name)) for one in fields(self)} | changes
        return urlencode({name: value for name, value in said.items() if value})


def filter_of(said: Mapping[str, str]) -> CaseFilter:
    """Read a filter from the query of a request. Raises FormUnusable for a value that is none of the choices."""
    given = {one.name: said.get(one.name, "").strip()[:300] for one in fields(CaseFilter)}
    try:
        show, age = CasesShown(given["show"] or CasesShown.HELD), CaseAge(given["age"])
    except ValueError:
        raise FormUnusable(to_translate("This list of cases does not exist: choose one of the form.")) from None
    for kind in ("provider", "country", "list"):
        if given[kind] and not given[kind].startswith(f"{kind}/"):
            raise FormUnusable(to_translate("This choice does not exist: choose one of the form."))
    if given["order"] not in {"", "oldest"}:
        raise FormUnusable(to_translate("This order does not exist: choose one of the form."))
    return replace(CaseFilter(**given), show=show, age=age)  # type: ignore[arg-type]


def filter_of_query(written: str) -> CaseFilter:
    """Read a filter from the query of a link, as `query` writes it. Raises FormUnusable."""
    try:
        return filter_of(dict(parse_qsl(written[:2_000], max_num_fields=20)))
    except ValueError:
        raise FormUnusable(to_translate("This list of cases does not exist: choose one of the form.")) from None


def _hostname(written: str) -> str:
    """Return the host that is meant, without port: as it was pasted, defanged too."""
    plain = urls.refang(written)
    try:
        return urls.hostname_of(urls.canonicalise(plain if "://" in plain else f"http://{plain}"))
    except UrlRefused:
        raise FormUnusable(to_translate("This is no name of a host, and no address.")) from None
