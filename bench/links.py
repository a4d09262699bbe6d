"""Measures the costs of finding a page's links: our reader, selectolax and lxml on the same pages, in one run.

python -m bench.links [ROUNDS]
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable

import lxml.html
from orbweaver.crawler.links.pages import html
from selectolax.lexbor import LexborHTMLParser

URL = "http://files.example/a/page.html"
PAGES = 200


def page(words: random.Random, paragraphs: int) -> bytes:
    """Return about a kilobyte for each paragraph, each with one link."""
    parts = ["<!DOCTYPE html><html><head><title>Page</title><meta charset=utf-8></head><body>"]
    for number in range(paragraphs):
        text = " ".join("".join(words.choices("abcdefghij", k=6)) for _ in range(135))
        parts.append(f'<div class="post"><h2>Title</h2><p>{text}</p><a href="p{number}.html">next</a></div>')
    return "\n".join([*parts, "</body></html>"]).encode()


def ours(body: bytes) -> set[str]:
    found = html.extract(body, content_type="text/html", base_url=URL)
    return {link.reference for link in found.links}


def by_selectolax(body: bytes) -> set[str]:
    """Only `a`, `img` and `link`: a third of what ours reads."""
    tree = LexborHTMLParser(body)
    found = {
        node.attributes.get(name)
        for name in ("href", "src")
        for node in tree.css(f"a[{name}],img[{name}],link[{name}]")
    }
    return {one for one in found if one}


def by_lxml(body: bytes) -> set[str]:
    """Return all that lxml takes for a link; no `srcset`, no CSS of its own."""
    return {reference for _, _, reference, _ in lxml.html.document_fromstring(body).iterlinks()}


def microseconds(find: Callable[[bytes], set[str]], pages: list[bytes]) -> float:
    began = time.perf_counter()
    for body in pages:
        find(body)
    return (time.perf_counter() - began) / len(pages) * 1e6


def main(rounds: int = 7) -> None:
    words = random.Random(1)
    pages = [page(words, 20) for _ in range(PAGES)]
    ways = {"orbweaver": ours, "selectolax": by_selectolax, "lxml": by_lxml}
    assert all(find(pages[0]) == ours(pages[0]) for find in ways.values())
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, find in ways.items():
            taken[name].append(microseconds(find, pages))
    own = statistics.median(taken["orbweaver"])
    print(f"{len(pages[0]):,} bytes and 20 links a page; median of {rounds} interleaved rounds")
    for name, times in taken.items():
        middle = statistics.median(times)
        print(f"{name:12}{middle:8.0f} us a page   ours divided by it: {own / middle:.2f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
