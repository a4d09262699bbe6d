"""Lines of one digest each, perhaps with the name of a file behind it, as `sha256sum` and its like write them."""

from __future__ import annotations

import binascii
import re

from orbweaver.matcher_client.errors import BadFileError, BadRowError, LeftOutError
from orbweaver.matcher_client.lists.file_format import DIGEST_BYTES, Label
from orbweaver.matcher_client.lists.readers.columns import DIGEST_COLUMNS, column_name, names_another_algorithm
from orbweaver.matcher_client.lists.row import Row, bare_hex, lone_digest

_HEX_DIGITS = b"0123456789abcdefABCDEF"
PLACE_BY_HEX_LENGTH = {2 * width: place for place, width in enumerate(DIGEST_BYTES.values())}
_OTHER_DIGESTS = {
    8: "a CRC-32",
    24: "an MD5 in base64, whose column has to say so (md5_base64)",
    28: "a SHA-1 in base64, whose column has to say so (sha1_base64)",
    44: "a SHA-256 in base64, whose column has to say so (sha256_base64)",
    56: "a SHA-224",
    96: "a SHA-384",
    128: "a SHA-512 or a BLAKE2b",
}
# A digest alone on its line, as certutil and others write it: blanks or colons between the bytes.
_SPACED_DIGEST = re.compile(rb"(?:[0-9a-fA-F]{2}[ :-]){15,31}[0-9a-fA-F]{2}")

# What begins a comment in the files of sha256sum and md5deep, of fsum and RHash, and of FCIV.
_COMMENTS = (b"#", b";", b"//")
_LONGEST_ALGORITHM = 24


def wrong_length(length: int) -> str:
    """Say why a digest of so many characters is none of ours."""
    other = _OTHER_DIGESTS.get(length)
    if other is not None:
        return f"a digest of {length} characters is {other}: give MD5, SHA-1 or SHA-256"
    return f"a digest has 32, 40 or 64 hex digits, not {length} characters"


def is_digest(text: bytes) -> bool:
    """Whether a text is a digest of ours in hex digits."""
    return len(text) in PLACE_BY_HEX_LENGTH and not text.strip(_HEX_DIGITS)


def has_columns(line: bytes) -> bool:
    """Whether a line is a digest among other fields, as in a CSV."""
    fields = re.split(rb"[,;\t]", line)
    return len(fields) > 1 and any(is_digest(field.strip(b' "')) for field in fields)


class BareLines:
    """Lines of one digest each, perhaps with a file name after it."""

    first: bytes | None = None
    unread: str | None = None

    def __init__(self, list_name: str, other_algorithm: str | None = None) -> None:
        self._label = Label(list_name, None, None, None)
        self._longest = len(DIGEST_BYTES)  # a place in DIGEST_BYTES: SHA-256 comes first
        self._other_algorithm = other_algorithm  # what the file's name says
        self._section: str | None = None  # what a comment above the lines says, if that is not ours

    def parse(self, line: bytes) -> Row | None:
        """Return the row of a line, None for a line without one; raises BadRowError."""
        place = PLACE_BY_HEX_LENGTH.get(len(line))
        # A digest and a short name are as long as a longer digest.
        if place is None or line.strip(_HEX_DIGITS):
            line = line.strip()
            if not line or line.startswith(_COMMENTS):
                self._read_comment(line)
                return None
            # sha256sum writes "digest  name" or "digest *name", and a backslash first if it escaped the name.
            if _SPACED_DIGEST.fullmatch(line):
                line = bare_hex(line.decode("ascii")).encode()
            if line[:1] == line[-1:] == b'"':
                line = line[1:-1]
            line, _, name = line.removeprefix(b"\\").removeprefix(b"0x").partition(b" ")
            if b"\0" in name:
                raise BadFileError("ends its lines with NUL, as sha256sum -z does: write it without -z")
            place = PLACE_BY_HEX_LENGTH.get(len(line))
            if place is None and name and line.strip(_HEX_DIGITS):
                raise BadRowError("the line does not begin with a digest")
            if place is None:
                raise BadRowError(wrong_length(len(line)))
            # Some programs write one blank where sha256sum writes two. Another digest is no name.
            if is_digest(name.strip().partition(b" ")[0]):
                raise BadRowError("two digests on the line: name the columns in a first line, such as md5 and sha1")
            if name.startswith(b"?") and column_name(named := _named_before(name)) not in DIGEST_COLUMNS:
                raise LeftOutError(f"{named[:20]} is not MD5, SHA-1 or SHA-256")
        try:
            digest = binascii.unhexlify(line)
        except ValueError:
            raise BadRowError("the digest has characters that are not hex digits") from None
        if self._other_algorithm is not None:
            raise BadFileError(
                f"is of digests that are not MD5, SHA-1 or SHA-256, as its name says ({self._other_algorithm}): give "
                "one of those; if they are, give the file another name"
            )
        if self._section is not None:
            raise LeftOutError(f"{self._section} is not MD5, SHA-1 or SHA-256")
        if place < self._longest:
            self._longest = place
        return Row(lone_digest(place, digest), self._label)

    def _read_comment(self, line: bytes) -> None:
        """Take a comment that is the name of an algorithm, as GtkHash writes one above the digests."""
        text = line.decode(errors="replace").strip("#;/*:=- \t")
        name = column_name(text)
        if name in DIGEST_COLUMNS:
            self._section = None
        elif len(text) <= _LONGEST_ALGORITHM and len(text.split()) <= 2 and names_another_algorithm(name):
            self._section = text.upper()

    def may_be_cut(self, line: bytes) -> bool:
        """Whether a last line without an end may be the start of a digest as long as others in the file."""
        return is_digest(line) and PLACE_BY_HEX_LENGTH[len(line)] > self._longest

    def tell_apart(self, line: bytes) -> str | None:
        """Say what an unusable line would be in a list of another kind; None when nothing."""
        return "has columns, and those before it have none" if has_columns(line) else None


def _named_before(name: bytes) -> str:
    """Return the algorithm that fsum writes before the name of a file: `?SHA256*a.jpg`."""
    return name[1:].partition(b"*")[0].decode(errors="replace")
