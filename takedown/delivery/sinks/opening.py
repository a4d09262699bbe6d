"""Makes sinks of the addresses in TAKEDOWN_SINKS, and reads their names.

A name is an address that can be opened: workers are given the names of the sinks that are in force.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from orbweaver import settings as orbweaver_settings
from orbweaver.takedown.delivery.sinks import secret_places
from orbweaver.takedown.delivery.sinks.addresses import read_address
from orbweaver.takedown.delivery.sinks.json_lines import JsonLinesSink, jsonl_sink
from orbweaver.takedown.delivery.sinks.protocol import Sink
from orbweaver.takedown.errors import SinkRefused

_KNOWN = "jsonl:DIR, webhook+https://, stream+redis:// and rq+redis://, the last two with rediss:// and unix://, too"


def names_of(addresses: Sequence[str]) -> tuple[str, ...]:
    """Return the sinks' names, addresses written in one way; reads no secret. Raises SinkRefused."""
    return tuple(map(_name_of, addresses))


def open_sinks(addresses: Sequence[str]) -> list[Sink]:
    """Return a sink per address, none of which has a connection yet. Secrets are where SINK_SECRETS says.

    Raises SinkRefused for an address that cannot be used, and for a secret that is missing or too short.
    """
    return [_open(address) for address in addresses]


def _name_of(address: str) -> str:
    kind, rest = _parts(address)
    if kind == "jsonl":
        return jsonl_sink(Path(rest))
    return read_address(address).name


def _open(address: str) -> Sink:
    kind, rest = _parts(address)
    if kind == "jsonl":
        return JsonLinesSink(Path(rest).absolute())
    found, roots = read_address(address), orbweaver_settings.load().sink_roots

    def secrets() -> tuple[str, ...]:
        return secret_places.words_at(found, orbweaver_settings.load().sink_secrets)

    # Each library is imported where such a sink is used alone: recrawl workers read names, and open none.
    if kind == "webhook":
        from orbweaver.takedown.delivery.sinks.webhook import WebhookSink

        return WebhookSink(found, secrets, roots=roots)
    from orbweaver.takedown.delivery.sinks.redis_server import EngineServer

    server = EngineServer(found, secrets, roots=roots)
    if kind == "stream":
        from orbweaver.takedown.delivery.sinks.redis_stream import RedisStreamSink

        return RedisStreamSink(server)
    from orbweaver.takedown.delivery.sinks.rq_queue import RqQueueSink

    return RqQueueSink(server)


def _parts(address: str) -> tuple[str, str]:
    scheme, _, rest = address.partition(":")
    kind, plus, _ = scheme.partition("+")
    if not rest or (kind, bool(plus)) not in {("jsonl", False), ("webhook", True), ("stream", True), ("rq", True)}:
        # Not quoted: it may be an address with a password in it.
        raise SinkRefused(f"TAKEDOWN_SINKS has an address of no sink: known are {_KNOWN}")
    return kind, rest
