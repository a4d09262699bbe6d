"""Reports. Input: one byte that chooses a declared encoding, then the file as it was sent."""

from __future__ import annotations

import contextlib
import io

from orbweaver.crawler.rules.urls import canonicalise
from orbweaver.model import Report
from orbweaver.queue.errors import ReportsUnreadable
from orbweaver.queue.intake.reports import BadLine, read_reports

from fuzz.promises import in_time_for, stretched

ENCODINGS = (None, "utf-16", "windows-1252", "shift_jis")
TOKENS = (
    *(b"url", b"report_id", b"received_at", b",", b";", b"\t", b"|", b'"', b"\n", b"\r\n", b"#", b"sep=;", b"{", b"}"),
    *(b"http://a.example/", b"hxxps[:]//a[.]example/", b"www.", b" dot ", b"(dot)", b"[.", b"\\.", b"meow://"),
    *(b"<a href=", b">", b"</a>", b"](", b")", b"<", b"...", b"\xe2\x80\xa6", b"\xe2\x80\x8b", b"\xc2\xa0"),
    *(b"[url=", b"[/url]", b"[img]", b"[/img]", b"https://urldefense.com/v3/__", b"__;!!", b"\\/", b"srcset='", b"//"),
    *(b"\xe3\x80\x82", b"\xef\xbc\x88", b"\xe6\x97\xa5", b"https://l.facebook.com/l.php?u=http%3A%2F%2F", b"/v3/__"),
    *(b"PK\x03\x04", b"2026-01-15", b".jpg", b"?u=", b"&amp;", b" ", b"\0", b"\xff", b"\xff\xfe", b"a" * 70),
)


def check(data: bytes) -> None:
    encoding = ENCODINGS[data[0] % len(ENCODINGS)] if data else None
    content = stretched(data[1:])
    items: list[Report | BadLine] = []
    with in_time_for(content), contextlib.suppress(ReportsUnreadable):
        items.extend(read_reports(io.BytesIO(content), name="reports", encoding=encoding))
    for item in items:
        if isinstance(item, Report):
            assert canonicalise(item.url) == item.url
        else:
            assert item.excerpt == "" or item.excerpt.isprintable()
            assert "http:" not in item.excerpt
