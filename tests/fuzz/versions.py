"""ETag, Last-Modified, Date and Vary. Input: one byte that is not used, one for how often the rest is repeated, lines.

Each line is a header: its first byte says which.
"""

from __future__ import annotations

from multidict import CIMultiDict, CIMultiDictProxy
from orbweaver.crawler.bodies.digests import digests_of
from orbweaver.crawler.revisiting import page_memory
from orbweaver.crawler.revisiting.known_responses import KnownFile
from orbweaver.crawler.revisiting.validators import condition_for, speaks_of_another, validators_of
from orbweaver.model import now

from fuzz.promises import in_time_for, stretched

NAMES = ("ETag", "Last-Modified", "Date", "Vary")
DIGESTS = digests_of(b"a file")
TOKENS = (
    *(b"0", b"1", b"2", b"3", b"\n", b'"', b'"a"', b"W/", b'W/"a"', b"\\", b",", b"*", b"\r", b"\x00", b"\xff", b" "),
    *(b"Sun, 01 Nov 2020 10:00:00 GMT", b"Sun, 01 Nov 2026 10:00:00 GMT", b"Sun, 99 Nov 0000 99:99:99 GMT"),
    *(b"Sunday, 01-Nov-20 10:00:00 GMT", b"Cookie", b"Accept", b"GMT", b'"a"' * 100),
)


def check(data: bytes) -> None:
    headers: CIMultiDict[str] = CIMultiDict()
    text = stretched(data[1:])
    # As aiohttp gives headers: bytes that are no UTF-8 become surrogates.
    for line in text.decode("utf-8", "surrogateescape").split("\n"):
        if line:
            headers.add(NAMES[ord(line[0]) % len(NAMES)], line[1:])
    given = CIMultiDictProxy(headers)
    with in_time_for(text):
        found = [validators_of(given, has_cookies=has_cookies) for has_cookies in (False, True)]
        page_memory.unpack(text.decode("utf-8", "replace"))
    for validators in found:
        if validators.are_none:
            continue
        known = KnownFile(url="", manner="0" * 16, digests=DIGESTS, hashed_at=now(), **validators._asdict())
        [(_, value)] = condition_for(known)
        # It is sent back as it came, and can stand in a request.
        assert value in headers.values()
        assert value.isascii()
        assert value.isprintable()
        assert len(value) <= 258
        assert not value.startswith("W/")
        assert not speaks_of_another(known, given)
