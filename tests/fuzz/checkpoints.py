"""Checkpoints. Input: one byte for how it is sent, one for how often the rest is repeated, then entries or JSON."""

from __future__ import annotations

import contextlib
import json
import zlib

from orbweaver.crawler.errors import CheckpointRefused, UrlRefused
from orbweaver.crawler.rules import urls
from orbweaver.crawler.visiting.checkpoints.state import CheckpointState, read
from orbweaver.crawler.visiting.frontier import planned_in
from orbweaver.crawler.visiting.visit import Origin
from orbweaver.model import Report

from fuzz.promises import in_time_for, stretched

REPORTS = (Report(url="http://h.test/", report_id="R-1"), Report(url="http://h.test/b"))
STATE = {
    "key": "0" * 32,
    "tally": {},
    "spent": [0, 0, 0, {}],
    "reported": [{"url": "http://h.test/"}, {"url": "http://h.test/b"}],
    "answers": [{}, {}, []],
    "suggestions": {},
    "learnt": [{}, 0, False],
    "spellings": {},
    "known": [True, False, []],
    "typed_answers": {},
    "variables": {},
    "cookies": [],
    "waiting": [],
    "kept": [],
    "typed": [],
}
TOKENS = (
    *(b"0AA ", b"1BB ", b"0", b"\n", b" ", b" \n", b"http://h.test/", b"http://o.test/a", b"http://h.test/b", b"\r\n"),
    *(b"{", b"}", b"[", b"]", b":", b",", b'"', b"null", b"true", b"-1", b"9" * 30, b"1e999", b"\\u0000", b"\x85"),
    *(b'"waiting"', b'"root"', b'"entries"', b'"kind"', b'"page"', b'"is_reported"', b'"version"', b'"cookies"'),
)


def check(data: bytes) -> None:
    way, rest = (data[0] % 4, stretched(data[1:])) if data else (0, b"")
    sent = _sent(way, rest)
    with in_time_for(data), contextlib.suppress(CheckpointRefused):
        _require_promises(read(sent, [rest] if way == 3 else [], REPORTS))


def _sent(way: int, rest: bytes) -> bytes:
    if way == 0:
        return rest
    if way == 1:
        return zlib.compress(rest)
    record = {"kind": "page", "root": 0, "depth": 1, "entries": rest.decode("utf-8", "replace")}
    return zlib.compress(json.dumps({**STATE, "waiting": [record]}).encode())


def _require_promises(state: CheckpointState) -> None:
    for record in state.waiting:
        for visit, url, _ in planned_in(record.batch([Origin()] * len(REPORTS))):
            for one in (visit.url, url):
                try:
                    assert urls.canonicalise(one) == one
                except UrlRefused:
                    raise AssertionError("a URL that is none") from None
