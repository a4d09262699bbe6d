"""The synthetic host: an index, pages of images, and the images, all of one size; made from a seed."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass

JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000")
FILES_A_PAGE = 100
OF_NOTE = "Sun, 01 Nov 2020 10:00:00 GMT"


@dataclass(frozen=True)
class Site:
    """A host of so many files of so many bytes; no two files are the same."""

    files: int
    file_bytes: int

    @property
    def pages(self) -> int:
        """The index, and a page for each hundred files."""
        return 1 + -(-self.files // FILES_A_PAGE)

    def page(self, path: str) -> bytes | None:
        """Return the page at a path, None where there is none."""
        if path == "/":
            return "".join(f'<p><a href="/page-{one}">more</a>' for one in range(self.pages - 1)).encode()
        number = path.removeprefix("/page-")
        if number == path or not number.isdecimal() or int(number) >= self.pages - 1:
            return None
        first = int(number) * FILES_A_PAGE
        few = range(first, min(first + FILES_A_PAGE, self.files))
        return "".join(f'<p><img src="{path_of(one)}" alt="picture">' for one in few).encode()

    def body(self, path: str) -> bytes | None:
        """Return the file at a path, None where there is none."""
        number = path.removeprefix("/files/").removesuffix(".jpg")
        if path != f"/files/{number}.jpg" or not number.isdecimal() or int(number) >= self.files:
            return None
        return JPEG + random.Random(path).randbytes(self.file_bytes - len(JPEG))

    def sha256(self, number: int) -> str:
        """Return the digest of a file."""
        return hashlib.sha256(self.body(path_of(number)) or b"").hexdigest()


def path_of(number: int) -> str:
    return f"/files/{number}.jpg"
