"""Types by first bytes. Input: one byte for how often the rest is repeated, the head of a file."""

from __future__ import annotations

from orbweaver.crawler.bodies.body import media_type
from orbweaver.crawler.bodies.sniff import HEAD_BYTES, has_binary_data, sniff

from fuzz.promises import in_time_for, stretched

TOKENS = (
    *(b"<!DOCTYPE html", b"<html", b"<?xml", b"<svg", b"<!--", b"-->", b"<!ENTITY", b"[", b"]>", b" ", b"\xef\xbb\xbf"),
    *(b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"RIFF", b"WEBP", b"PK\x03\x04", b"%PDF-", b"ftyp", b"\0\0\0"),
    *(b"OggS", b"ID3", b"\x1a\x45\xdf\xa3", b"7z\xbc\xaf", b"Rar!", b"word/", b"mimetype", b"text/html; charset="),
)


def check(data: bytes) -> None:
    head = stretched(data)
    with in_time_for(head):
        found = sniff(head)
        has_binary_data(head)
        declared = media_type(head.decode("latin-1"))
    assert found == sniff(head[:HEAD_BYTES]), "what follows the head changed its type"
    for one in (found, declared):
        assert one is None or media_type(one) == one, "not a media type"
