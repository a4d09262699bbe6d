"""Brings events to one sink: one lane after the other, each in its order, each event at least once.

Between any two of its steps it may be killed. The event is in the outbox until every sink has taken it, so another
courier goes on: when the lease of the lane is over, at the latest. A crash between a sink's yes and its mark delivers
the event twice; its id is the engine's idempotency key.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence

from orbweaver.model import Event, format_time, now
from orbweaver.store import keys, reads
from orbweaver.store.connection import Store
from orbweaver.store.errors import StoreUnfit
from orbweaver.store.reads import Read
from orbweaver.takedown.delivery import backoff, claiming, lanes, outbox, progress, sink_states
from orbweaver.takedown.delivery.claiming import LANE_EVENTS, Claimed, LaneEvent
from orbweaver.takedown.delivery.confirmed import Confirmed
from orbweaver.takedown.delivery.lanes import NEVER, REASON_CHARACTERS, Failing
from orbweaver.takedown.delivery.sink_states import SinkState
from orbweaver.takedown.delivery.sinks.protocol import Sink
from orbweaver.takedown.errors import EventRefused, NotDelivered, SinkGone
from pydantic import ValidationError
from redis.exceptions import WatchError

log = logging.getLogger("orbweaver.worker")
# While the store's disk does not confirm, a courier asks again after so long.
UNCONFIRMED_SECONDS = 5.0


class Courier:
    """Brings events to `sink`, one of `sinks`, the names of all that are in force.

    `in_force` reads whether they still are, and `clock` the time (seconds since 1970).
    """

    def __init__(
        self,
        store: Store,
        sink: Sink,
        sinks: Sequence[str],
        in_force: Read[bool],
        *,
        replicas: int = 0,
        clock: Read[float] | None = None,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.name = sink.name
        self._store = store
        self._sink = sink
        self._others = tuple(one for one in sinks if one != sink.name)
        self._in_force = in_force
        self._clock = clock or lanes.reading_seconds()
        self._draw = draw
        self._confirmed = Confirmed(store, sink.name, replicas)

    def close(self) -> None:
        """Close the connections of the sink."""
        self._sink.close()

    def step(self) -> bool:
        """Serve the lane that is due next; False when none is, or the sink is left alone for now. Raises RedisError."""
        is_in_force, at, state = reads.together(
            self._store, self._in_force, self._clock, sink_states.reading(self.name)
        )
        if not is_in_force:
            return False
        if state is None:
            sink_states.note_sinks(self._store, [self.name], at)
        elif state.next_at > at:
            return False
        claimed = claiming.claim(self._store, self.name, at)
        if claimed is None:
            return False
        try:
            if self._serve(claimed, at):
                return True  # and the lane is given back
        except StoreUnfit as error:
            log.warning("nothing is delivered until the store confirms what it has: %s", error)
            lanes.wait_until(self._store, self.name, [claimed.lane.event_id], at + UNCONFIRMED_SECONDS)
            lanes.release(self._store, claimed.lane)
            return False
        lanes.release(self._store, claimed.lane)
        return True

    def _serve(self, claimed: Claimed, at: float) -> bool:
        """Deliver what a lane had left, until an event fails; whether that gave the lane back.

        What comes into the lane meanwhile, or was too much, waits for the sink by itself, and is looked at next.
        """
        ids = [one.event_id for one in claimed.events]
        is_all = len(ids) < LANE_EVENTS
        if claimed.lane.event_id not in ids and is_all:
            lanes.drop(self._store, self.name, claimed.lane.event_id)  # it has been delivered
        for place, event in enumerate(claimed.events):
            if event.blocked_until is not None and event.blocked_until > at:
                lanes.wait_until(self._store, self.name, ids[place:], event.blocked_until)
                return False
            self._confirmed.require(event.event_id)
            refusal = self._hand_over(event)
            if refusal is not None:
                self._note_failure(event.event_id, refusal, ids[place + 1 :])
                return False
            is_end = place + 1 == len(ids) and is_all
            if not self._note_taken(claimed, event.event_id, is_end=is_end) or is_end:
                return True
        return False

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

    def _note_taken(self, claimed: Claimed, event_id: str, *, is_end: bool) -> bool:
        """Mark an event as taken, which all others wait for; False when another courier has the lane by now.

        The last sink in force that takes an event takes it out of the outbox. `is_end` gives the lane back.
        """
        key, lane = keys.event(event_id), claimed.lane
        while True:
            with self._store.pipeline(transaction=True) as pipe:
                pipe.watch(lanes.lane_key(lane.sink, lane.case_id), key, keys.in_force())
                is_ours, have_others, is_in_force, state, first = reads.together(
                    self._store,
                    lanes.reading_whether_ours(lane),
                    self._reading_others(key),
                    self._in_force,
                    sink_states.reading(self.name),
                    progress.reading_first_delivered(lane.case_id),
                )
                if first is None and claimed.events_of_case > 1:
                    first = progress.first_mark(self._store, lane.case_id)
                pipe.multi()
                at = format_time(now())
                pipe.hset(key, self.name, at)
                progress.note_first_delivered(pipe, lane.case_id, first or at)
                lanes.note_taken(pipe, self.name, event_id)
                if have_others and is_in_force:
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

    def _reading_others(self, key: str) -> Read[bool]:
        """Return the read of whether all other sinks have taken an event."""
        if not self._others:
            return Read(lambda _: None, lambda _: True)
        return Read(lambda pipe: pipe.hmget(key, list(self._others)), lambda answers: all(answers[0]))

    def _now(self) -> float:
        [at] = reads.together(self._store, self._clock)
        return at

    def _note_back(self) -> None:
        """Try what failed while the sink was down at once: it was not the fault of these events."""
        log.warning("the sink %s takes events again", self.name)
        failed = [event_id for event_id, one in lanes.all_failing(self._store, self.name) if not one.is_parked]
        lanes.make_due(self._store, self.name, self._now(), failed)

    def _note_failure(self, event_id: str, refusal: NotDelivered, behind: Sequence[str]) -> None:
        """Write that the sink did not take an event: when it, and what comes after it, is tried again.

        A sink that refuses this event alone is there, and the time that it asks for is about this event; else the sink
        is given the time, within bounds.
        """
        at = self._now()
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
