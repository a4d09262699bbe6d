"""Where the secrets of sinks are: SINK_SECRETS names a place for each, so that no setting, name or error holds one.

    SINK_SECRETS="engine.example/orbweaver=file:/run/secrets/engine redis.example:6379=env:ENGINE_REDIS_PASSWORD"

The part before the last `=` is host, port and path of the sink's address, or its host and port alone. A place is read
anew for each event, so a secret is changed without a restart.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from orbweaver.takedown.delivery.sinks.addresses import SinkAddress
from orbweaver.takedown.errors import SinkRefused

MOST_BYTES = 4_096


def words_at(address: SinkAddress, places: Sequence[str]) -> tuple[str, ...]:
    """Return the words of the secret of a sink, none when SINK_SECRETS names no place for it.

    Raises SinkRefused, which names the place and never what is there.
    """
    by_sink = dict(_pair(one) for one in places)
    place = by_sink.get(address.place) or by_sink.get(address.authority)
    return () if place is None else _read(place)


def _pair(written: str) -> tuple[str, str]:
    sink, is_pair, place = written.rpartition("=")
    source, _, name = place.partition(":")
    if not (is_pair and sink and name and source in {"env", "file"}):
        raise SinkRefused("SINK_SECRETS has an entry that is not HOST:PORT/PATH=env:NAME or HOST:PORT/PATH=file:/path")
    return sink, place


def _read(place: str) -> tuple[str, ...]:
    source, _, name = place.partition(":")
    if source == "env":
        secret = os.environ.get(name, "")
    else:
        try:
            with Path(name).open("rb") as file:
                secret = file.read(MOST_BYTES + 1).decode("ascii")
        except (OSError, UnicodeDecodeError):
            raise SinkRefused(f"SINK_SECRETS: {name} cannot be read as ASCII text: check the file") from None
    words = tuple(secret.split())
    if not words or len(secret) > MOST_BYTES or not "".join(words).isprintable():
        raise SinkRefused(f"SINK_SECRETS: {name} is not set, is empty, or holds what is no secret")
    return words
