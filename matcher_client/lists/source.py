"""Opens a list as people send it: plain or with gzip, UTF-8 or UTF-16, with or without a byte order mark."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from pathlib import Path
from typing import BinaryIO

from orbweaver.matcher_client.errors import BadFileError
from orbweaver.matcher_client.lists.file_kind import binary_kind

HEAD_BYTES = 64 * 1024
_BLOCK_BYTES = 64 * 1024
_KIND_BYTES = 4_096
_GZIP = b"\x1f\x8b"
_UTF8_MARK = codecs.BOM_UTF8
# Formats that may contain a list; the user has to unpack them.
_CONTAINERS = {
    _GZIP: "gzip data inside gzip data",
    b"PK\x03\x04": "a ZIP archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"BZh": "bzip2 data",
    b"\xfd7zXZ\x00": "xz data",
    b"\x28\xb5\x2f\xfd": "Zstandard data",
}
# Formats of other programs, which can write their digests as text.
_PROGRAMS = {
    b"SQLite format 3\x00": "an SQLite database: export its table of digests as CSV, with a header",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "a file of Excel 97 or another old program: save it as CSV",
    b"HASH\r\n\xff\x00": "a hash set of EnCase: export it as text, with a header",
}
_SPREADSHEETS = (b"[Content_Types].xml", b"mimetypeapplication/vnd.oasis.opendocument", b"xl/", b"_rels/.rels")


def open_source(path: Path) -> BinaryIO:
    """Open a list of any of these forms, and return its text as UTF-8 without a byte order mark; close it after use.

    gzip is recognised by its first bytes. Its ratio has no limit, because only one block at a time is in memory.

    Raises OSError, and BadFileError when the file is no such text; reading raises the same errors.
    """
    file: BinaryIO = path.open("rb", buffering=_BLOCK_BYTES)
    try:
        if _starts(file) == _GZIP:
            file = io.BufferedReader(_Gunzipped(file), _BLOCK_BYTES)
        encoding, mark = _detect_encoding(file)
        file.read(mark)
        return file if encoding is None else io.BufferedReader(_Transcoded(file, encoding), _BLOCK_BYTES)
    except BaseException:
        file.close()
        raise


def read_head(path: Path) -> bytes:
    """Return up to 64 KiB of a list's text, as far as it can be read; raises the errors of open_source."""
    with open_source(path) as file:
        blocks = []
        length = 0
        try:
            while length < HEAD_BYTES and (block := file.read1(HEAD_BYTES - length)):  # type: ignore[attr-defined]
                blocks.append(block)
                length += len(block)
        except BadFileError:
            pass  # the reader of the whole file reports it, after the rows before it
        return b"".join(blocks)


def _starts(file: BinaryIO, length: int = 2) -> bytes:
    try:
        return file.peek(length)[:length]  # type: ignore[attr-defined, no-any-return]
    except BadFileError:
        return b""  # the reader of the whole file reports it


def _detect_encoding(file: BinaryIO) -> tuple[str | None, int]:
    """Return the encoding (None: UTF-8) and the length of its mark in bytes."""
    start = _starts(file, 16)
    for magic, name in _PROGRAMS.items():
        if start.startswith(magic):
            raise BadFileError(f"is {name}")
    # The name of a ZIP archive's first member begins at byte 30.
    if start.startswith(b"PK\x03\x04") and _starts(file, _KIND_BYTES)[30:].startswith(_SPREADSHEETS):
        raise BadFileError("is an Excel or LibreOffice file: save the sheet with the digests as CSV")
    for magic, name in _CONTAINERS.items():
        if start.startswith(magic):
            raise BadFileError(f"is {name}: unpack it, and give the list inside")
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise BadFileError("is UTF-32: save it as UTF-8")
    if start.startswith(_UTF8_MARK):
        return None, len(_UTF8_MARK)
    if start.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le", 2
    if start.startswith(codecs.BOM_UTF16_BE):
        return "utf-16-be", 2
    kind = binary_kind(_starts(file, _KIND_BYTES))
    if kind is not None:
        raise BadFileError(f"is {kind} and no list: give the list of its digests")
    # No list begins with a NUL, and every list begins with an ASCII character.
    if len(start) >= 2 and start[0] and not start[1]:
        return "utf-16-le", 0
    if len(start) >= 2 and start[1] and not start[0]:
        return "utf-16-be", 0
    return None, 0


class _Layer(io.RawIOBase):
    """A reader on top of another reader; both are closed together."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._pending = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        while not self._pending:
            block = self._next()
            if block is None:
                return 0
            self._pending = block
        count = min(len(buffer), len(self._pending))
        buffer[:count] = self._pending[:count]
        self._pending = self._pending[count:]
        return count

    def _next(self) -> bytes | None:
        """Return more bytes, perhaps none; None at the end."""
        raise NotImplementedError

    def close(self) -> None:
        super().close()
        self._file.close()


class _Gunzipped(_Layer):
    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self._gzip = gzip.GzipFile(fileobj=file, mode="rb")

    def _next(self) -> bytes | None:
        try:
            return self._gzip.read(_BLOCK_BYTES) or None
        except EOFError:
            raise BadFileError("ends early (its gzip data is cut): get a complete copy") from None
        except (zlib.error, gzip.BadGzipFile):
            raise BadFileError("is damaged (its gzip data does not unpack): get it again") from None


class _Transcoded(_Layer):
    def __init__(self, file: BinaryIO, encoding: str) -> None:
        super().__init__(file)
        self._decoder = codecs.getincrementaldecoder(encoding)()

    def _next(self) -> bytes | None:
        block = self._file.read(_BLOCK_BYTES)
        try:
            text = self._decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            what = "ends early (inside a character)" if not block else "is damaged (not UTF-16 throughout)"
            raise BadFileError(f"{what}: get it again") from error
        return text.encode() if block or text else None
