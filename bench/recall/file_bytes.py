"""The content of the benchmark's files: seeded random bytes behind the first bytes of their type."""

from __future__ import annotations

import random
from pathlib import PurePosixPath

SIZE = 1_500
_HEADS = {
    "jpg": ("image/jpeg", bytes.fromhex("ffd8ffe000104a46494600010100000100010000")),
    "png": ("image/png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
    "gif": ("image/gif", b"GIF89a"),
    "webp": ("image/webp", b"RIFF\xdc\x05\0\0WEBPVP8 "),
    "avif": ("image/avif", b"\0\0\0\x1cftypavif\0\0\0\0avifmif1"),
    "ico": ("image/x-icon", b"\0\0\1\0\1\0\x10\x10"),
    "mp4": ("video/mp4", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"),
    "m4s": ("video/iso.segment", b"\0\0\0\x18stypmsdh\0\0\0\0msdhmsix"),
    "webm": ("video/webm", b"\x1a\x45\xdf\xa3\x01\0\0\0\0\0\0\x1f\x42\x82\x84webm"),
    "ts": ("video/mp2t", b"\x47\x40\x11\x10"),
    "mp3": ("audio/mpeg", b"ID3\x04\0\0\0\0\0\0"),
    "ogg": ("audio/ogg", b"OggS\0\2"),
    "pdf": ("application/pdf", b"%PDF-1.7\n"),
    "swf": ("application/x-shockwave-flash", b"CWS\x0a"),
}


def file_bytes(seed: str, name: str) -> bytes:
    """Return the bytes that a seed always gives, with the first bytes of the type that the name has."""
    source = random.Random(seed)
    if ending(name) == "svg":
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg"><desc>{source.randbytes(SIZE // 2).hex()}</desc></svg>'.encode()
        )
    _, head = _HEADS.get(ending(name), ("", b""))
    return head + source.randbytes(SIZE)


def content_type(name: str) -> str:
    """Return the type that a server declares for a file of this name."""
    if ending(name) == "svg":
        return "image/svg+xml"
    return _HEADS.get(ending(name), ("application/octet-stream", b""))[0]


def ending(name: str) -> str:
    return PurePosixPath(name.partition("?")[0]).suffix[1:].lower()
