"""Chooses by a body's first bytes which of its declared Content-Encodings are undone.

Servers declare what is no coding ("none", "UTF-8", "binary", "aws-chunked"), and codings that they did not apply.
Chromium (net/url_request/url_request_http_job.cc, SetUpSourceStream) undoes nothing when one token is unknown to it;
Firefox (netwerk/protocol/http/HttpBaseChannel.cpp, DoApplyContentConversions) ignores the unknown token and undoes the
others. Where that makes a difference, the body has two readings, and both are hashed.
"""

from __future__ import annotations

from collections.abc import Iterator

from orbweaver.crawler.bodies.decoding import (
    GZIP_MARK,
    MOST_ENCODINGS,
    ZSTD_MARK,
    Decoder,
    begins_zstd_frame,
    decoder_of,
    known_encodings,
)
from orbweaver.crawler.bodies.sniff import HEAD_BYTES, has_binary_data, sniff
from orbweaver.crawler.errors import UndecodableBody

# Apache's module mod_mime declares these files as gzip twice: by their type and by a coding, which browsers then keep.
_GZIPPED_TYPES = frozenset(
    {
        "application/gzip",
        "application/gzip-compressed",
        "application/gzipped",
        "application/tar+gzip",
        "application/x-compressed",
        "application/x-compressed-tar",
        "application/x-gtar",
        "application/x-gunzip",
        "application/x-gzip",
        "application/x-tar",
        "application/x-tgz",
    }
)


class DeclaredDecoder:
    """Undoes the codings that a Content-Encoding header names and the first bytes do not belie.

    A body that does not begin like its coding is taken as it is when its first bytes show what it is: the mark of a
    file, or text. Else it is refused, as what is damaged is. `media_type` is its declared type. With
    `may_be_kept_encoded` browsers disagree: who saves the file may have its bytes as they were sent.
    Raises UndecodableBody for more than MOST_ENCODINGS known codings.
    """

    def __init__(self, content_encoding: str, media_type: str | None) -> None:
        self._names, has_unknown = known_encodings(content_encoding)
        if len(self._names) > MOST_ENCODINGS:
            raise UndecodableBody(f"{len(self._names)} content encodings on one body")
        self.may_be_kept_encoded = bool(self._names) and (has_unknown or media_type in _GZIPPED_TYPES)
        self._held: bytearray | None = bytearray() if self._names else None
        self._decoder: Decoder = decoder_of(())

    @property
    def is_finished(self) -> bool:
        """Whether the end mark of the stream was seen; `finish` comes before."""
        return self._decoder.is_finished

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield decoded pieces; raises UndecodableBody."""
        if self._held is None:
            yield from self._decoder.feed(data)
            return
        self._held += data
        if len(self._held) >= HEAD_BYTES:
            yield from self.finish()

    def finish(self) -> Iterator[bytes]:
        """Yield what was held back to see how the body begins."""
        if self._held is None:
            return
        head, self._held = bytes(self._held), None
        names = _undone(self._names, head[:HEAD_BYTES])
        self.may_be_kept_encoded = self.may_be_kept_encoded and bool(names)
        self._decoder = decoder_of(names)
        yield from self._decoder.feed(head)


def _undone(names: tuple[str, ...], head: bytes) -> tuple[str, ...]:
    """Return those codings, in the order in which they were applied, that the first bytes of a body do not belie."""
    undone: tuple[str, ...] = ()
    for place, name in reversed(list(enumerate(names))):
        inside = _inside(name, head)
        if inside is None and _shows_itself(head):
            continue
        undone = (name, *undone)
        if not inside:  # damaged, or too short to tell
            return (*names[:place], *undone)
        head = inside
    return undone


def _inside(name: str, head: bytes) -> bytes | None:
    """Return the beginning of what is inside, as far as it can be told, or None where this is not the coding."""
    mark = {"gzip": GZIP_MARK, "zstd": ZSTD_MARK}.get(name)
    if mark is not None and not (mark.startswith(head) or head.startswith(mark)):
        return b"" if name == "zstd" and begins_zstd_frame(head) else None
    try:
        return next(decoder_of((name,)).feed(head), b"")[:HEAD_BYTES]
    except UndecodableBody:
        return b"" if mark is not None else None


def _shows_itself(head: bytes) -> bool:
    return sniff(head) is not None or not has_binary_data(head)
