"""Results as text: Markdown tables, for the terminal and for docs/performance.md alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.crawl.aims import Judged
from bench.crawl.contestants import CONTESTANTS
from bench.crawl.corpora import Corpus
from bench.crawl.rounds import Middle

MEGABYTE = 10**6
TWO_HOSTS = {one.name for one in CONTESTANTS if one.sites > 1}
LABELS = {one.name: one.label for one in CONTESTANTS}
MEASURES = {"wall_seconds": "wall", "peak_bytes": "peak memory", "crawl_seconds": "crawl time"}


def results(corpora: Sequence[Corpus], middles: Sequence[Middle]) -> str:
    """Return a table per corpus, the fastest first."""
    return "\n\n".join(_one_corpus(one, [each for each in middles if each.corpus == one.name]) for one in corpora)


def two_hosts(middles: Iterable[Middle]) -> str:
    """Return the table of those who crawl two hosts, with times without the start of the process."""
    rows = [
        (one.corpus, LABELS[one.contestant], f"{one.crawl_seconds:.2f} s", f"{one.cpu_seconds:.2f} s")
        for one in middles
        if one.contestant in TWO_HOSTS
    ]
    return table(("site, twice", "who", "crawl time", "CPU, start included"), rows) if rows else ""


def aims(judged: Iterable[Judged]) -> str:
    """Return the table of the aims."""
    rows = [
        (
            one.aim.corpus,
            MEASURES[one.aim.measure],
            f"{LABELS[one.aim.ours]} / {LABELS[one.aim.other]}",
            one.aim.text,
            f"{one.ratio:.2f}",
            "reached" if one.is_met else "**missed**",
        )
        for one in judged
    ]
    return table(("site", "measure", "ratio of", "aim", "measured", ""), rows)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _one_corpus(corpus: Corpus, middles: Sequence[Middle]) -> str:
    ours = {one.contestant: one for one in middles}.get("orbweaver")
    rows = []
    for one in sorted(middles, key=lambda one: one.wall_seconds):
        if one.contestant in TWO_HOSTS:
            continue
        rows.append(
            (
                f"**{LABELS[one.contestant]}**" if one.contestant == "orbweaver" else LABELS[one.contestant],
                f"{one.wall_seconds:.2f} s ({one.wall_least:.2f}-{one.wall_most:.2f})",
                f"{one.cpu_seconds:.2f} s",
                f"{one.peak_bytes / MEGABYTE:.0f} MB",
                f"{1000 * one.cpu_seconds / one.requests:.2f} ms",
                f"{ours.wall_seconds / one.wall_seconds:.2f}" if ours is not None else "",
            )
        )
    head = (f"{corpus.name}: {corpus.pages:,} pages, {len(corpus.sha256s):,} files", "wall", "CPU", "peak memory")
    text = table((*head, "CPU a response", "Orbweaver's wall / its"), rows)
    if ours is not None:
        start = ours.wall_seconds - ours.crawl_seconds
        text += f"\n\nOf Orbweaver's wall time {start:.2f} s are the start of the worker, once in its life."
    return text
