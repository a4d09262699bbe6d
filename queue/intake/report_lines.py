"""Lines of a reports file: bounded, counted, decoded one by one, and made harmless where people see them."""

from __future__ import annotations

import codecs
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Final

from orbweaver.matcher_client.lists.file_kind import binary_kind
from orbweaver.queue.errors import ReportsUnreadable

MAX_LINE_LENGTH: Final = 64 * 1024
MAX_EXCERPT_LENGTH: Final = 60

_UTF8_BOM = b"\xef\xbb\xbf"
# Python's codecs of names and of its own source. No file of texts is in one, and `punycode` takes quadratic time.
_NO_TEXTS = frozenset({"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"})
_UTF16_BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Line:
    """A line counted from 1, without its end; `fault` says why it cannot be read, if so.

    A byte that is not UTF-8 is kept in `text` as Python's surrogateescape does, so that it costs its own field only.
    """

    number: int
    text: str
    fault: str | None = None


def first_piece(stream: IO[bytes] | IO[str]) -> bytes | str:
    """Return a stream's first line, its end with it, MAX_LINE_LENGTH of it at most."""
    return stream.readline(MAX_LINE_LENGTH + 2)


def encoding_of(first: bytes | str, declared: str | None, name: str) -> str | None:
    """Return the encoding of a file as it was declared, or as its byte order mark says; None for UTF-8.

    Raises ReportsUnreadable for a declared one that Python does not know.
    """
    if declared is None:
        return "UTF-16" if isinstance(first, bytes) and first.startswith(_UTF16_BOMS) else None
    try:
        known = codecs.lookup(declared).name
        "".encode(declared)  # raises LookupError for a codec that is not of text
    except (LookupError, ValueError):
        known = "undefined"
    if known in _NO_TEXTS:
        raise ReportsUnreadable(
            f"{name}: the encoding {declared!r} is not known; write one such as windows-1252 or utf-16"
        )
    return None if known == "utf-8" else declared


def number_lines(
    first: bytes | str, stream: IO[bytes] | IO[str], name: str, *, encoding: str | None = None
) -> Iterator[Line]:
    """Yield the lines of a stream of which `first` was read; no more than MAX_LINE_LENGTH of one is ever held.

    `encoding` is that of the whole file, None for UTF-8. Raises ReportsUnreadable.
    """
    pieces = _pieces(first, stream)
    if encoding is not None:
        pieces = _as_utf8(pieces, encoding, name)
    for number, piece in enumerate(pieces, 1):
        if number == 1 and encoding is None:
            _refuse_binary(piece, name)
        data = piece.removeprefix(_UTF8_BOM if number == 1 else b"").removesuffix(b"\n").removesuffix(b"\r")
        if len(data) > MAX_LINE_LENGTH:
            start = data[: 4 * MAX_EXCERPT_LENGTH].decode("utf-8", "surrogateescape")
            if not piece.endswith(b"\n"):
                next((part for part in pieces if part.endswith(b"\n")), None)
            yield Line(number, start, "line is longer than 64 KiB")
            continue
        text = data.decode("utf-8", "surrogateescape")
        yield Line(number, text, _fault_of(text))


def _pieces(first: bytes | str, stream: IO[bytes] | IO[str]) -> Iterator[bytes]:
    """Yield bounded pieces: a line each, with its end, or a part of one that is too long."""
    piece: bytes | str = first
    while piece:
        # A text stream's line goes back to bytes, so that both kinds of stream have one set of rules.
        yield piece if isinstance(piece, bytes) else piece.encode("utf-8", "surrogatepass")
        piece = stream.readline(MAX_LINE_LENGTH + 2)


def _as_utf8(pieces: Iterator[bytes], encoding: str, name: str) -> Iterator[bytes]:
    """Yield the pieces in UTF-8, a line each again, or a part of one that is too long. Raises ReportsUnreadable."""
    decoder = codecs.getincrementaldecoder(encoding)()
    text = ""
    try:
        for piece, is_last in itertools.chain(((piece, False) for piece in pieces), [(b"", True)]):
            text += decoder.decode(piece, is_last)
            *lines, text = text.split("\n")
            yield from (f"{line}\n".encode("utf-8", "surrogatepass") for line in lines)
            while len(text) > MAX_LINE_LENGTH:
                yield text[: MAX_LINE_LENGTH + 2].encode("utf-8", "surrogatepass")
                text = text[MAX_LINE_LENGTH + 2 :]
        if text:
            yield text.encode("utf-8", "surrogatepass")
    except UnicodeError:
        raise ReportsUnreadable(f"{name}: not {encoding} text; say its encoding with --encoding") from None


def _refuse_binary(first_line: bytes, name: str) -> None:
    if first_line.startswith(_GZIP):
        raise ReportsUnreadable(f"{name}: this is a gzip file; unpack it first and try again")
    # Every report begins with an ASCII character.
    if len(first_line) > 1 and first_line.count(0, 0, 2) == 1:
        order = "be" if first_line[0] == 0 else "le"
        raise ReportsUnreadable(f"{name}: looks like UTF-16 without its mark; say it with --encoding utf-16-{order}")
    kind = binary_kind(first_line)
    if kind is not None:
        raise ReportsUnreadable(f"{name}: this is {kind} and no reports: give URLs, one a line, or a CSV")


def _fault_of(text: str) -> str | None:
    if "\0" in text:
        return "NUL byte in the line"
    if "\r" in text:
        return "carriage return inside the line; save with Unix or Windows line ends"
    return None


def has_stray_bytes(text: str) -> bool:
    """Whether a text has bytes in it that are not UTF-8."""
    return any("\udc80" <= character <= "\udcff" for character in text)


def excerpt_of(text: str) -> str:
    r"""Return the start of a line for people: printable, not clickable, MAX_EXCERPT_LENGTH at most.

    >>> excerpt_of("\x1b[2Jhttp://example.com/")
    '\\x1b[2Jhxxp://example.com/'
    """
    text = text[: 2 * MAX_EXCERPT_LENGTH].strip()
    if has_stray_bytes(text):
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    text = re.sub(r"http(?=s?:)", "hxxp", text, flags=re.IGNORECASE)
    escaped = "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )
    return escaped if len(escaped) <= MAX_EXCERPT_LENGTH else escaped[: MAX_EXCERPT_LENGTH - 3] + "..."
