"""The files in a mail, in a saved page and in the stream of a web camera are found, whatever the message is like."""

from __future__ import annotations

import base64
import hashlib

import pytest
from calibration import LINEAR, measured
from contained import crawl
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.bodies.document_kinds import DocumentKind
from orbweaver.crawler.links.documents import references
from orbweaver.crawler.links.found_links import PageLinks
from raw_server import RawServer

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256))
BASE64 = base64.encodebytes(PNG).replace(b"\n", b"\r\n")
IN_BASE64 = b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n" + BASE64
HEAD = b"From: a@b.example\r\nMIME-Version: 1.0\r\n"


def mixed(*parts: bytes, boundary: bytes = b"b", end: bytes = b"--\r\n") -> bytes:
    lines = b"".join(b"--%b\r\n%b\r\n" % (boundary, part) for part in parts)
    return b'Content-Type: multipart/mixed;\r\n boundary="%b"\r\n\r\nfor old programs\r\n%b--%b%b' % (
        boundary,
        lines,
        boundary,
        end,
    )


def read(body: bytes, content_type: str | None = "message/rfc822") -> PageLinks:
    return references(body, DocumentKind.MIME_MESSAGE, content_type=content_type, base_url="http://h.example/a.eml")


@pytest.mark.parametrize(
    ("content_type", "body", "files"),
    [
        ("message/rfc822", HEAD + mixed(b"Content-Type: text/plain\r\n\r\nwords", IN_BASE64), [PNG]),
        (None, (HEAD + mixed(IN_BASE64)).replace(b"\r\n", b"\n"), [PNG]),
        ("message/rfc822", HEAD + IN_BASE64, [PNG]),
        ("message/rfc822", HEAD + mixed(mixed(IN_BASE64, boundary=b"b-2"), IN_BASE64.replace(b"png", b"x-png")),
         [PNG, PNG]),
        ("message/rfc822",
         HEAD + mixed(b"Content-Type: message/rfc822\r\n\r\n" + HEAD + mixed(IN_BASE64, boundary=b"c")), [PNG]),
        # Attached text is a file.
        ("message/rfc822", HEAD + mixed(b"Content-Disposition: attachment; filename=a.txt\r\n\r\nwords"), [b"words"]),
        ("message/rfc822",
         HEAD + b"Content-Type: image/x\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=3D=\r\nb", [b"a=b"]),
        # Without its last boundary; a mailbox; a page as Chromium saves it, served without its boundary.
        ("message/rfc822", HEAD + mixed(IN_BASE64, end=b"").removesuffix(b"--b"), [PNG]),
        (None,
         b"From a 1\n" + HEAD + IN_BASE64 + b"\r\n\r\nFrom b 2\n" + HEAD + IN_BASE64.replace(b"png", b"x"), [PNG, PNG]),
        ("multipart/related", HEAD + mixed(IN_BASE64), [PNG]),
        ("multipart/related; boundary=other", HEAD + mixed(IN_BASE64), [PNG]),
        # What a camera sends: with a length, without one, cut; with the marks in the boundary, no line's end before it.
        ("multipart/x-mixed-replace;boundary=f",
         b"--f\r\nContent-Type: image/jpeg\r\nContent-Length: 260\r\n\r\n" + JPEG
         + b"\r\n--f\r\nContent-Type: image/png\r\n\r\n" + PNG
         + b"\r\n--f\r\nContent-Length: 260\r\n\r\n" + JPEG[:100], [JPEG, PNG]),
        ("multipart/x-mixed-replace; boundary=--f", b"--f\r\nContent-Type: image/png\r\n\r\n" + PNG + b"--f--", [PNG]),
    ],
)  # fmt: skip
def test_the_files_in_a_message_are_found(content_type: str | None, body: bytes, files: list[bytes]) -> None:
    assert [file.data for file in read(body, content_type).data_uris] == files


def test_the_texts_of_a_message_lead_on() -> None:
    page = b"Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<img src=3D'http://h.example/a.png'>"
    found = read(HEAD + mixed(page, b"Content-Type: text/plain\r\n\r\nsee http://h.example/b/"))
    assert [link.reference for link in found.candidates] == ["http://h.example/a.png", "http://h.example/b/"]


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (HEAD + b"Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\nx", "mime.boundary"),
        (HEAD + b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAAA", "mime.damaged"),
        (HEAD + mixed(b"Content-Type: image/png\r\nContent-Length: 999\r\n\r\nx"), "mime.damaged"),
        (HEAD + mixed(*[b"\r\nx"] * 1_001), "limit.mime"),
        (HEAD + b"Content-Type: message/rfc822\r\n\r\n" * 20, "limit.mime"),
    ],
)
def test_what_of_a_message_is_not_read_is_said(body: bytes, rule: str) -> None:
    assert [note.rule for note in read(body).notes] == [rule]


@pytest.mark.parametrize(
    "piece", [b"--b\r\n", b"--b", b"a:\n", b"a: b\n c\n", b"\r\n\r\nFrom a\r\n", b"=", b"A", HEAD, b" "]
)
def test_messages_are_read_in_linear_time(piece: bytes) -> None:
    for head in (
        HEAD + mixed(b"")[:-10],
        HEAD + b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n",
        b"From ",
    ):
        with measured() as cost:
            read(head + piece * (400_000 // len(piece)))
        assert cost.units <= LINEAR


PIECES = [
    HEAD,
    b"\r\n",
    b"--b",
    b"--",
    IN_BASE64,
    mixed(),
    b"Content-Length: 9\r\n",
    b"Content-Type: ",
    b"multipart/a; boundary=b",
]


@given(
    st.lists(st.sampled_from([*PIECES, b"message/rfc822", b"From ", b"\xff", b":"])),
    st.sampled_from([None, "multipart/a"]),
)
def test_no_message_raises(pieces: list[bytes], content_type: str | None) -> None:
    read(b"".join(pieces), content_type)


def test_the_pictures_of_a_web_camera_and_the_files_of_a_mail_are_sightings_of_their_url() -> None:
    frames = (
        b"".join(b"--f\r\nContent-Type: image/jpeg\r\n\r\n" + JPEG + b"%d\r\n" % number for number in range(2))
        + b"--f\r\n"
    )
    streamed = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=f\r\n"
    mail = HEAD + mixed(IN_BASE64)
    answers = {
        "/": [b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<img src=/cam><img src=/broken><a href=/a.eml>m</a>"],
        "/cam": [streamed + b"\r\n" + frames],
        "/broken": [streamed + b"Content-Length: 99999\r\n\r\n" + frames],
        "/a.eml": [b"HTTP/1.1 200 OK\r\nContent-Type: message/rfc822\r\n\r\n" + mail],
    }
    with RawServer(answers) as server:
        crawled = crawl(server.url)
    found = {(one.url.removeprefix(server.url), one.digests.sha256) for one in crawled.sightings if one.http.embedded}
    pictures = [hashlib.sha256(JPEG + b"%d" % number).hexdigest() for number in range(2)]
    png = hashlib.sha256(PNG).hexdigest()
    assert found == {*((path, digest) for path in ("cam", "broken") for digest in pictures), ("a.eml", png)}
    assert crawled.outcomes == {f"{server.url}broken": "incomplete"}
