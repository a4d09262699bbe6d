"""`orbweaver deliveries`: how deliveries to each sink stand, for people and as JSON, and having them tried again."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from orbweaver.console.terminal import confirmation
from orbweaver.console.text import count, reason_for_people, report_console, safe
from orbweaver.model import format_time
from orbweaver.queue.records import deliveries
from orbweaver.settings import Settings
from orbweaver.store.connection import Store
from orbweaver.store.opening import open_existing
from orbweaver.takedown.delivery import progress, redelivery, standing
from orbweaver.takedown.delivery.standing import EventProgress, FailedDelivery, SinkStanding, SinkWord
from orbweaver.takedown.errors import DeliveryUnknown
from rich.table import Table

# A person reads so many; --json has them all.
EVENTS_SHOWN = 100
_WORDS = {
    SinkWord.FAILING: "did not take an event",
    SinkWord.DOWN: "down",
    SinkWord.GONE: "gone for good, as it says itself,",
}


def show_all(settings: Settings, *, is_json: bool) -> None:
    """Print each sink that is in force, and the events that it did not take; raises StoreError, NoStore among them."""
    with open_existing(settings) as store:
        names = deliveries.sinks_of(store)
        sinks = standing.sinks(store, names)
        if is_json:
            events = [_event_as_json(one) for one in standing.failed(store, names)]
            _print_json({"sinks": [_sink_as_json(one) for one in sinks], "events": events})
            return
        console = report_console(markup=False)
        if not sinks:
            console.print("no event was ever to be delivered from this store")
        for one in sinks:
            console.print(_sink_in_words(one), soft_wrap=True)
        shown = list(islice(standing.failed(store, names), EVENTS_SHOWN))
        if shown:
            table = Table("event", "case", "tries", "since (UTC)", "next (UTC)", box=None, pad_edge=False)
            for failed in shown:
                next_try = "parked" if failed.failing.is_parked else _utc(failed.next_at)
                table.add_row(
                    safe(failed.event_id),
                    safe(failed.case_id or "-"),
                    str(failed.failing.tries),
                    _utc(failed.failing.since),
                    next_try,
                )
            console.print(table)
            for failed in shown:
                console.print(f"{safe(failed.event_id)}: {reason_for_people(failed.failing.reason)}", soft_wrap=True)
        left = sum(one.failed for one in sinks) - len(shown)
        if left > 0:
            console.print(f"{count(left, 'more failed event')}, see --json")


def show_one(settings: Settings, named: str, *, is_json: bool) -> None:
    """Print how far the events of a case are; raises DeliveryUnknown, StoreError."""
    with open_existing(settings) as store:
        case_id, events = standing.of_case(store, named, deliveries.sinks_of(store))
        clocks = progress.clocks_of(store, [case_id])[case_id]
        times = {
            "first_delivered_at": None if clocks.first_delivered_at is None else format_time(clocks.first_delivered_at),
            "acknowledged_at": None if clocks.acknowledged_at is None else format_time(clocks.acknowledged_at),
        }
        if is_json:
            _print_json({"case": case_id, **times, "events": [_progress_as_json(one) for one in events]})
            return
        console = report_console(markup=False)
        console.print(f"case {case_id}")
        console.print(f"first delivered {times['first_delivered_at'] or 'not yet'}")
        console.print(f"acknowledged {times['acknowledged_at'] or 'not yet'}")
        for one in events:
            console.print(f"{one.sequence} {one.kind} {safe(one.event_id)}, recorded {one.recorded_at or '-'}")
            if not one.is_for_engine:
                console.print("  not for the engine")
                continue
            for at in one.sinks:
                if at.taken_at is not None:
                    said = f"taken {at.taken_at}"
                elif at.is_parked:
                    said = "parked"
                else:
                    said = f"is tried from {_utc(at.next_at)} UTC on" if at.next_at is not None else "not sent"
                why = "" if at.reason is None else f": {reason_for_people(at.reason)}"
                console.print(f"  {safe(at.sink)}: {said}{why}", soft_wrap=True)


def retry(settings: Settings, sink: str | None, case_id: str | None, *, is_json: bool) -> None:
    """Have what waits tried now; raises DeliveryUnknown for a sink or a case that is not there."""
    with open_existing(settings) as store:
        sinks = _chosen(store, sink)
        event_ids = None
        if case_id is not None:
            _, events = standing.of_case(store, case_id, sinks)
            event_ids = [one.event_id for one in events]
        number = redelivery.retry(store, sinks, event_ids)
    _say(number, "to be tried now", is_json=is_json)


def send_again(
    settings: Settings, sink: str, case_id: str | None, *, is_all: bool, is_yes: bool, is_json: bool
) -> None:
    """Have a sink get events once more, or those that it never got; raises DeliveryUnknown, NothingToDo."""
    with open_existing(settings) as store:
        [name] = _chosen(store, sink)
        if case_id is None:
            chosen = list(redelivery.cases_with_missing(store, name))
            confirmation.require_yes(len(chosen), "case", "sent", chosen[0] if chosen else "", is_yes=is_yes)
        else:
            chosen = [standing.of_case(store, case_id, [])[0]]
        number = sum(redelivery.send_again(store, name, one, is_all=is_all) for one in chosen)
    _say(number, "to be sent again" if is_all else "to be sent", is_json=is_json)


def _chosen(store: Store, sink: str | None) -> Sequence[str]:
    names = deliveries.sinks_of(store)
    if sink is None:
        return names
    if sink not in names:
        raise DeliveryUnknown(f"no event goes to the sink {safe(sink[:200])}: `orbweaver deliveries list` names those")
    return [sink]


def _say(number: int, done: str, *, is_json: bool) -> None:
    if is_json:
        _print_json({"deliveries": number, "done": done})
    else:
        words = "1 delivery is" if number == 1 else f"{number:,} deliveries are"
        by = ", by a takedown worker" if number else ""
        report_console(markup=False).print(f"{words} {done}{by}")


def _print_json(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


def _sink_in_words(one: SinkStanding) -> str:
    counted = f"{count(one.waiting, 'event')} to deliver"
    if one.failed:
        counted += f", {one.failed:,} failed"
    if one.parked:
        counted += f", {one.parked:,} parked (`orbweaver deliveries retry` has them tried)"
    if one.word is SinkWord.WELL:
        return f"{safe(one.sink)}: {counted}"
    why = reason_for_people(one.reason or "")
    word = _WORDS[one.word]
    return f"{safe(one.sink)}: {word} since {_utc(one.since)} UTC ({why}); {counted}"


def _sink_as_json(one: SinkStanding) -> dict[str, Any]:
    return {
        "sink": one.sink,
        "state": one.word.value,
        "waiting": one.waiting,
        "failed": one.failed,
        "parked": one.parked,
        "added_at": _rfc(one.added_at),
        "since": _rfc(one.since),
        "next_at": _rfc(one.next_at),
        "reason": one.reason,
    }


def _event_as_json(one: FailedDelivery) -> dict[str, Any]:
    return {
        "sink": one.sink,
        "event": one.event_id,
        "case": one.case_id,
        "tries": one.failing.tries,
        "since": _rfc(one.failing.since),
        "last": _rfc(one.failing.at),
        "next": _rfc(one.next_at),
        "is_parked": one.failing.is_parked,
        "reason": one.failing.reason,
    }


def _progress_as_json(one: EventProgress) -> dict[str, Any]:
    return {
        "event": one.event_id,
        "sequence": one.sequence,
        "type": one.kind,
        "recorded_at": one.recorded_at,
        "is_for_engine": one.is_for_engine,
        "sinks": [
            {
                "sink": at.sink,
                "taken_at": at.taken_at,
                "next": _rfc(at.next_at),
                "is_parked": at.is_parked,
                "reason": at.reason,
            }
            for at in one.sinks
        ],
    }


def _rfc(seconds: float | None) -> str | None:
    return None if seconds is None else format_time(datetime.fromtimestamp(seconds, UTC))


def _utc(seconds: float | None) -> str:
    return "-" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"
