"""Reads one body from the wire: decodes, sniffs and hashes it, opens archives, holds only documents up to a limit."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from orbweaver.crawler.bodies.archives.archive_limits import NOTHING_INSIDE, ArchiveLimits, Contents
from orbweaver.crawler.bodies.archives.archive_reader import ArchiveReader
from orbweaver.crawler.bodies.declared_encodings import DeclaredDecoder
from orbweaver.crawler.bodies.decoding import Decoder, decoder_for
from orbweaver.crawler.bodies.digests import Digester, DirectDigester
from orbweaver.crawler.bodies.document_kinds import HTML_TYPES, DocumentKind, recognise
from orbweaver.crawler.bodies.sniff import HEAD_BYTES, has_binary_data, sniff
from orbweaver.crawler.errors import UndecodableBody
from orbweaver.crawler.transfer_errors import BadResponse, BodyCut, BodyTooLarge, TransferTooSlow
from orbweaver.model import DigestSet

_MEDIA_TYPE = re.compile(
    r"[ \t]*+(?P<type>[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63})(?=[ \t;(]|\Z)"
)
# The types that the first bytes of a document rightly served as HTML may show.
MARKUP_TYPES = frozenset(
    {
        "text/html",
        "text/xml",
        "application/xhtml+xml",
        "application/rss+xml",
        "application/atom+xml",
        "application/rdf+xml",
        "image/svg+xml",
    }
)
DEFAULT_ARCHIVE_LIMITS = ArchiveLimits()

# After so many received bytes an encoded body must have decoded to a tenth of what was received.
DECODES_TO_SOMETHING = 2**20


@dataclass(frozen=True)
class BodyLimits:
    """Limits on one body.

    At most `html_bytes` of a document, HTML or other, are held. More than `file_bytes`, decoded or received, end the
    transfer. After `grace_seconds` the mean rate must reach `slowest_bytes_per_second`.
    """

    html_bytes: int
    file_bytes: float
    grace_seconds: float
    slowest_bytes_per_second: int
    archive: ArchiveLimits = DEFAULT_ARCHIVE_LIMITS

    def at_most(self, file_bytes: float) -> BodyLimits:
        """Return the same limits for a body that may be no larger than `file_bytes`."""
        return self if file_bytes >= self.file_bytes else replace(self, file_bytes=file_bytes)


@dataclass(frozen=True)
class Body:
    """The facts that remain of a body: digests of a file, the document to read for references, or both.

    A page that is served as a page has no digests. `archive` has the members of a file that is an archive, or has
    one behind its own bytes. `digests_as_sent` are those of a file before its encodings were undone, where browsers
    disagree whether they are.
    """

    digests: DigestSet | None
    document: bytes | None
    document_kind: DocumentKind | None
    is_document_cut: bool
    archive: Contents
    sniffed_type: str | None
    bytes_received: int
    digests_as_sent: DigestSet | None = None

    @property
    def html(self) -> bytes | None:
        """The document when it is a page, else None."""
        return self.document if self.document_kind in {DocumentKind.HTML, DocumentKind.XHTML} else None


class BodyReader:
    """Takes a body's chunks and decides from its first bytes what it is.

    A body that is declared as HTML, or begins like HTML, is read as a page; document_kinds recognises the other
    documents. A body that is not declared as HTML, or does not begin like text, is hashed as a file: an image may be
    served as HTML and HTML as an image, and some files are both. A style sheet, playlist or feed is a file as well.

    `announced_bytes` is the size on the wire that the headers give. A body whose announced size is over a limit is
    refused before it is read; `admit_bytes` is called with that size, and may raise. Of a page only the beginning may
    be read, so a body that is declared as HTML is refused only when its first bytes show that it is a file.
    """

    def __init__(
        self,
        *,
        content_type: str | None,
        content_encoding: str,
        limits: BodyLimits,
        spend_bytes: Callable[[int], None] = lambda _: None,
        announced_bytes: int | None = None,
        admit_bytes: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._content_type = media_type(content_type)
        self._announced_bytes = announced_bytes
        self._admit_bytes = admit_bytes
        self._limits = limits
        self._spend_bytes = spend_bytes
        try:
            self._decoder = DeclaredDecoder(content_encoding, self._content_type)
        except UndecodableBody as error:
            raise BadResponse(str(error)) from error
        self._as_sent = DirectDigester() if self._decoder.may_be_kept_encoded else None
        self._head = bytearray()
        self._is_decided = False
        self._digester: Digester | None = None
        self._archive: ArchiveReader | None = None
        self._document: bytearray | None = None
        self._document_kind: DocumentKind | None = None
        self._document_decoder: Decoder = decoder_for("")
        self._is_document_cut = False
        self._sniffed: str | None = None
        self._decoded_bytes = 0
        self.bytes_received = 0
        self._began = time.monotonic()

    async def read(self, chunks: AsyncIterable[bytes]) -> Body:
        """Read to the end; meanwhile other threads hash a large body.

        Raises BodyTooLarge, TransferTooSlow, BodyCut (an encoded stream without its end), BadResponse, or what
        `spend_bytes` raises.
        """
        if self._is_read_whole:
            self._refuse_if_announced_too_large()
        async for chunk in chunks:
            self._receive(len(chunk))
            if self._as_sent is not None:
                self._as_sent.update(chunk)
            await self._take_all(self._decoder.feed(chunk))
            if self.bytes_received > self._limits.file_bytes:
                raise BodyTooLarge(f"more than {self._limits.file_bytes} bytes received")
            # Empty gzip members or brotli metadata without end: a true compression saves bytes.
            if self._decoded_bytes * 10 < self.bytes_received - DECODES_TO_SOMETHING:
                raise BadResponse("the encoded body decodes to almost nothing")
            if self._is_document_cut and self._digester is None:
                return self._result()  # the rest of an over-long page is not wanted
        await self._take_all(self._decoder.finish())
        if self.bytes_received and not self._decoder.is_finished:
            raise BodyCut("the encoded body ends before its end mark")
        if not self._is_decided:
            self._decide(bytes(self._head))
        if self._digester is not None:
            await self._digester.settle()
        return self._result()

    def document_so_far(self) -> Body | None:
        """Return what came of a document whose transfer failed, without digests; None of other files.

        Raises BodyTooLarge.
        """
        with suppress(UndecodableBody):  # what the decoder has held back, to see how the body begins
            for piece in self._decoder.finish():
                self._take(piece)
        if not self._is_decided and self._head:
            self._decide(bytes(self._head))
        if not self._document:
            return None
        return Body(
            digests=None,  # no digest of a part is that of a file
            document=bytes(self._document),
            document_kind=self._document_kind,
            is_document_cut=False,  # it is read as far as it came
            archive=NOTHING_INSIDE,
            sniffed_type=self._sniffed,
            bytes_received=self.bytes_received,
        )

    async def _take_all(self, pieces: Iterator[bytes]) -> None:
        try:
            for piece in pieces:
                self._take(piece)
                # A few bytes may decode to very many; they must not pile up in memory.
                if self._digester is not None and self._digester.is_behind:
                    await self._digester.hand_over()
        except UndecodableBody as error:
            raise BadResponse(str(error)) from error

    @property
    def _is_read_whole(self) -> bool:
        """Whether a body of the announced size would be read to its end, or to a limit that ends the transfer."""
        most = min(self._announced_bytes or 0, self._limits.file_bytes)
        return self._content_type not in HTML_TYPES or most <= self._limits.html_bytes

    def _refuse_if_announced_too_large(self) -> None:
        announced = self._announced_bytes
        if announced is None:
            return
        if announced > self._limits.file_bytes:
            raise BodyTooLarge(f"{announced} bytes were announced, and {self._limits.file_bytes} are allowed")
        self._admit_bytes(announced)

    def _receive(self, received: int) -> None:
        self.bytes_received += received
        self._spend_bytes(received)
        self._check_pace()

    def _check_pace(self) -> None:
        elapsed = time.monotonic() - self._began
        if elapsed <= self._limits.grace_seconds:
            return
        if self.bytes_received < elapsed * self._limits.slowest_bytes_per_second:
            rate = self.bytes_received / elapsed
            raise TransferTooSlow(f"{rate:.0f} bytes/s after {elapsed:.0f} s")

    def _take(self, piece: bytes) -> None:
        self._decoded_bytes += len(piece)
        if self._decoded_bytes > self._limits.file_bytes:
            raise BodyTooLarge(f"more than {self._limits.file_bytes} bytes when decoded")
        if self._is_decided:
            self._spend(piece)
            return
        head = piece if not self._head else bytes(self._head) + piece
        if len(head) >= HEAD_BYTES:
            self._head.clear()
            self._decide(head)
        else:
            self._head = bytearray(head)

    def _decide(self, head: bytes) -> None:
        self._is_decided = True
        self._sniffed = sniff(head[:HEAD_BYTES])
        is_declared_html = self._content_type in HTML_TYPES
        if recognised := recognise(self._content_type, self._sniffed, head):
            self._document = bytearray()
            self._document_kind = recognised.kind
            self._document_decoder = decoder_for("gzip" if recognised.is_gzipped else "")
        begins_like_markup = self._sniffed in MARKUP_TYPES or (self._sniffed is None and not has_binary_data(head))
        if not (is_declared_html and begins_like_markup):
            if not self._is_read_whole:
                self._refuse_if_announced_too_large()
            self._archive = ArchiveReader(self._limits.archive)
            self._digester = Digester(also=self._archive)
        self._spend(head)

    def _spend(self, piece: bytes) -> None:
        if self._digester is not None:
            self._digester.update(piece)
        if self._document is not None and not self._is_document_cut:
            self._hold(self._document, piece)

    def _hold(self, document: bytearray, piece: bytes) -> None:
        try:
            for part in self._document_decoder.feed(piece):
                room = self._limits.html_bytes - len(document)
                document += part[:room]
                if len(part) > room:
                    self._is_document_cut = True
                    return
        except UndecodableBody:
            self._is_document_cut = True  # a damaged gzip file is still a file, and its whole part is read

    def _result(self) -> Body:
        is_kept_encoded = self._digester is not None and self._decoder.may_be_kept_encoded
        return Body(
            digests=None if self._digester is None else self._digester.digest_set(),
            digests_as_sent=self._as_sent.digest_set() if self._as_sent is not None and is_kept_encoded else None,
            document=None if self._document is None else bytes(self._document),
            document_kind=self._document_kind,
            is_document_cut=self._is_document_cut or not self._document_decoder.is_finished,
            archive=NOTHING_INSIDE if self._archive is None else self._archive.contents(),
            sniffed_type=self._sniffed,
            bytes_received=self.bytes_received,
        )


def media_type(content_type: str | None) -> str | None:
    """Return the bare, lower-case media type of a Content-Type header (RFC 6838, 4.2), None when it is none.

    Several headers are one list, of which browsers take the last that is a type (https://fetch.spec.whatwg.org/
    #concept-header-extract-mime-type); a blank ends a type, too. Another text could be anything, also content, and is
    not kept.

    >>> media_type("text/html charset=utf-8, text/html")
    'text/html'
    """
    found = None
    for part in (content_type or "").lower().split(","):
        if bare := _MEDIA_TYPE.match(part):
            found = bare["type"]
    return found
