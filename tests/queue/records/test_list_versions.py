"""Which list is wanted, new or late: a pure decision."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from orbweaver.queue.records.list_versions import Versions

LIST = "hashlist:/list"
MONDAY, TUESDAY, FRIDAY = (datetime(2026, 6, day, tzinfo=UTC) for day in (1, 2, 5))


def wanted(*versions: tuple[str, datetime | None]) -> Versions:
    """Return what is known after these versions were wanted, one after the other."""
    known = Versions()
    for version, built_at in versions:
        known = known.with_wanted({LIST: version}, {} if built_at is None else {LIST: built_at})
    return known


@pytest.mark.parametrize(
    ("known", "version", "built_at", "is_late"),
    [
        (wanted(), "a", MONDAY, False),
        (wanted(("a", MONDAY)), "a", MONDAY, False),
        (wanted(("a", MONDAY)), "a", TUESDAY, False),  # the same content, built anew
        (wanted(("a", MONDAY)), "b", TUESDAY, False),
        (wanted(("a", MONDAY)), "never seen", datetime(2026, 5, 1, tzinfo=UTC), True),
        (wanted(("a", MONDAY), ("b", TUESDAY)), "a", MONDAY, True),
        (wanted(("a", MONDAY), ("b", TUESDAY)), "a", FRIDAY, False),  # built anew from what it was before
        # A run went back to the list of Monday: that of Tuesday is what somebody forgot.
        (wanted(("a", MONDAY), ("b", TUESDAY), ("a", MONDAY)), "b", TUESDAY, True),
        (wanted(("a", MONDAY), ("b", TUESDAY), ("a", MONDAY)), "c", FRIDAY, False),
        # A service that does not say when its list was built.
        (wanted(("a", None)), "b", None, False),
        (wanted(("a", None), ("b", None)), "a", None, True),
        (wanted(("a", None), ("b", None), ("a", None)), "a", None, False),
        (wanted(("a", None), ("b", None), ("a", None)), "b", None, True),
        (wanted(("a", MONDAY), ("b", None)), "a", None, True),
    ],
)
def test_a_list_is_late_when_it_is_older_or_was_replaced(
    known: Versions, version: str, built_at: datetime | None, is_late: bool
) -> None:
    assert known.is_late(LIST, version, built_at) is is_late


def test_another_service_keeps_its_version() -> None:
    known = wanted(("a", MONDAY)).with_wanted({"https://other.test": "1"}, {})
    assert known.wanted == {LIST: "a", "https://other.test": "1"}
    assert known.newest == {LIST: "2026-06-01T00:00:00.000Z"}


def test_what_is_remembered_is_bounded() -> None:
    known = wanted(*((str(number), None) for number in range(500)))
    assert len(known.superseded[LIST]) == 50
    assert known.superseded[LIST][-1] == "498"
