"""What a worker adds to sightings: no crawl process can say it in its place."""

from __future__ import annotations

from datetime import timedelta

from builders import NOON, STAMP, a_match, a_sighting
from orbweaver import __version__
from orbweaver.model import Report
from orbweaver.queue.records import provenance, retained
from orbweaver.takedown.cases.transitions import change_by_match


def test_a_sighting_says_when_its_first_report_was_received_and_who_fetched_it_in_which_sandbox() -> None:
    reports = [
        Report(url="http://h.test/", report_id=name, received_at=NOON + timedelta(days=days))
        for name, days in (("a", 3), ("a", 2), ("b", 1), ("c", 0))
    ]
    received = provenance.first_receipts([*reports, Report(url="http://h.test/", report_id="d")])
    enforced = {"is_on": True, "landlock_abi": 4, "layers": ["landlock", "seccomp"]}
    told = a_sighting(report_ids=("a", "b")).model_copy(update={"software": "a lie", "received_at": NOON})
    made, linked = provenance.completed(
        [told, a_sighting(report_ids=("d",))], received, provenance.sandbox_in_words(enforced)
    )
    assert (made.received_at, linked.received_at) == (NOON + timedelta(days=1), None)
    assert (made.software, made.sandbox) == (f"orbweaver {__version__}", "on, Landlock ABI 4: landlock, seccomp")
    opened = change_by_match(made, a_match(), None, STAMP)
    assert opened.event is not None
    assert opened.event.evidence is not None
    assert opened.event.evidence.sighting is not None
    assert opened.event.evidence.sighting.sandbox == made.sandbox
    earlier = a_sighting(minutes=1).model_copy(update={"received_at": NOON})
    again = change_by_match(earlier, a_match(), opened.after, STAMP).after.case
    later = change_by_match(made, a_match(), opened.after, STAMP).after.case
    assert (opened.after.case.received_at, again.received_at, later.received_at) == (
        NOON + timedelta(days=1),
        NOON,
        NOON + timedelta(days=1),
    )
    assert provenance.sandbox_in_words({"is_on": False}) == "off"
    # of ten million retained sightings each byte counts
    assert len(retained.pack(made)) == len(retained.pack(a_sighting(report_ids=("a", "b"))))


def test_a_report_without_an_id_is_known_by_its_url_and_what_it_led_to_when_all_such_were_received_at_once() -> None:
    url, other = "http://h.test/a.bin", "http://h.test/linked.bin"
    late = Report(url="http://h.test/z", received_at=NOON + timedelta(days=5))
    named = Report(url=url, report_id="a", received_at=NOON - timedelta(days=9))

    def received_at(*reports: Report) -> list[object]:
        sightings = [a_sighting(), a_sighting(url=other), a_sighting(report_ids=("b",))]
        made = provenance.completed(sightings, provenance.first_receipts(reports), None)
        return [one.received_at for one in made]

    one = Report(url=url, received_at=NOON)
    assert received_at(one, named) == [NOON, NOON, None]
    assert received_at(one, Report(url=url, received_at=NOON + timedelta(days=1)), named) == [NOON, None, None]
    assert received_at(one, late) == [NOON, None, None]
    assert received_at(one, Report(url="http://h.test/y")) == [NOON, None, None]
    assert received_at(named) == [None, None, None]
