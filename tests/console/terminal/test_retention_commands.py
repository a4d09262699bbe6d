"""`orbweaver retention`: what it says to people and to scripts; and what other commands say of a pseudonymised case."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from builders import transaction
from old_cases import DAY, PERSON, TO_CLOSED, TO_WITHDRAWN, add
from orbweaver.model import ExportFormat, now
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.takedown.audit import audit_log, records

Run = Callable[..., str]


def add_old(store: Store) -> str:
    """Write cases and accesses as they would be three years after NOON: all of it is due but for the last ones."""
    due = add(store, 1, *TO_CLOSED, reminders=2, days=-1_200)
    add(store, 2, *TO_WITHDRAWN, days=-1_200)
    waiting = add(store, 3, *TO_CLOSED, days=-1_200)
    store.hset(keys.undelivered(), text(store.lindex(keys.case_events(waiting), 0)), "run-1")
    add(store, 4, days=-1_200)
    for days in (500, 500, 450, 1):
        with transaction(store) as pipe:
            audit_log.note(pipe, records.of_access(PERSON, now() - days * DAY, "cases show", ["a case"]))
    return due


def test_what_is_due_is_shown_done_and_proved(run: Run, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPORTER_ORGANISATION", "Example Hotline")
    monkeypatch.setenv("REPORTER_CONTACT", "notice@hotline.example")
    case_id = add_old(store)
    shown = run("retention", "preview")
    assert shown == (
        "cases, 730 days after their last event: 2 cases due (1 closed, 1 withdrawn), with 8 events\n"
        "  not yet: 1 case: an event of it waits for its delivery, or is parked\n"
        "  pseudonymised before: 0 cases\n"
        "accesses in the audit log, after 365 days: 2 records due\n"
        "files without a match, after 90 days: deleted once a day by a match worker\n"
    )
    due = json.loads(run("retention", "preview", "--json"))["due"]
    assert (due["cases"], due["events"], due["accesses"]) == ({"closed": 1, "withdrawn": 1}, 8, 2)
    assert run("retention", "run") == (
        "pseudonymised: 2 cases, 8 events\n"
        "  not yet: 1 case: an event of it waits for its delivery, or is parked\n"
        "taken out of the audit log: 2 records of accesses\n"
    )
    again = json.loads(run("retention", "run", "--json"))
    assert again["done"] == {"cases": 0, "events": 0, "accesses": 0}
    assert again["limits"] == {
        "case_retention": 63_072_000,
        "access_retention": 31_536_000,
        "sighting_retention": 7_776_000,
    }
    assert "  pseudonymised before: 2 cases\n" in run("retention", "preview")
    said = run("audit", "verify")
    assert said.startswith("retention took 2 old records of accesses away, and pseudonymised 8 events\n")
    assert ": nothing was changed; " in said
    page = run("cases", "show", case_id)
    assert f"pseudonymised on {now():%Y-%m-%d}" in page
    assert "closed, and its last event was on 2022-11-17: CASE_RETENTION is 730 days" in page
    assert "secret" not in page
    for wanted in ExportFormat:
        refused = run("cases", "export", "--format", wanted.value, "--case", case_id)
        assert "refused: pseudonymised on " in refused
        assert refused.endswith("status 1")


def test_a_shorter_limit_takes_more_and_none_is_shorter_than_thirty_days(
    run: Run, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    days_ago = (now() - now().replace(year=2026, month=3, day=1)).days
    add(store, 1, *TO_CLOSED, days=days_ago - 40)
    assert ": 0 cases due\n" in run("retention", "preview")
    monkeypatch.setenv("CASE_RETENTION", "30d")
    assert ": 1 case due (1 closed), with 3 events\n" in run("retention", "preview")
    monkeypatch.setenv("CASE_RETENTION", "29d")
    with pytest.raises(Exception, match="CASE_RETENTION='29d'"):
        run("retention", "preview")
