"""Counts what may be references in a tree of real pages, and what of it is there: `python -m bench.candidates [DIR]`.

The default is the documentation tree of the tests, which `make test` unpacks. Each page is read from its file; nothing
is fetched.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

from orbweaver.crawler.errors import UrlRefused
from orbweaver.crawler.links.pages.html import extract
from orbweaver.crawler.rules import urls

TREE = Path(__file__).parent.parent / ".venv" / "documentation"
ROOT = "http://tree.example"


def main(folder: str = str(TREE)) -> None:
    tree = Path(folder)
    pages = sorted(tree.rglob("*.html"))
    linked: set[str] = set()
    guessed: dict[str, str] = {}
    seconds, read = 0.0, 0
    for page in pages:
        body = page.read_bytes()
        url = urls.join(ROOT + "/", str(page.relative_to(tree)))
        began = time.process_time()
        found = extract(body, content_type="text/html", base_url=url)
        seconds += time.process_time() - began
        read += len(body)
        base = urls.join(url, found.base) if found.base else url
        for link in (*found.links, *found.candidates):
            try:
                joined = urls.join(base, link.reference)
            except UrlRefused:
                continue
            if link in found.candidates:
                guessed.setdefault(joined, link.source)
            else:
                linked.add(joined)
    counts: Counter[str] = Counter()
    for url, source in guessed.items():
        if url in linked:
            counts[f"{source}: linked as well"] += 1
        elif not url.startswith(f"{ROOT}/"):
            counts[f"{source}: of another host"] += 1
        elif (tree / unquote(urls.path_of(url)).lstrip("/")).is_file():
            counts[f"{source}: a file that no link leads to"] += 1
        else:
            counts[f"{source}: nothing there"] += 1
    print(f"{len(pages):,} pages, {read / 1e6:.1f} MB, {seconds / len(pages) * 1e6:.0f} us of CPU a page")
    print(f"{len(linked):,} URLs that links lead to, {len(guessed):,} candidates")
    for what, count in sorted(counts.items()):
        print(f"{count:6,} {what}")


if __name__ == "__main__":
    main(*sys.argv[1:])
