"""The synthetic sites: seeded random bytes and seeded text, made once into a cache folder outside the repository."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

# Part of the cache's name: raise it when what is made below changes.
FORMAT = 3
MEGABYTE = 10**6
SMALL_FILES = 5_000
SMALL_BYTES = (20_000, 200_000)
FILES_A_PAGE = 100
LARGE_FILES = 10
LARGE_BYTES = 200 * MEGABYTE
PAGES = 5_000
LINKS_A_PAGE = 20
PAGE_BYTES = 20_000
MIXED_PAGES = 1_000
MIXED_FILES_A_PAGE = 2
MIXED_LARGE_FILES = 4
MIXED_LARGE_BYTES = 50 * MEGABYTE

# So that a sniffer sees what the name says; everything after is random.
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000")
MP4 = bytes.fromhex("00000018") + b"ftypmp42" + bytes.fromhex("00000000") + b"mp42isom"

VOCABULARY = (
    "about account after again album archive because before between board build comment common contact copy could "
    "create date detail every example file filter first folder forum gallery group help history home image index item "
    "language last latest letter link list long main member message more name never next number open order other page "
    "part people picture place post preview print profile public question read report result right same search second "
    "section series service show side site small some start story subject summer table tag text their there thread "
    "title topic under update user video view volume water week where which winter with word work world write year"
)


@dataclass(frozen=True)
class Corpus:
    """A site on disk, with the counts and digests that a complete crawl of it finds."""

    name: str
    folder: Path
    pages: int
    sha256s: tuple[str, ...]
    urls: Path  # a file, one path of the site a line

    @property
    def requests(self) -> int:
        """The number of URLs of the site."""
        return self.pages + len(self.sha256s)

    def warm(self) -> None:
        """Read every file, so that nginx finds it in memory: the first contestant must not wait for the disk."""
        buffer = bytearray(MEGABYTE)
        for folder, _, names in os.walk(self.folder):
            for name in names:
                with Path(folder, name).open("rb", buffering=0) as file:
                    while file.readinto(buffer):
                        pass


class Site:
    """A site while it is made."""

    def __init__(self, folder: Path, seed: str) -> None:
        self._folder = folder
        self._random = random.Random(seed)
        self._words = VOCABULARY.split()
        self._paths: list[str] = []
        self._sha256s: list[str] = []
        self.pages = 0
        folder.mkdir(parents=True)

    def add_file(self, path: str, size: int, head: bytes) -> None:
        sha256 = hashlib.sha256()
        with self._open(path) as file:
            block = head
            while size:
                block += self._random.randbytes(min(size, MEGABYTE) - len(block))
                file.write(block)
                sha256.update(block)
                size -= len(block)
                block = b""
        self._sha256s.append(sha256.hexdigest())

    def add_small_file(self, path: str) -> None:
        self.add_file(path, self._random.randint(*SMALL_BYTES), JPEG)

    def add_page(self, path: str, links: Sequence[str], images: Sequence[str] = (), *, size: int = PAGE_BYTES) -> None:
        with self._open(path) as file:
            file.write(self._html(path, links, images, size).encode())
        self.pages += 1

    def finish(self) -> None:
        (self._folder / "urls.txt").write_text("".join(f"/{path}\n" for path in self._paths))
        (self._folder / "manifest.json").write_text(json.dumps({"pages": self.pages, "sha256s": self._sha256s}))

    def _open(self, path: str) -> BinaryIO:
        whole = self._folder / "site" / path
        whole.parent.mkdir(parents=True, exist_ok=True)
        self._paths.append("" if path == "index.html" else path)
        return whole.open("wb")

    def _html(self, path: str, links: Sequence[str], images: Sequence[str], size: int) -> str:
        """Return a page as forum and gallery software writes them, of about `size` bytes."""
        parts = [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{path}</title>\n<style>.entry{{margin:0 auto;max-width:60em}}.meta{{color:#777}}</style>\n"
            "<script>document.documentElement.className = 'js';</script>\n</head>\n<body class=\"board wide\">\n"
            f'<header class="top"><h1>{self._text(4)}</h1></header>\n<main id="content">\n'
        ]
        parts += [f'<figure><img src="{image}" alt="{self._text(3)}" loading="lazy"></figure>\n' for image in images]
        left = size - sum(map(len, parts)) - 40
        room = max(left // max(len(links), 1) - 260, 0) if size else 0
        for number, link in enumerate(links):
            parts.append(
                f'<div class="entry row-{number % 2}"><h2 class="title"><a class="subject" href="{link}">'
                f"{self._text(4)}</a></h2>\n"
                f'<p class="meta"><span class="by">{self._text(1)}</span> &middot; {number} replies</p>\n'
                f'<p class="text">{self._text(room // 6)}</p></div>\n'
            )
        parts.append("</main>\n</body>\n</html>\n")
        return "".join(parts)

    def _text(self, words: int) -> str:
        return " ".join(self._random.choices(self._words, k=words))


def make_small(site: Site, scale: float) -> None:
    """Files of 20 to 200 KB, a hundred to an index page."""
    make_lists(site, max(int(SMALL_FILES * scale), 1), site.add_small_file)


def make_lists(site: Site, files: int, add_file: Callable[[str], None]) -> None:
    lists = range((files + FILES_A_PAGE - 1) // FILES_A_PAGE)
    site.add_page("index.html", [f"list{number}.html" for number in lists], size=0)
    for number in lists:
        here = range(number * FILES_A_PAGE, min((number + 1) * FILES_A_PAGE, files))
        site.add_page(f"list{number}.html", [f"files/{number}/f{one}.jpg" for one in here], size=0)
        for one in here:
            add_file(f"files/{number}/f{one}.jpg")


def make_large(site: Site, scale: float) -> None:
    """Files of 200 MB and one page."""
    files = range(max(int(LARGE_FILES * scale), 1))
    site.add_page("index.html", [f"v{one}.mp4" for one in files], size=0)
    for one in files:
        site.add_file(f"v{one}.mp4", LARGE_BYTES, MP4)


def make_tiny(site: Site, scale: float) -> None:
    """As many files of 1 KB as `scale` says, a hundred to an index page."""
    make_lists(site, int(scale), lambda path: site.add_file(path, 1_000, JPEG))


def make_one_large(site: Site, scale: float) -> None:
    """One file of `scale` MB."""
    site.add_page("index.html", ["v.mp4"], size=0)
    site.add_file("v.mp4", int(scale * MEGABYTE), MP4)


def make_many_pages(site: Site, scale: float) -> None:
    """As many pages of 4 KB as `scale` says, with 20 links each."""
    pages = int(scale) - 1
    site.add_page("index.html", [page_path(one) for one in linked_pages(0, pages)])
    for number in range(1, pages + 1):
        links = links_of(number, pages)
        site.add_page(page_path(number), links, size=4_000)


def page_path(number: int) -> str:
    return f"b{number // 500}/p{number}.html"


def linked_pages(number: int, pages: int) -> list[int]:
    """The pages that page `number` links to: a tree from page 0 whose leaves link to its top again."""
    first = number * LINKS_A_PAGE
    return [(first + one) % pages + 1 for one in range(LINKS_A_PAGE)]


def links_of(number: int, pages: int) -> list[str]:
    """The links of page `number`, spelt as sites do: half from the root, half from where the page is."""
    paths = [page_path(one) for one in linked_pages(number, pages)]
    return [f"/{path}" if one % 2 else f"../{path}" for one, path in enumerate(paths)]


def make_pages(site: Site, scale: float) -> None:
    """Pages of 20 KB with 20 relative links each; every page is linked to from 20 others."""
    pages = max(int(PAGES * scale), LINKS_A_PAGE)
    site.add_page("index.html", [page_path(one) for one in linked_pages(0, pages)])
    for number in range(1, pages + 1):
        site.add_page(page_path(number), links_of(number, pages))


def make_mixed(site: Site, scale: float) -> None:
    """Pages with links and images, and some large files."""
    pages = max(int(MIXED_PAGES * scale), LINKS_A_PAGE)
    large = [f"v{one}.mp4" for one in range(max(int(MIXED_LARGE_FILES * scale), 1))]
    site.add_page("index.html", [*map(page_path, linked_pages(0, pages)), *large])
    for number in range(1, pages + 1):
        images = [f"i/p{number}-{one}.jpg" for one in range(MIXED_FILES_A_PAGE)]
        links = links_of(number, pages)
        site.add_page(page_path(number), links, ["../" + image for image in images])
        for image in images:
            site.add_small_file(image)
    for one in large:
        site.add_file(one, MIXED_LARGE_BYTES, MP4)


MAKERS: dict[str, Callable[[Site, float], None]] = {
    "small": make_small,
    "large": make_large,
    "pages": make_pages,
    "mixed": make_mixed,
}


def prepare(name: str, scale: float, cache: Path, make: Callable[[Site, float], None] | None = None) -> Corpus:
    """Return a corpus, made now unless the cache has it, by `make` or the maker of that name.

    It is the same on every machine.
    """
    folder = cache / f"{name}-{scale:g}-{FORMAT}"
    if not folder.exists():
        print(f"making the corpus {folder}", flush=True)
        unfinished = folder.with_name(folder.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        site = Site(unfinished, f"{name} {scale:g}")
        (make or MAKERS[name])(site, scale)
        site.finish()
        unfinished.rename(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    return Corpus(name, folder / "site", manifest["pages"], tuple(manifest["sha256s"]), folder / "urls.txt")
