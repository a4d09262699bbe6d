"""The benchmark of a second visit: it counts only when every file was seen, and the matched one fetched in full."""

from __future__ import annotations

from pathlib import Path

from bench.revisit.__main__ import table
from bench.revisit.site import Site
from bench.revisit.visits import visit_twice


def test_the_second_visit_costs_little_and_still_fetches_what_matched(short_dir: Path) -> None:
    site = Site(files=12, file_bytes=20_000)
    first, second = visit_twice(site, 10**9, short_dir)
    # visit_twice() itself checks which files came in full.
    assert (len(first.in_full), len(second.in_full), second.unchanged) == (12, 1, 11)
    assert second.link_bytes < first.link_bytes / 5
    assert "| files fetched in full | 12 | 1 |" in table(site, 1_000, first, second)
