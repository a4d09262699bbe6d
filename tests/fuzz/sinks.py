"""Addresses of sinks, and what an engine says of when to come back. Input: lines of UTF-8, the last a Retry-After."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from orbweaver.takedown.delivery.sinks.opening import names_of
from orbweaver.takedown.delivery.sinks.webhook import LONGEST_RETRY_AFTER, retry_after
from orbweaver.takedown.errors import SinkRefused

from fuzz.promises import in_time_for

NOW = datetime(2026, 11, 29, tzinfo=UTC)
TOKENS = (
    *(b"webhook+https://", b"webhook+http://", b"stream+redis://", b"stream+unix://", b"rq+rediss://", b"jsonl:"),
    *(b"engine.example", b"localhost", b"127.0.0.1", b"[::1]", b":", b"8080", b"/", b"0", b"@", b"#", b"?", b"&", b"="),
    *(b"stream=", b"queue=", b"function=", b"a.b", b"user=", b"db=", b"%20", b"\n", b" ", b",", b"\x00", b"\xff"),
    *(b"120", b"9" * 30, b"-1", b"Sun, 29 Nov 2026 12:00:00 GMT", b"+9999", b"GMT", b"99999"),
)


def check(data: bytes) -> None:
    *addresses, last = data.decode("utf-8", "replace").split("\n")
    with in_time_for(data):
        for address in addresses[:20]:
            _check_address(address)
        after = retry_after(last, NOW)
    assert after is None or timedelta(0) <= after <= LONGEST_RETRY_AFTER


def _check_address(address: str) -> None:
    try:
        [name] = names_of([address])
    except SinkRefused as refused:
        said = str(refused)
        assert "\n" not in said
        assert len(address) < 60 or address not in said, "an error quotes what may hold a password"
        return
    assert names_of([name]) == (name,), "a name is no address of the same sink"
    if not name.startswith("jsonl:"):
        assert "@" not in name.partition("?")[0].partition("://")[2].partition("/")[0], "a name has a password in it"
