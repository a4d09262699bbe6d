"""`stream+redis://HOST:PORT/DB?stream=NAME`: an entry of a Redis Stream for each event.

An entry has the fields `event_id`, `type` and `event`, the last with the event's JSON. Redis 8.6 can refuse a repeated
XADD by itself (IDMP), for a day at most; Valkey 9.1 cannot. So a script marks each event for a week, and appends it
again only when its entry is gone from the stream. After that, repeats are possible: the engine tells by `event_id`.
"""

from __future__ import annotations

import re
from pathlib import Path

from orbweaver.model import Event
from orbweaver.takedown.delivery.sinks.event_json import as_json
from orbweaver.takedown.delivery.sinks.redis_server import EngineServer
from orbweaver.takedown.errors import SinkAway

MARK_SECONDS = 7 * 86_400
_ENTRY = re.compile(rb"[0-9]{1,20}-[0-9]{1,20}")
_APPEND = Path(__file__).with_name("stream_append.lua").read_text()


class RedisStreamSink:
    """Appends each event to a stream, once as long as its entry is there and for a week at most."""

    def __init__(self, server: EngineServer) -> None:
        self.name = server.address.name
        self._stream = server.address.options["stream"]
        self._server = server
        self._append = server.client.register_script(_APPEND)

    def deliver(self, event: Event) -> None:
        """Append an event. Raises SinkAway."""
        event_id = str(event.event_id)
        # In braces: a cluster keeps it where the stream is.
        mark = f"{{{self._stream}}}:taken:{event_id}"
        fields = ["event_id", event_id, "type", event.type.value, "event", as_json(event)]
        with self._server.asked():
            entry = self._append(keys=[self._stream, mark], args=[MARK_SECONDS, *fields])
            if not (isinstance(entry, bytes) and _ENTRY.fullmatch(entry)):
                raise SinkAway("its server answers what is no id of an entry")

    def complaint(self) -> tuple[bool, str] | None:
        """Say whether nothing can be appended now, or what is appended may be lost; appends nothing."""
        return self._server.complaint(self._stream, "stream")

    def close(self) -> None:
        """Close the connections."""
        self._server.close()
