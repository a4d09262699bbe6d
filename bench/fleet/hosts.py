"""The synthetic hosts: small sites of the same form, each with files of its own, made from a seed."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass

JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000")
FILE_BYTES = (4_000, 30_000)
BLOCK = JPEG + random.Random(12).randbytes(FILE_BYTES[1])
FILES_A_PAGE = 20
PORT_OF_ALL = 8_480


@dataclass(frozen=True)
class Answer:
    """The answer of a URL of a host."""

    content_type: str
    body: bytes


@dataclass(frozen=True)
class Shape:
    """How many pages (the index, and those that it links to) and files a host has."""

    pages: int
    files: int

    @property
    def urls(self) -> int:
        """The number of URLs of a host; robots.txt, which says 404, is not one of them."""
        return self.pages + self.files


# An index, three pages of links and forty images.
GALLERY = Shape(pages=4, files=40)
SMALLEST = Shape(pages=1, files=1)


def address(number: int) -> str:
    """Return the loopback address of a host: each has one of its own, as hosts that share one share a pace."""
    return f"127.77.{number // 250}.{number % 250 + 1}"


def paths_of_files(shape: Shape) -> list[str]:
    return [f"/files/{number}.jpg" for number in range(shape.files)]


def body_of(host: str, path: str) -> bytes:
    """Return the bytes of a file: no two hosts, and no two paths, have the same."""
    size = random.Random(path).randint(*FILE_BYTES)
    return BLOCK[:size] + f"{host}{path}".encode()


def pages_of(shape: Shape) -> Iterator[tuple[str, bytes]]:
    """Yield the pages of a host, by path: the files are shared out among those behind the index, if there are any."""
    files = paths_of_files(shape)
    lists = [f"/list{number}.html" for number in range(1, shape.pages)]
    yield "/", _html([f'<p><a href="{path}">{path}</a></p>' for path in lists] or _images(files))
    for number, path in enumerate(lists):
        yield path, _html(_images(files[number :: len(lists)]))


def answers_of(shape: Shape) -> dict[str, Answer | None]:
    """Return what every host answers, by path; None for a file, whose bytes are the host's own."""
    pages = {path: Answer("text/html; charset=utf-8", body) for path, body in pages_of(shape)}
    return {**pages, **dict.fromkeys(paths_of_files(shape))}


def sha256s_of(host: str, shape: Shape) -> list[str]:
    """Return the digests of all files of a host."""
    return [hashlib.sha256(body_of(host, path)).hexdigest() for path in paths_of_files(shape)]


def _images(paths: list[str]) -> list[str]:
    return [
        f'<figure><img src="{path}" alt="a picture"><figcaption>one of many</figcaption></figure>' for path in paths
    ]


def _html(lines: list[str]) -> bytes:
    head = '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>gallery</title></head>\n<body>\n'
    return (head + "\n".join(lines) + "\n</body></html>\n").encode()
