"""Tells from the first bytes of a file which kind of archive it is, also of those that are not read.

Signatures are those of each format's own description; libmagic's `archive` and `compress` files have most of them.
"""

from __future__ import annotations

import re
from typing import Final

from orbweaver.crawler.bodies.archives.tar_headers import BLOCK_BYTES, TAR_MARK, TAR_MARK_PLACE, tar_header
from orbweaver.crawler.bodies.archives.zip_headers import BEGINNINGS

ZIP, TAR = "zip", "tar"
GZIP, XZ, LZMA, BZIP2, ZSTD = "gzip", "xz", "lzma", "bzip2", "zstd"
READ: Final = frozenset({ZIP, TAR, GZIP, XZ, LZMA, BZIP2, ZSTD})
# So many bytes show the kind of every file that is an archive; an ISO image shows its own later.
DECIDING_BYTES = BLOCK_BYTES

# By the number of bytes that each needs, so that a file has one kind, however its bytes arrive.
_SIGNATURES: Final[tuple[tuple[str, bytes], ...]] = (
    ("compress", rb"\x1f\x9d[\x89-\x90]"),
    (GZIP, rb"\x1f\x8b\x08[\x00-\x1f]"),
    # A frame, or a frame to skip (RFC 8878, 3.1.1 and 3.1.2).
    (ZSTD, rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"),
    ("lz4", rb"\x04\x22\x4d\x18|\x02\x21\x4c\x18"),
    ("squashfs", rb"hsqs|sqsh"),
    ("rpm", rb"\xed\xab\xee\xdb"),
    ("xar", rb"xar!"),
    ("alz", rb"ALZ\x01"),
    ("freearc", rb"ArC\x01"),
    ("zpaq", rb"zPQ[\x01\x02]|7kSt"),
    ("rar", rb"RE~\x5e|Rar!\x1a\x07"),
    ("lzip", rb"LZIP[\x00\x01]"),
    ("pdf", rb"%PDF-[12]"),
    (XZ, rb"\xfd7zXZ\x00"),
    ("egg", rb"EGGA\x00\x01"),
    ("cpio", rb"07070[127][0-9A-Fa-f]"),
    ("7z", rb"7z\xbc\xaf\x27\x1c"),
    ("lzh", rb"..-(?:l[hz]|pm)[0-9a-z]-"),
    ("disk", rb"QFI\xfb\x00\x00\x00|KDMV[\x01-\x03]\x00\x00\x00|vhdxfile|conectix"),
    ("ar", rb"!<arch>\n"),
    ("cab", rb"MSCF\x00\x00\x00\x00"),
    ("wim", rb"MSWIM\x00\x00\x00"),
    ("ole", rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    ("lzop", rb"\x89LZO\x00\r\n\x1a\n"),
    (BZIP2, rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"),
    # The size of the first header, at most 2,600, and the type of an archive's own header.
    ("arj", rb"\x60\xea.[\x00-\x0a][\x1e-\xff].....\x02"),
    # A usual dictionary, and a size that is unknown or below a terabyte.
    (LZMA, rb"\x5d\x00\x00(?:[\x01\x02\x04\x08\x10\x20\x40\x80]\x00|\x00[\x01\x02\x04])(?:\xff{8}|.{5}\x00{3})"),
    ("ace", rb".{7}\*\*ACE\*\*"),
    ("stuffit", rb"SIT!.{6}rLau|StuffIt \(c\)1997"),
    ("zoo", rb".{20}\xdc\xa7\xc4\xfd"),
    # Made by makeself, and by shar of GNU and of BSD.
    ("shell", rb"#! ?/bin/(?:ba)?sh\n# This (?:script was generated using Makeself|is a shell archive)"),
    ("disk", rb".{64}\x7f\x10\xda\xbe"),
)
_KINDS = tuple(kind for kind, _ in _SIGNATURES)
_SIGNATURE = re.compile(b"|".join(b"(%b)" % pattern for _, pattern in _SIGNATURES), re.DOTALL)

RAR_MARK: Final = b"Rar!\x1a\x07"
SEVEN_ZIP_MARK: Final = b"7z\xbc\xaf\x27\x1c"
# ECMA-119, 8.1 and 8.4: the first volume descriptor of a CD or DVD is in sector 16; ECMA-167, 2/9.2: that of UDF, too.
ISO_PLACE: Final = 16 * 2_048 + 1
ISO_MARKS: Final = (b"CD001", b"BEA01")

# The last block of an Apple disk image; its own size follows.
DISK_END: Final = b"koly\x00\x00\x00\x04\x00\x00\x02\x00"
DISK_END_BYTES: Final = 512

# Pictures, films and sounds, by their first bytes.
_MEDIA = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF.{4}(?:WEBP|AVI |WAVE)|.{4}ftyp|\x1aE\xdf\xa3|OggS|fLaC|ID3|FLV\x01"
    rb"|BM.{4}\x00{4}|II\*\x00|MM\x00\*",
    re.DOTALL,
)
# The block that ends a RAR archive: https://www.rarlab.com/technote.htm, "End of archive header", alone or of a volume;
# and that of version 4, whose type is 0x7b. All have a fixed content, or a flag that every writer sets.
_RAR_END = re.compile(
    rb"\x1d\x77\x56\x51\x03\x05\x04\x00|\x8b\x47\x51\x26\x03\x05\x04\x01|\x7b[\x00-\x0f]\x40[\x07-\x1f]\x00"
)
# The end of a 7z archive (7zFormat.txt of the LZMA SDK): an encoded header, which is packed with one method; or a plain
# one, of few members, whose last property is their attributes.
_SEVEN_ZIP_END = re.compile(
    rb"\x17\x06.{1,9}\x01\x09.{1,9}\x00\x07\x0b\x01\x00|\x15[\x06-\x7e]\x01\x00(?:.{4}){1,31}\x00\x00\Z", re.DOTALL
)
_RAR_END_BYTES = 64
_SEVEN_ZIP_END_BYTES = 256

# The kinds that are only recognised, as a person calls them.
UNREAD: Final = {
    "7z": "7z archives",
    "rar": "RAR archives",
    "cab": "CAB archives",
    "iso": "disc images (ISO)",
    "disk": "disk images (VHD, VHDX, VMDK, VDI, QCOW, DMG)",
    "lzh": "LZH archives",
    "arj": "ARJ archives",
    "ace": "ACE archives",
    "alz": "ALZ archives",
    "egg": "EGG archives",
    "zoo": "ZOO archives",
    "stuffit": "StuffIt archives",
    "xar": "XAR archives",
    "wim": "WIM images",
    "squashfs": "SquashFS images",
    "freearc": "FreeArc archives",
    "zpaq": "ZPAQ archives",
    "cpio": "CPIO archives",
    "ar": "AR archives (such as .deb packages)",
    "rpm": "RPM packages",
    "compress": "files packed by compress (.Z)",
    "lzip": "files packed by lzip",
    "lz4": "files packed by lz4",
    "lzop": "files packed by lzop",
    "shell": "shell archives (makeself, shar)",
}
# Documents in which no file is looked for. They are no archives, so it is no failure.
NOT_SEARCHED: Final = {
    "pdf": "PDF files",
    "ole": "files of older office programs (.doc, .xls, .ppt, .msg)",
}


def kind_of(head: bytes) -> str | None:
    """Return the kind of archive that begins with these bytes, None for other files, or for too few bytes."""
    if head.startswith(BEGINNINGS):
        return ZIP
    if (match := _SIGNATURE.match(head)) and match.lastindex:
        return _KINDS[match.lastindex - 1]
    # With the mark of a header, a first header that is damaged does not hide the others.
    if len(head) >= BLOCK_BYTES and (head.startswith(TAR_MARK, TAR_MARK_PLACE) or tar_header(head[:BLOCK_BYTES])):
        return TAR
    return None


def is_media(head: bytes) -> bool:
    """Whether a file that begins with these 12 bytes or more is a picture, a film or a sound."""
    return _MEDIA.match(head) is not None


def kinds_that_end(tail: bytes) -> list[str]:
    """Return the kinds of archive that end as these last bytes of a file do, of those that are not read."""
    ends = (("rar", _RAR_END, _RAR_END_BYTES), ("7z", _SEVEN_ZIP_END, _SEVEN_ZIP_END_BYTES))
    return [kind for kind, end, length in ends if end.search(tail[-length:])]
