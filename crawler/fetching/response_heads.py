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
_STARTS: Final = (b"HTTP", b"ICY ")
_NO_STATUS_LINE: Final = "the answer does not begin with an HTTP status line"
_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++")
_LENGTH: Final = re.compile(rb"[0-9]{1,18}")
_FRAMING_NAMES: Final = frozenset({b"content-length", b"transfer-encoding"})
_BODILESS: Final = frozenset({204, 304})
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


def read_head(received: bytes) -> Head:
    """Read one status line with its headers, up to and with the blank line; raises BadResponse, which quotes nothing.

    A line that is no header is left out, as browsers do.
    """
    if b"\0" in received:
        raise BadResponse("a NUL byte in the headers")
    first, *lines = (line.rstrip(b"\r") for line in received.rstrip(b"\r\n").split(b"\n"))
    status_line = _STATUS_LINE.match(first)
    if status_line is None:
        raise BadResponse(_NO_STATUS_LINE)
    if b"\r" in first or any(b"\r" in line for line in lines):
        raise BadResponse("a bare CR in the headers, which is read in two ways")
    status = int(status_line["status"])
    if status < 100:
        raise BadResponse("a status that is no HTTP status")
    headers = _unfolded(lines)
    length = _length_of(headers)
    codings = _transfer_codings(headers)
    if length is not None and codings:
        raise BadResponse("both Content-Length and Transfer-Encoding: where the body ends is read in two ways")
    kept = [(name, value) for name, value in headers if name.lower() not in _FRAMING_NAMES]
    if length is not None:
        kept.append((b"Content-Length", b"%d" % length))
    if codings:
        kept.append((b"Transfer-Encoding", b", ".join(codings)))
    is_old = (int(status_line["major"] or 1), int(status_line["minor"] or 0)) < (1, 1)
    written = [b"HTTP/1.%d %d" % (not is_old, status), *(b"%s: %s" % header for header in kept), b"", b""]
    return Head(b"\r\n".join(written), status, _framing(status, length, codings), length or 0)


def _unfolded(lines: list[bytes]) -> list[tuple[bytes, bytes]]:
    """Return names and values; a line that begins with a blank continues the one before (RFC 9112, 5.2)."""
    headers: list[tuple[bytes, list[bytes]]] = []
    is_kept = False
    for line in lines:
        if line[:1] in {b" ", b"\t"}:
            if is_kept:
                headers[-1][1].append(line.strip(b" \t"))
            continue
        name, colon, value = line.partition(b":")
        bare = name.rstrip(b" \t")
        is_kept = bool(colon) and _NAME.fullmatch(bare) is not None
        if not is_kept:
            continue
        if bare != name and bare.lower() in _FRAMING_NAMES:
            # Chromium reads such a header, Firefox leaves it out.
            raise BadResponse("a blank before the colon of a header that says where the body ends")
        headers.append((bare, [value.strip(b" \t")]))
    return [(name, b" ".join(part for part in parts if part)) for name, parts in headers]


def _values(headers: list[tuple[bytes, bytes]], name: bytes) -> list[bytes]:
    """Return the members of the lists that all headers of a name are together (RFC 9110, 5.3)."""
    lists = (value.split(b",") for known, value in headers if known.lower() == name)
    return [member for members in lists for one in members if (member := one.strip(b" \t"))]


def _length_of(headers: list[tuple[bytes, bytes]]) -> int | None:
    values = _values(headers, b"content-length")
    if not all(_LENGTH.fullmatch(value) for value in values):
        raise BadResponse("a Content-Length that is no number")
    lengths = {int(value) for value in values}
    if len(lengths) > 1:
        raise BadResponse("Content-Lengths that differ")
    return lengths.pop() if lengths else None


def _transfer_codings(headers: list[tuple[bytes, bytes]]) -> list[bytes]:
    """Return the transfer codings that count, each once: proxies repeat "chunked", and "identity" says nothing."""
    codings = dict.fromkeys(value.lower() for value in _values(headers, b"transfer-encoding"))
    codings.pop(b"identity", None)
    return list(codings)


def _framing(status: int, length: int | None, codings: list[bytes]) -> Framing:
    if status == _SWITCHING_PROTOCOLS:
        return "switched"
    if status < 200 or status in _BODILESS or length == 0:
        return "none"
    if codings:
        return "chunked"
    return "close" if length is None else "length"
