"""Lines of a reports file: bounded, counted, decoded one by one, and made harmless where people see them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Final

from orbweaver.matcher_client.lists.file_kind import binary_kind
from orbweaver.queue.errors import ReportsUnreadable

MAX_LINE_LENGTH: Final = 64 * 1024
MAX_EXCERPT_LENGTH: Final = 60

_UTF8_BOM = b"\xef\xbb\xbf"
# First bytes of files that people send by mistake, and what to say to them.
_OTHER_FORMATS = (
    (b"\xff\xfe", "UTF-16 text; save it as UTF-8"),
    (b"\xfe\xff", "UTF-16 text; save it as UTF-8"),
    (b"PK\x03\x04", "a ZIP or XLSX file; save the sheet as CSV UTF-8"),
    (b"\x1f\x8b", "a gzip file; unpack it first"),
)


@dataclass(frozen=True, slots=True)
class Line:
    """A line counted from 1, without its end; `fault` says why it cannot be read, if so."""

    number: int
    text: str
    fault: str | None = None


def number_lines(stream: IO[bytes] | IO[str], name: str) -> Iterator[Line]:
    """Yield the lines of a stream; no more than MAX_LINE_LENGTH of one is ever held."""
    number = 0
    while piece := stream.readline(MAX_LINE_LENGTH + 2):
        number += 1
        # A text stream's line goes back to bytes, so that both kinds of stream have one set of rules.
        data = piece if isinstance(piece, bytes) else piece.encode("utf-8", "surrogatepass")
        if number == 1:
            for magic, advice in _OTHER_FORMATS:
                if data.startswith(magic):
                    raise ReportsUnreadable(f"{name}: this is {advice} and try again")
            _refuse_binary(data, name)
            data = data.removeprefix(_UTF8_BOM)
        is_ended = data.endswith(b"\n")
        data = data.removesuffix(b"\n").removesuffix(b"\r")
        if len(data) > MAX_LINE_LENGTH:
            start = data[: 4 * MAX_EXCERPT_LENGTH].decode("utf-8", "replace")
            if not is_ended:
                _skip_line(stream)
            yield Line(
                number,
                start,
                "line is longer than 64 KiB",
            )
            continue
        try:
            yield Line(number, text := data.decode(), _fault_of(text))
        except UnicodeDecodeError:
            yield Line(number, data.decode("utf-8", "backslashreplace"), "not valid UTF-8")


def _refuse_binary(first_line: bytes, name: str) -> None:
    kind = binary_kind(first_line)
    if kind is not None:
        raise ReportsUnreadable(f"{name}: this is {kind} and no reports: give URLs, one a line, or a CSV")


def _skip_line(stream: IO[bytes] | IO[str]) -> None:
    while piece := stream.readline(MAX_LINE_LENGTH):
        if piece[-1:] in (b"\n", "\n"):
            return


def _fault_of(text: str) -> str | None:
    if "\0" in text:
        return "NUL byte in the line"
    if "\r" in text:
        return "carriage return inside the line; save with Unix or Windows line ends"
    return None


def excerpt_of(text: str) -> str:
    r"""Return the start of a line for people: printable, not clickable, MAX_EXCERPT_LENGTH at most.

    >>> excerpt_of("\x1b[2Jhttp://example.com/")
    '\\x1b[2Jhxxp://example.com/'
    """
    text = re.sub(r"http(?=s?:)", "hxxp", text[: 2 * MAX_EXCERPT_LENGTH].strip(), flags=re.IGNORECASE)
    escaped = "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )
    return escaped if len(escaped) <= MAX_EXCERPT_LENGTH else escaped[: MAX_EXCERPT_LENGTH - 3] + "..."
