"""Every HTTP answer that browsers accept is accepted: the file is hashed, and the links of the page are followed."""

from __future__ import annotations

import gzip
import os
from collections.abc import Mapping

from contained import crawl
from orbweaver.crawler.bodies.digests import digests_of
from raw_server import RawServer


def png() -> bytes:
    return b"\x89PNG\r\n\x1a\n" + os.urandom(600)


def answer(
    body: bytes, *lines: str, first: str = "HTTP/1.1 200 OK", length: str | None = "Content-Length: {}"
) -> bytes:
    """Return an answer; it has a Content-Length if not said otherwise."""
    written = [first, *lines, *([length.format(len(body))] if length else [])]
    return "\r\n".join([*written, "", ""]).encode("latin-1") + body


def chunked(body: bytes, coding: str = "chunked", extension: str = "") -> bytes:
    head = answer(b"", "Content-Type: image/png", f"Transfer-Encoding: {coding}", length=None)
    return head + b"%x%b\r\n%b\r\n0\r\n\r\n" % (len(body), extension.encode(), body)


FILES_NAMES = """
    none utf8 binary identity unknown declared-only twice-declared stray members two-lengths list-of-lengths
    no-length no-reason no-version two-blanks lower-case blank-in-name blank-before-colon no-colon folded
    bare-lf mixed-ends too-long chunked-case chunked-twice chunked-old no-coding
    chunk-extension type-twice type-nonsense redirected
"""
FILES = {name: png() for name in FILES_NAMES.split()}
AS_SENT: Mapping[str, bytes] = {
    "none": answer(FILES["none"], "Content-Encoding: none"),
    "utf8": answer(FILES["utf8"], "Content-Encoding: UTF-8"),
    "binary": answer(FILES["binary"], "Content-Encoding: binary"),
    "identity": answer(FILES["identity"], "Content-Encoding: identity"),
    "unknown": answer(FILES["unknown"], "Content-Encoding: aws-chunked"),
    "declared-only": answer(FILES["declared-only"], "Content-Encoding: gzip"),
    "twice-declared": answer(
        gzip.compress(FILES["twice-declared"]), "Content-Encoding: gzip", "Content-Encoding: gzip"
    ),
    "stray": answer(gzip.compress(FILES["stray"]) + b"\r\nstray", "Content-Encoding: gzip"),
    "members": answer(
        gzip.compress(FILES["members"][:99]) + gzip.compress(FILES["members"][99:]), "Content-Encoding: x-gzip"
    ),
    "two-lengths": answer(FILES["two-lengths"], f"Content-Length: {len(FILES['two-lengths'])}"),
    "list-of-lengths": answer(FILES["list-of-lengths"], length="Content-Length: {0}, {0}"),
    "no-length": answer(FILES["no-length"], length=None),
    "no-reason": answer(FILES["no-reason"], first="HTTP/1.1 200"),
    "no-version": answer(FILES["no-version"], first="HTTP 200 OK"),
    "two-blanks": answer(FILES["two-blanks"], first="HTTP/1.1  200  OK"),
    "lower-case": answer(FILES["lower-case"], first="http/1.1 200 ok"),
    "blank-in-name": answer(FILES["blank-in-name"], "Content Type: text/html"),
    "blank-before-colon": answer(FILES["blank-before-colon"], "Content-Type : image/png"),
    "no-colon": answer(FILES["no-colon"], "PHP Warning", ": nameless"),
    "folded": answer(FILES["folded"], "X-Folded: a\r\n Content-Length: 5"),
    "bare-lf": answer(b"", "Content-Type: image/png", length=f"Content-Length: {len(FILES['bare-lf'])}").replace(
        b"\r\n", b"\n"
    )
    + FILES["bare-lf"],
    "mixed-ends": answer(b"", length=f"Content-Length: {len(FILES['mixed-ends'])}").replace(b"OK\r\n", b"OK\n")
    + FILES["mixed-ends"],
    "too-long": answer(FILES["too-long"] + b"surplus", length=f"Content-Length: {len(FILES['too-long'])}"),
    "chunked-case": chunked(FILES["chunked-case"], "Chunked"),
    "chunked-twice": chunked(FILES["chunked-twice"], "chunked, chunked"),
    "chunked-old": chunked(FILES["chunked-old"]).replace(b"HTTP/1.1", b"HTTP/1.0"),
    "no-coding": answer(FILES["no-coding"], "Transfer-Encoding: binary"),
    "chunk-extension": chunked(FILES["chunk-extension"], extension=";name=value"),
    "type-twice": answer(FILES["type-twice"], "Content-Type: image/png", "Content-Type: image/png"),
    "type-nonsense": answer(FILES["type-nonsense"], "Content-Type: an image, perhaps"),
    "redirected": answer(b"", "Location: /caf\xe9 and blank.png", first="HTTP/1.1 302 Found"),
}
BEHIND_NAMES = """
    doubled center comment text octets none blank mark utf16 custom lone space
"""
BEHIND = {name: png() for name in BEHIND_NAMES.split()}


def behind(name: str, begins: str = "") -> bytes:
    return f"{begins}<a href='/behind-{name}.png'>".encode()


PAGES: Mapping[str, bytes] = {
    "doubled": answer(behind("doubled", "words "), "Content-Type: text/html,text/html"),
    "space": answer(behind("space", "words "), "Content-Type: text/html charset=utf-8"),
    "center": answer(behind("center", "<CENTER>")),
    "comment": answer(behind("comment", "<!--a-->\n<!-- b -->"), "Content-Type: text/plain"),
    "text": answer(behind("text", "<img src=/none>"), "Content-Type: text/plain; charset=utf-8"),
    "octets": answer(behind("octets", "<marquee>"), "Content-Type: application/octet-stream"),
    "none": answer(behind("none"), "Content-Type: none"),
    "blank": answer(behind("blank", "\r\n\r\n \t"), "Content-Type:"),
    "mark": answer(b"\xef\xbb\xbf" + behind("mark", "<nobr>")),
    "utf16": answer(behind("utf16", "\ufeff<p>").decode().encode("utf-16-le"), "Content-Type: text/plain"),
    "custom": answer(behind("custom", "<my-gallery>"), "Content-Type: application/octet-stream"),
    "lone": answer(behind("lone", "<frameset></frameset>"), "Content-Type: binary/octet-stream"),
}


def test_what_browsers_accept_hides_no_file_and_no_page() -> None:
    start = "".join([*(f"<img src='/{name}'>" for name in AS_SENT), *(f"<a href='/page-{name}'>" for name in PAGES)])
    answers = {
        "/": answer(start.encode(), "Content-Type: text/html"),
        **{f"/{name}": sent for name, sent in AS_SENT.items()},
        "/caf%E9%20and%20blank.png": answer(FILES["redirected"]),
        **{f"/page-{name}": sent for name, sent in PAGES.items()},
        **{f"/behind-{name}.png": answer(body) for name, body in BEHIND.items()},
    }
    with RawServer({path: [sent] for path, sent in answers.items()}) as server:
        found = crawl(server.url)
    seen = {sighting.digests for sighting in found.sightings}
    missing = [
        name
        for name, body in {**FILES, **{f"page-{name}": body for name, body in BEHIND.items()}}.items()
        if digests_of(body) not in seen
    ]
    assert missing == []
    assert not [skip.url for skip in found.skips if skip.is_failure]


def test_what_only_resembles_chunked_is_refused_by_name_whatever_its_body_is() -> None:
    codings = (
        *("\x0bchunked", "\x0cchunked", "chunked\x0b", "\x1cchunked", "\x85chunked", "\xa0chunked", '"chunked"'),
        *("'chunked'", "chunked;q=1", "chunked; a=b", "x-chunked", "chunked123", "chunked chunked", "chun\xefed"),
        *("chunked, x-chunked", "\x0bchunked, chunked", "chunked gzip", "gzip, chunked", "chunked, gzip", "br", "x"),
    )
    answers = {"/": "".join(f"<img src=/{number}.png>" for number in range(2 * len(codings)))}
    sent = {"/": [answer(answers["/"].encode(), "Content-Type: text/html")]}
    for number, coding in enumerate(codings):
        body = png()
        sent[f"/{2 * number}.png"] = [chunked(body, coding)]
        sent[f"/{2 * number + 1}.png"] = [answer(body, f"Transfer-Encoding: {coding}", length=None)]
    with RawServer(sent) as server:
        found = crawl(server.url)
    assert found.sightings == []
    reasons = {
        skip.url.rpartition("/")[2]: (skip.outcome, skip.reason, skip.is_failure)
        for skip in found.skips
        if skip.referrer
    }
    assert len(reasons) == 2 * len(codings)
    for outcome, reason, is_failure in reasons.values():
        assert (outcome, is_failure) == ("bad_response", True)
        assert reason.startswith(("a transfer coding that only resembles chunked: ", "a transfer coding but chunked: "))
