"""Heads are read as browsers read them; what can be read in two ways is refused by name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.fetching.connecting.response_heads import (
    END_OF_HEAD,
    MOST_HEADERS,
    Head,
    _read_line_by_line,
    _usual_head,
    check_beginning,
    read_head,
)
from orbweaver.crawler.transfer_errors import BadResponse

FIRST = b"HTTP/1.1 200"


@pytest.mark.parametrize(
    ("line", "strict"),
    [
        (b"HTTP/1.1 200 OK", FIRST),
        (b"HTTP/1.1 200", FIRST),
        (b"HTTP/1.1 200 ", FIRST),
        (b"HTTP/1.1  200\tOK", FIRST),
        (b"HTTP/1.1 200OK", FIRST),
        (b"http/1.1 200 ok", FIRST),
        (b"HTTP/1.1 200 caf\xe9 \x01", FIRST),
        (b"HTTP/2.0 200 OK", FIRST),
        (b"HTTP/2 200", FIRST),
        (b"HTTP/9.9 200 OK", FIRST),
        (b"HTTP/1.0 200 OK", b"HTTP/1.0 200"),
        (b"HTTP/0.9 200 OK", b"HTTP/1.0 200"),
        (b"HTTP 200 OK", b"HTTP/1.0 200"),
        (b"ICY 200 OK", b"HTTP/1.0 200"),
        (b"HTTP/1.1 404 Not Found", b"HTTP/1.1 404"),
    ],
)
def test_a_status_line_is_read(line: bytes, strict: bytes) -> None:
    assert read_head(line + b"\r\n\r\n").text == strict + b"\r\n\r\n"


@pytest.mark.parametrize(
    "line",
    [b"HTTP/1.1", b"HTTP/1.1 2000 OK", b"HTTP/1.1 -200", b"HTTP/1.1 20", b"HTTP/1.1 000", b"HTTPS 200", b"220 hi"],
)
def test_what_is_no_status_line_is_refused(line: bytes) -> None:
    with pytest.raises(BadResponse, match="status"):
        read_head(line + b"\r\n\r\n")


@pytest.mark.parametrize(
    ("lines", "strict"),
    [
        (b"A: b\r\nC:d\r\n", b"A: b\r\nC: d\r\n"),
        (b"A: b\nC: d\n", b"A: b\r\nC: d\r\n"),
        (b"A: b\nC: d\r\n", b"A: b\r\nC: d\r\n"),
        (b"A: b\r\r\nC: d\r\r\n", b"A: b\r\nC: d\r\n"),
        (b"A : b\r\n", b"A: b\r\n"),
        (b"A: \t b \t\r\n", b"A: b\r\n"),
        (b"A:\r\n", b"A: \r\n"),
        (b"A: b\r\n  c\r\n\td\r\nE: f\r\n", b"A: b c d\r\nE: f\r\n"),
        (b"A: b\r\n Content-Length: 5\r\n", b"A: b Content-Length: 5\r\n"),
        (b" folded to nothing\r\nA: b\r\n", b"A: b\r\n"),
        (b"no header\r\n and its fold\r\nA: b\r\n", b"A: b\r\n"),
        (b": nameless\r\nA: b\r\n", b"A: b\r\n"),
        (b"Content Length: 5\r\nA: b\r\n", b"A: b\r\n"),
        (b"caf\xe9: a\r\nA: \xe9\r\n", b"A: \xe9\r\n"),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n", b"A: b\r\n"),
        # lengths
        (b"Content-Length: 5\r\nContent-Length: 5\r\n", b"Content-Length: 5\r\n"),
        (b"content-length: 5, 5\r\n", b"Content-Length: 5\r\n"),
        (b"Content-Length: 5,05 ,\r\n", b"Content-Length: 5\r\n"),
        (b"Content-Length:\r\n", b""),
        (b"Transfer-Encoding: Chunked\r\n", b"Transfer-Encoding: chunked\r\n"),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"Transfer-Encoding: chunked\r\n"),
        (b"Transfer-Encoding: identity, chunked\r\n", b"Transfer-Encoding: chunked\r\n"),
        (b"Transfer-Encoding: identity\r\nContent-Length: 5\r\n", b"Content-Length: 5\r\n"),
        (b"Transfer-Encoding: binary\r\nContent-Length: 5\r\n", b"Content-Length: 5\r\n"),
        (b"Transfer-Encoding: none, 8bit\r\n", b""),
    ],
)
def test_headers_are_written_again_as_the_parser_takes_them(lines: bytes, strict: bytes) -> None:
    assert read_head(FIRST + b" OK\r\n" + lines + b"\r\n").text == FIRST + b"\r\n" + strict + b"\r\n"


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (b"Content-Length: 5\r\nContent-Length: 6\r\n", "Content-Lengths that differ"),
        (b"Content-Length: 5, 6\r\n", "Content-Lengths that differ"),
        (b"Content-Length: -1\r\n", "a Content-Length that is no number"),
        (b"Content-Length: +5\r\n", "a Content-Length that is no number"),
        (b"Content-Length: 0x5\r\n", "a Content-Length that is no number"),
        (b"Content-Length: 1 5\r\n", "a Content-Length that is no number"),
        (b"Content-Length: \xd9\xa5\r\n", "a Content-Length that is no number"),
        (b"Content-Length: %d\r\n" % 10**30, "a Content-Length that is no number"),
        (b"Content-Length: 5\r\n 6\r\n", "a Content-Length that is no number"),
        (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "both Content-Length and Transfer-Encoding"),
        (b"Content-Length : 5\r\n", "a blank before the colon"),
        (b"Transfer-Encoding\t: chunked\r\n", "a blank before the colon"),
        (b"A: b\rContent-Length: 5\r\n", "a bare CR"),
        (b"A: b\0\r\n", "a NUL byte"),
        (b"A: b\r\n" * (MOST_HEADERS + 1), "more than 1000 header lines"),
    ],
)
def test_what_is_read_in_two_ways_is_refused_by_name(lines: bytes, reason: str) -> None:
    with pytest.raises(BadResponse, match=f"^{reason}"):
        read_head(FIRST + b" OK\r\n" + lines + b"\r\n")


@pytest.mark.parametrize(
    ("head", "framing", "length"),
    [
        (b"200 OK\r\nContent-Length: 5", "length", 5),
        (b"200 OK\r\nContent-Length: 0", "none", 0),
        (b"200 OK\r\nTransfer-Encoding: chunked", "chunked", 0),
        (b"200 OK\r\nTransfer-Encoding: Chunked\t,chunked", "chunked", 0),
        *(
            (b"200 OK\r\nTransfer-Encoding: " + coding, "close", 0)
            for coding in (
                b"\x0bchunked",
                b"chunked\x0c",
                b"\x85chunked",
                b"x-chunked",
                b"chunked;q=1",
                b"gzip, chunked",
            )
        ),
        (b"200 OK\r\nA: b", "close", 0),
        (b"204 No Content\r\nContent-Length: 5", "none", 5),
        (b"304 Not Modified", "none", 0),
        (b"103 Early Hints", "none", 0),
        (b"101 Switching Protocols", "switched", 0),
    ],
)
def test_the_end_of_the_body_is_known_by(head: bytes, framing: str, length: int) -> None:
    found = read_head(b"HTTP/1.1 " + head + b"\r\n\r\n")
    assert (found.framing, found.length) == (framing, length)
    assert found.is_final == (not head.startswith(b"103"))


@pytest.mark.parametrize("beginning", [b"", b"ht", b"ICY ", b"HTTP"])
def test_an_answer_may_begin_with(beginning: bytes) -> None:
    check_beginning(beginning)


@pytest.mark.parametrize("beginning", [b"ICYX", b"\0", b"220 ", b"\x16\x03"])
def test_an_answer_that_is_none_is_known_by_its_first_bytes(beginning: bytes) -> None:
    with pytest.raises(BadResponse, match="does not begin"):
        check_beginning(beginning)


@given(
    st.lists(st.sampled_from([b"A: b", b" c", b"\r", b"Content-Length: 5", b"\xff", b":", b"x", b"\t"]), max_size=12)
)
def test_whatever_is_read_is_in_strict_form_and_reads_the_same_again(lines: list[bytes]) -> None:
    head = b"\r\n".join([FIRST + b" OK", *lines])
    if END_OF_HEAD.search(head):
        return
    try:
        found = read_head(head + b"\r\n\r\n")
    except BadResponse:
        return
    assert b"\n" not in found.text.replace(b"\r\n", b"")
    assert b"\r" not in found.text.replace(b"\r\n", b"")
    assert read_head(found.text) == found


def headers_of(head: Head) -> list[tuple[bytes, bytes]]:
    lines = head.text.split(b"\r\n")[1:-2]
    return sorted((name.lower(), value.strip()) for name, _, value in (line.partition(b":") for line in lines))


USUAL_NAMES = st.sampled_from(
    [b"Content-Length", b"content-length", b"Transfer-Encoding", b"ETag", b"X-Content-Length"]
)
USUAL_VALUES = st.sampled_from([b"", b"0", b"5", b"007", b"5, 5", b"chunked", b'"a b"', b"a:\t b", b"-1", b"caf\xe9"])
USUAL_BLANKS = st.sampled_from([b"", b" ", b"\t "])


@given(
    status=st.sampled_from([b"200 OK", b"304", b"103 Early Hints", b"101 x", b"404 "]),
    lines=st.lists(st.tuples(USUAL_NAMES, USUAL_BLANKS, USUAL_VALUES, USUAL_BLANKS), max_size=4),
    end=st.sampled_from([b"\r\n", b"\r\n", b"\n"]),
)
def test_a_head_in_strict_form_means_what_it_means_line_by_line(
    status: bytes, lines: list[tuple[bytes, bytes, bytes, bytes]], end: bytes
) -> None:
    whole = [b"HTTP/1.1 " + status, *(name + b":" + b"".join(rest) for name, *rest in lines), b"", b""]
    received = end.join(whole)
    usual = _usual_head(received)
    if usual is not None:
        other = _read_line_by_line(received)
        assert (usual.status, usual.framing, usual.length) == (other.status, other.framing, other.length)
        lengths = {name: int(value) for name, value in headers_of(usual) if name == b"content-length"}
        assert lengths == {b"content-length": other.length}
        assert [one for one in headers_of(usual) if one[0] != b"content-length"] == [
            one for one in headers_of(other) if one[0] != b"content-length"
        ]


def test_nearly_every_head_is_in_strict_form() -> None:
    received = b"HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: image/jpeg\r\nContent-Length: 5\r\n\r\n"
    assert _usual_head(received) == read_head(received)
