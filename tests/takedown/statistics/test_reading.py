"""The clocks of every case are read from the store, also of those that an older release wrote."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from builders import NOON, STAMP, a_match, a_sighting, transaction
from orbweaver.model import CaseState, Hosting, Presence, Removal, format_time
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.transitions import change_by_match
from orbweaver.takedown.delivery import progress
from orbweaver.takedown.statistics import reading
from orbweaver.takedown.statistics.clocks import CaseClocks

HOUR = timedelta(hours=1)


def write(store: Store, *, was_opened: bool = True, left_out: tuple[str, ...] = (), **fields: Any) -> str:
    """Write a case with these fields, as a release wrote it that did not know the others."""
    case = change_by_match(a_sighting(), a_match(), None, STAMP).after.case.model_copy(update=fields)
    stored = {name: value for name, value in case.model_dump(mode="json").items() if name not in left_out}
    case_id = str(case.case_id)
    store.hset(keys.case(case_id), mapping={"json": json.dumps(stored), "was_opened": int(was_opened), "sequence": 1})
    store.zadd(keys.cases(), {case_id: 0})
    return case_id


def read(store: Store) -> CaseClocks:
    (clocks,) = reading.read_clocks(store)
    return clocks


def removal(**facts: Any) -> Removal:
    return Removal(presence=Presence.GONE, rule="r", reason="r", since=NOON, checked_at=NOON, **facts)


def test_a_case_has_its_clocks_its_hosting_and_what_became_of_it(store: Store) -> None:
    case = change_by_match(a_sighting(), a_match(), None, STAMP).after.case
    case_id = write(
        store,
        state=CaseState.REMOVED,
        received_at=NOON - HOUR,
        last_seen=NOON + HOUR,
        removal=removal(first_gone_at=NOON + 2 * HOUR, returns=2),
        hosting=Hosting(country="SE", asn=64496, provider="Ex", route="police"),
        verdict=case.verdict.model_copy(update={"category": "A", "scheme": "test"}),
    )
    with transaction(store) as pipe:
        progress.note_first_delivered(pipe, case_id, format_time(NOON))
        progress.note_acknowledged(pipe, case_id, format_time(NOON + HOUR))
    assert read(store) == CaseClocks(
        case_id=case_id,
        host="h.test",
        country="SE",
        asn=64496,
        provider="Ex",
        is_cdn=False,
        route="police",
        kind="test: A",
        state=CaseState.REMOVED,
        was_opened=True,
        received_at=NOON - HOUR,
        delivered_at=NOON,
        acknowledged_at=NOON + HOUR,
        last_live_at=NOON + HOUR,
        gone_at=NOON + 2 * HOUR,
        returns=2,
    )


def test_a_case_of_an_older_release_is_online_since_it_was_seen_first(store: Store) -> None:
    write(store, left_out=("hosting", "removal", "received_at", "state_since", "assessment"))
    clocks = read(store)
    assert (clocks.received_at, clocks.gone_at, clocks.provider, clocks.kind) == (NOON, None, None, None)
    assert clocks.is_raised


@pytest.mark.parametrize(
    ("state", "facts", "gone_at"),
    [
        # One check is no removal.
        (CaseState.OPEN, removal(first_gone_at=NOON + HOUR), None),
        (CaseState.CLOSED, removal(first_gone_at=NOON + HOUR), NOON + HOUR),
        # No facts of its checks: it was gone when it came into its state.
        (CaseState.REMOVED, None, NOON + 5 * HOUR),
    ],
)
def test_a_file_is_gone_when_its_removal_was_confirmed(
    store: Store, state: CaseState, facts: Removal | None, gone_at: Any
) -> None:
    write(store, state=state, removal=facts, state_since=NOON + 5 * HOUR)
    assert read(store).gone_at == gone_at


def test_a_case_that_was_never_open_is_not_raised(store: Store) -> None:
    write(store, state=CaseState.HELD, was_opened=False)
    assert not read(store).is_raised


def test_every_case_is_read_once_in_bounded_slices(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "SLICE", 50)
    with transaction(store) as pipe:
        for number in range(220):
            sighting = a_sighting(url=f"http://h.test/{number}.bin", minutes=number)
            case_store.write(pipe, change_by_match(sighting, a_match(), None, STAMP))
    slices = reading.read_clocks(store)
    first = next(slices)
    # A list says meanwhile that the newest file was there long before: its place is another one now.
    newest = store.execute_command("ZRANGE", keys.cases(), -1, -1)[0]
    store.zadd(keys.cases(), {newest: 0})
    found = [first, *slices]
    assert len(found) == len({clocks.case_id for clocks in found}) == 220


def test_a_case_that_cannot_be_read_is_said_and_left_out(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    case_id = write(store)
    store.hset(keys.case("broken"), mapping={"json": '{"state": "of a later release"}', "was_opened": 1})
    store.zadd(keys.cases(), {"broken": 0})
    assert read(store).case_id == case_id
    assert caplog.messages == ["case broken cannot be read: it is in no number"]
