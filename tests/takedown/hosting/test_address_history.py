"""The addresses of a host's cases are told with when each was seen, the newest first."""

from __future__ import annotations

from datetime import timedelta

from builders import NOON, STAMP, a_match, a_sighting
from orbweaver.model import Case, Hosting
from orbweaver.takedown.cases.transitions import change_by_match
from orbweaver.takedown.hosting import address_history
from orbweaver.takedown.hosting.address_history import AddressSeen


def a_case(ip: str | None, days: int, hosting: Hosting | None = None) -> Case:
    case = change_by_match(a_sighting(), a_match(), None, STAMP).after.case
    return case.model_copy(update={"ip": ip, "last_seen": NOON + timedelta(days=days), "hosting": hosting})


def test_each_address_is_told_with_its_times_and_what_the_newest_case_says_of_it() -> None:
    old = Hosting(country="NL", asn=1, provider="Old")
    new = Hosting(country="SE", asn=2, provider="New", also_at={"192.0.2.9": NOON + timedelta(days=4)})
    cases = [a_case("192.0.2.1", 1, old), a_case("192.0.2.1", 5, new), a_case("192.0.2.2", 3), a_case(None, 7)]
    first, last = NOON + timedelta(days=1), NOON + timedelta(days=5)
    assert address_history.of_cases(cases) == [
        AddressSeen("192.0.2.1", 2, first, last, "SE", 2, "New"),
        AddressSeen("192.0.2.9", 1, NOON + timedelta(days=4), NOON + timedelta(days=4)),
        AddressSeen("192.0.2.2", 1, NOON + timedelta(days=3), NOON + timedelta(days=3)),
    ]
    assert address_history.of_cases([]) == []
