"""Reads status line and headers as browsers do, and writes them again as the parser takes them.

The source of each leniency is what Chromium (net/http: HttpUtil::AssembleRawHeaders, HttpResponseHeaders) and Firefox
(netwerk/protocol/http: nsHttpHeaderArray, nsHttpResponseHead) accept. Two readings of where a body ends are refused,
each by its name: RFC 9112, 6.3, and decision 0055.
"""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

from orbweaver.crawler.transfer_errors import BadResponse

Framing = Literal["none", "length", "chunked", "close", "switched"]

BLANKS_BEFORE: Final = re.compile(rb"[\r\n\t ]*+")
# Also with "\r\r\n", as some scripts write line ends that a server translates once more.
END_OF_HEAD: Final = re.compile(rb"\n\r?\r?\n")
# So much of an end of a head may have come before the rest of it.
END_BEGUN_BYTES: Final = 3
_STATUS_LINE: Final = re.compile(
    rb"(?:ICY|HTTP(?:/(?P<major>[0-9]{1,3})(?:\.(?P<minor>[0-9]{1,3}))?)?)[ \t]++(?P<status>[0-9]{3})(?![0-9])",
    re.IGNORECASE,
)
START_BYTES: Final = 4
# Of one answer. Browsers have no limit of their number; Chromium takes 256 KiB of headers together.
MOST_HEADERS: Final = 1_000
LONGEST_HEADER_BYTES: Final = 2**18
_STARTS: Final = (b"HTTP", b"ICY ")
_NO_STATUS_LINE: Final = "the answer does not begin with an HTTP status line"
_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++")
_LENGTH: Final = re.compile(rb"[0-9]{1,18}")
_BLANKS: Final = (b" ", b"\t")
_FRAMING_NAMES: Final = frozenset({b"content-length", b"transfer-encoding"})
_BODILESS: Final = frozenset({204, 304})
_CHUNKED: Final = b"chunked"
# No names of codings: scripts write the like for mails' Content-Transfer-Encoding, and browsers pass over them.
_NO_CODINGS: Final = frozenset({b"identity", b"none", b"binary", b"7bit", b"8bit", b"utf-8"})
_SWITCHING_PROTOCOLS: Final = 101


class Head(NamedTuple):
    """Status line and headers in strict form, and how the end of the body will be known."""

    text: bytes
    status: int
    framing: Framing
    length: int = 0

    @property
    def is_final(self) -> bool:
        """Whether this is the answer itself, and no 1xx before it."""
        return self.status >= 200 or self.status == _SWITCHING_PROTOCOLS


def check_beginning(beginning: bytes | bytearray) -> None:
    """Raise BadResponse when no answer begins with these up to START_BYTES bytes, of which more may follow."""
    if not any(start.startswith(beginning.upper()) for start in _STARTS):
        raise BadResponse(_NO_STATUS_LINE)


# As nearly all servers write it: what differs in anything is read line by line.
_USUAL: Final = re.compile(
    rb"HTTP/1\.1 ([1-9][0-9]{2})(?: [ -~]*+)?\r\n"
    rb"(?:[A-Za-z0-9_-]++:[ \t]*+(?:[!-~][ -~\t]*+)?\r\n){0,%d}\r\n" % MOST_HEADERS
)
_USUAL_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*+([0-9]{1,18})[ \t]*+\r\n", re.IGNORECASE)


def read_head(received: bytes) -> Head:
    """Read one status line with its headers, up to and with the blank line; raises BadResponse, which quotes nothing.

    A line that is no header is left out, as browsers do.
    """
    return _usual_head(received) or _read_line_by_line(received)


def _usual_head(received: bytes) -> Head | None:
    """Return a head that is in strict form as it stands, with one Content-Length; None for every other."""
    usual = _USUAL.fullmatch(received)
    if usual is None:
        return None
    lowered = received.lower()
    if lowered.count(b"\ncontent-length:") != 1 or b"\ntransfer-encoding:" in lowered:
        return None
    length = _USUAL_LENGTH.search(received)
    if length is None:
        return None
    status, size = int(usual[1]), int(length[1])
    return Head(received, status, _framing(status, size, []), size)


def _read_line_by_line(received: bytes) -> Head:
    if b"\0" in received:
        raise BadResponse("a NUL byte in the headers")
    if received.count(b"\n") > MOST_HEADERS + 2:
        raise BadResponse(f"more than {MOST_HEADERS} header lines")
    text = received.rstrip(b"\r\n").replace(b"\r\r\n", b"\n").replace(b"\r\n", b"\n")
    status_line = _STATUS_LINE.match(text)
    if status_line is None:
        raise BadResponse(_NO_STATUS_LINE)
    if b"\r" in text:
        raise BadResponse("a bare CR in the headers, which is read in two ways")
    status = int(status_line["status"])
    if status < 100:
        raise BadResponse("a status that is no HTTP status")
    is_old = (int(status_line["major"] or 1), int(status_line["minor"] or 0)) < (1, 1)
    written = [b"HTTP/1.0 %d" % status if is_old else b"HTTP/1.1 %d" % status]
    lengths: list[bytes] = []
    codings: list[bytes] = []
    for name, value in _unfolded(text.split(b"\n")[1:]):
        match name.lower():
            case b"content-length":
                lengths.append(value)
            case b"transfer-encoding":
                codings.append(value)
            case _:
                written.append(b"%b: %b" % (name, value))
    length = _length_of(_members(lengths))
    # Each once: proxies repeat "chunked".
    named = [coding for coding in dict.fromkeys(one.lower() for one in _members(codings)) if coding not in _NO_CODINGS]
    if length is not None and named:
        raise BadResponse("both Content-Length and Transfer-Encoding: where the body ends is read in two ways")
    if length is not None:
        written.append(b"Content-Length: %d" % length)
    if named:
        written.append(b"Transfer-Encoding: " + b", ".join(named))
    written += (b"", b"")
    return Head(b"\r\n".join(written), status, _framing(status, length, named), length or 0)


def _unfolded(lines: list[bytes]) -> list[tuple[bytes, bytes]]:
    """Return names and values; a line that begins with a blank continues the one before (RFC 9112, 5.2)."""
    headers: list[tuple[bytes, bytes]] = []
    folds: dict[int, list[bytes]] = {}
    is_kept = False
    for line in lines:
        if line[:1] in _BLANKS:
            if is_kept and (more := line.strip(b" \t")):
                folds.setdefault(len(headers) - 1, []).append(more)
            continue
        name, colon, value = line.partition(b":")
        bare = name.rstrip(b" \t")
        is_kept = bool(colon) and _NAME.fullmatch(bare) is not None
        if not is_kept:
            continue
        if bare != name and bare.lower() in _FRAMING_NAMES:
            # Chromium reads such a header, Firefox leaves it out.
            raise BadResponse("a blank before the colon of a header that says where the body ends")
        headers.append((bare, value.strip(b" \t")))
    for place, parts in folds.items():
        name, value = headers[place]
        headers[place] = (name, b" ".join([value, *parts] if value else parts))
    return headers


def _members(values: list[bytes]) -> list[bytes]:
    """Return the members of the list that all headers of a name are together (RFC 9110, 5.3)."""
    return [member for value in values for one in value.split(b",") if (member := one.strip(b" \t"))]


def _length_of(values: list[bytes]) -> int | None:
    if not all(_LENGTH.fullmatch(value) for value in values):
        raise BadResponse("a Content-Length that is no number")
    lengths = {int(value) for value in values}
    if len(lengths) > 1:
        raise BadResponse("Content-Lengths that differ")
    return lengths.pop() if lengths else None


def _framing(status: int, length: int | None, codings: list[bytes]) -> Framing:
    if status == _SWITCHING_PROTOCOLS:
        return "switched"
    if status < 200 or status in _BODILESS or length == 0:
        return "none"
    if codings == [_CHUNKED]:
        return "chunked"
    if codings:
        return "close"
    return "close" if length is None else "length"
