"""Every event of a case says where its address is hosted and who is told, and a file that moves has an event."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from address_databases import COUNTRIES, NETWORKS, write_database
from builders import a_sighting, add_batch, build_list, digests_of, work
from orbweaver.model import Case, Event, EventType
from orbweaver.queue.queues import QueueName
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.takedown.cases import case_store


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MATCHER_URL", build_list(tmp_path / "list.hashes", [digests_of(b"known").sha256]))
    monkeypatch.setenv("ROUTES", "SE=police, *=inhope")
    monkeypatch.setenv("GEO_COUNTRY_DB", str(write_database(tmp_path / "c.mmdb", COUNTRIES)))
    monkeypatch.setenv("GEO_ASN_DB", str(write_database(tmp_path / "a.mmdb", NETWORKS, kind="Test-ASN")))
    monkeypatch.setenv("TAKEDOWN_SINKS", f"jsonl:{tmp_path}/events")
    return tmp_path


def see(store: Store, ip: str | None, *, hours: int) -> Case:
    sighting = a_sighting(minutes=hours * 60).model_copy(update={"ip": ip})
    add_batch(store, sighting)
    work(store, QueueName.MATCH)
    (case,) = case_store.all_cases(store)
    return case


def events_of(store: Store, case: Case) -> list[Event]:
    event_ids = map(text, store.lrange(keys.case_events(str(case.case_id)), 0, -1))
    return [Event.model_validate_json(store.hget(keys.event(event_id), "json") or b"") for event_id in event_ids]


def test_a_case_says_where_its_address_is_and_an_event_when_the_file_has_moved(store: Store, settings: Path) -> None:
    case = see(store, "192.0.2.1", hours=0)
    assert case.hosting is not None
    assert (case.hosting.country, case.hosting.asn, case.hosting.route) == ("SE", 64496, "police")

    case = see(store, "192.0.2.7", hours=1)  # another server of the same provider
    assert (case.ip, [event.type for event in events_of(store, case)]) == ("192.0.2.7", [EventType.OPENED])

    case = see(store, "198.51.100.1", hours=2)
    opened, moved = events_of(store, case)
    assert opened.case.hosting is not None
    assert opened.case.hosting.route == "police"
    assert (moved.type, moved.reason, moved.at) == (EventType.MOVED, "another provider", case.last_seen)
    assert moved.case == case
    assert case.hosting is not None
    assert (case.hosting.country, case.hosting.asn, case.hosting.route) == ("NL", 64497, "inhope")
    assert sorted(case.hosting.also_at) == ["192.0.2.1", "192.0.2.7"]
    assert moved.evidence is not None
    assert moved.evidence.facts == {
        "ip_before": "192.0.2.7",
        "asn_before": "64496",
        "provider_before": "Example Hosting",
        "country_before": "SE",
        "route_before": "police",
    }
    assert moved.evidence.sighting is not None
    assert moved.evidence.sighting.ip == "198.51.100.1"
    # The engine gets it.
    assert {str(event.event_id) for event in (opened, moved)} == set(map(text, store.hkeys(keys.undelivered())))

    assert len(events_of(store, see(store, "192.0.2.1", hours=3))) == 2  # the first one of both addresses of the host
    late = see(store, None, hours=4)  # through a proxy
    assert late.hosting is not None
    assert late.hosting.country == "SE"


def test_an_older_sighting_moves_nothing(store: Store, settings: Path) -> None:
    see(store, "192.0.2.1", hours=5)
    case = see(store, "198.51.100.1", hours=1)
    assert (case.ip, len(events_of(store, case))) == ("192.0.2.1", 1)
    assert case.last_seen - case.first_seen == timedelta(hours=4)


def test_a_database_that_breaks_stops_no_match(store: Store, settings: Path) -> None:
    (settings / "c.mmdb").write_bytes(b"no database")
    (settings / "a.mmdb").unlink()
    case = see(store, "192.0.2.1", hours=0)
    assert case.hosting is not None
    assert json.loads(case.hosting.model_dump_json()) == {
        "country": None,
        "asn": None,
        "provider": None,
        "is_cdn": False,
        "route": "inhope",
        "sources": [],
        "also_at": {},
    }
