"""On which terms a host with cases is re-checked: those of the recrawl that found them, and how they were reported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orbweaver.model import Noun, Report, Scope, Sighting
from orbweaver.queue.hosts import host_store
from orbweaver.queue.hosts.host_record import HostRecord
from orbweaver.queue.records import recrawls
from orbweaver.store import keys
from orbweaver.store.connection import Store
from pydantic import ValidationError

# Longer than the longest probation.
KEPT_SECONDS: Final = 180 * 24 * 3600
MOST_REPORTS: Final = 100


class RecheckTerms(Noun):
    """The scope of the recrawl that saw files of cases on a host last, and the reports that led to them."""

    scope: Scope
    reports: tuple[Report, ...] = ()


def note(store: Store, recrawl_id: str | None, sightings: Sequence[Sighting]) -> None:
    """Keep the terms on which a recrawl found known files, before cases are made of them.

    The newest scope counts. A re-check changes no terms.
    """
    record = recrawls.read(store, recrawl_id) if recrawl_id is not None and sightings else None
    if record is None or record.order.recheck is not None:
        return
    by_host: dict[str, list[Sighting]] = {}
    for one in sightings:
        by_host.setdefault(one.host, []).append(one)
    for host, seen in by_host.items():
        ids, urls = {report_id for one in seen for report_id in one.report_ids}, {one.url for one in seen}
        reports = tuple(one for one in record.order.reports if one.report_id in ids or one.url in urls)
        before = read(store, host)
        both = _distinct((*reports, *(() if before is None else before.reports)))
        terms = RecheckTerms(scope=record.order.scope, reports=both[:MOST_REPORTS])
        store.set(keys.recheck_terms(host), terms.model_dump_json(exclude_defaults=True), ex=KEPT_SECONDS)


def read(store: Store, host: str) -> RecheckTerms | None:
    """Read the terms of a host, None when there are none, or none that can be read; from now on they are kept anew."""
    stored = store.getex(keys.recheck_terms(host), ex=KEPT_SECONDS)
    try:
        return None if stored is None else RecheckTerms.model_validate_json(stored)
    except ValidationError:
        return None


def record_of(store: Store, host: str, terms: RecheckTerms | None) -> HostRecord | None:
    """Return the record by which operators decide about a host, or its site; None when it is not revisited.

    Raises HostUnreadable.
    """
    for name in dict.fromkeys((*([] if terms is None else [terms.scope.name]), host)):
        record = host_store.read_record_of(store, name)
        if record is not None:
            return record
    return None


def current(terms: RecheckTerms | None, record: HostRecord | None) -> RecheckTerms | None:
    """Return the terms as operators have them now: the record of a host goes before what a recrawl had. Pure."""
    if record is None:
        return terms
    return RecheckTerms(scope=record.scope, reports=_distinct((*(terms.reports if terms else ()), *record.reports)))


def _distinct(reports: Sequence[Report]) -> tuple[Report, ...]:
    return tuple({one.model_copy(update={"line": None}).model_dump_json(): one for one in reports}.values())
