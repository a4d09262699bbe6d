"""Brings events to one sink: one lane after the other, each in its order, each event at least once.

Between any two of its steps it may be killed. The event is in the outbox until every sink has taken it, so another
courier goes on: when the lease of the lane is over, at the latest. A crash between a sink's yes and its mark delivers
the event twice; its id is the engine's idempotency key.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from orbweaver.model import Event, format_time, now
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.store.errors import StoreUnfit
from orbweaver.takedown.delivery import backoff, lanes, outbox, progress, sink_states
from orbweaver.takedown.delivery.confirmed import Confirmed
from orbweaver.takedown.delivery.lanes import NEVER, REASON_CHARACTERS, Failing, Lane, LaneEvent
from orbweaver.takedown.delivery.sink_states import SinkState
from orbweaver.takedown.delivery.sinks.protocol import Sink
from orbweaver.takedown.errors import EventRefused, NotDelivered, SinkGone
from pydantic import ValidationError
from redis.exceptions import WatchError

if TYPE_CHECKING:
    from redis.client import Pipeline

log = logging.getLogger("orbweaver.worker")
# While the store's disk does not confirm, a courier asks again after so long.
UNCONFIRMED_SECONDS = 5.0


class Courier:
    """Brings events to `sink`, one of `sinks`, the names of all that are in force.

    `is_in_force` says whether they still are; a pipeline that it is given watches `keys.in_force()`.
    """

    def __init__(
        self,
        store: Store,
        sink: Sink,
        sinks: Sequence[str],
        is_in_force: Callable[[Store | Pipeline], bool],
        *,
        replicas: int = 0,
        clock: Callable[[Store], float] = lanes.server_seconds,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.name = sink.name
        self._store = store
        self._sink = sink
        self._others = tuple(one for one in sinks if one != sink.name)
        self._is_in_force = is_in_force
        self._clock = clock
        self._draw = draw
        self._confirmed = Confirmed(store, sink.name, replicas)

    def close(self) -> None:
        """Close the connections of the sink."""
        self._sink.close()

    def step(self) -> bool:
        """Serve the lane that is due next; False when none is, or the sink is left alone for now. Raises RedisError."""
        if not self._is_in_force(self._store):
            return False
        at = self._clock(self._store)
        state = sink_states.state_of(self._store, self.name)
        if state is None:
            sink_states.note_sinks(self._store, [self.name], at)
            state = SinkState(added_at=at)
        if state.next_at > at:
            return False
        lane = lanes.claim(self._store, self.name, at)
        if lane is None:
            return False
        try:
            if self._serve(lane):
                return True  # and the lane is given back
        except StoreUnfit as error:
            log.warning("nothing is delivered until the store confirms what it has: %s", error)
            lanes.wait_until(self._store, self.name, [lane.event_id], at + UNCONFIRMED_SECONDS)
            lanes.release(self._store, lane)
            return False
        lanes.release(self._store, lane)
        return True

    def _serve(self, lane: Lane) -> bool:
        """Deliver what a lane has, until nothing is left of it or an event fails; whether that gave the lane back.

        What comes into the lane meanwhile waits for the sink by itself, and is looked at next.
        """
        while True:
            events = lanes.left(self._store, lane)
            ids = [one.event_id for one in events]
            if lane.event_id not in ids and len(ids) < lanes.LANE_EVENTS:
                lanes.drop(self._store, self.name, lane.event_id)  # it has been delivered
            if not events:
                return False
            for place, event in enumerate(events):
                blocked = self._blocked_until(event.event_id)
                if blocked is not None:
                    lanes.wait_until(self._store, self.name, ids[place:], blocked)
                    return False
                self._confirmed.require(event.event_id)
                refusal = self._hand_over(event)
                if refusal is not None:
                    self._note_failure(event.event_id, refusal, ids[place + 1 :])
                    return False
                is_end = place + 1 == len(events) < lanes.LANE_EVENTS
                if not self._note_taken(lane, event.event_id, is_end=is_end) or is_end:
                    return True

    def _blocked_until(self, event_id: str) -> float | None:
        """Return until when an event that failed is not tried, and so nothing after it; None when it may be."""
        if lanes.failing(self._store, self.name, event_id) is None:
            return None
        due = lanes.due(self._store, self.name, event_id)
        return due if due is not None and due > self._clock(self._store) else None

    def _hand_over(self, event: LaneEvent) -> NotDelivered | None:
        """Give an event to the sink; returns why it did not take it, None when it did."""
        try:
            self._sink.deliver(Event.model_validate_json(event.stored))
        except NotDelivered as error:
            return error
        except ValidationError as error:
            return EventRefused(f"the stored event cannot be read ({error.error_count()} faults)")
        except Exception as error:  # a fault of one sink must not end the deliveries to it
            log.exception("the sink %s failed otherwise than a sink should", self.name)
            return NotDelivered(f"the sink failed: {type(error).__name__}")
        return None

    def _note_taken(self, lane: Lane, event_id: str, *, is_end: bool) -> bool:
        """Mark an event as taken, which all others wait for; False when another courier has the lane by now.

        The last sink in force that takes an event takes it out of the outbox. `is_end` gives the lane back.
        """
        key = keys.event(event_id)
        first = progress.first_delivered_before(self._store, lane.case_id)
        while True:
            with self._store.pipeline(transaction=True) as pipe:
                pipe.watch(lanes.lane_key(lane.sink, lane.case_id), key, keys.in_force())
                is_ours = lanes.has(pipe, lane)
                have_others = all(pipe.hmget(key, list(self._others))) if self._others else True
                is_complete = have_others and self._is_in_force(pipe)
                state = sink_states.state_of(self._store, self.name)
                pipe.multi()
                at = format_time(now())
                pipe.hset(key, self.name, at)
                progress.note_first_delivered(pipe, lane.case_id, first or at)
                lanes.note_taken(pipe, self.name, event_id)
                if is_complete:
                    outbox.take_out(pipe, event_id)
                if is_ours and is_end:
                    lanes.give_back(pipe, lane)
                elif is_ours:
                    lanes.renew(pipe, lane)
                if state is not None and state.failures:
                    sink_states.write_state(pipe, self.name, SinkState(added_at=state.added_at))
                try:
                    pipe.execute()
                except WatchError:
                    continue
            if state is not None and state.is_down:
                self._note_back()
            return is_ours

    def _note_back(self) -> None:
        """Try what failed while the sink was down at once: it was not the fault of these events."""
        log.warning("the sink %s takes events again", self.name)
        failed = [event_id for event_id, one in lanes.all_failing(self._store, self.name) if not one.is_parked]
        lanes.make_due(self._store, self.name, self._clock(self._store), failed)

    def _note_failure(self, event_id: str, refusal: NotDelivered, behind: Sequence[str]) -> None:
        """Write that the sink did not take an event: when it, and what comes after it, is tried again.

        A sink that refuses this event alone is there, and the time that it asks for is about this event; else the sink
        is given the time, within bounds.
        """
        at = self._clock(self._store)
        before = lanes.failing(self._store, self.name, event_id)
        state = sink_states.state_of(self._store, self.name) or SinkState(added_at=at)
        said = " ".join(str(refusal).split())[:REASON_CHARACTERS]
        asked = backoff.asked_for(refusal.retry_after)
        tries, since = (1, at) if before is None else (before.tries + 1, before.since)
        due = backoff.next_try_of_event(tries, since, at, self._draw())
        due = None if due is None else max(due, at + asked)
        is_gone, is_there = isinstance(refusal, SinkGone), isinstance(refusal, EventRefused)
        failures = state.failures + (before is None and not is_there)
        failures = max(failures, int(is_gone))
        after = SinkState(
            added_at=state.added_at,
            failures=failures,
            since=at if state.since is None else state.since,
            next_at=max(
                backoff.next_try_of_sink(failures, at, self._draw(), is_gone=is_gone), at + (0 if is_there else asked)
            ),
            reason=said,
            is_gone=is_gone,
        )
        with self._store.pipeline(transaction=True) as pipe:
            failed = Failing(tries, since, at, said, is_parked=due is None)
            lanes.note_failure(pipe, self.name, event_id, failed, NEVER if due is None else due)
            sink_states.write_state(pipe, self.name, after)
            pipe.execute()
        lanes.wait_until(self._store, self.name, behind, NEVER if due is None else due)
        if due is None:
            log.warning("event %s is parked: %s did not take it for three days: %s", event_id, self.name, said)
        elif is_gone and not state.is_gone:
            log.warning(
                "the sink %s says that it is gone for good, and gets nothing but a try now and then: %s",
                self.name,
                said,
            )
        elif after.is_down and not state.is_down:
            log.warning("the sink %s is down, and is tried again from time to time: %s", self.name, said)
        elif before is None and not state.failures:
            log.warning("the sink %s did not take an event, which is tried again: %s", self.name, said)
