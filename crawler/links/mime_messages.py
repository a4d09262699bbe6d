"""Takes the files out of MIME messages: mails, saved pages (MHTML), and the pictures that a web camera sends in a row.

Formats: RFC 2045 (encodings), RFC 2046 (multipart), RFC 2557 (MHTML), RFC 4155 (mailboxes), and HTML's description of
`multipart/x-mixed-replace`. Python's own parser makes an object of each part, and reads headers that nobody needs here.
"""

from __future__ import annotations

import re
from binascii import Error as Base64Error
from binascii import a2b_base64, a2b_qp
from itertools import islice
from typing import Final, NamedTuple

from orbweaver.crawler.links.encodings import decode
from orbweaver.crawler.links.found_links import FoundLinks
from orbweaver.crawler.links.pages.attribute_values import DataUri
from orbweaver.crawler.links.texts import add_text
from orbweaver.model import Outcome

# Each message or multipart inside another one is read as a whole again.
MOST_LEVELS: Final = 8
MOST_PARTS: Final = 1_000
_MOST_HEADER_BYTES: Final = 64 * 1024
_HEADERS: Final = re.compile(
    rb"(?:From [^\r\n]*+\r?\n)?(?P<fields>(?:[!-9;-~]{1,76}:[^\n]*+\n(?:[ \t][^\n]*+\n){0,99}){1,200})\r?\n"
)
_FIELD: Final = re.compile(
    rb"^(?P<name>content-(?:type|transfer-encoding|disposition|length))[ \t]*+:"
    rb"(?P<value>[^\n]*+(?:\n[ \t][^\n]*+){0,99})",
    re.IGNORECASE | re.MULTILINE,
)
_TYPE: Final = re.compile(r"\s*+([a-z0-9!#$&^_.+-]{1,64}/[a-z0-9!#$&^_.+-]{1,64})", re.IGNORECASE)
_BOUNDARY: Final = re.compile(r"boundary\s*+=\s*+(?:\"([^\"]{1,200})\"|([^\s\";,]{1,200}))", re.IGNORECASE)
_NOT_BASE64: Final = re.compile(rb"[^A-Za-z0-9+/]+")
_MESSAGES: Final = frozenset({"message/rfc822", "message/global", "application/x-mimearchive"})
_NEXT_OF_MAILBOX: Final = re.compile(rb"\r?\n\r?\n(?=From [^\r\n]{1,200}\r?\n[!-9;-~]{1,76}:)")


_NO_PARTS: Final = (Outcome.INCOMPLETE, "mime.boundary", "a message has no parts, or does not say where they begin")
_DAMAGED: Final = (Outcome.INCOMPLETE, "mime.damaged", "parts of a message are cut, or cannot be decoded")
_TOO_MUCH: Final = (Outcome.LIMIT, "limit.mime", "a message has more parts, or messages inside messages, than are read")


class _Fields(NamedTuple):
    """The fields of a part, as read; `length` is its size in bytes where they say it."""

    declared: str = "text/plain"
    encoding: str = ""
    is_attached: bool = False
    length: int | None = None

    @property
    def media_type(self) -> str:
        match = _TYPE.match(self.declared)
        return match[1].lower() if match else "text/plain"


def add_message(found: FoundLinks, body: bytes, *, content_type: str | None) -> None:
    """Add the files in a message, and what its texts name; `content_type` is that of its answer."""
    fields = _Fields(content_type or "message/rfc822")
    parts, level = [(fields, body)], 0
    # A saved page is often served as the type that it has inside, without its boundary.
    if not fields.media_type.startswith("multipart/") or _boundary(fields) is None or _has_own_type(body):
        messages = _NEXT_OF_MAILBOX.split(body, MOST_PARTS) if body.startswith(b"From ") else [body]
        parts = [_split_fields(message) for message in messages]
    while parts and level <= MOST_LEVELS:
        parts = [part for fields, inside in parts for part in _read(found, fields, inside)]
        level += 1
    if parts:
        found.note(*_TOO_MUCH)


def _has_own_type(body: bytes) -> bool:
    match = _HEADERS.match(body[:_MOST_HEADER_BYTES])
    return match is not None and b"content-type" in match["fields"].lower()


def _read(found: FoundLinks, fields: _Fields, inside: bytes) -> list[tuple[_Fields, bytes]]:
    """Add what one part is; return the parts inside it."""
    kind = fields.media_type
    if kind.startswith("multipart/"):
        return _parts(found, fields, inside)
    data = _decoded(found, fields.encoding, inside)
    if data is None:
        return []
    if kind in _MESSAGES:
        return [_split_fields(data)]
    if kind.startswith("text/") and not fields.is_attached:
        add_text(found, decode(data, fields.declared).text)
    else:
        found.add_file(DataUri(kind, data))
    return []


def _parts(found: FoundLinks, fields: _Fields, inside: bytes) -> list[tuple[_Fields, bytes]]:
    boundary = _boundary(fields)
    if boundary is None:
        found.note(*_NO_PARTS)
        return []
    # Some cameras say the marks of the boundary as a part of it.
    pieces = _cut(inside, boundary) or _cut(inside, boundary.removeprefix("--"))
    if not pieces:
        found.note(*_NO_PARTS)
    if len(pieces) > MOST_PARTS:
        found.note(*_TOO_MUCH)
    parts = []
    for piece in pieces[:MOST_PARTS]:
        own, data = _split_fields(piece)
        if own.length is not None and not own.encoding:
            if own.length > len(data):
                found.note(*_DAMAGED)
                continue
            data = data[: own.length]
        parts.append((own, data))
    return parts


def _boundary(fields: _Fields) -> str | None:
    match = _BOUNDARY.search(fields.declared)
    return next(filter(None, match.groups())).strip() if match else None


def _cut(inside: bytes, boundary: str) -> list[bytes]:
    """Return the parts between the lines with the boundary; the last one may have none behind it."""
    line = rf"(?:\r?\n)?--{re.escape(boundary)}(?P<last>--)?[ \t]*+(?:\r?\n|\Z)"
    line_of_boundary = re.compile(line.encode("latin-1", "replace"))
    lines = list(islice(line_of_boundary.finditer(inside), MOST_PARTS + 2))
    between = zip(lines, [line.start() for line in lines[1:]] + [len(inside)], strict=False)
    return [inside[line.end() : end] for line, end in between if not line["last"] and line.end() < end]


def _split_fields(part: bytes) -> tuple[_Fields, bytes]:
    """Return what the fields at the head of a part say, and what is behind them."""
    match = _HEADERS.match(part[:_MOST_HEADER_BYTES])
    if match is None:
        return _Fields(), part.removeprefix(b"\r").removeprefix(b"\n")
    values: dict[str, str] = {}
    for field in _FIELD.finditer(match["fields"]):
        name = field["name"].decode("ascii").lower()
        values.setdefault(name, " ".join(field["value"].decode("latin-1").split()))
    length = values.get("content-length", "")
    fields = _Fields(
        values.get("content-type") or "text/plain",
        values.get("content-transfer-encoding", "").lower(),
        values.get("content-disposition", "").lower().startswith("attachment"),
        int(length) if length.isascii() and length.isdigit() and len(length) < 16 else None,
    )
    return fields, part[match.end() :]


def _decoded(found: FoundLinks, encoding: str, data: bytes) -> bytes | None:
    if encoding == "quoted-printable":
        return a2b_qp(data)
    if encoding != "base64":
        return data
    digits = _NOT_BASE64.sub(b"", data)
    try:
        return a2b_base64(digits + b"=" * (-len(digits) % 4))
    except Base64Error:
        found.note(*_DAMAGED)
        return None
